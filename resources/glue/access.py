"""Reads who may do what in one Data Catalog, from Lake Formation and from resource policies."""

from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial

from governance.errors import GovernanceError, PermissionDenied, RecordError
from governance.filters import NameFilter
from governance.listing import FactPage, Probe, Quarantined, Reason, Scope, ScopeListing
from governance.model import Fact
from resources.calls import CallPolicy
from resources.facets import FactReader
from resources.glue.client_calls import Calls
from resources.glue.client_permissions import Permissions
from resources.glue.client_probe import tried
from resources.glue.client_session import Connection
from resources.glue.resource import GlueResource
from resources.glue.translate_access import Catalog
from resources.glue.translate_policy import facts_of_statement, statements_of
from resources.glue.translate_record import cleaned

POLICIES = 100
"""A policy may have ten kilobytes."""
_POLICIES = "glue:GetResourcePolicies"


def open_reader(resource: GlueResource) -> "AccessReader":
    """A reader of the source's access.

    Raises:
        ConfigurationError: a secret is missing, the profile does not exist, or fields contradict each other.
    """
    return AccessReader(resource.connect(), resource.policy)


class AccessReader(FactReader):
    """One account and Region. A part is what one right lets read, so that a missing one spoils no other part."""

    def __init__(self, connection: Connection, policy: CallPolicy) -> None:
        services = ("glue", "lakeformation") if connection.lake_formation else ("glue",)
        self._calls = Calls(connection, policy, services)
        self.meter = self._calls.meter
        self._lake = Permissions(self._calls)
        self._parts: dict[str, Callable[[Catalog], Iterator[FactPage]]] = {"resource_policy": self._policies}
        if connection.lake_formation:
            self._parts |= {
                "permissions": self._lake.permissions,
                "cell_filters": self._lake.cell_filters,
                "settings": self._lake.settings,
            }

    def close(self) -> None:
        """Gives back the sockets."""
        self._calls.close()

    def parts(self, names: NameFilter) -> ScopeListing:
        """One for each listing; what is Lake Formation's only where the connection reads it."""
        return ScopeListing(tuple(Scope(name, "listing") for name in sorted(self._parts)))

    def read(self, part: Scope, names: NameFilter) -> Iterator[FactPage]:
        """The part's pages; a right that is missing is the reason on the last."""
        try:
            yield from self._parts[part.name](self._catalog(names))
        except PermissionDenied as error:
            yield FactPage(reasons=(Reason.of(error),))

    def _catalog(self, names: NameFilter) -> Catalog:
        return Catalog(self._calls.connection.region, self._calls.catalog, names, self._lake.expression)

    def _policies(self, catalog: Catalog) -> Iterator[FactPage]:
        """The catalog's own resource policy, and those that sharing through RAM has made."""
        foreign = self._calls.foreign("resource policies", _POLICIES)
        if foreign is not None:
            yield FactPage(reasons=(foreign,))
            return
        for page in self._calls.listed(_POLICIES, "GetResourcePoliciesResponseList", POLICIES):
            facts: list[Fact] = []
            odd: list[Quarantined] = []
            counts: Counter[str] = Counter()
            for told in page:
                try:
                    for statement in statements_of(told.get("PolicyInJson")):
                        facts += facts_of_statement(statement, catalog, counts)
                except RecordError as error:
                    odd.append(Quarantined(None, error.message, cleaned(told)))
            yield FactPage(tuple(facts), tuple(odd), counts={k: n for k, n in counts.items() if n})

    # --- whether it may be read ---

    def probe(self) -> Iterator[Probe]:
        """Each call that a reading makes, once."""
        lake, catalog = self._lake, self._catalog(NameFilter())
        ask = partial(tried, facet="access")
        if "permissions" in self._parts:
            yield ask("lakeformation:ListPermissions", lambda: f"{len(next(lake.listed()))} on the first page")
            yield ask("lakeformation:ListDataCellsFilter", lambda: f"{len(next(lake.filters()))} filters")
            yield ask("lakeformation:GetDataLakeSettings", lake.admins)
            yield self._whole()
            yield ask("lakeformation:ListLFTagExpressions", lake.expressions)
        yield ask(_POLICIES, lambda: self._counted(catalog))

    def _whole(self) -> Probe:
        name = "access: all permissions are shown"
        try:
            reason = self._lake.why_not_all()
        except GovernanceError as error:
            return Probe(name, False, error.message, "ReadOnlyAdmins", error.remedy)
        if reason is not None:
            return Probe(name, False, reason.message, "ReadOnlyAdmins", reason.remedy)
        return Probe(name, True, "this identity is a data lake administrator, or may look like one")

    def _counted(self, catalog: Catalog) -> str:
        pages = list(self._policies(catalog))
        for reason in (r for page in pages for r in page.reasons):
            raise PermissionDenied(reason.message, operation=reason.operation, remedy=reason.remedy)
        return f"{sum(len(page.facts) for page in pages)} facts in the resource policies"
