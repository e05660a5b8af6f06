"""Reads one Purview account: collections as scopes, the assets of each by search and bulk reads of a hundred."""

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import Any

from governance.errors import GovernanceError, NotFound, PermissionDenied, RecordError
from governance.filters import NameFilter
from governance.listing import Page, Presence, Probe, Quarantined, Reason, Scope, ScopeListing
from governance.model import Container, Dataset
from resources.calls import CallPolicy, Meter
from resources.purview import client_collections, client_search
from resources.purview.client_collections import COLLECTIONS
from resources.purview.client_entities import BATCH, Batch, Entities
from resources.purview.client_errors import PLATFORM, role_remedy
from resources.purview.client_session import Connection, Session
from resources.purview.translate import container_of, dataset_of, kind_of
from resources.source import Reader

_LAG = "the search index may lag some minutes behind writes: what was just written may come with the next sync"

Json = Mapping[str, Any]


class PurviewReader(Reader):
    """One account. Its session is shared by threads; nothing else is kept but the size that bulk reads have learned."""

    def __init__(self, connection: Connection, policy: CallPolicy, *, page_size: int = client_search.LIMIT) -> None:
        self.meter = Meter()
        self._connection = connection
        self._session = Session(connection, policy, self.meter)
        self._entities = Entities(self._session)
        self._page_size = page_size

    def close(self) -> None:
        """Gives back the sockets."""
        self._session.close()

    # --- what is there ---

    def scopes(self, names: NameFilter) -> ScopeListing:
        """Every collection that this identity may read. A collection is no part of qualified names: none is hidden."""
        raw, odd = client_collections.everything(self._session)
        return ScopeListing(tuple(client_collections.scopes_of(raw)), reasons=odd)

    def read(self, scope: Scope, names: NameFilter) -> Iterator[Page]:
        """The collection's assets; a collection that may not be read gives a reason, never an empty success."""
        containers = self._container(scope)
        skipped: Counter[str] = Counter()
        found_any = False
        try:
            for found in client_search.assets(self._session, scope.name, self._page_size):
                self.meter.add(pages=1)
                found_any = found_any or bool(found.hits)
                skipped.update(str(h.get("objectType") or h.get("entityType")) for h in found.hits if not _is_one(h))
                wanted = [h for h in found.hits if _is_one(h) and _is_wanted(h, names)]
                for n in range(0, len(wanted), BATCH):
                    yield from self._pages(wanted[n : n + BATCH], scope, containers)
                    containers = ()
                if found.short is not None:
                    yield Page(containers=containers, reasons=(found.short,))
                    containers = ()
            # a search leaves out what may not be read without a word: an empty answer is asked about
            if not found_any:
                client_collections.one(self._session, scope.name)
        except PermissionDenied as error:
            yield Page(containers=containers, reasons=(_denied(error, scope),))
            return
        notes = {"index_lag": _LAG}
        if skipped:
            notes["no_datasets"] = ", ".join(f"{kind}: {n}" for kind, n in sorted(skipped.items()))
        yield Page(containers=containers, notes=notes)

    def presence(self, scope: Scope) -> Presence:
        """Absent where Purview says so and the list of collections, read to its end, does not have it either."""
        try:
            client_collections.one(self._session, scope.name)
        except PermissionDenied:
            return Presence.UNKNOWN
        except NotFound:
            raw, odd = client_collections.everything(self._session)
            return Presence.ABSENT if raw and not odd and scope.name not in raw else Presence.UNKNOWN
        return Presence.PRESENT

    def still_has(self, native_ids: Sequence[str]) -> Collection[str]:
        """By guid, which stays as it is in every collection; not those that went where they may not be read."""
        batch = Entities(self._session, parts=False, relationships=False).read(native_ids, few=True)
        found = {guid for guid, entity in batch.entities.items() if entity.get("status") != "DELETED"}
        return found | set(batch.broken)

    def change_tokens(self, scopes: Sequence[Scope], *, whole: bool = False) -> Iterator[tuple[str, str]]:
        """How many assets the search has in a collection and when the last one changed; it lags as the search does.

        A whole one is a digest of all the search tells of each: classifications, labels, terms, contacts too. That is a
        tenth of the calls of a listing. A column that is edited by itself moves no token: the search has no columns.
        """
        for scope in scopes:
            try:
                if whole:
                    yield scope.name, client_search.digest(self._session, scope.name)
                    continue
                count, last = client_search.newest(self._session, scope.name)
            except (NotFound, PermissionDenied):
                continue
            yield scope.name, f"{count}:{last}"

    # --- whether it may be read ---

    def probe(self) -> Iterator[Probe]:
        """Token first, then each call that a sync makes."""
        try:
            self._session.sign_in()
        except GovernanceError as error:
            yield _failed("purview:token", error)
            return
        yield Probe("purview:token", True, f"{self._connection.identity} at {self._connection.endpoint}")
        names: list[str] = []

        def collections() -> str:
            names.extend(client_collections.everything(self._session)[0])
            if not names:
                raise PermissionDenied("this identity may read no collection", platform=PLATFORM, operation=COLLECTIONS)
            return f"{len(names)} may be read: {', '.join(names[:5])}{' …' if len(names) > 5 else ''}"

        listed = _tried(COLLECTIONS, collections)
        yield listed
        if not listed.ok:
            return
        guids: list[str] = []

        def search() -> str:
            for name in names:
                for found in client_search.assets(self._session, name, 1):
                    guids.extend(str(h["id"]) for h in found.hits if _is_one(h))
                    break
                if guids:
                    return f"collection {name} has assets"
            return "no asset in any collection"

        yield _tried(client_search.OPERATION, search)
        if guids:
            yield _tried("purview:entity/bulk", lambda: self._readable(guids[0]))

    def _readable(self, guid: str) -> str:
        batch = self._entities.read([guid])
        for error in batch.denied.values():
            raise error
        return f"{len(batch.entities)} asset read by guid"

    # --- pages ---

    def _pages(self, hits: Sequence[Json], scope: Scope, containers: tuple[Container, ...]) -> Iterator[Page]:
        """A page of assets, and one of those whose columns could not all be read."""
        odd = [Quarantined(_name_of(h), "the search gave no id", dict(h)) for h in hits if not h.get("id")]
        by_guid = {str(h["id"]): h for h in hits if h.get("id")}
        batch, parts = self._entities.with_columns(by_guid)
        whole: list[Dataset] = []
        unread: list[Dataset] = []
        for guid, hit in by_guid.items():
            if guid in batch.broken:
                odd.append(Quarantined(_name_of(hit), batch.broken[guid].message, dict(hit)))
            entity = batch.entities.get(guid)
            if entity is None or entity.get("status") == "DELETED":
                continue
            columns = parts.get(guid, ())
            try:
                (unread if guid in batch.unread else whole).append(dataset_of(hit, entity, columns, scope.name))
            except RecordError as error:
                payload = {"search": dict(hit), "entity": dict(entity), "columns": [dict(c) for c in columns]}
                odd.append(Quarantined(_name_of(hit), error.message, payload))
        reasons, notes = _reasons(batch, by_guid, scope), _notes(batch, by_guid)
        yield Page(tuple(whole), containers, tuple(odd), reasons, notes)
        if unread:
            # the tags of columns come with them
            yield Page(tuple(unread), unread=("columns", "tags"))

    def _container(self, scope: Scope) -> tuple[Container, ...]:
        raw = scope.detail.get("raw") or {"name": scope.name}
        return (container_of(raw, list(scope.detail.get("path") or ())),)


def _is_one(hit: Json) -> bool:
    """Whether a hit is a dataset, as far as the search tells."""
    object_type = str(hit.get("objectType") or "")
    return not hit.get("glossaryType") and kind_of(str(hit.get("entityType") or ""), object_type) is not None


def _is_wanted(hit: Json, names: NameFilter) -> bool:
    name = _name_of(hit)
    return name is None or names.matches(name)


def _name_of(hit: Json) -> str | None:
    name = hit.get("qualifiedName")
    return name if isinstance(name, str) and name else None


def _notes(batch: Batch, asked: Mapping[str, Json]) -> dict[str, str]:
    """What the index still had and the Data Map has no more."""
    gone = sum(1 for guid in asked if guid in batch.gone)
    return {"gone": f"{gone} assets were in the search index but are deleted"} if gone else {}


def _reasons(batch: Batch, asked: Mapping[str, Json], scope: Scope) -> tuple[Reason, ...]:
    """Why the page is not whole: assets or columns that may not be read, or columns that could not."""
    out = [_denied(error, scope) for error in list(batch.denied.values())[:1]]
    parts = [error for guid, error in batch.broken.items() if guid not in asked]
    if parts:
        out.append(Reason(parts[0].code, f"{len(parts)} columns or schemas: {parts[0].message}", parts[0].operation))
    return tuple(out)


def _denied(error: PermissionDenied, scope: Scope) -> Reason:
    remedy = role_remedy(scope.name, str(scope.detail.get("friendly_name") or ""))
    return Reason(error.code, f"collection {scope.name}: {error.message}", error.operation, remedy)


def _tried(operation: str, ask: Callable[[], str]) -> Probe:
    try:
        return Probe(operation, True, ask())
    except GovernanceError as error:
        return _failed(operation, error)


def _failed(operation: str, error: GovernanceError) -> Probe:
    denied = isinstance(error, PermissionDenied)
    return Probe(
        operation,
        False,
        error.message,
        "Data reader" if denied else "",
        error.remedy or (role_remedy() if denied else ""),
    )
