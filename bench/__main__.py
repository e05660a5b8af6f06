"""The sync engine and the bare floor on the same endpoint and server, in turn; a table of medians and ratios.

python -m bench [--tables 5000] [--runs 3]
"""

import argparse
import json
import re
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from resources.inventory.server import ensure_database, ensure_server, stop_server

COLUMNS, PER_DATABASE = 20, 250
Figures = dict[str, float]


def script(module: str, *arguments: str) -> Figures:
    """What a bench script prints."""
    out = subprocess.run([sys.executable, "-m", module, *arguments], capture_output=True, text=True, check=False)
    if out.returncode:
        raise SystemExit(f"{module} failed:\n{out.stdout}{out.stderr}")
    figures: Figures = json.loads(out.stdout.strip().splitlines()[-1])
    return figures


def measured(endpoint: str, base: str, run: int) -> dict[str, Figures]:
    """One round: each way first on an empty target, then with nothing changed."""
    floor, ours = ensure_database(base, f"floor_{run}"), ensure_database(base, f"engine_{run}")
    return {
        "floor, first load": script("bench.floor", "--endpoint", endpoint, "--url", floor),
        "engine, first load": script("bench.engine", "--endpoint", endpoint, "--url", ours, "--migrate"),
        "floor, nothing changed": script("bench.floor", "--endpoint", endpoint, "--url", floor, "--keep"),
        "engine, nothing changed": script("bench.engine", "--endpoint", endpoint, "--url", ours),
    }


def shown(rounds: list[dict[str, Figures]], tables: int) -> str:
    """Medians as a Markdown table, and the ratio of each engine row to its floor."""

    def median(way: str, figure: str) -> float:
        return statistics.median(r[way][figure] for r in rounds)

    lines = [
        f"{tables:,} tables of {COLUMNS} columns, {len(rounds)} rounds, medians; imports are not counted.",
        "",
        "| way | wall s | client CPU s | tables/s | peak RSS MB | times the floor |",
        "|---|--:|--:|--:|--:|--:|",
    ]
    for way in rounds[0]:
        floor = way.replace("engine", "floor")
        ratio = statistics.median(r[floor]["wall_s"] / r[way]["wall_s"] for r in rounds)
        wall = median(way, "wall_s")
        lines.append(
            f"| {way} | {wall:.2f} | {median(way, 'cpu_s'):.2f} | {tables / wall:,.0f} | {median(way, 'rss_mb'):.0f} "
            f"| {ratio:.1f} |"
        )
    return "\n".join(lines)


def main() -> None:
    """Starts what is needed, measures, stops it."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--tables", type=int, default=5000)
    options.add_argument("--runs", type=int, default=3)
    given = options.parse_args()
    replay = [sys.executable, "-m", "bench.glue_replay", "--databases", str(max(1, given.tables // PER_DATABASE))]
    with tempfile.TemporaryDirectory(prefix="bench") as folder:
        home = Path(folder)
        home.chmod(0o755)  # the embedded server may run as another user
        base = ensure_server(home)
        server = subprocess.Popen([*replay, "--tables", str(PER_DATABASE)], stdout=subprocess.PIPE, text=True)
        try:
            assert server.stdout is not None
            found = re.search(r"port (\d+)", server.stdout.readline())
            assert found, "the replay endpoint did not start"
            endpoint = f"http://127.0.0.1:{found[1]}"
            print(shown([measured(endpoint, base, run) for run in range(given.runs)], given.tables))
        finally:
            server.terminate()
            server.wait(timeout=10)
            stop_server(home)


if __name__ == "__main__":
    main()
