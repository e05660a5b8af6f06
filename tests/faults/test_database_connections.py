"""Cases 3, 4 and 9: connections that end, a server that crashes and comes back, and no connection to be had."""

import random
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

import psycopg
import pytest

from governance.errors import GovernanceError, Transient, Unavailable
from resources.inventory.attempts import retrying
from resources.inventory.database import Inventory
from tests.faults.oracle import Undisturbed, assert_books_kept, assert_equal, facts
from tests.faults.postgres import Server, home
from tests.fixtures.estate import SandboxSource

pytestmark = [pytest.mark.xdist_group("faults"), pytest.mark.timeout(600)]

_ENDED = """
SELECT pg_terminate_backend(pid) FROM pg_stat_activity
WHERE datname = current_database() AND application_name = 'governance' ORDER BY md5(pid::text || %s) LIMIT %s
"""


@contextmanager
def meanwhile(work: Callable[[threading.Event], None]) -> Iterator[None]:
    """Does the work in a thread, which is told when the block ends; its error is ours."""
    over, errors = threading.Event(), []

    def run() -> None:
        try:
            work(over)
        except (psycopg.Error, OSError, AssertionError, GovernanceError) as error:
            errors.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
    assert not errors, errors


@pytest.mark.parametrize(
    ("rounds", "most"), [(1, 1), (1, 100), pytest.param(10, 1, marks=pytest.mark.faults)], ids=["one", "all", "many"]
)
def test_a_sync_whose_connections_are_terminated(
    rounds: int,
    most: int,
    empty: Callable[[], Inventory],
    chance: random.Random,
    slow: None,
    before: SandboxSource,
    after: SandboxSource,
    undisturbed: Undisturbed,
) -> None:
    ended = 0

    def assail(inventory: Inventory) -> Callable[[threading.Event], None]:
        def work(over: threading.Event) -> None:
            nonlocal ended
            with psycopg.connect(inventory.url, autocommit=True, application_name="assailant") as conn:
                # no more than one piece of work is tried: then it would be a database that is not there
                for _ in range(4 if most == 1 else 2):
                    if over.wait(chance.uniform(0.05, 0.6)):
                        return
                    ended += len(conn.execute(_ENDED, [str(chance.random()), most]).fetchall())

        return work

    for _ in range(rounds):
        with empty() as inventory:
            for source, wanted in ((before, undisturbed.first), (after, undisturbed.second)):
                with meanwhile(assail(inventory)):
                    assert source.sync(inventory).summary.status == "complete"
                assert_equal(facts(inventory), wanted)
            # a run that was opened twice has been closed once as died
            assert_books_kept(inventory, {"complete", "failed"})
    print(f"{ended} connections ended")
    assert ended >= 2 * rounds


@pytest.mark.parametrize("rounds", [1, pytest.param(10, marks=pytest.mark.faults)])
def test_a_server_that_crashes_and_comes_back(
    rounds: int,
    server: Server,
    struck: Inventory,
    chance: random.Random,
    slow: None,
    before: SandboxSource,
    after: SandboxSource,
    undisturbed: Undisturbed,
) -> None:
    refused: list[str] = []

    def crash(over: threading.Event) -> None:
        over.wait(chance.uniform(0.2, 1.5))
        server.stop("immediate")
        with Inventory(struck.url) as other:
            with pytest.raises(Unavailable, match="refused") as raised, other.connection():
                pytest.fail("it answers")
        refused.append(raised.value.remedy)
        time.sleep(chance.uniform(0, 2))
        server.start()
        with Inventory(struck.url) as other, other.connection() as conn:
            assert conn.execute("SELECT 1").fetchone() == (1,)

    source, wanted = before, undisturbed.first
    for n in range(rounds):
        with meanwhile(crash):
            assert source.sync(struck).summary.status == "complete"
        assert_equal(facts(struck), wanted)
        if n == 0:
            source, wanted = after, undisturbed.second
    with meanwhile(crash):
        assert source.sync(struck).summary.status == "complete"
    assert_equal(facts(struck), undisturbed.second)
    assert_books_kept(struck, {"complete", "failed"})
    assert len(refused) == rounds + 1 and all("runs and takes connections" in remedy for remedy in refused)


@pytest.mark.faults
def test_a_server_that_does_not_come_back_ends_the_run_before_long(
    server: Server, struck: Inventory, slow: None, before: SandboxSource, undisturbed: Undisturbed
) -> None:
    def crash(over: threading.Event) -> None:
        with psycopg.connect(struck.url, autocommit=True) as conn:
            while conn.execute("SELECT count(*) FROM inventory.sync_run").fetchone() == (0,):
                over.wait(0.05)
        server.stop("immediate")

    begun = time.monotonic()
    try:
        with meanwhile(crash), Inventory(struck.url, connect_timeout=1) as impatient:
            with pytest.raises(Unavailable):
                before.sync(impatient)
        assert time.monotonic() - begun < 60
    finally:
        server.start()
    assert before.sync(struck).summary.status == "complete"
    assert_equal(facts(struck), undisturbed.first)
    with struck.connection() as conn:
        rows = conn.execute("SELECT status, reasons->0->>'code' FROM inventory.sync_runs ORDER BY sync_id").fetchall()
    assert rows == [("failed", "died"), ("complete", None)]


def test_tries_are_spread_over_time() -> None:
    """Eight tries at once would be one try: each wait has a part that is certain."""
    for _ in range(20):
        waits: list[float] = []
        trying = retrying("nothing", 8)
        trying.sleep = waits.append

        def never() -> None:
            raise Unavailable("not yet", platform="inventory")

        with pytest.raises(Unavailable):
            trying(never)
        ceilings = [0.5, 1, 2, 4, 8, 10, 10]
        assert all(top / 2 <= wait <= top for wait, top in zip(waits, ceilings, strict=True)), waits


def test_a_pool_in_use_fails_before_long(database_url: str) -> None:
    with Inventory(database_url, pool_size=2, connect_timeout=1) as inventory, ExitStack() as held:
        for _ in range(2):
            held.enter_context(inventory.connection())
        begun = time.monotonic()
        with pytest.raises(Unavailable, match="all 2 connections of this process are in use") as raised:
            with inventory.connection():
                pytest.fail("a third one")
        assert time.monotonic() - begun < 3
        assert "GOVERNANCE_DATABASE__POOL_SIZE" in raised.value.remedy
        held.close()
        with inventory.connection() as conn:
            assert conn.execute("SELECT 1").fetchone() == (1,)


def test_a_server_without_a_free_place_fails_at_once(before: SandboxSource) -> None:
    with home() as path, ExitStack() as held:
        server = Server(path, settings={"max_connections": "4", "superuser_reserved_connections": "0"})
        server.make()
        server.start()
        for _ in range(4):
            held.enter_context(psycopg.connect(server.url("postgres")))
        begun = time.monotonic()
        with Inventory(server.url("postgres")) as inventory:
            with pytest.raises(Transient, match="too many clients") as raised:
                before.sync(inventory)
        assert time.monotonic() - begun < 10
        assert "max_connections" in raised.value.remedy
