"""Who may do what in a workspace: a part for each catalog, and one for the groups."""

from collections.abc import Iterator

from governance.errors import GovernanceError
from governance.filters import NameFilter
from governance.listing import FactPage, Probe, Scope, ScopeListing
from governance.text import clean
from resources.calls import CallPolicy
from resources.databricks.client_catalogs import catalogs
from resources.databricks.client_errors import EndpointAbsent
from resources.databricks.client_grants import CatalogGrants
from resources.databricks.client_groups import GroupReader
from resources.databricks.client_privileges import Privileges
from resources.databricks.client_session import Connection, Workspace, part
from resources.databricks.resource import DatabricksResource
from resources.databricks.translate import qualified
from resources.facets import FactReader

GROUPS = "groups of the workspace"


class AccessReader(FactReader):
    """Grants, owners, filters, masks and policies by catalog; members by group."""

    def __init__(self, connection: Connection, policy: CallPolicy) -> None:
        self._workspace = Workspace(connection, policy)
        self.meter = self._workspace.meter
        self._privileges = Privileges(self._workspace)
        self._groups = GroupReader(self._workspace)

    def parts(self, names: NameFilter) -> ScopeListing:
        """Every catalog but the platform's own, and the groups."""
        scopes: list[Scope] = []
        hidden: list[str] = []
        self._privileges.identities()
        found = catalogs(self._workspace)
        for catalog in found:
            name = qualified(clean(str(catalog["name"])))
            if names.may_match_under(f"{name}."):
                scopes.append(Scope(name, "catalog", {"catalog": catalog["name"]}))
            else:
                hidden.append(name)
        scopes.append(Scope(GROUPS, "groups"))
        reasons = () if found else (self._privileges.no_catalogs(),)
        return ScopeListing(tuple(scopes), tuple(hidden), reasons=reasons)

    def read(self, part: Scope, names: NameFilter) -> Iterator[FactPage]:
        """A catalog with all that lies in it, or the groups."""
        self._privileges.identities()
        if part.kind == "groups":
            yield from self._groups.pages()
            return
        catalog = self._catalog(str(part.detail.get("catalog", part.name)))
        yield from CatalogGrants(self._workspace, self._privileges, catalog, names).pages()

    def probe(self) -> Iterator[Probe]:
        """Whether each catalog shows its grants to us, and the directory its groups."""
        for catalog in catalogs(self._workspace):
            name = str(catalog["name"])
            sight = self._privileges.sight(catalog)
            if sight == "own":
                lack = self._privileges.short_sighted(name)
                yield Probe(f"access: catalog {name}", False, lack.message, "MANAGE", lack.remedy)
            else:
                yield Probe(f"access: catalog {name}", True, _SIGHTS[sight])
        yield self._directory()

    def close(self) -> None:
        """Gives back the sockets."""
        self._workspace.close()

    def _directory(self) -> Probe:
        line = "access: groups"
        try:
            self._groups.first()
        except EndpointAbsent:
            return Probe(line, True, "no directory of groups on this server")
        except GovernanceError as error:
            lack = self._groups.denied(error.message, error.operation)
            return Probe(line, False, lack.message, "workspace admin", lack.remedy)
        return Probe(line, True, "read")

    def _catalog(self, name: str) -> dict[str, object]:
        return {**self._workspace.get(f"/catalogs/{part(name)}", {"include_browse": True}), "name": name}


_SIGHTS = {
    "all": "all grants are shown, by SQL too",
    "managed": "all grants are shown, by one call an object",
    "unknown": "the server does not say who asks",
}


def open_reader(resource: DatabricksResource) -> FactReader:
    """Opens a reader.

    Raises:
        ConfigurationError: a secret is missing, the address cannot be used, or fields contradict each other.
    """
    return AccessReader(resource.connect(), resource.policy)
