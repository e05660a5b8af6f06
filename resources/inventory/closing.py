"""The ending of versions: rows that are no longer true go from the current tables into the history."""

from array import array
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

import psycopg

from governance.diff import TagKey

_CHUNK = 5000
_ROWS = 50_000

# rows that another scope of this sync wrote after our timestamp were seen there: they are not missing
_STILL_OURS = """
SELECT id FROM inventory.dataset
WHERE id = ANY(%s) AND scope_id = %s AND state <> 'deleted' AND valid_from < %s ORDER BY id FOR UPDATE
"""
_DATASET_HISTORY = "INSERT INTO inventory.dataset_history SELECT d.*, %s FROM inventory.dataset d WHERE id = ANY(%s)"
_END = """
UPDATE inventory.dataset d
SET state = %s, gone_evidence = %s, valid_from = %s, changed_at = %s,
    last_seen_at = greatest(d.valid_from, p.last_complete_at)
FROM inventory.scope p WHERE d.id = ANY(%s) AND p.id = d.scope_id
"""
_ALL_OF = """
WITH gone AS (DELETE FROM inventory.{0} WHERE dataset_id = ANY(%s) RETURNING *)
INSERT INTO inventory.{0}_history SELECT gone.*, %s FROM gone
"""
_COLUMNS = """
WITH gone AS (
    DELETE FROM inventory.dataset_column c USING unnest(%s::bigint[], %s::text[]) AS k (dataset_id, path)
    WHERE c.dataset_id = ANY(%s) AND c.dataset_id = k.dataset_id AND c.path = k.path COLLATE "C" RETURNING c.*
)
INSERT INTO inventory.dataset_column_history SELECT gone.*, %s FROM gone
"""
_TAGS = """
WITH gone AS (
    DELETE FROM inventory.dataset_tag t
    USING unnest(%s::bigint[], %s::text[], %s::text[], %s::text[]) AS k (dataset_id, path, kind, tag)
    WHERE t.dataset_id = ANY(%s) AND t.dataset_id = k.dataset_id AND t.path = k.path COLLATE "C"
      AND t.kind = k.kind AND t.tag = k.tag RETURNING t.*
)
INSERT INTO inventory.dataset_tag_history SELECT gone.*, %s FROM gone
"""
_CHANGES = """
INSERT INTO inventory.change (at, dataset_id, sync_id, source_id, change, field, before, after)
SELECT %s, id, %s, %s, %s, %s, %s, %s FROM unnest(%s::bigint[]) AS n (id)
"""


def close_columns(conn: psycopg.Connection, closed: Sequence[tuple[int, str]], at: datetime) -> None:
    """Ends these columns, each a dataset's id and a path."""
    for start in range(0, len(closed), _ROWS):
        part = closed[start : start + _ROWS]
        ids = [c[0] for c in part]
        conn.execute(_COLUMNS, [ids, [c[1] for c in part], sorted(set(ids)), at])


def close_tags(conn: psycopg.Connection, closed: Sequence[tuple[int, TagKey]], at: datetime) -> None:
    """Ends all tags under these keys."""
    for start in range(0, len(closed), _ROWS):
        part = closed[start : start + _ROWS]
        ids, keys = [c[0] for c in part], [c[1] for c in part]
        names = [[k.path for k in keys], [k.kind for k in keys], [k.tag for k in keys]]
        conn.execute(_TAGS, [ids, *names, sorted(set(ids)), at])


def delete(
    conn: psycopg.Connection, ids: "array[int]", scope_id: int, at: datetime, sync: tuple[int, int], evidence: str
) -> int:
    """Writes tombstones: state deleted, columns and tags into the history, one change each.

    Args:
        conn: in the scope's transaction.
        ids: candidates; those that moved to another scope meanwhile are left alone.
        scope_id: the scope that no longer has them.
        at: the transaction's timestamp.
        sync: ids of sync and source.
        evidence: how it is known.

    Returns:
        How many were deleted.
    """
    count = 0
    for part in _still_ours(conn, ids, scope_id, at):
        conn.execute(_DATASET_HISTORY, [at, part])
        for table in ("dataset_column", "dataset_tag"):
            conn.execute(_ALL_OF.format(table), [part, at])
        conn.execute(_END, ["deleted", evidence, at, at, part])
        conn.execute(_CHANGES, [at, *sync, "deleted", "", None, None, part])
        count += len(part)
    return count


def hide(conn: psycopg.Connection, ids: "array[int]", scope_id: int, at: datetime, sync: tuple[int, int]) -> int:
    """Puts these datasets out of scope; columns and tags stay as they were last known. Returns how many."""
    count = 0
    for part in _still_ours(conn, ids, scope_id, at):
        conn.execute(_DATASET_HISTORY, [at, part])
        conn.execute(_END, ["out_of_scope", None, at, at, part])
        conn.execute(_CHANGES, [at, *sync, "updated", "state", "present", "out_of_scope", part])
        count += len(part)
    return count


def ids_of(conn: psycopg.Connection, scope_id: int, *states: str) -> "array[int]":
    """The ids of all datasets of a scope in these states."""
    query = "SELECT id FROM inventory.dataset WHERE scope_id = %s AND state = ANY(%s)"
    return array("q", (row[0] for row in conn.cursor(binary=True).stream(query, [scope_id, list(states)], size=10_000)))


def _still_ours(conn: psycopg.Connection, ids: "array[int]", scope_id: int, at: datetime) -> Iterator[list[int]]:
    for start in range(0, len(ids), _CHUNK):
        rows: list[Any] = conn.execute(_STILL_OURS, [list(ids[start : start + _CHUNK]), scope_id, at]).fetchall()
        if rows:
            yield [row[0] for row in rows]
