"""The speed and the growth as pictures; matplotlib is needed only here."""

from pathlib import Path
from typing import Any

from bench import speed
from bench.results import Results
from bench.tables import MOST_GROWTH, median

_OURS, _THEIRS = "#2f6f4f", "#9aa5b1"


def plots(results: Results, folder: Path) -> None:
    """Writes performance-speed.svg and performance-growth.svg, those of the parts that were measured."""
    import matplotlib

    matplotlib.use("svg")
    matplotlib.rcParams.update({"svg.hashsalt": "governance", "font.size": 10, "svg.fonttype": "none"})
    folder.mkdir(parents=True, exist_ok=True)
    for part, drawn in (("speed", _speed), ("growth", _growth)):
        if part in results:
            _save(drawn(results[part]["figures"]), folder / f"performance-{part}.svg")


def _save(figure: Any, path: Path) -> None:
    figure.savefig(path, bbox_inches="tight", metadata={"Date": None})


def _figure(**size: float) -> Any:
    from matplotlib.figure import Figure

    return Figure(figsize=(size["width"], size["height"]), facecolor="white")


def _speed(figures: Any) -> Any:
    """Tables a second of every way, one panel a size."""
    sizes = list(figures)
    figure = _figure(width=9, height=0.5 + 2.6 * len(sizes))
    for at, size in enumerate(sizes):
        rounds = figures[size]
        rates = {way: int(size) / median(rounds, way, "wall_s") for way in rounds[0]}
        ways = sorted(rates, key=lambda way: rates[way])
        axes = figure.add_subplot(len(sizes), 1, at + 1)
        bars = axes.barh(ways, [rates[w] for w in ways], color=[_OURS if w in speed.OURS else _THEIRS for w in ways])
        axes.bar_label(bars, labels=[f"{rates[w]:,.0f}" for w in ways], padding=3)
        axes.set_title(f"{int(size):,} tables: tables a second, whole process", loc="left")
        axes.margins(x=0.12)
        axes.spines[["top", "right"]].set_visible(False)
    figure.tight_layout()
    return figure


def _growth(grown: Any) -> Any:
    """How many times as long each question takes in the larger inventory."""
    factors = {question: times[-1] / times[0] for question, times in grown["ms"].items()}
    questions = sorted(factors, key=lambda question: factors[question])
    figure = _figure(width=9, height=1 + 0.24 * len(questions))
    axes = figure.add_subplot()
    axes.barh(questions, [factors[q] for q in questions], color=_OURS)
    axes.axvline(MOST_GROWTH, color="black", linewidth=1, linestyle=":")
    small, large = grown["sizes"][0], grown["sizes"][-1]
    axes.set_title(f"Time in an inventory of {large:,} datasets, as a multiple of that in one of {small:,}", loc="left")
    axes.spines[["top", "right"]].set_visible(False)
    figure.tight_layout()
    return figure
