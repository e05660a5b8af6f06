"""Whatever Atlas sends, a listing has every entity once: as a record, or in quarantine."""

from typing import Any

import msgspec
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from resources.atlas.translate import Named, Translator, kind_of
from resources.atlas.translate_places import address_in
from resources.atlas.translate_types import TypeModel
from sandbox.atlas.engine import Engine

TYPES = TypeModel(Engine().typedefs())
TRANSLATOR = Translator(TYPES)

TEXT = st.text(st.characters(exclude_categories=()), max_size=8)
LEAF = (
    st.none() | st.booleans() | st.integers(-(2**62), 2**62) | st.floats(allow_nan=False, allow_infinity=False) | TEXT
)
JSON = st.recursive(
    LEAF, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3), max_leaves=8
)
REFERENCE = st.fixed_dictionaries(
    {"guid": st.sampled_from(["c1", "c2", "gone"]) | JSON},
    optional={"entityStatus": st.sampled_from(["ACTIVE", "DELETED"]), "displayText": JSON},
)
NAMED = st.fixed_dictionaries(
    {"qualifiedName": st.just("db.t@c") | JSON},
    optional={k: JSON for k in ("name", "type", "position", "comment", "parameters", "tableType", "createTime", "odd")},
)
RELATIONS = st.fixed_dictionaries({}, optional={k: JSON | st.lists(REFERENCE) for k in ("columns", "db", "meanings")})
ENTITY = st.fixed_dictionaries(
    {"guid": st.just("t1"), "typeName": st.sampled_from(["hive_table", "rdbms_table", "hbase_table", "unknown"])},
    optional={
        "attributes": NAMED | NAMED | JSON,
        "relationshipAttributes": JSON | RELATIONS,
        "classifications": JSON | st.lists(st.fixed_dictionaries({"typeName": JSON}, optional={"attributes": JSON})),
        **{k: JSON for k in ("labels", "businessAttributes", "updateTime", "status")},
    },
)


@settings(max_examples=150, deadline=None)
@given(st.lists(ENTITY | JSON, max_size=3), st.dictionaries(st.sampled_from(["c1", "c2"]), ENTITY))
@example([{"guid": "g", "typeName": "hive_table", "attributes": {"qualifiedName": "q"}, "updateTime": 2**62}], {})
@example([{"typeName": "hive_table", "attributes": {"qualifiedName": "q"}, "classifications": 5}], {})
@example([{"typeName": "hive_table", "attributes": {"qualifiedName": "q"}, "labels": [{}]}], {})
@example([{"typeName": "hive_table", "attributes": {"qualifiedName": "q", "comment": "\ud800\x00"}}], {})
def test_every_entity_is_a_record_or_in_quarantine(entities: list[Any], parts: dict[str, Any]) -> None:
    names = {"gone": Named("db@c", "hive_db", {})}
    datasets, containers, odd = TRANSLATOR.records(entities, parts, names)
    assert len(datasets) + len(odd) == len(entities)
    for record in (*datasets, *containers.values(), *odd):
        msgspec.json.encode(record)


def test_types_tell_datasets_from_columns_and_parents() -> None:
    assert TYPES.column_types == {
        "hive_column",
        "rdbms_column",
        "spark_column",
        "hbase_column",
        "hbase_column_family",
    }
    assert {"rdbms_db", "rdbms_table", "rdbms_index", "hdfs_path", "DataSet"} <= set(TYPES.dataset_types)
    assert not {"Process", "hive_process", "hive_db", "hive_storagedesc"} & set(TYPES.dataset_types)
    assert TYPES.column_attributes("hive_table") == ("columns", "partitionKeys")
    assert TYPES.column_attributes("rdbms_index") == ()
    assert TYPES.parent_attributes("hive_table") == ("db",)
    assert TYPES.parent_attributes("kafka_topic") == ()
    assert TYPES.storage_attributes("hive_table") == ("sd",)
    assert TYPES.part_types("hbase_table") == {"hbase_column_family", "hbase_column"}


def test_columns_of_column_families_are_below_them() -> None:
    def part(guid: str, type_name: str, name: str, **relations: Any) -> dict[str, Any]:
        attributes = {"qualifiedName": f"t.{name}", "name": name}
        return {"guid": guid, "typeName": type_name, "attributes": attributes, "relationshipAttributes": relations}

    table = part("t", "hbase_table", "t", column_families=[{"guid": "f"}])
    parts = {
        "f": part("f", "hbase_column_family", "cf", columns=[{"guid": "c"}, {"guid": "d", "entityStatus": "DELETED"}]),
        "c": {**part("c", "hbase_column", "q.r"), "classifications": [{"typeName": "PII", "entityGuid": "c"}]},
        "d": part("d", "hbase_column", "dropped"),
    }
    (dataset,), _, _ = TRANSLATOR.records([table], parts, {})
    assert [c.path for c in dataset.columns] == ["cf", 'cf."q.r"']
    assert [(t.tag, t.path) for t in dataset.tags] == [("PII", 'cf."q.r"')]


def test_kinds_are_the_inventorys_words() -> None:
    assert kind_of("hive_table", {"tableType": "VIRTUAL_VIEW"}) == "view"
    assert kind_of("hive_table", {"tableType": "MATERIALIZED_VIEW"}) == "materialized_view"
    assert kind_of("spark_table", {"tableType": "EXTERNAL"}) == "external_table"
    assert kind_of("rdbms_table", {"type": "view"}) == "view"
    assert kind_of("retail_feature_table", {}) == "retail_feature_table"


@pytest.mark.parametrize(
    ("name", "address"),
    [
        ("hdfs://nn:8020/landing/orders@primary", "hdfs://nn:8020/landing/orders"),
        ("hdfs://nn/landing/orders", "hdfs://nn/landing/orders"),
        ("s3a://lake/crm/customers/@cm", "s3a://lake/crm/customers/"),
        ("s3a://lake/by@hand/x", "s3a://lake/by@hand/x"),
        ("s3a://lake@cm", "s3a://lake"),
        ("abfss://data@acme.dfs.core.windows.net/dir/@cm", "abfss://data@acme.dfs.core.windows.net/dir/"),
        ("abfss://data@acme.dfs.core.windows.net@cm", "abfss://data@acme.dfs.core.windows.net"),
        ("abfss://data@acme.dfs.core.windows.net", "abfss://data@acme.dfs.core.windows.net"),
        ("sales.orders@primary", None),
        ("kafka://broker:9092/orders", None),
        ("s3a", None),
    ],
)
def test_the_address_in_a_name_is_what_stands_before_the_cluster(name: str, address: str | None) -> None:
    assert address_in(name) == address


def test_a_folder_has_its_address_as_location_and_a_table_of_that_name_does_not() -> None:
    def of(type_name: str, **attributes: Any) -> Any:
        named = {"qualifiedName": "s3a://lake/crm@cm", "name": "crm", **attributes}
        (dataset,), _, _ = TRANSLATOR.records([{"typeName": type_name, "attributes": named}], {}, {})
        return dataset

    assert (of("fs_path", path="/mnt/crm").location, of("fs_path").location) == ("/mnt/crm", "s3a://lake/crm")
    assert (of("spark_table").location, of("DataSet").location) == (None, "s3a://lake/crm")
    assert of("fs_path").kind == of("aws_s3_v2_directory").kind == "file_set"
