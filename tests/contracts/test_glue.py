"""The Glue reader keeps the contract of every reader, and what is Glue's own."""

import json
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, ClassVar

import boto3
import pytest
import requests

from governance.errors import (
    AuthenticationError,
    ConfigurationError,
    DeadlineExceeded,
    PermissionDenied,
    ProtocolError,
    Throttled,
    Unavailable,
)
from governance.filters import NameFilter
from governance.listing import Page, Presence, Status
from governance.listing import Scope as ScopeOf
from resources.glue.client import GlueReader
from sandbox.glue.gate import (
    ACCOUNT,
    EXTERNAL_ID,
    PARTNER,
    PARTNER_ROLE,
    READER_KEY,
    READER_ROLE,
    READER_SECRET,
    REGION,
)
from sandbox.serving import Company, Served, running
from tests.contracts.contract import EVERYTHING, ReaderContract, read_all
from tests.fixtures.glue import ALL_KEYS, recording, resource


class TestGlue(ReaderContract):
    platform = "glue"
    wrong_credentials: ClassVar[dict[str, Any]] = {
        "access_key_id": {"env": "GLUE_WRONG_KEY"},
        "secret_access_key": {"env": "GLUE_WRONG_SECRET"},
    }
    wrong_secrets: ClassVar[dict[str, str]] = ALL_KEYS
    page_calls = "AWSGlue.GetTables"

    def external_connection(self, url: str) -> dict[str, Any]:
        """The default chain; `aws` is AWS itself. LF-tags are read where GOVERNANCE_TEST_GLUE_LAKE_FORMATION is 1."""
        lake_formation = os.environ.get("GOVERNANCE_TEST_GLUE_LAKE_FORMATION") == "1"
        there = None if url == "aws" else url
        return {"region": os.environ.get("AWS_REGION", REGION), "endpoint_url": there, "lake_formation": lake_formation}


@pytest.fixture(scope="module")
def lake() -> Iterator[Served]:
    with pytest.MonkeyPatch.context() as patch, running(Company(), ["glue"]) as served:
        for name, value in {**served["glue"].face.secrets(), **ALL_KEYS}.items():
            patch.setenv(name, value)
        yield served["glue"]


@pytest.fixture(autouse=True)
def well_behaved(request: pytest.FixtureRequest) -> Iterator[None]:
    yield
    if "lake" in request.fixturenames:
        request.getfixturevalue("lake").face.faults.clear()


def aws(served: Served, service: str) -> Any:
    return boto3.Session(READER_KEY, READER_SECRET, region_name=REGION).client(service, endpoint_url=served.url)


def pages_of(reader: GlueReader, name: str) -> list[Page]:
    return list(reader.read(ScopeOf(name, "database"), EVERYTHING))


def names_of(reader: GlueReader, name: str) -> list[str]:
    return [d.name for page in pages_of(reader, name) for d in page.datasets]


# --- paging ---


@pytest.fixture(scope="module")
def wide(lake: Served) -> Iterator[str]:
    glue = aws(lake, "glue")
    glue.create_database(DatabaseInput={"Name": "wide"})
    columns = {"Columns": [{"Name": "a", "Type": "int"}]}
    for n in range(250):
        glue.create_table(DatabaseName="wide", TableInput={"Name": f"t{n:03}", "StorageDescriptor": columns})
    yield "wide"
    glue.delete_database(Name="wide")


def test_250_tables_come_in_three_pages(lake: Served, wide: str) -> None:
    with resource(lake).reader() as reader:
        pages = pages_of(reader, wide)
        assert [len(p.datasets) for p in pages] == [100, 100, 50]
        assert [len(p.containers) for p in pages] == [1, 0, 0]
        assert [d.name for p in pages for d in p.datasets] == [f"t{n:03}" for n in range(250)]
        assert reader.meter.snapshot()["pages"] == 3


def test_the_pages_before_a_failing_one_are_kept(lake: Served, wide: str) -> None:
    with resource(lake, attempts=2).reader() as reader:
        lake.face.faults.replace([{"action": "fail", "match": "GetTables", "after": 1, "status": 500}])
        kept = []
        with pytest.raises(Unavailable):
            for page in reader.read(ScopeOf(wide, "database"), EVERYTHING):
                kept.append(len(page.datasets))
        assert kept == [100]
        assert reader.meter.snapshot()["calls"] >= 3


def test_throttled_for_good_is_an_error_after_all_attempts(lake: Served, wide: str) -> None:
    with resource(lake, attempts=2).reader() as reader:
        lake.face.faults.replace([{"action": "throttle", "match": "GetTables", "after": 2}])
        with pytest.raises(Throttled):
            pages_of(reader, wide)
        assert reader.meter.snapshot()["throttled"] == 2


def test_a_slow_answer_ends_at_the_read_timeout(lake: Served) -> None:
    with resource(lake, attempts=1, read_timeout_seconds=0.3).reader() as reader:
        lake.face.faults.replace([{"action": "slow", "match": "GetTables", "seconds": 2}])
        with pytest.raises(DeadlineExceeded):
            pages_of(reader, "sales")


def test_both_parsers_read_the_same(lake: Served) -> None:
    one = resource(lake)
    with one.reader() as fast, GlueReader(one.connect(), one.policy, fast=False) as stock:
        assert read_all(fast) == read_all(stock)
        scopes = fast.scopes(EVERYTHING).scopes
        # of the records as bytes, and of the records as parsed: each rests by itself
        assert dict(fast.change_tokens(scopes)) == dict(fast.change_tokens(scopes))
        assert dict(stock.change_tokens(scopes)) == dict(stock.change_tokens(scopes))


# --- scopes, filters, changes ---


def test_filters_hide_whole_databases(lake: Served) -> None:
    with resource(lake).reader() as reader:
        listing = reader.scopes(NameFilter(["sales.*", "crm.cust*"], ["crm.*"]))
        assert {s.name for s in listing.scopes} == {"sales"}
        assert {"crm", "web", "ops", "finance_db"} <= set(listing.hidden)
        assert [(c.name, c.kind, c.parent, c.properties.get("target")) for c in listing.containers] == [
            (ACCOUNT, "catalog", None, None),
            ("partner_share", "resource_link", ACCOUNT, {"catalog_id": PARTNER, "database": "partner"}),
        ]
        assert listing.containers[0].native_id == f"arn:aws:glue:eu-west-1:{ACCOUNT}:catalog"


def test_the_database_itself_comes_with_its_tags(lake: Served) -> None:
    with resource(lake).reader() as reader:
        (database,) = pages_of(reader, "sales")[0].containers
    assert (database.location, database.properties) == ("s3://acme-lake/sales/", {"parameters": {"Steward": "Ana"}})
    assert [(t.tag, t.value, t.inherited) for t in database.tags] == [
        ("domain", "sales", False),
        ("sensitivity", "internal", False),
    ]
    assert database.parent == ACCOUNT
    assert database.native_id == "arn:aws:glue:eu-west-1:123456789012:database/sales"


def test_every_kind_of_change_moves_the_token(lake: Served) -> None:
    glue, scopes = aws(lake, "glue"), [ScopeOf("ops", "database"), ScopeOf("gone", "database")]
    columns = [{"Name": "a", "Type": "int"}]
    with resource(lake).reader() as reader:
        seen = [dict(reader.change_tokens(scopes))]
        for act, given in (
            (glue.create_table, {"TableInput": {"Name": "n", "StorageDescriptor": {"Columns": columns}}}),
            (glue.update_table, {"TableInput": {"Name": "n", "StorageDescriptor": {"Columns": columns * 2}}}),
            (glue.delete_table, {"Name": "n"}),
        ):
            act(DatabaseName="ops", **given)
            seen.append(dict(reader.change_tokens(scopes)))
        assert set(seen[0]) == {"ops"}
        assert seen[1]["ops"] != seen[2]["ops"] and seen[0]["ops"] != seen[1]["ops"]
        assert seen[3] == seen[0]


def test_presence_is_absent_only_on_evidence(lake: Served) -> None:
    with resource(lake, attempts=1).reader() as reader:
        assert reader.presence(ScopeOf("never", "database")) is Presence.ABSENT
        lake.face.faults.replace([{"action": "fail", "match": "GetDatabase ", "status": 403}])
        assert reader.presence(ScopeOf("sales", "database")) is Presence.UNKNOWN
        lake.face.faults.replace([{"action": "fail", "match": "GetDatabase ", "status": 404}])
        with pytest.raises(ProtocolError):
            reader.presence(ScopeOf("sales", "database"))


def test_names_that_differ_in_case_and_odd_text_are_kept(lake: Served) -> None:
    glue = aws(lake, "glue")
    glue.create_database(DatabaseInput={"Name": "odd"})
    columns = {"Columns": [{"Name": "a.b", "Type": "int", "Comment": "nul \x00 here"}]}
    for name in ("Case", "case", 'dotted.na"me'):
        glue.create_table(DatabaseName="odd", TableInput={"Name": name, "StorageDescriptor": columns})
    glue.create_table(DatabaseName="odd", TableInput={"Name": "no_columns"})
    broken = {"Name": "surrogate", "Description": "a\ud800b", "StorageDescriptor": columns}
    glue.create_table(DatabaseName="odd", TableInput=broken)
    try:
        with resource(lake).reader() as reader:
            (page,) = pages_of(reader, "odd")
    finally:
        glue.delete_database(Name="odd")
    assert {d.qualified_name for d in page.datasets} == {"odd.Case", "odd.case", 'odd.dotted.na"me', "odd.surrogate"}
    assert [q.name for q in page.quarantined] == ["odd.no_columns"]
    assert page.datasets[0].columns[0].path == '"a.b"'
    assert page.datasets[0].columns[0].comment == "nul � here"
    assert next(d.comment for d in page.datasets if d.name == "surrogate") == "a�b"


# --- who we are ---


def test_a_role_is_taken_with_its_external_id(lake: Served) -> None:
    with resource(lake, role_arn=READER_ROLE, external_id=EXTERNAL_ID).reader() as reader:
        first = next(iter(reader.probe()))
        assert first.ok and "assumed-role/governance-reader" in first.detail
        assert "orders" in names_of(reader, "sales")
    with resource(lake, role_arn=PARTNER_ROLE, external_id=EXTERNAL_ID).reader() as reader:
        assert {s.name for s in reader.scopes(EVERYTHING).scopes} == {"partner"}


def test_a_role_that_does_not_trust_us_says_so(lake: Served) -> None:
    with resource(lake, role_arn=READER_ROLE, external_id="guess").reader() as reader:
        with pytest.raises(PermissionDenied) as raised:
            reader.scopes(EVERYTHING)
        assert READER_ROLE in raised.value.remedy and "external_id" in raised.value.remedy
        assert [p.ok for p in reader.probe()] == [False]


def test_another_accounts_catalog_is_named_on_every_call(lake: Served) -> None:
    with recording() as (served, bodies):
        with resource(served, catalog_id=PARTNER).reader() as reader:
            assert read_all(reader).keys() == {("relation", "partner.scores")}
            list(reader.change_tokens(reader.scopes(EVERYTHING).scopes))
            assert reader.presence(ScopeOf("partner", "database")) is Presence.PRESENT
            assert all(p.ok for p in reader.probe())
            dataset = read_all(reader)["relation", "partner.scores"]
    assert len(bodies) > 8
    assert [b for b in bodies if json.loads(b).get("CatalogId") != PARTNER] == []
    assert dataset.native_id == f"arn:aws:glue:eu-west-1:{PARTNER}:table/partner/scores"


def test_a_profile_is_read_from_the_shared_files(lake: Served, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "credentials"
    file.write_text(f"[lake]\naws_access_key_id={READER_KEY}\naws_secret_access_key={READER_SECRET}\n")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(file))
    no_keys = {"access_key_id": None, "secret_access_key": None}
    with resource(lake, **no_keys, profile="lake").reader() as reader:
        assert reader.scopes(EVERYTHING).status is Status.COMPLETE
    with pytest.raises(ConfigurationError, match="no_such"):
        resource(lake, **no_keys, profile="no_such").reader()


def test_the_default_chain_is_used_where_nothing_is_given(lake: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    no_keys = {"access_key_id": None, "secret_access_key": None}
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/nowhere")
    with resource(lake, **no_keys).reader() as reader:
        with pytest.raises(AuthenticationError, match="credentials"):
            reader.scopes(EVERYTHING)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", READER_KEY)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", READER_SECRET)
    with resource(lake, **no_keys).reader() as reader:
        assert reader.scopes(EVERYTHING).scopes


@pytest.mark.parametrize(
    "fields",
    [
        {"secret_access_key": None},
        {"profile": "lake"},
        {"access_key_id": None, "secret_access_key": None, "external_id": "x"},
    ],
)
def test_fields_that_contradict_each_other_are_refused(lake: Served, fields: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError) as raised:
        resource(lake, **fields).reader()
    assert raised.value.operation.startswith("sources.lake.connection.")


@pytest.mark.parametrize(
    ("field", "value"), [("region", "eu west"), ("endpoint_url", "nonsense"), ("ca_bundle", "/nowhere.pem")]
)
def test_a_connection_that_cannot_be_right_names_its_field(lake: Served, field: str, value: str) -> None:
    with pytest.raises(ConfigurationError) as raised:
        resource(lake, **{field: value}).reader()
    assert raised.value.operation == f"connection.{field}" and raised.value.remedy


def test_a_wrong_secret_is_told_from_an_unknown_key(lake: Served) -> None:
    with resource(lake, secret_access_key={"env": "GLUE_WRONG_SECRET"}).reader() as reader:
        with pytest.raises(AuthenticationError, match="signature") as raised:
            reader.scopes(EVERYTHING)
    assert "secret_access_key" in raised.value.remedy


def test_no_secret_shows_in_the_resource(lake: Served) -> None:
    assert READER_SECRET not in repr(resource(lake)) + resource(lake).model_dump_json()


# --- Lake Formation ---

RESTRICTED = {
    "access_key_id": {"env": "GLUE_RESTRICTED_KEY"},
    "secret_access_key": {"env": "GLUE_RESTRICTED_SECRET"},
}


def test_without_the_right_to_tags_the_listing_is_partial_and_the_tables_are_there(lake: Served) -> None:
    with resource(lake).reader() as reader:
        expected = names_of(reader, "sales")
    with resource(lake, **RESTRICTED).reader() as reader:
        (page,) = pages_of(reader, "sales")
        probes = {p.name: p for p in reader.probe()}
    assert [d.name for d in page.datasets] == expected
    assert [r.code for r in page.reasons] == ["permission_denied"]
    assert "lakeformation:ListLFTags" in page.reasons[0].remedy
    assert page.unread == ("tags",)
    assert probes["glue:GetTables"].ok
    assert probes["lakeformation:ListLFTags"].missing == "lakeformation:ListLFTags"
    assert json.loads(probes["lakeformation:ListLFTags"].remedy.partition(": ")[2])["Effect"] == "Allow"


def test_tags_can_be_switched_off(lake: Served) -> None:
    with resource(lake, **RESTRICTED, lake_formation=False).reader() as reader:
        (page,) = pages_of(reader, "sales")
        assert all(p.ok for p in reader.probe())
    assert page.reasons == () and not any(d.tags for d in page.datasets)


def test_a_server_that_cannot_search_by_tag_is_asked_table_by_table(lake: Served) -> None:
    with resource(lake).reader() as reader:
        expected = read_all(reader)
        searched = reader.meter.snapshot()["calls"]
    lake.face.faults.replace([{"action": "fail", "match": "SearchTablesByLFTags", "status": 404}])
    with resource(lake).reader() as reader:
        assert read_all(reader) == expected
        assert reader.meter.snapshot()["calls"] > searched
        assert all(p.ok for p in reader.probe())


def test_a_refusal_half_way_through_the_tags_makes_the_listing_partial(lake: Served) -> None:
    lake.face.faults.replace(
        [
            {"action": "fail", "match": "SearchTablesByLFTags", "status": 404},
            {"action": "fail", "match": "GetResourceLFTags", "status": 403, "after": 3},
        ]
    )
    with resource(lake).reader() as reader:
        (page,) = pages_of(reader, "sales")
    assert len(page.datasets) == 9
    assert [r.operation for r in page.reasons] == ["lakeformation:GetResourceLFTags"]
    assert page.unread == ("tags",)


def test_without_the_right_to_search_tags_are_asked_table_by_table(lake: Served) -> None:
    with resource(lake).reader() as reader:
        expected = read_all(reader)
    lake.face.faults.replace([{"action": "fail", "match": "SearchTablesByLFTags", "status": 403}])
    with resource(lake).reader() as reader:
        assert read_all(reader) == expected
        search = next(p for p in reader.probe() if p.name == "lakeformation:SearchTablesByLFTags")
    assert search.ok and '"lakeformation:SearchTablesByLFTags"' in search.detail


def test_a_search_for_tags_that_breaks_off_fails_the_read_and_is_begun_again(lake: Served) -> None:
    with resource(lake).reader() as reader:
        expected = read_all(reader)
    with resource(lake, attempts=1).reader() as reader:
        lake.face.faults.replace([{"action": "fail", "match": "SearchTablesByLFTags", "after": 1, "times": 1}])
        with pytest.raises(Unavailable):
            read_all(reader)
        assert read_all(reader) == expected


def test_threads_that_read_scopes_at_once_read_the_same(lake: Served) -> None:
    with resource(lake).reader() as reader:
        expected = read_all(reader)
        calls = reader.meter.snapshot()["calls"]
        scopes = reader.scopes(EVERYTHING).scopes
    with resource(lake).reader() as reader, ThreadPoolExecutor(5) as pool:
        pages = [p for read in pool.map(lambda s: list(reader.read(s, EVERYTHING)), scopes) for p in read]
        assert {("relation", d.qualified_name): d for p in pages for d in p.datasets} == expected
        # all but the listing of the databases, and the tags looked for once rather than once a thread
        assert reader.meter.snapshot()["calls"] == calls - 1


def test_faults_can_be_asked_for_over_http(lake: Served) -> None:
    rule = {"action": "throttle", "match": "GetDatabases", "times": 1}
    requests.post(f"{lake.url}/_sandbox/faults", json=[rule], timeout=5).raise_for_status()
    with resource(lake).reader() as reader:
        assert reader.scopes(EVERYTHING).scopes
        assert reader.meter.snapshot()["throttled"] == 1
