"""Reads an Atlas server's scopes: one for each type of dataset."""

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from governance.errors import PermissionDenied
from governance.filters import NameFilter
from governance.listing import Page, Presence, Probe, Reason, Scope, ScopeListing
from governance.text import clean
from resources.atlas.client import Atlas
from resources.atlas.client_rights import Readable, grant, hidden_reason, hidden_types, shown
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
        self._readable = Readable(atlas)
        self._names: dict[str, Named] = {}
        self._lock = threading.Lock()

    # --- what there is ---

    def probe(self) -> Iterator[Probe]:
        """Reachable and authenticated, and as whom; may read types; may read entities."""
        version = self.atlas.version()
        yield Probe("connection", True, f"{version.get('Name', 'Atlas')} {version.get('Version', '')}".strip())
        yield self._session_probe()
        try:
            types = self.atlas.types.dataset_types
        except PermissionDenied as error:
            yield Probe("types", False, error.message, "type-read", grant("type-read on all types"))
            return
        yield Probe("types", True, f"{len(types)} types of dataset")
        yield self._entities_probe(types)

    def _entities_probe(self, types: Sequence[str]) -> Probe:
        """Whether one entity of each type can be read."""
        try:
            found = self.atlas.samples(types)
            list(self.atlas.entities(shown(found), names_only=True))
        except PermissionDenied as error:
            return Probe("entities", False, error.message, "entity-read", grant("entity-read on all entities"))
        if said := hidden_types(found):
            return Probe("entities", False, said, "entity-read", grant("entity-read on all entities"))
        return Probe("entities", True, "entities can be searched and read")

    def _session_probe(self) -> Probe:
        """Who the reader is, and whether it may do more than it needs."""
        told = self.atlas.identity()
        groups = ", ".join(map(str, told.get("groups") or ())) or "none"
        may = [act for act in ("create", "update") if told.get(f"atlas.entity.{act}.allowed")]
        more = f"may {' and '.join(may)} entities, which nothing here needs" if may else "may change no entity"
        return Probe("session", True, f"{told.get('userName')}, groups: {groups}; {more}")

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
            if hidden_types(headers):
                yield Page(reasons=(hidden_reason(scope.name),))
            for answer in self.atlas.entities(shown(h for h in headers if names.is_open or _is_wanted(h, names))):
                self.meter.add(pages=1)
                yield self._page(answer, said)

    def _page(self, answer: Json, said: set[str]) -> Page:
        translator = Translator(self.atlas.types)
        entities = [e for e in answer.get("entities") or () if not _is_deleted(e)]
        parts = self._parts(translator, entities, answer.get("referredEntities") or {})
        names, reasons = self._named(translator, entities, parts)
        datasets, containers, odd = translator.records(entities, parts, names)
        new = tuple(c for name, c in containers.items() if name not in said)
        said.update(containers)
        return Page(datasets, new, odd, reasons)

    def _parts(self, translator: Translator, entities: list[Json], came: Mapping[str, Json]) -> dict[str, Json]:
        """The columns and storage descriptions of these entities; those that did not come along are fetched."""
        parts = {str(guid): clean(part) for guid, part in came.items() if _is_whole(part)}
        missing = [g for e in entities for g in _tolerant(translator.part_guids, e) if g not in parts]
        while missing:
            for answer in self.atlas.entities(list(dict.fromkeys(missing))):
                came_too = (answer.get("referredEntities") or {}).values()
                for part in filter(_is_object, (*(answer.get("entities") or ()), *came_too)):
                    parts[str(part.get("guid"))] = clean(part)
            inner = (g for m in missing if m in parts for g in _tolerant(translator.part_guids, parts[m]))
            missing = [g for g in inner if g not in parts]
        return parts

    def _named(
        self, translator: Translator, entities: list[Json], parts: Mapping[str, Json]
    ) -> tuple[Mapping[str, Named], tuple[Reason, ...]]:
        """The names of everything that these entities refer to, and what stood in the way of one.

        Raises:
            PermissionDenied: what one of them is in may not be read.
        """
        wanted = {g for e in entities for g in _tolerant(lambda one: translator.referred(one, parts), e)}
        with self._lock:
            if len(self._names) > _MOST_NAMES:
                self._names.clear()
            known = {g: self._names[g] for g in wanted if g in self._names}
        found: dict[str, Named] = {}
        for entity in filter(_is_object, clean(self._readable.get(sorted(wanted - known.keys()), names_only=True))):
            attributes, guid = entity.get("attributes"), str(entity.get("guid"))
            name = attributes.get("qualifiedName") if isinstance(attributes, dict) else None
            found[guid] = Named(str(name or guid), str(entity.get("typeName")), entity)
        with self._lock:
            self._names |= found
        refused = wanted & self._readable.refused.keys()
        reason = self._readable.reason("terms and the origins of classifications are not all known by name")
        if any(g in refused for e in entities for g in _tolerant(translator.parent_guids, e)):
            # without it the datasets would move out of their database
            raise PermissionDenied(reason.message, platform="atlas", operation=reason.operation, remedy=reason.remedy)
        return known | found, (reason,) if refused else ()

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


def _is_object(entity: Any) -> bool:
    """What is none cannot be one that was asked for."""
    return isinstance(entity, dict)


def _is_whole(part: Any) -> bool:
    """Whether a referred entity came with its relationships, and not as a header only."""
    return isinstance(part, dict) and "relationshipAttributes" in part


def _is_wanted(header: Json, names: NameFilter) -> bool:
    name = (header.get("attributes") or {}).get("qualifiedName")
    return not isinstance(name, str) or names.matches(name)
