"""Lineage records of Unity Catalog, from system tables and from REST, to edges; pure."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from governance.errors import RecordError
from governance.model import LineageEdge, NodeKind
from governance.text import clean
from governance.types import path_part
from resources.databricks.translate import qualified

ORIGIN = "unity catalog lineage"
Node = tuple[str, NodeKind]
# a file in a volume is part of that volume
_VOLUME = re.compile(r"(?:dbfs:)?/Volumes/([^/]+)/([^/]+)/([^/]+)(?:/|$)")

# how REST names what connects two tables: field, the id in it, and the word that the system tables have for it
_ENTITIES = (
    ("jobInfos", "job_id", "JOB"),
    ("notebookInfos", "notebook_id", "NOTEBOOK"),
    ("pipelineInfos", "pipeline_id", "PIPELINE"),
    ("dashboardV3Infos", "dashboard_id", "DASHBOARD_V3"),
    ("dashboardInfos", "dashboard_id", "DBSQL_DASHBOARD"),
    ("queryInfos", "query_id", "DBSQL_QUERY"),
)


def table_edge(row: Sequence[Any]) -> LineageEdge:
    """An edge from a row of source, target, entity type, least and greatest entity id.

    Source and target are catalog, schema, name and path each.

    Raises:
        RecordError: it has no source or no target, or too few values.
    """
    if len(row) != 11:
        raise _broken("the row has another number of values")
    upstream, downstream = _node(*row[0:4]), _node(*row[4:8])
    process, kind = _process(*row[8:11])
    return _edge(upstream, downstream, process, kind)


def column_edge(row: Sequence[Any]) -> LineageEdge:
    """An edge between columns, from a row as `table_edge` takes it with a column behind source and target each.

    Raises:
        RecordError: it has no source or no target, or too few values.
    """
    if len(row) != 13:
        raise _broken("the row has another number of values")
    upstream, downstream = _node(*row[0:4]), _node(*row[5:9])
    process, kind = _process(*row[10:13])
    return _edge(upstream, downstream, process, kind, _path(row[4]), _path(row[9]))


def upstream_edges(place: str, item: Any) -> Iterator[LineageEdge]:
    """The edges of one entry of `upstreams` of a table, one for each kind of entity that connects them.

    Raises:
        RecordError: it is neither a table nor a file.
    """
    upstream = _other_end(item)
    if upstream is not None:
        for process, kind in _processes(item):
            yield _edge(upstream, (place, "dataset"), process, kind)


def downstream_edges(place: str, item: Any) -> Iterator[LineageEdge]:
    """The edges of one entry of `downstreams` to a file; those to tables are told as those tables' upstreams.

    Raises:
        RecordError: it is neither a table nor a file.
    """
    downstream = _other_end(item)
    if downstream is not None and downstream[1] != "dataset":
        for process, kind in _processes(item):
            yield _edge((place, "dataset"), downstream, process, kind)


def column_upstream(place: str, column: str, item: Any) -> LineageEdge:
    """The edge of one entry of `upstream_cols` of a column; REST does not say what connects them.

    Raises:
        RecordError: it is no column of a table.
    """
    if not isinstance(item, Mapping):
        raise _broken("the entry is no JSON object")
    upstream = _node(item.get("catalog_name"), item.get("schema_name"), item.get("table_name"), item.get("path"))
    return _edge(upstream, (place, "dataset"), "", "", _path(item.get("name")), path_part(clean(column)))


def is_own(edge: LineageEdge) -> bool:
    """Whether the edge is about the platform's own tables."""
    return any(name.startswith(("system.", "__databricks_internal.")) for name in (edge.upstream, edge.downstream))


def _other_end(item: Any) -> Node | None:
    """The table or file of an entry; None where it names only what reads or writes, with no other end."""
    if not isinstance(item, Mapping):
        raise _broken("the entry is no JSON object")
    if isinstance(info := item.get("tableInfo"), Mapping):
        return _node(info.get("catalog_name"), info.get("schema_name"), info.get("name"), None)
    if isinstance(info := item.get("fileInfo"), Mapping):
        return _node(None, None, None, info.get("path") or info.get("storage_location"))
    if any(item.get(field) for field, _, _ in _ENTITIES):
        return None
    raise _broken("the entry is neither a table nor a file")


def _processes(item: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """What connects the two ends, one for each kind of entity; an empty one where nothing is said."""
    found = False
    for field, key, word in _ENTITIES:
        ids = {str(e[key]) for e in item.get(field) or () if isinstance(e, Mapping) and e.get(key) is not None}
        if ids:
            found = True
            yield _process(word, min(ids), max(ids))
    if not found:
        yield "", ""


def _node(catalog: Any, schema: Any, name: Any, path: Any) -> Node:
    parts = [catalog, schema, name]
    if all(isinstance(p, str) and p for p in parts):
        return qualified(*(clean(p) for p in parts)), "dataset"
    if isinstance(path, str) and path:
        if volume := _VOLUME.match(path):
            return qualified(*(clean(p) for p in volume.groups())), "dataset"
        return clean(path), "location" if "://" in path else "external"
    raise _broken("a source or target is neither a table nor a path")


def _process(word: Any, least: Any, greatest: Any) -> tuple[str, str]:
    """What connects them: its one id, or, where many ran, such as one-time runs of a scheduler elsewhere, its kind."""
    if not word:
        return "", ""
    kind = clean(str(word)).lower()
    if least not in (None, "") and str(least) == str(greatest):
        return f"{kind} {clean(str(least))}", kind
    return kind, kind


def _edge(up: Node, down: Node, process: str, kind: str, up_path: str = "", down_path: str = "") -> LineageEdge:
    return LineageEdge(
        upstream=up[0],
        downstream=down[0],
        upstream_path=up_path,
        downstream_path=down_path,
        upstream_kind=up[1],
        downstream_kind=down[1],
        process=process,
        process_kind=kind,
        origin=ORIGIN,
    )


def _path(column: Any) -> str:
    if not isinstance(column, str) or not column:
        raise _broken("a column has no name")
    return path_part(clean(column))


def _broken(message: str) -> RecordError:
    return RecordError(message, platform="databricks", operation="translate")
