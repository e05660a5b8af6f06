"""`<source>/access`, `<source>/lineage` and `<source>/usage` as assets; usage is partitioned by day."""

import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta

import dagster as dg
from pydantic import Field

from assets.integrations.facet_events import FacetEvents
from assets.integrations.metadata import OWNERS, SourceAsset
from governance.model import Facet
from resources.facets import facets_of

VIEWS = {
    "access": ("inventory.grants", "inventory.memberships", "inventory.policies"),
    "lineage": ("inventory.lineage",),
    "usage": ("inventory.usage",),
}
_ABOUT = {
    "access": "Who may read and write what: grants, roles and their members, row filters, column masks and policies. "
    "`inventory.readers(source, name, path)` answers who can read a column, and by which way.",
    "lineage": "What feeds what, down to columns, as the platform tells it and as the text of its views says. "
    "`inventory.lineage_of(source, name, path)` follows it across sources that share a location.",
    "usage": "Who read and wrote which dataset how often on a day, and when last. Roll-ups only.",
}


class FacetConfig(dg.Config):
    """What a person may choose in the launchpad."""

    accept_loss: bool = Field(
        default=False, description="Close facts that are gone even where the loss guard would hold them."
    )


@dataclass(frozen=True)
class FacetAsset:
    """The Dagster names of one facet of one source."""

    of: SourceAsset
    facet: Facet

    @property
    def key(self) -> dg.AssetKey:
        """`<source>/<facet>`."""
        return dg.AssetKey([self.of.source.name, self.facet])

    @property
    def name(self) -> str:
        """Of its job and step: `<source>_<facet>`."""
        return f"{self.of.source.name}_{self.facet}"

    @property
    def partitions(self) -> dg.DailyPartitionsDefinition | None:
        """Days, for usage."""
        if self.facet != "usage":
            return None
        return dg.DailyPartitionsDefinition(start_date=self.of.settings.usage.first_day.isoformat(), timezone="UTC")

    @property
    def checks(self) -> list[dg.AssetCheckSpec]:
        """The checks that its sync answers."""
        return [
            dg.AssetCheckSpec(
                "complete",
                asset=self.key,
                description="Every part was read to its end; else why not.",
            ),
            dg.AssetCheckSpec(
                "no_sudden_loss",
                asset=self.key,
                description="No part came back so small that its facts were held back by the loss guard.",
            ),
        ]


def facet_assets(this: SourceAsset) -> list[FacetAsset]:
    """The facets that the source's platform has; lineage of views follows from the inventory itself."""
    has = facets_of(this.source.platform) | {"lineage"}
    return [FacetAsset(this, facet) for facet in ("access", "lineage", "usage") if facet in has]


def facet_asset(this: FacetAsset) -> dg.AssetsDefinition:
    """The asset of one facet."""
    source, integration = this.of.source, this.of.integration
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", dg.BetaWarning)  # backfill_policy: one run for a range is worth the beta

        @dg.asset(
            key=this.key,
            deps=[dg.AssetDep(this.of.key, partition_mapping=_whole(this))],
            partitions_def=this.partitions,
            backfill_policy=dg.BackfillPolicy.single_run() if this.partitions else None,
            output_required=False,
            pool=this.of.pool,
            group_name=source.platform,
            kinds={*integration.kinds, "postgres"},
            owners=OWNERS,
            description=f"{_ABOUT[this.facet]} Source: `{source.name}` ({integration.title}).",
            check_specs=this.checks,
            required_resource_keys=this.of.resource_keys,
            tags={"governance/platform": source.platform, "governance/facet": this.facet},
            metadata={"platform": source.platform, "views": ", ".join(VIEWS[this.facet])},
            freshness_policy=dg.FreshnessPolicy.time_window(
                fail_window=timedelta(hours=50), warn_window=timedelta(hours=26)
            ),
        )
        def facet(context: dg.AssetExecutionContext, config: FacetConfig) -> Iterator[object]:
            days = tuple(map(date.fromisoformat, context.partition_keys)) if this.partitions else None
            events = FacetEvents(this.of, this.facet, this.key, context.op_execution_context, days, config.accept_loss)
            yield from events.of_asset()

    return facet


def _whole(this: FacetAsset) -> dg.PartitionMapping | None:
    """A day of usage depends on all scopes, as does a whole facet."""
    return dg.AllPartitionMapping()
