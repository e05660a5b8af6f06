"""The graphs that Glue draws of scripts, as edges from table to table and from column to column."""

from collections import Counter
from itertools import pairwise
from typing import Any

import pytest

from governance.errors import RecordError
from governance.filters import NameFilter
from resources.glue.translate_lineage import edges_of
from resources.glue.translate_script import steps_of_graph


def node(name: str, kind: str, **arguments: str) -> dict[str, Any]:
    return {"Id": name, "NodeType": kind, "Args": [{"Name": k, "Value": v} for k, v in arguments.items()]}


def script(*nodes: dict[str, Any]) -> tuple[set[tuple[str, str, str, str]], Counter[str]]:
    """The edges of a chain of nodes."""
    links = [{"Source": a["Id"], "Target": b["Id"], "TargetParameter": "frame"} for a, b in pairwise(nodes)]
    counts: Counter[str] = Counter()
    steps = steps_of_graph({"DagNodes": list(nodes), "DagEdges": links}, counts)
    found = edges_of("job", steps, "job script", NameFilter(), counts)
    return {(e.upstream, e.upstream_path, e.downstream, e.downstream_path) for e in found}, +counts


SOURCE = node("in", "DataSource", database='"d"', table_name='"a"')
SINK = node("out", "DataSink", connection_type='"s3"', connection_options='{"path": "s3://b/out/"}')


def test_a_script_of_the_catalog_into_files() -> None:
    rows = '[("x", "string", "y", "string"), ("a.b", "int", "`c.d`", "int")]'
    found, counts = script(SOURCE, node("m", "ApplyMapping", mapping=rows), node("r", "ResolveChoice"), SINK)
    assert found == {
        ("d.a", "", "s3://b/out/", ""),
        ("d.a", "x", "s3://b/out/", "y"),
        ("d.a", "a.b", "s3://b/out/", '"c.d"'),
    }
    assert counts == Counter()


def test_steps_of_scripts() -> None:
    renamed = node("n", "RenameField", old_name='"x"', new_name='"y"')
    chosen = node("s", "SelectFields", paths='["y", "z"]')
    dropped = node("d", "DropFields", paths='["z"]')
    assert script(SOURCE, renamed, chosen, dropped, SINK)[0] == {
        ("d.a", "", "s3://b/out/", ""),
        ("d.a", "x", "s3://b/out/", "y"),
    }
    for hidden in (
        node("h", "Map", f="lambda row: row"),
        node("h", "ApplyMapping", mappings="columns"),
        node("h", "SelectFields", paths="names"),
    ):
        assert script(SOURCE, hidden, SINK) == ({("d.a", "", "s3://b/out/", "")}, Counter(columns_unknown=1))
    assert script(SOURCE, node("n", "Novelty"), SINK)[1] == Counter(unknown_nodes=1, columns_unknown=1)


def test_where_scripts_read_and_write() -> None:
    files = node("in", "DataSource", connection_type='"s3"', connection_options='{"paths": ["s3://b/in/"]}')
    jdbc = node("out", "DataSink", connection_type='"mysql"', connection_options='{"dbtable": "shop.t"}')
    assert script(files, jdbc)[0] == {("s3://b/in/", "", "mysql:shop.t", "")}
    table_sink = node("out", "DataSink", database='"d"', table_name='"T"')
    assert script(files, table_sink)[0] == {("s3://b/in/", "", "d.t", "")}
    variable = node("in", "DataSource", database="args['database']", table_name='"a"')
    assert script(variable, SINK) == (set(), Counter(unresolved_sources=1))
    computed = node("out", "DataSink", connection_type='"s3"', connection_options='{"path": path}')
    assert script(SOURCE, computed) == (set(), Counter(unresolved_targets=1))


def test_a_graph_of_no_known_shape_is_said() -> None:
    for graph in ({"DagNodes": 7}, {"DagNodes": [7]}, {"DagEdges": "x"}):
        with pytest.raises(RecordError):
            steps_of_graph(graph, Counter())
    assert steps_of_graph({}, Counter()) == {}
