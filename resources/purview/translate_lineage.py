"""Purview's processes and direct links between assets to edges of lineage. No network, no SDK.

A process has inputs and outputs, and may say in the JSON text `columnMapping` which columns flow into which. Two assets
can also be linked without a process, by a relationship that may have such a text of its own.
"""

import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from governance.errors import RecordError
from governance.filters import NameFilter
from governance.listing import Quarantined
from governance.model import LineageEdge, NodeKind
from governance.types import path_part
from resources.purview.translate import kind_of
from resources.purview.translate_places import place_of

DIRECT = "direct_lineage_dataset_dataset"
MOST_PAIRS = 2000
"""Pairs of input and output that are told one by one; beyond that the process stands between them as a node."""

LONGEST_MAPPING = 1_000_000
"""Characters from which a text that is no JSON was cut: Purview keeps 1 MB."""

MOST_COLUMNS = 300
"""Columns of one pair of assets from which Purview tells no more."""

_COLUMN = re.compile(r"(?:.*_)?(column|field)")
_SHOWN = 2000

Json = Mapping[str, Any]


@dataclass(frozen=True)
class Ref:
    """An asset as another one points at it; the name is empty where only the guid is told."""

    guid: str
    type_name: str
    name: str = ""


@dataclass(frozen=True)
class Asset:
    """What an edge needs to know of an asset."""

    type_name: str
    name: str
    title: str = ""
    is_folder: bool = False


@dataclass(frozen=True)
class Node:
    """An end of an edge; `told` is the name as Purview writes it, by which column mappings call it."""

    name: str
    kind: NodeKind
    told: str
    path: str = ""


@dataclass(frozen=True)
class Flow:
    """Data flows from each input to each output."""

    process: str
    process_kind: str
    inputs: tuple[Ref, ...]
    outputs: tuple[Ref, ...]
    mapping: Any
    origin: str


@dataclass
class Found:
    """What came of some flows."""

    edges: dict[LineageEdge, None] = field(default_factory=dict)
    odd: list[Quarantined] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)


def asset_of(entity: Json) -> Asset | None:
    """What an edge needs of an entity; None where it has no name or is deleted."""
    attributes = _mapping(entity.get("attributes"))
    name, type_name = _text(attributes.get("qualifiedName")), _text(entity.get("typeName"))
    if not name or not type_name or entity.get("status") == "DELETED":
        return None
    return Asset(type_name, name, _text(attributes.get("name")), attributes.get("isFile") is False)


def node_of(asset: Asset, names: NameFilter) -> Node:
    """A dataset where the inventory has it, a location where it is one, else something that is only known by name."""
    if _COLUMN.fullmatch(asset.type_name.lower()) and "#" in asset.name:
        holder = asset.name.partition("#")[0]
        kind: NodeKind = "dataset" if names.matches(holder) else "external"
        return Node(holder, kind, asset.name, path_part(asset.title or asset.name.rpartition("#")[2]))
    if not asset.is_folder and kind_of(asset.type_name, "") is not None and names.matches(asset.name):
        return Node(asset.name, "dataset", asset.name)
    place = place_of(asset.name)
    return Node(asset.name, "external", asset.name) if place is None else Node(place, "location", asset.name)


def processes_of(entity: Json) -> set[str]:
    """The processes that an asset is read or written by."""
    return {ref.guid for name in ("inputToProcesses", "outputFromProcesses") for ref in refs(entity, name)}


def flows_of(entity: Json) -> Iterator[Flow]:
    """The flow that an entity is, where it is a process, and those from it straight to other assets."""
    attributes = _mapping(entity.get("attributes"))
    type_name, guid = _text(entity.get("typeName")), _text(entity.get("guid"))
    name = _text(attributes.get("qualifiedName")) or _text(attributes.get("name")) or guid
    inputs, outputs = refs(entity, "inputs"), refs(entity, "outputs")
    if inputs or outputs:
        yield Flow(name, type_name, inputs, outputs, attributes.get("columnMapping"), "process")
    own = Ref(guid, type_name, name)
    for raw in _active(entity, "sinks"):
        link = _mapping(raw.get("relationshipAttributes"))
        if link.get("typeName", raw.get("relationshipType")) == DIRECT:
            mapping = _mapping(link.get("attributes")).get("columnMapping")
            yield Flow("", DIRECT, (own,), (_ref(raw),), mapping, "relationship")


def refs(entity: Json, name: str) -> tuple[Ref, ...]:
    """The assets that an attribute leads to, those left out that are deleted."""
    found = (_ref(one) for one in _active(entity, name))
    return tuple(dict.fromkeys(ref for ref in found if ref.guid or ref.name))


def edges_of(flow: Flow, nodes: Mapping[Ref, Node], found: Found) -> None:
    """Adds a flow's edges, of whole datasets and of columns, to what was found."""
    inputs = [nodes[ref] for ref in flow.inputs if ref in nodes]
    outputs = [nodes[ref] for ref in flow.outputs if ref in nodes]
    if not inputs or not outputs:
        found.counts["one_sided"] += 1
        return
    if len(inputs) * len(outputs) > MOST_PAIRS:
        found.counts["through_process"] += 1
        between = [Node(flow.process, "external", flow.process)]
        _whole(flow, inputs, between, found)
        _whole(flow, between, outputs, found)
    else:
        _whole(flow, inputs, outputs, found)
    try:
        groups = list(_groups(flow.mapping))
    except RecordError as error:
        _refuse(flow, error.message, flow.mapping, found)
        return
    for source, sink, pairs in groups:
        try:
            above, below = _named(source, inputs, "input"), _named(sink, outputs, "output")
        except RecordError as error:
            _refuse(flow, error.message, {"Source": source, "Sink": sink}, found)
            continue
        found.counts["at_most_columns"] += len(pairs) >= MOST_COLUMNS
        _columns(flow, above, below, pairs, found)


def _whole(flow: Flow, inputs: Sequence[Node], outputs: Sequence[Node], found: Found) -> None:
    for above in inputs:
        for below in outputs:
            both = bool(above.path and below.path)
            edge = _edge(flow, above, below, above.path if both else "", below.path if both else "")
            found.edges[edge] = None


def _columns(flow: Flow, above: Node, below: Node, pairs: Sequence[Any], found: Found) -> None:
    odd: list[Any] = []
    for pair in pairs:
        keys = {str(k).lower(): v for k, v in pair.items()} if isinstance(pair, Mapping) else {}
        source, sink = keys.get("source", ""), keys.get("sink", "")
        if not keys or not isinstance(source, str | None) or not isinstance(sink, str | None):
            odd.append(pair)
        elif source in (None, "", "*") or sink in (None, "", "*"):
            # a constant, or an expression of which only one side is told
            found.counts["columns_unnamed"] += 1
        else:
            found.edges[_edge(flow, above, below, path_part(source), path_part(sink))] = None
    if odd:
        _refuse(flow, f"columnMapping: {len(odd)} pairs of columns have no names", odd, found)


def _edge(flow: Flow, above: Node, below: Node, source: str, sink: str) -> LineageEdge:
    return LineageEdge(
        upstream=above.name,
        downstream=below.name,
        upstream_path=source,
        downstream_path=sink,
        upstream_kind=above.kind,
        downstream_kind=below.kind,
        process=flow.process,
        process_kind=flow.process_kind,
        origin=flow.origin,
    )


def _groups(mapping: Any) -> Iterator[tuple[str | None, str | None, Sequence[Any]]]:
    """Names of source and sink, None where there is but one of them, and the pairs of columns.

    Raises:
        RecordError: the text cannot be understood.
    """
    if mapping in (None, "", [], {}):
        return
    plain: list[Any] = []
    for one in _parsed(mapping):
        keys = _lower(one)
        if "columnmapping" in keys:
            ends, pairs = _lower(keys.get("datasetmapping") or {}), keys["columnmapping"] or []
            if not isinstance(pairs, list):
                raise RecordError("columnMapping: a ColumnMapping is no list", platform="purview")
            yield _end(ends.get("source")), _end(ends.get("sink")), pairs
        else:
            plain.append(one)
    if plain:
        yield None, None, plain


def _parsed(mapping: Any) -> list[Any]:
    if isinstance(mapping, str):
        try:
            mapping = json.loads(mapping)
        except (ValueError, RecursionError) as error:
            cut = "; Purview cut it at 1 MB" if len(mapping) >= LONGEST_MAPPING else ""
            raise RecordError(f"columnMapping is no JSON: {error}{cut}", platform="purview") from error
    return mapping if isinstance(mapping, list) else [mapping]


def _end(name: Any) -> str | None:
    if name is not None and not isinstance(name, str):
        raise RecordError("columnMapping: the name of an asset is no text", platform="purview")
    return None if name in (None, "", "*") else name


def _named(name: str | None, nodes: Sequence[Node], what: str) -> Node:
    """The node that a mapping means.

    Raises:
        RecordError: there is none, or more than one.
    """
    fitting = list(nodes) if name is None else [n for n in nodes if n.told == name]
    if name is not None and not fitting:
        fitting = [n for n in nodes if n.told.lower() == name.lower()]
    if len(fitting) != 1:
        said = f"names {name}" if name is not None else "names none"
        raise RecordError(f"columnMapping {said}, of {len(nodes)} {what}s {len(fitting)} fit", platform="purview")
    return fitting[0]


def _refuse(flow: Flow, reason: str, payload: Any, found: Found) -> None:
    shown = payload if len(repr(payload)) <= _SHOWN else repr(payload)[:_SHOWN]
    found.odd.append(Quarantined(flow.process or None, reason, {"process": flow.process, "mapping": shown}))


def _active(entity: Json, name: str) -> list[Json]:
    """The references of an attribute that are not deleted; the relationship tells more than the plain attribute."""
    for place in ("relationshipAttributes", "attributes"):
        value = _mapping(entity.get(place)).get(name)
        some = value if isinstance(value, list) else [value]
        known = [one for one in some if isinstance(one, Mapping)]
        if known:
            return [one for one in known if "DELETED" not in (one.get("entityStatus"), one.get("relationshipStatus"))]
    return []


def _ref(raw: Json) -> Ref:
    name = _mapping(raw.get("uniqueAttributes")).get("qualifiedName")
    return Ref(_text(raw.get("guid")), _text(raw.get("typeName")), _text(name))


def _lower(value: Any) -> dict[str, Any]:
    if not isinstance(value, Mapping):
        raise RecordError("columnMapping: an entry is no object", platform="purview")
    return {str(k).lower(): v for k, v in value.items()}


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _mapping(value: Any) -> Json:
    return value if isinstance(value, Mapping) else {}
