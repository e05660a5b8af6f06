"""Two Celery workers beside one: six sources, 100 ms a call, one call at a time and one step at a time a worker.

python -m bench.workers [--scale 8] [--rounds 1]
"""

import argparse
import json
import os
import statistics
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from resources.inventory.migrations import migrate
from resources.inventory.server import ensure_database, ensure_server, stop_server
from sandbox.serving import Company, Served, running
from tests.fixtures.celery import cluster, lakes

SOURCES, CALL_SECONDS = 6, 0.1
PATIENCE = 1800

Figures = dict[str, float]


def run(scale: int, rounds: int, log: Callable[[str], None] = print) -> Figures:
    """Seconds of the estate's run with one worker and with two, in turn, each on empty databases.

    Args:
        scale: how large the account is; 8 has 40 databases.
        rounds: of one and two workers; the figures are medians.
        log: is told how far it is.

    Returns:
        `one_worker_s`, `two_workers_s`, `ratio`, and `calls`, which one source takes.
    """
    with _served(scale) as served, _server() as (folder, base):
        found: dict[int, list[float]] = {1: [], 2: []}
        for turn in range(rounds):
            for workers in found:
                found[workers].append(_seconds(served, folder, base, f"bench_{turn}_{workers}", workers))
                log(f"{workers} worker{'s' * (workers > 1)}: {found[workers][-1]:.1f} s")
        calls = served.face.faults.listed()[0]["struck"] / (rounds * len(found) * SOURCES)
    one, two = statistics.median(found[1]), statistics.median(found[2])
    ratio = statistics.median(a / b for a, b in zip(found[1], found[2], strict=True))
    return {"one_worker_s": one, "two_workers_s": two, "ratio": ratio, "calls": calls}


def _seconds(served: Served, folder: Path, base: str, name: str, workers: int) -> float:
    """From the start of the run to its end, with workers that are ready."""
    inventory = ensure_database(base, name)
    migrate(inventory)
    dagster, place = ensure_database(base, f"{name}_dagster"), folder / name
    place.mkdir()
    with cluster(place, inventory, dagster, lakes(served, SOURCES), sync__threads="1") as one, one.working(workers):
        done = one.run(timeout=PATIENCE)
        steps = one.steps(done.run_id)
        if not done.is_success or len(steps) != SOURCES or len({step.worker for step in steps}) != workers:
            raise SystemExit(f"the run ended with {done.status}: {(place / 'run.log').read_text()[-2000:]}")
        return one.seconds(done)


@contextmanager
def _served(scale: int) -> Iterator[Served]:
    with running(Company(scale=scale), ["glue"]) as servers:
        served = servers["glue"]
        os.environ.update(served.face.secrets())
        served.face.faults.replace([{"action": "slow", "seconds": CALL_SECONDS}])
        yield served


@contextmanager
def _server() -> Iterator[tuple[Path, str]]:
    with tempfile.TemporaryDirectory(prefix="bench-workers-") as name:
        folder = Path(name)
        folder.chmod(0o755)  # the embedded server may run as another user
        try:
            yield folder, ensure_server(folder)
        finally:
            stop_server(folder)


def main() -> None:
    """Prints the figures, and as JSON in the last line."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--scale", type=int, default=8)
    options.add_argument("--rounds", type=int, default=1)
    given = options.parse_args()
    figures = run(given.scale, given.rounds)
    print(f"two workers: {figures['ratio']:.2f} times as fast; {figures['calls']:.0f} calls a source")
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
