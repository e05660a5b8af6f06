"""How a source is synced: parallelism, guards against loss, batches and intervals."""

from pydantic import BaseModel, ConfigDict, Field


class SyncSettings(BaseModel):
    """Section `sync`; `GOVERNANCE_SYNC__THREADS=8` sets `threads`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    threads: int = Field(
        default=8,
        ge=1,
        le=64,
        description="Scopes of one source that are read at the same time, where its platform takes as many.",
    )
    loss_guard_ratio: float = Field(
        default=0.2,
        ge=0,
        le=1,
        allow_inf_nan=False,
        description="Share (0 to 1) of a scope's datasets above which a loss is not believed.",
    )
    loss_guard_minimum: int = Field(
        default=3,
        ge=0,
        description="Fewer missing datasets than this are always believed, unless the listing is empty.",
    )
    sensor_interval_seconds: int = Field(
        default=60, ge=5, le=86_400, description="Seconds between two looks at a source's change tokens."
    )
    full_listing_interval_hours: float = Field(
        default=24,
        ge=0,
        le=8_760,
        allow_inf_nan=False,
        description="Hours after which a scope is listed in full although its change token did not move; 0: always.",
    )
    retries: int = Field(default=2, ge=0, le=10, description="New runs after a Transient error.")
    retry_wait_seconds: float = Field(
        default=30, ge=0, le=86_400, allow_inf_nan=False, description="Seconds before such a run."
    )
    busy_wait_seconds: float = Field(
        default=120,
        ge=0,
        le=86_400,
        allow_inf_nan=False,
        description="Seconds to wait for another run that holds the source.",
    )
    preview_rows: int = Field(default=20, ge=0, le=1000, description="Rows of the preview table on a materialization.")
