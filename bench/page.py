"""docs/performance.md and its plots, written from the results of one whole run."""

from pathlib import Path

from bench.plots import plots
from bench.processes import ROOT
from bench.tables import SECTIONS, Results

RESULTS = ROOT / "bench" / "results.json"
PAGE = ROOT / "docs" / "performance.md"
IMAGES = ROOT / "docs" / "images"
_FRAME = Path(__file__).with_name("page.md")


def shown(results: Results) -> str:
    """The tables of the parts that were measured, and which peers are missing."""
    parts = [f"## {part}\n\n{section(results)}" for part, section in SECTIONS.items() if part in results]
    return "\n\n".join([*parts, _absent(results)]).rstrip() + "\n"


def page(results: Results) -> None:
    """Writes the page and the plots."""
    text = _FRAME.read_text(encoding="utf-8")
    for part, section in SECTIONS.items():
        text = text.replace(f"<!-- {part} -->", section(results))
    facts = results["machine"] | results["versions"] | {"took": f"{results['took_s'] / 60:.0f} minutes"}
    described = "\n".join(f"| {name} | {value} |" for name, value in facts.items())
    text = text.replace("<!-- machine -->", f"| what | value |\n|---|---|\n{described}")
    text = text.replace("<!-- command -->", results["command"]).replace("<!-- absent -->", _absent(results))
    PAGE.write_text(text, encoding="utf-8")
    plots(results, IMAGES)


def _absent(results: Results) -> str:
    """A sentence for each peer that could not be measured; says so where all were."""
    problems = [f"**{name} was not measured.** {problem}" for name, problem in results["absent"].items()]
    return "\n\n".join(problems) or "Every peer could be installed and was measured."
