"""Reads one account's Data Catalog: databases as scopes, tables a hundred at a time."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from typing import Any

import msgspec

from governance.errors import NotFound, PermissionDenied
from governance.filters import NameFilter
from governance.listing import Page, Presence, Probe, Quarantined, Reason, Scope, ScopeListing, Untranslated
from governance.model import Column, Container, Dataset, Tag
from resources.calls import Caller, CallPolicy, Meter
from resources.glue.client_bounds import bound
from resources.glue.client_errors import Classifier
from resources.glue.client_marks import Marks
from resources.glue.client_pages import pages
from resources.glue.client_probe import tried
from resources.glue.client_session import Connection, config_of, open_clients, open_session
from resources.glue.client_tags import LakeTags
from resources.glue.client_tokens import Record, TableDigest, digest_of, name_of
from resources.glue.translate import catalog_of, container_of, translated
from resources.glue.translate_names import arn_of
from resources.glue.translate_page import Context
from resources.glue.translate_tags import UNASSIGNED, Values, database_tags, table_tags
from resources.source import Memory, Reader

PAGE = 100
"""The most that Glue gives in one answer."""

_BY = "resources.glue.translate_page"
_DETAIL = ("Description", "LocationUri", "Parameters", "CatalogId", "FederatedDatabase")


class GlueReader(Reader):
    """One account and Region. Clients of boto3 are safe to share between threads; this only shares those."""

    listing_tells_token = True
    translates_apart = True

    def __init__(self, connection: Connection, policy: CallPolicy, *, fast: bool = True) -> None:
        self.connection, self._policy = connection, policy
        self._config = config_of(policy)
        self._session = open_session(connection, self._config, fast=fast)
        services = ("glue", "lakeformation") if connection.lake_formation else ("glue",)
        clients = self._opened(services)
        # not as boto3-stubs type it: with our parser times are numbers
        self._glue: Any = clients["glue"]
        self.meter = Meter()
        classify = Classifier(connection.region, connection.catalog_id, connection.role_arn)
        self._grant = classify.grant
        self._call = Caller("glue", classify, policy, self.meter)
        self._catalog = {"CatalogId": connection.catalog_id} if connection.catalog_id else {}
        self._tags = (
            LakeTags(clients["lakeformation"], self._call, self._catalog) if connection.lake_formation else None
        )

    def close(self) -> None:
        """Gives back the sockets."""
        self._glue.close()
        if self._tags is not None:
            self._tags.close()

    def _opened(self, services: tuple[str, ...]) -> dict[str, Any]:
        clients = open_clients(self._session, self.connection, self._config, services)
        for client in clients.values():
            bound(client, self._policy)
        return clients

    # --- what is there ---

    def scopes(self, names: NameFilter) -> ScopeListing:
        """Databases; a link to another account's database is a container, for its tables are that account's."""
        shown, hidden, links, catalogs = [], [], [], set[str]()
        for page in self._databases():
            for raw in page:
                name = str(raw["Name"])
                catalogs.add(str(raw.get("CatalogId") or ""))
                if raw.get("TargetDatabase"):
                    links.append(container_of(raw, (), self._arn("database", raw, name)))
                elif names.may_match_under(f"{name}."):
                    shown.append(Scope(name, "database", {k: raw[k] for k in _DETAIL if raw.get(k) is not None}))
                else:
                    hidden.append(name)
        above = [
            catalog_of(catalog, self._arn("catalog", {"CatalogId": catalog})) for catalog in sorted(catalogs - {""})
        ]
        return ScopeListing(tuple(shown), tuple(hidden), (*above, *links))

    def read(self, scope: Scope, names: NameFilter) -> Iterator[Page]:
        """The database's tables; its own record and tags come with the first page."""
        return self._pages(scope, None)

    def read_changed(self, scope: Scope, names: NameFilter, memory: Memory) -> Iterator[Page]:
        """A record is known by its bytes and its tags; where tags are asked for table by table, none is passed over."""
        return self._pages(scope, memory)

    def _pages(self, scope: Scope, memory: Memory | None) -> Iterator[Page]:
        above = self._tags.of_database(scope.name) if self._tags else {}
        raw = {"Name": scope.name, **(scope.detail or self._database(scope.name))}
        database = container_of(raw, database_tags(above), self._arn("database", raw, scope.name))
        containers: tuple[Container, ...] = (database,)
        told: Reason | None = None
        digest = TableDigest()
        if self._tags is not None:
            digest.add_tags(self._tags.summary(scope.name, above))
        marks = Marks(memory, scope.name, above, self._tags)
        tags_of = self._tags_of(scope.name, above)
        context = Context(
            scope.name, self.connection.region, self.connection.catalog_id, above if self._tags is not None else None
        )
        for records in self._tables(scope.name, digest):
            self.meter.add(pages=1)
            digests = [digest_of(r) for r in records]
            digest.add(digests)
            known, rest = marks.sifted(records, digests)
            if memory is not None and (later := self._later(context, rest)) is not None:
                marks_of = tuple(mark for _, mark in rest)
                token = digest.token if digest.is_whole else ""
                yield Page((), containers, passed_over=known, token=token, fingerprints=marks_of, untranslated=later)
                containers = ()
                continue
            found = list(translated([r for r, _ in rest], scope.name, context.arn, tags_of))
            denied = self._tags.denied() if self._tags else None
            reasons = (denied,) if denied and denied != told else ()
            told = denied or told
            unread = ("tags",) if denied else ()
            yield Page(
                tuple(d for d in found if isinstance(d, Dataset)),
                containers,
                tuple(q for q in found if isinstance(q, Quarantined)),
                reasons,
                unread=unread,
                token=digest.token if digest.is_whole else "",
                passed_over=known,
                fingerprints=tuple(m for d, (_, m) in zip(found, rest, strict=True) if isinstance(d, Dataset)),
            )
            containers = ()

    def _later(self, context: Context, rest: list[tuple[Record, bytes]]) -> Untranslated | None:
        """The records with all that decides what becomes of them; None where that has to be asked for one by one."""
        if not rest or not all(isinstance(record, msgspec.Raw) for record, _ in rest):
            return None
        if self._tags is not None and not self._tags.are_searched:
            return None
        if self._tags is not None:
            told = {name: self._tags.of_table(context.database, name) for r, _ in rest if (name := name_of(r))}
            tables = {name: assigned for name, assigned in told.items() if assigned != UNASSIGNED}
            context = msgspec.structs.replace(context, tables=tables)
        return Untranslated(_BY, msgspec.to_builtins(context), tuple(bytes(record) for record, _ in rest))

    def presence(self, scope: Scope) -> Presence:
        """Only EntityNotFound is evidence; a refusal is none."""
        try:
            self._database(scope.name)
        except NotFound:
            return Presence.ABSENT
        except PermissionDenied:
            return Presence.UNKNOWN
        return Presence.PRESENT

    def change_tokens(self, scopes: Sequence[Scope], *, whole: bool = False) -> Iterator[tuple[str, str]]:
        """A digest of each table's record as the service sent it; a whole one has the Lake Formation tags too.

        Tags are in it where they can be searched for: asked for table by table they would cost more than the listing.
        """
        for scope in scopes:
            try:
                yield scope.name, self._token(scope, whole)
            except NotFound:
                continue

    def _token(self, scope: Scope, whole: bool) -> str:
        digest = TableDigest()
        if self._tags is not None and whole:
            digest.add_tags(self._tags.summary(scope.name, self._tags.of_database(scope.name)))
        for records in self._tables(scope.name):
            digest.add(map(digest_of, records))
        return digest.token

    # --- whether it may be read ---

    def probe(self) -> Iterator[Probe]:
        """Identity first; then each call that a sync makes."""
        identity = tried("sts:GetCallerIdentity", self._identity)
        yield identity
        if not identity.ok:
            return
        names: list[str] = []

        def listed() -> str:
            names.extend(self._names(1))
            return f"{len(names)} on the first page"

        yield tried("glue:GetDatabases", listed)
        if names:
            yield tried("glue:GetDatabase", lambda: f"{names[0]} in {self._database(names[0])['CatalogId']}")
            yield tried(
                "glue:GetTables", lambda: f"{len(next(self._tables(names[0])))} on the first page of {names[0]}"
            )
        if self._tags is not None:
            yield from self._probe_tags(self._tags, names)

    def _identity(self) -> str:
        # a client of its own, for a tenth of a second that no sync needs
        with closing(self._opened(("sts",))["sts"]) as sts:
            identity = self._call("sts:GetCallerIdentity", sts.get_caller_identity)
        return f"{identity['Arn']} in {self.connection.region}"

    def _probe_tags(self, tags: LakeTags, names: Sequence[str]) -> Iterator[Probe]:
        yield tried("lakeformation:ListLFTags", tags.visible)
        if names:
            yield tried("lakeformation:GetResourceLFTags", lambda: f"{len(tags.ask_database(names[0]))} on {names[0]}")
        yield tried("lakeformation:SearchTablesByLFTags", tags.can_search)

    # --- calls ---

    def _databases(self) -> Iterator[list[Any]]:
        return pages("glue:GetDatabases", "DatabaseList", lambda token: self._ask_databases(token, PAGE))

    def _ask_databases(self, token: dict[str, str], size: int) -> dict[str, Any]:
        answer: Mapping[str, Any] = self._call(
            "glue:GetDatabases",
            lambda: self._glue.get_databases(**self._catalog, **token, MaxResults=size),
        )
        return dict(answer)

    def _names(self, pages_wanted: int) -> list[str]:
        first = [page for page, _ in zip(self._databases(), range(pages_wanted), strict=False)]
        return [str(raw["Name"]) for page in first for raw in page if not raw.get("TargetDatabase")]

    def _database(self, name: str) -> dict[str, Any]:
        answer: Mapping[str, Any] = self._call(
            "glue:GetDatabase",
            lambda: self._glue.get_database(**self._catalog, Name=name),
        )
        raw: dict[str, Any] = answer["Database"]
        return raw

    def _tables(self, database: str, digest: TableDigest | None = None) -> Iterator[list[Record]]:
        def ask(token: dict[str, str]) -> dict[str, Any]:
            answer: Mapping[str, Any] = self._call(
                "glue:GetTables",
                lambda: self._glue.get_tables(
                    **self._catalog,
                    **token,
                    DatabaseName=database,
                    MaxResults=PAGE,
                ),
            )
            if digest is not None:
                digest.is_whole = not answer.get("NextToken")
            return dict(answer)

        return pages("glue:GetTables", "TableList", ask)

    def _tags_of(self, database: str, above: Values) -> Callable[[str, tuple[Column, ...]], tuple[Tag, ...]]:
        lake = self._tags
        if lake is None:
            return lambda table, columns: ()
        return lambda table, columns: table_tags(database, table, above, lake.of_table(database, table), columns)

    def _arn(self, kind: str, raw: Mapping[str, Any], name: str = "") -> str | None:
        account = raw.get("CatalogId") or self.connection.catalog_id
        return arn_of(self.connection.region, str(account), kind, name) if account else None
