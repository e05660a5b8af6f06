"""`governance sync`: the sync job in this process, with progress."""

import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING

from rich.console import Console

from governance.errors import ConfigurationError
from governance_pipelines.bindings import Installation, installation
from governance_pipelines.display import SyncProgress, aside, console, summary
from governance_pipelines.home import prepare
from governance_pipelines.logs import configure_logging

if TYPE_CHECKING:
    from governance_pipelines.launch import SourceResult

EXIT = {"complete": 0, "failed": 1, "partial": 3}


def run(sources: Sequence[str], scope: str | None, accept_loss: bool, as_json: bool, full: bool = False) -> int:
    """Syncs and shows; the worst outcome of a source is the exit code."""
    here = installation()
    configure_logging(here.settings.logging)
    # a wrong estate is said before a database is started for it
    here.estate()
    if here.sandboxed and not _sandbox_runs(here):
        raise ConfigurationError(
            "the estate is the sandbox's, and the sandbox does not run",
            platform="sandbox",
            remedy="start it with `governance up` or `governance sandbox up`",
        )
    prepare(here)
    out = console(to_stderr=as_json)
    results = synced(here, out, sources, scope, accept_loss, full)
    if as_json:
        content = {"status": worst(results), "sources": [asdict(r) for r in results]}
        sys.stdout.write(json.dumps(content, indent=2, ensure_ascii=False) + "\n")
    else:
        summary(out, results)
    return EXIT[worst(results)]


def _sandbox_runs(here: Installation) -> bool:
    from governance_pipelines.sandbox_service import sandbox_platforms

    return bool(sandbox_platforms(here.home))


def synced(
    here: Installation,
    out: Console,
    sources: Sequence[str] = (),
    scope: str | None = None,
    accept_loss: bool = False,
    full: bool = False,
) -> "list[SourceResult]":
    """Runs the sync with progress on `out`; Dagster's own log goes to `logs/sync.log`."""
    configure_logging(here.settings.logging)
    with aside(here.home / "logs" / "sync.log"), SyncProgress(out) as progress:
        from governance_pipelines.launch import run_sync

        return run_sync(here, sources, scope, accept_loss, progress, full)


def worst(results: "Sequence[SourceResult]") -> str:
    """The status of the whole: failed before partial before complete."""
    statuses = {r.status for r in results}
    return next((s for s in ("failed", "partial") if s in statuses), "complete")
