"""What a person sees of a command at work: steps, progress bars on a terminal, plain lines elsewhere."""

import os
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Table

if TYPE_CHECKING:
    from governance_pipelines.launch import SourceResult

_WIDTH_WITHOUT_TERMINAL = 140
COLOURS = {"complete": "green", "partial": "yellow", "failed": "red"}


def console(to_stderr: bool = False) -> Console:
    """A console on a copy of the stream: Dagster redirects the process's own streams while a step runs."""
    stream = sys.stderr if to_stderr else sys.stdout
    try:
        copy: Any = os.fdopen(os.dup(stream.fileno()), "w", encoding="utf-8", errors="replace", buffering=1)
    except (OSError, ValueError):
        copy = stream
    terminal = stream.isatty()
    return Console(file=copy, width=None if terminal else _WIDTH_WITHOUT_TERMINAL, highlight=False, soft_wrap=False)


class Step:
    """One step of a command; `detail` is shown behind its name when it is done."""

    def __init__(self, name: str, status: Any) -> None:
        self.name, self.detail, self._status = name, "", status

    def tell(self, what: str) -> None:
        """Shows on a terminal what the step waits for."""
        self._status.update(f"[bold]{escape(self.name)}[/] [dim]{escape(what)}[/]")


@contextmanager
def step(out: Console, name: str) -> Iterator[Step]:
    """Shows that a step is under way, then that it is done and how long it took; a failure shows as such."""
    begun = time.monotonic()
    with out.status(f"[bold]{escape(name)}[/]") as status:
        this, mark = Step(name, status), f"[red]✗[/] {escape(name)}"
        try:
            yield this
            mark = ""
        finally:
            if mark:
                out.print(mark)
    seconds = time.monotonic() - begun
    out.print(f"[green]✓[/] {escape(name):<14} {escape(this.detail)} [dim]{seconds:.1f} s[/]")


class SyncProgress:
    """Shows how a sync gets on: a bar for each source on a terminal, else a line now and then."""

    def __init__(self, out: Console) -> None:
        self._out = out
        self._lock = threading.Lock()
        self._tasks: dict[str, TaskID] = {}
        self._datasets: dict[str, int] = {}
        self._done: dict[str, tuple[int, int]] = {}
        self._bars = Progress(
            SpinnerColumn(finished_text="[green]✓[/]"),
            TextColumn("{task.description:<12}"),
            BarColumn(bar_width=32),
            MofNCompleteColumn(),
            TextColumn("scopes  [dim]{task.fields[datasets]:,} datasets{task.fields[skipped]}[/]"),
            TimeElapsedColumn(),
            console=out,
            disable=not out.is_terminal,
        )

    def __enter__(self) -> "SyncProgress":
        self._bars.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bars.stop()

    def on_scopes(self, source: str, total: int) -> None:
        """So many scopes will be read."""
        with self._lock:
            self._done[source] = (0, total)
            if self._out.is_terminal:
                self._tasks[source] = self._bars.add_task(escape(source), total=total, datasets=0, skipped="")
            else:
                self._line(f"{source}: {total} scopes to read")

    def on_datasets(self, source: str, count: int) -> None:
        """So many more datasets have been read."""
        with self._lock:
            self._datasets[source] = self._datasets.get(source, 0) + count
            if source in self._tasks:
                self._bars.update(self._tasks[source], datasets=self._datasets[source])

    def on_scope(self, source: str, scope: str, status: str) -> None:
        """A scope is done."""
        with self._lock:
            done, total = self._done.get(source, (0, 0))
            done += 1
            self._done[source] = (done, total)
            if source in self._tasks:
                self._bars.advance(self._tasks[source])
            elif str(status) != "complete":
                self._line(f"{source}: {scope} {status}")
            elif done == total or done * 10 // max(total, 1) != (done - 1) * 10 // max(total, 1):
                self._line(f"{source}: {done} of {total} scopes, {self._datasets.get(source, 0):,} datasets")

    def on_skipped(self, source: str, count: int) -> None:
        """So many scopes are done without having been read: their change token did not move."""
        with self._lock:
            done, total = self._done.get(source, (0, 0))
            self._done[source] = (done + count, total)
            if source in self._tasks:
                self._bars.update(self._tasks[source], advance=count, skipped=f", {count} unchanged by token")
            else:
                self._line(f"{source}: {count} of {total} scopes unchanged by token")

    def _line(self, text: str) -> None:
        self._out.print(text, markup=False)


def summary(out: Console, results: Sequence["SourceResult"]) -> None:
    """The table at the end of a sync, and below it why anything is not complete."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("source", "platform", "status"):
        table.add_column(name, no_wrap=True)
    for name in ("scopes", "datasets", "columns", "changes", "seconds"):
        table.add_column(name, justify="right", no_wrap=True)
    for r in results:
        counts = (f"{n:,}" for n in (r.scopes, r.datasets, r.columns, r.changes))
        colour = COLOURS.get(r.status, "red")
        table.add_row(escape(r.source), r.platform, f"[{colour}]{r.status}[/]", *counts, f"{r.seconds:.1f}")
    out.print()
    out.print(table)
    for r in results:
        if r.skipped:
            why = "did not change by their token and were not listed; --full lists them"
            out.print(f"{r.source}: {r.skipped} of {r.scopes} scopes {why}", style="dim", markup=False)
        for reason in r.reasons[:5]:
            out.print(f"[{COLOURS.get(r.status, 'red')}]{escape(r.source)}[/]: {escape(reason)}")
        if len(r.reasons) > 5:
            out.print(f"{r.source}: and {len(r.reasons) - 5} more reasons; see inventory.sync_scopes", markup=False)


@contextmanager
def aside(log: Path) -> Iterator[None]:
    """Sends what the process writes to stderr, Dagster's log above all, to a file instead."""
    log.parent.mkdir(parents=True, exist_ok=True)
    sys.stderr.flush()
    kept = os.dup(2)
    try:
        with log.open("ab") as out:
            os.dup2(out.fileno(), 2)
        yield
    finally:
        sys.stderr.flush()
        os.dup2(kept, 2)
        os.close(kept)
