"""`governance status`: what runs, and how each source stands in the inventory."""

import json
import sys
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

import msgspec
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from governance.errors import GovernanceError
from governance_pipelines import processes
from governance_pipelines.bindings import Installation, installation
from governance_pipelines.display import COLOURS, console
from governance_pipelines.sandbox_service import ATLAS, SANDBOX
from governance_pipelines.services import SERVICES, web_address

NEVER = "never synced"


@dataclass(frozen=True)
class Standing:
    """One source: what the inventory holds of it, and how its last sync ended."""

    source: str
    platform: str
    datasets: int
    columns: int
    last_complete_sync_at: datetime | None
    last_status: str
    last_sync_at: datetime | None
    pace: list[dict[str, Any]]


def run_status(as_json: bool) -> int:
    """Shows both; what cannot be read is said, and is no failure of this command."""
    out, here = console(), installation()
    running = _running(here)
    standings, problem = _standings(here) if running.get("PostgreSQL", True) else (None, "PostgreSQL does not run")
    content: dict[str, Any] = {
        "home": str(here.home),
        "estate": str(here.estate_path),
        "address": web_address(here.home),
        "running": running,
        "sources": None if standings is None else [asdict(one) for one in standings],
        "sources_problem": problem or None,
    }
    if as_json:
        sys.stdout.write(json.dumps(content, indent=2, ensure_ascii=False, default=datetime.isoformat) + "\n")
        return 0
    for name, runs in running.items():
        out.print(f"{'[green]✓[/]' if runs else '[dim]·[/]'} {name}{'' if runs else ' [dim]does not run[/]'}")
    for name in ("address", "estate", "home"):
        out.print(f"{name:<9} {content[name] or 'none'}", markup=False)
    if standings:
        _show(out, standings)
    elif problem:
        out.print(f"sources   unknown: {problem}", markup=False)
    return 0


def _running(here: Installation) -> dict[str, bool]:
    """Every process of this installation by name; PostgreSQL only where it is the embedded one."""
    from resources.inventory.server import server_running

    running = {name: processes.running(here.home, name) is not None for name in (*SERVICES, SANDBOX)}
    if processes.record_of(here.home, ATLAS):
        running[ATLAS] = processes.running(here.home, ATLAS) is not None
    if here.database_url is None:
        running["PostgreSQL"] = server_running(here.home)
    return running


def _standings(here: Installation) -> tuple[list[Standing] | None, str]:
    """The sources that the inventory knows, then those of the estate that it does not; or why they are unknown."""
    from resources.inventory import pace

    found = []
    try:
        with here.inventory_resource().open() as inventory:
            queries, paces = inventory.queries(), pace.rows(inventory)
            for row in queries.sources():
                last = next(iter(queries.runs(row.source, limit=1)), None)
                found.append(
                    Standing(
                        row.source,
                        row.platform,
                        row.datasets,
                        row.columns,
                        row.last_complete_sync_at,
                        last.status if last else NEVER,
                        last.started_at if last else None,
                        [msgspec.to_builtins(one) for one in paces if one.source == row.source],
                    )
                )
    except GovernanceError as error:
        return None, error.message
    known = {one.source for one in found}
    return found + [one for one in _declared(here) if one.source not in known], ""


def _declared(here: Installation) -> list[Standing]:
    """The estate's sources; none where it cannot be read, which `doctor` and `sync` say."""
    try:
        sources = here.estate().sources
    except GovernanceError:
        return []
    return [Standing(s.name, s.platform, 0, 0, None, NEVER, None, []) for s in sources]


def _pace_in_words(pace: list[dict[str, Any]]) -> str:
    """The calls at once and the calls a second that are known; the view has the rest."""
    units = {"concurrency": "at once", "rate": "a second"}
    known = [one for one in pace if one["kind"] in units and one["value"] is not None]
    return ", ".join(f"{one['bucket']} {one['value']:.3g} {units[one['kind']]}" for one in known)


def _show(out: Console, standings: list[Standing]) -> None:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("source", "platform"):
        table.add_column(name, no_wrap=True)
    for name in ("datasets", "columns"):
        table.add_column(name, justify="right", no_wrap=True)
    for name in ("last complete sync", "last sync", "status"):
        table.add_column(name, no_wrap=True)
    for one in standings:
        colour = COLOURS.get(one.last_status, "dim")
        counts = (f"{one.datasets:,}", f"{one.columns:,}")
        moments = (_when(one.last_complete_sync_at), _when(one.last_sync_at))
        table.add_row(
            escape(one.source),
            one.platform,
            *counts,
            *moments,
            f"[{colour}]{one.last_status}[/]",
        )
    out.print()
    out.print(table)
    if paces := {one.source: words for one in standings if (words := _pace_in_words(one.pace))}:
        out.print()
    for source, words in paces.items():
        out.print(f"pace of {source}: {words}", markup=False)


def _when(at: datetime | None) -> str:
    return at.astimezone().strftime("%Y-%m-%d %H:%M:%S") if at else "never"
