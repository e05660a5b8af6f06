"""The audit trail: who did what to what, each entry chained to the one before by its hash."""

from collections.abc import Mapping
from typing import Any

import msgspec
import psycopg

from governance.text import clean


def append(conn: psycopg.Connection, actor: str, action: str, target: str, details: Mapping[str, Any]) -> int:
    """Appends an entry in the connection's transaction and returns its number.

    Args:
        conn: its transaction holds the chain's lock until it ends.
        actor: who, such as `cli:ana` or `sensor:failed_runs`.
        action: what, such as `sync.started`.
        target: to what: a source, a job, a dataset.
        details: plain JSON.
    """
    body = msgspec.json.encode(clean(dict(details)), order="deterministic").decode()
    row = conn.execute(
        "SELECT inventory.append_audit(%s, %s, %s, %s::jsonb)", [clean(actor), clean(action), clean(target), body]
    ).fetchone()
    assert row is not None
    return int(row[0])


def verify(conn: psycopg.Connection) -> int | None:
    """The number of the first entry that does not follow from the one before; None where the chain is whole."""
    row = conn.execute("SELECT inventory.verify_audit()").fetchone()
    assert row is not None
    return None if row[0] is None else int(row[0])
