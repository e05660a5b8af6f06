"""The edges that must come of the declared processes: a second opinion on engine and reader."""

from collections.abc import Iterator

from governance.model import LineageEdge, NodeKind
from sandbox.atlas import estate
from sandbox.atlas.flows import COLUMN_TYPES, flows
from sandbox.company.fields import path_part

_WORDS = {"hive_process": "query", "spark_process": "job", "Process": "process"}


def edges(scale: int) -> Iterator[LineageEdge]:
    """The edges of every process that is not deleted, of tables and of columns."""
    places = {asset.qualified_name: asset.place for asset in estate.assets(scale) if asset.place}

    def node(name: str) -> tuple[str, NodeKind]:
        return (places[name], "location") if name in places else (name, "dataset")

    for flow in flows(scale):
        if flow.deleted:
            continue
        word, column_type = _WORDS[flow.type_name], COLUMN_TYPES.get(flow.type_name, "")
        for source in flow.inputs:
            for target in flow.outputs:
                (up, up_kind), (down, down_kind) = node(source), node(target)
                yield LineageEdge(
                    upstream=up,
                    downstream=down,
                    upstream_kind=up_kind,
                    downstream_kind=down_kind,
                    process=flow.qualified_name,
                    process_kind=word,
                    origin=flow.type_name,
                )
        for column in flow.columns:
            for dataset, field in column.inputs:
                yield LineageEdge(
                    upstream=dataset,
                    downstream=column.output[0],
                    upstream_path=path_part(field),
                    downstream_path=path_part(column.output[1]),
                    process=flow.qualified_name,
                    process_kind=word,
                    origin=column_type,
                )
