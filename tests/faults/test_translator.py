"""A first load is translated in a second process; the inventory is the same, whatever becomes of that process."""

import os
import signal
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from typing import Any

import pytest
from structlog.testing import CapturingLogger

from assets.integrations import translation, translator
from assets.integrations.translator import Translator
from governance.listing import Untranslated
from resources.inventory.database import Inventory
from sandbox.serving import Company
from tests.faults.oracle import Facts, assert_equal, facts
from tests.fixtures.database import new_database
from tests.fixtures.estate import SandboxSource, sandbox_source
from tests.fixtures.translators import ours

pytestmark = [pytest.mark.xdist_group("translator"), pytest.mark.timeout(300)]


@pytest.fixture(scope="module")
def lake() -> Iterator[SandboxSource]:
    with sandbox_source("glue", Company(scale=2)) as source:
        # time for the process to start
        source.faults({"action": "slow", "match": "GetTables", "seconds": 0.3})
        yield source


@pytest.fixture(scope="module")
def alone(lake: SandboxSource, server_url: str, migrated_template: str) -> Facts:
    """What the inventory says where one process did it all."""
    url = new_database(server_url, migrated_template)
    with pytest.MonkeyPatch.context() as patch, Inventory(url) as inventory:
        patch.setattr(translation, "processors", lambda: 1)
        assert lake.sync(inventory).summary.status == "complete"
        assert not ours()
        return facts(inventory)


def asked(monkeypatch: pytest.MonkeyPatch, then: Callable[[], None]) -> list[int]:
    """How many records went to the other process, call by call; `then` is called after the first."""
    sent: list[int] = []
    ask = Translator.ask

    def count(self: Translator, records: Untranslated) -> "Future[Any] | None":
        answer = ask(self, records)
        if answer is not None:
            sent.append(len(records.records))
            if len(sent) == 1:
                then()
        return answer

    monkeypatch.setattr(translation, "processors", lambda: 2)
    monkeypatch.setattr(Translator, "ask", count)
    return sent


def test_a_first_load_is_the_same_with_two_processes(
    lake: SandboxSource, alone: Facts, inventory: Inventory, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent = asked(monkeypatch, lambda: None)
    first = lake.sync(inventory)
    assert first.summary.status == "complete" and sum(sent) > 20
    assert_equal(facts(inventory), alone)
    # and recognised by the fingerprints that came with it
    again = lake.sync(inventory, full=True)
    assert again.summary.counts["unchanged"] == again.summary.counts["datasets"] and not again.summary.changes


def test_a_process_that_is_killed_in_the_middle_loses_nothing(
    lake: SandboxSource, alone: Facts, inventory: Inventory, monkeypatch: pytest.MonkeyPatch
) -> None:
    log, killed = CapturingLogger(), list[int]()

    def kill() -> None:
        killed.extend(process.pid for process in ours())
        for pid in killed:
            os.kill(pid, signal.SIGKILL)

    monkeypatch.setattr(translator, "log", log)
    sent = asked(monkeypatch, kill)
    synced = lake.sync(inventory)
    assert synced.summary.status == "complete" and sent and killed
    assert [(call.args, call.kwargs["pid"]) for call in log.calls] == [(("translator.ended",), pid) for pid in killed]
    assert_equal(facts(inventory), alone)
