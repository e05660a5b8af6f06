"""Results as Markdown tables: what was measured, what was asked for, and whether it is reached."""

import statistics
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from bench import against_floor, memory, speed
from bench.processes import COLUMNS

Results = dict[str, Any]
Round = dict[str, dict[str, float]]
MOST_GROWTH = 2.0


def table(head: Sequence[str], rows: Iterable[Sequence[object]], words: int = 1) -> str:
    """A Markdown table whose first `words` columns are words, the others figures."""
    lines = [f"| {' | '.join(head)} |", "|" + "|".join(["---"] * words + ["--:"] * (len(head) - words)) + "|"]
    return "\n".join([*lines, *(f"| {' | '.join(str(cell) for cell in row)} |" for row in rows)])


def median(rounds: Sequence[Round], way: str, figure: str) -> float:
    """Of all rounds."""
    return statistics.median(one[way][figure] for one in rounds)


def ratio(rounds: Sequence[Round], ours: str, theirs: str, figure: str = "wall_s") -> float:
    """How many times as much theirs costs: the median of the rounds' own ratios."""
    return statistics.median(one[theirs][figure] / one[ours][figure] for one in rounds)


def verdict(reached: bool) -> str:
    """A word for the last column."""
    return "yes" if reached else "**no**"


def speed_tables(results: Results) -> str:
    """Every way at every size, and then the ratios that are asked for."""
    out, ratios = [], []
    for size, rounds in results["speed"].items():
        tables = int(size)
        rows = []
        for way in rounds[0]:
            wall = median(rounds, way, "wall_s")
            server = f"{median(rounds, way, 'postgres_cpu_s'):.1f}" if "postgres_cpu_s" in rounds[0][way] else ""
            cpu, rss = median(rounds, way, "cpu_s"), median(rounds, way, "rss_mb")
            rows.append([way, f"{wall:.1f}", f"{cpu:.1f}", server, f"{rss:.0f}", f"{tables / wall:,.0f}"])
        rows.sort(key=lambda row: float(str(row[1])))
        head = ("whole process", "wall s", "CPU s", "PostgreSQL CPU s", "peak RSS MB", "tables/s")
        out.append(f"### {tables:,} tables of {COLUMNS} columns\n\n{table(head, rows)}")
        ratios += _ratios(tables, rounds)
    head = ("ours", "beside", "tables", "times by wall", "times by CPU", "asked for", "reached")
    return "\n\n".join([*out, "### How many times faster\n\n" + table(head, ratios, words=2)])


def _ratios(tables: int, rounds: Sequence[Round]) -> list[list[object]]:
    rows: list[list[object]] = []
    for target in speed.TARGETS:
        if target.ours not in rounds[0] or target.peer not in rounds[0]:
            continue
        wall = ratio(rounds, target.ours, target.peer)
        cpu = ratio(rounds, target.ours, target.peer, "cpu_s")
        asked = target.times.get(tables)
        words = (f"{asked:g}x", verdict(wall >= asked)) if asked else ("", "")
        rows.append([target.ours, target.peer, f"{tables:,}", f"{wall:.1f}", f"{cpu:.1f}", *words])
    return rows


def engine_table(results: Results) -> str:
    """Ours without Dagster beside the floor."""
    rows = []
    for size, rounds in results["engine"].items():
        for way in rounds[0]:
            beside = against_floor.PAIRS.get(way)
            times = ratio(rounds, way, beside[0]) if beside else None
            wall = median(rounds, way, "wall_s")
            figures = [f"{wall:.2f}", f"{median(rounds, way, 'cpu_s'):.2f}", f"{median(rounds, way, 'rss_mb'):.0f}"]
            wal = f"{median(rounds, way, 'wal_mb'):.2f}"
            words = (
                [f"{times:.1f}", f"{beside[1]:g}x", verdict(times >= beside[1])] if beside and times else ["", "", ""]
            )
            rows.append([way, f"{int(size):,}", *figures, wal, f"{int(size) / wall:,.0f}", *words])
    head = ("way", "tables", "wall s", "CPU s", "peak RSS MB", "WAL MB", "tables/s", "times", "asked for", "reached")
    return table(head, rows)


def memory_table(results: Results) -> str:
    """Peaks at the sizes, and the growth from the first to the last."""
    sizes = list(results["memory"])
    ways = list(results["memory"][sizes[0]])
    rows = []
    for way in ways:
        peaks = [results["memory"][size][way]["rss_mb"] for size in sizes]
        growth = peaks[-1] / peaks[0]
        small = verdict(peaks[0] < memory.MOST_MB)
        rows.append([way, *(f"{p:.0f}" for p in peaks), f"{growth:.2f}", small, verdict(growth <= memory.MOST_GROWTH)])
    named = [f"{int(size):,} tables, MB" for size in sizes]
    head = ("`governance sync`", *named, "growth", f"below {memory.MOST_MB} MB", f"at most {memory.MOST_GROWTH:g}x")
    return table(head, rows)


def growth_table(results: Results) -> str:
    """Milliseconds at the sizes, and how many times as long at the larger."""
    grown = results["growth"]
    rows = []
    for question, times in grown["ms"].items():
        factor = times[-1] / times[0]
        rows.append([question, *(f"{t:.2f}" for t in times), f"{factor:.2f}", verdict(factor <= MOST_GROWTH)])
    head = ("question", *(f"{n:,} datasets, ms" for n in grown["sizes"]), "times", f"at most {MOST_GROWTH:g}")
    unasked = grown["unasked"]
    left_out = (
        f"\n\nNot asked, since `bench/growth_views.py` names no key of theirs: {', '.join(unasked)}." if unasked else ""
    )
    return table(head, rows) + left_out


SECTIONS: dict[str, Callable[[Results], str]] = {
    "speed": speed_tables,
    "engine": engine_table,
    "memory": memory_table,
    "growth": growth_table,
}
