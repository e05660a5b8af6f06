"""Lineage over REST, where there is no warehouse: one call a table, and one a column of those that have a source."""

from collections.abc import Iterator
from functools import partial
from typing import Any

from governance.errors import NotFound, PermissionDenied
from governance.filters import NameFilter
from governance.listing import FactPage, Reason
from governance.text import clean
from resources.databricks import translate_lineage
from resources.databricks.client_catalogs import schemas
from resources.databricks.client_errors import EndpointAbsent
from resources.databricks.client_lineage import EdgePages
from resources.databricks.client_session import Json, Workspace
from resources.databricks.translate import cleaned, place

TABLE = "/api/2.0/lineage-tracking/table-lineage"
COLUMN = "/api/2.0/lineage-tracking/column-lineage"


class RestLineage:
    """Reads the tables of one catalog; for one reading, by one thread."""

    def __init__(self, workspace: Workspace, names: NameFilter) -> None:
        self._workspace, self._names = workspace, names
        self._pages = EdgePages(names)
        self._calls = 0
        self._denied: list[str] = []
        self._last_denial: PermissionDenied | None = None

    def pages(self, catalog: str) -> Iterator[FactPage]:
        """What flows into the tables of a catalog."""
        for schema in schemas(self._workspace, catalog):
            query = {"catalog_name": catalog, "schema_name": schema["name"], "include_browse": True}
            for records in self._workspace.pages("/tables", "tables", **query):
                for raw in cleaned(records):
                    try:
                        self._table(raw)
                    except EndpointAbsent as error:
                        yield self._pages.page(absent(error))
                        return
                yield self._pages.page()
        reasons = () if self._last_denial is None else (self._denial(self._last_denial),)
        yield self._pages.page(*reasons, lineage=f"{self._calls} calls: one a table, one a column that has a source")

    def first(self, table: str) -> None:
        """Asks for one table's lineage, to see whether we may.

        Raises:
            GovernanceError: we may not.
        """
        self._asked(TABLE, {"table_name": table})

    def _table(self, raw: Any) -> None:
        at = place(raw)
        if at is None or not self._names.matches(at):
            return
        full = ".".join(str(raw[f]) for f in ("catalog_name", "schema_name", "name"))
        try:
            answer = self._asked(TABLE, {"table_name": full, "include_entity_lineage": True})
            upstreams = answer.get("upstreams") or ()
            for item in answer.get("downstreams") or ():
                self._pages.add(item, translate_lineage.downstream_edges(at, item))
            for item in upstreams:
                self._pages.add(item, translate_lineage.upstream_edges(at, item))
            if upstreams:
                self._columns(at, full, raw)
        except PermissionDenied as error:
            self._denied.append(at)
            self._last_denial = error
        except EndpointAbsent:
            raise
        except NotFound:
            # dropped since it was listed
            return

    def _columns(self, at: str, full: str, raw: Json) -> None:
        for column in raw.get("columns") or ():
            name = column.get("name") if isinstance(column, dict) else None
            if not isinstance(name, str):
                continue
            answer = self._asked(COLUMN, {"table_name": full, "column_name": name})
            for item in answer.get("upstream_cols") or ():
                self._pages.add(item, map(partial(translate_lineage.column_upstream, at, name), (item,)))

    def _asked(self, path: str, body: Json) -> Json:
        self._calls += 1
        # documented as a GET with its arguments in the body
        return self._workspace.get(path, base="", body=body)

    def _denial(self, error: PermissionDenied) -> Reason:
        shown = ", ".join(self._denied[:3]) + (f" and {len(self._denied) - 3} more" if self._denied[3:] else "")
        return Reason(error.code, f"lineage of {shown} is denied: {error.message}", error.operation, error.remedy)


def absent(error: EndpointAbsent) -> Reason:
    """Why there is no lineage at all."""
    message = "this server has no lineage API, and no warehouse is given that could read the system tables"
    remedy = "add warehouse_id; lineage from views' texts is read in any case"
    return Reason("not_found", message, error.operation, clean(remedy))
