"""Lineage that follows from the inventory itself: the text of every view, down to columns, as a FactReader.

A part is the views of one scope. What a text reads is looked up in the inventory, so that stars and unqualified columns
resolve; what cannot be followed is counted, and a view of which nothing could be read is quarantined with the reason.
"""

from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import psycopg

from governance.filters import NameFilter
from governance.lineage import SqlLineage, Table, view_lineage
from governance.lineage.view_names import ViewNames, view_names
from governance.listing import FactPage, Quarantined, Scope, ScopeListing
from governance.model import LineageEdge
from resources.calls import Meter
from resources.facets import FactReader
from resources.inventory.database import Inventory

PAGE = 50
PREFIX = "views of "
_CACHED = 20_000

_PARTS = """
SELECT p.name, p.kind, count(*) FROM inventory.dataset d
JOIN inventory.scope p ON p.id = d.scope_id JOIN inventory.source s ON s.id = d.source_id
WHERE s.name = %s AND d.state = 'present' AND d.properties ? 'view_text' GROUP BY p.name, p.kind ORDER BY p.name
"""
_VIEWS = """
SELECT d.qualified_name, d.container, d.properties FROM inventory.dataset d
JOIN inventory.scope p ON p.id = d.scope_id JOIN inventory.source s ON s.id = d.source_id
WHERE s.name = %s AND p.name = %s AND d.state = 'present' AND d.properties ? 'view_text' ORDER BY d.id
"""
_COLUMNS = """
SELECT d.qualified_name,
       array(SELECT c.path FROM inventory.dataset_column c WHERE c.dataset_id = d.id ORDER BY c.ordinal, c.path)
FROM inventory.dataset d JOIN inventory.source s ON s.id = d.source_id
WHERE s.name = %s AND d.qualified_name = ANY(%s) AND d.state = 'present'
  -- in catalogues the namespace is the asset's type
  AND d.namespace NOT IN ('volume', 'function', 'model')
"""


class ViewLineage(FactReader):
    """Reads the views of one source out of the inventory.

    Args:
        inventory: where they are.
        source: its name.
        platform: whose rules of names and dialect hold.
    """

    def __init__(self, inventory: Inventory, source: str, platform: str) -> None:
        self.meter = Meter()
        self._inventory, self._source, self._platform = inventory, source, platform
        self._tables: dict[str, Table | None] = {}

    def parts(self, names: NameFilter) -> ScopeListing:
        """A part for each scope that has views."""
        with self._inventory.connection() as conn:
            rows = conn.execute(_PARTS, [self._source]).fetchall()
        return ScopeListing(tuple(Scope(PREFIX + name, kind, {"scope": name, "views": n}) for name, kind, n in rows))

    def read(self, part: Scope, names: NameFilter) -> Iterator[FactPage]:
        """The edges of the scope's views, some views a page."""
        # not from the pool, all of which may be held by those that wait for these pages
        with self._inventory.dedicated() as conn, conn.transaction(), conn.cursor("views") as cursor:
            cursor.execute(_VIEWS, [self._source, part.detail["scope"]])
            while rows := cursor.fetchmany(PAGE):
                yield self._page(conn, rows)

    def _page(self, conn: psycopg.Connection, rows: list[Any]) -> FactPage:
        facts: list[LineageEdge] = []
        refused: list[Quarantined] = []
        counts: Counter[str] = Counter()
        for name, container, properties in rows:
            found = self._lineage(conn, view_names(self._platform, name, container, properties), properties)
            counts["views"] += 1
            counts.update(f"unresolved_{u.code}" for u in found.unresolved)
            facts += found.edges
            if found.unresolved and not found.edges:
                why = "; ".join(f"{u.reason} (line {u.line})" if u.line else u.reason for u in found.unresolved[:5])
                refused.append(Quarantined(name, f"no lineage from the view's text: {why}", {"view": name}))
        return FactPage(tuple(facts), tuple(refused), counts=dict(counts))

    def _lineage(self, conn: psycopg.Connection, names: ViewNames, properties: dict[str, Any]) -> SqlLineage:
        return view_lineage(
            properties["view_text"],
            names.dialect,
            names.catalog,
            names.schema,
            names.qualified_name,
            lambda table: self._table(conn, names.stored(table)),
        )

    def _table(self, conn: psycopg.Connection, spellings: tuple[str, ...]) -> Table | None:
        """The dataset that one of these names is of; asked of the inventory once."""
        with suppress(KeyError):
            return self._tables[spellings[0]]
        known = _known(conn, self._source, spellings)
        if len(self._tables) >= _CACHED:
            self._tables.clear()
        self._tables[spellings[0]] = known
        return known


def _known(conn: psycopg.Connection, source: str, spellings: tuple[str, ...]) -> Table | None:
    rows = {name: paths for name, paths in conn.execute(_COLUMNS, [source, list(spellings)])}
    found = next((s for s in spellings if s in rows), None)
    return None if found is None else Table(found, tuple(rows[found]))
