"""What we may do in a workspace: the lines of `governance doctor`, and why a schema may look emptier than it is."""

from collections.abc import Callable, Iterator
from typing import Any, Literal

from governance.errors import GovernanceError, NotFound, PermissionDenied, Transient
from governance.listing import Probe, Reason
from resources.databricks.client_errors import EndpointAbsent
from resources.databricks.client_session import Workspace, part

_ALL = frozenset({"ALL_PRIVILEGES", "MANAGE"})
_SEES = _ALL | {"BROWSE", "SELECT"}
_MOST_NAMES = 20
_NOT_HERE = "not available on this server"

Sight = Literal["all", "managed", "own", "unknown"]
"""Whose grants on a catalog's objects we are shown: `all` for its owner and metastore admins; `managed` for who holds
MANAGE, to whom REST shows all and, as documented, SQL not; else our `own`; `unknown` where the server has no notion of
who asks."""


class Privileges:
    """Asks the workspace who we are and what we hold."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
        self._known: frozenset[str] | None = None

    def probe(self, catalogs: Callable[[], list[dict[str, Any]]]) -> Iterator[Probe]:
        """One line for each thing that a sync needs; the first that fails for good ends it."""
        try:
            found = catalogs()
        except Transient as error:
            yield Probe("reachable", False, error.message, remedy=error.remedy)
            return
        except GovernanceError as error:
            yield Probe("reachable", True, self._workspace.connection.host)
            yield Probe("authenticated", False, error.message, remedy=error.remedy)
            return
        yield Probe("reachable", True, self._workspace.connection.host)
        yield Probe("authenticated", True, self._name() or f"current user: {_NOT_HERE}")
        if not found:
            yield self._none()
        for catalog in found:
            yield self._catalog(str(catalog["name"]), catalog.get("owner"))
        if self._workspace.connection.warehouse_id:
            yield self._warehouse(self._workspace.connection.warehouse_id)

    def identities(self) -> frozenset[str]:
        """Our own name and our groups'; empty where the server cannot say. Asked once, for grants to name us."""
        if self._known is None:
            try:
                me = self._workspace.get("/api/2.0/preview/scim/v2/Me", base="")
            except (NotFound, PermissionDenied):
                me = {}
            names = {str(me["userName"])} if me.get("userName") else set()
            groups = {str(g["display"]) for g in me.get("groups") or () if isinstance(g, dict) and g.get("display")}
            if names:
                self._workspace.grantee = next(iter(names))
                names |= groups | {"account users"}
            self._known = frozenset(names)
        return self._known

    def held(self, kind: str, name: str) -> set[str] | None:
        """Privileges in effect for us on a securable, owners' ones aside; None where the server does not tell."""
        mine = self.identities()
        if not mine:
            return None
        path = f"/effective-permissions/{kind}/{part(name)}"
        try:
            try:
                given = self._given(path, None)
            except PermissionDenied:
                # whoever may not see all may still ask for oneself, one name a call
                given = [g for one in sorted(mine)[:_MOST_NAMES] for g in self._given(path, one)]
        except (NotFound, PermissionDenied):
            return None
        found: set[str] = set()
        for entry in given:
            if entry.get("principal") in mine:
                # one server writes USE CATALOG, another USE_CATALOG
                found |= {str(p.get("privilege", "")).replace(" ", "_").upper() for p in entry.get("privileges") or ()}
        return found

    def sight(self, catalog: dict[str, Any]) -> Sight:
        """Whose grants in a catalog we are shown."""
        mine = self.identities()
        if not mine:
            return "unknown"
        if catalog.get("owner") in mine or self._is_metastore_admin():
            return "all"
        return "managed" if "MANAGE" in (self.held("catalog", str(catalog["name"])) or ()) else "own"

    def short_sighted(self, catalog: str) -> Reason:
        """Why the grants in a catalog are not all there."""
        why = "its grants are shown in full to its owner, to metastore admins and to who holds MANAGE on it only"
        grant = f"GRANT MANAGE ON CATALOG {_quoted(catalog)} TO {self._grantee}"
        return Reason("permission_denied", f"{catalog}: {why}", "GET /permissions", grant)

    def _given(self, path: str, principal: str | None) -> list[dict[str, Any]]:
        key, query = "privilege_assignments", {"principal": principal}
        return [
            g
            for page in self._workspace.pages(path, key, max_results=None, **query)
            for g in page
            if isinstance(g, dict)
        ]

    def blind(self, catalog: str, schema: str) -> Reason | None:
        """Why a schema that shows no table may have some: listings leave out what we may not see, without a word."""
        held = self.held("schema", f"{catalog}.{schema}")
        if held is None or held & _SEES or self._owns(catalog, schema):
            return None
        grant = f"GRANT BROWSE ON CATALOG {_quoted(catalog)} TO {self._grantee}"
        return Reason(
            "permission_denied",
            f"{catalog}.{schema} shows no tables, and without BROWSE or SELECT on it that says nothing",
            "GET /tables",
            grant,
        )

    def withheld(self, catalog: str, names: list[str]) -> Reason:
        """Why these objects are shown in part, or left out of a page."""
        why = "columns, definition and location are withheld from a principal that has BROWSE only"
        shown = ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
        need = "USE CATALOG, USE SCHEMA, SELECT, EXECUTE, READ VOLUME"
        grant = f"GRANT {need} ON CATALOG {_quoted(catalog)} TO {self._grantee}"
        return Reason("permission_denied", f"{shown}: {why}", "GET /tables", grant)

    def no_catalogs(self) -> Reason:
        """Why not one catalog is seen: a metastore is never without."""
        line = self._none()
        return Reason("permission_denied", line.detail, "GET /catalogs", line.remedy)

    def _name(self) -> str:
        return self._workspace.grantee if self.identities() else ""

    @property
    def _grantee(self) -> str:
        return _quoted(self._workspace.grantee)

    def _none(self) -> Probe:
        self.identities()
        remedy = f"GRANT USE CATALOG, USE SCHEMA, BROWSE, SELECT ON CATALOG <catalog> TO {self._grantee}"
        return Probe("catalogs", False, "no catalog can be seen", "USE CATALOG", remedy)

    def _catalog(self, name: str, owner: Any) -> Probe:
        line, on = f"catalog {name}", f"ON CATALOG {_quoted(name)} TO {self._grantee}"
        try:
            next(self._workspace.pages("/schemas", "schemas", catalog_name=name, include_browse=True), None)
        except PermissionDenied as error:
            return Probe(line, False, error.message, "USE CATALOG", f"GRANT USE CATALOG {on}")
        except GovernanceError as error:
            return Probe(line, False, error.message, remedy=error.remedy)
        held = self.held("catalog", name)
        if held is None:
            return Probe(line, True, f"its schemas are listed; effective permissions: {_NOT_HERE} or not for us to see")
        if held & _ALL or owner in self.identities() or self._is_metastore_admin():
            return Probe(line, True, "everything in it")
        need = ["USE_CATALOG", "USE_SCHEMA", "SELECT", "EXECUTE", "READ_VOLUME"]
        lacking = [p.replace("_", " ") for p in need if p not in held]
        if not lacking:
            return Probe(line, True, "read")
        return Probe(
            line,
            False,
            "what lies in it may be hidden or shown in part",
            ", ".join(lacking),
            f"GRANT {', '.join(lacking)} {on}",
        )

    def _warehouse(self, warehouse: str) -> Probe:
        try:
            found = self._workspace.get(f"/api/2.0/sql/warehouses/{part(warehouse)}", base="")
        except EndpointAbsent:
            return Probe("warehouse", False, _NOT_HERE, remedy="remove warehouse_id")
        except NotFound as error:
            return Probe("warehouse", False, error.message, remedy="copy the id from SQL Warehouses in the workspace")
        except GovernanceError as error:
            remedy = f"give {self._grantee} CAN USE on the warehouse {warehouse}"
            return Probe("warehouse", False, error.message, "CAN USE", remedy)
        return Probe("warehouse", True, f"{found.get('name')}, {str(found.get('state', '')).lower()}")

    def _owns(self, catalog: str, schema: str) -> bool:
        for path in (f"/schemas/{part(f'{catalog}.{schema}')}", f"/catalogs/{part(catalog)}"):
            try:
                if self._workspace.get(path).get("owner") in self.identities():
                    return True
            except (NotFound, PermissionDenied):
                continue
        return self._is_metastore_admin()

    def _is_metastore_admin(self) -> bool:
        try:
            return self._workspace.get("/metastore_summary").get("owner") in self.identities()
        except (NotFound, PermissionDenied):
            return False


def _quoted(name: str) -> str:
    return f"`{name.replace('`', '``')}`"
