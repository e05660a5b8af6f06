"""Results as Markdown tables: what was measured, what was asked for, and whether it is reached."""

import statistics
from collections.abc import Callable, Iterable, Sequence

from bench import against_floor, memory, speed
from bench.processes import COLUMNS
from bench.results import Results

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
    for size, rounds in results["speed"]["figures"].items():
        tables = int(size)
        rows = []
        for way in rounds[0]:
            wall = median(rounds, way, "wall_s")
            server = f"{median(rounds, way, 'postgres_cpu_s'):.1f}" if "postgres_cpu_s" in rounds[0][way] else ""
            cpu, rss = median(rounds, way, "cpu_s"), median(rounds, way, "rss_mb")
            rows.append([way, f"{wall:.2f}", f"{cpu:.2f}", server, f"{rss:.0f}", f"{tables / wall:,.0f}"])
        rows.sort(key=lambda row: float(str(row[1])))
        columns = ("process", "wall s", "CPU s", "PostgreSQL CPU s", "peak RSS MB", "tables/s")
        out.append(f"### {tables:,} tables of {COLUMNS} columns\n\n{table(columns, rows)}")
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
    """Ours without Dagster beside the floor, and what an unchanged source costs the database."""
    rows, ratios, costs = [], [], []
    for size, rounds in results["engine"]["figures"].items():
        tables = f"{int(size):,}"
        for way in rounds[0]:
            wall, cpu, rss, wal = (median(rounds, way, f) for f in ("wall_s", "cpu_s", "rss_mb", "wal_mb"))
            written = f"{median(rounds, way, 'rows'):,.0f}" if "rows" in rounds[0][way] else ""
            figures = [f"{wall:.2f}", f"{cpu:.2f}", f"{rss:.0f}", f"{wal:.2f}", written, f"{int(size) / wall:,.0f}"]
            rows.append([way, tables, *figures])
        for ours, (floor, asked) in against_floor.PAIRS.items():
            times = ratio(rounds, ours, floor)
            ratios.append([ours, floor, tables, f"{times:.1f}", f"{asked:g}x", verdict(times >= asked)])
        most = max(one[against_floor.ENGINE_AGAIN]["wal_mb"] for one in rounds)
        written_rows = max(one[against_floor.ENGINE_AGAIN]["rows"] for one in rounds)
        asked_wal = f"under {against_floor.MOST_WAL_MB:g} MB"
        costs.append([tables, "WAL", f"{most:.2f} MB", asked_wal, verdict(most < against_floor.MOST_WAL_MB)])
        costs.append([tables, "rows written", f"{written_rows:,.0f}", "none", verdict(written_rows == 0)])
    head = ("way", "tables", "wall s", "CPU s", "peak RSS MB", "WAL MB", "rows written", "tables/s")
    beside = ("ours", "beside", "tables", "times by wall", "asked for", "reached")
    cost = ("tables", "a full listing of an unchanged source: the most of", "measured", "asked for", "reached")
    return "\n\n".join([table(head, rows), table(beside, ratios, words=2), table(cost, costs, words=2)])


def memory_table(results: Results) -> str:
    """Peaks at the sizes, and the growth from the first to the last."""
    measured = results["memory"]["figures"]
    sizes = list(measured)
    ways = list(measured[sizes[0]])
    rows = []
    for way in ways:
        peaks = [measured[size][way]["rss_mb"] for size in sizes]
        growth = peaks[-1] / peaks[0]
        small = verdict(peaks[0] < memory.MOST_MB)
        rows.append([way, *(f"{p:.0f}" for p in peaks), f"{growth:.2f}", small, verdict(growth <= memory.MOST_GROWTH)])
    named = [f"{int(size):,} tables, MB" for size in sizes]
    head = ("`governance sync`", *named, "growth", f"below {memory.MOST_MB} MB", f"at most {memory.MOST_GROWTH:g}x")
    return table(head, rows)


def growth_table(results: Results) -> str:
    """Milliseconds at the sizes, and how many times as long at the larger."""
    grown = results["growth"]["figures"]
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
