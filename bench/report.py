"""Everything that is measured, in one command: `make bench`.

python -m bench.report [--parts speed,engine,memory,growth] [--tables 5000,20000] [--rounds 1]
                       [--memory 5000,100000] [--growth 10000,100000] [--render]

Each part at its own sizes goes into `bench/results.json` as soon as it is measured, whichever parts are asked for, and
docs/performance.md with its plots is written from all that are there. Other sizes are a quick look: the tables are
printed, and the figures stay in `.bench/results.json`.
"""

import argparse
import importlib.util
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bench import against_floor, growth, memory, results, speed
from bench.growth_load import DAYS
from bench.machine import machine, versions
from bench.page import page, shown
from bench.peers.install import PEERS, install
from resources.inventory.server import ensure_server, stop_server

FULL = {"tables": [5_000, 20_000], "memory": [5_000, 100_000], "growth": [10_000, 100_000]}
SIZES = {"speed": "tables", "engine": "tables", "memory": "memory", "growth": "growth"}
"""The parts, and which of the sizes each has."""

ENGINE_ROUNDS = 7
"""At least: half a second of ours beside two of the floor's, and one hiccup is a fifth of it."""

Absent = dict[str, str]


def log(line: str) -> None:
    """Tells how far it is, with the time."""
    print(f"{time.strftime('%H:%M:%S')}  {line}", file=sys.stderr, flush=True)


def _speed(sizes: list[int], rounds: int) -> tuple[Any, Absent]:
    absent = {peer.name: problem for peer in PEERS if (problem := install(peer))}
    for problem in absent.values():
        log(problem)
    return {n: speed.run(n, rounds, absent, log) for n in sizes}, absent


def _engine(sizes: list[int], rounds: int) -> tuple[Any, Absent]:
    with tempfile.TemporaryDirectory(prefix="bench-engine-") as folder:
        home = Path(folder)
        home.chmod(0o755)  # the embedded server may run as another user
        try:
            base = ensure_server(home)
            return {n: against_floor.run(base, n, max(ENGINE_ROUNDS, rounds), log) for n in sizes}, {}
        finally:
            stop_server(home)


def _memory(sizes: list[int], _: int) -> tuple[Any, Absent]:
    return {n: memory.run(n, log) for n in sizes}, {}


def _growth(sizes: list[int], _: int) -> tuple[Any, Absent]:
    log(f"growth: loading {' and '.join(f'{n:,}' for n in sizes)} datasets with {DAYS} days each")
    return growth.run(sizes), {}


PARTS: dict[str, Callable[[list[int], int], tuple[Any, Absent]]] = {
    "speed": _speed,
    "engine": _engine,
    "memory": _memory,
    "growth": _growth,
}


def measure(part: str, given: argparse.Namespace) -> results.Results:
    """Measures one part and keeps it; all parts that are kept where it is."""
    sizes = getattr(given, SIZES[part])
    to = results.KEPT if sizes == FULL[SIZES[part]] else results.QUICK
    facts = {**machine(), "command": given.command, **versions()}
    begun = time.monotonic()
    figures, absent = PARTS[part](sizes, given.rounds)
    facts["took"] = f"{(time.monotonic() - begun) / 60:.1f} minutes"
    log(f"{part}: {facts['took']}")
    return results.keep(to, part, facts, figures, absent)


def options(arguments: list[str]) -> argparse.Namespace:
    """What is asked for."""

    def sizes(text: str) -> list[int]:
        return [int(part) for part in text.replace("_", "").split(",")]

    out = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    out.add_argument("--tables", type=sizes, help="tables of the endpoint; a number under 5000 makes all parts small")
    out.add_argument("--rounds", type=int, default=1)
    out.add_argument("--memory", type=sizes, help="tables whose sync's memory is compared")
    out.add_argument("--growth", type=sizes, help="datasets of the inventories that are compared")
    out.add_argument("--parts", default=",".join(PARTS), type=lambda text: text.split(","))
    out.add_argument("--render", action="store_true", help="measure nothing: write the page from bench/results.json")
    given = out.parse_args(arguments)
    if unknown := set(given.parts) - set(PARTS):
        out.error(f"no such part: {', '.join(sorted(unknown))}; there are {', '.join(PARTS)}")
    few = given.tables if given.tables and max(given.tables) < FULL["tables"][0] else None
    quick = {"tables": few, "memory": [few[0], 4 * few[0]], "growth": [few[0], 4 * few[0]]} if few else {}
    for name, value in (FULL | quick).items():
        if getattr(given, name) is None:
            setattr(given, name, value)
    given.command = " ".join(["python -m bench.report", *arguments])
    return given


def main() -> int:
    """Measures, keeps, shows."""
    given = options(sys.argv[1:])
    if importlib.util.find_spec("matplotlib") is None:
        raise SystemExit("the plots need matplotlib: run it by `make bench`, or install the extra `bench`")
    if not given.render:
        for part in given.parts:
            measured = measure(part, given)
            print(shown({part: measured[part]}))
    if kept := results.read(results.KEPT):
        page(kept)
    return 0


if __name__ == "__main__":
    sys.exit(main())
