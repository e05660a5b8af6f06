"""What can be launched: one sync job a source, and one for the whole estate."""

from collections.abc import Sequence
from typing import Any

import dagster as dg

from assets.integrations.metadata import SourceAsset, metadata_op
from assets.quality.rules import RULES

ESTATE_JOB, CHECKS_JOB = "estate_sync", "inventory_checks"


def source_job_name(source: str) -> str:
    """The name of a source's sync job."""
    return f"{source}_sync"


def source_jobs(sources: Sequence[SourceAsset]) -> list[Any]:
    """`<source>_sync` for each source: untagged it syncs the whole source, with partitions just those scopes."""
    return [
        dg.define_asset_job(
            source_job_name(this.source.name),
            selection=_own(this),
            description=f"Syncs {this.source.name} ({this.integration.title}): whole, or the scopes in its config.",
            tags={"governance/source": this.source.name},
        )
        for this in sources
    ]


def _own(this: SourceAsset) -> dg.AssetSelection:
    """The asset with the checks that a sync answers itself, without the rules that others judge."""
    keys = (dg.AssetCheckKey(this.key, check.name) for check in this.checks)
    return dg.AssetSelection.assets(this.key).without_checks() | dg.AssetSelection.checks(*keys)


def estate_job(sources: Sequence[SourceAsset], executor: dg.ExecutorDefinition) -> dg.JobDefinition:
    """Every source in one run, each a step of its own: one that fails never stops another."""
    ops = [metadata_op(this) for this in sources]

    @dg.graph(name=ESTATE_JOB)
    def estate() -> None:
        for op in ops:
            op()

    return estate.to_job(
        name=ESTATE_JOB,
        executor_def=executor,
        description="Syncs every source of the estate, each in a step of its own.",
        tags={"governance/estate": "all"},
    )


def checks_job(sources: Sequence[SourceAsset]) -> Any:
    """The rules on what the inventory holds, for every source, apart from the syncs: the judge is slow to load."""
    names = [(this.key, rule.name) for this in sources for rule in RULES]
    return dg.define_asset_job(
        CHECKS_JOB,
        selection=dg.AssetSelection.checks(*(dg.AssetCheckKey(key, name) for key, name in names)),
        description="Judges the inventory's rows of every source by its rules.",
    )
