"""What people and programs ask of the inventory; read-only, by the stable views."""

import re
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, LiteralString, TypeVar

import msgspec
from psycopg.rows import dict_row

from resources.inventory import ledger
from resources.inventory.outcomes import SyncSummary

if TYPE_CHECKING:
    from resources.inventory.database import Inventory

Row = TypeVar("Row", bound=msgspec.Struct)

_STREAM = 1000


class SourceRow(msgspec.Struct, frozen=True):
    """A row of `inventory.sources`."""

    source: str
    platform: str
    last_complete_sync_at: datetime | None
    datasets: int
    columns: int
    scopes: int


class ScopeRow(msgspec.Struct, frozen=True):
    """A row of `inventory.scopes`: a scope and its last listing."""

    scope: str
    kind: str
    state: str
    datasets: int
    columns: int
    last_complete_at: datetime | None
    last_status: str | None


class ChangeRow(msgspec.Struct, frozen=True):
    """A row of `inventory.changes`."""

    change_id: int
    at: datetime
    source: str
    namespace: str
    qualified_name: str
    path: str
    change: str
    field: str
    before: str | None
    after: str | None
    run_id: str
    actor: str


class Found(msgspec.Struct, frozen=True):
    """A hit of a search: a dataset, and the columns that match where its own words do not."""

    source: str
    platform: str
    qualified_name: str
    kind: str
    state: str
    comment: str | None
    columns: tuple[str, ...]
    rank: float


class RunRow(msgspec.Struct, frozen=True):
    """A row of `inventory.sync_runs`."""

    source: str
    run_id: str
    status: str
    actor: str
    mode: str
    counts: dict[str, int]
    reasons: list[dict[str, Any]]
    started_at: datetime
    ended_at: datetime | None


class QuarantineRow(msgspec.Struct, frozen=True):
    """A row of `inventory.quarantine`."""

    source: str
    scope: str
    name: str | None
    reason: str
    payload: Any
    run_id: str | None
    first_seen_at: datetime
    attempts: int


class PreviewRow(msgspec.Struct, frozen=True):
    """A dataset in few words, for a table that a person looks at."""

    qualified_name: str
    kind: str
    columns: int
    tags: int
    owner: str | None
    comment: str | None
    changed_at: datetime


_CHANGES: LiteralString = (
    "SELECT change_id, at, source, namespace, qualified_name, path, change, field, before, after, run_id, actor"
    " FROM inventory.changes"
)
_SEARCH: LiteralString = """
WITH query AS (SELECT to_tsquery('simple', %(words)s) AS q),
by_words AS (
    SELECT d.id, ts_rank(inventory.dataset_words(d.name, d.qualified_name, d.comment), q) + 1 AS rank
    FROM inventory.dataset d, query
    WHERE inventory.dataset_words(d.name, d.qualified_name, d.comment) @@ q AND d.state <> 'deleted'
    ORDER BY rank DESC LIMIT %(limit)s
),
by_prefix AS (
    SELECT d.id, 3::real AS rank FROM inventory.dataset d
    WHERE d.qualified_name COLLATE "C" >= %(text)s AND d.qualified_name COLLATE "C" < %(after)s
      AND d.state <> 'deleted' LIMIT %(limit)s
),
hits AS (
    SELECT id, max(rank) AS rank FROM (SELECT * FROM by_words UNION ALL SELECT * FROM by_prefix) h
    GROUP BY id ORDER BY rank DESC, id LIMIT %(limit)s
)
SELECT v.source, v.platform, v.qualified_name, v.kind, v.state, v.comment,
       ARRAY(SELECT c.path FROM inventory.dataset_column c, query
             WHERE c.dataset_id = v.dataset_id AND inventory.dataset_words(c.path, '', c.comment) @@ q
             ORDER BY c.ordinal, c.path LIMIT 20) AS columns,
       h.rank
FROM hits h JOIN inventory.datasets v ON v.dataset_id = h.id
ORDER BY h.rank DESC, v.qualified_name, v.source
"""


class InventoryQueries:
    """Queries on one inventory; each takes a connection of its pool for as long as it runs."""

    def __init__(self, inventory: "Inventory") -> None:
        self._inventory = inventory

    def sources(self) -> list[SourceRow]:
        """Every source, with what it holds now."""
        query = "SELECT source, platform, last_complete_sync_at, datasets, columns, scopes FROM inventory.sources"
        return list(self._rows(SourceRow, query + " ORDER BY source", []))

    def scope_status(self, source: str) -> list[ScopeRow]:
        """The source's scopes that are not deleted, by name."""
        query = (
            "SELECT scope, kind, state, datasets, columns, last_complete_at, last_status FROM inventory.scopes"
            " WHERE source = %s AND state <> 'deleted' ORDER BY scope"
        )
        return list(self._rows(ScopeRow, query, [source]))

    def history(self, name: str, source: str | None = None) -> Iterator[ChangeRow]:
        """All changes of the datasets with this qualified name, oldest first."""
        query = _CHANGES + " WHERE qualified_name = %s AND (%s::text IS NULL OR source = %s) ORDER BY change_id"
        return self._stream(ChangeRow, query, [name, source, source])

    def diff(self, since: datetime, until: datetime | None = None, source: str | None = None) -> Iterator[ChangeRow]:
        """All changes in [since, until), in the order in which they were found."""
        query = (
            _CHANGES + " WHERE at >= %s AND at < coalesce(%s::timestamptz, 'infinity')"
            " AND (%s::text IS NULL OR source = %s) ORDER BY change_id"
        )
        return self._stream(ChangeRow, query, [since, until, source, source])

    def latest_changes(self, source: str, limit: int) -> list[ChangeRow]:
        """The source's changes, newest first."""
        query = _CHANGES + " WHERE source = %s ORDER BY change_id DESC LIMIT %s"
        return list(self._rows(ChangeRow, query, [source, limit]))

    def search(self, text: str, limit: int = 50) -> list[Found]:
        """Datasets whose name or comment has all words of the text, the last part of a word being optional.

        A text that is the beginning of a qualified name finds that name too. Best first.
        """
        words = [w for w in re.split(r"[^\w]+|_", text) if w]
        text = text.replace("\x00", "")
        if not words:
            return []
        values = {
            "words": " & ".join(f"'{w}':*" for w in words),
            "text": text,
            "after": text + "\U0010ffff",
            "limit": limit,
        }
        return list(self._rows(Found, _SEARCH, values))

    def runs(self, source: str | None = None, limit: int = 50) -> list[RunRow]:
        """The latest syncs, newest first."""
        query = (
            "SELECT source, run_id, status, actor, mode, counts, reasons, started_at, ended_at FROM inventory.sync_runs"
            " WHERE %s::text IS NULL OR source = %s ORDER BY sync_id DESC LIMIT %s"
        )
        return list(self._rows(RunRow, query, [source, source, limit]))

    def sync_of_run(self, run_id: str, source: str) -> SyncSummary | None:
        """The last sync of this source by this run."""
        with self._inventory.connection() as conn:
            row = conn.execute(
                "SELECT max(sync_id) FROM inventory.sync_runs WHERE run_id = %s AND source = %s", [run_id, source]
            ).fetchone()
            return None if row is None or row[0] is None else ledger.summary(conn, row[0])

    def preview(self, source: str, limit: int, scope: str | None = None) -> list[PreviewRow]:
        """The source's present datasets that changed last."""
        query = (
            "SELECT qualified_name, kind, column_count AS columns, (SELECT count(*) FROM inventory.dataset_tag t"
            " WHERE t.dataset_id = d.dataset_id) AS tags, owner, comment, changed_at FROM inventory.datasets d"
            " WHERE source = %s AND state = 'present' AND (%s::text IS NULL OR scope = %s)"
            " ORDER BY changed_at DESC, qualified_name LIMIT %s"
        )
        return list(self._rows(PreviewRow, query, [source, scope, scope, limit]))

    def counts_by_kind(self, source: str, scope: str | None = None) -> dict[str, int]:
        """How many present datasets there are of each kind."""
        query = (
            "SELECT kind, count(*) FROM inventory.datasets WHERE source = %s AND state = 'present'"
            " AND (%s::text IS NULL OR scope = %s) GROUP BY kind ORDER BY count(*) DESC, kind"
        )
        with self._inventory.connection() as conn:
            return {kind: count for kind, count in conn.execute(query, [source, scope, scope])}

    def quarantined(self, source: str) -> int:
        """How many records of this source wait in quarantine."""
        with self._inventory.connection() as conn:
            row = conn.execute("SELECT count(*) FROM inventory.quarantine WHERE source = %s", [source]).fetchone()
        return int(row[0]) if row else 0

    def quarantine(self, source: str | None = None) -> Iterator[QuarantineRow]:
        """The records that wait, oldest first."""
        query = (
            "SELECT source, scope, name, reason, payload, run_id, first_seen_at, attempts FROM inventory.quarantine"
            " WHERE %s::text IS NULL OR source = %s ORDER BY first_seen_at, scope, name"
        )
        return self._stream(QuarantineRow, query, [source, source])

    def verify_audit(self) -> int | None:
        """The number of the first broken audit entry; None where the chain is whole."""
        from resources.inventory import audit

        with self._inventory.connection() as conn:
            return audit.verify(conn)

    def _rows(self, kind: type[Row], query: LiteralString, values: Sequence[Any] | dict[str, Any]) -> Iterator[Row]:
        with self._inventory.connection() as conn, conn.cursor(row_factory=dict_row) as cursor:
            rows = cursor.execute(query, values).fetchall()
        yield from (msgspec.convert(row, kind) for row in rows)

    def _stream(self, kind: type[Row], query: LiteralString, values: Sequence[Any]) -> Iterator[Row]:
        """Rows as they are asked for; the connection is held until the last one, or until the iterator is closed."""
        with self._inventory.connection() as conn, conn.cursor(name="rows", row_factory=dict_row) as cursor:
            cursor.itersize = _STREAM
            cursor.execute(query, values)
            for row in cursor:
                yield msgspec.convert(row, kind)
