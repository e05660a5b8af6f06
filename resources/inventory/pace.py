"""The pace of each source in the database: read before a run, written after it."""

from collections.abc import Sequence
from datetime import datetime

import msgspec
from psycopg.rows import dict_row

from governance.pace import Kind, Learned, Remembered
from resources.inventory.database import Inventory

_REMEMBERED = """
SELECT bucket, kind, value, extract(epoch FROM clock_timestamp() - updated_at)::float8 / 3600 AS age_hours
FROM inventory.pace WHERE source = %s AND value IS NOT NULL
"""
_KEEP = """
INSERT INTO inventory.source_pace AS p (source_id, bucket, kind, value, bound, calls, throttled, latency_ms, run_id)
SELECT s.id, n.bucket, n.kind, n.value, n.bound, n.calls, n.throttled, n.latency_ms, %(run_id)s
FROM inventory.source s, unnest(%(bucket)s::text[], %(kind)s::text[], %(value)s::float8[], %(bound)s::float8[],
    %(calls)s::bigint[], %(throttled)s::bigint[], %(latency_ms)s::float8[])
    n (bucket, kind, value, bound, calls, throttled, latency_ms)
WHERE s.name = %(source)s
ON CONFLICT (source_id, bucket, kind) DO UPDATE SET value = EXCLUDED.value, bound = EXCLUDED.bound,
    calls = EXCLUDED.calls, throttled = EXCLUDED.throttled, latency_ms = EXCLUDED.latency_ms,
    updated_at = clock_timestamp(), run_id = EXCLUDED.run_id
"""
_ROWS = """
SELECT source, bucket, kind, value, bound, calls, throttled, latency_ms, updated_at, run_id
FROM inventory.pace WHERE %(source)s::text IS NULL OR source = %(source)s ORDER BY source, bucket, kind
"""
_FLOATS = frozenset({"value", "bound", "latency_ms"})


class PaceRow(msgspec.Struct, frozen=True):
    """A row of `inventory.pace`."""

    source: str
    bucket: str
    kind: Kind
    value: float | None
    bound: float | None
    calls: int
    throttled: int
    latency_ms: float | None
    updated_at: datetime
    run_id: str


def remembered(inventory: Inventory, source: str) -> list[Remembered]:
    """What earlier runs have learned of this source, and how long ago."""
    with inventory.connection() as conn:
        return [Remembered(*row) for row in conn.execute(_REMEMBERED, [source])]


def keep(inventory: Inventory, source: str, run_id: str, learned: Sequence[Learned]) -> None:
    """Puts what a run has learned in the place of what was known; nothing for a source that the inventory lacks."""
    if not learned:
        return
    columns = {name: _column(learned, name) for name in Learned.__dataclass_fields__}
    with inventory.connection() as conn:
        conn.execute(_KEEP, {**columns, "source": source, "run_id": run_id})


def _column(learned: Sequence[Learned], name: str) -> list[object]:
    """One value of each; the driver takes no list of whole and other numbers."""
    values = [getattr(one, name) for one in learned]
    return [None if v is None else float(v) for v in values] if name in _FLOATS else values


def rows(inventory: Inventory, source: str | None = None) -> list[PaceRow]:
    """The view's rows, of one source or of all."""
    with inventory.connection() as conn, conn.cursor(row_factory=dict_row) as cursor:
        return [msgspec.convert(row, PaceRow) for row in cursor.execute(_ROWS, {"source": source})]
