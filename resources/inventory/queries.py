"""What people and programs ask of the inventory; read-only, by the stable views."""

import re
from collections.abc import Iterator
from datetime import datetime
from functools import cache
from typing import TYPE_CHECKING, Any, LiteralString, TypeVar

import msgspec
from psycopg.rows import dict_row
from sqlalchemy import Select, Table, bindparam, func, literal_column, select
from sqlalchemy.engine import make_url

from governance.errors import ConfigurationError
from resources.inventory import ledger, retention
from resources.inventory import schema as views
from resources.inventory.outcomes import SyncSummary

if TYPE_CHECKING:
    import pandas

    from resources.inventory.database import Inventory

Row = TypeVar("Row", bound=msgspec.Struct)

_STREAM = 1000
_DIALECT = make_url("postgresql+psycopg://").get_dialect()()


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
    owner: str | None
    comment: str | None
    changed_at: datetime


_SEARCH: LiteralString = """
WITH asked AS MATERIALIZED (
    -- a word that statistics know in more than one dataset of a hundred is left to the rows that the others find
    SELECT word, NOT EXISTS (
        SELECT FROM pg_stats s
        CROSS JOIN LATERAL unnest(s.most_common_elems::text::text[], s.most_common_elem_freqs) e (lexeme, share)
        WHERE s.schemaname = 'inventory' AND s.tablename = 'dataset_words' AND e.share > 0.01
          AND starts_with(e.lexeme, lower(word))
    ) AS rare
    FROM unnest(%(words)s::text[]) word
),
query AS MATERIALIZED (
    SELECT to_tsquery('simple', string_agg(quote_literal(word) || ':*', ' & ')) AS q,
           to_tsquery('simple', coalesce(string_agg(quote_literal(word) || ':*', ' & ') FILTER (WHERE rare),
                                         string_agg(quote_literal(word) || ':*', ' & '))) AS indexed
    FROM asked
),
candidates AS (
    SELECT d.id, inventory.dataset_words(d.name, d.qualified_name, d.comment) AS words
    FROM inventory.dataset d, query
    WHERE inventory.dataset_words(d.name, d.qualified_name, d.comment) @@ indexed AND d.state <> 'deleted'
      AND (indexed = q OR inventory.dataset_words(d.name, d.qualified_name, d.comment) @@ q)
    LIMIT %(ranked)s
),
by_words AS (
    SELECT id, ts_rank(words, q) + 1 AS rank FROM candidates, query ORDER BY rank DESC LIMIT %(limit)s
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
_RANKED = 1000
"""Of the datasets that have the words, so many are compared: where more have them, the words tell little apart."""


class InventoryQueries:
    """Queries on one inventory; each takes a connection of its pool for as long as it runs."""

    def __init__(self, inventory: "Inventory") -> None:
        self._inventory = inventory

    def sources(self) -> list[SourceRow]:
        """Every source, with what it holds now."""
        return self._rows(SourceRow, _select(views.sources, SourceRow).order_by("source"))

    def scope_status(self, source: str) -> list[ScopeRow]:
        """The source's scopes that are not deleted, by name."""
        v = views.scopes.c
        query = _select(views.scopes, ScopeRow).where(v.source == source, v.state != "deleted")
        return self._rows(ScopeRow, query.order_by(v.scope))

    def history(self, name: str, source: str | None = None) -> Iterator[ChangeRow]:
        """All changes of the datasets with this qualified name, oldest first."""
        v = views.changes.c
        query = _of(source, _select(views.changes, ChangeRow).where(v.qualified_name == name), v)
        return self._stream(ChangeRow, query.order_by(v.change_id))

    def diff(self, since: datetime, until: datetime | None = None, source: str | None = None) -> Iterator[ChangeRow]:
        """All changes in [since, until), in the order in which they were found.

        Raises:
            ConfigurationError: changes of that time were pruned.
        """
        with self._inventory.connection() as conn:
            retention.refuse_pruned(conn, since, "changes")
        v = views.changes.c
        query = _of(source, _select(views.changes, ChangeRow).where(v.at >= since), v)
        if until is not None:
            query = query.where(v.at < until)
        return self._stream(ChangeRow, query.order_by(v.change_id))

    def latest_changes(self, source: str, limit: int) -> list[ChangeRow]:
        """The source's changes, newest first."""
        v = views.changes.c
        query = _select(views.changes, ChangeRow).where(v.source == source)
        return self._rows(ChangeRow, query.order_by(v.change_id.desc()).limit(limit))

    def search(self, text: str, limit: int = 50) -> list[Found]:
        """Datasets whose name or comment has all words of the text, the last part of a word being optional.

        A text that is the beginning of a qualified name finds that name too. Best first; of words that more than a
        thousand datasets have, the first thousand found are ranked.
        """
        words = [w for w in re.split(r"[^\w]+|_", text) if w]
        text = text.replace("\x00", "")
        if not words:
            return []
        values = {
            "words": words,
            "ranked": max(_RANKED, limit),
            "text": text,
            "after": text + "\U0010ffff",
            "limit": limit,
        }
        with self._inventory.connection() as conn, conn.cursor(row_factory=dict_row) as cursor:
            return [msgspec.convert(row, Found) for row in cursor.execute(_SEARCH, values)]

    def runs(self, source: str | None = None, limit: int = 50) -> list[RunRow]:
        """The latest syncs, newest first."""
        v = views.sync_runs.c
        query = _of(source, _select(views.sync_runs, RunRow).where(v.facet == "metadata"), v)
        return self._rows(RunRow, query.order_by(v.sync_id.desc()).limit(limit))

    def sync_of_run(self, run_id: str, source: str) -> SyncSummary | None:
        """The last sync of this source by this run."""
        with self._inventory.connection() as conn:
            row = conn.execute(
                "SELECT max(sync_id) FROM inventory.sync_runs WHERE run_id = %s AND source = %s AND facet = 'metadata'",
                [run_id, source],
            ).fetchone()
            return None if row is None or row[0] is None else ledger.summary(conn, row[0])

    def preview(self, source: str, limit: int, scope: str | None = None) -> list[PreviewRow]:
        """The source's present datasets that changed last."""
        given = {"wanted": source, "most": limit} | ({} if scope is None else {"within": scope})
        with self._inventory.connection() as conn, conn.cursor(row_factory=dict_row) as cursor:
            rows = cursor.execute(_preview(scope is not None), given)
            return [msgspec.convert(row, PreviewRow) for row in rows]

    def counts_by_kind(self, source: str, scope: str | None = None) -> dict[str, int]:
        """How many present datasets there are of each kind, most first."""
        v = views.datasets.c
        query = select(v.kind, func.count().label("count")).where(v.source == source, v.state == "present")
        if scope is not None:
            query = query.where(v.scope == scope)
        query = query.group_by(v.kind).order_by(func.count().desc(), v.kind)
        with self._inventory.connection() as conn:
            return {kind: count for kind, count in conn.execute(*_compiled(query))}

    def quarantined(self, source: str) -> int:
        """How many records of this source wait in quarantine."""
        with self._inventory.connection() as conn:
            row = conn.execute("SELECT count(*) FROM inventory.quarantine WHERE source = %s", [source]).fetchone()
        return int(row[0]) if row else 0

    def quarantine(self, source: str | None = None) -> Iterator[QuarantineRow]:
        """The records that wait, oldest first."""
        v = views.quarantine.c
        query = _of(source, _select(views.quarantine, QuarantineRow), v)
        return self._stream(QuarantineRow, query.order_by(v.first_seen_at, v.scope, v.name))

    def frame(self, view: str, *, source: str | None = None, limit: int | None = 100_000) -> "pandas.DataFrame":
        """Rows of a stable view as a pandas DataFrame, for notebooks and reports.

        Args:
            view: such as `datasets`, `columns` or `changes`.
            source: only the rows of this one.
            limit: rows at most, so that a large estate does not fill the memory; None for all.

        Raises:
            ConfigurationError: there is no such view.
        """
        import pandas

        table = views.metadata.tables.get(f"{views.SCHEMA}.{view}")
        if table is None:
            known = ", ".join(sorted(t.name for t in views.metadata.tables.values()))
            raise ConfigurationError(
                f"the inventory has no view {view!r}",
                platform="inventory",
                operation="frame",
                remedy=f"ask for {known}",
            )
        query = _of(source, select(*table.columns), table.columns).limit(limit)
        with self._inventory.connection() as conn:
            rows = conn.execute(*_compiled(query)).fetchall()
        return pandas.DataFrame(rows, columns=[column.name for column in table.columns])

    def horizons(self) -> dict[retention.What, datetime]:
        """Since when each kind of record is kept, of those of which something was pruned."""
        return retention.horizons(self._inventory)

    def verify_audit(self) -> int | None:
        """The number of the first broken audit entry; None where the chain is whole."""
        from resources.inventory import audit

        with self._inventory.connection() as conn:
            return audit.verify(conn)

    def _rows(self, kind: type[Row], query: Select[Any]) -> list[Row]:
        with self._inventory.connection() as conn, conn.cursor(row_factory=dict_row) as cursor:
            return [msgspec.convert(row, kind) for row in cursor.execute(*_compiled(query))]

    def _stream(self, kind: type[Row], query: Select[Any]) -> Iterator[Row]:
        """Rows as they are asked for; the connection is held until the last one, or until the iterator is closed."""
        with self._inventory.connection() as conn, conn.cursor(name="rows", row_factory=dict_row) as cursor:
            cursor.itersize = _STREAM
            cursor.execute(*_compiled(query))
            for row in cursor:
                yield msgspec.convert(row, kind)


def _select(view: Table, kind: type[msgspec.Struct]) -> Select[Any]:
    """The columns of a view that a row has."""
    return select(*(view.c[name] for name in kind.__struct_fields__))


def _of(source: str | None, query: Select[Any], columns: Any) -> Select[Any]:
    return query if source is None else query.where(columns.source == source)


@cache
def _preview(of_scope: bool) -> bytes:
    """Composed once: every scope of a sync is shown with it."""
    v = views.datasets.c
    query = select(v.qualified_name, v.kind, v.column_count.label("columns"), v.owner, v.comment, v.changed_at).where(
        v.source == bindparam("wanted"), v.state == literal_column("'present'")
    )
    if of_scope:
        query = query.where(v.scope == bindparam("within"))
    return _compiled(query.order_by(v.changed_at.desc(), v.qualified_name).limit(bindparam("most")))[0]


def _compiled(query: Select[Any]) -> tuple[bytes, dict[str, Any]]:
    """A composed query as psycopg takes it: the pool serves it, without a second one of SQLAlchemy's."""
    compiled = query.compile(dialect=_DIALECT)
    return str(compiled).encode(), dict(compiled.params)
