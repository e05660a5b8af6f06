"""Cases 26 and 27: two runs of one source at once, and a run that is told to end."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from resources.inventory.database import Inventory
from tests.faults.oracle import Undisturbed, assert_books_kept, assert_equal, facts
from tests.faults.processes import Syncing, running
from tests.faults.syncing import BUSY
from tests.fixtures.estate import SandboxSource
from tests.fixtures.glue_account import Account
from tests.fixtures.installation import write_estate

pytestmark = [pytest.mark.xdist_group("faults"), pytest.mark.timeout(300)]


@pytest.fixture
def other(before: SandboxSource) -> Iterator[Syncing]:
    """A second scheduler's process."""
    with running() as one:
        yield one


def runs(inventory: Inventory) -> list[tuple[str, bool]]:
    """Status of each run, and whether it began after the one before had ended."""
    with inventory.connection() as conn:
        return conn.execute(
            "SELECT status, coalesce(started_at >= lag(ended_at) OVER (ORDER BY sync_id), true)"
            " FROM inventory.sync_runs ORDER BY sync_id"
        ).fetchall()


def test_the_second_of_two_runs_waits(
    inventory: Inventory,
    slow: None,
    syncing: Syncing,
    other: Syncing,
    before: SandboxSource,
    after: SandboxSource,
    undisturbed: Undisturbed,
) -> None:
    for source, wanted in ((before, undisturbed.first), (after, undisturbed.second)):
        for one in (syncing, other):
            one.start(source, inventory)
        assert [one.ended() for one in (syncing, other)] == [0, 0]
        assert_equal(facts(inventory), wanted)
    assert runs(inventory) == [("complete", True)] * 4
    assert_books_kept(inventory)


def test_the_second_of_two_runs_gives_up_where_it_may_not_wait(
    inventory: Inventory, slow: None, syncing: Syncing, other: Syncing, before: SandboxSource, undisturbed: Undisturbed
) -> None:
    for one in (syncing, other):
        one.start(before, inventory, patience=0)
    assert sorted(os.waitstatus_to_exitcode(one.ended()) for one in (syncing, other)) == [0, BUSY]
    assert_equal(facts(inventory), undisturbed.first)
    assert runs(inventory) == [("complete", True)]


def test_a_run_that_is_told_to_end_stops_at_a_page_and_the_next_one_goes_on(
    inventory: Inventory, syncing: Syncing, wide: SandboxSource
) -> None:
    child = syncing.start(wide, inventory)
    wait_for_page(wide, 3)
    told = time.monotonic()
    syncing.signal(child, signal.SIGTERM)
    assert os.waitstatus_to_exitcode(syncing.ended()) == 1
    assert time.monotonic() - told < 30
    with inventory.connection() as conn:
        assert conn.execute("SELECT status, reasons->0->>'code' FROM inventory.sync_runs").fetchall() == [
            ("failed", "aborted")
        ]
        scopes = conn.execute(
            "SELECT status, reasons->0->>'code', (counts->>'datasets')::int FROM inventory.sync_scopes"
            " WHERE scope = 'wide'"
        ).fetchall()
        deleted = conn.execute("SELECT count(*) FROM inventory.changes WHERE change = 'deleted'").fetchone()
    assert len(scopes) == 1 and scopes[0][:2] == ("partial", "stopped") and scopes[0][2] % 100 == 0
    assert 0 < scopes[0][2] < TABLES and deleted == (0,)
    synced = wide.sync(inventory)
    assert synced.summary.status == "complete"
    assert synced.summary.counts["created"] <= TABLES - scopes[0][2] + 30, "what was stored is not stored once more"
    with inventory.connection() as conn:
        found = conn.execute("SELECT count(*), count(DISTINCT name) FROM inventory.datasets WHERE scope = 'wide'")
        assert found.fetchone() == (TABLES, TABLES)
    assert_books_kept(inventory, {"complete", "failed"})


@pytest.mark.faults
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_sync_from_the_command_line_that_is_told_to_end(
    number: signal.Signals, inventory: Inventory, wide: SandboxSource, tmp_path: Path
) -> None:
    write_estate(tmp_path / "estate.yaml", [wide])
    given = {"HOME": tmp_path, "ESTATE": tmp_path / "estate.yaml", "DATABASE_URL": inventory.url}
    env = {**os.environ, **{f"GOVERNANCE_{name}": str(value) for name, value in given.items()}}
    command = [str(Path(sys.executable).parent / "governance"), "sync"]
    with (tmp_path / "out").open("w") as out, subprocess.Popen(command, env=env, stdout=out, stderr=out) as process:
        wait_for_page(wide, 3)
        told = time.monotonic()
        process.send_signal(number)
        code = process.wait(60)
    print((tmp_path / "out").read_text()[-3000:])
    assert time.monotonic() - told < 30 and code not in (0, 3)
    with inventory.connection() as conn:
        found = conn.execute("SELECT status, reasons->0->>'code' FROM inventory.sync_runs").fetchall()
        scopes = conn.execute("SELECT status FROM inventory.sync_scopes WHERE scope = 'wide'").fetchall()
    assert found == [("failed", "aborted")] and scopes == [("partial",)]
    assert wide.sync(inventory).summary.status == "complete"


TABLES = 600


@pytest.fixture
def wide(after: SandboxSource) -> Iterator[SandboxSource]:
    """A lake with a scope of six pages, each of which takes a while."""
    account = Account(after.served.url)
    account.glue.create_database(DatabaseInput={"Name": "wide"})
    table = {"StorageDescriptor": {"Columns": [{"Name": "a", "Type": "int"}]}}
    try:
        for n in range(TABLES):
            account.glue.create_table(DatabaseName="wide", TableInput={"Name": f"t{n:04}", **table})
        after.faults({"action": "slow", "match": 'GetTables.*"wide"', "seconds": 0.5})
        yield after
    finally:
        after.faults()
        account.glue.delete_database(Name="wide")


def wait_for_page(wide: SandboxSource, number: int) -> None:
    """Until the call for that page of the wide scope has come, and so the pages before it have been read."""
    until = time.monotonic() + 90
    while wide.served.face.faults.listed()[0]["struck"] < number:
        assert time.monotonic() < until, "the sync never came there"
        time.sleep(0.02)
