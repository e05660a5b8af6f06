"""What people ask of access, lineage and usage."""

from collections.abc import Iterator, Sequence
from datetime import date
from typing import TYPE_CHECKING, Any, LiteralString, TypeVar

import msgspec
from psycopg.rows import class_row

from governance.model import Facet

if TYPE_CHECKING:
    from resources.inventory.database import Inventory

Row = TypeVar("Row", bound=msgspec.Struct)

_PREVIEWS: dict[Facet, tuple[tuple[str, ...], LiteralString]] = {
    "access": (
        ("securable", "principal", "privilege", "comes_down_to", "since"),
        "SELECT g.securable, g.principal_kind || ' ' || g.principal, g.privilege, array_to_string(g.confers, ', '),"
        " to_char(g.valid_from, 'YYYY-MM-DD HH24:MI') FROM inventory.grants g"
        " WHERE g.source = %s AND g.inherited_from IS NULL ORDER BY g.valid_from DESC, g.securable LIMIT %s",
    ),
    "lineage": (
        ("upstream", "downstream", "process", "origin", "since"),
        "SELECT e.upstream || coalesce(' ' || nullif(e.upstream_path, ''), ''),"
        " e.downstream || coalesce(' ' || nullif(e.downstream_path, ''), ''), e.process, e.origin,"
        " to_char(e.valid_from, 'YYYY-MM-DD HH24:MI') FROM inventory.lineage e"
        " WHERE e.source = %s ORDER BY e.valid_from DESC, e.downstream LIMIT %s",
    ),
    "usage": (
        ("day", "dataset", "principal", "reads", "writes"),
        "SELECT u.day::text, u.qualified_name, u.principal, u.reads, u.writes FROM inventory.usage u"
        " WHERE u.source = %s AND u.path = '' ORDER BY u.day DESC, u.reads + u.writes DESC LIMIT %s",
    ),
}


class ReaderRow(msgspec.Struct, frozen=True):
    """One way in which a principal can read; see `inventory.readers`."""

    principal: str
    principal_kind: str
    via: list[str]
    privilege: str
    securable: str
    limited_by: list[str]
    masked_by: list[str]
    lacking: list[str]


class FlowRow(msgspec.Struct, frozen=True):
    """One edge on the way; see `inventory.lineage_of`."""

    upstream_source: str
    upstream: str
    upstream_path: str
    downstream_source: str
    downstream: str
    downstream_path: str
    process: str
    process_kind: str
    transformation: str
    origin: str


class UsageRow(msgspec.Struct, frozen=True):
    """Reads and writes of a dataset by one principal over some days."""

    source: str
    qualified_name: str
    principal: str
    reads: int
    writes: int
    days: int
    first_day: date
    last_day: date


class FactQueries:
    """Queries on the facets; each takes a connection for as long as it runs."""

    def __init__(self, inventory: "Inventory") -> None:
        self._inventory = inventory

    def preview(self, source: str, facet: str, rows: int) -> tuple[tuple[str, ...], list[Sequence[Any]]]:
        """Header and rows of a table that a person looks at: the newest facts."""
        header, query = next(v for k, v in _PREVIEWS.items() if k == facet)
        with self._inventory.connection() as conn:
            return header, list(conn.execute(query, [source, rows]))

    def column_lineage(self, source: str, limit: int) -> dict[str, list[str]]:
        """`dataset.column` to those that flow straight into it, of at most `limit` columns."""
        query: LiteralString = (
            "SELECT e.downstream || '.' || e.downstream_path, array_agg(DISTINCT e.upstream || '.' || e.upstream_path)"
            " FROM inventory.lineage e WHERE e.source = %s AND e.downstream_path <> '' AND e.upstream_path <> ''"
            " AND e.transformation = 'direct' GROUP BY 1 ORDER BY 1 LIMIT %s"
        )
        with self._inventory.connection() as conn:
            return {below: above for below, above in conn.execute(query, [source, limit])}

    def readers(self, source: str, qualified_name: str, path: str = "") -> list[ReaderRow]:
        """Who can read a dataset, or one column of it, and by which way."""
        query: LiteralString = "SELECT * FROM inventory.readers(%s, %s, %s) ORDER BY principal_kind, principal, via"
        return self._rows(ReaderRow, query, [source, qualified_name, path])

    def lineage_of(
        self, source: str, qualified_name: str, path: str = "", direction: str = "upstream"
    ) -> list[FlowRow]:
        """Every edge on the way up or down, across sources."""
        query: LiteralString = (
            "SELECT * FROM inventory.lineage_of(%s, %s, %s, %s)"
            " ORDER BY downstream_source, downstream, downstream_path, upstream, upstream_path"
        )
        return self._rows(FlowRow, query, [source, qualified_name, path, direction])

    def usage_of(self, source: str, qualified_name: str, since: date, until: date) -> list[UsageRow]:
        """Who used a dataset on the days [since, until], most reads first."""
        query: LiteralString = (
            "SELECT source, qualified_name, principal, sum(reads)::bigint AS reads, sum(writes)::bigint AS writes,"
            " count(DISTINCT day) AS days, min(day) AS first_day, max(day) AS last_day FROM inventory.usage"
            " WHERE source = %s AND qualified_name = %s AND day BETWEEN %s AND %s AND path = ''"
            " GROUP BY 1, 2, 3 ORDER BY 4 DESC, 5 DESC, 3"
        )
        return self._rows(UsageRow, query, [source, qualified_name, since, until])

    def sources_of(self, qualified_name: str) -> list[str]:
        """The sources that have a dataset of this name."""
        query: LiteralString = (
            "SELECT source FROM inventory.datasets WHERE qualified_name = %s AND state <> 'deleted' ORDER BY 1"
        )
        with self._inventory.connection() as conn:
            return [row[0] for row in conn.execute(query, [qualified_name])]

    def facet_summaries(self, run_id: str) -> Iterator[tuple[str, str, str, dict[str, int], list[dict[str, Any]]]]:
        """Source, facet, status, counts and reasons of the facet syncs of a run; a part's with its name."""
        query: LiteralString = (
            "SELECT r.source, r.facet, r.status, r.counts, r.reasons || coalesce(p.reasons, '[]')"
            " FROM inventory.sync_runs r LEFT JOIN LATERAL ("
            "   SELECT jsonb_agg(e.told || jsonb_build_object('message', concat(p.scope, ': ', e.told->>'message'))"
            "     ORDER BY p.scope) AS reasons"
            "   FROM inventory.sync_scopes p, jsonb_array_elements(p.reasons) e (told)"
            "   WHERE p.sync_id = r.sync_id AND p.facet = r.facet"
            " ) p ON true WHERE r.run_id = %s AND r.facet <> 'metadata' ORDER BY r.sync_id"
        )
        with self._inventory.connection() as conn:
            yield from conn.execute(query, [run_id])

    def _rows(self, of: type[Row], query: LiteralString, values: Sequence[Any]) -> list[Row]:
        with self._inventory.connection() as conn, conn.cursor(row_factory=class_row(of)) as cursor:
            return cursor.execute(query, values).fetchall()
