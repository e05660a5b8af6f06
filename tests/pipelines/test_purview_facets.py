"""Purview's metadata, roles and lineage in a real inventory, asked in SQL, against the sandbox's own account."""

import uuid
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any

import pytest

from assets.integrations.facets import FacetRequest, sync_facet
from assets.integrations.sync import Silent
from governance.model import Facet, Grant, Policy
from governance_pipelines.platforms import source_resource
from resources.facets import open_facet
from resources.inventory.database import Inventory
from resources.inventory.facts.outcomes import FacetSummary
from resources.inventory.facts.queries import FactQueries
from resources.inventory.facts.views import ViewLineage
from sandbox.purview import assignments, flows
from sandbox.purview.collections import ACCOUNT
from sandbox.purview.estate import COLLECTIONS
from sandbox.purview.identity import LIMITED
from tests.fixtures.estate import SandboxSource, sandbox_source
from tests.inventory.estate import rows, value

pytestmark = pytest.mark.xdist_group("sync-purview")

PARENTS = {ACCOUNT: None, **{name: parent for name, _, parent, _ in COLLECTIONS}}


@pytest.fixture(scope="module")
def purview() -> Iterator[SandboxSource]:
    with sandbox_source("purview") as source:
        yield source


@pytest.fixture(scope="module")
def lake() -> Iterator[SandboxSource]:
    with sandbox_source("glue") as source:
        yield source


def read(source: SandboxSource, inventory: Inventory, facet: Facet) -> FacetSummary:
    """One sync of the platform's own facet."""
    declared = source.source()
    request = FacetRequest(source=declared, facet=facet, run_id=str(uuid.uuid4()), actor="test")
    with open_facet(source_resource(declared), facet) as reader:
        *_, summary = sync_facet(request, reader, inventory, Silent())
    assert isinstance(summary, FacetSummary)
    return summary


def above(collection: str) -> Iterator[str]:
    """The collection and those above it, nearest first."""
    name: str | None = collection
    while name is not None:
        yield name
        name = PARENTS[name]


def inherited(source: SandboxSource) -> set[tuple[str, str, str, str]]:
    """What each dataset inherits: dataset, collection of the grant, principal, role; from the declarations alone."""
    facts = list(assignments.account())
    barred = {(f.securable, f.policy) for f in facts if isinstance(f, Policy)}
    out = set()
    for dataset in source.served.face.account():
        passed: list[str] = []
        for collection in above(dataset.container):
            for grant in facts:
                if isinstance(grant, Grant) and grant.securable == collection:
                    if not barred & {(c, grant.privilege) for c in passed}:
                        out.add((dataset.qualified_name, collection, grant.principal, grant.privilege))
            passed.append(collection)
    return out


def test_roles_come_down_to_every_asset_but_what_is_restricted(purview: SandboxSource, inventory: Inventory) -> None:
    assert purview.sync(inventory).summary.status == "complete"
    summary = read(purview, inventory, "access")
    assert summary.status == "complete"
    found = rows(inventory, "SELECT * FROM inventory.grants WHERE source = 'purview'")
    given = {(r["securable"], r["principal"], r["privilege"]) for r in found if r["inherited_from"] is None}
    assert given == {(f.securable, f.principal, f.privilege) for f in assignments.account() if isinstance(f, Grant)}
    derived = {
        (r["securable"], r["inherited_from"], r["principal"], r["privilege"]) for r in found if r["inherited_from"]
    }
    expected = inherited(purview)
    assert derived == expected
    assert derived == {
        (r["securable"], r["inherited_from"], r["principal"], r["privilege"])
        for r in rows(inventory, "SELECT * FROM inventory.grants_as_of(clock_timestamp()) WHERE inherited_from <> ''")
    }
    # the account does restrict something, and a reader of one branch sees no other
    restricted = {name for name, *_ in expected if name.startswith("mssql://harbourpine.database.windows.net/hr")}
    roles = {(c, p) for name, c, p, _ in expected if name in restricted}
    assert (ACCOUNT, assignments.ANALYSTS) not in roles and ("k7x2qm", assignments.PEOPLE_TEAM) in roles
    assert {c for _, c, p, _ in expected if p == LIMITED} == {"retail"}


def test_nobody_reads_data_by_a_role_of_the_catalogue(purview: SandboxSource, inventory: Inventory) -> None:
    purview.sync(inventory)
    read(purview, inventory, "access")
    queries = FactQueries(inventory)
    assert all(queries.readers("purview", d.qualified_name) == [] for d in purview.served.face.account())
    assert value(inventory, "SELECT count(*) FROM inventory.grants WHERE 'describe' = ANY (confers)") > 0


def test_lineage_goes_through_three_processes_and_into_the_lake(
    purview: SandboxSource, lake: SandboxSource, inventory: Inventory
) -> None:
    purview.sync(inventory)
    lake.sync(inventory)
    summary = read(purview, inventory, "lineage")
    assert (summary.status, summary.kinds) == ("complete", {"lineageedge": len(list(flows.account()))})
    queries = FactQueries(inventory)
    found = queries.lineage_of("purview", flows.VIEW)
    steps = {(f"{r.upstream_source} {r.upstream}", f"{r.downstream_source} {r.downstream}") for r in found}
    chain = ("lake sales.orders", *(f"purview {n}" for n in ("s3://acme-lake/sales/orders", flows.LANDED)))
    chain += tuple(f"purview {n}" for n in (flows.ORDERS, flows.DAILY, flows.VIEW))
    assert set(pairwise(chain)) <= steps
    processes = {r.process for r in found}
    assert {p.qualified_name for p in flows.PROCESSES[:4]} <= processes
    down = {r.downstream for r in queries.lineage_of("lake", "sales.orders", "", "downstream")}
    assert {flows.VIEW, flows.ORDERS} <= down


def test_lineage_of_a_column_goes_through_three_processes(purview: SandboxSource, inventory: Inventory) -> None:
    purview.sync(inventory)
    read(purview, inventory, "lineage")
    queries = FactQueries(inventory)
    assert edges(queries.lineage_of("purview", flows.VIEW, "revenue")) == {
        (flows.DAILY, "revenue", flows.VIEW, "revenue"),
        (flows.LANDED, "total", flows.ORDERS, "total"),
        (flows.ORDERS, "total", flows.DAILY, "revenue"),
    }
    assert edges(queries.lineage_of("purview", flows.VIEW, "margin")) == set()
    down = edges(queries.lineage_of("purview", flows.LANDED, "order_id", "downstream"))
    linked = next(sink for source, sink, _ in flows.LINKS)
    assert (flows.ORDERS, "order_id", linked, "order_id") in down
    again = read(purview, inventory, "lineage")
    assert (again.counts["created"], again.counts["closed"]) == (0, 0)


def test_the_text_of_a_view_is_followed_to_the_table_beside_it(purview: SandboxSource, inventory: Inventory) -> None:
    purview.sync(inventory)
    request = FacetRequest(source=purview.source(), facet="lineage", run_id="views", actor="test")
    *_, summary = sync_facet(request, ViewLineage(inventory, "purview", "purview"), inventory, Silent())
    assert isinstance(summary, FacetSummary) and summary.status == "complete"
    orders = flows.VIEW.replace("views/DailySales", "tables/ORDERS")
    found = {
        (e["upstream"], e["upstream_path"], e["downstream_path"], e["upstream_kind"])
        for e in rows(inventory, "SELECT * FROM inventory.lineage WHERE downstream = %s", flows.VIEW)
    }
    assert (orders, "total", "revenue", "dataset") in found
    assert {upstream for upstream, *_ in found} == {orders}


def edges(found: Sequence[Any]) -> set[tuple[str, str, str, str]]:
    return {(r.upstream, r.upstream_path, r.downstream, r.downstream_path) for r in found}
