"""Atlas' processes as edges. Pure: answers of the API in, edges and counts out."""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any, Literal

import msgspec

from governance.errors import RecordError
from governance.filters import NameFilter
from governance.listing import Quarantined
from governance.model import LineageEdge, NodeKind
from governance.text import clean, is_clean
from governance.type_tree import path_part
from resources.atlas.translate_places import address_in
from resources.atlas.translate_types import TypeModel, is_active, several

Json = Mapping[str, Any]

_JOBS = frozenset({"spark_process", "storm_topology", "falcon_process", "sqoop_process"})
_DEPENDENCY = ("depenendencyType", "dependencyType")
"""What kind of dependency a column process is; Hive's model has the spelling of the first."""

_INDIRECT = frozenset(
    {"PREDICATE", "FILTER", "JOIN", "GROUP_BY", "GROUPBY", "SORT", "WINDOW", "CONDITIONAL", "INDIRECT"}
)
_DEEPEST = 4


class Reference(msgspec.Struct, frozen=True):
    """What a process says of an entity it is connected with; `name` only where it says it."""

    guid: str
    type_name: str
    name: str | None = None


class Known(msgspec.Struct, frozen=True):
    """What is known of an entity at the end of an edge.

    `column` is the column's own name where it is one, and `holder` the table or column that it is a part of.
    """

    type_name: str
    name: str | None
    deleted: bool = False
    column: str = ""
    holder: str = ""


class Node(msgspec.Struct, frozen=True):
    """An end of an edge. `governed`: it is of this source after its filters."""

    name: str
    path: str
    kind: NodeKind
    governed: bool


class Process(msgspec.Struct, frozen=True):
    """A process with what it is connected with; `ended` counts references to what is deleted."""

    name: str
    type_name: str
    inputs: tuple[Reference, ...]
    outputs: tuple[Reference, ...]
    whole: Reference | None
    ended: int
    indirect: bool

    @property
    def references(self) -> tuple[Reference, ...]:
        """All of them."""
        return (*self.inputs, *self.outputs, *([self.whole] if self.whole else ()))


MALFORMED = (RecordError, KeyError, TypeError, AttributeError, ValueError)
"""What an entity raises that is not of Atlas' shape."""


def process_of(types: TypeModel, entity: Json) -> Process:
    """A process entity as read with its relationships.

    Raises:
        RecordError: it has no qualified name, or is not of Atlas' shape.
    """
    attributes = entity["attributes"]
    name = attributes.get("qualifiedName")
    if not isinstance(name, str) or not name:
        raise RecordError("the process has no qualifiedName", platform="atlas", operation="entity/bulk")
    type_name = str(entity["typeName"])
    inputs, outputs = (references_of(entity, end) for end in ("inputs", "outputs"))
    wholes = (r for a in types.parent_attributes(type_name) for r in references_of(entity, a)[0])
    word = next((str(attributes[a]) for a in _DEPENDENCY if attributes.get(a)), "")
    return Process(
        name=clean(name),
        type_name=type_name,
        inputs=inputs[0],
        outputs=outputs[0],
        whole=next((r for r in wholes if types.is_process(r.type_name)), None),
        ended=inputs[1] + outputs[1],
        indirect=word.upper() in _INDIRECT,
    )


def references_of(entity: Json, attribute: str) -> tuple[tuple[Reference, ...], int]:
    """The references of one attribute, and how many more there are to what is deleted.

    The relationship tells the state of both, the plain attribute the qualified name; either may be absent.
    """
    plain = {str(r["guid"]): r for r in several((entity.get("attributes") or {}).get(attribute))}
    related = {str(r["guid"]): r for r in several((entity.get("relationshipAttributes") or {}).get(attribute))}
    alive: dict[str, Reference] = {}
    for guid, one in (plain | related).items():
        name = (plain.get(guid, one).get("uniqueAttributes") or {}).get("qualifiedName")
        if is_active(one):
            alive[guid] = Reference(guid, str(one["typeName"]), name if isinstance(name, str) and name else None)
    return tuple(alive.values()), len((plain | related).keys() - alive.keys())


def known_of(types: TypeModel, entity: Json) -> tuple[Known, Reference | None]:
    """What an entity says of itself, and what it is a part of where it is a column."""
    attributes, type_name = entity.get("attributes") or {}, str(entity.get("typeName"))
    name = attributes.get("qualifiedName")
    known = Known(type_name, name if isinstance(name, str) and name else None, entity.get("status") == "DELETED")
    if type_name not in types.column_types:
        return known, None
    holders = (r for a in types.parent_attributes(type_name) for r in references_of(entity, a)[0])
    holder = next(iter(holders), None)
    column = str(attributes.get("name") or name or "")
    return msgspec.structs.replace(known, column=column, holder=holder.guid if holder else ""), holder


class Edges:
    """Makes edges of processes, and counts what makes none.

    Args:
        types: the server's definitions.
        known: what is known of the entities at their ends, by guid; one that is not there was purged or refused.
        names: what is governed.
    """

    def __init__(self, types: TypeModel, known: Mapping[str, Known], names: NameFilter) -> None:
        self.types, self.known, self.names = types, known, names
        self.counts: Counter[str] = Counter()
        self.odd: list[Quarantined] = []

    def of(self, process: Process) -> Iterable[LineageEdge]:
        """The process's edges: each of its inputs into each of its outputs."""
        self.counts["processes"] += 1
        self.counts["deleted_ends"] += process.ended
        inputs, outputs = self._nodes(process.inputs), self._nodes(process.outputs)
        if not inputs or not outputs:
            self.counts["one_sided_processes"] += 1
        label, kind = self._label(process)
        way: Literal["direct", "indirect"] = "indirect" if process.indirect else "direct"
        for up in inputs:
            for down in outputs:
                if not up.governed and not down.governed:
                    self.counts["edges_out_of_scope"] += 1
                    continue
                # a column and a whole table: then the edge is one of tables
                both = bool(up.path) == bool(down.path)
                yield LineageEdge(
                    upstream=up.name,
                    downstream=down.name,
                    upstream_path=up.path if both else "",
                    downstream_path=down.path if both else "",
                    upstream_kind=up.kind,
                    downstream_kind=down.kind,
                    process=label,
                    process_kind=kind,
                    transformation=way,
                    origin=process.type_name,
                )

    def _label(self, process: Process) -> tuple[str, str]:
        """Name and kind; a column process goes by the query it is a part of."""
        whole = self.known.get(process.whole.guid) if process.whole else None
        if whole is not None and whole.name:
            return whole.name, kind_of(whole.type_name)
        return process.name, kind_of(process.type_name)

    def _nodes(self, references: Iterable[Reference]) -> list[Node]:
        nodes = []
        for reference in references:
            found = self._node(reference.guid)
            if isinstance(found, Node):
                nodes.append(found)
                self.counts["external"] += found.kind == "external"
            else:
                self.counts[found] += 1
        return list(dict.fromkeys(nodes))

    def _node(self, guid: str) -> Node | str:
        """The end of an edge; else what to count."""
        path: list[str] = []
        for _ in range(_DEEPEST):
            one = self.known.get(guid)
            if one is None:
                return "columns_without_dataset" if path else "ends_not_found"
            if one.deleted:
                return "deleted_ends"
            if not one.column:
                return self._dataset(one, ".".join(reversed(path)))
            path.append(path_part(clean(one.column)))
            guid = one.holder
        return "columns_without_dataset"

    def _dataset(self, one: Known, path: str) -> Node | str:
        if one.name is None or not is_clean(one.name):
            return "ends_without_name"
        governed = self.names.matches(one.name) and self.types.is_dataset(one.type_name)
        place = None if self.types.column_attributes(one.type_name) else address_in(one.name)
        if place is not None:
            return Node(place, path, "location", governed)
        return Node(one.name, path, "dataset" if governed else "external", governed)


def kind_of(process_type: str) -> str:
    """The inventory's word for what a process is."""
    if process_type in _JOBS:
        return "job"
    return "query" if process_type in ("hive_process", "impala_process") else "process"
