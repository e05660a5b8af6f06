"""Runs sync jobs in this process, for the command line: visible in the web UI like any other run."""

import getpass
import time
from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any
from urllib.parse import urlsplit

import dagster as dg

from assets.integrations.metadata import SourceAsset
from assets.integrations.sync import Progress
from governance.errors import ConfigurationError, Unavailable
from governance_pipelines.bindings import Installation
from governance_pipelines.deployment import deployment, source_assets
from governance_pipelines.instance import dagster_instance
from governance_pipelines.jobs import source_job_name
from governance_pipelines.orphans import fail_orphans, process_tag
from resources.inventory.database import Inventory

LOCATION = "governance"
"""The code location's name, in workspace.yaml and in pyproject.toml."""


@dataclass(frozen=True)
class SourceResult:
    """How the sync of one source ended. `status` is complete, partial or failed; `reasons` are sentences."""

    source: str
    platform: str
    status: str
    scopes: int
    datasets: int
    columns: int
    changes: int
    seconds: float
    reasons: tuple[str, ...]
    run_id: str
    skipped: int = 0
    """Scopes that were not listed, for their change token did not move."""


def run_sync(
    installation: Installation,
    sources: Sequence[str],
    scope_glob: str | None,
    accept_loss: bool,
    progress: Progress,
    full: bool = False,
) -> list[SourceResult]:
    """Syncs these sources (all, when none is named) one after the other; one that fails never stops another.

    Raises:
        ConfigurationError: an unknown source, or a glob that no scope of a source matches.
    """
    known = {this.source.name: this for this in source_assets(installation)}
    if unknown := [name for name in sources if name not in known]:
        raise ConfigurationError(
            f"no source is called {', '.join(unknown)}",
            platform="estate",
            operation="sources",
            remedy=f"name one of {', '.join(known) or 'none: the estate is empty'}",
        )
    wanted = [this for name, this in known.items() if not sources or name in sources]
    chosen = {this.source.name: _scopes(installation, this, scope_glob) for this in wanted}
    if scope_glob is not None and not any(chosen.values()):
        raise ConfigurationError(
            f"no scope matches {scope_glob!r}", operation="--scope", remedy="look at the partitions of the asset"
        )
    definitions = deployment(installation, progress)
    # an empty selection under a glob is not "everything"
    todo = [this for this in wanted if scope_glob is None or chosen[this.source.name]]
    with dagster_instance() as instance, installation.inventory_resource().open() as inventory:
        fail_orphans(instance)
        return [
            _run(definitions, this, chosen[this.source.name], accept_loss, full, instance, inventory) for this in todo
        ]


def submit(address: str, job: str) -> str:
    """Queues a job with the services at `address`; gives the run's id.

    Raises:
        Unavailable: the web server did not take it.
    """
    from dagster_graphql import DagsterGraphQLClient, DagsterGraphQLClientError

    where = urlsplit(address)
    try:
        client = DagsterGraphQLClient(where.hostname or "127.0.0.1", port_number=where.port)
        return client.submit_job_execution(job, repository_location_name=LOCATION)
    except DagsterGraphQLClientError as error:
        raise Unavailable(
            f"the job {job} was not queued: {error}",
            platform="dagster",
            operation=job,
            remedy=f"launch {job} in the web UI",
        ) from error


def _scopes(installation: Installation, this: SourceAsset, glob: str | None) -> list[str]:
    """The scope names that match, as listed now plus those the inventory still knows; empty without a glob."""
    if glob is None:
        return []
    with installation.source_resource(this.source).reader() as reader:
        listed = {s.name for s in reader.scopes(this.source.names).scopes}
    with installation.inventory_resource().open() as inventory:
        known = {row.scope for row in inventory.queries().scope_status(this.source.name)}
    return sorted(name for name in listed | known if fnmatchcase(name, glob))


def _run(
    definitions: dg.Definitions,
    this: SourceAsset,
    scopes: list[str],
    accept_loss: bool,
    full: bool,
    instance: dg.DagsterInstance,
    inventory: Inventory,
) -> SourceResult:
    name, begun = this.source.name, time.monotonic()
    config: dict[str, Any] = {"scopes": scopes, "accept_loss": accept_loss, "full": full}
    result = definitions.resolve_job_def(source_job_name(name)).execute_in_process(
        instance=instance,
        run_config={"ops": {f"{name}__metadata": {"config": config}}},
        tags={"governance/actor": getpass.getuser(), **process_tag()},
        raise_on_error=False,
    )
    summary = inventory.queries().sync_of_run(result.run_id, name)
    seconds = time.monotonic() - begun
    if summary is None:
        # the run ended before a sync row was opened: a secret is missing, or the database cannot be reached
        return SourceResult(name, this.source.platform, "failed", 0, 0, 0, 0, seconds, _first(result), result.run_id)
    return SourceResult(
        source=name,
        platform=this.source.platform,
        # a step can fail after its sync is stored: a defect of ours, or a check that blocks
        status="failed" if summary.status == "complete" and not result.success else summary.status,
        scopes=summary.scopes,
        datasets=summary.datasets,
        columns=summary.columns,
        changes=summary.changes,
        seconds=seconds,
        reasons=tuple(summary.reasons) or (() if result.success else _first(result)),
        run_id=result.run_id,
        skipped=summary.counts.get("skipped", 0),
    )


def _first(result: dg.ExecuteInProcessResult) -> tuple[str, ...]:
    """What the first failed step said."""
    for event in result.all_events:
        if event.is_step_failure:
            failure = event.step_failure_data
            if failure.user_failure_data and failure.user_failure_data.description:
                return (failure.user_failure_data.description,)
            error = failure.error
            while error is not None and error.cause is not None:
                error = error.cause
            return (error.message.strip() if error else "a step failed; see the run's log in the web UI",)
    return ("the run failed before its first step; see its log in the web UI",)
