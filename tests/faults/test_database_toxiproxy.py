"""Cases 3 and 6 on the wire: toxiproxy between a sync and PostgreSQL, at moments that the seed chooses."""

import random
import threading
from collections.abc import Iterator

import pytest

from resources.inventory.database import Inventory
from tests.faults.oracle import Undisturbed, assert_books_kept, assert_equal, facts
from tests.faults.postgres import Server
from tests.faults.test_database_connections import meanwhile
from tests.faults.toxiproxy import BINARY, Toxiproxy, toxiproxy
from tests.fixtures.estate import SandboxSource

pytestmark = [
    pytest.mark.xdist_group("faults"),
    pytest.mark.timeout(900),
    pytest.mark.faults,
    pytest.mark.skipif(not BINARY.exists(), reason="toxiproxy is not built: `make faults` does it where go is present"),
]

TOXICS = {
    "reset": ("reset_peer", {"timeout": 0}),
    "cut in the middle of what is sent": ("limit_data", {"bytes": 20_000}),
    "silence, then the end": ("timeout", {"timeout": 700}),
    "latency": ("latency", {"latency": 60, "jitter": 40}),
}


@pytest.fixture
def wire(server: Server) -> Iterator[Toxiproxy]:
    with toxiproxy(server.port) as proxy:
        yield proxy


@pytest.mark.parametrize("what", TOXICS)
@pytest.mark.parametrize("stream", ["upstream", "downstream"])
def test_a_sync_over_a_bad_wire(
    what: str,
    stream: str,
    struck: Inventory,
    server: Server,
    wire: Toxiproxy,
    chance: random.Random,
    slow: None,
    before: SandboxSource,
    after: SandboxSource,
    undisturbed: Undisturbed,
) -> None:
    kind, attributes = TOXICS[what]

    def poison(over: threading.Event) -> None:
        for _ in range(3):
            if over.wait(chance.uniform(0.1, 0.8)):
                return
            name = wire.add(kind, stream, **attributes)
            over.wait(chance.uniform(0.1, 0.5))
            wire.remove(name)

    with Inventory(struck.url.replace(str(server.port), str(wire.port)), connect_timeout=5) as through:
        for source, wanted in ((before, undisturbed.first), (after, undisturbed.second)):
            with meanwhile(poison):
                assert source.sync(through).summary.status == "complete"
            assert_equal(facts(struck), wanted)
    assert_books_kept(struck, {"complete", "failed"})
