"""Reads who was given what in one catalog: in bulk by SQL where that shows everything, else object by object."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import msgspec

from governance.errors import AuthenticationError, NotFound, PermissionDenied, RecordError, Terminal, Transient
from governance.filters import NameFilter
from governance.listing import FactPage, Quarantined, Reason
from governance.model import Fact, Grant, Policy
from governance.text import clean
from resources.databricks import translate_access
from resources.databricks.client_catalogs import schemas
from resources.databricks.client_errors import EndpointAbsent
from resources.databricks.client_privileges import Privileges
from resources.databricks.client_session import Json, Workspace, part
from resources.databricks.client_sql import Warehouse
from resources.databricks.translate import cleaned, place, qualified

PAGE = 1_000
_ABSENT = "not available on this server"
_TABLE_POLICIES = "of catalogs and schemas only; those of single tables cost one call each: details: true asks for them"


class Objects(msgspec.Struct, frozen=True):
    """A kind of object in a schema: our word, the API's, where it is listed, and its relation of privileges in SQL."""

    kind: str
    securable: str
    path: str
    key: str
    relation: str = ""


OBJECTS = (
    Objects("table", "table", "/tables", "tables", "table"),
    Objects("volume", "volume", "/volumes", "volumes", "volume"),
    Objects("function", "function", "/functions", "functions", "routine"),
    # registered models have no relation in information_schema
    Objects("model", "registered_model", "/models", "registered_models"),
)


class Securable(msgspec.Struct, frozen=True):
    """One object that privileges are given on: our word and the API's, its name here and there."""

    kind: str
    word: str
    place: str
    full_name: str


class Harvest:
    """What a reading gathers until it is a page."""

    def __init__(self) -> None:
        self.facts: list[Fact] = []
        self.quarantined: list[Quarantined] = []
        self.reasons: list[Reason] = []
        self.notes: dict[str, str] = {}
        self.counts: Counter[str] = Counter()

    def add(self, name: str | None, payload: Any, facts: Iterable[Fact]) -> None:
        """The facts of one record; the record itself where it cannot be understood."""
        try:
            self.facts.extend(facts)
        except RecordError as error:
            self.quarantined.append(Quarantined(name, error.message, payload))

    def page(self) -> FactPage:
        """What there is, as a page; the next begins empty."""
        facts, quarantined, reasons = tuple(self.facts), tuple(self.quarantined), tuple(self.reasons)
        page = FactPage(facts, quarantined, reasons, dict(self.notes), dict(self.counts))
        for gathered in (self.facts, self.quarantined, self.reasons, self.notes, self.counts):
            gathered.clear()
        return page


class CatalogGrants:
    """Reads one catalog; for one reading, by one thread."""

    def __init__(self, workspace: Workspace, privileges: Privileges, catalog: Json, names: NameFilter) -> None:
        self._workspace, self._privileges, self._names = workspace, privileges, names
        self._warehouse = Warehouse(workspace)
        self._catalog = catalog
        self._name = str(catalog["name"])
        self._of: Harvest = Harvest()
        self._denied: list[str] = []
        self._by_sql = False
        self._asks_objects = True
        self._calls = 0
        self._policies_absent = False

    def pages(self) -> Iterator[FactPage]:
        """Grants, owners, filters, masks and policies of the catalog and all in it."""
        sight = self._privileges.sight(self._catalog)
        # where we are shown our own grants only, a call for each object would tell next to nothing
        self._asks_objects = sight != "own"
        top = Securable("catalog", "catalog", qualified(clean(self._name)), self._name)
        yield from self._bulk(sight == "managed", top)
        if sight == "unknown":
            self._of.notes["rights"] = "the server does not say who asks; taken to show everything"
        self._container(top, self._catalog)
        for schema in schemas(self._workspace, self._name):
            full = f"{self._name}.{schema['name']}"
            below = Securable("schema", "schema", qualified(clean(self._name), clean(str(schema["name"]))), full)
            if not self._names.may_match_under(f"{below.place}."):
                continue
            self._container(below, schema)
            for objects in OBJECTS:
                yield from self._objects(objects, str(schema["name"]))
        yield self._closed(sight == "own")

    def _closed(self, short_sighted: bool) -> FactPage:
        """The last page, with what stood in the way."""
        if short_sighted:
            self._of.reasons.append(self._privileges.short_sighted(self._name))
        if self._denied:
            shown = ", ".join(self._denied[:3]) + (f" and {len(self._denied) - 3} more" if self._denied[3:] else "")
            reason = self._privileges.short_sighted(self._name)
            self._of.reasons.append(msgspec.structs.replace(reason, message=f"{shown}: the grants on it are denied"))
        if self._policies_absent:
            self._of.notes["policies"] = _ABSENT
        elif not self._workspace.connection.details:
            self._of.notes["policies"] = _TABLE_POLICIES
        if self._calls:
            self._of.notes["grants"] = f"{self._calls} objects asked one by one"
        return self._of.page()

    # --- by SQL ---

    def _bulk(self, is_managed: bool, top: Securable) -> Iterator[FactPage]:
        """Everything that one statement a relation tells, where there is a warehouse and it shows all of it."""
        if not self._warehouse.is_given:
            return
        try:
            own = [self._grant(row) for row in self._warehouse.rows(_on_catalog(self._name), {"catalog": self._name})]
            if is_managed and not self._shows_others(own, top):
                self._of.notes["sql"] = "shows our own grants only, as documented for who holds MANAGE: asked over REST"
                return
            self._by_sql = True
            self._of.facts += [g for g in own if g is not None]
            yield from self._rows(_below_catalog(self._name))
            yield from self._records("row_filters", translate_access.filter_row)
            yield from self._records("column_masks", translate_access.mask_row)
        except (AuthenticationError, Transient):
            raise
        except Terminal as error:
            self._by_sql = False
            self._of.notes["sql"] = f"asked over REST, since SQL was refused: {error.message[:200]}"

    def _shows_others(self, shown: list[Grant | None], top: Securable) -> bool:
        """Whether SQL shows what REST does of the catalog's own grants, among them somebody else's."""
        mine = self._privileges.identities()
        by_sql = {(g.principal, g.privilege) for g in shown if g is not None}
        given = [g for a in self._assigned(top) for g in translate_access.privileges(top.kind, top.place, a)]
        return {(g.principal, g.privilege) for g in given} == by_sql and any(who not in mine for who, _ in by_sql)

    def _rows(self, statement: str) -> Iterator[FactPage]:
        for row in self._warehouse.rows(statement, {"catalog": self._name}):
            if (found := self._grant(row)) is not None:
                self._of.facts.append(found)
            if len(self._of.facts) >= PAGE:
                yield self._of.page()

    def _grant(self, row: list[Any]) -> Grant | None:
        """A row of one of the relations of privileges; None where it is quarantined or not asked for."""
        try:
            kind, schema, name, grantee, word = row
            at = qualified(*(clean(str(p)) for p in (self._name, schema, name) if p))
            if not self._wanted(kind, at):
                return None
            return translate_access.grant(kind, at, grantee, word)
        except RecordError as error:
            self._of.quarantined.append(Quarantined(None, error.message, {"row": row}))
            return None

    def _records(self, relation: str, read: Callable[[Json], tuple[str, Policy]]) -> Iterator[FactPage]:
        statement = f"SELECT * FROM {_quoted(self._name)}.information_schema.{relation}"
        for record in self._warehouse.records(statement, {}):
            try:
                at, found = read(record)
                if self._names.matches(at):
                    self._of.facts.append(found)
            except RecordError as error:
                self._of.quarantined.append(Quarantined(None, error.message, record))
        if self._of.facts:
            yield self._of.page()

    def _wanted(self, kind: str, at: str) -> bool:
        if kind == "catalog":
            return True
        return self._names.may_match_under(f"{at}.") if kind == "schema" else self._names.matches(at)

    # --- over REST ---

    def _container(self, it: Securable, raw: Json) -> None:
        self._owned(it, raw)
        if not self._by_sql:
            self._asked(it)
        self._policies(it)

    def _objects(self, objects: Objects, schema: str) -> Iterator[FactPage]:
        """Owners of a kind of object in a schema, and what SQL has not told of them."""
        lean = {"omit_columns": True, "omit_properties": True} if objects.kind == "table" and self._by_sql else {}
        query = {"catalog_name": self._name, "schema_name": schema, "include_browse": True, **lean}
        try:
            for records in self._workspace.pages(objects.path, objects.key, **query):
                for raw in cleaned(records):
                    self._object(objects, raw)
                yield self._of.page()
        except EndpointAbsent:
            if objects.kind == "table":
                raise
            self._of.notes[objects.key] = _ABSENT
        except PermissionDenied as error:
            self._of.reasons.append(Reason.of(error))

    def _object(self, objects: Objects, raw: Any) -> None:
        at = place(raw)
        if at is None:
            self._of.quarantined.append(Quarantined(None, "the record has no name", raw))
            return
        if not self._names.matches(at):
            return
        full = ".".join(str(raw[f]) for f in ("catalog_name", "schema_name", "name"))
        it = Securable(objects.kind, objects.securable, at, full)
        self._owned(it, raw)
        if self._asks_objects and not (self._by_sql and objects.relation):
            self._asked(it)
        if objects.kind == "table":
            if not self._by_sql:
                self._of.add(at, raw, translate_access.table_policies(at, raw))
            if self._workspace.connection.details:
                self._policies(it)

    def _owned(self, it: Securable, raw: Json) -> None:
        found = translate_access.owner(it.kind, it.place, raw)
        if found is not None:
            self._of.facts.append(found)

    def _asked(self, it: Securable) -> None:
        self._calls += 1
        self._of.counts["objects_asked"] += 1
        try:
            for given in self._assigned(it):
                self._of.add(it.place, given, translate_access.privileges(it.kind, it.place, given))
        except NotFound:
            # dropped since it was listed
            return
        except PermissionDenied:
            self._denied.append(it.place)

    def _assigned(self, it: Securable) -> Iterator[Any]:
        path = f"/permissions/{it.word}/{part(it.full_name)}"
        for page in self._workspace.pages(path, "privilege_assignments"):
            yield from page

    def _policies(self, it: Securable) -> None:
        if self._policies_absent:
            return
        path = f"/policies/{it.kind.upper()}/{part(it.full_name)}"
        try:
            for page in self._workspace.pages(path, "policies"):
                for raw in page:
                    self._of.add(it.place, raw, translate_access.policies(it.kind, it.place, raw))
        except EndpointAbsent:
            self._policies_absent = True
        except NotFound:
            return
        except PermissionDenied as error:
            why = f"policies of {it.place} could not be read: {error.message}"
            self._of.reasons.append(Reason(error.code, why, error.operation, error.remedy))


def _on_catalog(catalog: str) -> str:
    return (
        "SELECT 'catalog', NULL, NULL, grantee, privilege_type "
        f"FROM {_quoted(catalog)}.information_schema.catalog_privileges WHERE catalog_name = :catalog AND {_GIVEN}"
    )


def _below_catalog(catalog: str) -> str:
    here = f"{_quoted(catalog)}.information_schema"
    parts = [
        f"SELECT 'schema', schema_name, NULL, grantee, privilege_type FROM {here}.schema_privileges "
        f"WHERE catalog_name = :catalog AND {_GIVEN}"
    ]
    parts += [
        f"SELECT '{o.kind}', {o.relation}_schema, {o.relation}_name, grantee, privilege_type "
        f"FROM {here}.{o.relation}_privileges WHERE {o.relation}_catalog = :catalog AND {_GIVEN}"
        for o in OBJECTS
        if o.relation
    ]
    return " UNION ALL ".join(parts)


_GIVEN = "coalesce(inherited_from, 'NONE') = 'NONE'"
"""What is inherited follows from what was given: it need not travel."""


def _quoted(name: str) -> str:
    return f"`{name.replace('`', '``')}`"
