"""When syncs run by the clock: the cron of each source in estate.yaml, in UTC."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import islice, pairwise

import dagster as dg
from cronsim import CronSim

from assets.integrations.metadata import SourceAsset
from governance_pipelines.jobs import CHECKS_JOB, source_job_name


def source_schedules(sources: Sequence[SourceAsset]) -> list[dg.ScheduleDefinition]:
    """One schedule for each source that declares one; it is on, since the estate says so."""
    return [
        dg.ScheduleDefinition(
            name=f"{this.source.name}_schedule",
            job_name=source_job_name(this.source.name),
            cron_schedule=this.source.schedule,
            execution_timezone="UTC",
            default_status=dg.DefaultScheduleStatus.RUNNING,
            description=f"A whole sync of {this.source.name}, as estate.yaml says.",
        )
        for this in sources
        if this.source.schedule
    ]


def checks_schedule() -> dg.ScheduleDefinition:
    """The inventory's own rules, every morning before people come."""
    return dg.ScheduleDefinition(
        name=f"{CHECKS_JOB}_schedule",
        job_name=CHECKS_JOB,
        cron_schedule="15 5 * * *",
        execution_timezone="UTC",
        default_status=dg.DefaultScheduleStatus.RUNNING,
        description="Judges what the inventory holds of every source.",
    )


def longest_gap(cron: str) -> timedelta:
    """The longest time between two ticks of a cron expression, over its next 400 ticks."""
    ticks = list(islice(CronSim(cron, datetime(2026, 1, 1, tzinfo=UTC)), 400))
    return max(after - before for before, after in pairwise(ticks))
