"""What feeds what in Atlas: every subtype of Process that its type system has, column lineage among them."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from governance.errors import PermissionDenied
from governance.filters import NameFilter
from governance.listing import FactPage, Probe, Quarantined, Reason, Scope, ScopeListing
from governance.text import clean
from resources.atlas.client import Atlas
from resources.atlas.client_rights import Readable, grant, hidden_reason, hidden_types, shown
from resources.atlas.resource import AtlasResource
from resources.atlas.translate_lineage import MALFORMED, Edges, Known, Process, Reference, known_of, process_of
from resources.facets import FactReader

Json = Mapping[str, Any]

_MOST_KNOWN = 200_000
"""Entities kept by guid: tables come again and again, columns less so."""


def open_reader(resource: AtlasResource) -> "ProcessReader":
    """Opens the reader of processes.

    Raises:
        ConfigurationError: a secret is missing, or the ways to sign in contradict each other.
    """
    return ProcessReader(resource.connect())


class ProcessReader(FactReader):
    """Reads the processes of each type, and the columns that they connect, all in bulk."""

    def __init__(self, atlas: Atlas) -> None:
        self.atlas = atlas
        self.meter = atlas.caller.meter

    def close(self) -> None:
        """Gives back the sockets."""
        self.atlas.close()

    def parts(self, names: NameFilter) -> ScopeListing:
        """One for each type of process."""
        return ScopeListing(tuple(Scope(name, "process type") for name in self.atlas.types.process_types))

    def read(self, part: Scope, names: NameFilter) -> Iterator[FactPage]:
        """The edges of the type's processes; those between datasets that the filter excludes are left out."""
        ends = Ends(self.atlas)
        try:
            for headers in self.atlas.headers(part.name):
                if hidden_types(headers):
                    yield FactPage(reasons=(hidden_reason(part.name),))
                for answer in self.atlas.entities(shown(headers), alone=True):
                    self.meter.add(pages=1)
                    yield self._page(answer, ends, names)
        except PermissionDenied as error:
            yield FactPage(reasons=(Reason.of(error),))

    def _page(self, answer: Json, ends: "Ends", names: NameFilter) -> FactPage:
        processes: list[Process] = []
        odd: list[Quarantined] = []
        for entity in answer.get("entities") or ():
            try:
                if entity.get("status") != "DELETED":
                    processes.append(process_of(self.atlas.types, entity))
            except MALFORMED as error:
                odd.append(_quarantined(entity, error))
        refused = ends.learn([r for process in processes for r in process.references])
        reasons = (ends.readable.reason("the edges from and to them are not known"),) if refused else ()
        edges = Edges(self.atlas.types, ends.known, names)
        facts = tuple(edge for process in processes for edge in edges.of(process))
        return FactPage(facts, tuple(odd), reasons, counts={k: n for k, n in edges.counts.items() if n})

    def probe(self) -> Iterator[Probe]:
        """Whether one process of each type, and what it connects, can be read."""
        name, missing, remedy = "lineage: processes", "entity-read", grant("entity-read on all entities")
        types = self.atlas.types.process_types
        try:
            found = self.atlas.samples(types)
            pages = self.atlas.entities(shown(found), alone=True)
            refused = [r.message for page in pages for r in self._page(page, Ends(self.atlas), NameFilter()).reasons]
        except PermissionDenied as error:
            yield Probe(name, False, error.message, missing, remedy)
            return
        if lacks := [w for w in (hidden_types(found), *refused) if w]:
            yield Probe(name, False, "; ".join(lacks), missing, remedy)
        else:
            yield Probe(name, True, f"{len(types)} types of process")


class Ends:
    """What is known of the entities that processes connect; used by one reading of one part."""

    def __init__(self, atlas: Atlas) -> None:
        self.types = atlas.types
        self.readable = Readable(atlas)
        self.known: dict[str, Known] = {}

    def learn(self, references: Sequence[Reference]) -> bool:
        """Gets to know these entities and what the columns among them are parts of; tells whether one was refused."""
        if len(self.known) > _MOST_KNOWN:
            self.known.clear()
        todo = list(references)
        while todo:
            new = {r.guid: r for r in todo if r.guid not in self.known}
            types = dict.fromkeys(r.type_name for r in new.values())
            # what was purged meanwhile stays unknown, and is asked for no second time
            todo = [h for t in types for h in self._learn_type(t, [r for r in new.values() if r.type_name == t])]
        met = {r.guid for r in references} | {self.known[r.guid].holder for r in references if r.guid in self.known}
        return not met.isdisjoint(self.readable.refused)

    def _learn_type(self, type_name: str, references: Sequence[Reference]) -> list[Reference]:
        """Entities of one type; gives what the columns among them are parts of."""
        is_column = type_name in self.types.column_types
        asked: list[str] = []
        for one in references:
            if one.name is not None and not is_column:
                self.known[one.guid] = Known(type_name, one.name)
            else:
                asked.append(one.guid)
        holders: list[Reference] = []
        for entity in self.readable.get(asked, type_name, names_only=not is_column):
            try:
                known, holder = known_of(self.types, entity)
            except MALFORMED:
                # its edges are counted as ends without a name
                known, holder = Known(type_name, None), None
            self.known[str(entity.get("guid"))] = known
            holders += [holder] if holder else []
        return holders


def _quarantined(entity: Any, error: Exception) -> Quarantined:
    attributes = entity.get("attributes") if isinstance(entity, dict) else None
    name = attributes.get("qualifiedName") if isinstance(attributes, dict) else None
    message = getattr(error, "message", None) or f"the process is not of Atlas' shape: {type(error).__name__}"
    return Quarantined(clean(name) if isinstance(name, str) else None, message, clean(entity))
