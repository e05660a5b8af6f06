"""The Databricks reader against the stand-in, or a real Unity Catalog server; and what is Databricks' own."""

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, ClassVar

import pytest
import requests

from governance.errors import (
    AuthenticationError,
    ConfigurationError,
    DeadlineExceeded,
    NotFound,
    PermissionDenied,
    Unavailable,
)
from governance.filters import NameFilter
from governance.listing import Presence, Scope, Status
from governance.model import Tag
from resources.databricks.resource import DatabricksResource
from resources.secret import Secret
from sandbox.databricks.access import ADMIN_TOKEN, READER_TOKEN
from sandbox.serving import Company, Face, Served, running
from tests.contracts.contract import EVERYTHING, ReaderContract, comparable, read_all
from tests.fixtures.databricks import (
    CATALOG,
    SALES,
    SECRETS,
    api,
    datasets,
    machine,
    notes,
    pages,
    reader,
    reasons,
    table,
)


class TestContract(ReaderContract):
    platform = "databricks"
    wrong_credentials: ClassVar[dict[str, Any]] = {
        "token": {"env": "CONTRACT_DATABRICKS_WRONG"},
        "client_id": None,
        "client_secret": None,
    }
    wrong_secrets: ClassVar[dict[str, str]] = {"CONTRACT_DATABRICKS_WRONG": "dapi-wrong", "CONTRACT_ANY": "any"}
    page_calls = "GET /api/2.1/unity-catalog/tables"

    @pytest.fixture(scope="class")
    @classmethod
    def external(cls) -> str | None:
        return os.environ.get("GOVERNANCE_TEST_UNITY_URL")

    def external_connection(self, url: str) -> dict[str, Any]:
        with_token = "GOVERNANCE_TEST_UNITY_TOKEN" in os.environ
        return {"host": url, "token": {"env": "GOVERNANCE_TEST_UNITY_TOKEN" if with_token else "CONTRACT_ANY"}}

    def test_wrong_credentials_are_named(self, connection: dict[str, Any]) -> None:
        if os.environ.get("GOVERNANCE_TEST_UNITY_URL") and "GOVERNANCE_TEST_UNITY_TOKEN" not in os.environ:
            pytest.skip("a server without authorization takes any token")
        super().test_wrong_credentials_are_named(connection)


@pytest.fixture(scope="module")
def served() -> Iterator[Served]:
    with running(Company(), ["databricks"]) as servers:
        yield servers["databricks"]


@pytest.fixture
def face(served: Served) -> Iterator[Face]:
    yield served.face
    served.face.faults.clear()


@pytest.fixture(autouse=True)
def tokens(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in SECRETS.items():
        monkeypatch.setenv(name, value)


@pytest.fixture
def scratch(served: Served) -> Iterator[Scope]:
    """A schema of the test's own."""
    api(served, "POST", "/schemas", {"name": "scratch", "catalog_name": "main"})
    yield Scope("main.scratch", "schema", {"catalog": "main", "schema": "scratch"})
    answer = requests.delete(
        f"{served.url}{CATALOG}/schemas/main.scratch?force=true",
        headers={"Authorization": f"Bearer {ADMIN_TOKEN}"},
        timeout=10,
    )
    assert answer.status_code in (200, 404)


# --- who we are ---


def test_a_personal_token_reads_the_same_as_a_service_principal(served: Served) -> None:
    with reader(served, warehouse_id="a1b2c3d4e5f60718") as personal, machine(served) as principal:
        assert read_all(personal) == read_all(principal)


def test_an_expired_machine_token_is_renewed_once_and_the_read_goes_on(served: Served) -> None:
    with machine(served) as open_one:
        expected = read_all(open_one)
        ended = requests.delete(f"{served.url}/_sandbox/tokens", timeout=10).json()
        assert ended["ended"] >= 1
        assert read_all(open_one) == expected
        assert open_one.meter.snapshot()["retries"] == 0


def test_a_token_that_stays_refused_is_an_authentication_error(served: Served, face: Face) -> None:
    face.faults.replace([{"action": "fail", "match": "unity-catalog/catalogs", "status": 401}])
    with machine(served) as open_one, pytest.raises(AuthenticationError) as raised:
        open_one.scopes(EVERYTHING)
    assert "revoked" in raised.value.remedy
    assert face.faults.listed()[0]["struck"] == 2


def test_a_wrong_client_secret_says_so(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SANDBOX_DATABRICKS_CLIENT_SECRET", "not the one")
    with machine(served) as open_one, pytest.raises(AuthenticationError, match="Client authentication failed"):
        open_one.scopes(EVERYTHING)


def test_secrets_are_neither_shown_nor_told(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("T_READER", "dapi-very-secret")
    resource = DatabricksResource(source="w", host=served.url, token=Secret(env="T_READER"))
    assert "very-secret" not in repr(resource) + repr(resource.connect())
    with reader(served) as open_one, pytest.raises(AuthenticationError) as raised:
        open_one.scopes(EVERYTHING)
    assert raised.value.message == "Invalid access token"


def test_only_the_estate_decides_not_the_environment(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABRICKS_CONFIG_PROFILE", "no-such-profile")
    monkeypatch.setenv("DATABRICKS_TOKEN", "another")
    monkeypatch.setenv("DATABRICKS_HOST", "http://127.0.0.1:9")
    with reader(served) as open_one:
        assert open_one.scopes(EVERYTHING).status is Status.COMPLETE


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"host": "http://db.example.com"}, "in the clear"),
        ({"host": "ftp://db.example.com"}, "not the address"),
        ({"host": "https://"}, "not the address"),
        ({"client_id": "x"}, "either token"),
        ({"token": None}, "either token"),
        ({"tags": "sql"}, "needs a warehouse"),
    ],
)
def test_fields_that_contradict_each_other_are_refused(served: Served, fields: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigurationError, match=said) as raised:
        reader(served, **fields)
    assert raised.value.operation.startswith("sources.w.connection.")
    assert raised.value.remedy


# --- pages ---


def test_the_stand_in_pages_as_documented_and_all_is_read(served: Served) -> None:
    headers = {"Authorization": f"Bearer {READER_TOKEN}"}
    query: dict[str, Any] = {"catalog_name": "main", "schema_name": "sales", "max_results": 0}
    sizes = []
    while True:
        answer = requests.get(f"{served.url}{CATALOG}/tables", params=query, headers=headers, timeout=10).json()
        sizes.append(len(answer["tables"]))
        if "next_page_token" not in answer:
            break
        query["page_token"] = answer["next_page_token"]
    assert sizes == [8, 0, 3]
    with reader(served) as open_one:
        found = [d for page in pages(open_one, SALES) for d in page.datasets if d.namespace == "relation"]
    assert len(found) == 11


def test_a_slow_answer_ends_at_the_read_timeout_and_the_sdk_does_not_try_again(served: Served, face: Face) -> None:
    face.faults.replace([{"action": "slow", "match": "unity-catalog/catalogs", "seconds": 1.5}])
    with reader(served, attempts=1, read_timeout_seconds=0.2) as open_one, pytest.raises(DeadlineExceeded):
        open_one.scopes(EVERYTHING)
    assert face.faults.listed()[0]["struck"] == 1


def test_retry_after_is_obeyed(served: Served, face: Face) -> None:
    face.faults.replace([{"action": "throttle", "match": "unity-catalog/catalogs", "times": 1, "seconds": 2}])
    with reader(served) as open_one:
        open_one.scopes(EVERYTHING)
        assert open_one.meter.snapshot()["waited"] == 2
        assert open_one.meter.snapshot()["throttled"] == 1


@pytest.mark.parametrize(("status", "code"), [(403, "permission_denied"), (400, "protocol_error")])
def test_volumes_that_cannot_be_listed_are_a_reason(served: Served, face: Face, status: int, code: str) -> None:
    face.faults.replace([{"action": "fail", "match": "unity-catalog/volumes", "status": status}])
    with reader(served) as open_one:
        found = pages(open_one, SALES)
        assert [r.code for r in reasons(found)] == [code]
        assert "main.sales.churn" in datasets(found)


def test_a_denial_names_us_and_volumes_that_fail_for_good_fail_the_scope(served: Served, face: Face) -> None:
    face.faults.replace([{"action": "fail", "match": "unity-catalog/tables", "status": 403}])
    with reader(served) as open_one, pytest.raises(PermissionDenied) as raised:
        pages(open_one, SALES)
    assert raised.value.remedy.endswith("TO `5b1f7c1e-2a35-4d0c-9a53-6d2f3a0c7e11`")
    face.faults.replace([{"action": "fail", "match": "unity-catalog/volumes", "status": 503}])
    with reader(served, attempts=1) as open_one, pytest.raises(Unavailable):
        pages(open_one, SALES)


# --- what changes on the platform's side ---


def test_add_alter_retag_rename_and_drop_are_seen_and_move_the_token(served: Served, scratch: Scope) -> None:
    def token() -> str:
        return dict(open_one.change_tokens([scratch]))["main.scratch"]

    with reader(served, tags="entity") as open_one:
        seen = [token()]
        api(served, "POST", "/tables", table("orders"))
        api(served, "POST", "/tables", table("Orders", comment="another"))
        seen.append(token())
        assert set(datasets(pages(open_one, scratch))) == {"main.scratch.orders", "main.scratch.Orders"}
        columns = [{"name": "b", "type_text": "struct<x:int>", "position": 0, "comment": "new"}]
        api(served, "PATCH", "/tables/main.scratch.orders", {"columns": columns, "owner": "ana@acme.example"})
        seen.append(token())
        tag = {"entity_type": "columns", "entity_name": "main.scratch.orders.b", "tag_key": "pii", "tag_value": "name"}
        api(served, "POST", "/entity-tag-assignments", tag)
        altered = datasets(pages(open_one, scratch))["main.scratch.orders"]
        assert [c.path for c in altered.columns] == ["b", "b.x"]
        assert (altered.owner, altered.owner_kind) == ("ana@acme.example", "user")
        assert altered.tags == (Tag("pii", "tag", "b", "name"),)
        api(served, "PATCH", "/tables/main.scratch.orders", {"new_name": "ORDERS"})
        api(served, "DELETE", "/tables/main.scratch.Orders")
        seen.append(token())
        renamed = datasets(pages(open_one, scratch))
        assert set(renamed) == {"main.scratch.ORDERS"}
        assert renamed["main.scratch.ORDERS"].native_id == altered.native_id
        assert len(set(seen)) == len(seen)


def test_a_schema_is_gone_only_on_the_platforms_word(served: Served, scratch: Scope, face: Face) -> None:
    with reader(served) as open_one:
        assert open_one.presence(scratch) is Presence.PRESENT
        face.faults.replace([{"action": "fail", "match": "schemas/main.scratch", "status": 403}])
        assert open_one.presence(scratch) is Presence.UNKNOWN
        face.faults.clear()
        api(served, "DELETE", "/schemas/main.scratch?force=true")
        assert open_one.presence(scratch) is Presence.ABSENT
        with pytest.raises(NotFound):
            pages(open_one, scratch)
        assert list(open_one.change_tokens([scratch])) == []


def test_a_schema_that_left_the_listing_but_is_there_is_present(served: Served, face: Face) -> None:
    face.faults.replace([{"action": "lose", "scope": "main.sales"}])
    with reader(served) as open_one:
        assert "main.sales" not in {s.name for s in open_one.scopes(EVERYTHING).scopes}
        assert open_one.presence(SALES) is Presence.PRESENT


# --- odd records ---


def test_kinds_formats_and_types_of_tomorrow_survive(served: Served, scratch: Scope) -> None:
    column = {"name": "q", "type_text": "quark<spin:up>", "type_name": "QUARK", "position": 0}
    body = table("t", table_type="QUANTUM_TABLE", data_source_format="ENTANGLED", columns=[column])
    api(served, "POST", "/tables", body)
    with reader(served) as open_one:
        found = datasets(pages(open_one, scratch))["main.scratch.t"]
    assert (found.kind, found.format) == ("quantum_table", "ENTANGLED")
    assert (found.columns[0].type, found.columns[0].native_type) == ("unknown", "quark<spin:up>")


def test_dots_dirt_and_width_lose_nothing(served: Served, scratch: Scope) -> None:
    wide = [{"name": f"c{n}", "type_text": "int", "position": n} for n in range(5_000)]
    api(served, "POST", "/tables", table("wide", columns=wide))
    api(served, "POST", "/tables", table("a.b", comment="NUL \x00 and \ud800"))
    with reader(served) as open_one:
        found = datasets(pages(open_one, scratch))
    assert len(found["main.scratch.wide"].columns) == 5_000
    assert found["main.scratch.`a.b`"].comment == "NUL � and �"


def test_a_broken_record_is_quarantined_and_the_rest_is_read(served: Served, scratch: Scope) -> None:
    api(served, "POST", "/tables", table("broken", columns=[{"type_text": "int"}]))
    api(served, "POST", "/tables", table("sound"))
    with reader(served) as open_one:
        found = pages(open_one, scratch)
    assert set(datasets(found)) == {"main.scratch.sound"}
    [bad] = [q for page in found for q in page.quarantined]
    assert (bad.name, bad.reason) == ("main.scratch.broken", "name is missing")
    assert bad.payload["name"] == "broken"


# --- tags and details ---


def test_tags_by_object_are_those_by_sql(served: Served) -> None:
    with reader(served, tags="entity") as one, reader(served, warehouse_id="a1b2c3d4e5f60718") as other:
        assert read_all(one) == read_all(other)
        assert one.scopes(EVERYTHING) == other.scopes(EVERYTHING)
        main = next(c for c in one.scopes(EVERYTHING).containers if c.qualified_name == "main")
        assert main.tags == (Tag("tier", "tag", value="1"),)


def test_tags_that_were_not_asked_for_are_noted(served: Served) -> None:
    with reader(served) as open_one:
        assert "warehouse_id" in notes(pages(open_one, SALES))["tags"]


def test_tags_that_are_denied_are_a_reason_and_the_rest_is_read(served: Served, face: Face) -> None:
    face.faults.replace([{"action": "fail", "match": "sql/statements", "status": 403}])
    with machine(served) as open_one:
        found = pages(open_one, SALES)
        assert len(datasets(found)) == 13
        [reason] = reasons(found)
        assert (reason.code, reason.message[:24]) == ("permission_denied", "tags could not be read: ")
        assert open_one.scopes(EVERYTHING).status is Status.PARTIAL


def test_details_add_what_listings_leave_out(served: Served) -> None:
    with reader(served, details=True) as open_one:
        view = datasets(pages(open_one, SALES))["main.sales.orders_open"]
    assert view.properties["view_dependencies"] == {
        "dependencies": [{"table": {"table_full_name": "main.sales.orders"}}]
    }


def test_filters_hide_scopes_and_spare_their_calls(served: Served) -> None:
    with reader(served) as open_one:
        listing = open_one.scopes(NameFilter(["main.crm.*"]))
        assert [s.name for s in listing.scopes] == ["main.crm"]
        assert "lakehouse.raw" in listing.hidden
        found = pages(open_one, SALES)
        only = list(open_one.read(SALES, NameFilter(["*.orders"])))
    assert len(datasets(found)) == 13
    assert set(datasets(only)) == {"main.sales.orders"}


def test_scopes_are_read_by_several_threads_at_once(served: Served) -> None:
    with machine(served) as open_one:
        expected = read_all(open_one)
        scopes = list(open_one.scopes(EVERYTHING).scopes) * 6
        requests.delete(f"{served.url}/_sandbox/tokens", timeout=10)
        with ThreadPoolExecutor(8) as pool:
            found = [d for page in pool.map(lambda s: pages(open_one, s), scopes) for p in page for d in p.datasets]
    assert len(found) == 6 * len(expected)
    assert {(d.namespace, d.qualified_name): d for d in found} == expected


def test_the_account_is_equal_at_another_scale() -> None:
    with running(Company(scale=2), ["databricks"]) as servers, machine(servers["databricks"]) as open_one:
        expected = {(d.namespace, d.qualified_name): comparable(d) for d in servers["databricks"].face.account()}
        assert {key: comparable(d) for key, d in read_all(open_one).items()} == expected
        assert len(expected) == 60
