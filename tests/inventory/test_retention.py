"""Pruning: whole partitions go, what is kept answers as before, and what is gone is an error and no wrong answer."""

from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest

from governance.errors import ConfigurationError
from governance.listing import FactPage, Scope, ScopeListing
from governance.loss_guard import LossGuard
from governance.model import Grant, Usage
from resources.inventory.database import Inventory
from resources.inventory.export import Request, export
from resources.inventory.facts.sync import fact_sync
from resources.inventory.retention import PARTITIONED_BY, WHATS, Piece, PruneBusy, bounds, horizons, planned, pruning
from resources.inventory.sync import inventory_sync
from tests.inventory.estate import EVERYTHING, GUARD, LAKE, SALES, paged, rows, sync, table, tag, value
from tests.inventory.skewed_clock import SkewedClock

NOW = datetime.now(UTC)
MONTHS = 6
PARTITIONS = """
SELECT c.relname AS name FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
JOIN pg_class p ON p.oid = i.inhparent WHERE p.relnamespace = 'inventory'::regnamespace AND p.relkind = 'p' ORDER BY 1
"""


def until(keep: int, *whats: Any) -> dict[Any, datetime]:
    return bounds(dict.fromkeys(whats or WHATS, keep), NOW)


def prune(inventory: Inventory, keep: int, *whats: Any) -> list[Piece]:
    with pruning(inventory, until(keep, *whats), "test") as work:
        return list(work.run())


def grant(inventory: Inventory, principal: str) -> None:
    page = FactPage((Grant("sales.orders", "table", principal, "user", "SELECT", ("read",)),))
    with fact_sync(inventory, LAKE, "access", "run", "test", "source", LossGuard()) as open_sync:
        open_sync.write_part(Scope("all", "part"), iter((page,)), accept_loss=True)
        open_sync.finish()


def use(inventory: Inventory, day: datetime) -> None:
    page = FactPage((Usage("sales.orders", day.date(), "ana", "user", 1),))
    with fact_sync(inventory, LAKE, "usage", "run", "test", "source", LossGuard()) as open_sync:
        open_sync.write_part(Scope(day.date().isoformat(), "day"), iter((page,)))
        open_sync.finish()


@pytest.fixture
def old(inventory: Inventory) -> list[datetime]:
    """Half a year of syncs, one a month, each with an edit; the moments after each."""
    clock = SkewedClock(inventory)
    moments = []
    clock.step(-timedelta(days=30 * MONTHS))
    with Inventory(clock.url) as skewed:
        for number in range(MONTHS + 1):
            orders = table("orders", owner=f"owner{number}", tags=(tag("tier", value=str(number)),))
            listed = [orders, table("same"), *([table("gone")] if number < 2 else [])]
            sync(skewed, *listed, accept_loss=True, run=f"run{number}")
            grant(skewed, f"user{number}")
            use(skewed, NOW + clock.ahead)
            moments.append(value(skewed, "SELECT clock_timestamp()"))
            clock.step(timedelta(days=30))
    return moments


def answers(inventory: Inventory, moment: datetime) -> list[Any]:
    return [
        rows(inventory, f"SELECT * FROM inventory.{name}_as_of(%s) t ORDER BY t::text", moment)
        for name in ("datasets", "columns", "tags", "grants", "memberships", "policies", "lineage")
    ]


def test_what_is_kept_answers_as_before_and_what_is_gone_is_refused(inventory: Inventory, old: list[datetime]) -> None:
    before = {at: answers(inventory, at) for at in old}
    changes = rows(inventory, "SELECT * FROM inventory.changes ORDER BY change_id")
    prune(inventory, 2)
    kept_since = until(2)["history"]
    assert [at for at in old if at < kept_since] and [at for at in old if at >= kept_since]
    for at, then in before.items():
        if at >= kept_since:
            assert answers(inventory, at) == then
        else:
            for name in ("datasets", "columns", "tags", "grants", "memberships", "policies", "lineage"):
                with pytest.raises(psycopg.DatabaseError, match="history is kept since"):
                    rows(inventory, f"SELECT count(*) FROM inventory.{name}_as_of(%s)", at)
    assert answers(inventory, kept_since)
    assert rows(inventory, "SELECT * FROM inventory.changes ORDER BY change_id") == [
        c for c in changes if c["at"] >= kept_since
    ]


def test_partitions_go_whole_and_only_the_old_ones(inventory: Inventory, old: list[datetime]) -> None:
    before = {r["name"] for r in rows(inventory, PARTITIONS)}
    pieces = prune(inventory, 2)
    gone = before - {r["name"] for r in rows(inventory, PARTITIONS)}
    first = until(2)["history"]
    month = f"_y{first:%Y}m{first:%m}"
    assert gone == {n for n in before if "_y" in n and n[n.index("_y") :] < month}
    assert gone == {p.name for p in pieces if p.how == "drop"}
    assert {p.how for p in pieces if p.what != "runs"} == {"drop"}
    assert planned(inventory, until(2)).pieces == ()
    assert prune(inventory, 2) == []


def test_each_kind_has_its_own_bound(inventory: Inventory, old: list[datetime]) -> None:
    changes = value(inventory, "SELECT count(*) FROM inventory.changes")
    assert {p.what for p in prune(inventory, 2, "usage")} == {"usage"}
    assert horizons(inventory) == until(2, "usage")
    assert value(inventory, "SELECT count(*) FROM inventory.changes") == changes
    assert answers(inventory, old[0])[0]
    kept = value(inventory, "SELECT min(day) FROM inventory.usage")
    assert kept >= until(2)["usage"].date()


def test_the_plan_says_what_the_pruning_does(inventory: Inventory, old: list[datetime]) -> None:
    plan = planned(inventory, until(3))
    assert horizons(inventory) == {}
    assert value(inventory, "SELECT count(*) FROM inventory.audit WHERE action = 'inventory.pruned'") == 0
    assert plan.bytes > 0 and all(p.bytes for p in plan.pieces if p.how == "drop")
    assert [(p.table, p.name) for p in prune(inventory, 3)] == [(p.table, p.name) for p in plan.pieces]
    (entry,) = rows(inventory, "SELECT * FROM inventory.audit WHERE action = 'inventory.pruned'")
    assert entry["actor"] == "test"
    assert [p["name"] for p in entry["details"]["pieces"]] == [p.name for p in plan.pieces]
    assert value(inventory, "SELECT inventory.verify_audit()") is None


@pytest.mark.parametrize(("keep", "how"), [(1, "truncate"), (4, "delete")])
def test_the_default_partition_is_pruned_too(inventory: Inventory, keep: int, how: str) -> None:
    """A clock that jumps in the middle of a sync leaves rows where no partition was made for them."""
    clock = SkewedClock(inventory)
    clock.step(-timedelta(days=300))

    with Inventory(clock.url) as skewed:
        for number, step in enumerate((timedelta(days=100), timedelta(days=100))):
            with inventory_sync(skewed, LAKE, "run", "test", "source", GUARD) as open_sync:
                open_sync.record_scopes(ScopeListing((SALES,)))
                clock.step(step)
                open_sync.write_scope(SALES, paged([table("orders", owner=str(number))]), EVERYTHING)
                open_sync.finish()
    held = value(inventory, "SELECT count(*) FROM inventory.change_default")
    assert held > 0
    pieces = [p for p in prune(inventory, keep, "changes") if p.name == "change_default"]
    kept_since = until(keep, "changes")["changes"]
    assert [p.how for p in pieces] == [how]
    assert rows(inventory, "SELECT FROM inventory.changes WHERE at < %s", kept_since) == []
    left = value(inventory, "SELECT count(*) FROM inventory.change_default")
    assert held - left == pieces[0].rows and (left == 0) == (how == "truncate")


def test_runs_go_but_what_is_still_told_by_them_stays(inventory: Inventory, old: list[datetime]) -> None:
    seen = rows(inventory, "SELECT qualified_name, last_seen_at FROM inventory.datasets ORDER BY 1")
    then = {at: answers(inventory, at) for at in old}
    prune(inventory, 2, "runs")
    kept_since = until(2)["runs"]
    scopes = rows(inventory, "SELECT at FROM inventory.sync_scope WHERE at < %s", kept_since)
    assert len(scopes) == 1, "the last listing before the bound, from which later moments know when a dataset was seen"
    assert value(inventory, "SELECT count(DISTINCT run_id) FROM inventory.changes") == MONTHS + 1, (
        "no change lost its run"
    )
    assert rows(inventory, "SELECT qualified_name, last_seen_at FROM inventory.datasets ORDER BY 1") == seen
    for at, before in then.items():
        found = answers(inventory, at)
        assert found[1:] == before[1:]
        if at >= kept_since:
            assert found == before
        else:
            assert all(d["last_seen_at"] is None for d in found[0] if d["state"] == "present"), "unknown, not wrong"
    prune(inventory, 2, "changes")
    prune(inventory, 2, "runs")
    assert value(inventory, "SELECT count(*) FROM inventory.sync_runs WHERE ended_at < %s", kept_since) == 1


def test_the_last_run_of_a_source_stays(inventory: Inventory) -> None:
    clock = SkewedClock(inventory)
    clock.step(-timedelta(days=400))
    with Inventory(clock.url) as skewed:
        for run in ("first", "second"):
            sync(skewed, table("orders"), run=run)
            clock.step(timedelta(days=1))
    prune(inventory, 1)
    assert [r["run_id"] for r in rows(inventory, "SELECT run_id FROM inventory.sync_runs")] == ["second"]
    assert [r["status"] for r in rows(inventory, "SELECT status FROM inventory.sync_scopes")] == ["complete"]


def test_a_pruning_is_alone(inventory: Inventory, old: list[datetime]) -> None:
    with pruning(inventory, until(2), "test"):
        with pytest.raises(PruneBusy):
            prune(inventory, 2)
    assert prune(inventory, 2)


def test_nothing_is_pruned_under_an_export(inventory: Inventory, old: list[datetime], tmp_path: Any) -> None:
    """Its old snapshot would not see the new horizon, and give half an answer."""

    class Prunes:
        refused = 0

        def begin(self, name: str, number: int, total: int) -> None:
            with pytest.raises(PruneBusy):
                prune(inventory, 2)
            self.refused += 1

        def rows(self, count: int) -> None:
            pass

    work = Prunes()
    export(inventory, Request(format="jsonl", output=tmp_path / "out", as_of=old[1]), work)
    assert work.refused > 5
    prune(inventory, 2)
    for moment in ({"as_of": old[1]}, {"since": old[1]}):
        with pytest.raises(ConfigurationError, match="kept since"):
            export(inventory, Request(format="jsonl", output=tmp_path / "again", **moment), work)


def test_a_pruning_waits_for_those_who_read(inventory: Inventory, old: list[datetime], monkeypatch: Any) -> None:
    monkeypatch.setattr("resources.inventory.retention._LOCK_WAIT_SECONDS", 0.2)
    monkeypatch.setattr("resources.inventory.retention._ATTEMPTS", 2)
    monkeypatch.setattr("resources.inventory.retention._PAUSE_SECONDS", 0.1)
    with psycopg.connect(inventory.url) as reader:
        reader.execute("SELECT count(*) FROM inventory.dataset_versions")
        with pytest.raises(PruneBusy, match="stayed in use"):
            prune(inventory, 2, "history")
        with pytest.raises(psycopg.DatabaseError), psycopg.connect(inventory.url) as other:
            other.execute("SELECT count(*) FROM inventory.datasets_as_of(%s)", [old[0]])
    assert prune(inventory, 2, "history"), "what was left is taken up"


def test_a_horizon_never_moves_back(inventory: Inventory, old: list[datetime]) -> None:
    prune(inventory, 2)
    kept = horizons(inventory)
    prune(inventory, 5)
    assert horizons(inventory) == kept == until(2)


def test_syncs_go_on_after_a_pruning(inventory: Inventory, old: list[datetime]) -> None:
    prune(inventory, 1)
    moment = value(inventory, "SELECT clock_timestamp()")
    then = answers(inventory, moment)
    sync(inventory, table("orders", owner="new"), accept_loss=True)
    assert answers(inventory, moment) == then


def test_changes_of_a_pruned_time_are_no_answer(inventory: Inventory, old: list[datetime]) -> None:
    prune(inventory, 2)
    with pytest.raises(ConfigurationError, match="changes are kept since") as raised:
        list(inventory.queries().diff(old[0]))
    assert raised.value.remedy.startswith("ask from 20")
    assert list(inventory.queries().diff(until(2)["changes"]))


def test_every_partitioned_table_is_pruned_by_something(inventory: Inventory) -> None:
    keys = rows(
        inventory,
        "SELECT relname, pg_get_partkeydef(oid) AS key FROM pg_class"
        " WHERE relkind = 'p' AND relnamespace = 'inventory'::regnamespace",
    )
    assert len(keys) >= 9
    assert {r["key"].removeprefix("RANGE (").removesuffix(")") for r in keys} == set(PARTITIONED_BY)


def test_the_reader_is_refused_in_the_same_words(inventory: Inventory, old: list[datetime]) -> None:
    prune(inventory, 2)
    with psycopg.connect(inventory.url) as conn:
        conn.execute("SET ROLE governance_reader")
        assert conn.execute("SELECT what FROM inventory.horizons ORDER BY 1").fetchall()
        assert conn.execute("SELECT count(*) FROM inventory.datasets_as_of(%s)", [old[-1]]).fetchone()
        with pytest.raises(psycopg.DatabaseError, match="history is kept since") as raised:
            conn.execute("SELECT count(*) FROM inventory.datasets_as_of(%s)", [old[0]])
        assert raised.value.sqlstate == "GV001"


@pytest.mark.parametrize(
    ("now", "keep", "first"),
    [
        ("2026-11-24T12:00+00:00", 1, "2026-10-01"),
        ("2026-01-31T23:00+00:00", 1, "2025-12-01"),
        ("2026-03-01T00:30+01:00", 2, "2025-12-01"),
        ("2026-11-24T12:00+00:00", 1200, "1926-11-01"),
    ],
)
def test_bounds_are_beginnings_of_months(now: str, keep: int, first: str) -> None:
    wanted = {"history": datetime.fromisoformat(first).replace(tzinfo=UTC)}
    assert bounds({"history": keep, "changes": None}, datetime.fromisoformat(now)) == wanted


def test_the_gate_is_judged_once_and_seen_through(inventory: Inventory) -> None:
    """A question about one name still reaches the indexes, and the horizon is looked at before anything is read."""
    with psycopg.connect(inventory.url) as conn:
        conn.execute("SET enable_seqscan = off")
        query = "EXPLAIN SELECT * FROM inventory.datasets_as_of(now()) WHERE qualified_name = 'sales.orders'"
        plan = "\n".join(row[0] for row in conn.execute(query.encode()))
    assert "One-Time Filter: (InitPlan" in plan and "Function Scan" not in plan
    assert "dataset_identity" in plan and plan.count("qualified_name = 'sales.orders'") >= 2
