"""The inventory's schema, version by version: Alembic, configured in code."""

from pathlib import Path

import psycopg
import sqlalchemy
from alembic import command
from alembic.config import Config

from resources.inventory.address import plain_url, sqlalchemy_url
from resources.inventory.database import translated

FOLDER = Path(__file__).parent
_LOCK = "SELECT pg_advisory_lock(hashtext('governance.migrate'))"


def migrate(url: str) -> None:
    """Brings the schema `inventory` up to the newest version; does nothing where it is.

    Several processes may call it at once: the first one works, the others wait.

    Raises:
        GovernanceError: the database cannot be reached or may not be changed.
    """
    try:
        with psycopg.connect(plain_url(url), autocommit=True, connect_timeout=10) as lock:
            lock.execute(_LOCK)
            _upgrade(url)
    except psycopg.Error as error:
        raise translated(error, url) from error
    except sqlalchemy.exc.DBAPIError as error:
        if isinstance(error.orig, psycopg.Error):
            raise translated(error.orig, url) from error
        raise


def _upgrade(url: str) -> None:
    engine = sqlalchemy.create_engine(sqlalchemy_url(url), poolclass=sqlalchemy.NullPool)
    with engine.begin() as connection:
        config = Config()
        config.set_main_option("script_location", str(FOLDER).replace("%", "%%"))
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
