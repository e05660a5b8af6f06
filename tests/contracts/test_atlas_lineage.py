"""Apache Atlas' lineage against the stand-in, and against a real server where Java and Maven are or one is given."""

from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

from governance.errors import GovernanceError
from governance.filters import NameFilter
from governance.listing import FactPage, Reason, Scope
from governance.model import LineageEdge
from resources.atlas.client_rights import Readable
from resources.atlas.lineage import ProcessReader, open_reader
from resources.atlas.resource import AtlasResource
from sandbox.atlas.account_lineage import edges
from sandbox.atlas.face import Face
from sandbox.atlas.routes import Caller
from sandbox.atlas.server import USERS
from sandbox.serving import Company, Served, serve
from tests.contracts.contract import EVERYTHING
from tests.contracts.facet_contract import FacetContract, counted, facts_of
from tests.fixtures.real_atlas import real_atlas_url

ORDERS, DAILY, LOYALTY = "sales.orders@primary", "sales.daily_sales@primary", "crm.loyalty_points@primary"
CUSTOMERS, FEATURES = "crm.customers@primary", "features/customer_360"
LANDING = "hdfs://primary/landing/orders"


class TestAtlasLineage(FacetContract):
    platform = "atlas"
    facet = "lineage"
    page_calls = "entity/bulk"


@pytest.fixture
def served() -> Iterator[Served]:
    served = serve(Face(Company()))
    served.face.seed(served.url)
    yield served
    served.stop()


@pytest.fixture(autouse=True)
def secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"SANDBOX_ATLAS_PASSWORD": "viewer", "CLERK": "clerk"}.items():
        monkeypatch.setenv(name, value)


def engine_of(served: Served) -> Any:
    assert isinstance(served.face, Face)
    return served.face.engine


def opened(url: str, **other: Any) -> ProcessReader:
    viewer = {"url": url, "username": "viewer", "password": {"env": "SANDBOX_ATLAS_PASSWORD"}}
    return open_reader(AtlasResource(source="atlas", **{**viewer, **other}))


def pages_of(reader: ProcessReader, *types: str, names: NameFilter = EVERYTHING) -> list[FactPage]:
    wanted = types or tuple(part.name for part in reader.parts(EVERYTHING).scopes)
    return [page for name in wanted for page in reader.read(Scope(name, "process type"), names)]


def edges_of(pages: list[FactPage]) -> list[LineageEdge]:
    return [fact for fact in facts_of(pages) if isinstance(fact, LineageEdge)]


def counts_of(pages: list[FactPage]) -> Counter[str]:
    total: Counter[str] = Counter()
    for page in pages:
        total.update(page.counts)
    return total


def reasons_of(pages: list[FactPage]) -> set[Reason]:
    return {reason for page in pages for reason in page.reasons}


def names(found: list[LineageEdge]) -> set[tuple[str, str]]:
    return {(edge.upstream, edge.downstream) for edge in found}


# --- Apache Atlas itself ---


@pytest.mark.xdist_group("real-atlas")
@pytest.mark.timeout(1200)
def test_a_real_server_tells_the_same_edges() -> None:
    with opened(real_atlas_url()) as reader:
        assert all(probe.ok for probe in reader.probe())
        pages = pages_of(reader)
    assert counted(facts_of(pages)) == counted(edges(1))
    assert not reasons_of(pages) and not [q for p in pages for q in p.quarantined]


@pytest.mark.xdist_group("real-atlas")
@pytest.mark.timeout(1200)
def test_a_real_server_hides_processes_and_refuses_columns() -> None:
    with opened(real_atlas_url(), username="clerk", password={"env": "CLERK"}) as reader:
        assert [p.missing for p in reader.probe()] == ["entity-read"]
        assert {r.code for r in reasons_of(pages_of(reader, "Process"))} == {"permission_denied"}
        queries = pages_of(reader, "hive_process")
    # a query's other ends are named in it, whether or not they may be read
    assert not reasons_of(queries)
    assert (LANDING, ORDERS) in names(edges_of(queries))


# --- what becomes of what ---


def test_a_column_goes_by_its_table_and_its_process_by_the_query(served: Served) -> None:
    with opened(served.url) as reader:
        (margin,) = {
            (e.downstream, e.process, e.process_kind, e.origin)
            for e in edges_of(pages_of(reader, "hive_column_lineage"))
            if e.downstream_path == "margin"
        }
        spark = edges_of(pages_of(reader, "spark_column_lineage"))
        legacy = {e.upstream_path for e in edges_of(pages_of(reader)) if e.upstream == "Legacy_DWH.Orders@primary"}
    assert margin == (DAILY, "etl.build_daily_sales@primary", "query", "hive_column_lineage")
    assert {(e.upstream, e.upstream_path, e.downstream_path) for e in spark} == {
        (LOYALTY, "customer_id", "customer_id"),
        (LOYALTY, "points", "orders_90d"),
        (CUSTOMERS, "updated_at", "orders_90d"),
    }
    assert {(e.process, e.process_kind) for e in spark} == {("features.customer_360@primary", "job")}
    assert legacy == {"", '"a.b"', "Straße"}


def test_calls_grow_with_batches_not_with_processes(served: Served) -> None:
    with opened(served.url) as reader:
        assert len(edges_of(pages_of(reader, "hive_column_lineage"))) == 11
        assert reader.meter.snapshot()["calls"] == 6  # types, search, the processes, their columns, tables and queries
        assert len(edges_of(pages_of(reader, "hive_process"))) == 8
        assert reader.meter.snapshot()["calls"] == 8  # search, the processes: their ends are named in them


def test_more_processes_than_one_search_reaches_are_all_read() -> None:
    small = serve(Face(Company(), cap=3))
    small.face.seed(small.url)
    with opened(small.url, page_size=2) as reader:
        assert counted(edges_of(pages_of(reader))) == counted(edges(1))
    small.stop()


def test_what_the_filter_excludes_is_external_and_edges_between_such_are_left_out(served: Served) -> None:
    with opened(served.url) as reader:
        pages = pages_of(reader, names=NameFilter(["crm.*"]))
    found = edges_of(pages)
    kinds = {e.upstream: e.upstream_kind for e in found} | {e.downstream: e.downstream_kind for e in found}
    assert {name for name, kind in kinds.items() if kind == "dataset"} == {CUSTOMERS, LOYALTY}
    assert {name for name, kind in kinds.items() if kind == "external"} == {"web.web_events@primary", FEATURES}
    assert kinds["s3a://acme-lake/crm/customers"] == "location"
    assert not {ORDERS, DAILY, LANDING} & kinds.keys()
    assert counts_of(pages)["edges_out_of_scope"] == len(list(edges(1))) - len(found)


def test_a_column_into_a_whole_table_is_an_edge_of_tables(served: Served) -> None:
    engine = engine_of(served)
    column = engine.guid("hive_column", {"qualifiedName": "crm.customers.email@primary"})
    topic = engine.guid("kafka_topic", {"qualifiedName": "payments.captured@primary"})
    make(engine, "mixed", [column], [topic])
    with opened(served.url) as reader:
        (edge,) = (e for e in edges_of(pages_of(reader, "Process")) if e.process == "mixed")
    assert (edge.upstream, edge.upstream_path, edge.downstream, edge.downstream_path) == (
        CUSTOMERS, "", "payments.captured@primary", ""
    )  # fmt: skip


def make(engine: Any, name: str, inputs: list[str], outputs: list[str]) -> str:
    """A process of no type of its own; gives its guid."""
    ends = {"inputs": [{"guid": g} for g in inputs], "outputs": [{"guid": g} for g in outputs]}
    entity = {"typeName": "Process", "guid": "-1", "attributes": {"qualifiedName": name, "name": name, **ends}}
    guid: str = engine.upsert({"entities": [entity]})["guidAssignments"]["-1"]
    return guid


# --- what makes no edge ---


def test_deleted_processes_and_deleted_ends_are_no_edges(served: Served) -> None:
    engine = engine_of(served)
    with opened(served.url) as reader:
        assert counts_of(pages_of(reader))["deleted_ends"] == 0
    engine.delete([engine.guid("hive_process", {"qualifiedName": "etl.build_segments@primary"})])
    engine.delete([engine.guid("hive_table", {"qualifiedName": "sales.order_items@primary"})])
    with opened(served.url) as reader:
        pages = pages_of(reader)
    found = edges_of(pages)
    assert (CUSTOMERS, LOYALTY) not in names(found), "the query and its column processes are gone"
    assert "sales.order_items@primary" not in {e.upstream for e in found}
    assert (ORDERS, DAILY) in names(found)
    assert counts_of(pages)["deleted_ends"] == 3, "the table, and two columns of it"


def test_what_was_purged_or_has_no_table_is_counted(served: Served) -> None:
    engine = engine_of(served)
    column = engine.guid("hive_column", {"qualifiedName": "sales.daily_sales.margin@primary"})
    table = engine.guid("hive_table", {"qualifiedName": DAILY})
    for edge in engine.state.edges(column):
        if {edge.end1, edge.end2} == {column, table}:
            edge.status = "DELETED"
    alone = engine.guid("kafka_topic", {"qualifiedName": "payments.captured@primary"})
    make(engine, "source only", [alone], [])
    with opened(served.url) as reader:
        counts = counts_of(pages_of(reader, "hive_column_lineage", "Process"))
    assert (counts["columns_without_dataset"], counts["one_sided_processes"]) == (1, 2)


def test_processes_that_make_no_sense_are_quarantined_and_the_rest_is_read(served: Served) -> None:
    state = engine_of(served).state
    by_name = {e.attributes.get("qualifiedName"): e for e in state.entities.values()}
    by_name["etl.sign_up@primary"].attributes["qualifiedName"] = None
    by_name["etl.load_customers@primary"].attributes["qualifiedName"] = 47
    by_name["etl.build_daily_sales@primary"].attributes["qualifiedName"] = "NUL \x00 and half \ud83d"
    by_name[ORDERS].attributes["qualifiedName"] = "\ud800"
    with opened(served.url) as reader:
        pages = pages_of(reader, "hive_process")
    assert [(q.name, q.reason) for p in pages for q in p.quarantined] == [
        (None, "the process has no qualifiedName")
    ] * 2
    assert {e.process for e in edges_of(pages) if e.downstream == DAILY} == {"NUL � and half �"}
    assert (CUSTOMERS, LOYALTY) in names(edges_of(pages))
    assert counts_of(pages)["ends_without_name"] == 2, "what feeds it, and what it feeds"


# --- what may not be read ---


def allow(monkeypatch: pytest.MonkeyPatch, types: str) -> dict[str, Any]:
    """The connection of a user who may read entities of these types only."""
    monkeypatch.setitem(USERS, "clerk", Caller("clerk", may_write=False, reads=types))
    return {"username": "clerk", "password": {"env": "CLERK"}}


def test_hidden_processes_make_their_part_partial(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    with opened(served.url, **allow(monkeypatch, "hive_.*")) as reader:
        pages = pages_of(reader, "Process")
        assert facts_of(pages) == []
        (reason,) = reasons_of(pages)
        assert (reason.code, "entity-read" in reason.remedy) == ("permission_denied", True)
        assert not reasons_of(pages_of(reader, "hive_process", "hive_column_lineage"))
        (probe,) = reader.probe()
    assert (probe.ok, probe.missing) == (False, "entity-read")
    assert "Process" in probe.detail and "spark_process" in probe.detail


def test_columns_that_may_not_be_read_are_a_reason_and_the_others_are_edges(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    with opened(served.url, **allow(monkeypatch, "(hive|spark)_.*")) as reader:
        pages = pages_of(reader, "spark_column_lineage")
        (reason,) = reasons_of(pages)
        assert "(retail_feature)" in reason.message and "retail_feature" in reason.remedy
        assert counts_of(pages)["ends_not_found"] == 2
    with opened(served.url, **allow(monkeypatch, "hive_process|hive_column_lineage")) as reader:
        pages = pages_of(reader, "hive_column_lineage")
        assert facts_of(pages) == [] and len(reasons_of(pages)) == 1
        assert counts_of(pages)["ends_not_found"] == 20
        assert edges_of(pages_of(reader, "hive_process")), "whose ends are named in it"


def test_a_type_that_is_refused_again_and_again_is_asked_for_no_more(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = engine_of(served)
    some = [e.guid for e in engine.state.entities.values() if e.type_name == "hive_column" and e.status == "ACTIVE"]
    with opened(served.url, **allow(monkeypatch, "hive_process")) as reader:
        readable = Readable(reader.atlas)
        assert readable.get(some[:64], "hive_column") == []
        asked = reader.meter.snapshot()["calls"]
        assert (len(readable.refused), asked < 64) == (64, True)
        assert readable.get(some, "hive_column") == []
        assert reader.meter.snapshot()["calls"] == asked


def test_a_search_that_is_refused_is_a_reason(served: Served) -> None:
    served.face.faults.replace([{"action": "fail", "match": "search/basic", "status": 403}])
    with opened(served.url) as reader:
        (page,) = pages_of(reader, "hive_process")
        assert page.facts == () and [r.code for r in page.reasons] == ["permission_denied"]
        assert [p.ok for p in reader.probe()] == [False]
        served.face.faults.replace([{"action": "fail", "match": "typedefs", "status": 403}])
    with opened(served.url) as reader, pytest.raises(GovernanceError):
        reader.parts(EVERYTHING)
