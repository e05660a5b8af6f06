"""Where Dagster keeps its own runs and events."""

from pydantic import BaseModel, ConfigDict, Field

from governance.settings.addresses import PostgresAddress


class DagsterSettings(BaseModel):
    """Section `dagster`. The address may hold a password: it is never shown."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    database_url: PostgresAddress = Field(
        default=None,
        repr=False,
        description="PostgreSQL URL of Dagster's storage; else a database of its own beside the inventory.",
    )
