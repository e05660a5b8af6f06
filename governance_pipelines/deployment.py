"""From an installation to Definitions: one asset, job, sensor and schedule a source, and the resources they need."""

from collections.abc import Mapping

import dagster as dg

from assets.integrations.facet_assets import FacetAsset, facet_asset, facet_assets
from assets.integrations.metadata import SourceAsset, metadata_asset
from assets.integrations.sync import Silent
from assets.quality.inventory import inventory_checks
from governance_pipelines.bindings import Installation
from governance_pipelines.execution import asset_executor, estate_executor
from governance_pipelines.facet_jobs import facet_jobs, facet_schedules
from governance_pipelines.jobs import checks_job, estate_job, source_jobs
from governance_pipelines.schedules import checks_schedule, longest_gap, source_schedules
from governance_pipelines.sensors import change_sensors, failure_sensor
from governance_pipelines.upkeep import prune_job, prune_schedule


def source_assets(installation: Installation) -> list[SourceAsset]:
    """The sources of the estate with their Dagster names."""
    return [
        SourceAsset(source, installation.settings, longest_gap(source.schedule) if source.schedule else None)
        for source in installation.estate().sources
    ]


def source_facets(sources: list[SourceAsset]) -> list[FacetAsset]:
    """Access, lineage and usage of every source, each where its platform has it."""
    return [facet for this in sources for facet in facet_assets(this)]


def deployment(installation: Installation, progress: object = None) -> dg.Definitions:
    """All definitions of this installation.

    Args:
        installation: where its estate, its database and its settings are.
        progress: who is told how a sync gets on in this process; nobody by default.
    """
    sources, settings = source_assets(installation), installation.settings.dagster
    facets = source_facets(sources)
    return dg.Definitions(
        assets=[*(metadata_asset(this) for this in sources), *(facet_asset(facet) for facet in facets)],
        asset_checks=[inventory_checks(this) for this in sources],
        jobs=[
            *source_jobs(sources),
            estate_job(sources, estate_executor(settings)),
            checks_job(sources),
            *facet_jobs(facets),
            prune_job(installation.settings.retention),
        ],
        schedules=[
            *source_schedules(sources),
            checks_schedule(),
            *facet_schedules(facets, installation.settings),
            prune_schedule(installation.settings.retention),
        ],
        sensors=[*change_sensors(sources), failure_sensor(sources, installation.settings)],
        resources=_resources(installation, sources, progress),
        executor=asset_executor(settings),
    )


def _resources(installation: Installation, sources: list[SourceAsset], progress: object) -> Mapping[str, object]:
    own = {this.resource_key: installation.source_resource(this.source) for this in sources}
    return {**own, "inventory": installation.inventory_resource(), "progress": progress or Silent()}
