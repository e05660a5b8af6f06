"""Reads a workspace: its scopes, what lies in them page by page, and whether something changed."""

import hashlib
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import msgspec
import structlog

from governance.errors import (
    AuthenticationError,
    GovernanceError,
    NotFound,
    PermissionDenied,
    ProtocolError,
    RecordError,
)
from governance.filters import NameFilter
from governance.listing import Page, Presence, Probe, Quarantined, Reason, Scope, ScopeListing
from governance.model import Container, Dataset
from governance.text import clean
from resources.calls import CallPolicy
from resources.databricks import translate
from resources.databricks.client_catalogs import catalogs, schemas
from resources.databricks.client_errors import EndpointAbsent
from resources.databricks.client_privileges import Privileges
from resources.databricks.client_session import Connection, Workspace, part
from resources.databricks.client_tags import TagBook, TagReader
from resources.source import Reader

log = structlog.get_logger(__name__)


class Listed(msgspec.Struct, frozen=True):
    """A kind of object in a schema, and how it is listed."""

    namespace: str
    path: str
    key: str
    translated: Callable[[translate.Json, translate.Tags], Dataset]


LISTED = (
    Listed("relation", "/tables", "tables", translate.table),
    Listed("volume", "/volumes", "volumes", translate.volume),
    Listed("function", "/functions", "functions", translate.function),
    Listed("model", "/models", "registered_models", translate.model),
)


class DatabricksReader(Reader):
    """One open connection to one workspace."""

    def __init__(self, connection: Connection, policy: CallPolicy) -> None:
        self._connection = connection
        self._workspace = Workspace(connection, policy)
        self.meter = self._workspace.meter
        self._tags = TagReader(self._workspace)
        self._privileges = Privileges(self._workspace)

    def probe(self) -> Iterator[Probe]:
        """Reachable, authenticated, which catalogs may be read, and the warehouse; see `Privileges`."""
        yield from self._privileges.probe(lambda: catalogs(self._workspace))

    def scopes(self, names: NameFilter) -> ScopeListing:
        """Every schema of every catalog, but the platform's own."""
        scopes: list[Scope] = []
        hidden: list[str] = []
        containers: list[Container] = []
        reasons: list[Reason] = []
        self._privileges.identities()
        found = catalogs(self._workspace)
        for catalog in found:
            try:
                name = str(catalog["name"])
                inside = schemas(self._workspace, name)
                shown = [s for s in inside if names.may_match_under(f"{_scope_name(s)}.")]
                hidden += [_scope_name(s) for s in inside if s not in shown]
                scopes += [_scope(s) for s in shown]
                if not shown and inside:
                    continue
                book = self._tags.of_catalog(name, [str(s["name"]) for s in shown])
                reasons += book.reasons
                containers.append(translate.container(catalog, "catalog", book.tags))
                containers += [translate.container(s, "schema", book.tags) for s in shown]
            except AuthenticationError:
                raise
            except GovernanceError as error:
                # one catalog that cannot be read, such as a foreign one whose server is down, hides no other
                reasons.append(Reason.of(error))
        if not found:
            reasons.append(self._privileges.no_catalogs())
        return ScopeListing(tuple(scopes), tuple(hidden), tuple(containers), tuple(reasons))

    def read(self, scope: Scope, names: NameFilter) -> Iterator[Page]:
        """Tables, volumes, functions and models of a schema, page by page."""
        catalog, schema = _parts(scope)
        self._privileges.identities()
        place = {"catalog_name": catalog, "schema_name": schema}
        book = self._tags.of_schema(catalog, schema)
        if book.reasons or book.notes:
            yield Page(reasons=book.reasons, notes=book.notes)
        relations = 0
        for kind in LISTED:
            try:
                for records in self._workspace.pages(kind.path, kind.key, include_browse=True, **place):
                    relations += len(records) if kind.namespace == "relation" else 0
                    yield self._page(kind, records, book, names)
            except EndpointAbsent:
                if kind.namespace == "relation":
                    raise
                yield Page(notes={kind.key: "not available on this server"})
            except (PermissionDenied, ProtocolError) as error:
                # without its tables a schema is not read at all; they are worth having without the other parts, which
                # a foreign catalog may refuse to list
                if kind.namespace == "relation":
                    raise
                yield Page(reasons=(Reason.of(error),))
        if not relations and (reason := self._privileges.blind(catalog, schema)):
            yield Page(reasons=(reason,))

    def presence(self, scope: Scope) -> Presence:
        """Asks for the schema itself; only the API's own 404 counts as gone."""
        catalog, schema = _parts(scope)
        try:
            self._workspace.get(f"/schemas/{part(f'{catalog}.{schema}')}")
        except EndpointAbsent:
            return Presence.UNKNOWN
        except NotFound:
            return Presence.ABSENT
        except PermissionDenied:
            return Presence.UNKNOWN
        return Presence.PRESENT

    def change_tokens(self, scopes: Sequence[Scope], *, whole: bool = False) -> Iterator[tuple[str, str]]:
        """Count, newest change and digest of each schema, from listings without columns and properties.

        Moves with every change of an object; not with tags, which Unity Catalog does not count as one: a whole token
        has a digest of them, where SQL tells them.
        """
        for scope in scopes:
            try:
                yield scope.name, self._token(scope) + (self._tags.digest(*_parts(scope)) if whole else "")
            except (NotFound, PermissionDenied) as error:
                log.info("databricks.no_change_token", scope=scope.name, error=error.code)

    def close(self) -> None:
        """Gives back the sockets."""
        self._workspace.close()

    def _page(self, kind: Listed, records: list[Any], book: TagBook, names: NameFilter) -> Page:
        """The records translated; what they lack because of a missing privilege is a reason."""
        records = translate.cleaned(records)
        wanted = [r for r in records if (place := translate.place(r)) is None or names.matches(place)]
        browsed = [r for r in wanted if isinstance(r, dict) and r.get("browse_only")]
        if browsed:
            # a table whose columns are withheld would look like one that lost them
            wanted = [r for r in wanted if not (kind.namespace == "relation" and _is_withheld(r))]
        own = self._tags.of_objects(kind.namespace, wanted)
        tags = {**book.tags, **own.tags}
        datasets: list[Dataset] = []
        quarantined: list[Quarantined] = []
        reasons = [*own.reasons]
        for record in wanted:
            try:
                if not isinstance(record, dict):
                    raise RecordError("the record is no JSON object", platform="databricks", operation=kind.path)
                if self._connection.details and kind.namespace == "relation":
                    record = self._in_full(record, reasons)
                datasets.append(kind.translated(record, tags))
            except RecordError as error:
                quarantined.append(Quarantined(translate.place(record), error.message, record))
        if browsed:
            names_of = [str(translate.place(r)) for r in browsed]
            reasons.append(self._privileges.withheld(str(browsed[0].get("catalog_name")), names_of))
        unread = () if book.is_whole and own.is_whole else ("tags",)
        return Page(tuple(datasets), (), tuple(quarantined), tuple(reasons), own.notes, unread)

    def _in_full(self, record: dict[str, Any], reasons: list[Reason]) -> dict[str, Any]:
        """The record as GET gives it, with what listings leave out; as listed where it was dropped since, or denied."""
        full = ".".join(str(record.get(f)) for f in ("catalog_name", "schema_name", "name"))
        try:
            found = self._workspace.get(f"/tables/{part(full)}", {"include_browse": True})
            return dict(translate.cleaned([found])[0])
        except NotFound:
            return record
        except PermissionDenied as error:
            reasons.append(Reason.of(error))
            return record

    def _token(self, scope: Scope) -> str:
        catalog, schema = _parts(scope)
        count, newest = 0, 0
        lines: list[str] = []
        for kind in LISTED:
            lean = {"omit_columns": True, "omit_properties": True} if kind.namespace == "relation" else {}
            query = {"catalog_name": catalog, "schema_name": schema, "include_browse": True, **lean}
            try:
                for page in self._workspace.pages(kind.path, kind.key, **query):
                    for record in (r for r in page if isinstance(r, dict)):
                        updated = moment if isinstance(moment := record.get("updated_at"), int) else 0
                        count, newest = count + 1, max(newest, updated)
                        lines.append(f"{kind.namespace}\0{record.get('name')}\0{updated}\0{record.get('owner')}")
            except (EndpointAbsent, PermissionDenied):
                if kind.namespace == "relation":
                    raise
                lines.append(f"{kind.namespace} cannot be read")
        digest = hashlib.blake2b("\n".join(sorted(lines)).encode(errors="surrogatepass"), digest_size=8).hexdigest()
        return f"{count}-{newest}-{digest}"


def _is_withheld(record: Any) -> bool:
    return isinstance(record, dict) and bool(record.get("browse_only")) and "columns" not in record


def _scope_name(schema: dict[str, Any]) -> str:
    return translate.qualified(clean(schema["catalog_name"]), clean(schema["name"]))


def _scope(schema: dict[str, Any]) -> Scope:
    detail = {"catalog": schema["catalog_name"], "schema": schema["name"]}
    return Scope(_scope_name(schema), "schema", detail)


def _parts(scope: Scope) -> tuple[str, str]:
    """Catalog and schema; from the detail where the name is the one that belongs to it."""
    catalog, schema = str(scope.detail.get("catalog", "")), str(scope.detail.get("schema", ""))
    if translate.qualified(catalog, schema) == scope.name:
        return catalog, schema
    head, _, tail = scope.name.partition(".")
    return head, tail
