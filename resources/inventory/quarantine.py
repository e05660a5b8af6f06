"""Records that could not be understood: kept with their reason until a complete listing no longer has them."""

from collections.abc import Sequence
from datetime import datetime
from hashlib import blake2b
from typing import Any, Literal, LiteralString

import msgspec
import psycopg
from psycopg import sql

from governance.fingerprint import Sealed
from governance.listing import Quarantined
from governance.model import Dataset
from governance.text import clean

Owner = Literal["scope_id", "part_id"]

_ABSENT = msgspec.structs.asdict(Dataset(qualified_name="", kind="", container="", name=""))

LARGEST_PAYLOAD = 64 * 1024
"""Bytes of JSON that are kept of a record."""

_KEEP = """
INSERT INTO inventory.quarantined AS q
    (source_id, {of}, fingerprint, name, reason, payload, sync_id, first_seen_at, last_seen_at)
VALUES (%s, %s, %s, %s, %s, %s::jsonb, %s, %s, %s)
ON CONFLICT ({of}, fingerprint) DO UPDATE
SET attempts = q.attempts + 1, reason = excluded.reason, sync_id = excluded.sync_id,
    last_seen_at = excluded.last_seen_at, resolved_at = NULL
WHERE q.last_seen_at < excluded.last_seen_at
"""
_RESOLVE = """
UPDATE inventory.quarantined SET resolved_at = %s
WHERE {of} = %s AND resolved_at IS NULL AND last_seen_at < %s
"""


def of_dataset(dataset: Dataset, reason: str) -> Quarantined:
    """The quarantine record of a dataset that cannot be stored."""
    name = dataset.qualified_name
    legible = isinstance(name, str) and name != "" and clean(name) == name
    return Quarantined(name if legible else None, reason, msgspec.structs.asdict(dataset))


def of_sealed(sealed: Sealed, reason: str) -> Quarantined:
    """The same of one that is known by its JSON only, and need not be a dataset at all."""
    told = _ABSENT | msgspec.json.decode(sealed.body)
    name = told["qualified_name"]
    return Quarantined(name if isinstance(name, str) and name else None, reason, told)


def payload_json(payload: Any) -> str:
    """JSON that PostgreSQL takes: cleaned, and cut off with a mark where it is too large."""
    try:
        text = msgspec.json.encode(clean(msgspec.to_builtins(payload)), order="deterministic").decode()
    except (TypeError, ValueError, OverflowError, RecursionError):
        # whatever it is, its repr is better than nothing
        text = msgspec.json.encode({"repr": clean(repr(payload)[:LARGEST_PAYLOAD])}).decode()
    if len(text) <= LARGEST_PAYLOAD:
        return text
    return msgspec.json.encode({"truncated": len(text), "beginning": text[:LARGEST_PAYLOAD]}).decode()


def keep(
    conn: psycopg.Connection,
    records: Sequence[Quarantined],
    place: tuple[int, int, int],
    at: datetime,
    of: Owner = "scope_id",
) -> int:
    """Stores the records; a repeated one counts an attempt more.

    Args:
        conn: in the scope's transaction.
        records: of one listing.
        place: ids of source, scope (or part) and sync.
        at: the listing's timestamp.
        of: whether they came with a scope or with a part of another facet.

    Returns:
        How many different ones there were.
    """
    source_id, owner_id, sync_id = place
    rows = {}
    for record in records:
        body = payload_json(record.payload)
        name = None if record.name is None else clean(record.name)
        fingerprint = blake2b(f"{name}\x00{body}".encode(), digest_size=16).digest()
        rows[fingerprint] = (source_id, owner_id, fingerprint, name, clean(record.reason), body, sync_id, at, at)
    with conn.cursor() as cursor:
        cursor.executemany(_for(_KEEP, of), list(rows.values()))
    return len(rows)


def resolve(conn: psycopg.Connection, owner_id: int, at: datetime, of: Owner = "scope_id") -> None:
    """Ends the quarantine of those that this complete listing of the scope (or part) did not bring again."""
    conn.execute(_for(_RESOLVE, of), [at, owner_id, at])


def _for(statement: LiteralString, of: Owner) -> sql.Composed:
    return sql.SQL(statement).format(of=sql.Identifier(of))
