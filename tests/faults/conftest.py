"""What the tests of faults share: a lake as it was and as it was edited, and what an undisturbed run makes of each."""

import random
import uuid
from collections.abc import Callable, Iterator

import pytest

from resources.inventory.database import Inventory
from resources.inventory.migrations import migrate
from tests.faults.lakes import SEED, edit
from tests.faults.oracle import Undisturbed, facts
from tests.faults.postgres import Server, home
from tests.faults.processes import Syncing, running
from tests.fixtures.database import new_database
from tests.fixtures.estate import SandboxSource, sandbox_source


@pytest.fixture
def chance(request: pytest.FixtureRequest) -> random.Random:
    """This test's dice; GOVERNANCE_TEST_SEED, which is printed, throws them again."""
    print(f"GOVERNANCE_TEST_SEED={SEED}")
    return random.Random(f"{SEED} {request.node.name}")


@pytest.fixture
def empty(server_url: str, migrated_template: str) -> Callable[[], Inventory]:
    """Gives an inventory with the schema and nothing else, as often as it is called."""
    return lambda: Inventory(new_database(server_url, migrated_template))


@pytest.fixture(scope="session")
def syncing(before: SandboxSource) -> Iterator[Syncing]:
    """A process whose children sync, to be killed."""
    with running() as one:
        yield one


@pytest.fixture(scope="session")
def before() -> Iterator[SandboxSource]:
    """A lake as it was."""
    with sandbox_source("glue") as source:
        yield source


@pytest.fixture(scope="session")
def after() -> Iterator[SandboxSource]:
    """The same lake after edits in every database."""
    with sandbox_source("glue") as source:
        edit(source, scale=1)
        yield source


@pytest.fixture(scope="session")
def undisturbed(server_url: str, migrated_template: str, before: SandboxSource, after: SandboxSource) -> Undisturbed:
    """In a database of its own."""
    before.faults()
    after.faults()
    with Inventory(new_database(server_url, migrated_template)) as inventory:
        assert before.sync(inventory).summary.status == "complete"
        first = facts(inventory)
        assert after.sync(inventory).summary.status == "complete"
        second = facts(inventory)
    assert first.now and second.history and second.changes > first.changes
    return Undisturbed(first, second)


@pytest.fixture
def slow(before: SandboxSource, after: SandboxSource) -> Iterator[None]:
    """Both lakes answer late, so that a sync lasts long enough to be struck in its middle."""
    for source in (before, after):
        source.faults({"action": "slow", "match": "GetTables", "seconds": 0.3})
    yield
    for source in (before, after):
        source.faults()


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    """A server of this module's own, with the schema in its database `template`."""
    with home() as path:
        one = Server(path)
        one.make()
        one.start()
        migrate(one.create("template"))
        yield one


@pytest.fixture
def struck(server: Server) -> Iterator[Inventory]:
    """A new inventory on that server."""
    url = server.create(f"t_{uuid.uuid4().hex[:12]}", template="template")
    with Inventory(url, connect_timeout=5) as inventory:
        yield inventory
