"""What keeps the inventory small: the weekly pruning by the retention settings."""

from datetime import UTC, datetime
from typing import Any

import dagster as dg

from assets.integrations.events import actor_of
from assets.integrations.report import table
from governance.settings import RetentionSettings
from resources.inventory.resource import InventoryResource
from resources.inventory.retention import WHATS, What, bounds, pruning

PRUNE_JOB = "inventory_prune"


def kept_months(settings: RetentionSettings) -> dict[What, int | None]:
    """The settings by kind of record."""
    return {what: getattr(settings, f"{what}_months") for what in WHATS}


def prune_job(settings: RetentionSettings) -> Any:
    """`inventory_prune`: reports what it dropped on the asset key of its own name."""
    months = kept_months(settings)

    @dg.op(
        name="prune",
        description="Drops the partitions and rows that are older than the retention settings.",
        retry_policy=dg.RetryPolicy(max_retries=2, delay=600),
        out=dg.Out(dg.Nothing),
    )
    def prune(context: dg.OpExecutionContext, inventory: InventoryResource) -> None:
        until = bounds(months, datetime.now(UTC))
        with inventory.open() as opened, pruning(opened, until, actor_of(context.run.tags)) as work:
            for piece in work.plan.pieces:
                context.log.info(f"{piece.how} {piece.name}: {piece.rows} rows, {piece.bytes or 0} bytes")
            done = list(work.run()) if work.plan.pieces else []
        rows = [(p.what, p.how, p.name, p.rows, p.bytes or 0) for p in done]
        metadata = {
            "bytes": dg.MetadataValue.int(sum(p.bytes or 0 for p in done)),
            "pieces": dg.MetadataValue.int(len(done)),
            "dropped": table(("what", "how", "name", "rows", "bytes"), rows[:200]),
            "kept_since": dg.MetadataValue.json({what: at.isoformat() for what, at in until.items()}),
        }
        context.log_event(dg.AssetMaterialization(PRUNE_JOB, metadata=metadata))

    @dg.job(name=PRUNE_JOB, description="Prunes history, changes, usage and runs, as GOVERNANCE_RETENTION__… says.")
    def job() -> None:
        prune()

    return job


def prune_schedule(settings: RetentionSettings) -> dg.ScheduleDefinition:
    """Sunday mornings; it is on where there is a bound."""
    bounded = any(kept_months(settings).values())
    return dg.ScheduleDefinition(
        name=f"{PRUNE_JOB}_schedule",
        job_name=PRUNE_JOB,
        cron_schedule="45 3 * * 0",
        execution_timezone="UTC",
        default_status=dg.DefaultScheduleStatus.RUNNING if bounded else dg.DefaultScheduleStatus.STOPPED,
        description="Prunes the inventory once a week, where the retention settings bound anything.",
    )
