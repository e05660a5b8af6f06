"""Case 7: the database's disk fills up in the middle of a sync, on a small file system of its own."""

import os
import subprocess
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest

from governance.errors import GovernanceError
from resources.inventory.database import DiskFull, Inventory
from resources.inventory.migrations import migrate
from tests.faults.oracle import Facts, Undisturbed, assert_books_kept, assert_equal, facts
from tests.faults.postgres import Server, home
from tests.fixtures.estate import SandboxSource

pytestmark = [
    pytest.mark.xdist_group("faults"),
    pytest.mark.timeout(300),
    pytest.mark.skipif(os.geteuid() != 0, reason="mounting a small file system needs root"),
]

SMALL = {"max_wal_size": "8MB", "min_wal_size": "2MB", "wal_recycle": "off", "wal_init_zero": "on"}


@contextmanager
def small_disk(where: Path, megabytes: int) -> Iterator[Path]:
    """A tmpfs, mounted there and unmounted at the end."""
    where.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m,mode=0777", "tmpfs", str(where)]
    mounted = subprocess.run(command, capture_output=True, text=True)
    if mounted.returncode:
        pytest.skip(f"no tmpfs may be mounted here: {mounted.stderr.strip()}")
    try:
        yield where
    finally:
        subprocess.run(["umount", "-l", str(where)], check=True)


@contextmanager
def filled(disk: Path) -> Iterator[None]:
    """Nothing is left on it."""
    filler = disk / "filler"
    status = os.statvfs(disk)
    with filler.open("wb") as out:
        os.posix_fallocate(out.fileno(), 0, status.f_bavail * status.f_frsize)
    try:
        yield
    finally:
        filler.unlink()


@pytest.mark.parametrize("what", ["data", pytest.param("log", marks=pytest.mark.faults)])
def test_a_full_disk_ends_the_run_and_the_next_one_does_the_work(
    what: str, before: SandboxSource, after: SandboxSource, undisturbed: Undisturbed
) -> None:
    with home() as path, small_disk(path / "disk", 120 if what == "data" else 12) as disk:
        server = Server(disk, "data", SMALL) if what == "data" else Server(path, "data", SMALL)
        server.make("--wal-segsize=1", *([] if what == "data" else [f"--waldir={disk / 'wal'}"]))
        server.start()
        migrate(server.create("inventory"))
        try:
            with Inventory(server.url("inventory"), connect_timeout=2) as inventory:
                assert before.sync(inventory).summary.status == "complete"
                held = facts(inventory)
                with psycopg.connect(server.url("inventory"), autocommit=True) as conn:
                    # what it could free on its own later
                    conn.execute("CHECKPOINT")
                with filled(disk):
                    if what == "log":
                        use_up_the_log(server)
                    failed = failure(inventory, after, server)
                if not server.lives():
                    # the log had no room: PostgreSQL ends itself rather than lose what was committed
                    server.start()
                assert_equal(without_status(facts(inventory)), without_status(held))
                assert after.sync(inventory).summary.status == "complete"
                assert_equal(facts(inventory), undisturbed.second)
                assert_books_kept(inventory, {"complete", "failed"})
        finally:
            if server.lives():
                server.stop()
    assert "No space left on device" in failed


def use_up_the_log(server: Server) -> None:
    """Little is left of the files that are there, and there is no room for another."""
    with psycopg.connect(server.url("inventory"), autocommit=True) as conn:
        row = conn.execute(
            "SELECT mod(pg_current_wal_insert_lsn() - '0/0', 1048576)::int, count(*) FROM pg_ls_waldir()"
            " WHERE name ~ '^[0-9A-F]{24}$' AND name > pg_walfile_name(pg_current_wal_insert_lsn())"
        ).fetchone()
        assert row is not None
        if (spare := (1 + row[1]) * 1048576 - row[0] - 32_768) > 0:
            conn.execute("SELECT pg_logical_emit_message(false, 'filler', repeat('x', %s))", [spare])


def without_status(found: Facts) -> Facts:
    """The scopes may say that they failed."""
    return found._replace(now=Counter({row: n for row, n in found.now.items() if not row.startswith("scopes ")}))


def failure(inventory: Inventory, source: SandboxSource, server: Server) -> str:
    """Why a sync failed, as it says itself, and as the server does."""
    try:
        synced = source.sync(inventory)
    except GovernanceError as error:
        if isinstance(error, DiskFull):
            assert "free space" in error.remedy
        return f"{error}\n{server.log()[-3000:]}"
    assert synced.summary.status in ("failed", "partial"), "the disk was not full enough"
    return "\n".join(synced.summary.reasons)
