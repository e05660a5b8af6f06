"""The sandbox's lake with access and lineage in a real inventory: asked in SQL, against what it declares."""

import uuid
from collections.abc import Iterable, Iterator
from typing import Any

import pytest

from assets.integrations.facets import FacetRequest, sync_facet
from assets.integrations.sync import Silent
from governance.listing import Status
from governance.model import Facet, Grant, LineageEdge
from governance_pipelines.platforms import source_resource
from resources.facets import JoinedReader, open_facet
from resources.inventory.database import Inventory
from resources.inventory.facts.links import LinkLineage
from resources.inventory.facts.outcomes import PartOutcome
from resources.inventory.facts.queries import FactQueries
from resources.inventory.facts.views import ViewLineage
from sandbox.glue.access import (
    ANA,
    ANALYST,
    AUDITOR,
    CLERK,
    CONTRACTOR,
    ENGINEER,
    EVERYBODY,
    FINANCE,
    MARKETING,
    PARTNER_ACCOUNT,
)
from sandbox.glue.gate import ACCOUNT, PARTNER
from tests.fixtures.estate import SandboxSource, sandbox_source
from tests.inventory.estate import rows, value

pytestmark = pytest.mark.xdist_group("sync-glue")


@pytest.fixture(scope="module")
def lake() -> Iterator[SandboxSource]:
    with sandbox_source("glue") as one:
        yield one


def read(lake: SandboxSource, inventory: Inventory, facet: Facet) -> dict[str, PartOutcome]:
    """The facet's sync, as its asset runs it."""
    source = lake.source()
    request = FacetRequest(source=source, facet=facet, run_id=str(uuid.uuid4()), actor="test")
    readers = [open_facet(source_resource(source), facet)]
    if facet == "lineage":
        readers += [ViewLineage(inventory, source.name, source.platform), LinkLineage(inventory, source.name)]
    with JoinedReader(readers) as reader:
        outcomes = list(sync_facet(request, reader, inventory, Silent()))
    return {o.part: o for o in outcomes if isinstance(o, PartOutcome)}


@pytest.fixture
def access(lake: SandboxSource, inventory: Inventory) -> FactQueries:
    """The lake's datasets and its access, in the inventory."""
    lake.sync(inventory)
    outcomes = read(lake, inventory, "access")
    assert {o.status for o in outcomes.values()} == {Status.COMPLETE}
    assert {o.counts["quarantined"] for o in outcomes.values()} == {0}
    return FactQueries(inventory)


def readers(access: FactQueries, name: str, path: str = "") -> dict[str, list[str]]:
    """Who can read it, and through which filters."""
    found = access.readers("lake", name, path)
    assert [r for r in found if r.lacking or r.masked_by] == []
    return {r.principal: list(r.limited_by) for r in found}


def test_who_can_read_a_column(access: FactQueries) -> None:
    euro = ["sales.orders/euro_only"]
    assert readers(access, "sales.orders", "total") == {ANALYST[0]: [], CLERK[0]: euro}
    assert readers(access, "sales.orders", "customer_id") == {ANALYST[0]: []}
    assert readers(access, "sales.orders") == {ANALYST[0]: [], CLERK[0]: euro}
    assert readers(access, "sales.daily_sales", "revenue") == {FINANCE[0]: []}
    assert readers(access, "sales.products", "price") == {PARTNER_ACCOUNT[0]: []}
    assert readers(access, "web.web_events", "ip") == {EVERYBODY[0]: []}
    assert readers(access, "web.sessions") == {}


def test_columns_that_are_left_out_are_not_read(access: FactQueries) -> None:
    contacts = ["crm.customers/no_contacts"]
    found = access.readers("lake", "crm.customers", "customer_id")
    assert sorted((r.principal, r.limited_by) for r in found) == sorted(
        [(ANA[0], []), (ANA[0], contacts), (MARKETING[0], [])]
    )
    assert readers(access, "crm.customers", "email") == {MARKETING[0]: []}
    assert readers(access, "crm.customers", "phone") == {}
    assert readers(access, "crm.customers", "birth_date") == {ANA[0]: contacts}


def test_all_tables_of_a_database(access: FactQueries) -> None:
    for name in ("ops.shipments", "ops.returns", "ops.employees"):
        (reader,) = access.readers("lake", name)
        assert (reader.principal, reader.securable, reader.privilege) == (ENGINEER[0], "ops", "ALL")
        assert reader.via == [f"role {ENGINEER[0]}", "ALL on ops"]


def test_privileges_by_tags_reach_what_carries_all_of_them(access: FactQueries) -> None:
    (reader,) = access.readers("lake", "finance_db.payments", "card_token")
    assert (reader.principal, reader.securable) == (AUDITOR[0], ACCOUNT)
    # of the domain, but neither restricted nor confidential
    assert readers(access, "finance_db.suppliers") == {}
    # restricted, but of no domain
    assert AUDITOR[0] not in readers(access, "ops.employees")


def test_a_deny_of_the_resource_policy_takes_reading_away(access: FactQueries, inventory: Inventory) -> None:
    given = rows(
        inventory,
        "SELECT privilege, denies FROM inventory.grants WHERE principal = %s AND securable = 'crm.campaigns'",
        CONTRACTOR[0],
    )
    assert {(g["privilege"], g["denies"]) for g in given} == {("SELECT", False), ("glue:*", True)}
    assert readers(access, "crm.campaigns") == {}


def test_what_is_given_above_shows_on_every_dataset_below(
    access: FactQueries, inventory: Inventory, lake: SandboxSource
) -> None:
    """Each declared grant that reaches below, on each dataset below it and no other."""
    account = list(lake.served.face.account())
    wanted = set()
    for fact in lake.served.face.facts("access"):
        if isinstance(fact, Grant) and fact.inherits:
            below = [d for d in account if fact.securable in (d.container, ACCOUNT)]
            for tag, values in fact.tag_condition.items():
                below = [d for d in below if any(t.tag == tag and t.value in values and not t.path for t in d.tags)]
            wanted |= {(d.qualified_name, fact.principal, fact.privilege, fact.securable) for d in below}
    found = rows(inventory, "SELECT * FROM inventory.grants WHERE inherited_from IS NOT NULL")
    assert {(r["securable"], r["principal"], r["privilege"], r["inherited_from"]) for r in found} == wanted
    assert len(wanted) > 100


def test_a_second_reading_writes_nothing(access: FactQueries, inventory: Inventory, lake: SandboxSource) -> None:
    before = value(inventory, "SELECT count(*) FROM inventory.privilege")
    again = read(lake, inventory, "access")
    assert sum(o.counts["created"] + o.counts["closed"] for o in again.values()) == 0
    # two resources of one statement come down to one grant
    declared = {repr(fact) for fact in lake.served.face.facts("access")}
    assert sum(o.counts["unchanged"] for o in again.values()) == len(declared)
    assert value(inventory, "SELECT count(*) FROM inventory.privilege") == before


@pytest.fixture
def lineage(lake: SandboxSource, inventory: Inventory) -> FactQueries:
    """The lake's datasets and its lineage, in the inventory."""
    lake.sync(inventory)
    outcomes = read(lake, inventory, "lineage")
    assert {o.status for o in outcomes.values()} == {Status.COMPLETE}
    assert {"jobs", "job_scripts", "resource links", "views of sales"} <= set(outcomes)
    return FactQueries(inventory)


def steps(found: Iterable[Any]) -> set[tuple[str, str, str, str]]:
    """Direct steps, from dataset and column to dataset and column."""
    return {
        (r.upstream, r.upstream_path, r.downstream, r.downstream_path) for r in found if r.transformation == "direct"
    }


def test_the_jobs_edges_are_those_that_are_declared(
    lineage: FactQueries, inventory: Inventory, lake: SandboxSource
) -> None:
    found = rows(inventory, "SELECT * FROM inventory.lineage WHERE process_kind = 'job'")
    ends = ("upstream", "upstream_path", "downstream", "downstream_path", "process", "transformation", "origin")
    declared = [f for f in lake.served.face.facts("lineage") if isinstance(f, LineageEdge)]
    assert sorted(tuple(r[e] for e in ends) for r in found) == sorted(
        tuple(getattr(f, e) for e in ends) for f in declared
    )


def test_a_column_is_followed_up_through_three_views_and_a_job(lineage: FactQueries) -> None:
    found = lineage.lineage_of("lake", "sales.v_best_countries", "best_revenue")
    assert steps(found) == {
        ("sales.v_revenue_by_country", "revenue", "sales.v_best_countries", "best_revenue"),
        ("sales.v_revenue_by_store", "revenue", "sales.v_revenue_by_country", "revenue"),
        ("sales.daily_sales", "revenue", "sales.v_revenue_by_store", "revenue"),
        ("sales.orders", "total", "sales.daily_sales", "revenue"),
    }
    job = next(r for r in found if r.upstream == "sales.orders")
    assert (job.process, job.process_kind, job.origin) == ("daily_sales", "job", "job graph")


def test_a_column_is_followed_down_through_a_job_and_three_views(lineage: FactQueries) -> None:
    found = lineage.lineage_of("lake", "sales.orders", "total", "downstream")
    assert {r.downstream for r in found} == {
        "sales.daily_sales",
        "sales.v_revenue_by_store",
        "sales.v_revenue_by_country",
        "sales.v_best_countries",
    }
    assert {r.downstream for r in lineage.lineage_of("lake", "sales.orders", "note", "downstream")} == set()


def test_a_resource_link_is_fed_by_its_target(lineage: FactQueries) -> None:
    (step,) = lineage.lineage_of("lake", "crm.customer_scores")
    assert step.upstream == f"arn:aws:glue:eu-west-1:{PARTNER}:table/partner/scores"
    assert (step.process_kind, step.origin) == ("resource_link", "resource link")


def test_a_script_that_writes_files_feeds_the_table_in_whose_folder_they_lie(lineage: FactQueries) -> None:
    found = lineage.lineage_of("lake", "web.sessions")
    assert ("web.web_events", "", "s3://acme-lake/web/sessions/", "") in steps(found)
    assert ("s3://acme-lake/web/sessions/", "", "web.sessions", "") in steps(found)


def test_a_job_feeds_another_platforms_external_table_by_its_location(
    lineage: FactQueries, inventory: Inventory
) -> None:
    with sandbox_source("databricks") as workspace:
        workspace.sync(inventory)
        found = lineage.lineage_of("workspace", "lakehouse.raw.products")
        down = lineage.lineage_of("lake", "sales.products", "", "downstream")
        same = lineage.lineage_of("workspace", "lakehouse.raw.customers")
    assert ("lake", "sales.products") in {(r.upstream_source, r.upstream) for r in found}
    assert ("workspace", "lakehouse.raw.products") in {(r.downstream_source, r.downstream) for r in down}
    # both catalogues register the files of one folder
    assert ("lake", "crm.customers") in {(r.upstream_source, r.upstream) for r in same}
