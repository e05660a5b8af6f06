"""What a question costs when the inventory is ten times as large: the command line's queries, each view by its key.

python -m bench.growth [--sizes 10000,100000]

Two inventories on one server, loaded alike; each question is put to both in turn, five times in a row and with keys
drawn anew each time, and the answers are of one size: a key's rows, a window that holds as many changes. Warm caches;
the mean of five askings that a quarter of these means stay below, so that what else the machine does counts little.
"""

import argparse
import itertools
import json
import random
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg

from bench.growth_facets import load_facets, role
from bench.growth_load import DAYS, PER_SCOPE, RARE, TURNS, dataset_name, load, one_sync, pages, scope_name, versions_on
from bench.growth_views import Key, by_key, unasked
from resources.inventory.database import Inventory
from resources.inventory.facts.queries import FactQueries
from resources.inventory.migrations import migrate
from resources.inventory.queries import InventoryQueries
from resources.inventory.server import ensure_database, ensure_server, stop_server

TIMES, MOST_TIMES, SECONDS = 20, 1000, 1.0
"""How many turns a question has, and how long: twenty times a tenth of a millisecond are over in one hiccup."""
IN_A_ROW = 5
"""Askings of one turn: half of a tenth of a millisecond is a process that wakes up another one."""
WARM = 3
Ask = Callable[[], Any]
Milliseconds = dict[str, list[float]]


class Estate:
    """One loaded inventory, and keys drawn from it."""

    def __init__(self, url: str, datasets: int, seed: int) -> None:
        self.url, self.scopes = url, max(1, datasets // PER_SCOPE)
        self.inventory = Inventory(url)
        self.draw = random.Random(seed)
        self.windows = self._windows()

    def name(self) -> str:
        """A dataset that has changed once since the first load."""
        scope = self.draw.randrange(self.scopes)
        return dataset_name(scope, self.draw.choice([n for n in range(PER_SCOPE) if n % TURNS == 1]))

    def scope(self) -> int:
        """The number of a scope."""
        return self.draw.randrange(self.scopes)

    def group(self) -> str:
        """A word that the comments of the same number of datasets hold at either size."""
        return f"group{self.draw.randrange(max(1, self.scopes * PER_SCOPE // RARE))}"

    def _windows(self) -> list[tuple[Any, Any]]:
        """Spans of time that hold one scope's changes each."""
        with psycopg.connect(self.url) as conn:
            rows = conn.execute("SELECT DISTINCT at FROM inventory.change ORDER BY at").fetchall()
        moments = [row[0] for row in rows][self.scopes :]
        return list(itertools.pairwise(moments))

    def window(self) -> tuple[Any, Any]:
        """One of them."""
        return self.draw.choice(self.windows)


def questions(estate: Estate) -> Iterator[tuple[str, Ask]]:
    """What the command line asks, through the queries it uses."""
    queries = InventoryQueries(estate.inventory)

    def history() -> int:
        return len(list(queries.history(estate.name())))

    def diff() -> int:
        return len(list(queries.diff(*estate.window())))

    def status() -> int:
        return sum(len(queries.runs(row.source, limit=1)) for row in queries.sources())

    facts = FactQueries(estate.inventory)
    today = datetime.now(UTC).date()

    yield "governance readers", lambda: facts.readers("lake", estate.name())
    yield "governance lineage", lambda: facts.lineage_of("lake", estate.name())
    yield "governance usage", lambda: facts.usage_of("lake", estate.name(), today - timedelta(days=30), today)
    yield "governance search, a whole name", lambda: queries.search(estate.name())
    yield "governance search, the beginning of a name", lambda: queries.search(scope_name(estate.scope()) + ".tab")
    yield "governance search, a rare word", lambda: queries.search(estate.group())
    yield "governance search, a word of every dataset", lambda: queries.search("synthetic")
    yield "governance history", history
    yield "governance diff, as many changes", diff
    yield "governance status", status


def views(estate: Estate) -> Iterator[tuple[str, Ask]]:
    """Every view, and every function of a moment, with a condition on its key."""

    def key() -> Key:
        scope = estate.scope()
        return Key("lake", scope_name(scope), estate.name(), estate.draw.randrange(DAYS), estate.draw, role(scope))

    for name, values in by_key().items():

        def ask(values: Callable[[psycopg.Connection, Key], tuple[str, Sequence[Any]]] = values) -> Any:
            with estate.inventory.connection() as conn:
                query, parameters = values(conn, key())
                begun = time.perf_counter()
                rows = conn.execute(query.encode(), parameters).fetchall()
                return time.perf_counter() - begun, len(rows)

        yield name, ask


def changed_table(estate: Estate, turn: int) -> float:
    """Seconds of a sync of one scope in which one dataset differs; its pages are made beforehand."""
    scope = (turn * 7) % estate.scopes
    versions = {**versions_on(DAYS, scope), turn % PER_SCOPE: DAYS + 1 + turn}
    listed = list(pages(scope, versions))
    begun = time.perf_counter()
    one_sync(estate.inventory, {scope: versions}, listed={scope: listed})
    return time.perf_counter() - begun


def milliseconds(ask: Ask) -> float:
    """How long one asking took; where the asking times itself, what it says."""
    begun = time.perf_counter()
    said = ask()
    took = said[0] if isinstance(said, tuple) else time.perf_counter() - begun
    return float(took) * 1000


def quarter(times: Sequence[float]) -> float:
    """What a quarter of the times stays below."""
    return statistics.quantiles(times, n=4)[0]


def compared(estates: Sequence[Estate]) -> dict[str, list[float]]:
    """The ms of each question at each size."""
    out: dict[str, list[float]] = {}
    for ask_of in (questions, views):
        for same in zip(*(ask_of(e) for e in estates), strict=True):
            name = same[0][0]
            for _ in range(WARM):
                for _, ask in same:
                    ask()
            times: list[list[float]] = []
            until = time.perf_counter() + SECONDS
            while len(times) < TIMES or (time.perf_counter() < until and len(times) < MOST_TIMES):
                times.append([statistics.mean(milliseconds(ask) for _ in range(IN_A_ROW)) for _, ask in same])
            out[name] = [quarter(column) for column in zip(*times, strict=True)]
    turns = [[changed_table(e, turn) * 1000 for e in estates] for turn in range(WARM + 12)][WARM:]
    out["sync of a scope with one changed table"] = [quarter(column) for column in zip(*turns, strict=True)]
    return out


@contextmanager
def loaded(sizes: Sequence[int]) -> Iterator[list[Estate]]:
    """The inventories, on a server of their own."""
    with tempfile.TemporaryDirectory(prefix="bench-growth-") as folder, ExitStack() as stack:
        home = Path(folder)
        home.chmod(0o755)  # the embedded server may run as another user
        stack.callback(stop_server, home)
        base = ensure_server(home)
        estates = []
        for size in sizes:
            url = ensure_database(base, f"growth_{size}")
            migrate(url)
            load(url, size)
            with Inventory(url) as inventory:
                load_facets(inventory, range(max(1, size // PER_SCOPE)))
            estates.append(Estate(url, size, seed=7))
            stack.callback(estates[-1].inventory.close)
        yield estates


def run(sizes: Sequence[int]) -> dict[str, Any]:
    """Loads and asks; the figures."""
    begun = time.perf_counter()
    with loaded(sizes) as estates:
        load_s = time.perf_counter() - begun
        with estates[0].inventory.connection() as conn:
            left_out = unasked(conn)
        return {"sizes": list(sizes), "load_s": load_s, "ms": compared(estates), "unasked": left_out}


if __name__ == "__main__":
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--sizes", default="10000,100000")
    print(json.dumps(run([int(size) for size in options.parse_args().sizes.split(",")])))
