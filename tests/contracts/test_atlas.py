"""Apache Atlas' reader against the stand-in, and against a real server where Java and Maven are or one is given."""

import os
from collections.abc import Iterator
from typing import Any

import pytest
import requests

from governance.errors import ConfigurationError, DeadlineExceeded, GovernanceError, PermissionDenied
from governance.filters import NameFilter
from governance.listing import Presence, Scope
from governance.model import Dataset
from resources.atlas.client_reader import AtlasReader
from resources.atlas.resource import AtlasResource
from sandbox.atlas.account import rows
from sandbox.atlas.face import TOKEN, Face
from sandbox.atlas.routes import Caller
from sandbox.atlas.server import USERS
from sandbox.serving import Company, Served, serve
from tests.contracts.contract import EVERYTHING, ReaderContract, comparable, read_all
from tests.fixtures.real_atlas import IN_ONE_WORKER, real_atlas_url

ORDERS = ("hive_table", "sales.orders@primary")


class TestAtlas(ReaderContract):
    platform = "atlas"
    wrong_credentials = {"username": "admin", "password": {"env": "TEST_ATLAS_WRONG"}}
    wrong_secrets = {"TEST_ATLAS_WRONG": "not the password"}
    page_calls = "entity/bulk"

    def external_connection(self, url: str) -> dict[str, Any]:
        user = os.environ.get("GOVERNANCE_TEST_ATLAS_USER", "admin")
        return {"url": url, "username": user, "password": {"env": "GOVERNANCE_TEST_ATLAS_PASSWORD"}}


class TestRealAtlas(ReaderContract):
    """The same suite, and the same account, against Apache Atlas itself."""

    pytestmark = IN_ONE_WORKER
    platform = "atlas"
    wrong_credentials = {"username": "admin", "password": {"env": "TEST_ATLAS_WRONG"}}
    wrong_secrets = {"TEST_ATLAS_WRONG": "not the password", "TEST_ATLAS_VIEWER": "viewer"}

    def external_connection(self, url: str) -> dict[str, Any]:
        return {"url": url, "username": "viewer", "password": {"env": "TEST_ATLAS_VIEWER"}}

    @pytest.fixture(scope="class")
    @classmethod
    def external(cls) -> str | None:
        return real_atlas_url()

    def test_equals_the_account_of_what_was_seeded(self, connection: dict[str, Any]) -> None:
        with self.resource(connection).reader() as reader:
            found = {key: comparable(d) for key, d in read_all(reader).items()}
        assert found == {(d.namespace, d.qualified_name): comparable(d) for d in rows(1)}


# --- what is Atlas' own, on the stand-in ---


@pytest.fixture
def small() -> Iterator[Served]:
    """A server whose searches reach 5 hits only."""
    served = serve(Face(Company(), cap=5))
    served.face.seed(served.url)
    yield served
    served.stop()


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch) -> Iterator[Served]:
    served = serve(Face(Company()))
    served.face.seed(served.url)
    yield served
    served.stop()


@pytest.fixture(autouse=True)
def secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {
        "SANDBOX_ATLAS_PASSWORD": "viewer",
        "ADMIN": "admin",
        "CLERK": "clerk",
        "TOKEN": TOKEN,
        "BAD": "bad",
    }.items():
        monkeypatch.setenv(name, value)


def engine_of(served: Served) -> Any:
    assert isinstance(served.face, Face)
    return served.face.engine


def opened(served: Served, **other: Any) -> AtlasReader:
    return AtlasResource(source="atlas", **{**served.face.connection(served.url), **other}).reader()


def scope(name: str) -> Scope:
    return Scope(name, "type")


def of_type(reader: AtlasReader, name: str, names: NameFilter = EVERYTHING) -> dict[str, Dataset]:
    return {d.qualified_name: d for page in reader.read(scope(name), names) for d in page.datasets}


def test_more_entities_than_one_search_reaches_are_all_read(small: Served) -> None:
    for page_size in (1, 3, 5, 500):
        with opened(small, page_size=page_size) as reader:
            assert len(of_type(reader, "hive_table")) == 14
            assert {*read_all(reader)} == {(d.namespace, d.qualified_name) for d in rows(1)}


@pytest.mark.parametrize("page_size", [2, 5, 500])
def test_more_entities_of_one_millisecond_than_one_search_reaches_are_an_error(small: Served, page_size: int) -> None:
    for entity in engine_of(small).state.entities.values():
        entity.created = 1_700_000_000_000
    with opened(small, page_size=page_size) as reader, pytest.raises(GovernanceError, match="same millisecond"):
        of_type(reader, "hive_table")


def test_columns_are_rows_of_their_table_and_no_datasets(served: Served) -> None:
    with opened(served) as reader:
        names = {s.name for s in reader.scopes(EVERYTHING).scopes}
        assert {"hive_table", "kafka_topic", "retail_feature_table", "rdbms_db", "DataSet"} <= names
        assert not names & {"hive_column", "rdbms_column", "spark_column", "hbase_column", "retail_feature", "Process"}
        table = of_type(reader, "hive_table")["web.web_events@primary"]
        assert [c.path for c in table.columns if c.partition_key] == ["dt"]
        assert {"device.screen.w", "payload{}[].k"} <= {c.path for c in table.columns}


def test_a_propagated_classification_names_its_source(served: Served) -> None:
    with opened(served) as reader:
        tags = of_type(reader, "retail_feature_table")["features/customer_360"].tags
    assert [(t.tag, t.inherited, t.origin) for t in tags if t.kind == "classification"] == [
        ("PII", True, "crm.customers@primary")
    ]


def test_a_soft_deleted_entity_is_not_listed_and_its_deleted_columns_are_no_columns(served: Served) -> None:
    engine = engine_of(served)
    column = engine.guid("hive_column", {"qualifiedName": "sales.orders.note@primary"})
    gone = engine.guid("hive_table", {"qualifiedName": "sales.returns@primary"})
    with opened(served) as reader:
        before = of_type(reader, "hive_table")
        token = dict(reader.change_tokens([scope("hive_table")]))
        engine.delete([column, gone])
        after = of_type(reader, "hive_table")
        assert before.keys() - after.keys() == {"sales.returns@primary"}
        assert "note" not in {c.path for c in after[ORDERS[1]].columns}
        assert dict(reader.change_tokens([scope("hive_table")])) != token


def test_what_the_filter_excludes_is_never_fetched(served: Served) -> None:
    with opened(served) as reader:
        found = of_type(reader, "hive_table", NameFilter(["sales.*"], ["*.returns@*"]))
        pages = reader.meter.snapshot()["pages"]
    assert {"sales.orders@primary", "sales.daily_sales@primary"} <= found.keys()
    assert all(name.startswith("sales.") and "returns" not in name for name in found)
    assert pages == 1


def test_calls_grow_with_batches_not_with_tables(served: Served) -> None:
    with opened(served) as reader:
        of_type(reader, "hive_table")
        assert reader.meter.snapshot()["calls"] <= 4  # types, search, bulk, names


def test_a_bearer_token_signs_in_and_a_wrong_one_does_not(served: Served) -> None:
    token = {"username": None, "password": None}
    with opened(served, **token, token={"env": "TOKEN"}) as reader:
        assert ORDERS[1] in of_type(reader, "hive_table")
    with opened(served, **token, token={"env": "BAD"}) as reader, pytest.raises(GovernanceError) as raised:
        list(reader.probe())
    assert raised.value.code == "authentication_error"
    assert "bad" not in str(raised.value).split()


def test_ways_to_sign_in_that_contradict_each_other_are_refused(served: Served) -> None:
    with pytest.raises(ConfigurationError, match="either with username and password or with token"):
        opened(served, token={"env": "TOKEN"})
    with pytest.raises(ConfigurationError):
        opened(served, password=None)


def test_the_viewer_reads_everything_and_may_change_nothing(served: Served) -> None:
    entity = {"entity": {"typeName": "DataSet", "attributes": {"qualifiedName": "x", "name": "x"}}}
    url = f"{served.url}/api/atlas/v2/entity"
    answer = requests.post(url, json=entity, auth=("viewer", "viewer"), timeout=10)
    assert (answer.status_code, answer.json()["errorCode"]) == (403, "ATLAS-403-00-001")
    with opened(served) as reader:
        assert all(p.ok for p in reader.probe())


def test_a_missing_privilege_is_named_with_the_grant(served: Served) -> None:
    served.face.faults.replace([{"action": "fail", "match": "search/basic", "status": 403}])
    with opened(served) as reader:
        last = list(reader.probe())[-1]
        assert (last.ok, last.missing) == (False, "entity-read")
        assert "entity-read" in last.remedy
        with pytest.raises(PermissionDenied):
            of_type(reader, "hive_table")


CLERK = {"username": "clerk", "password": {"env": "CLERK"}}
"""May read Hive's entities only."""


def test_what_atlas_hides_from_a_user_makes_the_listing_partial(served: Served) -> None:
    with opened(served, **CLERK) as reader:
        pages = list(reader.read(scope("kafka_topic"), EVERYTHING))
        assert [d for p in pages for d in p.datasets] == []
        (reason,) = {r for p in pages for r in p.reasons}
        assert (reason.code, "kafka_topic" in reason.message, "entity-read" in reason.remedy) == (
            "permission_denied", True, True
        )  # fmt: skip
        tables = list(reader.read(scope("hive_table"), EVERYTHING))
        probes = {p.name: p for p in reader.probe()}
    assert (probes["entities"].ok, probes["entities"].missing) == (False, "entity-read")
    assert "kafka_topic" in probes["entities"].detail
    # whose tables are read: what they refer to is not
    assert len([d for p in tables for d in p.datasets]) == 14
    assert {r.code for p in tables for r in p.reasons} == {"permission_denied"}


def test_a_database_that_may_not_be_read_moves_no_table_out_of_it(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(
        USERS, "clerk", Caller("clerk", may_write=False, reads="hive_table|hive_column|hive_storagedesc")
    )
    with opened(served, **CLERK) as reader, pytest.raises(PermissionDenied, match="may not be read"):
        of_type(reader, "hive_table")


@pytest.mark.parametrize("user", ["viewer", "admin"])
def test_doctor_says_who_the_reader_is_and_what_it_may_change(served: Served, user: str) -> None:
    with opened(served, **({} if user == "viewer" else {"username": "admin", "password": {"env": "ADMIN"}})) as reader:
        (session,) = (p for p in reader.probe() if p.name == "session")
    assert session.detail.startswith(f"{user}, groups: {user.upper()}; ")
    assert ("may create and update entities" in session.detail) is (user == "admin")


@pytest.mark.parametrize("status", [413, 414, 408, 504])
def test_batches_that_are_too_large_are_halved(served: Served, status: int) -> None:
    rule = {"action": "fail", "match": r"entity/bulk/?\?(guid=[^&]+&){4,}", "status": status}
    with opened(served) as reader:
        expected = of_type(reader, "hive_table")
    served.face.faults.replace([rule])
    with opened(served) as reader:
        assert of_type(reader, "hive_table") == expected
        assert 1 <= reader.atlas.batches.batch.size <= 4
        assert reader.meter.snapshot()["retries"] == 0


def test_one_entity_that_times_out_for_good_is_an_error(served: Served) -> None:
    served.face.faults.replace([{"action": "fail", "match": "entity/bulk", "status": 504}])
    with opened(served, attempts=2) as reader, pytest.raises(DeadlineExceeded):
        of_type(reader, "hive_table")


def test_an_entity_purged_between_search_and_read_is_left_out(served: Served) -> None:
    engine = engine_of(served)
    guid = engine.guid("kafka_topic", {"qualifiedName": "web-events.raw@primary"})
    with opened(served) as reader:
        headers = [h for page in reader.atlas.headers("kafka_topic") for h in page]
        engine.delete([guid])
        engine.purge([guid])
        answers = list(reader.atlas.entities([h["guid"] for h in headers]))
    assert sorted(e["attributes"]["name"] for a in answers for e in a["entities"]) == [
        "orders.placed",
        "payments.captured",
    ]


def test_records_that_make_no_sense_are_quarantined_and_the_rest_is_read(served: Served) -> None:
    state = engine_of(served).state
    by_name = {e.attributes.get("qualifiedName"): e for e in state.entities.values()}
    by_name["sales.payments@primary"].attributes["qualifiedName"] = None
    by_name["sales.returns@primary"].attributes["parameters"] = "no map"
    by_name["crm.campaigns@primary"].attributes["comment"] = "NUL \x00 and half \ud83d"
    by_name["crm.campaigns.name@primary"].attributes["comment"] = "\udfff"
    by_name["crm.loyalty_points@primary"].attributes["qualifiedName"] = "\ud800"
    with opened(served) as reader:
        pages = list(reader.read(scope("hive_table"), EVERYTHING))
    datasets = {d.qualified_name: d for p in pages for d in p.datasets}
    assert {(q.name, q.reason) for p in pages for q in p.quarantined} == {
        (None, "the entity has no qualifiedName"),
        ("sales.returns@primary", "parameters is not a JSON object"),
        (None, "the qualifiedName is no valid text"),
    }
    assert len(datasets) == 11
    assert datasets["crm.campaigns@primary"].comment == "NUL � and half �"
    assert [c.comment for c in datasets["crm.campaigns@primary"].columns if c.path == "name"] == ["�"]


def test_databases_are_containers(served: Served) -> None:
    with opened(served) as reader:
        containers = [c for p in reader.read(scope("hive_table"), EVERYTHING) for c in p.containers]
    assert sorted(c.qualified_name for c in containers) == [
        "Legacy_DWH@primary",
        "crm@primary",
        "sales@primary",
        "web@primary",
    ]
    assert {c.kind for c in containers} == {"hive_db"}
    assert {c.location for c in containers if c.name == "crm"} == {"hdfs://primary/warehouse/crm.db"}


def test_a_lost_type_lists_nothing_but_is_still_there(served: Served) -> None:
    served.face.faults.replace([{"action": "lose", "scope": "hive_table"}])
    with opened(served) as reader:
        assert of_type(reader, "hive_table") == {}
        assert of_type(reader, "kafka_topic")
        assert reader.presence(scope("hive_table")) is Presence.PRESENT
        assert reader.presence(scope("never_was")) is Presence.ABSENT


def test_a_log_in_page_is_no_answer(served: Served) -> None:
    with opened(served, url=f"{served.url}/_sandbox/faults?") as reader, pytest.raises(GovernanceError):
        reader.scopes(EVERYTHING)
