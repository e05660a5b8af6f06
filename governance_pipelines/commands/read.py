"""`governance history`, `diff` and `search`: the inventory read by people and by scripts."""

import json
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from itertools import groupby
from typing import TYPE_CHECKING, Any

import msgspec
from rich.console import Console
from rich.markup import escape

from governance.errors import NotFound
from governance_pipelines.bindings import installation
from governance_pipelines.commands.moments import moment
from governance_pipelines.display import console

if TYPE_CHECKING:
    from resources.inventory.queries import ChangeRow, InventoryQueries

_MARKS = {"created": "[green]+[/]", "deleted": "[red]-[/]", "restored": "[green]↺[/]", "updated": "[yellow]~[/]"}
_LONGEST = 60
_SHOWN = 50
"""Datasets of one kind of change that a person is shown; `--json` has all."""


def run_history(name: str, as_json: bool) -> int:
    """Every recorded change of one dataset, the oldest first."""
    source, colon, rest = name.partition(":")
    with _queries() as queries:
        rows = list(queries.history(name))
        if not rows and colon:
            rows = list(queries.history(rest, source=source))
        close = [] if rows else [hit.qualified_name for hit in queries.search(name, limit=3)]
        kept_since = queries.horizons().get("changes")
    if not rows:
        raise NotFound(
            f"the inventory knows no dataset {name}",
            platform="inventory",
            remedy=f"did you mean {' or '.join(close)}?" if close else "look for it with `governance search`",
        )
    if as_json:
        return _json(rows)
    out = console()
    for (source, qualified), changes in groupby(rows, key=lambda r: (r.source, r.qualified_name)):
        out.print(f"[bold]{escape(qualified)}[/] [dim]in {escape(source)}[/]", soft_wrap=True)
        told = list(changes)
        if kept_since is not None and told[0].change != "created":
            out.print(f"  [dim]{_when(kept_since)}  what changed before is no longer kept[/]", soft_wrap=True)
        for change in told:
            out.print(f"  {_when(change.at)}  {_change(change)}", soft_wrap=True)
    return 0


def run_diff(since: str, until: str | None, as_json: bool) -> int:
    """What changed between two moments, by source and dataset."""
    now = datetime.now().astimezone()
    begin = moment(since, now, "--since")
    end = moment(until, now, "--until") if until else now
    with _queries() as queries:
        rows = list(queries.diff(begin, end))
    if as_json:
        return _json(rows)
    out = console()
    if not rows:
        out.print(f"nothing changed between {_when(begin)} and {_when(end)}", markup=False)
    for source, of_source in groupby(sorted(rows, key=lambda r: (r.source, r.qualified_name)), key=lambda r: r.source):
        _show_source(out, source, list(of_source))
    return 0


def _show_source(out: Console, source: str, rows: "Sequence[ChangeRow]") -> None:
    datasets = [(name, list(of)) for name, of in groupby(rows, key=lambda r: r.qualified_name)]
    out.print(f"[bold]{escape(source)}[/] [dim]{len(rows):,} changes on {len(datasets):,} datasets[/]")
    for name, changes in datasets[:_SHOWN]:
        whole = [c for c in changes if not c.field and not c.path]
        mark = _MARKS.get(whole[-1].change, "[yellow]~[/]") if whole else _MARKS["updated"]
        out.print(f"  {mark} {escape(name)}", soft_wrap=True)
        for change in changes:
            if change.field or change.path:
                out.print(f"      {_change(change)}", soft_wrap=True)
    if len(datasets) > _SHOWN:
        out.print(f"  … and {len(datasets) - _SHOWN:,} more datasets; --json prints all", markup=False)


def run_search(text: str, as_json: bool) -> int:
    """Datasets whose name or comment holds the text, the best first."""
    with _queries() as queries:
        hits = list(queries.search(text))
    if as_json:
        return _json(hits)
    out = console()
    if not hits:
        out.print("nothing found", markup=False)
        return 0
    for hit in hits:
        found_in = f"  in {', '.join(hit.columns[:5])}" if hit.columns else ""
        gone = "" if hit.state == "present" else f" ({hit.state})"
        out.print(
            f"[dim]{escape(hit.source)}[/]  [bold]{escape(hit.qualified_name)}[/]  {escape(hit.kind)}{gone}"
            f"  [dim]{escape(_short(hit.comment or '') + found_in)}[/]",
            soft_wrap=True,
        )
    return 0


@contextmanager
def _queries() -> "Iterator[InventoryQueries]":
    with installation().inventory_resource().open() as inventory:
        yield inventory.queries()


def _json(rows: Iterable[Any]) -> int:
    sys.stdout.write(json.dumps([msgspec.to_builtins(r) for r in rows], indent=2, ensure_ascii=False) + "\n")
    return 0


def _change(change: "ChangeRow") -> str:
    """One change in a line, such as `~ email type: string → varchar(320)`."""
    where = " ".join(escape(part) for part in (change.path, change.field) if part)
    mark = _MARKS.get(change.change, escape(change.change))
    if not where:
        return f"{mark} {change.change}"
    if change.change != "updated":
        return f"{mark} {where}"
    return f"{mark} {where}: {escape(_value(change.before))} → {escape(_value(change.after))}"


def _value(value: object) -> str:
    return (
        "none" if value is None else _short(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False))
    )


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _LONGEST else line[: _LONGEST - 1] + "…"


def _when(at: datetime) -> str:
    return at.astimezone().strftime("%Y-%m-%d %H:%M:%S")
