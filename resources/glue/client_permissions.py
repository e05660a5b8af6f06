"""Reads Lake Formation's permissions, data cells filters and settings, and knows whether all of them are shown."""

import re
import threading
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from governance.errors import NotFound, PermissionDenied, ProtocolError, RecordError
from governance.listing import FactPage, Quarantined, Reason
from governance.model import Fact, Grant
from resources.glue.client_calls import Calls
from resources.glue.translate_access import KNOWN, Catalog, Condition, condition_of, facts_of, resource_of
from resources.glue.translate_cells import CellFilter, Key, filter_of, grants_on_filter, key_of, policy_of
from resources.glue.translate_record import cleaned
from resources.glue.translate_settings import admins_of, grants_of_settings, notes_of

PAGE = 1000
_PERMISSIONS = "lakeformation:ListPermissions"
_FILTERS = "lakeformation:ListDataCellsFilter"
_SETTINGS = "lakeformation:GetDataLakeSettings"
_EXPRESSIONS = "lakeformation:ListLFTagExpressions"
_SESSION = re.compile(r"arn:(aws[a-z-]*):sts::(\d+):assumed-role/([^/]+)/.*")


class Permissions:
    """Lake Formation of one catalog."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls
        self._lock = threading.Lock()
        self._expressions: dict[str, Any] | None = None
        self._refused: PermissionDenied | None = None

    def permissions(self, catalog: Catalog) -> Iterator[FactPage]:
        """All permissions but those on data cells filters, which come with the filters."""
        denied: set[Reason] = set()

        def told(entry: Any) -> Iterable[Fact]:
            try:
                return facts_of(entry, catalog)
            except PermissionDenied as error:
                # only what is given on a named expression needs them
                denied.add(Reason.of(error))
                return ()

        for entries in self.listed():
            yield translated(entries, told)
        if denied:
            yield FactPage(reasons=tuple(denied))
        yield from self._not_all()

    def cell_filters(self, catalog: Catalog) -> Iterator[FactPage]:
        """The filters as policies, and who sees what through them.

        Where a server shows permissions on filters only with those of their table, it is asked for each such table.
        """
        known: dict[Key, CellFilter | None] = {}
        for raws in self.filters():
            yield self._filters(raws, catalog, known)
        entries = [e for page in self.listed() for e in page if _is_of_cells(e)] if self._may_be_given(known) else []
        if not entries:
            entries = [e for key in sorted({k[:3] for k in known}) for e in self._of_table(key)]
        holders: dict[Key, list[str]] = defaultdict(list)

        def told(entry: Any) -> Iterable[Fact]:
            key = key_of(resource_of(entry)[1], catalog.id)
            given = self._filter(key, catalog, known)
            if given is None:
                return ()
            facts = grants_on_filter(entry, given)
            holders[key] += [fact.principal for fact in facts if isinstance(fact, Grant)]
            return facts

        yield translated(entries, told)
        yield FactPage(tuple(policy_of(given, holders[key]) for key, given in known.items() if given is not None))
        yield from self._not_all()

    def settings(self, catalog: Catalog) -> Iterator[FactPage]:
        """Administrators and defaults."""
        told = self._settings()
        page = translated([told], lambda settings: tuple(grants_of_settings(settings, catalog.id)))
        yield FactPage(page.facts, page.quarantined, notes=notes_of(told))

    def expression(self, name: str) -> Condition:
        """What a named LF-tag expression stands for.

        Raises:
            RecordError: there is none of this name.
            PermissionDenied: they cannot be read.
        """
        found = self._named()
        if name not in found:
            raise RecordError(f"the LF-tag expression {name} is not listed", platform="glue", operation=_EXPRESSIONS)
        return condition_of(found[name])

    def expressions(self) -> str:
        """How many named LF-tag expressions there are."""
        return f"{len(self._named())} named expressions"

    def _named(self) -> dict[str, Any]:
        """All named expressions, read when they are first asked for; a refusal is remembered too."""
        with self._lock:
            if self._refused is not None:
                raise self._refused
            if self._expressions is None:
                listing = self._calls.listed(_EXPRESSIONS, "LFTagExpressions", PAGE, **self._calls.catalog_argument)
                try:
                    self._expressions = {str(e.get("Name")): e.get("Expression") for page in listing for e in page}
                except PermissionDenied as error:
                    self._refused = error
                    raise
            return self._expressions

    def listed(self, **only: Any) -> Iterator[list[Any]]:
        """Pages of ListPermissions."""
        return self._calls.listed(
            _PERMISSIONS, "PrincipalResourcePermissions", PAGE, **self._calls.catalog_argument, **only
        )

    def filters(self, **only: Any) -> Iterator[list[Any]]:
        """Pages of ListDataCellsFilter, of our own account unless a table is named."""
        return self._calls.listed(_FILTERS, "DataCellsFilters", PAGE, **only)

    def why_not_all(self) -> Reason | None:
        """Why Lake Formation shows us a part of the permissions only; None for administrators, who see all.

        Raises:
            PermissionDenied: the settings, which tell administrators, cannot be read.
        """
        arn, admins = str(self._calls.identity()["Arn"]), admins_of(self._settings())
        if any(_same(arn, admin) for admin in admins):
            return None
        return Reason(
            PermissionDenied("").code,
            f"{arn} is no data lake administrator: Lake Formation shows it only what it may itself give or see",
            _PERMISSIONS,
            "add it to the read-only administrators (ReadOnlyAdmins) of the data lake settings: "
            "Lake Formation console, Administrative roles and tasks",
        )

    def admins(self) -> str:
        """How many administrators there are."""
        return f"{len(admins_of(self._settings()))} administrators"

    def _not_all(self) -> Iterator[FactPage]:
        reason = self.why_not_all()
        if reason is not None:
            yield FactPage(reasons=(reason,))

    def _settings(self) -> dict[str, Any]:
        answer = self._calls.ask(_SETTINGS, **self._calls.catalog_argument)
        told = answer.get("DataLakeSettings")
        if not isinstance(told, dict):
            remedy = "check endpoint_url: something that is not AWS seems to answer there"
            raise ProtocolError("the answer has no settings", platform="glue", operation=_SETTINGS, remedy=remedy)
        return told

    def _may_be_given(self, known: dict[Key, CellFilter | None]) -> bool:
        """Whether there may be filters at all: those of another account are not in the listing."""
        return bool(known) or self._calls.connection.catalog_id is not None

    def _filters(self, raws: list[Any], catalog: Catalog, known: dict[Key, CellFilter | None]) -> FactPage:
        def told(raw: Any) -> Iterable[Fact]:
            given = filter_of(raw, catalog)
            key = key_of(raw, catalog.id)
            if key[0] == catalog.id:
                known[key] = given
            return ()

        return translated(raws, told)

    def _filter(self, key: Key, catalog: Catalog, known: dict[Key, CellFilter | None]) -> CellFilter | None:
        """A filter that a permission names; asked for with its table where the listing did not have it."""
        if key not in known:
            table = dict(zip(("CatalogId", "DatabaseName", "Name"), key[:3], strict=True))
            for raws in self.filters(Table=table):
                known |= {key_of(raw, catalog.id): filter_of(raw, catalog) for raw in raws}
        if key not in known:
            raise RecordError(f"the filter {key[3]} of {key[1]}.{key[2]} is not listed", operation=_FILTERS)
        return known[key]

    def _of_table(self, key: tuple[str, str, str]) -> list[Any]:
        table = dict(zip(("CatalogId", "DatabaseName", "Name"), key, strict=True))
        try:
            listing = self.listed(Resource={"Table": table}, IncludeRelated="TRUE")
            return [entry for page in listing for entry in page if _is_of_cells(entry)]
        except NotFound:
            # dropped since its filters were listed
            return []


def translated(entries: Iterable[Any], translate: Callable[[Any], Iterable[Fact]]) -> FactPage:
    """A page of what the entries say; those that cannot be understood are quarantined."""
    facts: list[Fact] = []
    odd: list[Quarantined] = []
    for entry in entries:
        try:
            facts += translate(entry)
        except RecordError as error:
            odd.append(Quarantined(None, error.message, cleaned(entry)))
    unknown = sum(isinstance(f, Grant) and f.origin == "lake formation" and f.privilege not in KNOWN for f in facts)
    return FactPage(tuple(facts), tuple(odd), counts={"unknown_privileges": unknown} if unknown else {})


def _is_of_cells(entry: Any) -> bool:
    resource = entry.get("Resource") if isinstance(entry, dict) else None
    return isinstance(resource, dict) and "DataCellsFilter" in resource


def _same(arn: str, admin: str) -> bool:
    """Whether an identity is this administrator; a session of a role is the role, whose path its ARN does not tell."""
    match = _SESSION.fullmatch(arn)
    if match is None:
        return arn == admin
    partition, account, name = match.groups()
    return admin.startswith(f"arn:{partition}:iam::{account}:role/") and admin.rpartition("/")[2] == name
