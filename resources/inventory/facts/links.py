"""Lineage that follows from resource links: each is fed by the table that it points to, as the inventory holds it."""

import re
from collections.abc import Iterator
from typing import Any

from governance.filters import NameFilter
from governance.listing import FactPage, Scope, ScopeListing
from governance.model import LineageEdge
from resources.calls import Meter
from resources.facets import FactReader
from resources.inventory.database import Inventory

PAGE = 500
NAME = "resource links"

_COUNT = """
SELECT count(*) FROM inventory.dataset d JOIN inventory.source s ON s.id = d.source_id
WHERE s.name = %s AND d.state = 'present' AND d.kind = 'resource_link' AND d.properties ? 'target'
"""
_LINKS = """
SELECT d.qualified_name, d.native_id, d.properties -> 'target' FROM inventory.dataset d
JOIN inventory.source s ON s.id = d.source_id
WHERE s.name = %s AND d.state = 'present' AND d.kind = 'resource_link' AND d.properties ? 'target'
ORDER BY d.qualified_name
"""
_TABLE = re.compile(r"(arn:[^:]*:glue):([^:]*):([^:]*):table/.*")


class LinkLineage(FactReader):
    """Reads the resource links of one source out of the inventory.

    Args:
        inventory: where they are.
        source: its name.
    """

    def __init__(self, inventory: Inventory, source: str) -> None:
        self.meter = Meter()
        self._inventory, self._source = inventory, source

    def parts(self, names: NameFilter) -> ScopeListing:
        """One part, where there are links."""
        with self._inventory.connection() as conn:
            (count,) = conn.execute(_COUNT, [self._source]).fetchone() or (0,)
        return ScopeListing((Scope(NAME, "links", {"links": count}),) if count else ())

    def read(self, part: Scope, names: NameFilter) -> Iterator[FactPage]:
        """An edge for each link."""
        with self._inventory.connection() as conn, conn.cursor("links") as cursor:
            cursor.execute(_LINKS, [self._source])
            while rows := cursor.fetchmany(PAGE):
                edges = [edge for row in rows if (edge := _edge(*row)) is not None]
                yield FactPage(tuple(edges), counts={"links": len(rows), "without_target": len(rows) - len(edges)})


def _edge(link: str, native_id: str | None, target: dict[str, Any]) -> LineageEdge | None:
    """From the target: a dataset of the same account by its name, another account's by its ARN."""
    database, table = target.get("database"), target.get("name")
    if not database or not table:
        return None
    own = _TABLE.fullmatch(native_id or "")
    partition, region, account = own.groups() if own else ("arn:aws:glue", "", "")
    catalog, where = str(target.get("catalog_id") or account), str(target.get("region") or region)
    upstream, is_own = f"{database}.{table}", (catalog, where) == (account, region)
    return LineageEdge(
        upstream if is_own else f"{partition}:{where}:{catalog}:table/{database}/{table}",
        link,
        upstream_kind="dataset" if is_own else "external",
        process=link,
        process_kind="resource_link",
        origin="resource link",
    )
