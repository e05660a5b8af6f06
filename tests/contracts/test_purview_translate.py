"""Purview's records to the inventory's: kinds, types put together again, tags, contacts; nothing breaks it."""

from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from governance.errors import RecordError
from governance.model import Dataset, Tag
from resources.purview.translate import contacts_of, container_of, dataset_of, instant, kind_of
from resources.purview.translate_columns import columns_of_asset, native_type
from resources.purview.translate_tags import classifications_of, labels_of, sorted_tags, terms_of

Json = Any


def entity(type_name: str = "azure_sql_table", attributes: Json = None, **more: Any) -> Json:
    given = {"qualifiedName": "mssql://s/d/dbo/t", "name": "t", **(attributes or {})}
    return {"typeName": type_name, "guid": "g-1", "attributes": given, **more}


def column(name: str, **attributes: Any) -> Json:
    return {"typeName": "azure_sql_column", "guid": f"c-{name}", "attributes": {"name": name, **attributes}}


@pytest.mark.parametrize(
    ("type_name", "object_type", "kind"),
    [
        ("azure_sql_table", "Tables", "table"),
        ("azure_sql_view", "Tables", "view"),
        ("oracle_materialized_view", "Tables", "materialized_view"),
        ("azure_synapse_dedicated_sql_external_table", "Tables", "external_table"),
        ("azure_datalake_gen2_resource_set", "Files", "file_set"),
        ("azure_blob_path", "Files", "file"),
        ("azure_blob_path", "Folders", None),
        ("aws_s3_v2_object", "Files", "file"),
        ("aws_s3_v2_directory", "", None),
        ("Process", "", None),
        ("powerbi_dataset", "Datasets", "dataset"),
        ("powerbi_dataset", "", "dataset"),
        ("powerbi_report", "Reports", None),
        ("azure_sql_server", "", None),
        ("azure_sql_db", "", None),
        ("azure_sql_schema", "", None),
        ("azure_sql_column", "", None),
        ("tabular_schema", "", None),
        ("column", "", None),
        ("adf_copy_activity", "Data pipelines", None),
        ("azure_sql_stored_procedure", "Stored procedures", None),
        ("AtlasGlossaryTerm", "Glossary terms", None),
        ("azure_cosmosdb_sqlapi_collection", "Tables", "table"),
        ("acme_feed", "", "feed"),
        ("acme_feed", "Something new", "feed"),
    ],
)
def test_kinds(type_name: str, object_type: str, kind: str | None) -> None:
    assert kind_of(type_name, object_type) == kind


@pytest.mark.parametrize(
    ("attributes", "native"),
    [
        ({"data_type": "nvarchar", "length": 255, "precision": 0, "scale": 0}, "nvarchar(255)"),
        ({"data_type": "nvarchar", "length": -1}, "nvarchar(max)"),
        ({"data_type": "varbinary", "length": 16}, "varbinary(16)"),
        ({"data_type": "decimal", "length": 9, "precision": 12, "scale": 2}, "decimal(12,2)"),
        ({"data_type": "NUMBER", "precision": 38, "scale": None}, "NUMBER(38,0)"),
        ({"data_type": "NUMBER", "precision": 0}, "NUMBER"),
        ({"data_type": "int", "length": 4, "precision": 10, "scale": 0}, "int"),
        ({"data_type": "datetime2", "length": 8, "precision": 27, "scale": 7}, "datetime2"),
        ({"data_type": "varchar(20)", "length": 20}, "varchar(20)"),
        ({"data_type": "varchar", "length": "30"}, "varchar(30)"),
        ({"type": "array<struct<sku:string>>"}, "array<struct<sku:string>>"),
        ({"dataType": "Int64"}, "Int64"),
        ({"data_type": None, "type": "string"}, "string"),
        ({}, ""),
        ({"data_type": 7}, ""),
    ],
)
def test_types_are_put_together_again(attributes: Json, native: str) -> None:
    assert native_type(attributes) == native


@pytest.mark.parametrize(
    ("type_name", "word", "expected"),
    [
        ("azure_sql_table", "float", "double"),
        ("azure_sql_table", "timestamp", "binary"),
        ("mssql_table", "rowversion", "binary"),
        ("azure_synapse_dedicated_sql_table", "FLOAT", "double"),
        ("hive_table", "float", "float"),
        ("hive_table", "timestamp", "timestamp"),
        ("snowflake_table", "FLOAT", "double"),
        ("azure_sql_table", "hierarchyid", "unknown"),
    ],
)
def test_a_word_means_what_its_system_means(type_name: str, word: str, expected: str) -> None:
    ((row,), _) = columns_of_asset(type_name, [column("c", data_type=word)])
    assert (row.native_type, row.type) == (word, expected)


def test_columns_keep_names_order_and_comments() -> None:
    parts = [
        column("b.c", type="struct<x:int,y:array<struct<z:string>>>", description='it\'s "quoted" 🧭'),
        column("a", type="int", userDescription="steward's", description="scan's"),
    ]
    rows, _ = columns_of_asset("azure_blob_path", parts)
    assert [(r.path, r.ordinal) for r in rows] == [
        ('"b.c"', 1),
        ('"b.c".x', 1),
        ('"b.c".y', 2),
        ('"b.c".y[].z', 1),
        ("a", 2),
    ]
    assert [rows[0].comment, rows[-1].comment] == ['it\'s "quoted" 🧭', "steward's"]


def test_positions_order_columns_only_where_all_have_their_own() -> None:
    placed = [column("b", position=2), column("a", position=1)]
    assert [r.path for r in columns_of_asset("hive_table", placed)[0]] == ["a", "b"]
    unset = [column("b", position=0), column("a", position=0)]
    assert [r.path for r in columns_of_asset("hive_table", unset)[0]] == ["b", "a"]
    some = [column("b", position=9), column("a")]
    assert [r.path for r in columns_of_asset("hive_table", some)[0]] == ["b", "a"]


@pytest.mark.parametrize("parts", [[column("a"), column("a")], [column("")], [{"guid": "x"}]])
def test_columns_that_cannot_be_told_apart_are_refused(parts: Json) -> None:
    with pytest.raises(RecordError):
        columns_of_asset("azure_sql_table", parts)


def test_columns_that_differ_in_case_are_two() -> None:
    rows, _ = columns_of_asset("azure_sql_table", [column("Id"), column("ID")])
    assert [r.path for r in rows] == ["Id", "ID"]


def test_descriptions_of_scan_and_steward_are_both_kept() -> None:
    both = dataset_of({}, entity(attributes={"userDescription": "said", "description": "scanned"}), (), "c")
    assert (both.comment, both.properties["description"]) == ("said", "scanned")
    one = dataset_of({}, entity(attributes={"userDescription": "", "description": "scanned"}), (), "c")
    assert (one.comment, one.properties.get("description")) == ("scanned", None)
    hive = dataset_of({}, entity("hive_table", {"comment": "hive's"}), (), "c")
    assert (hive.comment, hive.properties) == ("hive's", {})


def test_owner_is_the_first_contact_else_what_the_system_said() -> None:
    contacts = {"Expert": [{"id": "e"}], "Owner": [{"id": "", "info": "?"}, {"id": "o1", "info": "i"}, {"id": "o2"}]}
    with_contact = dataset_of({}, entity(attributes={"owner": "dbo"}, contacts=contacts), (), "c")
    assert (with_contact.owner, with_contact.owner_kind) == ("o1", "user")
    assert with_contact.properties["owner"] == "dbo"
    assert [c["id"] for c in with_contact.properties["contacts"]["Owner"]] == ["", "o1", "o2"]
    without = dataset_of({}, entity(attributes={"owner": "dbo"}), (), "c")
    assert (without.owner, without.owner_kind, without.properties) == ("dbo", None, {})
    assert contacts_of({"contacts": {"Owner": "me", "Expert": [None, 3]}}) == {}


def test_fields_from_everywhere() -> None:
    raw = entity(
        "azure_datalake_gen2_path",
        {
            "qualifiedName": "https://a.dfs.core.windows.net/c/x.csv",
            "size": 12,
            "modifiedTime": 0,
            "createTime": 5,
            "isFile": True,
            "tabular_schema": {"guid": "g", "typeName": "tabular_schema"},
            "columns": [{"guid": "g", "typeName": "column"}],
            "nothing": None,
        },
        lastModifiedTS="7",
        version=3,
        updateTime=1_700_000_000_123,
        labels=["b", "a", "b"],
        customAttributes={"k": "v"},
        businessAttributes={"Stewardship": {"steward": "x"}},
    )
    hit = {"objectType": "Files", "assetType": ["Azure Data Lake Storage Gen2"]}
    out = dataset_of(hit, raw, (), "col")
    assert (out.kind, out.namespace, out.container) == ("file", "azure_datalake_gen2_path", "col")
    assert out.location == "abfss://c@a.dfs.core.windows.net/x.csv"
    assert (out.size_bytes, out.version, out.native_id) == (12, "7", "g-1")
    assert out.source_updated_at == datetime(2023, 11, 14, 22, 13, 20, 123000, tzinfo=UTC)
    assert out.properties == {
        "createTime": 5,
        "isFile": True,
        "object_type": "Files",
        "asset_type": ["Azure Data Lake Storage Gen2"],
        "custom_attributes": {"k": "v"},
        "Stewardship": {"steward": "x"},
    }
    assert out.tags == (Tag("a", "label"), Tag("b", "label"))


@pytest.mark.parametrize("value", [None, 0, -5, True, "1700000000000", 10**30, float("nan")])
def test_moments_that_are_none(value: Json) -> None:
    assert instant(value) is None


@pytest.mark.parametrize(
    "raw",
    [
        {"guid": "g", "attributes": {"qualifiedName": "q"}},
        {"guid": "g", "typeName": "azure_sql_table", "attributes": {}},
        {"guid": "g", "typeName": "azure_sql_table"},
        {"guid": "g", "typeName": "azure_sql_table", "attributes": {"qualifiedName": ""}},
        {"guid": "g", "typeName": "azure_sql_server", "attributes": {"qualifiedName": "q"}},
    ],
)
def test_what_has_no_identity_is_refused(raw: Json) -> None:
    with pytest.raises(RecordError) as raised:
        dataset_of({}, raw, (), "c")
    assert raised.value.platform == "purview"


def test_classifications_tell_source_confidence_and_inheritance() -> None:
    raw = {
        "guid": "me",
        "classifications": [
            {"typeName": "A", "entityGuid": "me", "source": "DataScan"},
            {"typeName": "B", "entityGuid": "other", "source": "DataScan"},
            {"typeName": "C", "attributes": {"confidence": 0.5, "why": "é", "none": None}},
            {"typeName": "D", "sourceDetails": {"scan": {"confidence": 85}}},
            {"typeName": "E", "attributes": {"confidence": "high"}},
            {"typeName": ""},
            "X",
        ],
    }
    assert list(classifications_of(raw, "p")) == [
        Tag("A", "classification", "p", origin="DataScan"),
        Tag("B", "classification", "p", inherited=True, origin="other"),
        Tag("C", "classification", "p", value='{"why": "é"}', confidence=0.5),
        Tag("D", "classification", "p", confidence=0.85),
        Tag("E", "classification", "p"),
    ]


def test_terms_come_from_both_places_once_and_not_when_deleted() -> None:
    raw = {
        "meanings": [{"displayText": "Order", "confidence": 100}, {"displayText": None}],
        "relationshipAttributes": {
            "meanings": [
                {"displayText": "Order"},
                {"displayText": "Gone", "relationshipStatus": "DELETED"},
                {"displayText": "Net", "relationshipAttributes": {"attributes": {"confidence": 50}}},
            ]
        },
    }
    assert list(terms_of(raw)) == [Tag("Order", "term", confidence=1.0), Tag("Net", "term", confidence=0.5)]
    assert list(labels_of({"labels": "x"})) == []


def test_collections() -> None:
    raw = {"name": "k7x2qm", "friendlyName": "Fin 数据", "parentCollection": {"referenceName": "root"}, "domain": "d"}
    out = container_of(raw, ["Root"])
    assert (out.qualified_name, out.name, out.parent, out.comment) == ("k7x2qm", "Fin 数据", "root", None)
    assert out.properties == {"path": ["Root", "Fin 数据"], "domain": "d"}
    with pytest.raises(RecordError):
        container_of({"friendlyName": "nameless"}, [])


# --- nothing that JSON can say breaks it ---

_JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
_NAMES = [
    "qualifiedName",
    "name",
    "typeName",
    "data_type",
    "type",
    "length",
    "precision",
    "position",
    "size",
    "owner",
    "description",
    "createTime",
]
_RECORD = st.fixed_dictionaries(
    {},
    optional={
        "typeName": st.sampled_from(["azure_sql_table", "hive_table", "acme_feed"]) | _JSON,
        "guid": _JSON,
        "attributes": st.dictionaries(st.sampled_from(_NAMES), st.text(min_size=1, max_size=6) | _JSON) | _JSON,
        "classifications": st.lists(st.fixed_dictionaries({"typeName": st.text(max_size=4)}) | _JSON) | _JSON,
        "relationshipAttributes": _JSON,
        "meanings": _JSON,
        "labels": _JSON,
        "contacts": _JSON | st.fixed_dictionaries({"Owner": _JSON}),
        "businessAttributes": _JSON,
        "customAttributes": _JSON,
        "lastModifiedTS": _JSON,
        "version": _JSON,
        "updateTime": _JSON,
    },
)
_PART = st.fixed_dictionaries(
    {
        "guid": st.text(max_size=4),
        "attributes": st.fixed_dictionaries(
            {"name": st.text(max_size=4)}, optional={n: _JSON for n in _NAMES if n not in ("name", "qualifiedName")}
        ),
    },
    optional={"classifications": _JSON, "labels": _JSON},
)


@settings(max_examples=150, deadline=None)
@given(
    hit=st.dictionaries(st.sampled_from(["objectType", "assetType", "name"]), _JSON),
    raw=_RECORD,
    parts=st.lists(_PART | _RECORD, max_size=3),
)
def test_any_record_is_a_dataset_or_a_record_error(hit: Json, raw: Json, parts: Json) -> None:
    try:
        out = dataset_of(hit, raw, parts, "c")
    except RecordError:
        return
    assert msgspec.convert(msgspec.json.decode(msgspec.json.encode(out)), Dataset).columns == out.columns
    assert out == dataset_of(hit, raw, parts, "c")
    assert out.qualified_name and out.name and out.kind
    assert out.tags == sorted_tags(out.tags)
    paths = [c.path for c in out.columns]
    assert len(paths) == len(set(paths))
    assert {t.path for t in out.tags} <= {*paths, ""}


@settings(max_examples=100, deadline=None)
@given(
    names=st.lists(st.text(min_size=1, max_size=6), min_size=1, max_size=6, unique=True),
    word=st.sampled_from(["int", "nvarchar", "decimal", "array<int>", "struct<a:int>", "strange thing", ""]),
)
def test_every_column_has_its_row_in_the_platforms_order(names: list[str], word: str) -> None:
    rows, _ = columns_of_asset("azure_sql_table", [column(n, data_type=word) for n in names])
    tops = [r for r in rows if r.native_type == word or r.type == "unknown"]
    assert [r.ordinal for r in tops] == list(range(1, len(names) + 1))
