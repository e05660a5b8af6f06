"""Access, lineage and usage under the faults of the database: cases 1, 2, 3, 6, 9 and 27 for them.

A part is one transaction, as a scope is: done again after a passing fault, looked up where its commit had no answer.
"""

import os
import random
import signal
import threading
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from typing import Any, NamedTuple

import psycopg
import pytest

from assets.integrations.facets import FacetRequest, sync_facet
from assets.integrations.sync import Silent
from governance.listing import FactPage
from governance.model import Facet
from resources.inventory.database import Inventory
from resources.inventory.facts.outcomes import FacetSummary, PartOutcome
from resources.inventory.facts.views import ViewLineage
from resources.inventory.outcomes import SourceBusy
from tests.faults.commit_proxy import Strike
from tests.faults.facets import PAGES, PARTS, Edition, assert_told, sync_edition, told
from tests.faults.oracle import assert_books_kept
from tests.faults.processes import Syncing
from tests.faults.test_database_commit import by_proxy, struck_ones
from tests.fixtures.estate import SandboxSource

pytestmark = [pytest.mark.xdist_group("faults"), pytest.mark.timeout(900)]

FACETS: list[Any] = ["access", pytest.param("usage", marks=pytest.mark.faults)]
AMOUNT = [2, pytest.param(None, marks=pytest.mark.faults)]
"""How many of a sync's commits are struck; None: every one."""
KILLS = [5, pytest.param(30, marks=pytest.mark.faults)]
COMMITS = 2 + PARTS + 4
"""An upper bound of the commits of one sync; those past the last one strike nothing."""


class Wanted(NamedTuple):
    """What the inventory says, and the run's own counts, after each edition when nobody disturbs."""

    said: tuple[Counter[str], Counter[str]]
    counts: tuple[dict[str, int], dict[str, int]]


@pytest.fixture
def facet(request: pytest.FixtureRequest) -> Facet:
    return request.param  # type: ignore[no-any-return]


@pytest.fixture
def undisturbed_facet(facet: Facet, empty: Callable[[], Inventory]) -> Wanted:
    """In an inventory of its own."""
    said, counts = [], []
    with empty() as inventory:
        for number in (0, 1):
            counts.append(sync_edition(Edition(facet, number), inventory).counts)
            said.append(told(inventory))
    assert counts[0]["created"] and counts[1]["created"] and counts[1]["closed"] and counts[1]["unchanged"]
    return Wanted((said[0], said[1]), (counts[0], counts[1]))


def counted(summary: FacetSummary) -> dict[str, int]:
    assert summary.status == "complete", summary.reasons
    return summary.counts


@pytest.mark.parametrize("facet", FACETS, indirect=True)
@pytest.mark.parametrize("amount", AMOUNT)
@pytest.mark.parametrize("how", ["before", "unanswered"])
def test_a_commit_without_an_answer_is_looked_up_before_anything_is_done_again(
    how: Strike,
    amount: int | None,
    facet: Facet,
    empty: Callable[[], Inventory],
    chance: random.Random,
    undisturbed_facet: Wanted,
) -> None:
    struck = 0
    for at in struck_ones(COMMITS, amount, chance):
        with empty() as inventory, by_proxy(inventory) as (proxy, through):
            for number in (0, 1):
                proxy.strike(at, how)
                # what was done again would count as unchanged, and not as new
                assert counted(sync_edition(Edition(facet, number), through)) == undisturbed_facet.counts[number], at
                struck += proxy.struck.is_set()
                assert_told(inventory, undisturbed_facet.said[number])
            assert_books_kept(inventory, {"complete", "failed"} if at == 1 else {"complete"})
    print(f"{how}: struck {struck} syncs")
    assert struck >= (4 if amount else 2 * PARTS)


@pytest.mark.parametrize("facet", FACETS, indirect=True)
@pytest.mark.parametrize("most", [1, 100], ids=["one", "all"])
def test_a_part_whose_connections_are_terminated_is_read_again(
    most: int, facet: Facet, inventory: Inventory, chance: random.Random, undisturbed_facet: Wanted
) -> None:
    ended = 0

    def strike(part: str) -> None:
        """Once in each edition, in the middle of a part; when that is read again, the lock has been taken again."""
        nonlocal ended
        with lock:
            first = not struck
            struck[part] += first
        if first:
            with psycopg.connect(inventory.url, autocommit=True, application_name="assailant") as conn:
                ended += len(conn.execute(_ENDED, [str(chance.random()), most]).fetchall())
        elif struck[part]:
            with pytest.raises(SourceBusy):
                sync_edition(Edition(facet, 0), inventory, busy_wait=0)

    lock = threading.Lock()
    for number in (0, 1):
        struck: Counter[str] = Counter()
        assert counted(sync_edition(Edition(facet, number, meanwhile=strike), inventory))
        assert_told(inventory, undisturbed_facet.said[number])
        assert struck.total() == 1
    assert_books_kept(inventory)
    print(f"{ended} connections ended")
    assert ended >= 2


_ENDED = """
SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity
WHERE datname = current_database() AND application_name = 'governance' ORDER BY md5(pid::text || %s) LIMIT %s
"""


@pytest.mark.parametrize("facet", FACETS, indirect=True)
@pytest.mark.parametrize("kills", KILLS)
def test_killed_at_random_moments(
    kills: int,
    facet: Facet,
    inventory: Inventory,
    chance: random.Random,
    syncing: Syncing,
    undisturbed_facet: Wanted,
) -> None:
    wanted = undisturbed_facet
    landed: Counter[str] = Counter()
    for number in (0, 1):
        before = told(inventory)
        left = kills
        while left:
            child = syncing.start_facet(facet, number, 0.03, inventory)
            threading.Event().wait(chance.uniform(0, 0.03 * PAGES * PARTS / 2 + 0.3))
            syncing.signal(child)
            if syncing.ended() != signal.SIGKILL:
                landed["too late"] += 1
                left -= 1
                continue
            left -= 1
            landed[whole(told(inventory), before, wanted.said[number])] += 1
        syncing.start_facet(facet, number, 0.0, inventory)
        assert syncing.ended() == 0
        assert_told(inventory, wanted.said[number])
    print(f"killed: {dict(landed)}")
    assert landed.total() - landed["too late"] >= kills
    assert_books_kept(inventory, {"complete", "failed"})


def whole(found: Counter[str], *states: Counter[str]) -> str:
    """How many parts are as the edition has them; each is as one of the states has it."""
    split = [by_part(one) for one in (found, *states)]
    done = 0
    for part in {p for one in split for p in one}:
        assert split[0].get(part) in [one.get(part) for one in split[1:]], f"{part} is half written"
        done += split[0].get(part) == split[-1].get(part)
    return f"{done} parts done"


def by_part(found: Counter[str]) -> dict[str, Counter[str]]:
    """The facts of each part, without the part's own row, which may stand before them."""
    parts: dict[str, Counter[str]] = {}
    for fact, times in found.items():
        what, facet, name, *_ = fact[1:].split(", ", 3)
        if what != "'part'":
            parts.setdefault(f"{facet} {name}", Counter())[fact] += times
    return parts


def test_a_run_that_is_told_to_end_stops_at_a_page(inventory: Inventory, syncing: Syncing) -> None:
    child = syncing.start_facet("access", 0, 0.4, inventory)
    deadline = threading.Event()
    for _ in range(400):
        with inventory.connection() as conn:
            if conn.execute("SELECT count(*) FROM inventory.part").fetchone() != (0,):
                break
        deadline.wait(0.05)
    deadline.wait(0.5)
    syncing.signal(child, signal.SIGTERM)
    assert os.waitstatus_to_exitcode(syncing.ended()) == 1
    with inventory.connection() as conn:
        run = conn.execute("SELECT status, reasons->0->>'code' FROM inventory.sync_run").fetchall()
        parts = conn.execute(
            "SELECT status, reasons->0->>'code', (counts->>'pages')::int FROM inventory.sync_part"
        ).fetchall()
    assert run == [("failed", "aborted")]
    assert parts and all(p[:2] == ("partial", "stopped") and 0 < p[2] < PAGES for p in parts), parts
    assert sync_edition(Edition("access", 0), inventory).status == "complete"


# --- lineage from the text of the views, which is read from the inventory itself ---


@pytest.fixture
def views(inventory: Inventory, before: SandboxSource) -> ViewLineage:
    assert before.sync(inventory).summary.status == "complete"
    return ViewLineage(inventory, before.name, before.platform)


def lineage(views: ViewLineage, inventory: Inventory, source: SandboxSource) -> list[PartOutcome | FacetSummary]:
    request = FacetRequest(source.source(), "lineage", "run", "test", threads=4)
    return list(sync_facet(request, views, inventory, Silent()))


def test_views_are_read_though_few_connections_are_to_be_had(
    inventory: Inventory, views: ViewLineage, before: SandboxSource
) -> None:
    with Inventory(inventory.url, pool_size=1, connect_timeout=2) as narrow:
        *parts, end = lineage(ViewLineage(narrow, before.name, before.platform), narrow, before)
    assert isinstance(end, FacetSummary) and end.status == "complete", end
    assert len(parts) > 1 and end.counts["created"] > 0


def test_views_are_read_again_where_their_own_connection_is_terminated(
    inventory: Inventory, empty: Callable[[], Inventory], before: SandboxSource
) -> None:
    class Struck(ViewLineage):
        """The connections of the first part end while its pages are under way."""

        struck = 0

        def _page(self, conn: psycopg.Connection, rows: list[Any]) -> FactPage:
            if not self.struck:
                self.struck += 1
                with closing(psycopg.connect(inventory.url, autocommit=True)) as assailant:
                    assailant.execute("SELECT pg_terminate_backend(%s, 5000)", [conn.info.backend_pid])
            return super()._page(conn, rows)

    with empty() as other:
        assert before.sync(other).summary.status == "complete"
        lineage(ViewLineage(other, before.name, before.platform), other, before)
        wanted = told(other)
    assert before.sync(inventory).summary.status == "complete"
    reader = Struck(inventory, before.name, before.platform)
    *_, end = lineage(reader, inventory, before)
    assert reader.struck == 1
    assert isinstance(end, FacetSummary) and end.status == "complete", end
    assert_told(inventory, wanted)
