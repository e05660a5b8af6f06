"""Lineage of the statements that write: their targets, their columns, and heads that sqlglot does not know."""

import logging

import pytest

from governance.lineage import view_lineage

KNOWN = {
    "db.t": ("id", "a", "b"),
    "db.u": ("id", "a", "dt"),
    "db.s": ("id", "a", "b"),
    "D.S.T": ("ID", "A"),
    "D.S.U": ("ID", "A"),
    "db.v": ("id", "a", "b"),
}


# dialect, text, edges as `upstream:path arrow downstream:path`, codes
CASES = [
    ("hive", "INSERT INTO u SELECT id, a, b FROM t",
     "db.t: -> db.u:, db.t:id -> db.u:id, db.t:a -> db.u:a, db.t:b -> db.u:dt", ""),
    ("hive", "INSERT OVERWRITE TABLE u PARTITION (dt='x') SELECT id, b FROM t",
     "db.t: -> db.u:, db.t:id -> db.u:id, db.t:b -> db.u:a", ""),
    ("trino", "INSERT INTO u (a, id) SELECT id, b FROM t", "db.t: -> db.u:, db.t:id -> db.u:a, db.t:b -> db.u:id", ""),
    ("trino", "INSERT INTO t SELECT * FROM t",
     "db.t: -> db.t:, db.t:id -> db.t:id, db.t:a -> db.t:a, db.t:b -> db.t:b", ""),
    ("trino", "INSERT INTO other SELECT id FROM t", "db.t: -> db.other:", "target_columns_unknown"),
    ("trino", "INSERT INTO u SELECT id FROM t", "db.t: -> db.u:, db.t:id -> db.u:id", "columns_differ"),
    ("trino", "INSERT INTO u VALUES (1, 2, 3)", "", ""),
    ("spark", "WITH c AS (SELECT a FROM t) INSERT INTO u (id) SELECT a FROM c",
     "db.t: -> db.u:, db.t:a -> db.u:id", ""),
    ("hive", "FROM t INSERT INTO u (id) SELECT a INSERT INTO s (id) SELECT b WHERE a > 1",
     "db.t: -> db.u:, db.t:a -> db.u:id, db.t: -> db.s:, db.t:b -> db.s:id, db.t:a ~> db.s:", ""),
    ("spark", "CREATE TABLE n AS SELECT id AS k FROM t", "db.t: -> db.n:, db.t:id -> db.n:k", ""),
    ("trino", "CREATE OR REPLACE VIEW x (p, q) AS SELECT a, b FROM t",
     "db.t: -> db.x:, db.t:a -> db.x:p, db.t:b -> db.x:q", ""),
    ("tsql", "SELECT a INTO n FROM t", "db.t: -> db.n:, db.t:a -> db.n:a", ""),
    ("tsql", "CREATE VIEW x AS SELECT TOP 5 n = a, [b] AS [My Col] FROM [t] WITH (NOLOCK)",
     "db.t: -> db.x:, db.t:a -> db.x:n, db.t:b -> db.x:My Col", ""),
    ("tsql", "UPDATE d SET d.a = s.b FROM t AS d JOIN s ON s.id = d.id",
     "db.s: -> db.t:, db.s:b -> db.t:a, db.s:id ~> db.t:", ""),
    ("tsql", "MERGE INTO t AS d USING s ON d.id = s.id WHEN MATCHED AND s.a > 0 THEN UPDATE SET d.b = s.b"
     " WHEN NOT MATCHED THEN INSERT (id) VALUES (s.id);",
     "db.s: -> db.t:, db.s:id ~> db.t:, db.s:a ~> db.t:, db.s:b -> db.t:b, db.s:id -> db.t:id", ""),
    ("databricks", "MERGE INTO t USING (SELECT * FROM s) x ON t.id = x.id WHEN MATCHED THEN UPDATE SET *",
     "db.s: -> db.t:, db.s:id ~> db.t:, db.s:id -> db.t:id, db.s:a -> db.t:a, db.s:b -> db.t:b", ""),
    ("trino", "SET SESSION x = 1; CREATE VIEW x AS SELECT a FROM t; DROP TABLE t",
     "db.t: -> db.x:, db.t:a -> db.x:a", ""),
    ("databricks", "CREATE MATERIALIZED VIEW v (p COMMENT 'x, y', q) SCHEDULE CRON '0 0 * * * ?' AS SELECT a, b FROM t",
     "", "body_only no_target"),
]  # fmt: skip


@pytest.mark.parametrize(("dialect", "text", "edges", "unresolved"), CASES)
def test_a_statement_that_writes(dialect: str, text: str, edges: str, unresolved: str) -> None:
    found = view_lineage(text, dialect, default_schema="db", schema=KNOWN)
    arrow = {"direct": "->", "indirect": "~>"}
    told = {
        f"{e.upstream}:{e.upstream_path} {arrow[e.transformation]} {e.downstream}:{e.downstream_path}"
        for e in found.edges
    }
    assert told == set(filter(None, edges.split(", ")))
    assert [u.code for u in found.unresolved] == unresolved.split()


def test_snowflake_inserts_into_several_tables() -> None:
    text = "INSERT ALL WHEN a > 1 THEN INTO t (id) VALUES (x) SELECT id AS x, a FROM u"
    found = view_lineage(text, "snowflake", "D", "S", schema=KNOWN)
    told = {(e.upstream_path, e.downstream, e.downstream_path, e.transformation) for e in found.edges}
    assert told == {("", "D.S.T", "", "direct"), ("ID", "D.S.T", "ID", "direct"), ("A", "D.S.T", "", "indirect")}


def test_a_view_whose_head_is_not_known_is_read_by_its_query() -> None:
    text = "CREATE MATERIALIZED VIEW old (p COMMENT 'x, (y', q) SCHEDULE CRON '0 0 * * * ?' AS SELECT a, b FROM t"
    found = view_lineage(text, "databricks", "", "db", "db.new", KNOWN)
    assert {(e.upstream_path, e.downstream, e.downstream_path) for e in found.edges} == {
        ("", "db.new", ""),
        ("a", "db.new", "p"),
        ("b", "db.new", "q"),
    }
    assert [u.code for u in found.unresolved] == ["body_only"]


def test_the_targets_name_wins_over_the_text_that_a_rename_left_behind() -> None:
    found = view_lineage("create view old as select a from t", "snowflake", "D", "S", "D.S.NEW", KNOWN)
    assert {e.downstream for e in found.edges} == {"D.S.NEW"} == {e.process for e in found.edges}
    assert {(e.process_kind, e.origin) for e in found.edges} == {("view", "view_text")}


def test_text_of_views_stays_out_of_the_log(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        view_lineage("CREATE MATERIALIZED VIEW v SCHEDULE CRON 'secret' AS SELECT a FROM t", "databricks", target="x.v")
    assert "secret" not in caplog.text
