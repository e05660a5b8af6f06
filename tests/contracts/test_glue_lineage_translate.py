"""Jobs' graphs of many shapes, as edges from table to table and from column to column."""

from collections import Counter
from typing import Any

import pytest

from governance.errors import RecordError
from governance.filters import NameFilter
from governance.model import LineageEdge
from resources.glue.translate_jobs import steps_of
from resources.glue.translate_lineage import edges_of

TARGET = {"S3CatalogTarget": {"Name": "t", "Database": "d", "Table": "out"}}


def table(name: str, *columns: str) -> dict[str, Any]:
    """A source, whose columns are declared where some are given."""
    declared = {"OutputSchemas": [{"Columns": [{"Name": c} for c in columns]}]} if columns else {}
    return {"CatalogSource": {"Name": name, "Database": "d", "Table": name, **declared}}


def edges(nodes: dict[str, Any], names: NameFilter | None = None) -> tuple[list[LineageEdge], Counter[str]]:
    counts: Counter[str] = Counter()
    found = list(edges_of("job", steps_of(nodes, counts), "job graph", names or NameFilter(), counts))
    return found, +counts


def through(*steps: dict[str, Any], sources: dict[str, Any] | None = None) -> tuple[set[str], Counter[str]]:
    """The column edges of a chain of steps behind table `a`, or behind these sources; `~` marks indirect ones."""
    nodes = dict(sources or {"a": table("a")})
    inputs = list(nodes)
    for number, step in enumerate(steps):
        ((kind, told),) = step.items()
        nodes[f"s{number}"] = {kind: {"Name": kind, "Inputs": inputs, **told}}
        inputs = [f"s{number}"]
    nodes["out"] = {"S3CatalogTarget": {**TARGET["S3CatalogTarget"], "Inputs": inputs}}
    found, counts = edges(nodes)
    columns = [e for e in found if e.upstream_path]
    signs = {"direct": ">", "indirect": "~"}
    return {
        f"{e.upstream.removeprefix('d.')}.{e.upstream_path}{signs[e.transformation]}{e.downstream_path}"
        for e in columns
    }, counts


def mapping(*rows: tuple[str, str], **more: Any) -> dict[str, Any]:
    return {"ApplyMapping": {"Mapping": [{"FromPath": path.split("."), "ToKey": to, **more} for path, to in rows]}}


# --- columns ---


def test_a_mapping_names_every_column() -> None:
    found, counts = through(mapping(("x", "y"), ("address.city", "city"), ("z", "home.z")))
    assert found == {"a.x>y", "a.address.city>city", "a.z>home.z"}
    assert counts == Counter()


def test_what_a_mapping_drops_is_gone() -> None:
    assert through(mapping(("x", "y"), Dropped=True))[0] == set()


def test_children_of_a_mapping_lie_below_it() -> None:
    children = [{"ToKey": "town", "FromPath": ["address", "city"]}]
    found, _ = through(
        {"ApplyMapping": {"Mapping": [{"ToKey": "home", "FromPath": ["address"], "Children": children}]}}
    )
    assert found == {"a.address>home", "a.address.city>home.town"}


def test_a_chain_of_steps_is_followed() -> None:
    found, counts = through(
        {"DropFields": {"Paths": [["secret"]]}},
        {"RenameField": {"SourcePath": ["x"], "TargetPath": ["renamed"]}},
        {"DropNullFields": {}},
        mapping(("renamed", "r"), ("secret", "s"), ("x", "gone"), ("other", "o")),
    )
    assert found == {"a.x>r", "a.other>o"}
    assert counts == Counter()


def test_a_field_of_a_renamed_or_dropped_column_shares_its_fate() -> None:
    found, _ = through(
        {"RenameField": {"SourcePath": ["address"], "TargetPath": ["home"]}},
        {"SelectFields": {"Paths": [["home", "city"], ["address", "zip"]]}},
    )
    assert found == {"a.address.city>home.city"}


def test_all_columns_as_they_are_are_told_only_where_they_are_declared() -> None:
    assert through({"DropDuplicates": {}}) == (set(), Counter(columns_undeclared=1))
    declared = {"a": table("a", "x", "y.z")}
    assert through({"DropDuplicates": {}}, sources=declared) == ({"a.x>x", 'a."y.z">"y.z"'}, Counter())


def test_rows_of_several_inputs_keep_each_ones_columns() -> None:
    two = {"a": table("a", "x"), "b": table("b", "x", "y")}
    assert through({"Union": {"UnionType": "ALL"}}, sources=two)[0] == {"a.x>x", "b.x>x", "b.y>y"}
    stars = {"a": table("a"), "b": table("b")}
    assert through({"Union": {"UnionType": "ALL"}}, mapping(("x", "y")), sources=stars)[0] == {"a.x>y", "b.x>y"}


def test_a_join_is_told_where_no_column_could_be_of_both() -> None:
    keys = {"Columns": [{"From": "a", "Keys": [["id"]]}, {"From": "b", "Keys": [["a_id"]]}]}
    two = {"a": table("a", "id", "x"), "b": table("b", "a_id", "y")}
    found, counts = through({"Join": {"JoinType": "left", **keys}}, mapping(("x", "x"), ("y", "y")), sources=two)
    assert found == {"a.x>x", "b.y>y", "a.id~", "b.a_id~"}
    assert counts == Counter()
    same = {"a": table("a", "id"), "b": table("b", "id")}
    assert through({"Join": {"JoinType": "left", "Columns": []}}, sources=same) == (
        set(),
        Counter(columns_unknown=1),
    )
    undeclared = {"a": table("a"), "b": table("b", "a_id", "y")}
    found, counts = through({"Join": {"JoinType": "left", **keys}}, mapping(("y", "y")), sources=undeclared)
    # the keys are still known to decide
    assert (found, counts) == ({"a.id~", "b.a_id~"}, Counter(columns_unknown=1))


def test_filters_decide_rows() -> None:
    values = [{"Type": "COLUMNEXTRACTED", "Value": ["status"]}, {"Type": "CONSTANT", "Value": ["x"]}]
    filters = [{"Operation": "EQ", "Values": values}]
    found, _ = through({"Filter": {"LogicalOperator": "AND", "Filters": filters}}, mapping(("x", "x")))
    assert found == {"a.x>x", "a.status~"}
    route = {"Route": {"GroupFiltersList": [{"GroupName": "g", "LogicalOperator": "AND", "Filters": filters}]}}
    assert through(route, mapping(("status", "s")))[0] == {"a.status>s"}


def test_groups_pass_and_aggregates_are_not_guessed() -> None:
    step = {"Aggregate": {"Groups": [["g"]], "Aggs": [{"Column": ["x"], "AggFunc": "sum"}]}}
    assert through(step) == ({"a.g>g"}, Counter(columns_unknown=1))


def test_filled_values_come_of_the_column_that_had_none() -> None:
    found, _ = through(
        {"FillMissingValues": {"ImputedPath": "x", "FilledPath": "x_filled"}}, mapping(("x_filled", "x"))
    )
    assert found == {"a.x>x"}


def test_queries_are_read() -> None:
    two = {"a": table("a", "id", "x"), "b": table("b", "id", "y")}
    sql = {
        "SqlQuery": "SELECT l.x AS first, r.y FROM Lefts l JOIN rights r ON l.id = r.id WHERE r.y > 1",
        "SqlAliases": [{"From": "a", "Alias": "Lefts"}, {"From": "b", "Alias": "rights"}],
    }
    found, counts = through({"SparkSQL": sql}, sources=two)
    assert found == {"a.x>first", "b.y>y", "a.id~", "b.id~"}
    assert counts == Counter()
    sql = {"SqlQuery": "SELECT * FROM l", "SqlAliases": [{"From": "a", "Alias": "l"}]}
    assert through({"SparkSQL": sql}) == (set(), Counter(columns_unknown=1))
    assert through({"SparkSQL": sql}, sources={"a": table("a", "x")})[0] == {"a.x>x"}
    assert through({"SparkSQL": {**sql, "SqlQuery": "SELEC nonsense ("}})[1] == Counter(columns_unknown=1)


@pytest.mark.parametrize("kind", ["CustomCode", "DynamicTransform", "Recipe"])
def test_code_hides_its_columns_and_no_tables(kind: str) -> None:
    nodes = {
        "a": table("a", "x"),
        "code": {kind: {"Name": kind, "Inputs": ["a"]}},
        "out": {"S3CatalogTarget": {**TARGET["S3CatalogTarget"], "Inputs": ["code"]}},
    }
    found, counts = edges(nodes)
    assert [(e.upstream, e.downstream, e.upstream_path) for e in found] == [("d.a", "d.out", "")]
    assert counts == Counter(columns_unknown=1)


def test_a_node_of_an_unknown_type_is_passed_through_and_counted() -> None:
    nodes = {
        "a": table("a"),
        "new": {"Teleport": {"Name": "n", "Inputs": ["a"]}},
        "out": {"S3CatalogTarget": {**TARGET["S3CatalogTarget"], "Inputs": ["new"]}},
    }
    found, counts = edges(nodes)
    assert len(found) == 1 and counts == Counter(unknown_nodes=1, columns_unknown=1)


# --- tables and places ---


@pytest.mark.parametrize(
    ("node", "names"),
    [
        ({"S3CatalogSource": {"Database": "Sales", "Table": "Orders"}}, ["dataset sales.orders"]),
        ({"RelationalCatalogSource": {"Database": "erp", "Table": "t"}}, ["dataset erp.t"]),
        ({"CatalogKafkaSource": {"Database": "k", "Table": "t", "StreamingOptions": {}}}, ["dataset k.t"]),
        ({"S3ParquetSource": {"Paths": ["s3://b/x/", "s3://b/y/*.parquet"]}}, ["location s3://b/x/", "location s3://b/y/"]),
        ({"S3ParquetSource": {"Paths": ["s3://b/x/2024-*/day=1/"]}}, ["location s3://b/x/"]),
        (
            {"DirectJDBCSource": {"Database": "shop", "Table": "t", "ConnectionName": "erp"}},
            ["external erp:shop.t"],
        ),
        (
            {"JDBCConnectorSource": {"ConnectionName": "erp", "ConnectionTable": "t", "SchemaName": ""}},
            ["external erp:t"],
        ),
        ({"AthenaConnectorSource": {"ConnectionName": "logs", "SchemaName": "s", "ConnectionTable": "t"}},
         ["external logs:s.t"]),
        ({"SnowflakeSource": {"Data": {"Database": "D", "Schema": "S", "Table": "T"}}}, ["external snowflake:D.S.T"]),
        (
            {"AmazonRedshiftSource": {"Data": {"Schema": {"Value": "s"}, "Table": {"Value": "t"}}}},
            ["external redshift:s.t"],
        ),
        (
            {"AmazonRedshiftSource": {"Data": {"CatalogDatabase": {"Value": "c"}, "CatalogTable": {"Value": "t"}}}},
            ["dataset c.t"],
        ),
        ({"DirectKinesisSource": {"StreamingOptions": {"StreamName": "clicks"}}}, ["external kinesis:clicks"]),
        ({"DirectKafkaSource": {"StreamingOptions": {"TopicName": "clicks"}}}, ["external kafka:clicks"]),
        ({"ConnectorDataSource": {"ConnectionType": "salesforce", "Data": {"ENTITY_NAME": "Account"}}},
         ["external salesforce:Account"]),
        ({"DynamoDBELTConnectorSource": {"ConnectionOptions": {"DynamodbTableArn": "arn:x"}}},
         ["external dynamodb:arn:x"]),
    ],
)  # fmt: skip
def test_sources(node: dict[str, Any], names: list[str]) -> None:
    nodes = {"in": node, "out": {"S3CatalogTarget": {**TARGET["S3CatalogTarget"], "Inputs": ["in"]}}}
    found, counts = edges(nodes)
    assert [f"{e.upstream_kind} {e.upstream}" for e in found] == names
    assert set(counts) <= {"columns_undeclared"}


def test_a_folder_that_is_registered_as_a_table_is_both() -> None:
    policy = {"EnableUpdateCatalog": True, "Database": "D", "Table": "T"}
    node = {"S3DirectTarget": {"Inputs": ["a"], "Path": "s3://b/t/", "Format": "json", "SchemaChangePolicy": policy}}
    found, _ = edges({"a": table("a"), "out": node})
    assert {(e.downstream_kind, e.downstream) for e in found} == {("dataset", "d.t"), ("location", "s3://b/t/")}
    policy["EnableUpdateCatalog"] = False
    found, _ = edges({"a": table("a"), "out": node})
    assert {e.downstream for e in found} == {"s3://b/t/"}


@pytest.mark.parametrize("path", ["s3://b/${env}/x/", "s3://{bucket}/", "args['path']", 7])
def test_a_path_that_depends_on_something_is_counted(path: Any) -> None:
    node = {"S3DirectTarget": {"Inputs": ["a"], "Path": path, "Format": "json"}}
    found, counts = edges({"a": table("a", "x"), "out": node})
    assert (found, counts) == ([], Counter(unresolved_paths=1, unresolved_targets=1))
    found, counts = edges({"in": {"SparkConnectorSource": {"ConnectionName": "c"}}})
    assert (found, counts) == ([], Counter(unresolved_sources=1))


def test_every_source_reaches_every_target_that_its_steps_lead_to() -> None:
    nodes = {
        "a": table("a"),
        "b": table("b"),
        "c": table("c"),
        "both": {"CustomCode": {"Inputs": ["a", "b"]}},
        "one": {"S3CatalogTarget": {"Inputs": ["both"], "Database": "d", "Table": "one"}},
        "two": {"S3CatalogTarget": {"Inputs": ["both", "c"], "Database": "d", "Table": "two"}},
        "alone": {"S3CatalogTarget": {"Inputs": ["nowhere"], "Database": "d", "Table": "alone"}},
    }
    found, _ = edges(nodes)
    assert sorted((e.upstream, e.downstream) for e in found) == [
        ("d.a", "d.one"),
        ("d.a", "d.two"),
        ("d.b", "d.one"),
        ("d.b", "d.two"),
        ("d.c", "d.two"),
    ]
    governed, _ = edges(nodes, NameFilter(["d.two"]))
    assert {e.downstream for e in governed} == {"d.two"}


def test_a_table_is_not_its_own_source() -> None:
    nodes = {"out": table("out", "x"), "t": {"S3CatalogTarget": {**TARGET["S3CatalogTarget"], "Inputs": ["out"]}}}
    assert edges(nodes)[0] == []


def test_circles_and_long_chains_end() -> None:
    circle = {
        "a": table("a"),
        "x": {"Union": {"Inputs": ["y", "a"]}},
        "y": {"DropDuplicates": {"Inputs": ["x"]}},
        "out": {"S3CatalogTarget": {**TARGET["S3CatalogTarget"], "Inputs": ["y"]}},
    }
    assert [e.upstream for e in edges(circle)[0]] == ["d.a"]
    long = {"s0": table("a", "x")}
    for n in range(1, 3_000):
        long[f"s{n}"] = {"DropDuplicates": {"Inputs": [f"s{n - 1}"]}}
    long["out"] = {"S3CatalogTarget": {**TARGET["S3CatalogTarget"], "Inputs": ["s2999"]}}
    assert [(e.upstream_path, e.downstream_path) for e in edges(long)[0]] == [("", ""), ("x", "x")]


@pytest.mark.parametrize(
    "nodes",
    [
        {"a": 7},
        {"a": {"CatalogSource": 7}},
        {"a": {}},
        {"a": {"Filter": {"Inputs": "b"}}},
        {"a": {"ApplyMapping": {"Inputs": [], "Mapping": [7]}}},
        {"a": {"SelectFields": {"Inputs": [], "Paths": ["x"]}}},
    ],
)
def test_nodes_of_no_known_shape_are_said(nodes: dict[str, Any]) -> None:
    with pytest.raises(RecordError):
        edges({**nodes, "out": {"S3CatalogTarget": {**TARGET["S3CatalogTarget"], "Inputs": ["a"]}}})
