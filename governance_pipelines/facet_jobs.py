"""Jobs and schedules of access, lineage and usage: each apart, and all of a day together."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import dagster as dg

from assets.integrations.facet_assets import FacetAsset
from governance.settings import Settings

FACTS_JOB, USAGE_JOB = "estate_facts", "estate_usage"


def facet_jobs(facets: Sequence[FacetAsset]) -> list[Any]:
    """`<source>_<facet>` for each, `estate_facts` for all access and lineage, `estate_usage` for all usage of a day."""
    jobs = [
        dg.define_asset_job(
            facet.name,
            selection=dg.AssetSelection.assets(facet.key),
            description=f"Reads {facet.facet} of {facet.of.source.name} ({facet.of.integration.title}).",
            tags={"governance/source": facet.of.source.name, "governance/facet": facet.facet},
        )
        for facet in facets
    ]
    standing, daily = _keys(facets, daily=False), _keys(facets, daily=True)
    if standing:
        jobs.append(
            dg.define_asset_job(
                FACTS_JOB,
                selection=dg.AssetSelection.assets(*standing),
                description="Reads access and lineage of every source.",
                tags={"governance/estate": "all"},
            )
        )
    if daily:
        jobs.append(
            dg.define_asset_job(
                USAGE_JOB,
                selection=dg.AssetSelection.assets(*daily),
                description="Reads the usage of one day, or of a range of days in one run, of every source.",
                tags={"governance/estate": "all"},
            )
        )
    return jobs


def facet_schedules(facets: Sequence[FacetAsset], settings: Settings) -> list[dg.ScheduleDefinition]:
    """Once a day: access and lineage as they are, and the usage of yesterday and of days that come late."""
    cron = settings.usage.schedule
    if not cron:
        return []
    schedules = []
    if _keys(facets, daily=False):
        schedules.append(
            dg.ScheduleDefinition(
                name=f"{FACTS_JOB}_schedule",
                job_name=FACTS_JOB,
                cron_schedule=cron,
                execution_timezone="UTC",
                default_status=dg.DefaultScheduleStatus.RUNNING,
                description="Access and lineage of every source, daily.",
            )
        )
    if _keys(facets, daily=True):
        schedules.append(_usage_schedule(cron, settings.usage.look_back_days))
    return schedules


def _usage_schedule(cron: str, look_back_days: int) -> dg.ScheduleDefinition:
    @dg.schedule(
        name=f"{USAGE_JOB}_schedule",
        job_name=USAGE_JOB,
        cron_schedule=cron,
        execution_timezone="UTC",
        default_status=dg.DefaultScheduleStatus.RUNNING,
        description="The usage of yesterday and of the days before it whose history may have come late, in one run.",
    )
    def usage(context: dg.ScheduleEvaluationContext) -> dg.RunRequest:
        last = (context.scheduled_execution_time - timedelta(days=1)).date()
        first = last - timedelta(days=look_back_days)
        return dg.RunRequest(run_key=last.isoformat(), tags=range_tags(first.isoformat(), last.isoformat()))

    return usage


def range_tags(first: str, last: str) -> dict[str, str]:
    """The tags of one run over a range of days."""
    return {"dagster/asset_partition_range_start": first, "dagster/asset_partition_range_end": last}


def _keys(facets: Sequence[FacetAsset], *, daily: bool) -> list[dg.AssetKey]:
    return [f.key for f in facets if (f.partitions is not None) == daily]
