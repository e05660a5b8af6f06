"""The inventory as OpenLineage events: datasets with their columns, tags and inputs side by side, then processes.

The streams come in one order from the server and are merged here, so that only one dataset is held at a time.
"""

from collections import defaultdict
from collections.abc import Iterator
from itertools import groupby
from typing import Any

import msgspec
from psycopg import sql

from governance.export.manifest import ExportedFile
from governance.export.openlineage import Name, Namespaces, dataset_event, job_event
from resources.inventory.export import Progress, Reader
from resources.inventory.export_files import Lines

FILE = "events.jsonl"
_BATCH = 500

_DATASET = ("dataset_id", "source", "namespace", "qualified_name", "kind", "comment", "owner", "owner_kind", "location")
_DATASETS = (*_DATASET, "state", "changed_at")
_COLUMNS = ("dataset_id", "path", "ordinal", "type", "comment")
_TAGS = ("dataset_id", "path", "tag", "value", "kind", "origin")
_EDGE = (
    "source",
    "upstream",
    "upstream_kind",
    "upstream_path",
    "downstream",
    "downstream_kind",
    "downstream_path",
    "process",
    "process_kind",
    "transformation",
    "valid_from",
)

Rows = Iterator[dict[str, Any]]


def write_events(reader: Reader, progress: Progress) -> Iterator[ExportedFile]:
    """One file with every event: the datasets first, then the processes."""
    names = reader.namespaces()
    encode = msgspec.json.Encoder().encode
    with Lines(reader.request.output, FILE, (), reader.request.gzip) as sink:
        for number, (name, events) in enumerate((("datasets", _datasets), ("processes", _processes)), 1):
            progress.begin(name, number, 2)
            waiting = 0
            for event in events(reader, names):
                sink.lines([encode(event) + b"\n"])
                waiting += 1
                if waiting == _BATCH:
                    progress.rows(waiting)
                    waiting = 0
            progress.rows(waiting)
    yield sink.file()


def _datasets(reader: Reader, names: Namespaces) -> Iterator[dict[str, Any]]:
    changed = sql.SQL(" AND d.changed_at >= %(since)s") if reader.request.since is not None else sql.SQL("")
    own = sql.SQL(" WHERE d.state <> 'out_of_scope'") + _of_source(reader, "d") + changed
    chosen = sql.SQL("FROM {} d").format(reader.relation("datasets")) + own
    inside = sql.SQL(" WHERE dataset_id IN (SELECT d.dataset_id {})").format(chosen)
    columns = _Merged(_rows(reader, _COLUMNS, sql.SQL("FROM {}").format(reader.relation("columns")) + inside))
    tags = _Merged(_rows(reader, _TAGS, sql.SQL("FROM {}").format(reader.relation("tags")) + inside))
    inputs = _Merged(_inputs(reader, own))
    for row in _rows(reader, _DATASETS, chosen):
        number = row["dataset_id"]
        flows: dict[str, list[tuple[Name, Any]]] = defaultdict(list)
        for edge in inputs.of(number):
            flows[edge["downstream_path"]].append((_end(names, edge, "upstream"), edge))
        name = names.dataset(row["source"], row["namespace"], row["qualified_name"])
        yield dataset_event(row, name, list(columns.of(number)), list(tags.of(number)), flows)


def _inputs(reader: Reader, own: sql.Composable) -> Rows:
    """Column lineage into the chosen datasets."""
    edges = sql.SQL(
        "FROM {} d JOIN {} e ON e.source = d.source AND e.downstream = d.qualified_name"
        " AND e.downstream_kind = 'dataset' AND e.downstream_path <> '' AND e.upstream_path <> ''"
    ).format(reader.relation("datasets"), reader.relation("lineage"))
    chosen = sql.SQL("SELECT d.dataset_id, {}, {} ").format(_columns("e", _EDGE), _namespace(reader, "upstream"))
    order = sql.SQL(" ORDER BY d.dataset_id, e.downstream_path, e.upstream, e.upstream_path")
    return _stream(reader, ("dataset_id", *_EDGE, "upstream_namespace"), chosen + edges + own + order)


def _processes(reader: Reader, names: Namespaces) -> Iterator[dict[str, Any]]:
    conditions = sql.SQL(" WHERE true") + _of_source(reader, "e")
    if reader.request.since is not None:
        # a process that has a new edge is told of with all it has
        conditions += sql.SQL(
            " AND (e.source, e.process_kind, e.process) IN"
            " (SELECT n.source, n.process_kind, n.process FROM {} n WHERE n.valid_from >= %(since)s)"
        ).format(reader.relation("lineage"))
    chosen = sql.SQL("SELECT {}, {}, {} FROM {} e").format(
        _columns("e", _EDGE),
        _namespace(reader, "upstream"),
        _namespace(reader, "downstream"),
        reader.relation("lineage"),
    )
    order = sql.SQL(
        " ORDER BY e.source, e.process_kind, e.process, CASE e.process WHEN '' THEN e.downstream END, e.downstream,"
        " e.downstream_path, e.upstream, e.upstream_path"
    )
    rows = _stream(reader, (*_EDGE, "upstream_namespace", "downstream_namespace"), chosen + conditions + order)
    for (source, kind, process), edges in groupby(
        rows, lambda e: (e["source"], e["process_kind"], e["process"] or e["downstream"])
    ):
        held = list(edges)
        ends = ((_end(names, e, "upstream"), _end(names, e, "downstream"), e) for e in held)
        yield job_event(max(e["valid_from"] for e in held), names.job(source, kind, process), kind, ends)


class _Merged:
    """Rows in the order of `dataset_id`, given out to the datasets that come in the same order."""

    def __init__(self, rows: Rows) -> None:
        self._rows = rows
        self._next = next(rows, None)

    def of(self, number: int) -> Rows:
        while self._next is not None and self._next["dataset_id"] <= number:
            row, self._next = self._next, next(self._rows, None)
            if row["dataset_id"] == number:
                yield row


def _rows(reader: Reader, columns: tuple[str, ...], rest: sql.Composable) -> Rows:
    order = "dataset_id" if "path" not in columns else "dataset_id, path"
    head = sql.SQL("SELECT {} ").format(sql.SQL(", ").join(map(sql.Identifier, columns)))
    return _stream(reader, columns, head + rest + sql.SQL(f" ORDER BY {order}"))


def _stream(reader: Reader, columns: tuple[str, ...], query: sql.Composed) -> Rows:
    for batch in reader.stream(query):
        for row in batch:
            yield dict(zip(columns, row, strict=True))


def _columns(alias: str, columns: tuple[str, ...]) -> sql.Composed:
    return sql.SQL(", ").join(sql.Identifier(alias, c) for c in columns)


def _namespace(reader: Reader, end: str) -> sql.Composed:
    """The namespace of the dataset at one end of an edge; what can be selected from comes before what cannot."""
    return sql.SQL(
        "CASE WHEN {kind} = 'dataset' THEN (SELECT o.namespace FROM {datasets} o"
        " WHERE o.source = e.source AND o.qualified_name = {name}"
        " ORDER BY o.namespace <> 'relation', o.namespace LIMIT 1) END"
    ).format(
        kind=sql.Identifier("e", f"{end}_kind"), name=sql.Identifier("e", end), datasets=reader.relation("datasets")
    )


def _end(names: Namespaces, edge: dict[str, Any], end: str) -> Name:
    return names.end(edge["source"], edge[f"{end}_kind"], edge[end], edge.get(f"{end}_namespace"))


def _of_source(reader: Reader, alias: str) -> sql.Composable:
    if reader.request.source is None:
        return sql.SQL("")
    return sql.SQL(" AND {} = %(source)s").format(sql.Identifier(alias, "source"))
