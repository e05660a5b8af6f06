"""Everything that is measured, in one command: `make bench`.

python -m bench.report [--tables 5000,20000] [--rounds 2] [--memory 5000,100000] [--growth 10000,100000] [--parts …]

The whole, at its own sizes, writes `bench/results.json`, and from it docs/performance.md with its plots. Other sizes,
or some of the parts, are a quick look: the tables are printed, and the figures stay in `.bench/results.json`.
"""

import argparse
import json
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from bench import against_floor, growth, memory, speed
from bench.machine import machine, versions
from bench.page import RESULTS, page, shown
from bench.peers.install import PEERS, install
from bench.processes import STATE
from resources.inventory.server import ensure_server, stop_server

PARTS = ("speed", "engine", "memory", "growth")
FULL = {"tables": [5_000, 20_000], "memory": [5_000, 100_000], "growth": [10_000, 100_000], "rounds": 2}


def log(line: str) -> None:
    """Tells how far it is, with the time."""
    print(f"{time.strftime('%H:%M:%S')}  {line}", file=sys.stderr, flush=True)


def measured(given: argparse.Namespace) -> dict[str, Any]:
    """All figures of the parts that are wanted."""
    results: dict[str, Any] = {"machine": machine(), "command": given.command, "absent": {}, "rounds": given.rounds}
    if "speed" in given.parts:
        problems = {peer.name: problem for peer in PEERS if (problem := install(peer))}
        results["absent"] = problems
        for problem in problems.values():
            log(problem)
        results["speed"] = {n: speed.run(n, given.rounds, set(problems), log) for n in given.tables}
    if "engine" in given.parts:
        with tempfile.TemporaryDirectory(prefix="bench-engine-") as folder:
            home = Path(folder)
            home.chmod(0o755)  # the embedded server may run as another user
            try:
                base = ensure_server(home)
                results["engine"] = {n: against_floor.run(base, n, given.rounds, log) for n in given.tables}
            finally:
                stop_server(home)
    if "memory" in given.parts:
        results["memory"] = {n: memory.run(n, log) for n in given.memory}
    if "growth" in given.parts:
        log(f"growth: loading {' and '.join(f'{n:,}' for n in given.growth)} datasets with {growth.DAYS} days each")
        results["growth"] = growth.run(given.growth)
    return {**results, "versions": versions(), "took_s": _seconds_of(given)}


def _seconds_of(given: argparse.Namespace) -> float:
    return round(time.monotonic() - given.begun)


def options() -> argparse.Namespace:
    """What is asked for; `whole` where it is everything at its own sizes."""

    def sizes(text: str) -> list[int]:
        return [int(part) for part in text.replace("_", "").split(",")]

    out = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    out.add_argument("--tables", type=sizes, help="tables of the endpoint; a number under 5000 makes all parts small")
    out.add_argument("--rounds", type=int)
    out.add_argument("--memory", type=sizes, help="tables whose sync's memory is compared")
    out.add_argument("--growth", type=sizes, help="datasets of the inventories that are compared")
    out.add_argument("--parts", default=",".join(PARTS), type=lambda text: text.split(","))
    out.add_argument("--render", action="store_true", help="measure nothing: write the page from bench/results.json")
    given = out.parse_args()
    if unknown := set(given.parts) - set(PARTS):
        out.error(f"no such part: {', '.join(sorted(unknown))}; there are {', '.join(PARTS)}")
    small = given.tables is not None and max(given.tables) < FULL["tables"][0]
    few = given.tables or []
    quick = (
        {"tables": few, "memory": [few[0], 4 * few[0]], "growth": [few[0], 4 * few[0]], "rounds": 1} if small else {}
    )
    for name, value in (FULL | quick).items():
        if getattr(given, name) is None:
            setattr(given, name, value)
    given.whole = set(given.parts) == set(PARTS) and all(getattr(given, name) == FULL[name] for name in FULL)
    given.command = " ".join(["python -m bench.report", *sys.argv[1:]])
    given.begun = time.monotonic()
    return given


def main() -> int:
    """Measures, keeps, shows."""
    given = options()
    if given.render:
        page(json.loads(RESULTS.read_bytes()))
        return 0
    results = json.loads(json.dumps(measured(given)))
    to: Path = RESULTS if given.whole else STATE / "results.json"
    to.parent.mkdir(exist_ok=True)
    to.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    print(shown(results))
    if given.whole:
        page(results)
    return 0


if __name__ == "__main__":
    sys.exit(main())
