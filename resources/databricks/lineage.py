"""What flows where in a workspace: two parts from system tables, or one for each catalog over REST."""

from collections.abc import Iterator

from governance.errors import GovernanceError
from governance.filters import NameFilter
from governance.listing import FactPage, Probe, Scope, ScopeListing
from governance.text import clean
from resources.calls import CallPolicy
from resources.databricks.client_catalogs import catalogs, schemas
from resources.databricks.client_lineage import COLUMNS, TABLES, SystemLineage
from resources.databricks.client_lineage_rest import RestLineage
from resources.databricks.client_privileges import Privileges
from resources.databricks.client_session import Connection, Workspace
from resources.databricks.client_system import COLUMN_LINEAGE, TABLE_LINEAGE, SystemTables
from resources.databricks.resource import DatabricksResource
from resources.databricks.translate import qualified
from resources.facets import FactReader

_SYSTEM = {"table lineage": TABLES, "column lineage": COLUMNS}


class LineageReader(FactReader):
    """Edges between tables, columns and locations, as Unity Catalog has seen them."""

    def __init__(self, connection: Connection, policy: CallPolicy) -> None:
        self._workspace = Workspace(connection, policy)
        self.meter = self._workspace.meter
        self._privileges = Privileges(self._workspace)
        self._system = SystemTables(self._workspace)

    def parts(self, names: NameFilter) -> ScopeListing:
        """The two system tables; without a warehouse every catalog but the platform's own."""
        self._privileges.identities()
        if self._system.warehouse.is_given:
            return ScopeListing(tuple(Scope(name, "system table") for name in _SYSTEM))
        scopes: list[Scope] = []
        hidden: list[str] = []
        found = catalogs(self._workspace)
        for catalog in found:
            name = qualified(clean(str(catalog["name"])))
            if names.may_match_under(f"{name}."):
                scopes.append(Scope(f"lineage of {name}", "catalog", {"catalog": catalog["name"]}))
            else:
                hidden.append(f"lineage of {name}")
        reasons = () if found else (self._privileges.no_catalogs(),)
        return ScopeListing(tuple(scopes), tuple(hidden), reasons=reasons)

    def read(self, part: Scope, names: NameFilter) -> Iterator[FactPage]:
        """The edges that a system table tells of, or those into the tables of a catalog."""
        self._privileges.identities()
        if part.name in _SYSTEM:
            return SystemLineage(self._workspace, names).pages(_SYSTEM[part.name])
        catalog = str(part.detail.get("catalog", part.name.removeprefix("lineage of ")))
        return RestLineage(self._workspace, names).pages(catalog)

    def probe(self) -> Iterator[Probe]:
        """The system tables where there is a warehouse, else one call of the lineage API."""
        self._privileges.identities()
        if self._system.warehouse.is_given:
            yield from self._system.probe("lineage", TABLE_LINEAGE, COLUMN_LINEAGE)
            return
        line = "lineage: REST"
        try:
            table = self._any_table()
            if table is not None:
                RestLineage(self._workspace, NameFilter()).first(table)
        except GovernanceError as error:
            yield Probe(line, False, error.message, remedy=error.remedy or "add warehouse_id")
        else:
            yield Probe(line, True, "one call a table; with warehouse_id it is two statements a month")

    def close(self) -> None:
        """Gives back the sockets."""
        self._workspace.close()

    def _any_table(self) -> str | None:
        for catalog in catalogs(self._workspace):
            for schema in schemas(self._workspace, str(catalog["name"])):
                query = {"catalog_name": catalog["name"], "schema_name": schema["name"], "omit_columns": True}
                for page in self._workspace.pages("/tables", "tables", **query):
                    return f"{catalog['name']}.{schema['name']}.{page[0].get('name')}"
        return None


def open_reader(resource: DatabricksResource) -> FactReader:
    """Opens a reader.

    Raises:
        ConfigurationError: a secret is missing, the address cannot be used, or fields contradict each other.
    """
    return LineageReader(resource.connect(), resource.policy)
