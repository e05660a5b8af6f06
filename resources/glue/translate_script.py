"""The graph that Glue makes of a job's script (GetDataflowGraph), as steps. Pure."""

import ast
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping
from typing import Any

from governance.errors import RecordError
from governance.types import path_part
from resources.glue.translate_flow import (
    Change,
    Place,
    joined,
    mapped,
    opaque,
    path_of,
    renamed,
    source,
    unchanged,
    without,
)
from resources.glue.translate_jobs import Step
from resources.glue.translate_places import location_of, table_of

Json = Mapping[str, Any]
_TABLES = ("dbtable", "table", "dynamodb.input.tableName", "topicName", "streamARN", "streamName")


def steps_of_graph(graph: Json, counts: Counter[str]) -> dict[str, Step]:
    """The steps by their ids.

    Raises:
        RecordError: it is not of the shape that such graphs have.
    """
    inputs: dict[str, list[str]] = defaultdict(list)
    for edge in _list(graph, "DagEdges"):
        inputs[str(edge.get("Target"))].append(str(edge.get("Source")))
    return {
        str(node.get("Id")): _step(
            str(node.get("NodeType")), _arguments(node), tuple(inputs[str(node.get("Id"))]), counts
        )
        for node in _list(graph, "DagNodes")
    }


def _step(kind: str, given: Json, inputs: tuple[str, ...], counts: Counter[str]) -> Step:
    if kind == "DataSource":
        reads = _places(given, counts)
        counts["unresolved_sources"] += not reads
        return Step(reads=reads, change=lambda _: source(reads))
    if kind == "DataSink":
        writes = _places(given, counts)
        counts["unresolved_targets"] += not writes
        return Step(inputs, writes=writes, change=unchanged)
    if kind in _CHANGES:
        return Step(inputs, change=_CHANGES[kind](given))
    counts["unknown_nodes"] += 1
    return Step(inputs)


def _places(given: Json, counts: Counter[str]) -> tuple[Place, ...]:
    """A table of the catalog, else where the connection leads; what is a variable of the script is not known."""
    table = table_of(given.get("database"), given.get("table_name"))
    if table is not None:
        return (table,)
    options = given.get("connection_options")
    if not isinstance(options, dict):
        return ()
    paths = options.get("paths") or ([options["path"]] if "path" in options else [])
    if isinstance(paths, list) and paths:
        return tuple(place for place in (location_of(path, counts) for path in paths) if place is not None)
    name = next((options[key] for key in _TABLES if isinstance(options.get(key), str)), None)
    system = given.get("connection_type")
    return (Place(f"{system}:{name}", "external"),) if name and isinstance(system, str) else ()


def _mapping(given: Json) -> Change:
    """Tuples of path, type, new path, new type; a dot leads to a field."""
    rows = given.get("mappings", given.get("mapping"))
    if not isinstance(rows, list) or not all(isinstance(r, tuple | list) and len(r) == 4 for r in rows):
        return opaque
    return mapped((_dotted(row[2]), _dotted(row[0])) for row in rows)


def _selected(given: Json) -> Change:
    paths = given.get("paths")
    return mapped((_dotted(p), _dotted(p)) for p in paths) if isinstance(paths, list) else opaque


def _dropped(given: Json) -> Change:
    paths = given.get("paths")
    return without(map(_dotted, paths)) if isinstance(paths, list) else opaque


def _renamed(given: Json) -> Change:
    old, new = given.get("old_name"), given.get("new_name")
    return renamed(_dotted(old), _dotted(new)) if isinstance(old, str) and isinstance(new, str) else opaque


_CHANGES: dict[str, Callable[[Json], Change]] = {
    "ApplyMapping": _mapping,
    "DropFields": _dropped,
    "DropNullFields": lambda given: unchanged,
    "Filter": lambda given: unchanged,
    "Join": lambda given: joined,
    "Map": lambda given: opaque,
    "RenameField": _renamed,
    "Relationalize": lambda given: opaque,
    "ResolveChoice": lambda given: unchanged,
    "SelectFields": _selected,
    "SelectFromCollection": lambda given: unchanged,
    "Spigot": lambda given: unchanged,
    "SplitFields": lambda given: unchanged,
    "SplitRows": lambda given: unchanged,
    "Unbox": lambda given: opaque,
    "UnnestFrame": lambda given: opaque,
}


def _dotted(name: Any) -> str:
    """A path as scripts write it: a name in backticks may have dots of its own."""
    text = str(name)
    return path_part(text.strip("`")) if text.startswith("`") else path_of(text.split("."))


def _arguments(node: Json) -> dict[str, Any]:
    """The node's arguments that are literals; what the script computes, or takes from the job's own, is left out."""
    out: dict[str, Any] = {}
    for argument in _list(node, "Args"):
        try:
            out[str(argument.get("Name"))] = ast.literal_eval(str(argument.get("Value")))
        except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
            continue
    return out


def _list(told: Json, key: str) -> list[Json]:
    found = told.get(key) or []
    if not isinstance(found, list) or not all(isinstance(one, dict) for one in found):
        raise RecordError(
            f"{key} of the graph is no list of objects", platform="glue", operation="glue:GetDataflowGraph"
        )
    return found
