"""Random histories through the real write path: any instant that is asked for gives what was recorded then.

Edits, deletions, restores, moves between scopes, filters, listings that break off, runs that die, platform timestamps
that go back, and clocks of the database that stand, jump and step back, even within one sync.
"""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import msgspec
import psycopg
import pytest
from hypothesis import HealthCheck, Phase, event, given, settings
from hypothesis import strategies as st
from psycopg.rows import dict_row

from governance.errors import Unavailable
from governance.filters import NameFilter
from governance.listing import Page, Scope, ScopeListing
from governance.model import Dataset
from resources.inventory.database import Inventory
from resources.inventory.sync import SourceIdentity, SourceSync, inventory_sync
from tests.inventory.estate import GUARD, column, rows, sync, table, tag, value
from tests.inventory.replay import Replay, recorded
from tests.inventory.skewed_clock import SkewedClock
from tests.inventory.test_history import clear
from tests.inventory.time_model import SourceModel, State

SOURCES = {name: SourceIdentity(name, "glue") for name in ("lake", "annex")}
SCOPES = {name: Scope(name, "database") for name in ("sales", "people")}
TICK = timedelta(microseconds=1)
LONG_AGO, FAR_AHEAD = datetime(1990, 1, 1, tzinfo=UTC), datetime(2190, 1, 1, tzinfo=UTC)


class Died(Exception):
    """The run ends here, without a word."""


class Listing(msgspec.Struct, frozen=True):
    """One scope in one sync: how its reading ends, what it shows, and how the clock moves meanwhile."""

    scope: str
    ends: str
    shown: dict[str, Dataset]
    step: timedelta


class Run(msgspec.Struct, frozen=True):
    """One sync of one source."""

    source: str
    step: timedelta
    listings: list[Listing]
    exclude: str
    then: str
    ended_scope: str
    dies: bool


STEPS = st.sampled_from(
    [timedelta(), timedelta(seconds=1), timedelta(hours=-1), timedelta(days=40), timedelta(days=-40)]
)
# of the scope by name, of either, and one that the other's case tells apart
NAMES = ["sales.t1", "people.t2", "t2", "T2"]


COLUMNS = [
    (),
    (column("a", 1), column("b", 2, "bigint", native_type="int")),
    (column("b", 1, "bigint", native_type="int"), column("a", 2, nullable=False)),
    (
        column("a", 1, comment="ü 🙂\t"),
        column("s", 2, "struct<x:string>"),
        column("s.x", 1, properties={"k": [1, None]}),
    ),
    (column("s", 1, "struct<x:string,y:int>"), column("s.x", 1), column("s.y", 2, "int", partition_key=True)),
]
TAGS = [
    (),
    (tag("pii", "a", "yes"),),
    (tag("pii", "a", "no"), tag("tier")),
    (tag("pii", "s.x", origin="up"), tag("pii")),
]
MAYBE = st.sampled_from([None, "", "one", "two\n"])


def named(name: str) -> st.SearchStrategy[Dataset]:
    """What a listing shows under one name: few variants, so that they meet again."""
    return st.builds(
        Dataset,
        qualified_name=st.just(name),
        kind=st.sampled_from(["table", "view"]),
        container=st.just("sales"),
        name=st.just(name),
        comment=MAYBE,
        owner=MAYBE,
        row_count=st.sampled_from([None, 0, 2**40]),
        properties=st.sampled_from([{}, {"a": 1}, {"a": True, "b": "x"}]),
        columns=st.sampled_from(COLUMNS),
        tags=st.sampled_from(TAGS),
        version=st.sampled_from([None, "1", "2"]),
        source_updated_at=st.sampled_from([None, LONG_AGO, datetime(2026, 1, 1, tzinfo=UTC), FAR_AHEAD]),
    )


LISTINGS = st.builds(
    Listing,
    scope=st.sampled_from(list(SCOPES)),
    ends=st.sampled_from(["complete", "complete", "complete", "partial", "failed"]),
    shown=st.fixed_dictionaries({}, optional={n: named(n) for n in NAMES}),
    step=STEPS,
)
RUNS = st.builds(
    Run,
    source=st.sampled_from(list(SOURCES)),
    step=STEPS,
    listings=st.lists(LISTINGS, max_size=2, unique_by=lambda listing: listing.scope),
    exclude=st.sampled_from(["", "", "", "*2", "t*"]),
    then=st.sampled_from(["", "", "", "drop", "hide"]),
    ended_scope=st.sampled_from(list(SCOPES)),
    dies=st.booleans() | st.just(False),
)


def pages(listing: Listing) -> Iterator[Page]:
    if listing.ends == "failed":
        raise Unavailable("the platform is away", platform="glue")
    yield from (Page((dataset,)) for dataset in listing.shown.values())
    if listing.ends == "partial":
        yield Page()
        raise Unavailable("the platform went away", platform="glue")
    if not listing.shown:
        yield Page()


class World:
    """The inventory and its model, side by side."""

    def __init__(self, inventory: Inventory, clock: SkewedClock) -> None:
        self.inventory, self.clock = inventory, clock
        self.models = {name: SourceModel() for name in SOURCES}

    def play(self, run: Run) -> None:
        self.clock.step(run.step)
        model, unsure = self.models[run.source], dict[str, list[str]]()
        with (
            suppress(Died),
            inventory_sync(self.inventory, SOURCES[run.source], "run", "test", "source", GUARD) as sync,
        ):
            sync.record_scopes(ScopeListing(tuple(SCOPES[listing.scope] for listing in run.listings)))
            for listing in run.listings:
                self._read(sync, model, listing, run, unsure)
            if run.then:
                self._end_scope(sync, model, run)
            if run.dies:
                raise Died
            sync.finish()
            for scope, names in sorted(unsure.items(), key=lambda of: self.written(run.source, of[0])):
                if names:
                    model.settle(scope, names)
                    model.keep(self.written(run.source, scope))

    def _read(
        self, sync: SourceSync, model: SourceModel, listing: Listing, run: Run, unsure: dict[str, list[str]]
    ) -> None:
        names = NameFilter(exclude=[run.exclude] if run.exclude else [])
        sync.write_scope(SCOPES[listing.scope], pages(listing), names, accept_loss=True)
        if listing.ends != "failed":
            model.listed(listing.scope, listing.shown, names)
        if listing.ends == "complete":
            unsure[listing.scope] = model.missed(listing.scope, listing.shown, names)
        model.keep(self.written(run.source, listing.scope))
        self.clock.step(listing.step)

    def _end_scope(self, sync: SourceSync, model: SourceModel, run: Run) -> None:
        before, held = self.written(run.source, run.ended_scope), dict(model.now)
        if run.then == "drop":
            # what the filters hide is not asked for any more: only a present scope can be found to be gone
            present = run.ended_scope in {k.name for k in sync.known_scopes().values() if k.state == "present"}
            sync.drop_scopes([run.ended_scope], "the platform says so", accept_loss=True)
            if present:
                model.drop(run.ended_scope)
        else:
            sync.hide_scopes([run.ended_scope])
            model.hide(run.ended_scope)
        after = self.written(run.source, run.ended_scope)
        if after != before:
            model.keep(after)
        else:
            assert model.now == held, "what changes has a timestamp of its own"

    def written(self, source: str, scope: str) -> datetime:
        """The timestamp of the scope's last transaction."""
        query = "SELECT written_at FROM inventory.scopes WHERE source = %s AND scope = %s"
        with psycopg.connect(self.clock.plain) as conn:
            row = conn.execute(query, [source, scope]).fetchone()
        return LONG_AGO if row is None or row[0] is None else row[0]

    def instants(self) -> list[datetime]:
        """Every timestamp, its neighbours, what lies between, and both ends of time."""
        stamps = sorted({at for model in self.models.values() for at, _ in model.past})
        middles = [one + (other - one) / 2 for one, other in pairwise(stamps)]
        beside = [at + tick for at in stamps for tick in (-TICK, timedelta(), TICK)]
        return sorted({*beside, *middles, LONG_AGO, FAR_AHEAD})

    def at(self, moment: datetime) -> dict[tuple[str, str], State]:
        return {
            (source, name): state for source, model in self.models.items() for name, state in model.at(moment).items()
        }


@pytest.fixture
def clock(inventory: Inventory) -> SkewedClock:
    return SkewedClock(inventory)


@settings(
    max_examples=20,
    deadline=None,
    # to explain a failure takes many times as long as to find it
    phases=[Phase.explicit, Phase.reuse, Phase.generate, Phase.shrink],
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(runs=st.lists(RUNS, min_size=4, max_size=8))
def test_any_instant_of_a_random_history_gives_what_was_recorded_then(
    inventory: Inventory, clock: SkewedClock, runs: Sequence[Run]
) -> None:
    clear(inventory)
    clock.step(-clock.ahead)
    with Inventory(clock.url) as skewed:
        world = World(skewed, clock)
        for run in runs:
            world.play(run)
    with psycopg.connect(clock.plain, row_factory=dict_row) as conn:
        for moment in world.instants():
            assert recorded(conn, moment) == world.at(moment), moment
        for row in conn.execute("SELECT change, field, count(*) AS n FROM inventory.changes GROUP BY 1, 2"):
            event(f"{row['change']} {row['field'].partition(':')[0]}")
        replay = Replay(conn)
        for source, model in world.models.items():
            for at, held in model.past:
                replay.forward(source, at)
                assert replay.state(source) == {name: Replay.plain(state) for name, state in held.items()}


@pytest.mark.parametrize("step", [timedelta(hours=-2), timedelta(days=-400)])
def test_order_is_the_databases_sequence_when_its_clock_steps_back(
    inventory: Inventory, clock: SkewedClock, step: timedelta
) -> None:
    owners = ["ana", "bob", "carol"]
    with Inventory(clock.url) as skewed:
        for owner in owners:
            sync(skewed, table("orders", owner=owner))
            clock.step(step)
        found = list(skewed.queries().history("sales.orders"))
    assert [(c.change, c.before, c.after) for c in found] == [
        ("created", None, None),
        ("updated", "ana", "bob"),
        ("updated", "bob", "carol"),
    ]
    moments = [c.at for c in found]
    assert moments == sorted(set(moments)), "a later state has a later timestamp"
    assert moments[2] - moments[0] < timedelta(minutes=1), "the clock stood for the source, it did not step"
    assert [owner_at(inventory, at) for at in moments] == owners
    assert [owner_at(inventory, at - TICK) for at in moments] == [None, "ana", "bob"]


def test_a_late_correction_is_true_from_when_it_came_not_from_when_the_platform_dates_it(inventory: Inventory) -> None:
    newer, older = datetime(2026, 3, 2, tzinfo=UTC), datetime(2020, 1, 1, tzinfo=UTC)
    sync(inventory, table("orders", owner="ana", source_updated_at=newer))
    sync(inventory, table("orders", owner="bob", source_updated_at=older))
    first, second = (c.at for c in inventory.queries().history("sales.orders"))
    assert [owner_at(inventory, at) for at in (first, second)] == ["ana", "bob"]
    assert [owner_at(inventory, at) for at in (older, newer)] == [None, None]
    dated = "SELECT source_updated_at FROM inventory.datasets_as_of(%s)"
    assert [value(inventory, dated, at) for at in (first, second)] == [newer, older]


def test_sources_whose_clocks_disagree_keep_the_order_in_which_their_changes_came(
    inventory: Inventory, clock: SkewedClock
) -> None:
    with Inventory(clock.url) as skewed:
        for name, step in (("ahead", timedelta(days=3)), ("behind", timedelta(days=-6)), ("now", timedelta(days=3))):
            clock.step(step)
            sync(skewed, table("orders"), source=SourceIdentity(name, "glue"))
        found = list(skewed.queries().diff(LONG_AGO))
    assert [c.source for c in found] == ["ahead", "behind", "now"]
    assert sorted(found, key=lambda c: c.change_id) == found
    assert [c.source for c in sorted(found, key=lambda c: c.at)] == ["behind", "now", "ahead"]


def owner_at(inventory: Inventory, moment: datetime) -> str | None:
    found = rows(inventory, "SELECT owner FROM inventory.datasets_as_of(%s)", moment)
    return found[0]["owner"] if found else None
