"""The words of the command line: commands, options, help and exit codes. What they do is in `commands/`.

Imports of everything heavy wait until a command runs, so that `governance --help` answers at once.
"""

import gc
import sys
from enum import Enum
from pathlib import Path
from typing import Annotated, TextIO

import typer

from governance.errors import ConfigurationError, GovernanceError

COMPLETE, FAILED, WRONG, PARTIAL, INTERRUPTED = 0, 1, 2, 3, 130
"""Exit codes: complete, failed, bad arguments or configuration, partial; and ended by Ctrl-C."""

app = typer.Typer(
    name="governance",
    help="Five data platforms in one PostgreSQL inventory, as Dagster assets.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)
sandbox = typer.Typer(help="A small company to try it on: servers that speak the platforms' protocols.")
app.add_typer(sandbox, name="sandbox", no_args_is_help=True)

Json = Annotated[bool, typer.Option("--json", help="Print JSON instead.")]
Scale = Annotated[int | None, typer.Option(min=1, help="Multiply the sandbox's estate.")]
Seed = Annotated[int | None, typer.Option(help="Draw row counts and sizes of glue and databricks anew.")]


class ExportForm(Enum):
    """Forms of `export`."""

    PARQUET = "parquet"
    JSONL = "jsonl"
    OPENLINEAGE = "openlineage"


@app.command()
def up(
    sync: Annotated[bool, typer.Option("--sync/--no-sync", help="Sync every source at the end.")] = True,
    port: Annotated[
        int | None, typer.Option(min=1, max=65535, help="Of the web UI; the next free one where taken.")
    ] = None,
    foreground: Annotated[bool, typer.Option("--foreground", help="Stay attached; SIGTERM ends everything.")] = False,
    scale: Scale = None,
    seed: Seed = None,
) -> None:
    """Start everything: database, sandbox (without an estate of your own), web UI and daemon; then sync."""
    from governance_pipelines.commands.services import run_up

    raise typer.Exit(run_up(sync, port, foreground, scale, seed))


@app.command()
def down() -> None:
    """Stop what `up` started. Nothing of it is left running; what is stored stays."""
    from governance_pipelines.commands.services import run_down

    raise typer.Exit(run_down())


@app.command()
def status(as_json: Json = False) -> None:
    """Show what runs, and how each source stands."""
    from governance_pipelines.commands.status import run_status

    raise typer.Exit(run_status(as_json))


@app.command()
def env() -> None:
    """Print `export` lines for plain Dagster commands: eval "$(governance env)"."""
    from governance_pipelines.commands.services import run_env

    raise typer.Exit(run_env())


@app.command()
def sync(
    sources: Annotated[list[str] | None, typer.Argument(metavar="[SOURCE]…", help="Default: all.")] = None,
    scope: Annotated[str | None, typer.Option(metavar="GLOB", help="Only the scopes whose name matches.")] = None,
    accept_loss: Annotated[
        bool, typer.Option("--accept-loss", help="Delete what is gone, even past the loss guard.")
    ] = False,
    full: Annotated[
        bool, typer.Option("--full", help="List every scope, even where its change token did not move.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Sync sources in this process. Exit status: 0 complete, 3 partial, 1 failed, 2 bad arguments."""
    from governance_pipelines.commands.sync import run

    raise typer.Exit(run(sources or [], scope, accept_loss, as_json, full))


@app.command()
def facets(
    sources: Annotated[list[str] | None, typer.Argument(metavar="[SOURCE]…", help="Default: all.")] = None,
    facet: Annotated[
        list[str] | None, typer.Option(help="access, lineage or usage; may be repeated. Default: all.")
    ] = None,
    first: Annotated[
        str | None, typer.Option("--from", help="First day of usage, YYYY-MM-DD. Default: yesterday.")
    ] = None,
    last: Annotated[str | None, typer.Option("--to", help="Last day of usage.")] = None,
    accept_loss: Annotated[
        bool, typer.Option("--accept-loss", help="Close what is gone, even past the loss guard.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Read access, lineage and usage in this process. Exit status as of sync."""
    from governance_pipelines.commands.facets import run

    raise typer.Exit(run(sources or [], facet or [], (first, last), accept_loss, as_json))


@app.command()
def readers(
    name: Annotated[str, typer.Argument(help="Qualified name of a dataset, or SOURCE:NAME.")],
    column: Annotated[str, typer.Option(help="Path of one column.")] = "",
    as_json: Json = False,
) -> None:
    """Show who can read a dataset or column, by which way, and what masks it."""
    from governance_pipelines.commands.facts import run_readers

    raise typer.Exit(run_readers(name, column, as_json))


@app.command()
def lineage(
    name: Annotated[str, typer.Argument(help="Qualified name of a dataset, or SOURCE:NAME.")],
    column: Annotated[str, typer.Option(help="Path of one column.")] = "",
    down: Annotated[bool, typer.Option("--down", help="What it feeds, rather than what feeds it.")] = False,
    as_json: Json = False,
) -> None:
    """Show what feeds a dataset or column, across sources, to the very ends."""
    from governance_pipelines.commands.facts import run_lineage

    raise typer.Exit(run_lineage(name, column, down, as_json))


@app.command()
def usage(
    name: Annotated[str, typer.Argument(help="Qualified name of a dataset, or SOURCE:NAME.")],
    since: Annotated[str | None, typer.Option(help="2026-11-03, 30d, tuesday …; default 30 days.")] = None,
    as_json: Json = False,
) -> None:
    """Show who used a dataset, and how often."""
    from governance_pipelines.commands.facts import run_usage

    raise typer.Exit(run_usage(name, since, as_json))


@app.command()
def doctor(as_json: Json = False) -> None:
    """Check settings, database and every source; name the exact grant that is missing. Changes nothing."""
    from governance_pipelines.commands.doctor import run

    raise typer.Exit(run(as_json))


@app.command()
def history(
    name: Annotated[str, typer.Argument(help="Qualified name of a dataset, or SOURCE:NAME.")],
    as_json: Json = False,
) -> None:
    """Show what has changed on one dataset."""
    from governance_pipelines.commands.read import run_history

    raise typer.Exit(run_history(name, as_json))


@app.command()
def diff(
    since: Annotated[str, typer.Option(help="2026-11-03, 2026-11-03T14:00, 2h, 3d, yesterday, tuesday …")],
    until: Annotated[str | None, typer.Option(help="The same; default now.")] = None,
    as_json: Json = False,
) -> None:
    """Show what changed in the estate between two moments."""
    from governance_pipelines.commands.read import run_diff

    raise typer.Exit(run_diff(since, until, as_json))


@app.command()
def search(
    text: Annotated[str, typer.Argument(help="Words of a dataset's name or comment, or the beginning of its name.")],
    as_json: Json = False,
) -> None:
    """Find datasets by name and comment. A hit shows its columns that match too; a column alone finds nothing."""
    from governance_pipelines.commands.read import run_search

    raise typer.Exit(run_search(text, as_json))


@app.command()
def export(
    output: Annotated[Path, typer.Option(metavar="DIR", help="Where to write; made where it is missing.")],
    form: Annotated[ExportForm, typer.Option("--format", help="In which form.")] = ExportForm.PARQUET,
    since: Annotated[str | None, typer.Option(help="Only what changed since: 2026-11-03, 2h, yesterday …")] = None,
    as_of: Annotated[str | None, typer.Option("--as-of", help="As it was at this moment; default now.")] = None,
    source: Annotated[str | None, typer.Option(help="Only this one.")] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace an earlier export in the directory.")] = False,
    compressed: Annotated[bool, typer.Option("--gzip", help="Compress lines and events.")] = False,
    namespace: Annotated[
        list[str] | None, typer.Option(metavar="SOURCE=NAMESPACE", help="For OpenLineage; may be repeated.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Write the inventory into a directory: Parquet, JSON lines or OpenLineage events, all of one moment."""
    from governance_pipelines.commands.export import run

    raise typer.Exit(run(form.value, output, since, as_of, source, overwrite, compressed, namespace or [], as_json))


@app.command()
def prune(
    keep_months: Annotated[
        int | None, typer.Option(min=1, max=1200, help="Whole months to keep of everything; default: the settings.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show what would go.")] = False,
    as_json: Json = False,
) -> None:
    """Drop history, changes, usage and runs that are older than the retention settings. The estate as it is stays."""
    from governance_pipelines.commands.prune import run

    raise typer.Exit(run(keep_months, dry_run, as_json))


@sandbox.command("up")
def sandbox_up(
    scale: Scale = None,
    seed: Seed = None,
    platform: Annotated[list[str] | None, typer.Option(help="Serve only this one; may be repeated.")] = None,
    real_atlas: Annotated[
        bool, typer.Option("--real-atlas", help="Put the estate into a real Apache Atlas (Java 17, Maven).")
    ] = False,
) -> None:
    """Start the sandbox's servers alone."""
    from governance_pipelines.commands.sandbox import run_up

    raise typer.Exit(run_up(scale, seed, platform or [], real_atlas))


@sandbox.command("down")
def sandbox_down() -> None:
    """Stop them."""
    from governance_pipelines.commands.sandbox import run_down

    raise typer.Exit(run_down())


@sandbox.command("estate")
def sandbox_estate() -> None:
    """Print the estate.yaml that reaches the sandbox."""
    from governance_pipelines.commands.sandbox import run_estate

    raise typer.Exit(run_estate())


@sandbox.command("fault")
def sandbox_fault(
    platform: Annotated[str, typer.Argument(help="Platform or source.")],
    action: Annotated[str, typer.Argument(help="Such as throttle, fail or lose: docs/sandbox.md has all.")],
    match: Annotated[str, typer.Option(help="Regular expression on METHOD PATH?QUERY OPERATION BODY.")] = "",
    after: Annotated[int, typer.Option(min=0, help="Let so many matching calls pass first.")] = 0,
    times: Annotated[int, typer.Option(min=0, help="Strike so often; 0 for ever.")] = 0,
    http_status: Annotated[int, typer.Option("--status", help="Of `fail`.")] = 500,
    seconds: Annotated[float, typer.Option(min=0, help="Wait of `slow`, Retry-After of `throttle`.")] = 0.0,
    dated: Annotated[bool, typer.Option("--dated", help="Retry-After as a date.")] = False,
    size: Annotated[int, typer.Option(min=0, help="Bytes of `huge`, levels of `deep`.")] = 0,
    scope: Annotated[str, typer.Option(help="What `lose` leaves out of listings; empty for everything.")] = "",
) -> None:
    """Let a server misbehave, until `clear`."""
    from governance_pipelines.commands.sandbox import run_fault

    rule = {"action": action, "match": match, "after": after, "times": times}
    rule |= {"status": http_status, "seconds": seconds, "dated": dated, "size": size, "scope": scope}
    raise typer.Exit(run_fault(platform, rule))


@sandbox.command("clear")
def sandbox_clear(platform: Annotated[str | None, typer.Argument(help="Default: all.")] = None) -> None:
    """End all misbehaviour."""
    from governance_pipelines.commands.sandbox import run_clear

    raise typer.Exit(run_clear(platform))


@sandbox.command("faults")
def sandbox_faults() -> None:
    """Print the faults in force as JSON, with how often each has struck."""
    from governance_pipelines.commands.sandbox import run_faults

    raise typer.Exit(run_faults())


def main() -> None:
    """The entry point of `governance`: an expected error is a message and an exit code, never a traceback."""
    _show_warnings_plainly()
    # a command makes a million objects that stay; Python's own thresholds have it look through them again and again
    gc.set_threshold(100_000, 50, 100)
    try:
        app()
    except ConfigurationError as error:
        _complain(error)
        sys.exit(WRONG)
    except GovernanceError as error:
        _complain(error)
        sys.exit(FAILED)
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
    finally:
        # at its end Python takes apart what the collector knows, Dagster with it, for as long as a second
        gc.freeze()


def _complain(error: GovernanceError) -> None:
    where = f"{error.operation}: " if error.operation and error.operation not in error.message else ""
    typer.secho(f"error: {where}{error.message}", fg="red", err=True)
    if error.remedy:
        typer.secho(f"  fix: {error.remedy}", err=True)


def _show_warnings_plainly() -> None:
    """A warning of ours is one line; those of libraries are for their authors."""
    import warnings

    def show(
        message: Warning | str,
        category: type[Warning],
        filename: str,
        lineno: int,
        file: TextIO | None = None,
        line: str | None = None,
    ) -> None:
        typer.secho(f"warning: {message}", fg="yellow", err=True)

    warnings.simplefilter("ignore")
    warnings.filterwarnings("always", message="GOVERNANCE_")
    warnings.showwarning = show
