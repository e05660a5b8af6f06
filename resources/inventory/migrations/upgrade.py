"""Alembic at work on one database."""

from pathlib import Path

import psycopg
import sqlalchemy
from alembic import command
from alembic.config import Config

from resources.inventory.address import sqlalchemy_url


def upgrade(url: str, folder: Path) -> None:
    """Runs the versions of this folder that the database lacks, in one transaction.

    Raises:
        psycopg.Error: the database cannot be reached or may not be changed.
    """
    engine = sqlalchemy.create_engine(sqlalchemy_url(url), poolclass=sqlalchemy.NullPool)
    try:
        with engine.begin() as connection:
            config = Config()
            config.set_main_option("script_location", str(folder).replace("%", "%%"))
            config.attributes["connection"] = connection
            command.upgrade(config, "head")
    except sqlalchemy.exc.DBAPIError as error:
        if isinstance(error.orig, psycopg.Error):
            raise error.orig from error
        raise
