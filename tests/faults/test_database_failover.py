"""Case 5: the primary dies in the middle of a sync, the standby is promoted, and the sync goes on there.

By an address of both servers, and by one that leads to whichever is up, be it a standby that takes no writes.
"""

import random
import threading
import time
import uuid
from collections.abc import Iterator

import pytest

from resources.inventory.database import Inventory
from resources.inventory.migrations import migrate
from tests.faults.commit_proxy import commit_proxy
from tests.faults.oracle import Undisturbed, assert_books_kept, assert_equal, facts
from tests.faults.postgres import Server, home
from tests.faults.test_database_connections import meanwhile
from tests.fixtures.estate import SandboxSource

pytestmark = [pytest.mark.xdist_group("faults"), pytest.mark.timeout(600)]

SYNCHRONOUS = {"synchronous_standby_names": "'*'", "synchronous_commit": "on"}
"""What was committed is on the standby too; without this a promotion may lose the last commits, whoever made them."""
REFUSED = "in a read-only transaction"


class Pair:
    """A primary and its standby."""

    def __init__(self, primary: Server, standby: Server) -> None:
        self.primary, self.standby = primary, standby
        self.database = f"t_{uuid.uuid4().hex[:12]}"
        primary.create(self.database)
        migrate(primary.url(self.database))

    @property
    def url(self) -> str:
        """Of both, the standby first."""
        hosts = f"127.0.0.1:{self.standby.port},127.0.0.1:{self.primary.port}"
        return f"postgresql://postgres@{hosts}/{self.database}?sslmode=disable"

    def swap(self) -> None:
        """The dead primary becomes the standby of the new one."""
        self.primary, self.standby = self.standby, Server(self.primary.home, f"data_{uuid.uuid4().hex[:6]}")
        self.standby.copy(self.primary, f"s{uuid.uuid4().hex[:6]}")
        self.standby.start()
        self.primary.configure(**SYNCHRONOUS)
        self.primary.reload()


@pytest.fixture(scope="module")
def pair() -> Iterator[Pair]:
    with home() as path:
        primary = Server(path, "first", {"wal_level": "replica"})
        primary.make()
        primary.start()
        standby = Server(path, "second")
        standby.copy(primary, "second")
        standby.start()
        primary.configure(**SYNCHRONOUS)
        primary.reload()
        yield Pair(primary, standby)


def test_by_an_address_of_both_servers(
    pair: Pair,
    chance: random.Random,
    slow: None,
    before: SandboxSource,
    after: SandboxSource,
    undisturbed: Undisturbed,
) -> None:
    def fail_over(over: threading.Event) -> None:
        over.wait(chance.uniform(0.2, 1.5))
        pair.primary.stop("immediate")
        time.sleep(chance.uniform(0, 1))
        pair.standby.promote()

    with Inventory(pair.url, connect_timeout=5) as inventory:
        with meanwhile(fail_over):
            assert before.sync(inventory).summary.status == "complete"
        assert_equal(facts(inventory), undisturbed.first)
        assert served_by(inventory) == pair.standby.port
    pair.swap()
    with Inventory(pair.url, connect_timeout=5) as inventory:
        assert served_by(inventory) == pair.primary.port, "an address of several servers means the primary"
        with meanwhile(fail_over):
            assert after.sync(inventory).summary.status == "complete"
        assert_equal(facts(inventory), undisturbed.second)
        assert_books_kept(inventory, {"complete", "failed"})
    pair.swap()


def test_by_an_address_that_leads_to_a_standby_for_a_while(
    pair: Pair,
    chance: random.Random,
    slow: None,
    before: SandboxSource,
    undisturbed: Undisturbed,
) -> None:
    pair.database = f"t_{uuid.uuid4().hex[:12]}"
    pair.primary.create(pair.database)
    migrate(pair.primary.url(pair.database))
    with commit_proxy(("127.0.0.1", pair.primary.port)) as proxy:

        def fail_over(over: threading.Event) -> None:
            over.wait(chance.uniform(0.2, 0.6))
            proxy.upstream = ("127.0.0.1", pair.standby.port)
            pair.primary.stop("immediate")
            until = time.monotonic() + 15
            while REFUSED not in pair.standby.log() and time.monotonic() < until:
                time.sleep(0.05)
            pair.standby.promote()

        with Inventory(proxy.url(pair.database), connect_timeout=5) as inventory:
            with meanwhile(fail_over):
                assert before.sync(inventory).summary.status == "complete"
            assert_equal(facts(inventory), undisturbed.first)
            assert_books_kept(inventory, {"complete", "failed"})
    assert REFUSED in pair.standby.log()


def served_by(inventory: Inventory) -> int:
    with inventory.connection() as conn:
        return int(conn.info.port)
