"""Databases, catalogs, schemas and collections: stored where they are new or different."""

from collections.abc import Iterable
from datetime import datetime
from hashlib import blake2b

import msgspec
import psycopg

from governance.model import Container
from governance.text import clean
from resources.inventory.bulk import json_text

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
_HASHES = """
SELECT qualified_name, hash, scope_id FROM inventory.container
WHERE source_id = %s AND qualified_name = ANY(%s) AND state = 'present'
"""
_HASH = 13
_MISSING = """
UPDATE inventory.container SET state = 'deleted', changed_at = %s
WHERE source_id = %s AND scope_id IS NOT DISTINCT FROM %s AND state = 'present' AND qualified_name <> ALL(%s)
"""


def store(
    conn: psycopg.Connection, containers: Iterable[Container], source_id: int, scope_id: int | None, at: datetime
) -> list[str]:
    """Stores them; returns their qualified names. `scope_id` is None for those that the list of scopes brought."""
    rows: dict[str, tuple[object, ...]] = {}
    # sorted, and only those that differ: a lock that two scopes take lasts until one commits
    for container in sorted(containers, key=lambda c: c.qualified_name):
        c = msgspec.convert(clean(msgspec.to_builtins(container)), Container)
        body = msgspec.json.encode(c, order="deterministic")
        digest = blake2b(body, digest_size=16).digest()
        texts = (c.kind, c.name, c.parent, c.comment, c.owner, c.owner_kind, c.location)
        jsons = (json_text(c.properties), json_text(c.tags), c.native_id)
        rows[c.qualified_name] = (source_id, scope_id, c.qualified_name, *texts, *jsons, digest, at, at)
    stored = conn.execute(_HASHES, [source_id, list(rows)])
    same = {name: (bytes(digest), scope) for name, digest, scope in stored}
    with conn.cursor() as cursor:
        cursor.executemany(_UPSERT, [r for name, r in rows.items() if same.get(name) != (r[_HASH], scope_id)])
    return list(rows)


def mark_missing(
    conn: psycopg.Connection, listed: list[str], source_id: int, scope_id: int | None, at: datetime
) -> None:
    """Marks as deleted what came with this listing before and does not now, the listing being complete."""
    conn.execute(_MISSING, [at, source_id, scope_id, listed])


def mark_dropped(conn: psycopg.Connection, source_id: int, scope_id: int, name: str, at: datetime) -> None:
    """Marks as deleted the containers of a scope that is gone, its own too."""
    conn.execute(
        "UPDATE inventory.container SET state = 'deleted', changed_at = %s"
        " WHERE source_id = %s AND (scope_id = %s OR qualified_name = %s) AND state = 'present'",
        [at, source_id, scope_id, name],
    )
