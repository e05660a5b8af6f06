"""docs/performance.md and its plots, written from the results of the parts that were measured."""

import re
from pathlib import Path

from bench.plots import plots
from bench.processes import ROOT
from bench.results import Results
from bench.tables import SECTIONS, table

PAGE = ROOT / "docs" / "performance.md"
IMAGES = ROOT / "docs" / "images"
_FRAME = Path(__file__).with_name("page.md")
_MARK = re.compile(r"<!-- (\w+) -->")


def shown(results: Results) -> str:
    """The tables of the parts that were measured, and which peers are missing."""
    parts = [f"## {part}\n\n{section(results)}" for part, section in SECTIONS.items() if part in results]
    return "\n\n".join([*parts, *_absent(results)]) + "\n"


def written(results: Results) -> str:
    """The page; the section of a part that was not measured is left out."""
    sections = re.split(r"(?m)^(?=## )", _FRAME.read_text(encoding="utf-8"))
    there = [s for s in sections if not (set(_MARK.findall(s)) & SECTIONS.keys()) - results.keys()]
    text = "".join(there)
    for part in SECTIONS.keys() & results.keys():
        text = text.replace(f"<!-- {part} -->", SECTIONS[part](results))
    text = text.replace("<!-- facts -->", _facts(results))
    absent = "\n\n".join(_absent(results)) or "Every peer could be installed and was measured."
    return text.replace("<!-- absent -->", absent).rstrip() + "\n"


def page(results: Results) -> None:
    """Writes the page and the plots."""
    PAGE.write_text(written(results), encoding="utf-8")
    plots(results, IMAGES)


def _facts(results: Results) -> str:
    """What each part was measured on and with; a column a part, one for all of them where they agree."""
    columns = [(part, results[part]["facts"]) for part in SECTIONS if part in results]
    names = list(dict.fromkeys(name for _, facts in columns for name in facts))
    rows = [[name, *(facts.get(name, "") for _, facts in columns)] for name in names]
    same = [[row[0], row[1]] for row in rows if len(set(row[1:])) == 1]
    apart = [row for row in rows if len(set(row[1:])) > 1]
    tables = [table(("of all parts", ""), same, words=2)] if same else []
    head = ("", *(part for part, _ in columns))
    return "\n\n".join([*tables, *([table(head, apart, words=len(head))] if apart else [])])


def _absent(results: Results) -> list[str]:
    """A sentence for each peer that could not be measured."""
    problems = {name: problem for part in results.values() for name, problem in part["absent"].items()}
    return [f"**{name} was not measured.** {problem}" for name, problem in problems.items()]
