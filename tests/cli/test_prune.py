"""`governance prune` and the job `inventory_prune`: shown first, done then, by the settings or by a figure."""

import json
from datetime import timedelta

import dagster as dg
import pytest

from governance.settings import RetentionSettings
from governance_pipelines.upkeep import PRUNE_JOB, prune_job, prune_schedule
from resources.inventory.database import Inventory
from resources.inventory.resource import InventoryResource
from tests.cli.conftest import CommandLine
from tests.inventory.estate import rows, sync, table, value
from tests.inventory.skewed_clock import SkewedClock


@pytest.fixture
def aged(inventory: Inventory, monkeypatch: pytest.MonkeyPatch, governance: CommandLine) -> Inventory:
    """Three versions of one table, of four months ago, two months ago and now."""
    monkeypatch.setenv("GOVERNANCE_DATABASE_URL", inventory.url)
    clock = SkewedClock(inventory)
    clock.step(timedelta(days=-124))
    with Inventory(clock.url) as skewed:
        for owner in ("ana", "bob", "carol"):
            sync(skewed, table("orders", owner=owner))
            clock.step(timedelta(days=62))
    return inventory


def test_a_dry_run_shows_and_changes_nothing(aged: Inventory, governance: CommandLine) -> None:
    before = value(aged, "SELECT count(*) FROM inventory.change")
    shown = governance("prune", "--keep-months", "1", "--dry-run")
    assert (shown.code, shown.err) == (0, "")
    assert "drop partition change_y" in shown.out and "would go" in shown.out and "KiB" in shown.out
    assert value(aged, "SELECT count(*) FROM inventory.change") == before
    asked = json.loads(governance("prune", "--keep-months", "1", "--dry-run", "--json").out)
    assert asked["dry_run"] is True and all(p["name"] in shown.out for p in asked["pieces"])


def test_it_does_what_it_showed(aged: Inventory, governance: CommandLine) -> None:
    planned = json.loads(governance("prune", "--keep-months", "1", "--dry-run", "--json").out)
    done = json.loads(governance("prune", "--keep-months", "1", "--json").out)
    assert done["pieces"] == planned["pieces"] and done["kept_since"] == planned["kept_since"]
    assert [r["after"] for r in rows(aged, "SELECT after FROM inventory.changes")] == ["carol"]
    again = governance("prune", "--keep-months", "1")
    assert (again.code, "nothing is older" in again.out) == (0, True)
    (entry,) = rows(aged, "SELECT actor, details FROM inventory.audit WHERE action = 'inventory.pruned'")
    assert entry["actor"].startswith("cli:") and entry["details"]["pieces"]


def test_without_a_setting_everything_is_kept(aged: Inventory, governance: CommandLine) -> None:
    done = governance("prune")
    assert (done.code, "everything is kept" in done.out) == (0, True)
    assert json.loads(governance("prune", "--json").out)["pieces"] == []
    assert value(aged, "SELECT count(*) FROM inventory.changes") == 3


def test_the_settings_bound_each_kind(
    aged: Inventory, governance: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GOVERNANCE_RETENTION__CHANGES_MONTHS", "1")
    done = json.loads(governance("prune", "--json").out)
    assert {p["what"] for p in done["pieces"]} == {"changes"}
    assert value(aged, "SELECT count(*) FROM inventory.dataset_history") == 2


def test_questions_about_what_is_gone_say_so(aged: Inventory, governance: CommandLine) -> None:
    governance("prune", "--keep-months", "1")
    diff = governance("diff", "--since", "100d")
    assert diff.code == 2 and "changes are kept since" in diff.err and "fix: ask from" in diff.err
    history = governance("history", "sales.orders")
    assert history.code == 0 and "what changed before is no longer kept" in history.out
    assert [c["after"] for c in json.loads(governance("history", "sales.orders", "--json").out)] == ["carol"]
    then = governance("export", "--as-of", "100d", "--output", "out")
    assert then.code == 2 and "history is kept since" in then.err and "inventory.horizons" in then.err


def test_the_job_prunes_and_reports(aged: Inventory) -> None:
    job = prune_job(RetentionSettings(history_months=1, changes_months=1))
    with dg.DagsterInstance.ephemeral() as instance:
        done = job.execute_in_process(instance=instance, resources={"inventory": InventoryResource(url=aged.url)})
        assert done.success
        event = instance.get_latest_materialization_event(dg.AssetKey(PRUNE_JOB))
    assert event is not None and event.asset_materialization is not None
    dropped = [r.data["name"] for r in event.asset_materialization.metadata["dropped"].value.records]
    (entry,) = rows(aged, "SELECT actor, details FROM inventory.audit WHERE action = 'inventory.pruned'")
    assert dropped and dropped == [p["name"] for p in entry["details"]["pieces"]]
    assert entry["actor"] == "dagster:unnamed"
    assert [r["after"] for r in rows(aged, "SELECT after FROM inventory.changes")] == ["carol"]


def test_the_schedule_is_on_where_something_is_bounded() -> None:
    assert prune_schedule(RetentionSettings()).default_status is dg.DefaultScheduleStatus.STOPPED
    bounded = prune_schedule(RetentionSettings(usage_months=12))
    assert (bounded.default_status, bounded.job_name) == (dg.DefaultScheduleStatus.RUNNING, PRUNE_JOB)
