"""Runs the jobs of access, lineage and usage in this process, for the command line."""

import getpass
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import dagster as dg

from assets.integrations.facet_assets import FacetAsset
from assets.integrations.sync import Progress
from governance.errors import ConfigurationError
from governance_pipelines.bindings import Installation
from governance_pipelines.deployment import deployment, source_assets, source_facets
from governance_pipelines.facet_jobs import range_tags
from governance_pipelines.orphans import process_tag
from resources.facets import FACETS
from resources.inventory.database import Inventory
from resources.inventory.facts.queries import FactQueries


@dataclass(frozen=True)
class FacetResult:
    """How the reading of one facet ended. `status` is complete, partial or failed; `reasons` are sentences."""

    source: str
    facet: str
    status: str
    counts: dict[str, int]
    seconds: float
    reasons: tuple[str, ...]
    run_id: str


def run_facets(
    installation: Installation,
    sources: Sequence[str],
    facets: Sequence[str],
    days: tuple[date, date],
    accept_loss: bool,
    progress: Progress,
) -> list[FacetResult]:
    """Reads these facets (all, when none is named) of these sources; one that fails never stops another.

    Raises:
        ConfigurationError: an unknown source or facet, or days before the first partition.
    """
    every = source_facets(source_assets(installation))
    _check(sources, {f.of.source.name for f in every}, "source")
    _check(facets, set(FACETS), "facet")
    todo = [f for f in every if (not sources or f.of.source.name in sources) and (not facets or f.facet in facets)]
    first = installation.settings.usage.first_day
    if any(f.partitions for f in todo) and days[0] < first:
        raise ConfigurationError(
            f"usage begins on {first}", operation="--from", remedy="set GOVERNANCE_USAGE__FIRST_DAY to an earlier day"
        )
    definitions = deployment(installation, progress)
    with dg.DagsterInstance.get() as instance, installation.inventory_resource().open() as inventory:
        return [_run(definitions, facet, days, accept_loss, instance, inventory) for facet in todo]


def _check(given: Sequence[str], known: set[str], what: str) -> None:
    if unknown := [name for name in given if name not in known]:
        raise ConfigurationError(
            f"no {what} is called {', '.join(unknown)}",
            operation=what,
            remedy=f"name one of {', '.join(sorted(known))}",
        )


def _run(
    definitions: dg.Definitions,
    this: FacetAsset,
    days: tuple[date, date],
    accept_loss: bool,
    instance: dg.DagsterInstance,
    inventory: Inventory,
) -> FacetResult:
    begun = time.monotonic()
    tags = range_tags(days[0].isoformat(), days[1].isoformat()) if this.partitions else {}
    result = definitions.resolve_job_def(this.name).execute_in_process(
        instance=instance,
        run_config={"ops": {f"{this.of.source.name}__{this.facet}": {"config": {"accept_loss": accept_loss}}}},
        tags={"governance/actor": getpass.getuser(), **process_tag(), **tags},
        raise_on_error=False,
    )
    seconds = time.monotonic() - begun
    for source, facet, status, counts, reasons in FactQueries(inventory).facet_summaries(result.run_id):
        words = tuple(r["message"] for r in reasons)
        if status == "complete" and not result.success:
            status, words = "failed", ("a step failed after its facts were stored; see the run's log in the web UI",)
        return FacetResult(source, facet, status, counts, seconds, words, result.run_id)
    why = ("the run ended before its first part; see its log in the web UI",)
    return FacetResult(this.of.source.name, this.facet, "failed", {}, seconds, why, result.run_id)
