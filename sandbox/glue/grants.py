"""Lake Formation's permissions and filters and Glue's resource policies, where moto lacks them or answers unlike AWS.

moto keeps what is granted, settings and policies; it lists permissions without pages and to anybody, and has no filters
and no named expressions.
"""

from collections.abc import Callable
from typing import Any

from moto.glue.models import glue_backends
from moto.lakeformation.models import lakeformation_backends

from sandbox.glue.dataflow import graph
from sandbox.glue.gate import Refused
from sandbox.glue.paging import answer, page, plain

Json = dict[str, Any]
_FILTER_KEY = ("TableCatalogId", "DatabaseName", "TableName", "Name")


class Grants:
    """One account's Lake Formation as AWS answers for it.

    Args:
        account: moto's account, where the state is.
        region: the Region.
    """

    def __init__(self, account: str, region: str) -> None:
        self.account, self.region = account, region
        self.filters: dict[tuple[str, ...], Json] = {}
        self.expressions: dict[str, Json] = {}

    def handler(self, operation: str, caller: str) -> Callable[[Json], Json] | None:
        """What answers this operation to this identity; None leaves it to moto."""
        return {
            "/ListPermissions": lambda query: self.permissions(query, caller),
            "/CreateDataCellsFilter": self.create_filter,
            "/DeleteDataCellsFilter": self.delete_filter,
            "/ListDataCellsFilter": self.list_filters,
            "/CreateLFTagExpression": self.create_expression,
            "/ListLFTagExpressions": self.list_expressions,
            "AWSGlue.GetResourcePolicies": self.policies,
            "AWSGlue.GetDataflowGraph": graph,
        }.get(operation)

    @property
    def _lake(self) -> Any:
        return lakeformation_backends[self.account][self.region]

    def permissions(self, query: Json, caller: str) -> Json:
        """ListPermissions: all of them to administrators, to others their own; with a table its filters on request."""
        catalog = self._lake.grants.get(self.account)
        told = [p.to_external_form() for p in (catalog.permissions if catalog else ())]
        if not self._is_admin(caller):
            told = [p for p in told if p["Principal"]["DataLakePrincipalIdentifier"] == caller]
        found = {_key(p): self._complete(p) for p in told if self._asked(p["Resource"], query)}
        names, token = page(sorted(found), query, 1000)
        return answer("PrincipalResourcePermissions", [found[n] for n in names], token)

    def create_filter(self, query: Json) -> Json:
        """CreateDataCellsFilter."""
        told = query["TableData"]
        key = tuple(str(told[k]) for k in _FILTER_KEY)
        if key in self.filters:
            raise Refused(400, "AlreadyExistsException", "Data cells filter already exists.")
        self.filters[key] = told
        return {}

    def delete_filter(self, query: Json) -> Json:
        """DeleteDataCellsFilter."""
        if self.filters.pop(tuple(str(query.get(k)) for k in _FILTER_KEY), None) is None:
            raise Refused(400, "EntityNotFoundException", "Data cells filter does not exist.")
        return {}

    def list_filters(self, query: Json) -> Json:
        """ListDataCellsFilter: of the account, or of one table."""
        table = query.get("Table") or {}
        wanted = [table.get("DatabaseName"), table.get("Name")]
        found = {"\0".join(k): f for k, f in self.filters.items() if not table or list(k[1:3]) == wanted}
        names, token = page(sorted(found), query, 1000)
        return answer("DataCellsFilters", [found[n] for n in names], token)

    def create_expression(self, query: Json) -> Json:
        """CreateLFTagExpression."""
        self.expressions[query["Name"]] = {
            "Name": query["Name"],
            "CatalogId": self.account,
            "Expression": query["Expression"],
        }
        return {}

    def list_expressions(self, query: Json) -> Json:
        """ListLFTagExpressions."""
        names, token = page(sorted(self.expressions), query, 1000)
        return answer("LFTagExpressions", [self.expressions[n] for n in names], token)

    def policies(self, query: Json) -> Json:
        """GetResourcePolicies."""
        found = glue_backends[self.account][self.region].resource_policies
        names, token = page(sorted(found), query, 1000)
        return answer("GetResourcePoliciesResponseList", [plain(found[n]) for n in names], token)

    def _is_admin(self, caller: str) -> bool:
        settings = self._lake.get_data_lake_settings(self.account)
        admins = [*settings.get("DataLakeAdmins", ()), *settings.get("ReadOnlyAdmins", ())]
        # a session of a role is the role
        role = caller.replace(":sts:", ":iam:").replace(":assumed-role/", ":role/").rpartition("/")[0]
        return {caller, role} & {a["DataLakePrincipalIdentifier"] for a in admins} != set()

    def _asked(self, resource: Json, query: Json) -> bool:
        cells, table = resource.get("DataCellsFilter"), (query.get("Resource") or {}).get("Table")
        if table is None:
            return True
        inner = resource.get("Table") or resource.get("TableWithColumns") or {}
        if cells is not None:
            inner = {"DatabaseName": cells["DatabaseName"], "Name": cells["TableName"]}
            if query.get("IncludeRelated") != "TRUE":
                return False
        return all(inner.get(k) == table.get(k) for k in ("DatabaseName", "Name"))

    def _complete(self, permission: Json) -> Json:
        """With the catalog that AWS adds, and sorted lists, which moto keeps as sets."""
        kind, inner = next(iter(permission["Resource"].items()))
        if kind == "Catalog":
            inner = {"Id": self.account, **inner}
        elif kind != "DataCellsFilter":
            inner = {"CatalogId": self.account, **inner}
        lists = {k: sorted(permission[k]) for k in ("Permissions", "PermissionsWithGrantOption")}
        return {**permission, **lists, "Resource": {kind: inner}}


def _key(permission: Json) -> str:
    return repr((permission["Principal"], permission["Resource"]))
