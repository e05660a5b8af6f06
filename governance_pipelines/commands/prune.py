"""`governance prune`: shows what is older than is to be kept and how large it is, and drops it."""

import getpass
import sys
from collections.abc import Mapping
from datetime import UTC, datetime

import msgspec
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from governance_pipelines.bindings import installation
from governance_pipelines.display import console
from resources.inventory.retention import WHATS, Piece, Plan, What, bounds, planned, pruning

_HOW = {"drop": "drop partition", "truncate": "empty", "delete": "delete rows"}


def run(keep_months: int | None, dry_run: bool, as_json: bool) -> int:
    """Prunes by the settings, or by one figure for everything."""
    here = installation()
    months: dict[What, int | None] = {
        what: keep_months or getattr(here.settings.retention, f"{what}_months") for what in WHATS
    }
    until = bounds(months, datetime.now(UTC))
    out = console(to_stderr=as_json)
    if not until:
        out.print("everything is kept: set GOVERNANCE_RETENTION__…_MONTHS, or give --keep-months", markup=False)
        return _json(Plan({}, ()), [], dry_run) if as_json else 0
    with here.inventory_resource().open() as inventory:
        if dry_run:
            plan = planned(inventory, until)
            _show(out, plan, "would go")
            return _json(plan, [], dry_run) if as_json else 0
        with pruning(inventory, until, f"cli:{getpass.getuser()}") as work:
            _show(out, work.plan, "goes")
            done = []
            if work.plan.pieces:
                for piece in work.run():
                    done.append(piece)
                    out.print(f"[green]✓[/] {_HOW[piece.how]} {escape(piece.name)}", soft_wrap=True)
            return _json(work.plan, done, dry_run) if as_json else 0


def _show(out: Console, plan: Plan, goes: str) -> None:
    _show_bounds(out, plan.bounds)
    if not plan.pieces:
        out.print("nothing is older", markup=False)
        return
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("what", goes, "of"):
        table.add_column(name, no_wrap=True)
    for name in ("rows", "size"):
        table.add_column(name, justify="right", no_wrap=True)
    for piece in plan.pieces:
        size = "" if piece.bytes is None else _size(piece.bytes)
        rows = f"{piece.rows:,}" if piece.rows or piece.how != "drop" else "not counted"
        table.add_row(piece.what, escape(f"{_HOW[piece.how]} {piece.name}"), escape(piece.table), rows, size)
    out.print(table)
    out.print(f"{len(plan.pieces)} pieces, {_size(plan.bytes)} on disk", markup=False)


def _show_bounds(out: Console, until: Mapping[What, datetime]) -> None:
    for what, since in until.items():
        out.print(f"[dim]{what} is kept since {since:%Y-%m-%d} UTC[/]" if what in ("history", "usage") else
                  f"[dim]{what} are kept since {since:%Y-%m-%d} UTC[/]")  # fmt: skip


def _size(count: int) -> str:
    size = float(count)
    for unit in ("bytes", "KiB", "MiB", "GiB"):
        if size < 1024 or unit == "GiB":
            break
        size /= 1024
    return f"{size:,.0f} {unit}" if unit == "bytes" else f"{size:,.1f} {unit}"


def _json(plan: Plan, done: list[Piece], dry_run: bool) -> int:
    body = {"dry_run": dry_run, "kept_since": plan.bounds, "pieces": plan.pieces if dry_run else done}
    sys.stdout.write(msgspec.json.format(msgspec.json.encode(body), indent=2).decode() + "\n")
    return 0
