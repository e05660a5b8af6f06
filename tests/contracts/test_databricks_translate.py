"""What the Databricks translation makes of records, whole and broken."""

import datetime
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from governance.errors import PermissionDenied, RecordError
from resources.databricks import translate
from resources.databricks.client_errors import grant_for


def row(name: str, **other: Any) -> dict[str, Any]:
    return {"name": name, "catalog_name": "c", "schema_name": "s", "table_type": "MANAGED", "columns": [], **other}


def test_restless_parameters_are_no_content_and_statistics_are_counts() -> None:
    properties = {
        "delta.lastCommitTimestamp": "1",
        "delta.lastUpdateVersion": "2",
        "spark.sql.statistics.numRows": "10",
        "spark.sql.statistics.totalSize": "not a number",
        "quality": "gold",
    }
    found = translate.table(row("t", properties=properties, updated_at=1_700_000_000_123), {})
    assert found.properties == {"parameters": {"quality": "gold"}}
    assert (found.row_count, found.size_bytes) == (10, None)
    assert found.source_updated_at == datetime.datetime.fromtimestamp(1_700_000_000.123, datetime.UTC)
    assert found.version == "1700000000123"


def test_columns_follow_their_position_and_fall_back_on_the_type_name() -> None:
    columns = [
        {"name": "b", "type_text": "array<struct<`x y`:int>>", "position": 1, "nullable": False},
        {"name": "a", "type_name": "LONG", "position": 0, "partition_index": 0, "mask": {"function_name": "m"}},
    ]
    found = translate.table(row("t", columns=columns), {}).columns
    assert [(c.path, c.ordinal, c.type, c.nullable, c.partition_key) for c in found] == [
        ("a", 1, "bigint", True, True),
        ("b", 2, "array<struct<`x y`:int>>", False, False),
        ("b[].x y", 1, "int", None, False),
    ]
    assert found[0].properties == {"mask": {"function_name": "m"}}


@pytest.mark.parametrize(
    ("owner", "kind"),
    [
        ("ana@acme.example", "user"),
        ("5B1F7C1E-2a35-4d0c-9a53-6d2f3a0c7e11", "service_principal"),
        ("data_platform", "group"),
        (None, None),
    ],
)
def test_the_form_of_an_owner_tells_what_it_is(owner: str | None, kind: str | None) -> None:
    assert translate.table(row("t", owner=owner), {}).owner_kind == kind


@pytest.mark.parametrize(
    ("broken", "said"),
    [
        ({"table_type": None}, "table_type is missing"),
        ({"columns": "x"}, "no list of objects"),
        ({"columns": [{"name": "a"}, {"name": "a"}]}, "same name"),
        ({"properties": [1]}, "properties is no JSON object"),
        ({"catalog_name": ""}, "catalog_name is missing"),
    ],
)
def test_records_that_cannot_be_understood_say_why(broken: dict[str, Any], said: str) -> None:
    with pytest.raises(RecordError, match=said):
        translate.table({**row("t"), **broken}, {})


@pytest.mark.parametrize(
    ("message", "grant"),
    [
        ("User does not have USE CATALOG on Catalog 'main'.", "GRANT USE CATALOG ON CATALOG `main` TO `me`"),
        ("User does not have USE_SCHEMA on Schema 'm.s'.", "GRANT USE SCHEMA ON SCHEMA `m`.`s` TO `me`"),
    ],
)
def test_a_denial_names_the_grant(message: str, grant: str) -> None:
    assert grant_for(message, "me") == grant
    assert PermissionDenied(message, remedy=grant).remedy == grant


_PARTS = st.tuples(*[st.text(min_size=1, max_size=6, alphabet=st.sampled_from("a.`B é"))] * 3)


@given(_PARTS, _PARTS)
def test_different_names_never_meet(one: tuple[str, str, str], other: tuple[str, str, str]) -> None:
    assert (translate.qualified(*one) == translate.qualified(*other)) == (one == other)


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
_FIELDS = st.sampled_from(
    "name comment owner properties columns table_type data_source_format updated_at view_definition row_filter "
    "input_params return_params aliases volume_type storage_location table_id".split()
)


@given(st.dictionaries(_FIELDS, _JSON, max_size=6))
def test_any_record_becomes_a_dataset_or_a_record_error(fields: dict[str, Any]) -> None:
    for make in (translate.table, translate.volume, translate.function, translate.model):
        try:
            found = make({**row("t"), **fields}, {})
        except RecordError:
            continue
        assert msgspec.json.decode(msgspec.json.encode(found), type=type(found)) == found
