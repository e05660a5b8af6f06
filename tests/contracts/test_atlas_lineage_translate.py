"""Whatever Atlas sends, a process is edges or a record that could not be understood, and an odd end is counted."""

from typing import Any

import msgspec
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from governance.filters import NameFilter
from governance.model import LineageEdge
from resources.atlas.translate_lineage import MALFORMED, Edges, Known, known_of, process_of
from resources.atlas.translate_types import TypeModel
from resources.inventory.facts.tables import TABLES, row
from sandbox.atlas.engine import Engine

TYPES = TypeModel(Engine().typedefs())
KNOWN = {
    "t": Known("hive_table", "db.t@c"),
    "c": Known("hive_column", "db.t.c@c", column="c", holder="t"),
    "q": Known("hbase_column", "q@c", column="q.r", holder="f"),
    "f": Known("hbase_column_family", "f@c", column="cf", holder="h"),
    "h": Known("hbase_table", "h@c"),
    "loop": Known("hive_column", "loop", column="loop", holder="loop"),
    "gone": Known("hive_table", "gone@c", deleted=True),
    "odd": Known("hive_table", "\ud800"),
}
TEXT = st.text(st.characters(exclude_categories=()), max_size=6)
LEAF = st.none() | st.booleans() | st.integers(-(2**62), 2**62) | TEXT
JSON = st.recursive(LEAF, lambda i: st.lists(i, max_size=2) | st.dictionaries(TEXT, i, max_size=2), max_leaves=6)
REFERENCE = st.fixed_dictionaries(
    {"guid": st.sampled_from([*KNOWN, "purged"]), "typeName": st.sampled_from(["hive_table", "hive_column"])},
    optional={"entityStatus": st.sampled_from(["ACTIVE", "DELETED"]), "uniqueAttributes": JSON},
)
ENDS = st.fixed_dictionaries(
    {}, optional={k: JSON | st.lists(REFERENCE | JSON, max_size=4) for k in ("inputs", "outputs", "query")}
)
PROCESS = st.fixed_dictionaries(
    {"guid": st.just("p"), "typeName": st.sampled_from(["hive_process", "hive_column_lineage", "unknown"])},
    optional={
        "attributes": JSON | ENDS.map(lambda ends: {"qualifiedName": "p@c", **ends}),
        "relationshipAttributes": JSON | ENDS,
    },
)


def edges_of(process: Any, names: NameFilter | None = None) -> tuple[list[LineageEdge], dict[str, int]]:
    made = Edges(TYPES, KNOWN, names or NameFilter())
    return list(made.of(process_of(TYPES, process))), dict(made.counts)


@settings(max_examples=200, deadline=None)
@given(PROCESS | JSON)
@example({"typeName": "hive_process", "attributes": {"qualifiedName": "p", "inputs": [{"guid": "t"}]}})
@example({"typeName": "hive_process", "attributes": {"qualifiedName": "p", "inputs": 5}, "relationshipAttributes": [1]})
def test_every_process_is_edges_or_is_not_understood(process: Any) -> None:
    try:
        edges, _ = edges_of(process)
    except MALFORMED:
        return
    for edge in edges:
        assert bool(edge.upstream_path) == bool(edge.downstream_path)
        row(edge, TABLES[LineageEdge])


@settings(max_examples=200, deadline=None)
@given(PROCESS | JSON)
def test_every_end_is_known_or_is_not_understood(entity: Any) -> None:
    try:
        known, holder = known_of(TYPES, entity)
    except MALFORMED:
        return
    msgspec.json.encode((known.deleted, holder is None))


def process(inputs: list[str], outputs: list[str], type_name: str = "Process", **attributes: Any) -> dict[str, Any]:
    ends = {
        k: [{"guid": g, "typeName": KNOWN[g].type_name} for g in v]
        for k, v in (("inputs", inputs), ("outputs", outputs))
    }
    return {"typeName": type_name, "attributes": {"qualifiedName": "p@c", **attributes}, "relationshipAttributes": ends}


def test_a_column_of_a_family_goes_by_both_names() -> None:
    ((edge,), counts) = edges_of(process(["c"], ["q"]))
    assert (edge.upstream, edge.upstream_path) == ("db.t@c", "c")
    assert (edge.downstream, edge.downstream_path) == ("h@c", 'cf."q.r"')
    assert {k for k, n in counts.items() if n} == {"processes"}


@pytest.mark.parametrize(
    ("end", "counted"),
    [("gone", "deleted_ends"), ("odd", "ends_without_name"), ("loop", "columns_without_dataset")],
)
def test_an_end_that_makes_no_edge_is_counted(end: str, counted: str) -> None:
    edges, counts = edges_of(process(["t", end], ["h"]))
    assert [(e.upstream, e.downstream) for e in edges] == [("db.t@c", "h@c")]
    assert counts[counted] == 1


@pytest.mark.parametrize(
    ("word", "way"), [("SIMPLE", "direct"), ("EXPRESSION", "direct"), ("SCRIPT", "direct"), ("PREDICATE", "indirect")]
)
@pytest.mark.parametrize("spelling", ["depenendencyType", "dependencyType"])
def test_a_dependency_that_only_filters_is_indirect(word: str, way: str, spelling: str) -> None:
    ((edge,), _) = edges_of(process(["c"], ["q"], "hive_column_lineage", **{spelling: word}))
    assert edge.transformation == way
