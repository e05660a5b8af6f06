"""Case 25: a clock that is a day wrong, the database's or ours: what happened keeps its order.

The clock is shifted beneath the process, by a library that the loader puts before libc.
"""

import shutil
import subprocess
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
import pytest

from resources.inventory.database import Inventory
from resources.inventory.migrations import migrate
from tests.faults.oracle import Undisturbed, assert_books_kept, assert_equal, facts
from tests.faults.postgres import Server, home
from tests.faults.processes import running
from tests.fixtures.estate import SandboxSource

COMPILER = shutil.which("cc")
pytestmark = [
    pytest.mark.xdist_group("faults"),
    pytest.mark.timeout(300),
    pytest.mark.skipif(COMPILER is None, reason="a C compiler is needed to shift a process's clock"),
]

Shifted = Callable[[timedelta], dict[str, str]]


@pytest.fixture(scope="module")
def shifted(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shifted]:
    """Environment variables under which a process's clock is wrong by so much."""
    with home() as path:
        library = path / "shifted_clock.so"
        source = Path(__file__).with_name("shifted_clock.c")
        subprocess.run([str(COMPILER), "-shared", "-fPIC", "-O2", "-o", library, source, "-ldl"], check=True)
        library.chmod(0o755)
        yield lambda by: {"LD_PRELOAD": str(library), "CLOCK_SHIFT": str(round(by.total_seconds()))}


def ahead(inventory: Inventory) -> timedelta:
    """How far the database's clock is from ours."""
    with inventory.connection() as conn:
        row = conn.execute("SELECT clock_timestamp()").fetchone()
        assert row is not None
        return row[0] - datetime.now(UTC)


@pytest.mark.parametrize("days", [1, pytest.param(-1, marks=pytest.mark.faults)])
def test_the_database_s_clock_steps_by_a_day(
    days: int, shifted: Shifted, before: SandboxSource, after: SandboxSource, undisturbed: Undisturbed
) -> None:
    with home() as path:
        server = Server(path)
        server.make()
        server.start(env=shifted(timedelta(days=days)))
        migrate(server.create("inventory"))
        with Inventory(server.url("inventory")) as inventory:
            assert abs(ahead(inventory) - timedelta(days=days)) < timedelta(minutes=1)
            before.sync(inventory)
            assert_equal(facts(inventory), undisturbed.first)
        server.stop("fast")
        server.start(env=shifted(timedelta(days=-days)))
        with Inventory(server.url("inventory")) as inventory:
            assert abs(ahead(inventory) + timedelta(days=days)) < timedelta(minutes=1)
            after.sync(inventory)
            assert_equal(facts(inventory), undisturbed.second)
            assert_in_order(inventory)
            assert_books_kept(inventory)
        server.stop("fast")


def assert_in_order(inventory: Inventory) -> None:
    """Changes are as the database's sequence has them, and no version ends before it begins."""
    with inventory.connection() as conn:
        runs = [r[0] for r in conn.execute("SELECT DISTINCT ON (sync_id) sync_id FROM inventory.change ORDER BY 1")]
        by_number = conn.execute(
            "SELECT array_agg(at ORDER BY change_id) = array_agg(at ORDER BY at, change_id),"
            " array_agg(sync_id ORDER BY change_id) = array_agg(sync_id ORDER BY sync_id, change_id)"
            " FROM (SELECT scope_id, c.* FROM inventory.change c JOIN inventory.dataset d ON d.id = c.dataset_id) x"
            " GROUP BY scope_id"
        ).fetchall()
        assert len(runs) == 2 and by_number and set(by_number) == {(True, True)}
        for table in ("dataset_history", "dataset_column_history", "dataset_tag_history"):
            assert conn.execute(f"SELECT count(*) FROM inventory.{table} WHERE valid_to <= valid_from").fetchone() == (
                0,
            )


@pytest.mark.parametrize("days", [pytest.param(1, marks=pytest.mark.faults), -1])
def test_our_own_clock_is_a_day_wrong(
    days: int,
    shifted: Shifted,
    inventory: Inventory,
    before: SandboxSource,
    after: SandboxSource,
    undisturbed: Undisturbed,
) -> None:
    with running(shifted(timedelta(days=days))) as wrong, running(shifted(timedelta(days=-days))) as other:
        wrong.undisturbed(before, inventory)
        assert_equal(facts(inventory), undisturbed.first)
        other.undisturbed(after, inventory)
    assert_equal(facts(inventory), undisturbed.second)
    assert_books_kept(inventory)
    with psycopg.connect(inventory.url) as conn:
        row = conn.execute("SELECT min(at), max(at), now() FROM inventory.changes").fetchone()
        assert row is not None and row[2] - row[0] < timedelta(hours=1) and row[1] < row[2]
