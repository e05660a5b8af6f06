"""Access, lineage and usage of the sandbox's workspace in a real inventory, held against its own account in SQL."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import dagster as dg
import pytest
import requests

from governance.model import Grant, LineageEdge, Membership, Policy, Usage
from governance_pipelines.deployment import deployment
from resources.inventory.database import Inventory
from resources.inventory.facts.queries import FactQueries
from sandbox.databricks.access import ADMIN_TOKEN
from tests.fixtures.estate import SandboxSource, sandbox_source
from tests.fixtures.facets import sync_facet_of
from tests.fixtures.installation import installed, write_estate
from tests.inventory.estate import rows

pytestmark = pytest.mark.xdist_group("sync-databricks")
EFFECTIVE = "/api/2.1/unity-catalog/effective-permissions"
SECURABLES = {"relation": "table", "volume": "volume", "function": "function", "model": "registered_model"}


@pytest.fixture(scope="module")
def workspace() -> Iterator[SandboxSource]:
    with sandbox_source("databricks") as one:
        yield one


@pytest.fixture
def filled(workspace: SandboxSource, inventory: Inventory) -> Inventory:
    """An inventory of the workspace's metadata and access."""
    assert workspace.sync(inventory).summary.status == "complete"
    summary, outcomes = sync_facet_of(workspace, inventory, "access")
    assert (summary.status, [o.reasons for o in outcomes.values() if o.reasons]) == ("complete", [])
    return inventory


def test_what_was_given_is_the_account(workspace: SandboxSource, filled: Inventory) -> None:
    account = list(workspace.served.face.facts("access"))
    found = rows(filled, "SELECT * FROM inventory.grants WHERE inherited_from IS NULL")
    assert {(g["securable"], g["principal"], g["privilege"], tuple(g["confers"])) for g in found} == {
        (f.securable, f.principal, f.privilege, f.confers) for f in account if isinstance(f, Grant)
    }
    found = rows(filled, "SELECT * FROM inventory.memberships")
    assert {(m["member"], m["role"]) for m in found} == {
        (f.member, f.role) for f in account if isinstance(f, Membership)
    }
    found = rows(filled, "SELECT * FROM inventory.policies")
    assert {(p["policy"], p["kind"], p["securable"], p["path"]) for p in found} == {
        (f.policy, f.kind, f.securable, f.path) for f in account if isinstance(f, Policy)
    }


def test_what_is_inherited_is_what_the_server_says_is_in_effect(workspace: SandboxSource, filled: Inventory) -> None:
    expected: set[tuple[str, ...]] = set()
    for dataset in rows(filled, "SELECT namespace, qualified_name FROM inventory.datasets"):
        name = dataset["qualified_name"]
        answer = requests.get(
            f"{workspace.served.url}{EFFECTIVE}/{SECURABLES[dataset['namespace']]}/{name}",
            headers={"Authorization": f"Bearer {ADMIN_TOKEN}"},
            timeout=10,
        )
        for entry in answer.json()["privilege_assignments"]:
            for p in entry["privileges"]:
                word = p["privilege"].replace("_", " ")
                expected.add((name, entry["principal"], word, p.get("inherited_from_name", "")))
    found = rows(
        filled,
        "SELECT g.securable, g.principal, g.privilege, coalesce(g.inherited_from, '') AS above FROM inventory.grants g"
        " WHERE g.privilege <> 'OWNER' AND g.securable IN (SELECT qualified_name FROM inventory.datasets)",
    )
    assert {tuple(g.values()) for g in found} == expected
    assert {above for *_, above in expected} > {"", "main", "main.sales", "main.crm", "lakehouse", "lakehouse.raw"}


def test_who_can_read_a_masked_column_and_by_which_way(filled: Inventory) -> None:
    found = FactQueries(filled).readers("workspace", "main.crm.customers", "email")
    stewards, science, readers = "group crm_stewards", "group data_science", "group governance_readers"
    sp = "service 5b1f7c1e-2a35-4d0c-9a53-6d2f3a0c7e11"
    own, schema = "OWNER on main.crm.customers", "ALL PRIVILEGES on main.crm"
    single, whole = "SELECT on main.crm.customers", "SELECT on main"
    assert {tuple(r.via) for r in found} == {
        (stewards, own),
        ("user bo@acme.example", stewards, own),
        (stewards, schema),
        ("user bo@acme.example", stewards, schema),
        (science, single),
        ("user dai@acme.example", science, single),
        (readers, whole),
        (sp, readers, whole),
    }
    # the catalog lets in whoever reads, two groups above
    assert all(r.lacking == [] for r in found)
    # analysts are filtered, and who is in that group by way of another, though the way to the data leads past it
    assert {r.principal for r in found if "own_region" in r.limited_by} == {"data_science", "dai@acme.example"}
    masked = {r.principal: set(r.masked_by) for r in found}
    assert masked["dai@acme.example"] == {"main.governance.mask_email", "mask_pii"}
    assert masked["bo@acme.example"] == {"main.governance.mask_email"}


def test_a_row_filter_limits_and_a_missing_right_on_the_way_is_named(filled: Inventory) -> None:
    found = FactQueries(filled).readers("workspace", "main.sales.orders")
    assert all(r.limited_by == ["main.governance.only_own_store"] for r in found)
    [store] = [r for r in found if r.principal == "store_1"]
    assert store.lacking == ["the right to use main.sales", "the right to use main"]
    [everybody] = [
        r for r in FactQueries(filled).readers("workspace", "lakehouse.raw.products") if r.principal_kind == "public"
    ]
    assert everybody.lacking == ["the right to use lakehouse.raw", "the right to use lakehouse"]


def test_a_privilege_on_a_container_is_about_one_kind_of_object_below(filled: Inventory) -> None:
    def ways(name: str) -> set[tuple[str, str]]:
        return {(r.principal_kind, r.privilege) for r in FactQueries(filled).readers("workspace", name)}

    # the readers' SELECT on the catalog is no way to a volume or a model; their READ VOLUME and EXECUTE are
    assert ways("main.landing.invoices") == {("group", "OWNER"), ("user", "OWNER"), ("service", "OWNER")} | {
        ("group", "READ VOLUME"),
        ("service", "READ VOLUME"),
    }
    assert {word for _, word in ways("main.sales.churn")} == {"OWNER", "EXECUTE"}
    assert {word for _, word in ways("main.sales.campaigns")} == {"OWNER", "SELECT"}


def test_a_second_reading_changes_nothing(workspace: SandboxSource, filled: Inventory) -> None:
    _, outcomes = sync_facet_of(workspace, filled, "access")
    counts = [(o.counts["created"], o.counts["closed"]) for o in outcomes.values()]
    assert counts and set(counts) == {(0, 0)}


# --- lineage ---


@pytest.fixture(scope="module")
def lake() -> Iterator[SandboxSource]:
    with sandbox_source("glue") as one:
        yield one


@pytest.fixture
def flowing(workspace: SandboxSource, lake: SandboxSource, inventory: Inventory) -> Inventory:
    """An inventory of the workspace's and the lake's metadata, and of the workspace's lineage."""
    for one in (workspace, lake):
        assert one.sync(inventory).summary.status == "complete"
    summary, outcomes = sync_facet_of(workspace, inventory, "lineage")
    assert (summary.status, [o.reasons for o in outcomes.values() if o.reasons]) == ("complete", [])
    return inventory


EDGE = ("upstream", "upstream_path", "downstream", "downstream_path", "upstream_kind", "downstream_kind", "process")


def test_what_the_platform_tells_of_lineage_is_the_account(workspace: SandboxSource, flowing: Inventory) -> None:
    account = [f for f in workspace.served.face.facts("lineage") if isinstance(f, LineageEdge)]
    found = rows(flowing, "SELECT * FROM inventory.lineage WHERE origin = %s", account[0].origin)
    assert sorted(tuple(e[f] for f in EDGE) for e in found) == sorted(
        tuple(getattr(e, f) for f in EDGE) for e in account
    )


def test_a_column_is_followed_through_three_views_a_job_and_into_the_lake(flowing: Inventory) -> None:
    found = FactQueries(flowing).lineage_of("workspace", "main.sales.open_ranked", "outstanding")
    direct = {(e.upstream_source, e.upstream, e.upstream_path) for e in found if e.transformation == "direct"}
    assert direct == {
        ("workspace", "main.sales.open_by_customer", "outstanding"),
        ("workspace", "main.sales.orders_open", "total"),
        ("workspace", "main.sales.orders", "total"),
        ("workspace", "lakehouse.raw.orders", "total"),
        ("lake", "sales.orders", "total"),
    }
    [across] = [e for e in found if e.upstream_source == "lake"]
    assert (across.downstream_source, across.downstream) == ("workspace", "lakehouse.raw.orders")
    assert (across.process, across.origin) == ("s3://acme-lake/sales/orders", "same location")
    [job] = [e for e in found if (e.downstream, e.downstream_path) == ("main.sales.orders", "total")]
    assert (job.upstream, job.process, job.process_kind) == ("lakehouse.raw.orders", "job 411", "job")


def test_what_is_written_to_a_folder_reaches_the_table_of_the_lake_that_lies_there(flowing: Inventory) -> None:
    found = FactQueries(flowing).lineage_of("workspace", "main.sales.payments", direction="downstream")
    ends = {(e.upstream, e.downstream_source, e.downstream, e.process) for e in found}
    assert ends == {
        ("main.sales.payments", "workspace", "s3://acme-finance/payments", "notebook 88012"),
        ("main.sales.payments", "workspace", "dbfs:/tmp/payments", "notebook 88012"),
        ("s3://acme-finance/payments", "lake", "finance_db.payments", "s3://acme-finance/payments"),
    }


def test_a_second_reading_of_lineage_changes_nothing(workspace: SandboxSource, flowing: Inventory) -> None:
    _, outcomes = sync_facet_of(workspace, flowing, "lineage")
    assert {"table lineage", "column lineage", "views of main.sales"} <= set(outcomes)
    assert {(o.counts["created"], o.counts["closed"]) for o in outcomes.values()} == {(0, 0)}


# --- usage ---


def test_forty_days_of_use_are_the_account(workspace: SandboxSource, inventory: Inventory) -> None:
    account = [f for f in workspace.served.face.facts("usage") if isinstance(f, Usage)]
    days = sorted({f.day for f in account})
    summary, outcomes = sync_facet_of(workspace, inventory, "usage", [*days, days[-1] + timedelta(days=1)])
    assert (summary.status, [o.reasons for o in outcomes.values() if o.reasons]) == ("complete", [])
    fields = (
        "day",
        "qualified_name",
        "principal",
        "principal_kind",
        "reads",
        "writes",
        "last_read_at",
        "last_written_at",
    )
    found = rows(inventory, "SELECT * FROM inventory.usage")
    assert sorted(repr([u[f] for f in fields]) for u in found) == sorted(
        repr([getattr(u, f) for f in fields]) for u in account
    )
    [dai] = [
        u
        for u in FactQueries(inventory).usage_of("workspace", "main.crm.customers", days[0], days[-1])
        if u.principal == "dai@acme.example"
    ]
    assert (dai.reads, dai.writes, dai.days) == (32, 0, 8)


# --- in Dagster ---


@pytest.fixture
def definitions(workspace: SandboxSource, inventory: Inventory, tmp_path: Path) -> Iterator[dg.Definitions]:
    write_estate(tmp_path / "estate.yaml", [workspace])
    with installed(tmp_path, inventory.url, tmp_path / "estate.yaml") as installation:
        yield deployment(installation)


def test_thirty_days_are_one_run_and_a_day_is_another(
    workspace: SandboxSource, definitions: dg.Definitions, inventory: Inventory
) -> None:
    days = sorted({f.day for f in workspace.served.face.facts("usage") if isinstance(f, Usage)})
    job = definitions.resolve_job_def("workspace_usage")
    ranged = {
        "dagster/asset_partition_range_start": days[0].isoformat(),
        "dagster/asset_partition_range_end": days[29].isoformat(),
    }
    with dg.DagsterInstance.ephemeral() as instance:
        whole = job.execute_in_process(instance=instance, tags=ranged)
        one = job.execute_in_process(instance=instance, partition_key=days[35].isoformat())
        partitions = instance.get_materialized_partitions(dg.AssetKey(["workspace", "usage"]))
    assert whole.success and one.success
    assert partitions == {d.isoformat() for d in (*days[:30], days[35])}
    found = rows(inventory, "SELECT DISTINCT day FROM inventory.usage ORDER BY day")
    assert [r["day"] for r in found] == [*days[:30], days[35]]


def test_access_is_an_asset_with_its_checks(definitions: dg.Definitions, inventory: Inventory) -> None:
    with dg.DagsterInstance.ephemeral() as instance:
        result = definitions.resolve_job_def("workspace_access").execute_in_process(instance=instance)
    assert {e.check_name: e.passed for e in result.get_asset_check_evaluations()} == {
        "complete": True,
        "no_sudden_loss": True,
    }
    (event,) = result.get_asset_materialization_events()
    assert event.materialization.metadata["created"].value == len(
        rows(inventory, "SELECT 1 FROM inventory.grants WHERE inherited_from IS NULL")
        + rows(inventory, "SELECT 1 FROM inventory.memberships")
        + rows(inventory, "SELECT 1 FROM inventory.policies")
    )
