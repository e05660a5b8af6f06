"""What the inventory holds of given datasets: the known hashes of a batch, and whole records of a few."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

import msgspec
import psycopg

from governance.diff import parent_path
from governance.model import Column, Dataset, Tag

_KNOWN = """
SELECT d.namespace, d.qualified_name, d.id, d.hash, d.scope_id, d.state
FROM unnest(%s::text[]) AS n (name)
JOIN inventory.dataset d ON d.qualified_name = n.name COLLATE "C" AND d.source_id = %s
"""

# the lock first: a scope that runs beside us may hold the row, and what it wrote must be read then
_LOCK = "SELECT id FROM inventory.dataset WHERE id = ANY(%s) ORDER BY id FOR UPDATE"

_DATASETS = """
SELECT id, hash, state, scope_id, valid_from, first_seen_at, changed_at,
       qualified_name, kind, container, name, namespace, comment, owner, owner_kind, format, location, row_count,
       size_bytes, properties, native_id, version, source_updated_at
FROM inventory.dataset WHERE id = ANY(%s)
"""

_COLUMNS = """
SELECT dataset_id, path, ordinal, native_type, type, nullable, comment, partition_key, coalesce(properties, '{}')
FROM inventory.dataset_column WHERE dataset_id = ANY(%s)
"""

_TAGS = """
SELECT dataset_id, tag, kind, path, value, inherited, origin, confidence
FROM inventory.dataset_tag WHERE dataset_id = ANY(%s)
"""


class Known(msgspec.Struct, frozen=True):
    """As much of a stored dataset as tells whether a listed one is the same."""

    id: int
    hash: bytes
    scope_id: int
    state: str


class Stored(msgspec.Struct, frozen=True):
    """A whole stored dataset with what the store says of it."""

    id: int
    hash: bytes
    state: str
    scope_id: int
    valid_from: datetime
    first_seen_at: datetime
    changed_at: datetime
    dataset: Dataset


Identity = tuple[str, str]
"""Namespace and qualified name."""


def known(conn: psycopg.Connection, source_id: int, names: Iterable[str]) -> dict[Identity, Known]:
    """Every stored dataset of the source under one of these names, in whatever namespace and state."""
    rows = conn.cursor(binary=True).execute(_KNOWN, [sorted(set(names)), source_id])
    return {(ns, name): Known(number, bytes(h), scope, state) for ns, name, number, h, scope, state in rows}


def whole(conn: psycopg.Connection, ids: Sequence[int]) -> dict[int, Stored]:
    """These datasets, locked until the transaction ends; columns and tags in a deterministic order."""
    if not ids:
        return {}
    wanted = sorted(ids)
    conn.execute(_LOCK, [wanted])
    columns: dict[int, list[Column]] = defaultdict(list)
    for number, *values in conn.execute(_COLUMNS, [wanted]):
        columns[number].append(Column(*values))
    tags: dict[int, list[Tag]] = defaultdict(list)
    for number, *values in conn.execute(_TAGS, [wanted]):
        tags[number].append(Tag(*values))
    return {row[0]: _stored(row, columns[row[0]], tags[row[0]]) for row in conn.execute(_DATASETS, [wanted])}


def _stored(row: Sequence[Any], columns: list[Column], tags: list[Tag]) -> Stored:
    number, hash, state, scope_id, valid_from, first_seen_at, changed_at = row[:7]
    name, kind, container, own_name, namespace, comment, owner, owner_kind, form, location, rows, size = row[7:19]
    dataset = Dataset(
        qualified_name=name,
        kind=kind,
        container=container,
        name=own_name,
        namespace=namespace,
        comment=comment,
        owner=owner,
        owner_kind=owner_kind,
        format=form,
        location=location,
        row_count=rows,
        size_bytes=size,
        properties=row[19],
        columns=in_order(columns),
        tags=tuple(sorted(tags, key=lambda t: (t.path, t.kind, t.tag, t.origin))),
        native_id=row[20],
        version=row[21],
        source_updated_at=row[22],
    )
    return Stored(number, bytes(hash), state, scope_id, valid_from, first_seen_at, changed_at, dataset)


def in_order(columns: Iterable[Column]) -> tuple[Column, ...]:
    """Columns as platforms list them: siblings by ordinal, nested ones behind their parent."""
    below: dict[str, list[Column]] = defaultdict(list)
    paths = set()
    for column in columns:
        below[parent_path(column.path)].append(column)
        paths.add(column.path)
    out: list[Column] = []
    # a field whose parent has no row of its own starts a tree of its own
    todo = [c for parent, family in below.items() if parent not in paths for c in family]
    todo.sort(key=lambda c: (c.ordinal, c.path), reverse=True)
    while todo:
        column = todo.pop()
        out.append(column)
        todo += sorted(below.get(column.path, ()), key=lambda c: (c.ordinal, c.path), reverse=True)
    return tuple(out)
