"""`governance export`: the inventory, or what changed since a time, in open forms."""

import sys
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Literal

import msgspec
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn

from governance.errors import ConfigurationError
from governance.export.manifest import Manifest
from governance_pipelines.bindings import installation
from governance_pipelines.commands.moments import moment
from governance_pipelines.display import console
from resources.inventory.export import Request, export


def run(
    form: Literal["parquet", "jsonl", "openlineage"],
    output: Path,
    since: str | None,
    as_of: str | None,
    source: str | None,
    overwrite: bool,
    compressed: bool,
    namespaces: Sequence[str],
    as_json: bool,
) -> int:
    """Writes the directory and says what is in it."""
    now = datetime.now().astimezone()
    if compressed and form == "parquet":
        raise ConfigurationError("Parquet files are compressed already", operation="--gzip", remedy="leave it out")
    request = Request(
        format=form,
        output=output.expanduser(),
        since=moment(since, now, "--since") if since else None,
        as_of=moment(as_of, now, "--as-of") if as_of else None,
        source=source,
        overwrite=overwrite,
        gzip=compressed,
        namespaces=_namespaces(namespaces),
    )
    out = console(to_stderr=True)
    try:
        with installation().inventory_resource().open() as inventory, _Bar(out) as bar:
            manifest = export(inventory, request, bar)
    except OSError as error:
        raise ConfigurationError(
            f"{output} cannot be written: {error}", operation="export", remedy="name a directory with room to write in"
        ) from error
    if as_json:
        sys.stdout.write(manifest.json().decode())
        return 0
    _show(console(), output, manifest)
    return 0


def _namespaces(given: Sequence[str]) -> dict[str, str]:
    pairs = [entry.partition("=") for entry in given]
    for (source, equals, namespace), entry in zip(pairs, given, strict=True):
        if not source or not equals or not namespace:
            raise ConfigurationError(
                f"{entry!r} names no source and namespace",
                operation="--namespace",
                remedy="write SOURCE=NAMESPACE, such as warehouse=snowflake://acme-prod",
            )
    return {source: namespace for source, _, namespace in pairs}


def _show(out: Console, output: Path, manifest: Manifest) -> None:
    size = sum(f.bytes for f in manifest.files)
    for file in manifest.files:
        out.print(f"  {escape(file.name):<28} {file.rows:>12,} rows {file.bytes:>14,} bytes")
    when = manifest.moment.astimezone().strftime("%Y-%m-%d %H:%M:%S")
    out.print(f"[green]✓[/] {escape(str(output))}: the inventory at {when}, {size:,} bytes", soft_wrap=True)
    following = msgspec.to_builtins(manifest.next_since)
    out.print(f"  [dim]what changes after it: governance export --since {following} …[/]", soft_wrap=True)


class _Bar:
    """A bar over the files on a terminal; nothing elsewhere, where the summary says it all."""

    def __init__(self, out: Console) -> None:
        self._bars = Progress(
            SpinnerColumn(),
            TextColumn("{task.description:<18}"),
            BarColumn(bar_width=32),
            MofNCompleteColumn(),
            TextColumn("files  [dim]{task.fields[rows]:,} rows[/]"),
            TimeElapsedColumn(),
            console=out,
            transient=True,
            disable=not out.is_terminal,
        )
        self._task: TaskID | None = None
        self._rows = 0

    def __enter__(self) -> "_Bar":
        self._bars.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bars.stop()

    def begin(self, name: str, number: int, total: int) -> None:
        """The file of this name is next."""
        if self._task is None:
            self._task = self._bars.add_task(escape(name), total=total, rows=0)
        self._bars.update(self._task, description=escape(name), completed=number - 1)

    def rows(self, count: int) -> None:
        """So many more rows are in it."""
        self._rows += count
        if self._task is not None:
            self._bars.update(self._task, rows=self._rows)
