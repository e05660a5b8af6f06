"""What runs when something happens: a changed scope on a platform, a failed run."""

import time
from collections.abc import Sequence

import dagster as dg
import msgspec
import requests

from assets.integrations.events import actor_of
from assets.integrations.metadata import SourceAsset, SyncConfig
from governance.errors import GovernanceError
from governance.listing import Scope
from governance.settings import Settings
from governance_pipelines.jobs import ESTATE_JOB, source_job_name
from resources.inventory.resource import InventoryResource
from resources.source import Reader

TICK_SECONDS = 40.0
"""A tick that takes a minute is cut off by Dagster; what is not polled by then is the next tick's."""


class ChangeCursor(msgspec.Struct):
    """What the change sensor remembers: each scope's token when last polled, and where the last tick stopped."""

    tokens: dict[str, str] = {}
    stopped_at: str = ""

    @classmethod
    def read(cls, cursor: str | None) -> "ChangeCursor":
        """The cursor of the last tick; an illegible one counts as none."""
        try:
            return msgspec.json.decode(cursor or "{}", type=cls)
        except msgspec.DecodeError:
            return cls()

    def text(self) -> str:
        """The cursor as Dagster keeps it."""
        return msgspec.json.encode(self).decode()


def change_sensors(sources: Sequence[SourceAsset]) -> list[dg.SensorDefinition]:
    """One change sensor a source: polls change tokens and launches only what moved."""
    return [_change_sensor(this) for this in sources]


def _change_sensor(this: SourceAsset) -> dg.SensorDefinition:
    @dg.sensor(
        name=f"{this.source.name}_changes",
        job_name=source_job_name(this.source.name),
        minimum_interval_seconds=this.settings.sync.sensor_interval_seconds,
        default_status=dg.DefaultSensorStatus.RUNNING,
        required_resource_keys={this.resource_key},
        description=f"Launches the scopes of {this.source.name} whose change token moved: "
        f"{this.integration.change_token}. New scopes become partitions and are synced from the second look on.",
    )
    def changes(context: dg.SensorEvaluationContext) -> dg.SensorResult | dg.SkipReason:
        if _under_way(context.instance, source_job_name(this.source.name)):
            # what it does not see is still changed at the next tick: the cursor stays
            return dg.SkipReason(f"a sync of {this.source.name} is under way; polled at the next tick")
        resource = getattr(context.resources, this.resource_key)
        try:
            with resource.reader() as reader:
                return _tick(this, context, reader)
        except GovernanceError as error:
            # a failed poll is no change: the cursor stays, and the tick says why
            context.log.error(f"{this.source.name} could not be polled: {error}")
            return dg.SkipReason(f"not polled: {error}")

    return changes


def _under_way(instance: dg.DagsterInstance, job: str) -> bool:
    statuses = [dg.DagsterRunStatus.QUEUED, dg.DagsterRunStatus.STARTING, dg.DagsterRunStatus.STARTED]
    return bool(instance.get_runs(filters=dg.RunsFilter(job_name=job, statuses=statuses), limit=1))


def _tick(this: SourceAsset, context: dg.SensorEvaluationContext, reader: Reader) -> dg.SensorResult:
    cursor, name = ChangeCursor.read(context.cursor), str(this.partitions.name)
    listing = reader.scopes(this.source.names)
    partitions = set(context.instance.get_dynamic_partitions(name))
    # the first look only notes tokens: whoever turned the sensor on is likely to be syncing just then
    unseen = [s.name for s in listing.scopes if s.name not in partitions] if context.cursor else []
    changed, after = poll(reader, _from(listing.scopes, cursor.stopped_at), cursor)
    # a known scope that is polled for the first time only sets its token: its last sync may well have been a moment ago
    moved = [scope for scope in changed if scope in partitions and scope in cursor.tokens]
    gone = sorted(set(cursor.tokens) - {s.name for s in listing.scopes}) if not listing.reasons else []
    wanted = sorted({*unseen, *moved, *gone})
    after.tokens = {k: v for k, v in after.tokens.items() if k not in gone}
    return dg.SensorResult(
        run_requests=[_request(this, wanted)] if wanted else [],
        skip_reason=None if wanted else f"{_quiet(context)} {len(listing.scopes)} scopes",
        cursor=after.text(),
        dynamic_partitions_requests=[this.partitions.build_add_request(unseen)] if unseen else [],
    )


def _quiet(context: dg.SensorEvaluationContext) -> str:
    return "nothing changed in" if context.cursor else "noted the change tokens of"


def poll(reader: Reader, scopes: Sequence[Scope], cursor: ChangeCursor) -> tuple[list[str], ChangeCursor]:
    """The scopes whose token is not the cursor's, and the cursor after as many as fit into one tick."""
    deadline, changed, tokens, stopped = time.monotonic() + TICK_SECONDS, [], dict(cursor.tokens), ""
    for name, token in reader.change_tokens(scopes):
        if tokens.get(name) != token:
            changed.append(name)
        tokens[name] = token
        if time.monotonic() > deadline:
            stopped = name
            break
    return changed, ChangeCursor(tokens, stopped)


def _from(scopes: Sequence[Scope], stopped_at: str) -> list[Scope]:
    """The scopes, beginning behind the one where the last tick stopped."""
    names = [s.name for s in scopes]
    start = names.index(stopped_at) + 1 if stopped_at in names else 0
    return [*scopes[start:], *scopes[:start]]


def _request(this: SourceAsset, scopes: list[str]) -> dg.RunRequest:
    config = dg.RunConfig(ops={f"{this.source.name}__metadata": SyncConfig(scopes=scopes)})
    return dg.RunRequest(run_config=config, tags={"governance/scopes": str(len(scopes))})


def failure_sensor(sources: Sequence[SourceAsset], settings: Settings) -> dg.SensorDefinition:
    """Writes a failed run into the audit trail, and posts it to the webhook where one is set."""
    watched = {ESTATE_JOB, *(source_job_name(this.source.name) for this in sources)}

    @dg.run_failure_sensor(
        name="failed_runs",
        default_status=dg.DefaultSensorStatus.RUNNING,
        monitor_all_code_locations=False,
        description="Audits every failed run; posts it to GOVERNANCE_NOTIFICATIONS__WEBHOOK_URL where that is set.",
    )
    def failed_runs(context: dg.RunFailureSensorContext, inventory: InventoryResource) -> dg.SkipReason | None:
        run = context.dagster_run
        if run.job_name not in watched and not run.job_name.startswith("__ASSET_JOB"):
            return dg.SkipReason(f"{run.job_name} is none of the syncs")
        details = {
            "job": run.job_name,
            "run_id": run.run_id,
            "error": context.failure_event.message or "",
            "asked_by": actor_of(run.tags),
        }
        with inventory.open() as database:
            database.audit("sensor:failed_runs", "run.failed", run.job_name, details)
        _post(settings, details)
        return None

    return failed_runs


def _post(settings: Settings, details: dict[str, str]) -> None:
    """Raises what requests raises: the tick then fails visibly and is tried again by Dagster."""
    notifications = settings.notifications
    if notifications.webhook_url:
        answer = requests.post(
            notifications.webhook_url,
            json={"text": f"{details['job']} failed: {details['error']}", **details},
            timeout=notifications.webhook_timeout_seconds,
        )
        answer.raise_for_status()
