"""Answers of Glue become records: the ordinary, the odd, and the ones that go to quarantine."""

import base64
import json
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from governance.model import Dataset
from resources.glue.translate import container_of, instant, translated
from resources.glue.translate_format import format_of
from resources.glue.translate_record import StorageRecord
from resources.glue.translate_tags import Assigned, assigned_of, table_tags

PARQUET = "org.apache.hadoop.hive.ql.io.parquet.MapredParquetInputFormat"


def table(**fields: Any) -> dict[str, Any]:
    columns = [{"Name": "a", "Type": "int"}, {"Name": "b", "Type": "struct<c:string>", "Comment": "deep"}]
    return {"Name": "t", "DatabaseName": "d", "StorageDescriptor": {"Columns": columns}, **fields}


def read(*tables: Any) -> tuple[tuple[Dataset, ...], tuple[Any, ...]]:
    found = list(translated(tables, "d", lambda raw: "arn", lambda name, columns: ()))
    datasets = tuple(d for d in found if isinstance(d, Dataset))
    return datasets, tuple(q for q in found if not isinstance(q, Dataset))


def one(**fields: Any) -> Dataset:
    datasets, odd = read(table(**fields))
    assert not odd
    return datasets[0]


def test_partition_keys_follow_the_columns() -> None:
    got = one(PartitionKeys=[{"Name": "day", "Type": "date"}])
    assert [(c.path, c.ordinal, c.partition_key) for c in got.columns] == [
        ("a", 1, False),
        ("b", 2, False),
        ("b.c", 1, False),
        ("day", 3, True),
    ]


def test_a_column_that_is_also_a_partition_key_comes_once() -> None:
    got = one(PartitionKeys=[{"Name": "a", "Type": "string"}])
    assert [(c.path, c.type, c.partition_key) for c in got.columns if c.path == "a"] == [("a", "string", True)]
    assert got.properties["repeated_columns"] == ["a"]


def test_a_partition_key_that_comes_twice_comes_once() -> None:
    got = one(PartitionKeys=[{"Name": "day", "Type": "date"}, {"Name": "day", "Type": "string"}])
    assert [(c.path, c.ordinal, c.type) for c in got.columns if c.partition_key] == [("day", 3, "date")]
    assert got.properties["repeated_columns"] == ["day"]


@pytest.mark.parametrize(
    ("fields", "kind"),
    [
        ({"TableType": "EXTERNAL_TABLE"}, "external_table"),
        ({"TableType": "MANAGED_TABLE"}, "table"),
        ({}, "table"),
        ({"TableType": "VIRTUAL_VIEW"}, "view"),
        ({"TableType": "GOVERNED"}, "governed"),
        ({"TableType": "EXTERNAL_TABLE", "Parameters": {"table_type": "iceberg"}}, "iceberg_table"),
        ({"TargetTable": {"CatalogId": "1", "DatabaseName": "x", "Name": "y"}}, "resource_link"),
    ],
)
def test_kinds(fields: dict[str, Any], kind: str) -> None:
    assert one(**fields).kind == kind


def test_a_link_needs_no_columns_and_says_where_it_points() -> None:
    target = {"CatalogId": "210987654321", "DatabaseName": "x", "Name": "y", "Region": "eu-west-1"}
    (got,), odd = read({"Name": "link", "TargetTable": target})
    assert not odd and got.columns == () and got.format is None
    assert got.properties == {
        "target": {"catalog_id": "210987654321", "database": "x", "name": "y", "region": "eu-west-1"}
    }


def test_statistics_leave_the_parameters_and_volatile_ones_are_dropped() -> None:
    got = one(Parameters={"recordCount": "12", "sizeKey": "-1", "transient_lastDdlTime": "1", "Mixed.Case": "kept"})
    assert (got.row_count, got.size_bytes) == (12, None)
    assert got.properties["parameters"] == {"sizeKey": "-1", "Mixed.Case": "kept"}


def test_iceberg_says_what_is_optional_and_what_was_dropped() -> None:
    def told(name: str, **parameters: str) -> dict[str, Any]:
        return {"Name": name, "Type": "int", "Parameters": {f"iceberg.field.{k}": v for k, v in parameters.items()}}

    columns = [told("a", optional="false", id="1"), told("b", optional="true"), told("old", current="false")]
    got = one(StorageDescriptor={"Columns": columns})
    assert [(c.path, c.nullable) for c in got.columns] == [("a", False), ("b", True)]
    assert got.columns[0].properties == {"iceberg.field.id": "1"}


def test_a_type_that_cannot_be_parsed_is_kept_as_unknown() -> None:
    got = one(StorageDescriptor={"Columns": [{"Name": "a", "Type": "struct<<"}, {"Name": "b"}]})
    assert [(c.native_type, c.type) for c in got.columns] == [("struct<<", "unknown"), ("", "unknown")]


def test_the_text_of_an_athena_view_is_plain_sql() -> None:
    inner = base64.b64encode(json.dumps({"originalSql": "SELECT 'é'", "catalog": "c"}).encode()).decode()
    got = one(TableType="VIRTUAL_VIEW", ViewOriginalText=f"/* Presto View: {inner} */")
    assert got.properties["view_text"] == "SELECT 'é'" and got.format is None
    broken = one(TableType="VIRTUAL_VIEW", ViewOriginalText="/* Presto View: %% */", ViewExpandedText="x")
    assert broken.properties["view_text"] == "/* Presto View: %% */"
    assert broken.properties["view_expanded_text"] == "x"


@pytest.mark.parametrize(
    ("storage", "parameters", "expected"),
    [
        ({}, {}, None),
        ({"InputFormat": PARQUET}, {}, "parquet"),
        ({"InputFormat": PARQUET}, {"classification": "CSV"}, "csv"),
        ({"InputFormat": PARQUET}, {"classification": "UNKNOWN"}, "parquet"),
        ({"InputFormat": "org.apache.hudi.hadoop.HoodieParquetInputFormat"}, {"classification": "parquet"}, "hudi"),
        ({"InputFormat": PARQUET}, {"table_type": "ICEBERG"}, "iceberg"),
        ({}, {"spark.sql.sources.provider": "delta", "classification": "parquet"}, "delta"),
        ({"SerdeInfo": {"SerializationLibrary": "org.openx.data.jsonserde.JsonSerDe"}}, {}, "json"),
        ({"InputFormat": "TextInputFormat", "SerdeInfo": {"Parameters": {"field.delim": "\t"}}}, {}, "tsv"),
        ({"InputFormat": "TextInputFormat"}, {}, "text"),
        ({"Parameters": {"classification": "orc"}}, {}, "orc"),
    ],
)
def test_formats(storage: dict[str, Any], parameters: dict[str, Any], expected: str | None) -> None:
    assert format_of(msgspec.convert(storage, StorageRecord), parameters) == expected


def test_times_are_seconds_or_datetimes() -> None:
    assert instant(0) == datetime(1970, 1, 1, tzinfo=UTC)
    assert instant(datetime(2026, 1, 1, tzinfo=UTC)) == datetime(2026, 1, 1, tzinfo=UTC)
    assert [instant(v) for v in (None, "soon", True, 1e300, float("nan"))] == [None] * 5


@pytest.mark.parametrize(
    ("odd", "name", "reason"),
    [
        ("no object", None, "not a JSON object"),
        ({"StorageDescriptor": {"Columns": []}}, None, "no Name"),
        ({"Name": "", "StorageDescriptor": {"Columns": []}}, None, "no Name"),
        ({"Name": "t"}, "d.t", "no column list"),
        ({"Name": "t", "StorageDescriptor": {"Columns": None}}, "d.t", "no column list"),
        ({"Name": "t", "StorageDescriptor": {"Columns": [{"Type": "int"}]}}, "d.t", "a column has no Name"),
        ({"Name": "t", "StorageDescriptor": {"Columns": "a int"}}, "d.t", "StorageDescriptor.Columns is not a list"),
        ({"Name": "t", "StorageDescriptor": {"Columns": [{"Name": "a"}, 7]}}, "d.t", "Columns[1] is not a JSON object"),
        ({"Name": "t", "StorageDescriptor": [], "Parameters": {}}, "d.t", "StorageDescriptor is not"),
        (table(Parameters=["a"]), "d.t", "Parameters is not"),
        (table(PartitionKeys=[{"Name": None}]), "d.t", "a column has no Name"),
    ],
)
def test_what_cannot_be_understood_is_quarantined_and_the_rest_read(odd: Any, name: str | None, reason: str) -> None:
    datasets, (quarantined,) = read(table(Name="before"), odd, table(Name="after"))
    assert [d.name for d in datasets] == ["before", "after"]
    assert quarantined.name == name and reason in quarantined.reason
    assert quarantined.payload == odd


def test_a_record_that_is_nested_too_deep_is_quarantined() -> None:
    deep = b'{"Name":"t","Retention":' + b"[" * 5_000 + b"]" * 5_000 + b',"StorageDescriptor":{"Columns":[]}}'
    datasets, (odd,) = read(deep, table(Name="after"))
    assert [d.name for d in datasets] == ["after"] and odd.name is None and odd.payload == deep.decode()


def test_text_that_no_store_takes_is_replaced_and_the_table_kept() -> None:
    (got, other), odd = read(table(Description="a\ud800b\x00c"), table(Name="u", Description="🧭"))
    assert not odd
    assert (got.comment, other.comment) == ("a�b�c", "🧭")


def test_many_columns_and_deep_types() -> None:
    deep = "array<" * 200 + "int" + ">" * 200
    columns = [{"Name": f"c{n}", "Type": "string"} for n in range(5000)]
    got = one(StorageDescriptor={"Columns": [*columns, {"Name": "deep", "Type": deep}]})
    assert len(got.columns) == 5001
    assert got.columns[-1].native_type == deep


def test_a_link_database_says_where_it_points() -> None:
    got = container_of({"Name": "l", "TargetDatabase": {"CatalogId": "1", "DatabaseName": "x"}})
    assert (got.kind, got.properties) == ("resource_link", {"target": {"catalog_id": "1", "database": "x"}})


# --- tags ---


def pairs(**values: str) -> list[dict[str, Any]]:
    return [{"TagKey": k, "TagValues": [v]} for k, v in values.items()]


def test_answers_with_and_without_what_is_inherited_mean_the_same() -> None:
    columns = one().columns
    above = {"domain": "sales", "level": "low"}
    bare = {"LFTagsOnTable": pairs(level="high"), "LFTagsOnColumns": [{"Name": "a", "LFTags": pairs(pii="email")}]}
    full = {
        "LFTagOnDatabase": pairs(**above),
        "LFTagsOnTable": pairs(domain="sales", level="high"),
        "LFTagsOnColumns": [
            {"Name": "a", "LFTags": pairs(domain="sales", level="high", pii="email")},
            {"Name": "b", "LFTags": pairs(domain="sales", level="high")},
        ],
    }
    tags = [table_tags("d", "t", above, assigned_of(answer), columns) for answer in (bare, full)]
    assert tags[0] == tags[1]
    assert [(t.path, t.tag, t.value, t.inherited, t.origin) for t in tags[0]] == [
        ("", "domain", "sales", True, "d"),
        ("", "level", "high", False, ""),
        ("a", "domain", "sales", True, "d"),
        ("a", "level", "high", True, "d.t"),
        ("a", "pii", "email", False, ""),
        ("b", "domain", "sales", True, "d"),
        ("b", "level", "high", True, "d.t"),
    ]


def test_tags_of_columns_that_are_not_there_are_left_out() -> None:
    assert table_tags("d", "t", {}, Assigned({}, {"gone": {"k": "v"}}), one().columns) == ()


# --- any JSON at all ---

JSON = st.recursive(
    st.one_of(
        st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False, allow_infinity=False), st.text(max_size=8)
    ),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=8), inner, max_size=3)),
    max_leaves=6,
)
COLUMN = st.fixed_dictionaries({}, optional={"Name": JSON, "Type": JSON, "Comment": JSON, "Parameters": JSON})
STORAGE = st.fixed_dictionaries(
    {},
    optional={
        "Columns": st.one_of(JSON, st.lists(COLUMN, max_size=4)),
        "Location": JSON,
        "SerdeInfo": JSON,
        "InputFormat": JSON,
        "Parameters": JSON,
        "SortColumns": JSON,
        "NumberOfBuckets": JSON,
        "BucketColumns": JSON,
    },
)
TABLE = st.fixed_dictionaries(
    {},
    optional={
        "Name": st.one_of(st.text(min_size=1, max_size=8), JSON),
        "StorageDescriptor": st.one_of(STORAGE, JSON),
        "PartitionKeys": st.one_of(JSON, st.lists(COLUMN, max_size=2)),
        "Parameters": st.one_of(JSON, st.dictionaries(st.text(max_size=8), JSON, max_size=3)),
        "TableType": JSON,
        "Owner": JSON,
        "UpdateTime": JSON,
        "VersionId": JSON,
        "TargetTable": JSON,
        "ViewOriginalText": JSON,
        "Description": JSON,
    },
)


@given(st.one_of(TABLE, JSON))
def test_a_record_comes_to_the_same_as_bytes_and_parsed(table: Any) -> None:
    assert read(json.dumps(table).encode()) == read(table)


@given(st.lists(st.one_of(TABLE, JSON), max_size=5))
def test_every_record_is_either_read_or_quarantined(tables: list[Any]) -> None:
    datasets, odd = read(*tables)
    assert len(datasets) + len(odd) == len(tables)
    for dataset in datasets:
        assert dataset.name and dataset.qualified_name == f"d.{dataset.name}"
        assert msgspec.json.decode(msgspec.json.encode(dataset), type=Dataset) == dataset
        paths = [c.path for c in dataset.columns]
        assert len(paths) == len(set(paths))
    for record in odd:
        assert record.reason
        msgspec.json.encode(record)
