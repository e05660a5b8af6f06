"""Runs beside each other and runs that die: the lock, the fence, parallel scopes, and SIGKILL in the middle."""

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg
import pytest

from governance.errors import GovernanceError, Transient, Unavailable
from governance.listing import Page, Scope, ScopeListing
from governance.model import Dataset
from resources.inventory.database import Inventory
from resources.inventory.sync import SourceBusy, SourceIdentity, inventory_sync
from tests.inventory.estate import EVERYTHING, GUARD, LAKE, SALES, held, paged, rows, sync, table, value

ROOT = Path(__file__).resolve().parents[2]
SCOPES = [Scope(f"s{n}", "database") for n in range(6)]


def datasets_of(scope: Scope, version: int) -> list[Dataset]:
    return [table(f"t{n}", scope=scope.name, comment=f"version {version}") for n in range(40)]


def test_a_source_is_synced_by_one_run_at_a_time(inventory: Inventory) -> None:
    with inventory_sync(inventory, LAKE, "first", "ana", "source", GUARD) as one:
        with pytest.raises(SourceBusy, match="run first of ana") as raised:
            with inventory_sync(inventory, LAKE, "second", "bob", "source", GUARD):
                pytest.fail("two runs hold one source")
        assert isinstance(raised.value, Transient)
        with inventory_sync(inventory, SourceIdentity("other", "glue"), "third", "bob", "source", GUARD) as other:
            other.finish()
        one.finish()
    with inventory_sync(inventory, LAKE, "fourth", "bob", "source", GUARD) as again:
        again.finish()
    found = rows(inventory, "SELECT source, run_id, status FROM inventory.sync_runs ORDER BY sync_id")
    assert [(r["run_id"], r["status"]) for r in found] == [(n, "complete") for n in ("first", "third", "fourth")]


def test_a_connection_that_was_ended_is_not_given_out(inventory: Inventory) -> None:
    """Who asks a single question does not ask it again: the pool sees what became of a connection while it rested."""
    sync(inventory, table("a"))
    with psycopg.connect(inventory.url) as other:
        ended = other.execute(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
            " WHERE datname = current_database() AND application_name = 'governance'"
        )
        assert set(ended.fetchall()) == {(True,)}
    with inventory.connection() as conn:
        assert conn.execute("SELECT count(*) FROM inventory.datasets").fetchone() == (1,)


def test_a_lock_whose_connection_was_ended_is_taken_again(inventory: Inventory) -> None:
    with inventory_sync(inventory, LAKE, "loses", "test", "source", GUARD) as open_sync:
        with psycopg.connect(inventory.url) as other:
            ended = other.execute("SELECT pg_terminate_backend(pid, 5000) FROM pg_locks WHERE locktype = 'advisory'")
            assert ended.fetchall() == [(True,)]
        open_sync.write_scope(SALES, paged([table("a")]), EVERYTHING)
        with pytest.raises(SourceBusy, match="run loses of test"):
            with inventory_sync(inventory, LAKE, "beside", "test", "source", GUARD):
                pytest.fail("nobody holds the source")
        assert open_sync.finish().status == "complete"


def test_a_run_that_lost_its_lock_cannot_write(inventory: Inventory) -> None:
    def taken_over_in_between() -> Iterator[Page]:
        yield Page((table("a"),))
        with psycopg.connect(inventory.url) as conn:
            conn.execute("SELECT pg_terminate_backend(pid, 5000) FROM pg_locks WHERE locktype = 'advisory'")
        with inventory_sync(inventory, LAKE, "new", "test", "source", GUARD) as new:
            new.write_scope(SALES, paged([table("new")]), EVERYTHING)
            new.finish()
        yield Page((table("b"),))

    with pytest.raises(GovernanceError):
        with inventory_sync(inventory, LAKE, "old", "test", "source", GUARD) as old:
            old.record_scopes(ScopeListing((SALES,)))
            with pytest.raises(SourceBusy, match="took lake over"):
                old.write_scope(SALES, taken_over_in_between(), EVERYTHING)
            with pytest.raises(SourceBusy, match="took lake over"):
                old.write_scope(SALES, paged([table("c")]), EVERYTHING)
            old.finish()
    assert [r["name"] for r in rows(inventory, "SELECT name FROM inventory.datasets")] == ["new"]
    statuses = rows(inventory, "SELECT run_id, status, reasons FROM inventory.sync_runs ORDER BY sync_id")
    assert [(r["run_id"], r["status"]) for r in statuses] == [("old", "failed"), ("new", "complete")]
    assert statuses[0]["reasons"][0]["code"] == "died"


def test_a_terminated_connection_is_transient_and_leaves_nothing(inventory: Inventory) -> None:
    def cut() -> Iterator[Page]:
        yield Page((table("a"),))
        with psycopg.connect(inventory.url) as conn:
            conn.execute(
                "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
                " WHERE datname = current_database() AND state = 'idle in transaction'"
            )
        yield Page(tuple(table(f"t{n}") for n in range(1500)))

    with pytest.raises(Unavailable):
        with inventory_sync(inventory, LAKE, "cut", "test", "source", GUARD) as open_sync:
            open_sync.write_scope(SALES, cut(), EVERYTHING)
    assert rows(inventory, "SELECT FROM inventory.datasets") == []
    assert sync(inventory, table("a")).counts["created"] == 1


def test_scopes_are_written_in_parallel(inventory: Inventory) -> None:
    for version in (1, 2):
        with inventory_sync(inventory, LAKE, f"run{version}", "test", "source", GUARD) as open_sync:
            open_sync.record_scopes(ScopeListing(tuple(SCOPES)))
            with ThreadPoolExecutor(16) as pool:
                outcomes = list(
                    pool.map(
                        lambda s, v=version: open_sync.write_scope(s, paged(datasets_of(s, v)), EVERYTHING),
                        SCOPES,
                    )
                )
            assert open_sync.finish().status == "complete"
        assert {o.scope for o in outcomes} == {s.name for s in SCOPES}
    found = held(inventory)
    assert len(found) == 240 and {d.comment for _, d in found.values()} == {"version 2"}
    stamps = rows(inventory, "SELECT at FROM inventory.sync_scope")
    assert len({r["at"] for r in stamps}) == len(stamps) == 12


def test_two_scopes_that_list_the_same_new_dataset(inventory: Inventory) -> None:
    shared = [table(f"t{n}", scope="x") for n in range(200)]
    with inventory_sync(inventory, LAKE, "run", "test", "source", GUARD) as open_sync:
        with ThreadPoolExecutor(2) as pool:
            outcomes = list(pool.map(lambda s: open_sync.write_scope(s, paged(shared, 200), EVERYTHING), SCOPES[:2]))
        open_sync.finish()
    assert sum(o.counts["created"] for o in outcomes) == 200
    assert value(inventory, "SELECT count(*) FROM inventory.datasets") == 200


def test_timestamps_grow_though_the_clock_steps_back(inventory: Inventory) -> None:
    sync(inventory, table("a"))
    with psycopg.connect(inventory.url) as conn:
        conn.execute("UPDATE inventory.scope SET written_at = now() + interval '1 day'")
    sync(inventory, table("a", comment="later"))
    assert value(inventory, "SELECT min(at) > now() + interval '23 hours' FROM inventory.changes WHERE field <> ''")


CHILD = """
import sys
from resources.inventory.database import Inventory
from tests.inventory.test_two_runs import sync_all
sync_all(Inventory(sys.argv[1]), int(sys.argv[2]), "killed")
"""


def sync_all(inventory: Inventory, version: int, run: str) -> None:
    with inventory_sync(inventory, LAKE, run, "test", "source", GUARD) as open_sync:
        open_sync.record_scopes(ScopeListing(tuple(SCOPES)))
        for scope in SCOPES:
            print(scope.name, flush=True)
            open_sync.write_scope(scope, paged(datasets_of(scope, version)), EVERYTHING)
        open_sync.finish()


def test_sigkill_leaves_no_half_scope_and_the_next_run_heals_all(inventory: Inventory) -> None:
    seed = int(os.environ.get("GOVERNANCE_TEST_SEED", random.randrange(2**32)))
    print(f"GOVERNANCE_TEST_SEED={seed}")
    choice = random.Random(seed)
    sync_all(inventory, 0, "first")
    for version in range(1, 6):
        command = [sys.executable, "-c", CHILD, inventory.url, str(version)]
        with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as child:
            assert child.stdout is not None
            for _ in range(choice.randrange(1, len(SCOPES) + 1)):
                child.stdout.readline()
            time.sleep(choice.random() * 0.05)
            child.send_signal(signal.SIGKILL)
        for scope in SCOPES:
            comments = rows(
                inventory, "SELECT DISTINCT comment FROM inventory.datasets WHERE container = %s", scope.name
            )
            assert len(comments) == 1, (seed, version, scope.name, comments)
    sync_all(inventory, 6, "last")
    assert {d.comment for _, d in held(inventory).values()} == {"version 6"}
    assert value(inventory, "SELECT count(*) FROM inventory.sync_runs WHERE status = 'running'") == 0
    assert value(inventory, "SELECT inventory.verify_audit()") is None
