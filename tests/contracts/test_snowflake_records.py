"""Snowflake's names, types, keys, tags and errors, without a server."""

from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from snowflake.connector import errors as sdk
from snowflake.connector.vendored.requests import exceptions as http

from governance import errors
from governance.errors import RecordError
from governance.filters import NameFilter
from governance.model import Column
from resources.snowflake import client_errors, translate, translate_tags
from resources.snowflake.client_queries import Span, narrowed, quoted, spans
from resources.snowflake.client_scope import Ordered

NAMES = st.text(st.sampled_from('aA."$ é\n'), max_size=6)


@given(st.lists(NAMES, min_size=1, max_size=4))
def test_a_qualified_name_gives_its_parts_back(parts: list[str]) -> None:
    assert translate.parts_of(translate.qualified(*parts)) == parts


@given(st.lists(NAMES, min_size=1, max_size=3), st.lists(NAMES, min_size=1, max_size=3))
def test_two_addresses_never_share_a_qualified_name(one: list[str], other: list[str]) -> None:
    assert (translate.qualified(*one) == translate.qualified(*other)) == (one == other)


def test_plain_parts_are_written_as_they_are() -> None:
    assert translate.qualified("RETAIL", "Raw Zone", "lower") == "RETAIL.Raw Zone.lower"
    assert translate.qualified("A", "b.c", 'd"e') == 'A."b.c"."d""e"'
    assert quoted("A", 'd"e') == '"A"."d""e"'


@pytest.mark.parametrize("broken", ['A."b', 'A."b"c'])
def test_a_broken_name_is_said_to_be_one(broken: str) -> None:
    with pytest.raises(RecordError):
        translate.parts_of(broken)


@given(
    st.lists(st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=4), unique=True), st.integers(1, 3)
)
def test_narrowing_asks_for_every_name_once_and_in_order(names: list[str], most: int) -> None:
    """Names that begin with what is no printable ASCII cannot be told apart further: there the error stands."""

    def ask(span: Span) -> list[str]:
        found = [n for n in sorted(names) if (span.low or "") <= n and (span.high is None or n < span.high)]
        if len(found) > most:
            raise client_errors.TooMuchData("too much")
        return found

    seen: list[str] = []
    try:
        for _, found in narrowed(Span(), ask):
            seen += found
    except client_errors.TooMuchData:
        assert any(not " " <= c <= "~" for name in names for c in name)
    else:
        assert seen == sorted(names)


@given(
    st.lists(st.text(st.sampled_from("DSAB.*?"), min_size=1, max_size=7).map(lambda t: f"D.S.{t}"[-7:])),
    st.lists(st.text(st.sampled_from("AB.*"), min_size=1, max_size=4), unique=True),
)
def test_no_name_that_a_glob_matches_is_left_unasked(include: list[str], names: list[str]) -> None:
    asked = spans(include, "D.S")
    for name in names:
        holding = [s for s in asked if (s.low or "") <= name and (s.high is None or name < s.high)]
        assert len(holding) <= 1
        assert holding or not NameFilter(include).matches(translate.qualified("D", "S", name))


def test_a_globs_beginning_narrows_the_question() -> None:
    assert spans([], "D.S") == spans(["*.T"], "D.S") == spans(['D.S."a.b"'], "D.S") == [Span()]
    assert spans(["D.S.FACT_*", "D.S.FACT_X*", "D.OTHER.*"], "D.S") == [Span("FACT_", "FACT`", "FACT_")]
    assert spans(["D.OTHER.*"], "D.S") == []


@pytest.mark.parametrize(
    ("row", "native", "word"),
    [
        ({"data_type": "TEXT", "character_maximum_length": 16_777_216}, "VARCHAR(16777216)", "string"),
        ({"data_type": "TEXT", "character_maximum_length": 3}, "VARCHAR(3)", "varchar(3)"),
        ({"data_type": "NUMBER", "numeric_precision": 38, "numeric_scale": 0}, "NUMBER(38,0)", "decimal(38,0)"),
        ({"data_type": "NUMBER", "numeric_precision": 5, "numeric_scale": 4}, "NUMBER(5,4)", "decimal(5,4)"),
        ({"data_type": "FLOAT"}, "FLOAT", "double"),
        ({"data_type": "TIMESTAMP_NTZ", "datetime_precision": 9}, "TIMESTAMP_NTZ(9)", "timestamp_ntz"),
        ({"data_type": "TIMESTAMP_TZ", "datetime_precision": 3}, "TIMESTAMP_TZ(3)", "timestamp_tz(3)"),
        ({"data_type": "BINARY", "character_maximum_length": 8_388_608}, "BINARY(8388608)", "binary"),
        ({"data_type": "ARRAY"}, "ARRAY", "array<variant>"),
        ({"data_type": "VECTOR(FLOAT, 256)"}, "VECTOR(FLOAT, 256)", "vector(float,256)"),
        ({"data_type": "HOLOGRAM"}, "HOLOGRAM", "unknown"),
    ],
)
def test_types_are_rebuilt_from_their_parts(row: dict[str, Any], native: str, word: str) -> None:
    (column,) = translate.columns([{"column_name": "C", "is_nullable": "YES", **row}])
    assert (column.native_type, column.type, column.nullable) == (native, word, True)


@pytest.mark.parametrize(
    ("row", "kind"),
    [
        ({"table_type": "BASE TABLE"}, "table"),
        ({"table_type": "BASE TABLE", "is_dynamic": "YES"}, "dynamic_table"),
        ({"table_type": "BASE TABLE", "is_iceberg": "YES"}, "iceberg_table"),
        ({"table_type": "BASE TABLE", "is_hybrid": "YES"}, "hybrid_table"),
        ({"table_type": "LOCAL TEMPORARY"}, "temporary_table"),
        ({"table_type": "EVENT TABLE"}, "event_table"),
        ({"table_type": "MATERIALIZED VIEW"}, "materialized_view"),
        ({"table_type": "CRYSTAL BALL"}, "crystal_ball"),
    ],
)
def test_kinds(row: dict[str, Any], kind: str) -> None:
    assert translate.kind_of(row) == kind


def test_places_are_counted_where_dropped_columns_left_gaps() -> None:
    rows = [{"column_name": n, "ordinal_position": p, "data_type": "DATE"} for n, p in (("A", 2), ("B", 7))]
    assert [c.ordinal for c in translate.columns(rows)] == [1, 2]


@pytest.mark.parametrize("row", [{}, {"table_name": ""}, {"table_name": None}])
def test_a_relation_without_a_name_is_a_record_error(row: dict[str, Any]) -> None:
    with pytest.raises(RecordError):
        translate.dataset(row, ("D", "S"), (Column("A", 1, "DATE", "date"),))


def test_a_relation_without_columns_is_not_taken_for_one_that_has_none() -> None:
    with pytest.raises(RecordError, match="were not listed"):
        translate.dataset({"table_name": "T"}, ("D", "S"), ())


def test_times_of_1970_are_missing_ones_and_last_ddl_comes_first() -> None:
    column = (Column("A", 1, "DATE", "date"),)
    ddl, altered, never = datetime(2026, 1, 2, tzinfo=UTC), datetime(2026, 2, 2), datetime(1970, 1, 1, tzinfo=UTC)
    row = {"table_name": "T", "last_ddl": ddl, "last_altered": altered}
    assert translate.dataset(row, ("D", "S"), column).source_updated_at == ddl
    row["last_ddl"] = never
    assert translate.dataset(row, ("D", "S"), column).source_updated_at == altered.replace(tzinfo=UTC)
    assert translate.when(None) is None


def test_compound_keys_come_in_key_order() -> None:
    rows = [
        {"table_name": "T", "constraint_name": "PK", "column_name": c, "key_sequence": n}
        for c, n in (("B", 2), ("A", 1))
    ]
    assert translate.keys("PRIMARY", rows) == {"T": {"primary_key": {"name": "PK", "columns": ["A", "B"]}}}


def _reference(domain: str, value: str, column: str | None = None, method: str = "MANUAL") -> dict[str, Any]:
    return {"domain": domain, "tag_name": "T", "tag_value": value, "column_name": column, "apply_method": method}


@given(st.lists(st.sampled_from(["ACCOUNT", "DATABASE", "SCHEMA", "TABLE", "COLUMN"]), unique=True))
def test_the_nearest_level_wins(set_on: list[str]) -> None:
    above = [_reference(d, d) for d in ("ACCOUNT", "DATABASE", "SCHEMA") if d in set_on]
    own = [_reference("TABLE", "TABLE")] * ("TABLE" in set_on) + [_reference("COLUMN", "COLUMN", "C")] * (
        "COLUMN" in set_on
    )
    inherited, _ = translate_tags.containers(above, "D", "S")
    tags = translate_tags.relation(own, inherited, "D.S.R", (Column("C", 1, "DATE", "date"),))
    levels = {"ACCOUNT": "account", "DATABASE": "D", "SCHEMA": "D.S", "TABLE": "D.S.R"}
    for path, order in (("", list(levels)), ("C", [*levels, "COLUMN"])):
        nearest = next((level for level in reversed(order) if level in set_on), None)
        found = [t for t in tags if t.path == path]
        assert [t.value for t in found] == ([nearest] if nearest else [])
        direct = nearest == order[-1]
        for tag in found:
            assert tag.inherited is not direct
            assert tag.origin == (translate_tags.SOURCE if direct else levels[str(nearest)])


def test_a_propagated_tag_is_not_taken_for_one_that_was_set() -> None:
    (tag,) = translate_tags.relation([_reference("TABLE", "v", None, "PROPAGATED")], {}, "D.S.R", ())
    assert tag.inherited and tag.origin == "propagation"


def test_fields_of_a_structured_column_inherit_nothing() -> None:
    columns = (Column("C", 1, "OBJECT(a DATE)", "struct<a:date>"), Column("C.a", 1, "DATE", "date"))
    tags = translate_tags.relation([_reference("TABLE", "v")], {}, "D.S.R", columns)
    assert [t.path for t in tags] == ["", "C"]


@given(st.lists(st.sampled_from("abcde")), st.lists(st.sampled_from("abcde"), unique=True))
def test_ordered_rows_go_to_their_name_only(present: list[str], wanted: list[str]) -> None:
    rows = Ordered(iter([{"n": c} for c in sorted(present)]), "n")
    for name in sorted(wanted):
        assert rows.take(name) == [{"n": name}] * present.count(name)


def _classified(error: Exception) -> errors.GovernanceError:
    found = client_errors.classify(error, "snowflake:TEST")
    assert found is not None and found.platform == "snowflake" and found.operation == "snowflake:TEST" and found.remedy
    return found


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (sdk.DatabaseError("Incorrect username or password was specified.", errno=390_100), errors.AuthenticationError),
        (sdk.DatabaseError("JWT token is invalid.", errno=250_001), errors.AuthenticationError),
        (sdk.DatabaseError("Role 'X' specified in the connect string", errno=390_189), errors.PermissionDenied),
        (sdk.ProgrammingError("does not exist or not authorized", errno=2003), errors.PermissionDenied),
        (sdk.ProgrammingError("Insufficient privileges", errno=3001), errors.PermissionDenied),
        (sdk.ProgrammingError("No active warehouse", errno=606), errors.ConfigurationError),
        (sdk.ProgrammingError("too much data", errno=90_030), client_errors.TooMuchData),
        (sdk.ProgrammingError("timeout", errno=630), errors.DeadlineExceeded),
        (sdk.ProgrammingError("session gone", errno=390_104), errors.Unavailable),
        (sdk.ProgrammingError("syntax error", errno=1003), errors.ProtocolError),
        (sdk.OperationalError("Could not connect", errno=250_001), errors.Unavailable),
        (sdk.OperationalError("timed out", errno=251_011), errors.Unavailable),
        (sdk.TooManyRequests(errno=429), errors.Throttled),
        (sdk.ServiceUnavailableError(errno=503), errors.Unavailable),
        (sdk.ForbiddenError(errno=403), errors.AuthenticationError),
        (sdk.NonRetryableTlsError("self-signed certificate", errno=250_003), errors.TlsError),
    ],
)
def test_errors_of_the_connector(error: Exception, kind: type[errors.GovernanceError]) -> None:
    assert type(_classified(error)) is kind


@pytest.mark.parametrize(
    ("cause", "kind"),
    [
        (http.ReadTimeout(TimeoutError("60 s")), errors.DeadlineExceeded),
        (http.ConnectionError(OSError("no such host")), errors.Unavailable),
        (http.ConnectionError("reset"), errors.Unavailable),
        (sdk.TooManyRequests(errno=429), errors.Throttled),
        (KeyError("no such key in the answer"), errors.Unavailable),
    ],
)
def test_what_the_connector_would_have_tried_again_is_ours_to_try(
    cause: Exception, kind: type[errors.GovernanceError]
) -> None:
    """As in the connector: its policy is asked for the next wait while it handles the failure."""
    policy = client_errors.one_try()
    assert next(policy) == 0
    with pytest.raises(client_errors.OneTry) as raised:
        try:
            raise RuntimeError(cause)
        except RuntimeError:
            next(policy)
    assert type(_classified(raised.value)) is kind


def test_a_defect_of_ours_is_none_of_snowflakes() -> None:
    assert client_errors.classify(ZeroDivisionError(), "snowflake:TEST") is None
    assert client_errors.classify(ValueError("ours"), "snowflake:TEST") is None


def test_records_are_plain_json() -> None:
    row = {"table_name": "T", "clustering_key": "LINEAR(A)", "auto_clustering_on": "ON", "retention_time": 1}
    found = translate.dataset(row, ("D", "S"), (Column("A", 1, "DATE", "date"),))
    assert msgspec.json.decode(msgspec.json.encode(found.properties)) == {
        "retention_days": 1,
        "clustering_key": "LINEAR(A)",
        "auto_clustering": True,
    }


def test_structured_types_are_put_together_from_their_parts() -> None:
    def part(of: str, field: str | None, place: int, word: str, mine: str | None = None, **size: int) -> dict[str, Any]:
        return {"part_of": of, "field_name": field, "place": place, "data_type": word, "dtd_identifier": mine, **size}

    parts = translate.type_parts(
        [
            part("1", None, 1, "OBJECT", "1.1"),
            part("1.1", "odd name", 1, "TEXT", character_maximum_length=3),
            part("1.1", "m", 2, "MAP", "1.1.2"),
            part("1.1.2", "KEY", 1, "TEXT", character_maximum_length=16_777_216),
            part("1.1.2", "VALUE", 2, "NUMBER", numeric_precision=12, numeric_scale=2),
            part("loop", None, 1, "ARRAY", "loop"),
        ]
    )
    rows = [
        {"column_name": "A", "data_type": "ARRAY", "dtd_identifier": "1"},
        {"column_name": "B", "data_type": "ARRAY", "dtd_identifier": None},
        {"column_name": "C", "data_type": "ARRAY", "dtd_identifier": "loop"},
    ]
    found = {c.path: (c.native_type, c.type) for c in translate.columns(rows, parts)}
    assert found["A"][0] == 'ARRAY(OBJECT("odd name" VARCHAR(3), m MAP(VARCHAR(16777216), NUMBER(12,2))))'
    assert found["A[].odd name"] == ("VARCHAR(3)", "varchar(3)")
    assert found["A[].m"][1] == "map<string,decimal(12,2)>"
    assert found["B"] == ("ARRAY", "array<variant>")
    assert found["C"][0] == "ARRAY(ARRAY)"
