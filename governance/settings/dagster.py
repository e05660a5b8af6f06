"""Where Dagster keeps its own runs and events, and where the steps of a run are executed."""

from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from governance.settings.addresses import BrokerAddress, PostgresAddress


class DagsterSettings(BaseModel):
    """Section `dagster`. The addresses may hold passwords: they are never shown."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    database_url: PostgresAddress = Field(
        default=None,
        repr=False,
        description="PostgreSQL URL of Dagster's storage; else a database of its own beside the inventory.",
    )
    executor: Literal["local", "celery"] = Field(
        default="local",
        description="Where the steps of a run are executed: `local`, beside the run, or `celery`, on workers.",
    )
    broker_url: BrokerAddress = Field(
        default=None, repr=False, description="Redis URL of Celery's queue and results; `celery` needs it."
    )
    lost_worker_seconds: int = Field(
        default=120,
        ge=5,
        le=3600,
        description="Seconds of silence after which a Celery worker is lost, and its step goes to another.",
    )

    @model_validator(mode="after")
    def _celery_has_a_broker(self) -> Self:
        if self.executor == "celery" and self.broker_url is None:
            raise ValueError("celery needs broker_url, such as redis://host:6379/0")
        return self
