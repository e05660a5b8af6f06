"""Cases 2 and 6: a commit that takes effect though its answer never comes, and one that was never heard of.

The commits of a sync are struck in turn, a few in the quick part and every one in `make faults`: the connection is cut
before the commit, or after it without its answer, or the process is killed between the commit and its answer.
"""

import random
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from urllib.parse import parse_qs, urlsplit

import pytest

from resources.inventory.database import Inventory
from tests.faults.commit_proxy import CommitProxy, Strike, commit_proxy
from tests.faults.oracle import Undisturbed, assert_books_kept, assert_equal, facts
from tests.faults.processes import Syncing
from tests.fixtures.estate import SandboxSource

pytestmark = [pytest.mark.xdist_group("faults"), pytest.mark.timeout(900)]

AMOUNT = [2, pytest.param(None, marks=pytest.mark.faults)]
"""How many of a sync's commits are struck; None: every one."""


@contextmanager
def by_proxy(inventory: Inventory) -> Iterator[tuple[CommitProxy, Inventory]]:
    """The same inventory, by way of a proxy before its server."""
    parts = urlsplit(inventory.url)
    with commit_proxy(f"{parse_qs(parts.query)['host'][0]}/.s.PGSQL.5432") as proxy:
        with Inventory(proxy.url(parts.path.lstrip("/"))) as opened:
            yield proxy, opened


@pytest.fixture(scope="module")
def commits(undisturbed: Undisturbed) -> int:
    """An upper bound of the commits of one sync; those past the last one strike nothing."""
    return 14


def struck_ones(commits: int, amount: int | None, chance: random.Random) -> list[int]:
    """The early ones are of the books, the later ones of scopes."""
    return list(range(1, commits + 1)) if amount is None else sorted(chance.sample(range(2, 9), amount))


@pytest.mark.parametrize("amount", AMOUNT)
@pytest.mark.parametrize("how", ["before", "unanswered"])
def test_a_commit_without_an_answer_is_looked_up_before_anything_is_done_again(
    how: Strike,
    amount: int | None,
    empty: Callable[[], Inventory],
    commits: int,
    chance: random.Random,
    before: SandboxSource,
    after: SandboxSource,
    undisturbed: Undisturbed,
) -> None:
    struck = []
    for at in struck_ones(commits, amount, chance):
        with empty() as inventory, by_proxy(inventory) as (proxy, through):
            for source, wanted in ((before, undisturbed.first), (after, undisturbed.second)):
                proxy.strike(at, how)
                assert source.sync(through).summary.status == "complete", f"commit {at}"
                struck.append(proxy.struck.is_set())
                assert_equal(facts(inventory), wanted)
            # a run whose opening was committed but not answered is opened once more
            assert_books_kept(inventory, {"complete", "failed"} if at == 1 else {"complete"})
    print(f"{how}: struck {sum(struck)} of {len(struck)} syncs")
    assert sum(struck) >= (4 if amount else 16)


@pytest.mark.parametrize("amount", AMOUNT)
def test_a_kill_after_the_commit_and_before_its_answer(
    amount: int | None,
    empty: Callable[[], Inventory],
    commits: int,
    chance: random.Random,
    syncing: Syncing,
    before: SandboxSource,
    after: SandboxSource,
    undisturbed: Undisturbed,
) -> None:
    killed = 0
    for at in struck_ones(commits, amount, chance):
        with empty() as inventory, by_proxy(inventory) as (proxy, through):
            for source, wanted in ((before, undisturbed.first), (after, undisturbed.second)):
                proxy.strike(at, "hold")
                child = syncing.start(source, through)
                while syncing.lives(child) and not proxy.struck.wait(0.05):
                    pass
                if not proxy.struck.is_set():
                    # this sync has fewer commits
                    assert syncing.ended() == 0
                    continue
                syncing.signal(child)
                assert syncing.ended() == signal.SIGKILL
                proxy.release.set()
                killed += 1
                syncing.undisturbed(source, inventory)
                assert_equal(facts(inventory), wanted)
            assert_books_kept(inventory, {"complete", "failed"})
    assert killed >= (4 if amount else 16)
