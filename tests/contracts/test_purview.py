"""The Purview reader keeps the contract of every reader, and what is Purview's own."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any, ClassVar

import msgspec
import pytest

from governance.errors import (
    AuthenticationError,
    ConfigurationError,
    TlsError,
    Unavailable,
)
from governance.filters import NameFilter
from governance.listing import Page, Presence, Scope, Status
from resources.calls import CallPolicy, Meter
from resources.purview.client_entities import Entities
from resources.purview.client_session import Session
from resources.purview.resource import PurviewResource
from resources.source import Reader
from sandbox.purview.assets import DATASETS
from sandbox.purview.face import Face
from sandbox.purview.identity import LIMITED, READER, SECRETS, TENANT
from sandbox.purview.seed import Curator, put
from sandbox.serving import Company, Served, running
from tests.contracts.contract import EVERYTHING, ReaderContract, comparable, read_all

Json = Any

pytestmark = pytest.mark.xdist_group("purview")


class TestPurview(ReaderContract):
    platform = "purview"
    wrong_credentials: ClassVar[dict[str, Any]] = {"client_secret": {"env": "PURVIEW_WRONG_SECRET"}}
    wrong_secrets: ClassVar[dict[str, str]] = {"PURVIEW_WRONG_SECRET": "nothing~of~the~kind"}
    page_calls = "POST /datamap/api/search/query"

    def external_connection(self, url: str) -> dict[str, Any]:
        return {"endpoint": url}


@pytest.fixture(scope="module")
def served() -> Iterator[Served]:
    with running(Company(), ["purview"]) as servers:
        yield servers["purview"]


@pytest.fixture
def face(served: Served, monkeypatch: pytest.MonkeyPatch) -> Iterator[Face]:
    assert isinstance(served.face, Face)
    for name, value in {**served.face.secrets(), "LIMITED_SECRET": SECRETS[LIMITED]}.items():
        monkeypatch.setenv(name, value)
    readers = {k: set(v) for k, v in served.face.server.collections.readers.items()}
    yield served.face
    served.face.faults.clear()
    served.face.server.collections.readers = readers
    served.face.server.identity.seconds = 3599


@pytest.fixture
def curator(served: Served, face: Face) -> Iterator[Curator]:
    one = Curator(served.url, face.ca)
    yield one
    one.close()


def resource(served: Served, **other: Any) -> PurviewResource:
    return PurviewResource(**{"source": "purview", "attempts": 3, **served.face.connection(served.url), **other})


def without_secret(served: Served, **other: Any) -> PurviewResource:
    connection = served.face.connection(served.url)
    kept = {k: v for k, v in connection.items() if k not in ("tenant_id", "client_id", "client_secret", "authority")}
    return PurviewResource(source="purview", attempts=2, **kept, **other)


@pytest.fixture
def reader(served: Served, face: Face) -> Iterator[Reader]:
    with resource(served).reader() as one:
        yield one


def scope_of(reader: Reader, name: str) -> Scope:
    return next(s for s in reader.scopes(EVERYTHING).scopes if s.name == name)


def pages(reader: Reader, name: str, names: NameFilter = EVERYTHING) -> list[Page]:
    return list(reader.read(scope_of(reader, name), names))


# --- who we are ---


def names_of(reader: Reader) -> list[str]:
    return [s.name for s in reader.scopes(EVERYTHING).scopes]


ALL = ["harbourpine", "retail", "retail-sales", "retail-crm", "finance", "k7x2qm"]


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"managed_identity": True}, ALL),
        ({"managed_identity_client_id": LIMITED}, ["retail", "retail-sales", "retail-crm"]),
    ],
)
@pytest.mark.parametrize("host", ["app service", "virtual machine"])
def test_managed_identities_sign_in(
    served: Served, face: Face, monkeypatch: pytest.MonkeyPatch, host: str, fields: Json, expected: list[str]
) -> None:
    if host == "app service":
        monkeypatch.setenv("IDENTITY_ENDPOINT", f"{served.url}/msi/token")
        monkeypatch.setenv("IDENTITY_HEADER", "any")
    else:
        monkeypatch.setenv("AZURE_POD_IDENTITY_AUTHORITY_HOST", served.url)
    with without_secret(served, **fields).reader() as reader:
        assert names_of(reader) == expected


def test_an_identity_that_the_machine_does_not_have_is_refused(
    served: Served, face: Face, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AZURE_POD_IDENTITY_AUTHORITY_HOST", served.url)
    with without_secret(served, managed_identity_client_id="nobody").reader() as reader:
        with pytest.raises(AuthenticationError):
            reader.scopes(EVERYTHING)
        assert [p.ok for p in reader.probe()] == [False]


def test_the_default_chain_takes_the_environment(served: Served, face: Face, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AZURE_TENANT_ID", TENANT)
    monkeypatch.setenv("AZURE_CLIENT_ID", READER)
    monkeypatch.setenv("AZURE_CLIENT_SECRET", SECRETS[READER])
    with without_secret(served, authority=served.url).reader() as reader:
        assert names_of(reader) == ALL


@pytest.mark.parametrize(
    ("field", "value", "remedy"),
    [
        ("tenant_id", "11111111-2222-4333-8444-555555555555", "tenant_id"),
        ("client_id", "11111111-2222-4333-8444-555555555555", "client_id"),
        ("client_secret", {"env": "LIMITED_SECRET"}, "client_secret"),
        ("scope", "https://elsewhere.example/.default", "scope"),
    ],
)
def test_what_is_wrong_with_the_sign_in_is_named(
    served: Served, face: Face, field: str, value: Json, remedy: str
) -> None:
    with resource(served, **{field: value}).reader() as reader:
        with pytest.raises(AuthenticationError) as raised:
            reader.scopes(EVERYTHING)
    assert remedy in raised.value.remedy
    assert not any(secret in str(raised.value) for secret in SECRETS.values())


def test_a_token_that_ends_is_followed_by_the_next(served: Served, face: Face) -> None:
    face.server.identity.seconds = 1
    before = face.server.identity.issued
    with resource(served).reader() as reader:
        names_of(reader)
        time.sleep(1.2)
        assert names_of(reader) == ALL
    assert face.server.identity.issued - before >= 2


def test_a_token_that_was_revoked_is_renewed_once(served: Served, face: Face, reader: Reader) -> None:
    names_of(reader)
    issued = face.server.identity.issued
    face.server.identity.revoke()
    assert len(read_all(reader)) == len(DATASETS)
    assert face.server.identity.issued == issued + 1
    face.faults.replace([{"action": "fail", "match": "/account/collections", "status": 401}])
    with pytest.raises(AuthenticationError):
        reader.scopes(EVERYTHING)
    assert face.server.identity.issued == issued + 2


@pytest.mark.parametrize("field", ["endpoint", "authority", "account_endpoint"])
def test_nothing_is_sent_over_plain_http(served: Served, face: Face, field: str) -> None:
    with pytest.raises(ConfigurationError, match="https") as raised:
        resource(served, **{field: "http://127.0.0.1:1"}).reader()
    assert raised.value.operation.endswith(field)


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({}, "account"),
        ({"account": "acme.purview.azure.com"}, "account"),
        ({"account": "acme", "client_id": "x"}, "client_secret"),
        ({"account": "acme", "client_secret": {"env": "LIMITED_SECRET"}}, "tenant_id"),
        ({"account": "acme", "client_secret": {"env": "LIMITED_SECRET"}, "managed_identity": True}, "managed_identity"),
        ({"account": "acme", "ca_bundle": "/no/such/file.pem"}, "ca_bundle"),
        ({"account": "acme", "tenant_id": "t", "client_id": "c", "client_secret": {"env": "NOT_SET_AT_ALL"}}, "secret"),
    ],
)
def test_fields_that_contradict_each_other_are_named(face: Face, fields: Json, named: str) -> None:
    with pytest.raises(ConfigurationError) as raised:
        PurviewResource(source="purview", **fields).reader()
    assert named in raised.value.operation and raised.value.remedy


def test_an_account_has_its_own_address() -> None:
    connection = PurviewResource(source="purview", account="acme").connect()
    assert connection.endpoint == "https://acme.purview.azure.com"
    assert connection.account_endpoint == "https://acme.purview.azure.com/account"


def test_a_certificate_of_unknown_origin_is_no_matter_of_trying_again(served: Served, face: Face) -> None:
    with resource(served, ca_bundle=None).reader() as reader:
        with pytest.raises(TlsError) as raised:
            reader.scopes(EVERYTHING)
        assert "ca_bundle" in raised.value.remedy
        assert reader.meter.retries == 0


# --- what it reads ---


def test_collections_carry_their_path(reader: Reader) -> None:
    container = pages(reader, "retail-crm")[0].containers[0]
    assert (container.kind, container.name, container.parent) == ("collection", "CRM", "retail")
    assert container.properties["path"] == ["Harbour & Pine", "Retail", "CRM"]
    assert pages(reader, "k7x2qm")[0].containers[0].name == "Qualität & Données 数据 🧭"


def test_what_is_no_dataset_is_counted(reader: Reader) -> None:
    notes = pages(reader, "finance")[-1].notes
    assert notes["no_datasets"] == "Data pipelines: 2, Folders: 1, Reports: 1, Workspaces: 1"
    assert "index_lag" in notes


def test_small_pages_give_the_same(served: Served, reader: Reader) -> None:
    with resource(served, page_size=2).reader() as other:
        assert read_all(other) == read_all(reader)
        assert other.meter.pages > len(ALL)


@contextmanager
def large_collection(curator: Curator, count: int) -> Iterator[None]:
    """A collection `large` with so many small tables."""
    template = next(a for a in DATASETS if a.name == "employees")
    curator.send("PUT", "/account/collections/large", _below("harbourpine", "Large"))
    tables = [
        msgspec.structs.replace(
            template,
            name=f"t{n}",
            qualified_name=f"mssql://x.database.windows.net/y/dbo/t{n}",
            fields=template.fields[:2],
            collection="large",
        )
        for n in range(count)
    ]
    guids = list(put(curator, tables).values())
    try:
        yield
    finally:
        for n in range(0, len(guids), 100):
            curator.send("DELETE", "/atlas/v2/entity/bulk", guid=guids[n : n + 100])
        curator.send("DELETE", "/account/collections/large")


def test_more_than_a_thousand_assets_come_by_continuation(served: Served, curator: Curator, face: Face) -> None:
    count = 1_250
    with large_collection(curator, count), resource(served).reader() as reader:
        scope = scope_of(reader, "large")
        before = reader.meter.calls
        datasets = [d for page in reader.read(scope, EVERYTHING) for d in page.datasets]
        calls = reader.meter.calls - before
        token = dict(reader.change_tokens([scope]))["large"]
    assert len({d.qualified_name for d in datasets}) == len(datasets) == count
    assert all(len(d.columns) == 2 and d.container == "large" for d in datasets)
    # two pages of a search, and a bulk read for each hundred; the second page starts a hundred of its own
    assert calls == 2 + 10 + 3
    assert token.startswith(f"{count}:")


def test_nothing_is_lost_where_bulk_reads_get_smaller_on_the_way(served: Served, curator: Curator, face: Face) -> None:
    with large_collection(curator, 330), resource(served).reader() as reader:
        scope = scope_of(reader, "large")
        face.faults.replace(
            [{"action": "fail", "match": r"^GET .*entity/bulk\?.*(guid=[^&]*&){30,}", "status": 504, "after": 1}]
        )
        datasets = [d for page in reader.read(scope, EVERYTHING) for d in page.datasets]
    assert len({d.qualified_name for d in datasets}) == len(datasets) == 330


def test_scopes_are_read_by_several_threads(served: Served, face: Face, reader: Reader) -> None:
    expected = read_all(reader)
    scopes = reader.scopes(EVERYTHING).scopes
    with ThreadPoolExecutor(6) as pool:
        found = list(pool.map(lambda s: [d for p in reader.read(s, EVERYTHING) for d in p.datasets], scopes * 3))
    assert sum(map(len, found)) == 3 * len(expected)
    assert {(d.namespace, d.qualified_name): d for some in found for d in some} == expected


def _below(parent: str, friendly: str) -> Json:
    return {"friendlyName": friendly, "parentCollection": {"referenceName": parent}}


def test_a_filter_saves_reading_what_it_leaves_out(served: Served, face: Face) -> None:
    with resource(served).reader() as reader:
        scope = scope_of(reader, "retail-sales")
        before = reader.meter.calls
        found = [d.name for p in reader.read(scope, NameFilter(["snowflake:*"])) for d in p.datasets]
        assert found == ["ORDERS"]
        none = list(reader.read(scope, NameFilter(["nothing at all"])))
        assert [d for p in none for d in p.datasets] == []
        assert reader.meter.calls - before == 2 + 1


def test_a_change_moves_the_token_of_its_collection_only(reader: Reader, curator: Curator) -> None:
    scopes = reader.scopes(EVERYTHING).scopes
    before = dict(reader.change_tokens(scopes))
    found = curator.send("POST", "/search/query", {"filter": {"entityType": "snowflake_view"}})["value"][0]
    curator.send("PUT", f"/atlas/v2/entity/guid/{found['id']}", "Now with words", name="userDescription")
    after = dict(reader.change_tokens(scopes))
    assert {name for name in after if after[name] != before[name]} == {"finance"}
    datasets = {d.name: d for p in pages(reader, "finance") for d in p.datasets}
    assert datasets["DailySales"].comment == "Now with words"
    curator.send("PUT", f"/atlas/v2/entity/guid/{found['id']}", "", name="userDescription")


# --- rights ---


def test_a_collection_that_may_not_be_searched_is_partial_with_the_role_to_ask_for(face: Face, reader: Reader) -> None:
    face.faults.replace([{"action": "fail", "match": 'search/query.*"retail-crm"', "status": 403}])
    (page,) = pages(reader, "retail-crm")
    assert page.reasons[0].code == "permission_denied"
    assert "Data reader on collection retail-crm (CRM)" in page.reasons[0].remedy
    assert [r for p in pages(reader, "finance") for r in p.reasons] == []


def test_a_right_taken_away_is_no_empty_success(served: Served, face: Face, reader: Reader) -> None:
    scope = scope_of(reader, "finance")
    face.server.collections.readers[READER] = {"retail"}
    found = list(reader.read(scope, EVERYTHING))
    assert [d for p in found for d in p.datasets] == []
    assert [r.code for p in found for r in p.reasons] == ["permission_denied"]
    assert reader.presence(scope) is Presence.UNKNOWN
    assert dict(reader.change_tokens([scope])) == {"finance": "0:0"}


def test_columns_that_may_not_be_read_are_unread_and_not_gone(served: Served, face: Face, curator: Curator) -> None:
    hits = curator.send("POST", "/search/query", {"filter": {"entityType": "azure_datalake_gen2_path"}})["value"]
    asset = curator.send("GET", f"/atlas/v2/entity/guid/{hits[0]['id']}")["entity"]
    schema = asset["relationshipAttributes"]["tabular_schema"]["guid"]
    curator.send("POST", "/entity/moveTo", {"entityGuids": [schema]}, collectionId="finance")
    try:
        with resource(served, client_id=LIMITED, client_secret={"env": "LIMITED_SECRET"}).reader() as reader:
            found = pages(reader, "retail-crm")
    finally:
        curator.send("POST", "/entity/moveTo", {"entityGuids": [schema]}, collectionId="retail-crm")
    by_unread = {p.unread: [d.name for d in p.datasets] for p in found if p.datasets}
    assert by_unread[("columns", "tags")] == ["customers.parquet"]
    assert sorted(by_unread[()]) == ["CUSTOMERS", "customers", "customers"]
    assert [r.code for p in found for r in p.reasons] == ["permission_denied"]


def test_doctor_names_the_role(served: Served, face: Face, reader: Reader) -> None:
    face.server.collections.readers[READER] = set()
    probes = list(reader.probe())
    assert [p.ok for p in probes] == [True, False]
    assert probes[1].missing == "Data reader" and "Role assignments" in probes[1].remedy
    del face.server.collections.readers[READER]
    assert [p.ok for p in reader.probe()] == [True, False]


def test_presence_goes_by_what_purview_says(reader: Reader, curator: Curator, face: Face) -> None:
    curator.send("PUT", "/account/collections/passing", _below("finance", "Passing"))
    scope = scope_of(reader, "passing")
    assert reader.presence(scope) is Presence.PRESENT
    curator.send("DELETE", "/account/collections/passing")
    assert reader.presence(scope) is Presence.ABSENT
    face.faults.replace([{"action": "fail", "match": "collections/passing", "status": 403}])
    assert reader.presence(scope) is Presence.UNKNOWN
    face.faults.replace([{"action": "fail", "match": "collections/passing", "status": 503}])
    with pytest.raises(Unavailable):
        reader.presence(scope)


def test_what_no_listing_shows_is_asked_for_by_guid(served: Served, face: Face, curator: Curator) -> None:
    hits = curator.send("POST", "/search/query", {"limit": 1000})["value"]
    mine = {h["id"] for h in hits if str(h.get("collectionId")).startswith("retail")}
    hidden = {h["id"] for h in hits if h.get("collectionId") == "finance"}
    gone = "00000000-0000-4000-8000-000000000000"
    with resource(served, client_id=LIMITED, client_secret={"env": "LIMITED_SECRET"}).reader() as reader:
        assert mine and hidden
        assert set(reader.still_has([gone, *hidden, *mine]) or ()) == mine
        assert set(reader.still_has([gone]) or ()) == set()
        face.faults.replace([{"action": "fail", "match": "entity/bulk", "status": 503}])
        with pytest.raises(Unavailable):
            reader.still_has([gone, *mine])


def test_refusals_and_absences_of_single_guids_do_not_spoil_the_rest(served: Served, face: Face) -> None:
    everything = Curator(served.url, face.ca)
    hits = everything.send("POST", "/search/query", {"limit": 1000})["value"]
    everything.close()
    mine = [h["id"] for h in hits if str(h.get("collectionId")).startswith("retail")]
    others = [h["id"] for h in hits if h.get("collectionId") == "finance"]
    gone = "00000000-0000-4000-8000-000000000000"
    connection = resource(served, client_id=LIMITED, client_secret={"env": "LIMITED_SECRET"}).connect()
    session = Session(connection, CallPolicy(attempts=1), Meter())
    batch = Entities(session).read([*mine[:3], gone, *others[:2], *mine[3:]])
    session.close()
    assert set(batch.entities) == set(mine)
    assert set(batch.denied) == set(others[:2])
    assert batch.gone == {gone}


# --- how the service fails ---


def test_bulk_reads_learn_what_the_service_can_take(served: Served, face: Face) -> None:
    with resource(served).reader() as reader:
        expected = read_all(reader)
    for status in (504, 408, 413, 414):
        face.faults.replace([{"action": "fail", "match": r"entity/bulk\?.*(guid=[^&]*&){4,}", "status": status}])
        with resource(served).reader() as reader:
            assert read_all(reader) == expected, status
            # what is halved is not waited for
            assert reader.meter.retries == 0


def test_one_asset_that_the_service_stumbles_over_is_set_aside(served: Served, face: Face, curator: Curator) -> None:
    hits = curator.send("POST", "/search/query", {"filter": {"collectionId": "retail-sales"}})["value"]
    poison = next(h for h in hits if h["entityType"] == "snowflake_table")
    face.faults.replace([{"action": "fail", "match": f"entity/bulk.*{poison['id']}", "status": 500}])
    with resource(served, attempts=1).reader() as reader:
        found = pages(reader, "retail-sales")
    datasets = [d.qualified_name for p in found for d in p.datasets]
    assert len(datasets) == 4 and poison["qualifiedName"] not in datasets
    assert [q.name for p in found for q in p.quarantined] == [poison["qualifiedName"]]


def test_a_service_that_is_down_is_an_error(served: Served, face: Face) -> None:
    for status in (500, 502, 503):
        face.faults.replace([{"action": "fail", "match": "entity/bulk", "status": status}])
        with resource(served, attempts=1).reader() as reader:
            with pytest.raises(Unavailable):
                pages(reader, "retail-sales")


def test_the_account_holds_at_another_scale(monkeypatch: pytest.MonkeyPatch) -> None:
    with running(Company(scale=4), ["purview"]) as servers:
        one = servers["purview"]
        for name, value in one.face.secrets().items():
            monkeypatch.setenv(name, value)
        with resource(one).reader() as reader:
            found = {key: comparable(d) for key, d in read_all(reader).items()}
            assert reader.scopes(EVERYTHING).status is Status.COMPLETE
    assert found == {(d.namespace, d.qualified_name): comparable(d) for d in one.face.account()}
