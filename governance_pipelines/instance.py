"""Dagster's instance as a command uses it that runs jobs in its own process."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import dagster as dg

_KEPT_SECONDS = 600


@contextmanager
def dagster_instance() -> Iterator[dg.DagsterInstance]:
    """The instance of `DAGSTER_HOME`, with one kept connection to each of its stores.

    Dagster keeps them for its web server only. Without, each event of a run costs PostgreSQL some four new processes,
    half of all that it did for a sync. A connection that died meanwhile is replaced before it is used.
    """
    from sqlalchemy import event
    from sqlalchemy.pool import Pool

    with dg.DagsterInstance.get() as instance:
        event.listen(Pool, "checkout", _tried)
        try:
            # zero: a statement may take as long as it does
            instance.optimize_for_webserver(statement_timeout=0, pool_recycle=_KEPT_SECONDS, max_overflow=-1)
            yield instance
        finally:
            event.remove(Pool, "checkout", _tried)


def _tried(connection: Any, _record: object, _proxy: object) -> None:
    """Asks a connection that leaves the pool something; where it does not answer, the pool makes a new one."""
    import psycopg2
    from sqlalchemy.exc import DisconnectionError

    if not isinstance(connection, psycopg2.extensions.connection):
        return
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except psycopg2.Error as error:
        raise DisconnectionError from error
