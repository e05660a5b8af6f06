"""A sync told to Dagster: materializations per scope, check results, retries and failures.

What is finished is known to the inventory, not to Dagster's event log; the events are for people and for automation.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING

import dagster as dg

from assets.integrations.report import scope_metadata, source_metadata, table, told
from assets.integrations.sync import Progress, Silent, SourceListed, SourceSynced, SyncRequest, sync_source
from governance.errors import GovernanceError, Transient
from governance.listing import Status
from governance.loss_guard import LossGuard
from resources.inventory.database import Inventory
from resources.inventory.outcomes import ScopeOutcome

if TYPE_CHECKING:
    from assets.integrations.metadata import SourceAsset, SyncConfig

RANGE, ONE = "dagster/asset_partition_range_start", "dagster/partition"
RESUMES = ("dagster/is_resume_retry", "dagster/is_asset_resume_retry")
TRANSIENT = frozenset({"throttled", "unavailable", "deadline_exceeded", "source_busy"})


class SyncEvents:
    """One execution of one source's sync inside a Dagster step."""

    def __init__(self, this: "SourceAsset", context: dg.OpExecutionContext, config: "SyncConfig") -> None:
        self.this, self.context, self.config = this, context, config
        self.tagged = ONE in context.run.tags or RANGE in context.run.tags
        self.scopes = tuple(context.partition_keys) if self.tagged else tuple(config.scopes)
        self.known = set(context.instance.get_dynamic_partitions(str(this.partitions.name)))
        self.shown = context.instance.get_materialized_partitions(this.key)
        self.bad: dict[str, ScopeOutcome] = {}
        self.held: dict[str, ScopeOutcome] = {}
        self.end: SourceSynced | None = None
        self.skipped = 0

    def of_asset(self) -> Iterator[object]:
        """The events of the asset's own step."""
        inventory: Inventory = self.context.resources.inventory.open()
        with inventory:
            yield from self._synced(inventory)
            self._retry_if_transient()
            yield from self._checks(inventory)
            self._fail_if_failed()
            if not self.tagged:
                yield dg.MaterializeResult(asset_key=self.this.key, metadata=self._summary(inventory))

    def of_op(self) -> Iterator[object]:
        """The same events from a step that is no asset's."""
        inventory: Inventory = self.context.resources.inventory.open()
        with inventory:
            yield from self._synced(inventory)
            self._retry_if_transient()
            for result in self._checks(inventory):
                yield dg.AssetCheckEvaluation(
                    asset_key=self.this.key,
                    check_name=str(result.check_name),
                    passed=result.passed,
                    severity=result.severity,
                    description=result.description,
                    metadata=dict(result.metadata or {}),
                    blocking=result.check_name == "no_sudden_loss",
                )
            self._fail_if_failed()
            self._fail_if_held()
            yield dg.AssetMaterialization(self.this.key, metadata=self._summary(inventory))
            yield dg.Output(None)

    def _synced(self, inventory: Inventory) -> Iterator[dg.AssetMaterialization]:
        """Runs the sync; a scope's event is recorded where it is new, has changed, or was asked for by name."""
        resource = getattr(self.context.resources, self.this.resource_key)
        progress: Progress = self.context.resources.progress or Silent()
        try:
            with resource.reader() as reader:
                self.meter = reader.meter
                for step in sync_source(self._request(), reader, inventory, progress):
                    if isinstance(step, SourceListed):
                        self._add_partitions(step.present)
                    elif isinstance(step, SourceSynced):
                        self.end = step
                    else:
                        yield from self._scope(step, inventory)
        except Transient as error:
            self._retry(str(error))
            raise dg.Failure(str(error), metadata=_error(error), allow_retries=False) from error
        except GovernanceError as error:
            raise dg.Failure(str(error), metadata=_error(error), allow_retries=False) from error
        self._drop_partitions()

    def _scope(self, outcome: ScopeOutcome, inventory: Inventory) -> Iterator[dg.AssetMaterialization]:
        if outcome.counts["skipped"]:
            self.skipped += 1
        if outcome.status is not Status.COMPLETE:
            self.bad[outcome.scope] = outcome
            for reason in outcome.reasons:
                self.context.log.warning(f"{outcome.scope}: {reason.message} {reason.remedy}")
        if outcome.held:
            self.held[outcome.scope] = outcome
        if outcome.status is Status.FAILED:
            return
        if outcome.scope not in self.shown or outcome.changed or self.scopes:
            metadata = scope_metadata(outcome, inventory, self.this.source.name, self.this.settings.sync.preview_rows)
            yield dg.AssetMaterialization(self.this.key, told(outcome), metadata, partition=outcome.scope)

    def _request(self) -> SyncRequest:
        run, sync = self.context.run, self.this.settings.sync
        return SyncRequest(
            source=self.this.source,
            run_id=run.run_id,
            actor=actor_of(run.tags),
            scopes=self.scopes or None,
            resume_from=self._resumed_runs(),
            accept_loss=self.config.accept_loss,
            threads=min(sync.threads, self.this.integration.threads),
            busy_wait_seconds=sync.busy_wait_seconds,
            guard=LossGuard(sync.loss_guard_ratio, sync.loss_guard_minimum),
            full=self.config.full,
            full_listing_interval=timedelta(hours=sync.full_listing_interval_hours),
        )

    def _resumed_runs(self) -> tuple[str, ...]:
        """This run, when it is tried again, and its parents, where it resumes them."""
        run, runs = self.context.run, []
        if self.context.retry_number > 0:
            runs.append(run.run_id)
        while any(run.tags.get(tag) == "true" for tag in RESUMES) and run.parent_run_id:
            runs.append(run.parent_run_id)
            parent = self.context.instance.get_run_by_id(run.parent_run_id)
            if parent is None:
                break
            run = parent
        return tuple(runs)

    def _add_partitions(self, scopes: Sequence[str]) -> None:
        """The partitions are the scopes that the source has now."""
        if new := [s for s in scopes if s not in self.known]:
            self.context.instance.add_dynamic_partitions(str(self.this.partitions.name), new)
            self.known.update(new)

    def _drop_partitions(self) -> None:
        assert self.end is not None
        if self.skipped:
            self.context.log.info(f"{self.skipped} scopes were not listed: their change token did not move")
        for scope in self.known & set(self.end.gone):
            self.context.instance.delete_dynamic_partition(str(self.this.partitions.name), scope)

    def _checks(self, inventory: Inventory) -> Iterator[dg.AssetCheckResult]:
        failed = [s for s, o in self.bad.items() if o.status is Status.FAILED]
        yield dg.AssetCheckResult(
            asset_key=self.this.key,
            check_name="complete",
            passed=not self.bad,
            severity=dg.AssetCheckSeverity.ERROR if failed else dg.AssetCheckSeverity.WARN,
            description=self._why(self.bad) or "Every scope was read to its end.",
            metadata={"scopes_not_complete": len(self.bad), "reasons": reasons_table(self.bad)},
        )
        yield dg.AssetCheckResult(
            asset_key=self.this.key,
            check_name="no_sudden_loss",
            passed=not self.held,
            description=self._why(self.held) or "No deletion was held back.",
            metadata={"deletions_held": sum(o.held for o in self.held.values()), "reasons": reasons_table(self.held)},
        )
        waiting = inventory.queries().quarantined(self.this.source.name)
        yield dg.AssetCheckResult(
            asset_key=self.this.key,
            check_name="quarantine_empty",
            passed=waiting == 0,
            severity=dg.AssetCheckSeverity.WARN,
            description=f"{waiting} records wait in inventory.quarantine." if waiting else "Nothing waits.",
            metadata={"records": waiting},
        )

    @staticmethod
    def _why(outcomes: dict[str, ScopeOutcome]) -> str:
        """The first reason of each of the first scopes, in words."""
        return "\n".join(f"{s}: {o.reasons[0].message}" for s, o in list(outcomes.items())[:10] if o.reasons)

    def _summary(self, inventory: Inventory) -> dict[str, dg.MetadataValue]:
        assert self.end is not None
        return source_metadata(
            self.end.summary,
            self.meter,
            inventory,
            self.this.source.name,
            self.this.settings.sync.preview_rows,
        )

    def _retry_if_transient(self) -> None:
        transient = [s for s, o in self.bad.items() if {r.code for r in o.reasons} & TRANSIENT]
        if transient:
            self._retry(f"{len(transient)} scopes met transient errors: {', '.join(transient[:5])}")

    def _retry(self, why: str) -> None:
        sync = self.this.settings.sync
        # who waits at a terminal would rather see the reason than wait for another try
        if "governance/actor" not in self.context.run.tags and self.context.retry_number < sync.retries:
            self.context.log.warning(f"{why}; trying again in {sync.retry_wait_seconds} s, finished scopes are kept")
            raise dg.RetryRequested(max_retries=sync.retries, seconds_to_wait=sync.retry_wait_seconds)

    def _fail_if_failed(self) -> None:
        failed = {s: o for s, o in self.bad.items() if o.status is Status.FAILED}
        if failed:
            raise dg.Failure(
                f"{len(failed)} scopes of {self.this.source.name} failed; the others are stored.\n{self._why(failed)}",
                metadata={"failed": reasons_table(failed)},
                allow_retries=False,
            )

    def _fail_if_held(self) -> None:
        if self.held:
            raise dg.Failure(f"Deletions were held back.\n{self._why(self.held)}", allow_retries=False)


LAUNCHERS = (
    ("governance/actor", "cli"),
    ("dagster/schedule_name", "schedule"),
    ("dagster/sensor_name", "sensor"),
    ("dagster/backfill", "backfill"),
)


def actor_of(tags: Mapping[str, str]) -> str:
    """Who asked for a run, from its tags: `cli:ana`, `schedule:lake_schedule`, else `dagster:USER`."""
    for tag, word in LAUNCHERS:
        if tag in tags:
            return f"{word}:{tags[tag]}"
    return f"dagster:{tags.get('user', 'unnamed')}"


def reasons_table(outcomes: Mapping[str, ScopeOutcome]) -> dg.MetadataValue:
    """Scope, reason and fix, at most fifty rows."""
    rows = [(s, str(o.status), r.message, r.code, r.remedy) for s, o in outcomes.items() for r in o.reasons]
    return table(("scope", "status", "reason", "code", "fix"), rows[:50])


def _error(error: GovernanceError) -> dict[str, dg.MetadataValue]:
    return {
        "reason": dg.MetadataValue.text(error.message),
        "code": dg.MetadataValue.text(error.code),
        "operation": dg.MetadataValue.text(error.operation),
        "fix": dg.MetadataValue.text(error.remedy),
    }
