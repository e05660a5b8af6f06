"""The graph of a job that was drawn: its nodes as steps. Pure."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import msgspec

from governance.errors import RecordError
from resources.glue.translate_flow import (
    Change,
    Columns,
    Place,
    deciding,
    joined,
    mapped,
    opaque,
    path_of,
    queried,
    renamed,
    source,
    unchanged,
    without,
)
from resources.glue.translate_places import places_of

Json = Mapping[str, Any]


class Step(msgspec.Struct, frozen=True):
    """One step of a job: what it reads or writes, or how it changes what goes in."""

    inputs: tuple[str, ...] = ()
    reads: tuple[Place, ...] = ()
    writes: tuple[Place, ...] = ()
    change: Change = opaque


_PASSING = {
    "DropDuplicates",
    "DropNullFields",
    "EvaluateDataQuality",
    "Merge",
    "PIIDetection",
    "SelectFromCollection",
    "Spigot",
    "SplitFields",
    "Union",
}
"""Types whose columns come out as they went in."""
_OPAQUE = {"CustomCode", "DynamicTransform", "EvaluateDataQualityMultiFrame", "Recipe"}
"""Types whose code alone knows."""


def steps_of(nodes: Any, counts: Counter[str]) -> dict[str, Step]:
    """The steps by their ids.

    Args:
        nodes: `CodeGenConfigurationNodes` of a job.
        counts: takes what could not be understood, by its reason.

    Raises:
        RecordError: a node is not of the shape that nodes have.
    """
    steps = {}
    for name, node in nodes.items() if isinstance(nodes, dict) else ():
        if not isinstance(node, dict) or len(node) != 1:
            raise _odd(f"the node {name} is not of one type")
        ((kind, told),) = node.items()
        if not isinstance(told, dict):
            raise _odd(f"the node {name} says nothing")
        steps[str(name)] = _step(kind, told, counts)
    return steps


def _step(kind: str, node: Json, counts: Counter[str]) -> Step:
    inputs = tuple(str(name) for name in _list(node, "Inputs"))
    if kind.endswith("Source"):
        reads = places_of(kind, node, counts)
        counts["unresolved_sources"] += not reads
        return Step(reads=reads, change=lambda _: source(reads, _declared(node)))
    if kind.endswith("Target"):
        writes = places_of(kind, node, counts)
        counts["unresolved_targets"] += not writes
        return Step(inputs, writes=writes, change=unchanged)
    if kind in _CHANGES:
        return Step(inputs, change=_CHANGES[kind](node))
    counts["unknown_nodes"] += kind not in _OPAQUE
    return Step(inputs)


def _mapping(node: Json) -> Change:
    return mapped(_pairs(_list(node, "Mapping"), ""))


def _pairs(mappings: Sequence[Any], above: str) -> Iterator[tuple[str, str]]:
    for one in mappings:
        if not isinstance(one, dict):
            raise _odd("a mapping is no JSON object")
        key, path = one.get("ToKey"), one.get("FromPath")
        if one.get("Dropped") or not isinstance(key, str) or not isinstance(path, list):
            continue
        to = f"{above}{path_of(key.split('.'))}"
        yield to, path_of([str(p) for p in path])
        yield from _pairs(one.get("Children") or (), f"{to}.")


def _join(node: Json) -> Change:
    keys = {
        str(column.get("From")): [path_of(key) for key in _paths(column, "Keys")]
        for column in _list(node, "Columns")
        if isinstance(column, dict)
    }
    return deciding([keys.get(str(name), []) for name in _list(node, "Inputs")], joined)


def _filter(node: Json) -> Change:
    groups = [node, *(g for g in _list(node, "GroupFiltersList") if isinstance(g, dict))]
    values = [v for g in groups for f in _list(g, "Filters") for v in _list(f, "Values")]
    columns = [path_of(v["Value"]) for v in values if v.get("Type") == "COLUMNEXTRACTED" and v.get("Value")]
    return deciding([columns], unchanged)


def _aggregate(node: Json) -> Change:
    """The groups pass; how Glue names the aggregates is not told."""
    groups = [path_of(path) for path in _paths(node, "Groups")]
    aggregates = _list(node, "Aggs")
    grouped = deciding([groups], mapped((path, path) for path in groups))

    def change(inputs: Sequence[Columns]) -> Columns:
        after = grouped(inputs)
        return msgspec.structs.replace(after, is_whole=after.is_whole and not aggregates)

    return change


def _filled(node: Json) -> Change:
    path, to = str(node.get("ImputedPath") or ""), str(node.get("FilledPath") or "")

    def change(inputs: Sequence[Columns]) -> Columns:
        before = unchanged(inputs)
        return msgspec.structs.replace(before, named={**before.named, to: before.of(path)}) if to else before

    return change


def _sql(node: Json) -> Change:
    names = {str(a.get("From")): str(a.get("Alias")) for a in _list(node, "SqlAliases") if isinstance(a, dict)}
    return queried(str(node.get("SqlQuery") or ""), [names.get(str(n), str(n)) for n in _list(node, "Inputs")])


def _selected(node: Json) -> Change:
    paths = [path_of(path) for path in _paths(node, "Paths")]
    return mapped((path, path) for path in paths)


_CHANGES: dict[str, Callable[[Json], Change]] = {
    **dict.fromkeys(_PASSING, lambda node: unchanged),
    "Aggregate": _aggregate,
    "ApplyMapping": _mapping,
    "DropFields": lambda node: without(path_of(path) for path in _paths(node, "Paths")),
    "FillMissingValues": _filled,
    "Filter": _filter,
    "Join": _join,
    "RenameField": lambda node: renamed(path_of(_list(node, "SourcePath")), path_of(_list(node, "TargetPath"))),
    "Route": _filter,
    "SelectFields": _selected,
    "SparkSQL": _sql,
}


def _declared(node: Json) -> list[str]:
    """Columns that a source says it has."""
    columns = [c for schema in _list(node, "OutputSchemas") for c in _list(schema, "Columns")]
    return [path_of([c["Name"]]) for c in columns if isinstance(c, dict) and isinstance(c.get("Name"), str)]


def _list(node: Any, key: str) -> list[Any]:
    value = node.get(key) if isinstance(node, dict) else None
    if value is not None and not isinstance(value, list):
        raise _odd(f"{key} is no list")
    return value or []


def _paths(node: Any, key: str) -> list[list[str]]:
    found = _list(node, key)
    if not all(isinstance(path, list) and all(isinstance(p, str) for p in path) for path in found):
        raise _odd(f"{key} is no list of paths")
    return found


def _odd(message: str) -> RecordError:
    return RecordError(message, platform="glue", operation="glue:GetJobs")
