"""Lineage from SQL text, dialect by dialect: every case states all edges and all that stays unresolved."""

import base64
import json

import pytest

from governance.lineage import Limits, SqlLineage, Table, presto_view, view_lineage

LAKE = {
    "db.t": ("a", "b", "c", "s", "s.x", "s.y", "items", "items[].sku", "items[].qty", "m", "m{}.v"),
    "db.u": ("a", "d", "id"),
}
WAREHOUSE = {
    "DB.S.T": ("A", "B", "lower", "ITEMS", "ITEMS[].SKU", "V"),
    "DB.S.U": ("A", "D", "ID"),
}


def told(found: SqlLineage, target: str) -> set[str]:
    """`table.path -> column`, `~>` for indirect; the edges between datasets end in nothing."""
    assert all(e.downstream == target for e in found.edges), found.edges
    arrow = {"direct": "->", "indirect": "~>"}
    return {
        f"{e.upstream}:{e.upstream_path} {arrow[e.transformation]} {e.downstream_path}".strip() for e in found.edges
    }


def codes(found: SqlLineage) -> list[str]:
    return [u.code for u in found.unresolved]


# dialect, text, column edges and dataset edges, codes
LAKE_CASES = [
    ("hive", "SELECT a, b AS n, 1 AS one FROM t", "t: ->, t:a -> a, t:b -> n", ""),
    ("hive", "SELECT `A`, T.B FROM DB.T", "t: ->, t:a -> a, t:b -> b", ""),
    ("spark", "SELECT A AS BigName FROM t", "t: ->, t:a -> BigName", ""),
    ("trino", 'SELECT "A" AS "BigName" FROM awsdatacatalog.db.T', "t: ->, t:a -> bigname", ""),
    ("trino", "SELECT t.a + u.d AS n FROM t JOIN u ON t.a = u.a",
     "t: ->, u: ->, t:a -> n, u:d -> n, t:a ~>, u:a ~>", ""),
    ("trino", "SELECT * FROM u", "u: ->, u:a -> a, u:d -> d, u:id -> id", ""),
    ("trino", "SELECT x.* FROM (SELECT a, d FROM u) x", "u: ->, u:a -> a, u:d -> d", ""),
    ("spark", "SELECT * EXCEPT (id) FROM u", "u: ->, u:a -> a, u:d -> d", ""),
    ("spark", "SELECT u.id, a FROM t JOIN u USING (a)",
     "t: ->, u: ->, u:id -> id, t:a -> a, u:a -> a, t:a ~>, u:a ~>", ""),
    ("spark", "SELECT a FROM t LEFT JOIN u USING (a)", "t: ->, u: ->, t:a -> a, t:a ~>, u:a ~>", ""),
    ("spark", "SELECT d FROM u LEFT SEMI JOIN t ON t.a = u.a", "u: ->, t: ~>, u:d -> d, t:a ~>, u:a ~>", ""),
    ("spark", "SELECT s.x, items.sku, items[0].qty AS q, m['k'].v FROM t",
     "t: ->, t:s.x -> x, t:items[].sku -> sku, t:items[].qty -> q, t:m{}.v -> v", ""),
    ("spark", "SELECT s.* FROM t", "t: ->, t:s.x -> x, t:s.y -> y", ""),
    ("hive", "SELECT i.sku, i AS whole FROM t LATERAL VIEW OUTER explode(items) e AS i",
     "t: ->, t:items[].sku -> sku, t:items -> whole", ""),
    ("spark", "SELECT k, w.v FROM t LATERAL VIEW explode(m) e AS k, w", "t: ->, t:m -> k, t:m{}.v -> v", ""),
    ("spark", "SELECT p, i.sku FROM t LATERAL VIEW posexplode(items) e AS p, i", "t: ->, t:items[].sku -> sku", ""),
    ("spark", "SELECT inline(items) FROM t", "t: ->, t:items[].sku -> sku, t:items[].qty -> qty", ""),
    ("databricks", "SELECT explode(items) AS i FROM t", "t: ->, t:items -> i", ""),
    ("databricks", "SELECT e.i.sku FROM t, LATERAL explode(t.items) AS e(i)", "t: ->, t:items[].sku -> sku", ""),
    ("trino", "SELECT x.sku, n FROM t CROSS JOIN UNNEST(items) WITH ORDINALITY AS x(sku, qty, n)",
     "t: ->, t:items[].sku -> sku", ""),
    ("trino", "SELECT i.sku FROM t CROSS JOIN UNNEST(items) AS x(i)", "t: ->, t:items[].sku -> sku", ""),
    ("trino", "SELECT a FROM t UNION ALL SELECT d FROM u", "t: ->, u: ->, t:a -> a, u:d -> a", ""),
    ("trino", "SELECT a FROM t EXCEPT SELECT d FROM u", "t: ->, u: ~>, t:a -> a, u:d ~> a", ""),
    ("trino", "SELECT CASE WHEN a > 1 THEN b ELSE c END AS z, if(a = 1, b) AS y FROM t",
     "t: ->, t:a ~> z, t:b -> z, t:c -> z, t:a ~> y, t:b -> y", ""),
    ("trino", "SELECT sum(a) OVER (PARTITION BY b ORDER BY c) AS w, rank() OVER (ORDER BY c) AS r FROM t",
     "t: ->, t:a -> w, t:b ~> w, t:c ~> w, t:c ~> r", ""),
    ("trino", "SELECT b, count(*) AS n, max(a) FILTER (WHERE c > 1) AS m FROM t GROUP BY b",
     "t: ->, t:b -> b, t:a -> m, t:c ~> m, t:b ~>", ""),
    ("trino", "SELECT b AS k, count(*) AS n FROM t GROUP BY 1 HAVING max(c) > 1",
     "t: ->, t:b -> k, t:b ~>, t:c ~>", ""),
    ("trino", "SELECT b FROM t WHERE EXISTS (SELECT 1 FROM u WHERE u.a = t.c)",
     "t: ->, u: ~>, t:b -> b, u:a ~>, t:c ~>", ""),
    ("trino", "SELECT (SELECT max(d) FROM u WHERE u.a = t.a) AS m FROM t",
     "t: ->, u: ->, u:d -> m, u:a ~> m, t:a ~> m", ""),
    ("spark", "SELECT a AS x, x || 'y' AS z FROM u", "u: ->, u:a -> x, u:a -> z", ""),
    ("trino", "SELECT a FROM (VALUES (1, 2)) AS t(a, b)", "", ""),
    ("trino", "SELECT 1 AS a, current_date AS d", "", ""),
    # nested names shadow those outside, and a WITH that is not recursive does not see itself
    ("spark",
     "WITH t AS (SELECT a AS z FROM t) SELECT z FROM (WITH t AS (SELECT z AS q FROM t) SELECT q AS z FROM t) t",
     "t: ->, t:a -> z", ""),
    ("trino", "WITH x AS (SELECT a FROM t), y AS (SELECT a FROM u) SELECT a FROM x", "t: ->, t:a -> a", ""),
    ("trino", "WITH RECURSIVE r(p, q) AS (SELECT a, d FROM u UNION ALL SELECT q, p FROM r) SELECT p FROM r",
     "u: ->, u:a -> p, u:d -> p", ""),
    ("spark", "SELECT * FROM u PIVOT (sum(d) FOR a IN (1 AS one, 2 AS two))",
     "u: ->, u:id -> id, u:d -> one, u:a ~> one, u:d -> two, u:a ~> two", ""),
    ("spark", "SELECT * FROM u UNPIVOT (v FOR n IN (a, d))", "u: ->, u:id -> id, u:a -> v, u:d -> v", ""),
    # what cannot be known is said
    ("trino", "SELECT a FROM t, u", "t: ->, u: ->", "ambiguous_column"),
    ("trino", "SELECT zzz FROM t", "t: ->", "unknown_column"),
    ("trino", "SELECT a + b FROM t", "t: ->", "unnamed_column"),
    ("trino", "SELECT * FROM other", "other: ->", "star_without_schema"),
    ("trino", "SELECT o.*, t.b AS x FROM other o JOIN t ON true", "other: ->, t: ->, t:b -> x", "star_without_schema"),
    ("trino", "SELECT p FROM other, another", "other: ->, another: ->", "ambiguous_column"),
    ("trino", "SELECT p FROM other o(p, q)", "other: ->", "star_without_schema"),
    ("trino", "SELECT a FROM t UNION ALL SELECT a, d FROM u", "t: ->, u: ->, t:a -> a, u:a -> a", "columns_differ"),
    # a star over an unknown table is no loss where a name is asked for
    ("trino", "WITH x AS (SELECT * FROM other) SELECT p, q AS r FROM x", "other: ->, other:p -> p, other:q -> r", ""),
    ("spark", "SELECT addr.city FROM other", "other: ->, other:addr.city -> city", ""),
    ("spark", "SELECT i.sku FROM other LATERAL VIEW explode(items) e AS i", "other: ->, other:items[].sku -> sku", ""),
    ("hive", "SELECT `ünï`, `a.b`.`c\"d` FROM `Straße`",
     'straße: ->, straße:ünï -> ünï, straße:"a.b"."c""d" -> "c""d"', ""),
]  # fmt: skip


@pytest.mark.parametrize(("dialect", "text", "edges", "unresolved"), LAKE_CASES)
def test_a_query_in_the_lake(dialect: str, text: str, edges: str, unresolved: str) -> None:
    found = view_lineage(text, dialect, default_schema="db", target="db.v", schema=LAKE)
    assert told(found, "db.v") == {f"db.{e}" for e in edges.split(", ") if e}
    assert codes(found) == unresolved.split()


SNOWFLAKE_CASES = [
    ('select a, "lower" as "Kept", T.B from t', "T: ->, T:A -> A, T:lower -> Kept, T:B -> B", ""),
    ('select "a" from t', "T: ->", "unknown_column"),
    ("select lower from t", "T: ->", "unknown_column"),
    ("select f.value:sku::string as sku, f.index i from t, lateral flatten(input => t.items) f",
     "T: ->, T:ITEMS[].SKU -> SKU, T:ITEMS -> I", ""),
    ("select value:x.y as y from t, table(flatten(t.v:rows)) f", "T: ->, T:V -> Y", ""),
    ("select v:doc.key::int as k from t", "T: ->, T:V -> K", ""),
    ("select * exclude (a) rename (d as e) from u", "U: ->, U:D -> E, U:ID -> ID", ""),
    ("select a as x, x + 1 as y from u qualify row_number() over (partition by y order by id) = 1",
     "U: ->, U:A -> X, U:A -> Y, U:A ~>, U:ID ~>", ""),
    ("select iff(a = 1, d, id) as z, nvl(a, d) as n from u",
     "U: ->, U:A ~> Z, U:D -> Z, U:ID -> Z, U:A -> N, U:D -> N", ""),
    ("with r as (select a, d from u union all select r.a, u.d from r join u on u.id = r.d) select * from r",
     "U: ->, U:A -> A, U:D -> D, U:ID ~>, U:D ~>", ""),
    ("select listagg(a, ',') within group (order by d) as l, percentile_cont(0.5) within group (order by id) as p"
     " from u",
     "U: ->, U:A -> L, U:D ~> L, U:ID -> P", ""),
    ("select a from identifier('db.s.u')", "U: ->, U:A -> A", ""),
    ("select p.one from u pivot (sum(d) for a in ('x', 'y')) as p (i, one, two)",
     "U: ->, U:D -> ONE, U:A ~> ONE", ""),
    ("select $1 as x from @stage", "", "dynamic_source"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "edges", "unresolved"), SNOWFLAKE_CASES)
def test_a_query_in_snowflake(text: str, edges: str, unresolved: str) -> None:
    found = view_lineage(text, "snowflake", "DB", "S", "DB.S.W", WAREHOUSE)
    assert told(found, "DB.S.W") == {f"DB.S.{e}" for e in edges.split(", ") if e}
    assert codes(found) == unresolved.split()


def test_an_athena_view_is_decoded_and_its_own_names_hold() -> None:
    stored = {
        "originalSql": "SELECT a x, b FROM t",
        "catalog": "awsdatacatalog",
        "schema": "db",
        "columns": [{"name": "x", "type": "int"}, {"name": "renamed", "type": "int"}],
    }
    text = f"/* Presto View: {base64.b64encode(json.dumps(stored).encode()).decode()} */"
    found = view_lineage(text, "hive", default_schema="wrong", target="db.v", schema=LAKE)
    assert told(found, "db.v") == {"db.t: ->", "db.t:a -> x", "db.t:b -> renamed"}
    view = presto_view(text)
    assert view is not None and view.columns == ("x", "renamed")


@pytest.mark.parametrize("coded", ["", "%%", "e30=", "bm90IGpzb24=", "W10="])
def test_an_athena_view_that_cannot_be_decoded_is_said(coded: str) -> None:
    found = view_lineage(f"/* Presto View: {coded} */", "presto", target="db.v")
    assert found.edges == () and codes(found) == ["not_a_text"]


def test_a_star_takes_the_views_own_columns_where_the_table_is_not_known() -> None:
    own = {"db.v": ("a", "b")}
    found = view_lineage("CREATE VIEW v AS SELECT * FROM other", "hive", "", "db", "db.v", own)
    assert told(found, "db.v") == {"db.other: ->", "db.other:a -> a", "db.other:b -> b"} and not found.unresolved


def test_the_known_table_corrects_the_spelling() -> None:
    known = {"main.s.orders": Table("main.s.Orders", ("Id", "Name"))}
    found = view_lineage("SELECT id, NAME AS n FROM Orders", "databricks", "main", "s", "main.s.v", known.get)
    assert told(found, "main.s.v") == {"main.s.Orders: ->", "main.s.Orders:Id -> id", "main.s.Orders:Name -> n"}


def test_the_view_spells_its_own_columns() -> None:
    known = {"db.v": ("Alpha", "beta")}
    found = view_lineage("SELECT a AS ALPHA, b + 1 FROM t", "spark", "", "db", "db.v", {**LAKE, **known})
    assert told(found, "db.v") == {"db.t: ->", "db.t:a -> Alpha", "db.t:b -> beta"} and not found.unresolved


def test_indirect_edges_can_be_left_out() -> None:
    found = view_lineage("SELECT a FROM t WHERE b > 1", "hive", "", "db", "db.v", LAKE, indirect=False)
    assert told(found, "db.v") == {"db.t: ->", "db.t:a -> a"}


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("SELECT " + "(" * 2000 + "a" + ")" * 2000, "too_deep"),
        ("SELECT " + "a, " * 3000 + "a FROM t", "too_large"),
        ("SELECT a FROM (", "unparsable"),
        ("CALL something()", "unsupported"),
    ],
)
def test_what_cannot_be_read_is_a_reason(text: str, code: str) -> None:
    found = view_lineage(text, "snowflake", "D", "S", "D.S.V", limits=Limits(tokens=5000))
    assert found.edges == () and codes(found) == [code]
    assert codes(view_lineage("SELECT 1", "cobol")) == ["unknown_dialect"]


def test_a_place_in_the_text_is_given() -> None:
    found = view_lineage("SELECT a,\n  zzz\nFROM t", "trino", "", "db", "db.v", LAKE)
    assert [(u.code, u.subject, u.line) for u in found.unresolved] == [("unknown_column", "zzz", 2)]


def test_thousands_of_unions_are_no_recursion() -> None:
    text = " UNION ALL ".join(f"SELECT a FROM t{n}" for n in range(1500))
    found = view_lineage(text, "trino", "", "db", "db.v")
    assert len(found.edges) == 3000 and not found.unresolved
