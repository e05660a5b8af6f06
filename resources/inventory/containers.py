"""Databases, catalogs, schemas and collections: stored where they are new or different."""

from collections.abc import Iterable
from datetime import datetime
from hashlib import blake2b

import msgspec
import psycopg

from governance.model import Container
from governance.text import clean
from resources.inventory.rows import json_text

_UPSERT = """
INSERT INTO inventory.container AS c (source_id, scope_id, qualified_name, kind, name, parent, comment, owner,
    owner_kind, location, properties, tags, native_id, hash, first_seen_at, changed_at)
VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s::jsonb, %s::jsonb, %s, %s, %s, %s)
ON CONFLICT (source_id, qualified_name) DO UPDATE
SET scope_id = excluded.scope_id, kind = excluded.kind, name = excluded.name, parent = excluded.parent,
    comment = excluded.comment, owner = excluded.owner, owner_kind = excluded.owner_kind,
    location = excluded.location, properties = excluded.properties, tags = excluded.tags,
    native_id = excluded.native_id, hash = excluded.hash, state = 'present', changed_at = excluded.changed_at
WHERE c.hash <> excluded.hash OR c.state <> 'present'
"""
_STORED = """
SELECT qualified_name, hash, scope_id FROM inventory.container
WHERE source_id = %s AND state = 'present' AND (qualified_name = ANY(%s) OR scope_id = %s)
"""
_STORED_OF_NO_SCOPE = """
SELECT qualified_name, hash, scope_id FROM inventory.container
WHERE source_id = %s AND state = 'present' AND (qualified_name = ANY(%s) OR scope_id IS NULL)
"""
_HASH = 13
_MISSING = """
UPDATE inventory.container SET state = 'deleted', changed_at = %s
WHERE source_id = %s AND state = 'present' AND qualified_name = ANY(%s)
"""


def store(
    conn: psycopg.Connection,
    containers: Iterable[Container],
    source_id: int,
    scope_id: int | None,
    at: datetime,
    *,
    complete: bool,
) -> None:
    """Stores what a listing brought of them.

    Args:
        conn: in a transaction.
        containers: all that came.
        source_id: whose they are.
        scope_id: with which scope they came; None for those that the list of scopes brought.
        at: the listing's timestamp.
        complete: whether what came with it before and does not now is deleted.
    """
    rows: dict[str, tuple[object, ...]] = {}
    # sorted, and only those that differ: a lock that two scopes take lasts until one commits
    for container in sorted(containers, key=lambda c: c.qualified_name):
        c = msgspec.convert(clean(msgspec.to_builtins(container)), Container)
        body = msgspec.json.encode(c, order="deterministic")
        digest = blake2b(body, digest_size=16).digest()
        texts = (c.kind, c.name, c.parent, c.comment, c.owner, c.owner_kind, c.location)
        jsons = (json_text(c.properties), json_text(c.tags), c.native_id)
        rows[c.qualified_name] = (source_id, scope_id, c.qualified_name, *texts, *jsons, digest, at, at)
    given = [source_id, list(rows)]
    found = conn.execute(_STORED_OF_NO_SCOPE, given) if scope_id is None else conn.execute(_STORED, [*given, scope_id])
    stored = {name: (bytes(digest), scope) for name, digest, scope in found}
    if different := [r for name, r in rows.items() if stored.get(name) != (r[_HASH], scope_id)]:
        with conn.cursor() as cursor:
            cursor.executemany(_UPSERT, different)
    missing = [name for name, (_, scope) in stored.items() if scope == scope_id and name not in rows]
    if complete and missing:
        conn.execute(_MISSING, [at, source_id, missing])


def mark_dropped(conn: psycopg.Connection, source_id: int, scope_id: int, name: str, at: datetime) -> None:
    """Marks as deleted the containers of a scope that is gone, its own too."""
    conn.execute(
        "UPDATE inventory.container SET state = 'deleted', changed_at = %s"
        " WHERE source_id = %s AND (scope_id = %s OR qualified_name = %s) AND state = 'present'",
        [at, source_id, scope_id, name],
    )
