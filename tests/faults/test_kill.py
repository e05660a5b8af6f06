"""kill -9 at random moments of a sync leaves no scope half written, and one more run ends as if nothing had been.

Case 1. Ten kills while an empty inventory is filled, ten while a filled one takes up edits, and forty of each in
`make faults`; the moments come from GOVERNANCE_TEST_SEED, which is printed.
"""

import random
import signal
import time
from collections import Counter
from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest

from resources.inventory.database import Inventory
from sandbox.serving import Company
from tests.faults.lakes import SEED, edit
from tests.faults.oracle import Facts, assert_books_kept, assert_equal, facts
from tests.faults.processes import Syncing
from tests.fixtures.database import new_database
from tests.fixtures.estate import SandboxSource, sandbox_source

pytestmark = [pytest.mark.xdist_group("kill"), pytest.mark.timeout(900)]

KILLS = [10, pytest.param(40, marks=pytest.mark.faults)]
SCALE = 2
SLOW = (
    {"action": "slow", "match": "GetTables.*(sales|finance_db)", "seconds": 0.2},
    {"action": "slow", "match": "GetTables.*(crm|web)", "seconds": 0.5},
    {"action": "slow", "match": "GetTables", "seconds": 0.8},
)
"""So that the scopes' transactions are spread over the sync."""

Content = dict[str, dict[str, Any]]
"""By scope and qualified name: all that the inventory says of a dataset, columns and tags included."""


class Undisturbed(NamedTuple):
    """What a run that nobody disturbs makes: of the lake as it was, then as it was edited."""

    before: Content
    after: Content
    first: Facts
    second: Facts
    seconds: float


@pytest.fixture(scope="module")
def lake() -> Iterator[SandboxSource]:
    with sandbox_source("glue", Company(scale=SCALE)) as source:
        source.faults(*SLOW)
        yield source


@pytest.fixture(scope="module")
def edited(lake: SandboxSource) -> Iterator[SandboxSource]:
    """The same lake after many edits in every database."""
    with sandbox_source("glue", Company(scale=SCALE)) as source:
        edit(source, SCALE)
        source.faults(*SLOW)
        yield source


@pytest.fixture(scope="module")
def undisturbed(
    server_url: str, migrated_template: str, lake: SandboxSource, edited: SandboxSource, syncing: Syncing
) -> Undisturbed:
    """In a database of its own."""
    with Inventory(new_database(server_url, migrated_template)) as inventory:
        seconds = syncing.undisturbed(lake, inventory)
        before, first = content(inventory), facts(inventory)
        syncing.undisturbed(edited, inventory)
        return Undisturbed(before, content(inventory), first, facts(inventory), seconds)


def content(inventory: Inventory) -> Content:
    found: Content = {}
    with inventory.connection() as connection:
        parts: dict[str, list[Any]] = {}
        for view, order in (("columns", "path"), ("tags", "path, kind, tag, origin")):
            query = f"SELECT to_jsonb(v) - 'dataset_id' FROM inventory.{view} v ORDER BY qualified_name, {order}"
            for (row,) in connection.execute(query):
                parts.setdefault(row["qualified_name"], []).append(row)
        query = (
            "SELECT scope, qualified_name, to_jsonb(d) - '{first_seen_at,last_seen_at,changed_at,source_updated_at,"
            "version,dataset_id}'::text[] FROM inventory.datasets d"
        )
        for scope, name, row in connection.execute(query):
            found.setdefault(scope, {})[name] = (row, parts.get(name, []))
    return found


def killed(
    syncing: Syncing, source: SandboxSource, inventory: Inventory, moments: random.Random, seconds: float, kills: int
) -> Iterator[float]:
    """Kills syncs at random moments; yields the moment of each kill that met a sync at work, for as long as asked."""
    landed = 0
    for _ in range(5 * kills):
        moment = moments.betavariate(2, 1) * seconds  # more of them late, where the transactions are
        child = syncing.start(source, inventory)
        time.sleep(moment)
        syncing.signal(child)
        if syncing.ended() == signal.SIGKILL:
            landed += 1
            yield moment
    pytest.fail(f"{landed} kills met a sync at work, none of them half-way or fewer than {kills}")


def assert_whole(found: Content, *states: Content) -> Counter[int]:
    """Every scope is as one of these states has it; returns how many are as each."""
    as_in: Counter[int] = Counter()
    for scope in set(found) | {s for state in states for s in state}:
        matching = [n for n, state in enumerate(states) if found.get(scope) == state.get(scope)]
        assert matching, f"{scope} is half written: {_odd(found.get(scope, {}), states[-1].get(scope, {}))}"
        as_in[matching[-1]] += 1
    return as_in


def _odd(found: dict[str, Any], wanted: dict[str, Any]) -> str:
    return f"{sorted(k for k in found.keys() | wanted.keys() if found.get(k) != wanted.get(k))}"


@pytest.mark.parametrize("kills", KILLS)
def test_while_an_empty_inventory_is_filled(
    kills: int, inventory: Inventory, lake: SandboxSource, syncing: Syncing, undisturbed: Undisturbed
) -> None:
    moments, progress = random.Random(f"{SEED} fill {kills}"), []
    print(f"GOVERNANCE_TEST_SEED={SEED}, an undisturbed sync takes {undisturbed.seconds:.2f} s")
    for moment in killed(syncing, lake, inventory, moments, undisturbed.seconds, kills):
        as_in = assert_whole(content(inventory), {}, undisturbed.before)
        progress.append((round(moment, 3), as_in[1]))
        assert facts(inventory).changes <= undisturbed.first.changes, "a dataset was created twice"
        if len(progress) >= kills and any(0 < scopes < len(undisturbed.before) for _, scopes in progress):
            break
    print("killed after seconds, scopes whole then:", progress)
    syncing.undisturbed(lake, inventory)
    assert_equal(facts(inventory), undisturbed.first)
    assert_books_kept(inventory, {"complete", "failed"})


@pytest.mark.parametrize("kills", KILLS)
def test_while_a_filled_one_takes_up_edits(
    kills: int,
    inventory: Inventory,
    lake: SandboxSource,
    edited: SandboxSource,
    syncing: Syncing,
    undisturbed: Undisturbed,
) -> None:
    moments, progress = random.Random(f"{SEED} edits {kills}"), []
    print(f"GOVERNANCE_TEST_SEED={SEED}, an undisturbed sync takes {undisturbed.seconds:.2f} s")
    assert undisturbed.before != undisturbed.after
    syncing.undisturbed(lake, inventory)
    for moment in killed(syncing, edited, inventory, moments, undisturbed.seconds, kills):
        as_in = assert_whole(content(inventory), undisturbed.before, undisturbed.after)
        progress.append((round(moment, 3), as_in[1]))
        assert facts(inventory).changes <= undisturbed.second.changes, "an edit was recorded twice"
        if len(progress) == kills:
            break
    print("killed after seconds, scopes edited or unchanged then:", progress)
    syncing.undisturbed(edited, inventory)
    assert_equal(facts(inventory), undisturbed.second)
    assert_books_kept(inventory, {"complete", "failed"})
