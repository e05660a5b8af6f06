"""Properties: lineage of random stacks of views equals the graph they were written from; no text makes it raise."""

import itertools
from dataclasses import dataclass

from hypothesis import example, given, settings
from hypothesis import strategies as st

from governance.lineage import CODES, through, view_lineage
from governance.lineage.names import DIALECTS
from governance.model import LineageEdge

Place = tuple[str, str]


@dataclass
class View:
    """`columns` are, for each output, the places it is made of; `text` says the same in SQL."""

    name: str
    columns: dict[str, frozenset[Place]]
    text: str


@dataclass
class Stack:
    tables: dict[str, list[str]]
    views: list[View]

    def known(self) -> dict[str, list[str]]:
        return self.tables | {v.name: list(v.columns) for v in self.views}


SHAPES = ["plain", "cte", "derived", "star", "union", "shadow"]


@st.composite
def stacks(draw: st.DrawFn) -> Stack:
    tables = {f"db.t{n}": [f"c{k}" for k in range(draw(st.integers(1, 4)))] for n in range(draw(st.integers(1, 3)))}
    relations = dict(tables)
    views: list[View] = []
    for n in range(draw(st.integers(1, 5))):
        sources = draw(st.lists(st.sampled_from(sorted(relations)), min_size=1, max_size=3))
        places = [(f"x{i}", s, c) for i, s in enumerate(sources) for c in relations[s]]
        columns: dict[str, frozenset[Place]] = {}
        items = []
        for k in range(draw(st.integers(1, 4))):
            chosen = draw(st.lists(st.sampled_from(places), max_size=3))
            columns[f"c{k}"] = frozenset((s, c) for _, s, c in chosen)
            items.append(" + ".join([f"{a}.{c}" for a, _, c in chosen] or ["1"]) + f" AS c{k}")
        tail = " CROSS JOIN ".join(f"{s} x{i}" for i, s in enumerate(sources))
        select = f"SELECT {', '.join(items)} FROM {tail}"
        name = f"db.v{n}"
        shape = draw(st.sampled_from(SHAPES))
        if shape == "union":
            other = draw(st.sampled_from(sorted(relations)))
            column = draw(st.sampled_from(relations[other]))
            columns = {k: v | {(other, column)} for k, v in columns.items()}
            select = f"{select} UNION ALL SELECT {', '.join([column] * len(columns))} FROM {other}"
        elif shape == "cte":
            select = f"WITH q AS ({select}) SELECT {', '.join(columns)} FROM q"
        elif shape == "derived":
            select = f"SELECT {', '.join(f'q.{c}' for c in columns)} FROM ({select}) q"
        elif shape == "star":
            select = f"WITH q AS ({select}), r AS (SELECT * FROM q) SELECT r.* FROM r"
        elif shape == "shadow":
            select = f"WITH q AS ({select}) SELECT * FROM (WITH q AS (SELECT * FROM q) SELECT * FROM q) q"
        views.append(View(name, columns, f"CREATE VIEW {name} AS {select}"))
        relations[name] = list(columns)
    return Stack(tables, views)


def found_in(stack: Stack, dialect: str, *, with_schema: bool) -> list[LineageEdge]:
    edges: list[LineageEdge] = []
    for view in stack.views:
        found = view_lineage(view.text, dialect, schema=stack.known() if with_schema else None)
        assert found.unresolved == (), (view.text, found.unresolved)
        edges += found.edges
    return edges


@settings(max_examples=150, deadline=None)
@given(stacks(), st.sampled_from(["trino", "spark", "hive", "databricks", "tsql"]), st.booleans())
def test_the_edges_of_a_stack_are_the_graph_it_was_written_from(stack: Stack, dialect: str, with_schema: bool) -> None:
    found = {
        ((e.upstream, e.upstream_path), (e.downstream, e.downstream_path))
        for e in found_in(stack, dialect, with_schema=with_schema)
        if e.downstream_path
    }
    written = {(p, (v.name, c)) for v in stack.views for c, places in v.columns.items() for p in places}
    assert found == written


@settings(max_examples=100, deadline=None)
@given(stacks())
def test_the_way_through_a_stack_reaches_exactly_what_its_columns_are_made_of(stack: Stack) -> None:
    edges = found_in(stack, "trino", with_schema=True)
    reached: dict[Place, frozenset[Place]] = {}
    for view in stack.views:
        for column, places in view.columns.items():
            below = (reached.get(p, frozenset()) for p in places)
            reached[view.name, column] = places | frozenset(itertools.chain.from_iterable(below))
    for view in stack.views:
        ways = [w for w in through(edges, view.name) if w.downstream_path]
        for column in view.columns:
            mine = [w for w in ways if w.downstream_path == column]
            assert {(w.upstream, w.upstream_path) for w in mine} == reached[view.name, column]
            assert len(mine) == len(reached[view.name, column])
        for way in ways:
            assert (way.edges[0].upstream, way.edges[0].upstream_path) == (way.upstream, way.upstream_path)
            assert (way.edges[-1].downstream, way.edges[-1].downstream_path) == (view.name, way.downstream_path)
            for one, two in itertools.pairwise(way.edges):
                assert (one.downstream, one.downstream_path) == (two.upstream, two.upstream_path)


def test_three_views_deep() -> None:
    texts = [
        "CREATE VIEW db.a AS SELECT id, upper(name) AS label FROM db.t WHERE kind = 1",
        "CREATE VIEW db.b AS SELECT label AS l, id FROM db.a",
        "CREATE VIEW db.c AS SELECT CASE WHEN id > 1 THEN l END AS final FROM db.b",
    ]
    edges = [e for t in texts for e in view_lineage(t, "trino").edges]
    ways = {(w.upstream, w.upstream_path): w for w in through(edges, "db.c", "final")}
    assert {p: w.transformation for p, w in ways.items()} == {
        ("db.b", "l"): "direct", ("db.a", "label"): "direct", ("db.t", "name"): "direct",
        ("db.b", "id"): "indirect", ("db.a", "id"): "indirect", ("db.t", "id"): "indirect",
    }  # fmt: skip
    assert [e.downstream for e in ways["db.t", "name"].edges] == ["db.a", "db.b", "db.c"]
    rows = {(w.upstream, w.upstream_path): w.transformation for w in through(edges, "db.c", "")}
    assert rows == {
        ("db.b", ""): "direct",
        ("db.a", ""): "direct",
        ("db.t", ""): "direct",
        ("db.t", "kind"): "indirect",
    }


def test_cycles_and_depth_do_no_harm() -> None:
    ring = [LineageEdge(f"n{k}", f"n{(k + 1) % 5000}", "c", "c") for k in range(5000)]
    ways = through([*ring, LineageEdge("n0", "n0", "c", "c")], "n0")
    assert len(ways) == 4999 and max(len(w.edges) for w in ways) == 4999


WORDS = (
    "SELECT FROM WHERE WITH RECURSIVE AS UNION ALL JOIN ON USING NATURAL LATERAL VIEW explode UNNEST FLATTEN CASE WHEN"
    " THEN END OVER PARTITION BY ORDER GROUP MERGE INTO INSERT UPDATE SET VALUES"
    " CREATE TABLE PIVOT UNPIVOT FOR IN ( ) , . * ;"
    " = a b t.a t \"Q\" `q` [q] 1 'x' :: : -> {} @s $1 NOT - /* -- EXCEPT REPLACE QUALIFY APPLY CROSS"
    " TABLE IDENTIFIER"
).split()


@settings(max_examples=600, deadline=None)
@given(
    st.one_of(st.text(max_size=200), st.lists(st.sampled_from(WORDS), max_size=40).map(" ".join)),
    st.sampled_from(sorted(DIALECTS)),
)
@example("", "trino")
@example("\x00", "tsql")
@example("SELECT \ud800 FROM t", "spark")
def test_no_text_makes_it_raise(text: str, dialect: str) -> None:
    found = view_lineage(text, dialect, "c", "s", "c.s.v", {"c.s.t": ("a", "b")})
    assert all(u.code in CODES for u in found.unresolved)


@settings(max_examples=300, deadline=None)
@given(stacks(), st.data())
def test_a_damaged_text_is_read_or_said_to_be_unreadable(stack: Stack, data: st.DataObject) -> None:
    words = stack.views[-1].text.split()
    at = data.draw(st.integers(0, len(words) - 1))
    words[at : at + 1] = data.draw(st.lists(st.sampled_from(WORDS), max_size=2))
    found = view_lineage(" ".join(words), data.draw(st.sampled_from(sorted(DIALECTS))), schema=stack.known())
    assert all(u.code in CODES for u in found.unresolved)
