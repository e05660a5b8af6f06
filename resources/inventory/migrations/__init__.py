"""The versions of the inventory's schema: Alembic, configured in code, imported only where there is work for it."""

from pathlib import Path

import psycopg

from resources.inventory.address import plain_url
from resources.inventory.database import translated

FOLDER = Path(__file__).parent
_LOCK = "SELECT pg_advisory_lock(hashtext('governance.migrate'))"
_THERE = "SELECT to_regclass('inventory.schema_version') IS NOT NULL"
_PARTITIONS = "SELECT inventory.ensure_partitions(now())"
_VERSION = "SELECT version_num FROM inventory.schema_version"


def newest() -> str:
    """The version that this release brings the schema to: the highest number of a file in `versions/`."""
    return max(file.name[1:5] for file in (FOLDER / "versions").glob("v[0-9][0-9][0-9][0-9]_*.py"))


def migrate(url: str) -> None:
    """Brings the schema `inventory` up to the newest version; does nothing where it is.

    Several processes may call it at once: the first one works, the others wait.

    Raises:
        GovernanceError: the database cannot be reached or may not be changed.
    """
    try:
        with psycopg.connect(plain_url(url), autocommit=True, connect_timeout=10) as connection:
            if _version(connection) == newest():
                return
            from resources.inventory.migrations.upgrade import upgrade

            connection.execute(_LOCK)
            upgrade(url, FOLDER)
            # here, where somebody waits anyway, rather than in the first sync
            connection.execute(_PARTITIONS)
    except psycopg.Error as error:
        raise translated(error, url) from error


def _version(connection: psycopg.Connection) -> str | None:
    """The version there; None where the schema is new."""
    there = connection.execute(_THERE).fetchone()
    row = connection.execute(_VERSION).fetchone() if there and there[0] else None
    return None if row is None else str(row[0])
