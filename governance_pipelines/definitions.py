"""The composition root: reads the estate, binds resources, lists what is deployed. Nobody imports it."""

import dagster as dg

from governance_pipelines.bindings import installation
from governance_pipelines.deployment import deployment
from governance_pipelines.logs import configure_logging


@dg.definitions
def definitions() -> dg.Definitions:
    """Everything of this installation."""
    here = installation()
    configure_logging(here.settings.logging)
    return deployment(here)
