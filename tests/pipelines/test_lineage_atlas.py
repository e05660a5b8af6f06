"""What feeds what, asked of the inventory after a sync of the sandbox's Atlas, is what its declarations say."""

import uuid
from collections.abc import Iterator

import pytest

from assets.integrations.facets import FacetRequest, sync_facet
from assets.integrations.sync import Silent
from governance.model import LineageEdge
from governance_pipelines.platforms import source_resource
from resources.facets import facets_of, open_facet
from resources.inventory.database import Inventory
from resources.inventory.facts.outcomes import FacetSummary
from sandbox.atlas.account_lineage import edges
from sandbox.atlas.face import Face
from tests.fixtures.estate import SandboxSource, sandbox_source
from tests.inventory.estate import rows

pytestmark = pytest.mark.xdist_group("sync-atlas")

FEATURES, EVENTS, DAILY = "features/customer_360", "web.web_events@primary", "sales.daily_sales@primary"
FOLDER = "s3a://acme-lake/crm/customers"
ACCOUNT = list(edges(1))


@pytest.fixture(scope="module")
def atlas() -> Iterator[SandboxSource]:
    with sandbox_source("atlas") as source:
        yield source


@pytest.fixture(scope="module")
def lake() -> Iterator[SandboxSource]:
    with sandbox_source("glue") as source:
        yield source


def sync_lineage(source: SandboxSource, inventory: Inventory) -> FacetSummary:
    """Syncs what the platform itself tells, once."""
    declared = source.source()
    request = FacetRequest(declared, "lineage", str(uuid.uuid4()), "test")
    with open_facet(source_resource(declared), "lineage") as reader:
        end = list(sync_facet(request, reader, inventory, Silent()))[-1]
    assert isinstance(end, FacetSummary)
    return end


Step = tuple[str, str, str, str, str, str, str]


def step(edge: LineageEdge, *, columns: bool) -> Step:
    """An edge as the question shows it; asked for a whole dataset it has no columns."""
    paths = (edge.upstream_path, edge.downstream_path) if columns else ("", "")
    return (edge.upstream, paths[0], edge.downstream, paths[1], edge.process, edge.process_kind, edge.origin)


def declared(name: str, path: str, direction: str) -> set[Step]:
    """All steps on the way up or down, followed through the declarations."""
    found: set[Step] = set()
    todo, seen = [(name, path)], {(name, path)}
    for here in todo:
        for edge in ACCOUNT:
            one = step(edge, columns=bool(path))
            ends = (one[0], one[1]), (one[2], one[3])
            at, other = reversed(ends) if direction == "upstream" else ends
            if at == here and (not path or edge.upstream_path):
                found.add(one)
                if other not in seen:
                    seen.add(other)
                    todo.append(other)
    return found


def asked(inventory: Inventory, name: str, path: str, direction: str) -> set[Step]:
    """The same of the inventory, without the steps between things in one place."""
    query = "SELECT * FROM inventory.lineage_of('atlas', %s, %s, %s) WHERE origin <> 'same location'"
    columns = ("upstream", "upstream_path", "downstream", "downstream_path", "process", "process_kind", "origin")
    found = rows(inventory, query, name, path, direction)
    assert {(r["upstream_source"], r["downstream_source"]) for r in found} <= {("atlas", "atlas")}
    return {tuple(r[c] for c in columns) for r in found}


@pytest.mark.parametrize(
    ("name", "path", "direction", "processes"),
    [
        (FEATURES, "", "upstream", 6),
        (FEATURES, "customer_id", "upstream", 3),
        (FEATURES, "orders_90d", "upstream", 3),
        (EVENTS, "", "downstream", 3),
        (EVENTS, "customer_id", "downstream", 3),
        (EVENTS, "occurred_at", "downstream", 3),
        ("orders.placed@primary", "", "downstream", 3),
        (DAILY, "margin", "upstream", 1),
        ("Legacy_DWH.Orders@primary", '"a.b"', "downstream", 1),
    ],
)
def test_lineage_is_followed_both_ways_down_to_columns(
    atlas: SandboxSource, inventory: Inventory, name: str, path: str, direction: str, processes: int
) -> None:
    assert atlas.sync(inventory).summary.status == "complete"
    assert sync_lineage(atlas, inventory).status == "complete"
    found = asked(inventory, name, path, direction)
    assert found == declared(name, path, direction)
    assert len({process for *_, process, _, _ in found}) == processes


def test_every_edge_is_there_once_and_a_second_sync_writes_none(atlas: SandboxSource, inventory: Inventory) -> None:
    assert facets_of("atlas") == {"lineage"}
    sync_lineage(atlas, inventory)
    assert len(rows(inventory, "SELECT * FROM inventory.lineage")) == len(ACCOUNT)
    assert sync_lineage(atlas, inventory).status == "complete"
    versions = rows(inventory, "SELECT count(*) AS n, count(valid_to) AS ended FROM inventory.lineage_versions")
    assert versions == [{"n": len(ACCOUNT), "ended": 0}]


def test_a_folder_on_s3_leads_from_glues_table_to_hives(
    atlas: SandboxSource, lake: SandboxSource, inventory: Inventory
) -> None:
    assert lake.sync(inventory).summary.status == atlas.sync(inventory).summary.status == "complete"
    sync_lineage(atlas, inventory)
    up = rows(inventory, "SELECT * FROM inventory.lineage_of('atlas', %s, '', 'upstream')", FEATURES)
    steps = {(r["upstream_source"], r["upstream"], r["downstream_source"], r["downstream"]) for r in up}
    assert {
        ("lake", "crm.customers", "atlas", FOLDER),
        ("atlas", FOLDER, "atlas", "crm.customers@primary"),
        ("atlas", "crm.customers@primary", "atlas", "crm.loyalty_points@primary"),
        ("atlas", "crm.loyalty_points@primary", "atlas", FEATURES),
    } <= steps
    down = rows(inventory, "SELECT * FROM inventory.lineage_of('lake', 'crm.customers', '', 'downstream')")
    assert FEATURES in {r["downstream"] for r in down}


def test_a_process_that_is_deleted_takes_its_edges_along(inventory: Inventory) -> None:
    with sandbox_source("atlas") as other:
        sync_lineage(other, inventory)
        assert isinstance(other.served.face, Face)
        engine = other.served.face.engine
        engine.delete([engine.guid("hive_process", {"qualifiedName": "etl.copy_legacy@primary"})])
        assert sync_lineage(other, inventory).status == "complete"
        found = rows(inventory, "SELECT * FROM inventory.lineage WHERE process = 'etl.copy_legacy@primary'")
        assert found == []
        ended = rows(inventory, "SELECT * FROM inventory.lineage_versions WHERE valid_to IS NOT NULL")
        assert {r["process"] for r in ended} == {"etl.copy_legacy@primary"} and len(ended) == 3
