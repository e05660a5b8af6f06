"""Records that come just as they did before: known by a fingerprint, they are neither translated nor compared.

A fingerprint is of the platform's own record and of all else that decides what becomes of it. It is stored in the
transaction that stores the dataset, so that what has it is the dataset that the record would come to once more.
"""

from collections.abc import Iterable, Sequence

import msgspec
import psycopg

_FIND = """
SELECT f.record, d.id, d.kind, d.column_count, f.tags, f.unknown_types
FROM unnest(%s::bytea[]) AS n (record)
JOIN inventory.fingerprint f ON f.record = n.record
JOIN inventory.dataset d ON d.id = f.dataset_id AND d.scope_id = %s AND d.state = 'present'
"""
_OF_SCOPE = """
SELECT f.record, d.id, d.kind, d.column_count, f.tags, f.unknown_types
FROM inventory.dataset d JOIN inventory.fingerprint f ON f.dataset_id = d.id
WHERE d.scope_id = %s AND d.state = 'present'
"""
_KEEP = """
INSERT INTO inventory.fingerprint AS f (dataset_id, record, tags, unknown_types)
SELECT * FROM unnest(%s::bigint[], %s::bytea[], %s::int[], %s::int[])
ON CONFLICT (dataset_id) DO UPDATE SET record = excluded.record, tags = excluded.tags,
    unknown_types = excluded.unknown_types
"""
_ADD = "COPY inventory.fingerprint (dataset_id, record, tags, unknown_types) FROM STDIN"


class Remembered(msgspec.Struct, frozen=True):
    """A dataset that is stored as its record says, with what is counted of it."""

    id: int
    kind: str
    columns: int
    tags: int
    unknown_types: int


class Fingerprint(msgspec.Struct, frozen=True):
    """A row of the table."""

    dataset_id: int
    record: bytes
    tags: int
    unknown_types: int


def find(conn: psycopg.Connection, scope_id: int, fingerprints: Sequence[bytes]) -> dict[bytes, Remembered]:
    """The present datasets of the scope whose records had one of these fingerprints."""
    rows = conn.cursor(binary=True).execute(_FIND, [list(fingerprints), scope_id])
    return {record: Remembered(*rest) for record, *rest in rows}


def of_scope(conn: psycopg.Connection, scope_id: int) -> dict[bytes, Remembered]:
    """All present datasets of the scope that have a fingerprint; for scopes of which that is no burden."""
    rows = conn.cursor(binary=True).execute(_OF_SCOPE, [scope_id])
    return {record: Remembered(*rest) for record, *rest in rows}


def add(conn: psycopg.Connection, new: Iterable[Fingerprint]) -> None:
    """Stores those of datasets that were created in this transaction."""
    lines = [f"{n.dataset_id}\t\\\\x{n.record.hex()}\t{n.tags}\t{n.unknown_types}\n" for n in new]
    if lines:
        with conn.cursor() as cursor, cursor.copy(_ADD) as stream:
            stream.write("".join(lines))


def keep(conn: psycopg.Connection, moved: Sequence[Fingerprint]) -> None:
    """Stores those of datasets that were there before, in place of any that they had."""
    if moved:
        columns = [[getattr(m, name) for m in moved] for name in Fingerprint.__struct_fields__]
        conn.execute(_KEEP, columns)
