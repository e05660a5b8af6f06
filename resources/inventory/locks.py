"""The advisory locks of the inventory: one list for all, so that no two kinds of work meet under one key.

A run holds a session lock for as long as it lives; a transaction holds the lock of the scope or part that it writes.
"""

from collections.abc import Sequence
from datetime import datetime
from enum import IntEnum, unique
from typing import Any

import psycopg

_HOLDERS = (
    "FROM pg_locks WHERE locktype = 'advisory' AND granted AND pid <> pg_backend_pid()"
    " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
    " AND (classid, objid, objsubid) = (%s, %s, 2)"
)


@unique
class Lock(IntEnum):
    """The first half of a lock's key; the second is the id of what is locked."""

    METADATA = 0x676F76
    SCOPE = 0x676F77
    ACCESS = 0x676F78
    LINEAGE = 0x676F79
    USAGE = 0x676F7A
    PART = 0x676F7B


def take(conn: psycopg.Connection, lock: Lock, number: int) -> bool:
    """Takes it for as long as the connection lives, unless another session holds it; whether it did."""
    return bool(_value(conn, "SELECT pg_try_advisory_lock(%s, %s)", [lock, number]))


def retake(conn: psycopg.Connection, lock: Lock, number: int, lost: int) -> bool:
    """Takes it for a run whose connection was lost, which the server may not have noticed; whether it did.

    Args:
        conn: the new connection.
        lock: of which kind.
        number: of what is locked.
        lost: the server process of the lost connection; ended where it is still the holder.
    """
    if take(conn, lock, number):
        return True
    conn.execute(f"SELECT pg_terminate_backend(pid, 5000) {_HOLDERS} AND pid = %s", [lock, number, lost])
    return take(conn, lock, number)


def hold(conn: psycopg.Connection, lock: Lock, number: int, settings: str = "") -> datetime | None:
    """Waits until no other transaction has it, and keeps others out until this one ends; returns when this one began.

    `settings` are calls of `set_config`, each with a comma before it, that are made on the way.

    Only a transaction whose client is gone can have it, since a run is the only one of its kind and writes a scope or
    part once at a time: it is ended, and with it the doubt of whether it will still be committed.
    """
    # by its whole name: the function that a column's default is bound to, whatever the search path
    query = f"SELECT CASE WHEN pg_try_advisory_xact_lock(%s, %s) THEN pg_catalog.now() END{settings}"
    begun: datetime | None = _value(conn, query, [lock, number])
    if begun is None:
        conn.execute(f"SELECT pg_terminate_backend(pid) {_HOLDERS}", [lock, number])
        conn.execute("SELECT pg_advisory_xact_lock(%s, %s)", [lock, number])
    return begun


def _value(conn: psycopg.Connection, query: str, values: Sequence[Any]) -> Any:
    row = conn.execute(query, values).fetchone()
    return None if row is None else row[0]
