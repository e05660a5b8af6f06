"""Reads an Atlas server's scopes: one for each type of dataset."""

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from governance.errors import PermissionDenied
from governance.filters import NameFilter
from governance.listing import Page, Presence, Probe, Scope, ScopeListing
from governance.text import clean
from resources.atlas.client import Atlas
from resources.atlas.translate import MALFORMED, Named, Translator
from resources.source import Reader

Json = Mapping[str, Any]

_MOST_NAMES = 100_000
"""Names kept by guid: parents and terms come again and again, sources of classifications less so."""


class AtlasReader(Reader):
    """One open connection to one server."""

    def __init__(self, atlas: Atlas) -> None:
        self.atlas = atlas
        self.meter = atlas.caller.meter
        self._names: dict[str, Named] = {}
        self._lock = threading.Lock()

    # --- what there is ---

    def probe(self) -> Iterator[Probe]:
        """Reachable and authenticated; may read types; may read entities."""
        version = self.atlas.version()
        yield Probe("connection", True, f"{version.get('Name', 'Atlas')} {version.get('Version', '')}".strip())
        try:
            types = self.atlas.types.dataset_types
        except PermissionDenied as error:
            yield Probe("types", False, error.message, "type-read", _grant("type-read on all types"))
            return
        yield Probe("types", True, f"{len(types)} types of dataset")
        try:
            found = next(iter(self.atlas.headers("DataSet")), [])
            list(self.atlas.entities([str(h["guid"]) for h in found[:1]]))
        except PermissionDenied as error:
            yield Probe("entities", False, error.message, "entity-read", _grant("entity-read on all entities"))
            return
        yield Probe("entities", True, "entities can be searched and read")

    def scopes(self, names: NameFilter) -> ScopeListing:
        """Every type of dataset. A type says nothing of its entities' names, so no filter hides one."""
        return ScopeListing(tuple(Scope(name, "type") for name in self.atlas.types.dataset_types))

    def presence(self, scope: Scope) -> Presence:
        """Whether the type is still defined."""
        return Presence.PRESENT if self.atlas.has_type(scope.name) else Presence.ABSENT

    def change_tokens(self, scopes: Sequence[Scope], *, whole: bool = False) -> Iterator[tuple[str, str]]:
        """Count and newest change of each type and of its columns' types: one search each.

        Atlas moves no time when only labels, terms, business metadata or propagated classifications change. A whole
        token has a digest of the headers of the type's entities too, which show all of them but business metadata, and
        what only columns have.
        """
        known: dict[str, str] = {}
        for scope in scopes:
            types = (scope.name, *sorted(self.atlas.types.part_types(scope.name)))
            for name in types:
                if name not in known:
                    known[name] = self.atlas.change_token(name)
            digest = [self.atlas.header_digest(scope.name)] if whole else []
            yield scope.name, "|".join([*(known[name] for name in types), *digest])

    # --- reading ---

    def read(self, scope: Scope, names: NameFilter) -> Iterator[Page]:
        """The type's entities a batch at a time; those that the filter excludes are never fetched."""
        said: set[str] = set()
        for headers in self.atlas.headers(scope.name):
            guids = [str(h["guid"]) for h in headers if names.is_open or _is_wanted(h, names)]
            for answer in self.atlas.entities(guids):
                self.meter.add(pages=1)
                yield self._page(answer, said)

    def _page(self, answer: Json, said: set[str]) -> Page:
        translator = Translator(self.atlas.types)
        entities = [e for e in answer.get("entities") or () if not _is_deleted(e)]
        parts = self._parts(translator, entities, answer.get("referredEntities") or {})
        names = self._named(translator, entities, parts)
        datasets, containers, odd = translator.records(entities, parts, names)
        new = tuple(c for name, c in containers.items() if name not in said)
        said.update(containers)
        return Page(datasets, new, odd)

    def _parts(self, translator: Translator, entities: list[Json], came: Mapping[str, Json]) -> dict[str, Json]:
        """The columns and storage descriptions of these entities; those that did not come along are fetched."""
        parts = {str(guid): clean(part) for guid, part in came.items() if _is_whole(part)}
        missing = [g for e in entities for g in _tolerant(translator.part_guids, e) if g not in parts]
        while missing:
            for answer in self.atlas.entities(list(dict.fromkeys(missing))):
                for part in (*(answer.get("entities") or ()), *(answer.get("referredEntities") or {}).values()):
                    parts[str(part.get("guid"))] = clean(part)
            inner = (g for m in missing if m in parts for g in _tolerant(translator.part_guids, parts[m]))
            missing = [g for g in inner if g not in parts]
        return parts

    def _named(self, translator: Translator, entities: list[Json], parts: Mapping[str, Json]) -> Mapping[str, Named]:
        """The names of everything that these entities refer to."""
        wanted = {g for e in entities for g in _tolerant(lambda one: translator.referred(one, parts), e)}
        with self._lock:
            if len(self._names) > _MOST_NAMES:
                self._names.clear()
            known = {g: self._names[g] for g in wanted if g in self._names}
        found: dict[str, Named] = {}
        for answer in self.atlas.entities(sorted(wanted - known.keys()), names_only=True):
            for entity in clean(answer.get("entities") or []):
                name = (entity.get("attributes") or {}).get("qualifiedName")
                found[str(entity.get("guid"))] = Named(str(name or entity.get("guid")), str(entity["typeName"]), entity)
        with self._lock:
            self._names |= found
        return known | found

    def close(self) -> None:
        """Gives back the sockets."""
        self.atlas.close()


def _tolerant(guids: Callable[[Json], Iterable[str]], entity: Json) -> Iterable[str]:
    """The guids; none of a malformed entity, which is quarantined when it is translated."""
    try:
        return guids(entity)
    except MALFORMED:
        return ()


def _is_deleted(entity: Any) -> bool:
    return isinstance(entity, dict) and entity.get("status") == "DELETED"


def _is_whole(part: Any) -> bool:
    """Whether a referred entity came with its relationships, and not as a header only."""
    return isinstance(part, dict) and "relationshipAttributes" in part


def _is_wanted(header: Json, names: NameFilter) -> bool:
    name = (header.get("attributes") or {}).get("qualifiedName")
    return not isinstance(name, str) or names.matches(name)


def _grant(privilege: str) -> str:
    return (
        f"give the user {privilege}: in Apache Ranger a policy on the Atlas service, else the simple authorizer's file"
    )
