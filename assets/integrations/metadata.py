"""`<source>/metadata`: the asset of a source's sync, partitioned by scope, and the op that does it in a larger job.

One run covers any set of scopes: a whole source (no partition tag), the scopes named in the run's configuration (the
change sensor, the command line), or a partition or range picked in the UI or by a backfill.
"""

import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta

import dagster as dg
from pydantic import Field

from assets.integrations import Integration, integration_of
from assets.integrations.events import SyncEvents
from governance.estate import Source
from governance.settings import Settings

OWNERS = ["team:data_governance"]


class SyncConfig(dg.Config):
    """What a person may choose in the launchpad."""

    scopes: list[str] = Field(default=[], description="Names of the scopes to sync; empty for the whole source.")
    accept_loss: bool = Field(
        default=False, description="Delete what is no longer listed even where the loss guard would hold it back."
    )
    full: bool = Field(default=False, description="List every scope, even where its change token did not move.")


@dataclass(frozen=True)
class SourceAsset:
    """The Dagster names of one source, in one place."""

    source: Source
    settings: Settings
    fresh_for: timedelta | None = None
    """How long a sync stays fresh: the longest gap of its schedule; None without a schedule."""

    @property
    def key(self) -> dg.AssetKey:
        """`<source>/metadata`."""
        return dg.AssetKey([self.source.name, "metadata"])

    @property
    def integration(self) -> Integration:
        """What is particular to its platform."""
        return integration_of(self.source.platform)

    @property
    def resource_key(self) -> str:
        """The key under which the source's resource is bound."""
        return f"{self.source.name}_source"

    @property
    def pool(self) -> str:
        """The concurrency pool of the source's API."""
        return f"{self.source.name}_api"

    @property
    def partitions(self) -> dg.DynamicPartitionsDefinition:
        """The scopes of the source."""
        return dg.DynamicPartitionsDefinition(name=f"{self.source.name}_scopes")

    @property
    def resource_keys(self) -> set[str]:
        """What its asset, op and sensor need."""
        return {"inventory", "progress", self.resource_key}

    @property
    def checks(self) -> list[dg.AssetCheckSpec]:
        """The checks that a sync itself answers."""
        return [
            dg.AssetCheckSpec(
                "complete",
                asset=self.key,
                description="Every scope that was asked for was read to its end. Where not, the reasons are listed.",
            ),
            dg.AssetCheckSpec(
                "no_sudden_loss",
                asset=self.key,
                blocking=True,
                description="No listing came back so small that its deletions were held back by the loss guard.",
            ),
            dg.AssetCheckSpec(
                "quarantine_empty",
                asset=self.key,
                description="Every record could be understood; the others wait in `inventory.quarantine`.",
            ),
        ]

    @property
    def description(self) -> str:
        """What a person reads beside the asset."""
        it = self.integration
        return (
            f"Datasets, columns, owners, comments, tags and classifications of the {it.title} source "
            f"`{self.source.name}`, in the inventory's views `datasets`, `columns` and `tags`. "
            f"One partition per {it.scope_word}. Change token: {it.change_token}."
        )


def metadata_asset(this: SourceAsset) -> dg.AssetsDefinition:
    """The asset of one source."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", dg.BetaWarning)  # backfill_policy: one run for a range is worth the beta

        @dg.asset(
            key=this.key,
            partitions_def=this.partitions,
            backfill_policy=dg.BackfillPolicy.single_run(),
            output_required=False,
            pool=this.pool,
            group_name=this.source.platform,
            kinds={*this.integration.kinds, "postgres"},
            owners=OWNERS,
            description=this.description,
            check_specs=this.checks,
            required_resource_keys=this.resource_keys,
            tags={"governance/platform": this.source.platform},
            metadata={"platform": this.source.platform, "view": "inventory.datasets"},
            freshness_policy=_freshness(this.fresh_for),
        )
        def metadata(context: dg.AssetExecutionContext, config: SyncConfig) -> Iterator[object]:
            events = SyncEvents(this, context.op_execution_context, config)
            yield from events.of_asset()

    return metadata


def metadata_op(this: SourceAsset) -> dg.OpDefinition:
    """The same sync as a step of the estate's job, with the same events on the same asset.

    Dagster lets no asset job select assets of different partitions definitions; an op may report on any asset.
    """

    @dg.op(
        name=f"{this.source.name}_metadata",
        description=this.description,
        pool=this.pool,
        required_resource_keys=this.resource_keys,
        out=dg.Out(dg.Nothing),
    )
    def sync(context: dg.OpExecutionContext, config: SyncConfig) -> Iterator[object]:
        yield from SyncEvents(this, context, config).of_op()

    return sync


def _freshness(fresh_for: timedelta | None) -> dg.FreshnessPolicy | None:
    """Late after one missed run, failed after two."""
    if fresh_for is None:
        return None
    slack = timedelta(minutes=15)
    return dg.FreshnessPolicy.time_window(fail_window=2 * fresh_for + slack, warn_window=fresh_for + slack)
