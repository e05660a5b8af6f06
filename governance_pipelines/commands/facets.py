"""`governance facets`: access, lineage and usage in this process, with progress."""

import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from governance.errors import ConfigurationError
from governance_pipelines.bindings import Installation, installation
from governance_pipelines.commands.sync import EXIT
from governance_pipelines.display import COLOURS, SyncProgress, aside, console
from governance_pipelines.home import prepare
from governance_pipelines.logs import configure_logging

if TYPE_CHECKING:
    from governance_pipelines.launch_facets import FacetResult


def run(
    sources: Sequence[str], facets: Sequence[str], days: tuple[str | None, str | None], accept_loss: bool, as_json: bool
) -> int:
    """Reads the facets and shows; the worst outcome is the exit code."""
    here = installation()
    configure_logging(here.settings.logging)
    here.estate()
    prepare(here)
    out = console(to_stderr=as_json)
    results = read(here, out, sources, facets, _days(*days), accept_loss)
    worst = next((s for s in ("failed", "partial") if s in {r.status for r in results}), "complete")
    if as_json:
        content = {"status": worst, "facets": [asdict(r) for r in results]}
        sys.stdout.write(json.dumps(content, indent=2, ensure_ascii=False) + "\n")
    else:
        show(out, results)
    return EXIT[worst]


def read(
    here: Installation,
    out: Console,
    sources: Sequence[str] = (),
    facets: Sequence[str] = (),
    days: tuple[date, date] | None = None,
    accept_loss: bool = False,
) -> "list[FacetResult]":
    """Runs the facets' jobs with progress on `out`; Dagster's own log goes to `logs/sync.log`."""
    with aside(here.home / "logs" / "sync.log"), SyncProgress(out) as progress:
        from governance_pipelines.launch_facets import run_facets

        return run_facets(here, sources, facets, days or _yesterday(), accept_loss, progress)


def show(out: Console, results: "Sequence[FacetResult]") -> None:
    """The table at the end, and below it why anything is not complete."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("source", "facet", "status"):
        table.add_column(name, no_wrap=True)
    for name in ("facts", "began", "ended", "quarantined", "seconds"):
        table.add_column(name, justify="right", no_wrap=True)
    for r in results:
        counts = (f"{r.counts.get(n, 0):,}" for n in ("facts", "created", "closed", "quarantined"))
        colour = COLOURS.get(r.status, "red")
        table.add_row(escape(r.source), r.facet, f"[{colour}]{r.status}[/]", *counts, f"{r.seconds:.1f}")
    out.print(table)
    for r in results:
        for reason in r.reasons[:5]:
            out.print(f"[{COLOURS.get(r.status, 'red')}]{escape(r.source)} {r.facet}[/]: {escape(reason)}")


def _yesterday() -> tuple[date, date]:
    day = datetime.now(UTC).date() - timedelta(days=1)
    return day, day


def _days(first: str | None, last: str | None) -> tuple[date, date] | None:
    """The range of `--from` and `--to`, each a day as YYYY-MM-DD."""
    if first is None and last is None:
        return None
    try:
        begin = date.fromisoformat(first or last or "")
        end = date.fromisoformat(last or first or "")
    except ValueError as error:
        raise ConfigurationError(
            f"not a day: {error}", operation="--from, --to", remedy="write days as YYYY-MM-DD"
        ) from error
    if end < begin:
        raise ConfigurationError("the range ends before it begins", operation="--to", remedy="swap --from and --to")
    return begin, end
