"""The page of the benchmarks: parts are measured apart and shown together, and what is not reached is said."""

import re
from pathlib import Path
from typing import Any

import pytest

from bench import against_floor, results, speed
from bench.page import PAGE, written
from bench.report import FULL, options
from bench.tables import engine_table, growth_table, memory_table, speed_tables

FACTS = {"date": "2026-01-01 00:00 UTC", "processor": "2 x a processor", "took": "1.0 minutes"}


def part(figures: Any, **absent: str) -> dict[str, Any]:
    return {"facts": FACTS, "figures": figures, "absent": absent}


def process(wall: float) -> dict[str, float]:
    return {"wall_s": wall, "cpu_s": wall / 2, "rss_mb": 100.0, "wal_mb": 0.5, "rows": 0.0}


def cells(table: str, *words: str) -> list[str]:
    """The row that begins with these words."""
    rows = [[cell.strip() for cell in line.strip("| ").split("|")] for line in table.splitlines() if "|" in line]
    return next(row for row in rows if row[: len(words)] == list(words))


def raced(ours: float, theirs: float) -> dict[str, Any]:
    rounds = [{speed.OURS_FIRST: process(ours), speed.DATAHUB_REST: process(theirs)}]
    return {"speed": part({"20000": rounds})}


def test_a_ratio_says_whether_it_is_what_was_asked_for() -> None:
    met = cells(speed_tables(raced(5, 101)), speed.OURS_FIRST, speed.DATAHUB_REST)
    missed = cells(speed_tables(raced(5, 99)), speed.OURS_FIRST, speed.DATAHUB_REST)
    assert (met[3], met[-2:]) == ("20.2", ["20x", "yes"])
    assert (missed[3], missed[-2:]) == ("19.8", ["20x", "**no**"])


def test_a_ratio_is_taken_within_a_round() -> None:
    """Two rounds on a machine that was twice as busy in one of them: the ratio is that of both."""
    rounds = [{speed.OURS_FIRST: process(s), speed.DATAHUB_REST: process(25 * s)} for s in (4.0, 8.0)]
    assert cells(speed_tables({"speed": part({"20000": rounds})}), speed.OURS_FIRST, speed.DATAHUB_REST)[3] == "25.0"


def test_what_a_peer_lacks_is_left_out() -> None:
    shown = speed_tables({"speed": part({"20000": [{speed.OURS_FIRST: process(5)}]})})
    assert speed.DATAHUB_REST not in shown


def test_an_unchanged_source_is_held_to_its_wal_and_rows() -> None:
    ways = {way: process(1) for pair in against_floor.PAIRS.items() for way in (pair[0], pair[1][0])}
    ways[against_floor.ENGINE_AGAIN] |= {"wal_mb": 1.2, "rows": 3}
    shown = engine_table({"engine": part({"5000": [ways]})})
    assert cells(shown, "5,000", "WAL")[2:] == ["1.20 MB", "under 1 MB", "**no**"]
    assert cells(shown, "5,000", "rows written")[2:] == ["3", "none", "**no**"]


def test_memory_and_growth_are_held_to_the_first_size() -> None:
    sizes = {"5000": {"first load": {"rss_mb": 290}}, "100000": {"first load": {"rss_mb": 330}}}
    assert cells(memory_table({"memory": part(sizes)}), "first load")[3:] == ["1.14", "yes", "**no**"]
    grown = {"sizes": [10_000, 100_000], "unasked": ["odd"], "ms": {"a question": [1.0, 2.1], "another": [1.0, 1.9]}}
    shown = growth_table({"growth": part(grown)})
    assert cells(shown, "a question")[-1] == "**no**"
    assert cells(shown, "another")[-1] == "yes"
    assert "odd" in shown.splitlines()[-1]


def test_parts_are_kept_apart(tmp_path: Path) -> None:
    file = tmp_path / "results.json"
    results.keep(file, "speed", FACTS, {"1": 1}, {"datahub": "no web"})
    results.keep(file, "growth", FACTS, {"2": 2}, {})
    kept = results.keep(file, "speed", {**FACTS, "date": "later"}, {"3": 3}, {})
    assert (kept["speed"], kept["growth"]["figures"]) == (
        {"facts": {**FACTS, "date": "later"}, "figures": {"3": 3}, "absent": {}},
        {"2": 2},
    )


def test_the_page_shows_the_parts_that_are_there() -> None:
    text = written({"speed": part(raced(5, 101)["speed"]["figures"], openmetadata="It cannot be installed.")})
    assert "## Speed" in text
    assert "## Growth" not in text
    assert "performance-growth.svg" not in text
    assert "**openmetadata was not measured.** It cannot be installed." in text
    assert not re.search(r"<!--", text)


def test_the_page_tells_apart_what_differs_between_the_parts() -> None:
    engine = {"5000": [{way: process(1) for pair in against_floor.PAIRS.items() for way in (pair[0], pair[1][0])}]}
    two = {**raced(5, 101), "engine": {**part(engine), "facts": {**FACTS, "date": "another day"}}}
    text = written(two)
    assert cells(text, "processor") == ["processor", "2 x a processor"]
    assert cells(text, "date") == ["date", FACTS["date"], "another day"]


def test_sizes_of_its_own_are_a_quick_look() -> None:
    whole, quick = options([]), options(["--tables", "500", "--parts", "speed,memory"])
    assert (whole.tables, whole.growth, whole.parts) == (FULL["tables"], FULL["growth"], list(results_parts()))
    assert (quick.tables, quick.memory, quick.parts) == ([500], [500, 2000], ["speed", "memory"])
    with pytest.raises(SystemExit):
        options(["--parts", "spede"])


def results_parts() -> tuple[str, ...]:
    return ("speed", "engine", "memory", "growth")


@pytest.mark.skipif(not results.KEPT.exists(), reason="nothing was measured yet")
def test_the_page_is_what_its_results_say() -> None:
    assert PAGE.read_text(encoding="utf-8") == written(results.read(results.KEPT))
