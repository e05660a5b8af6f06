"""Connections to the inventory database. Its address is `GOVERNANCE_DATABASE_URL`."""

from pydantic import BaseModel, ConfigDict, Field


class DatabaseSettings(BaseModel):
    """Section `database`; time-outs are in seconds."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    statement_timeout_seconds: float = Field(
        default=600, ge=0, le=86_400, allow_inf_nan=False, description="Longest statement; 0: no limit."
    )
    lock_timeout_seconds: float = Field(
        default=120,
        ge=0,
        le=86_400,
        allow_inf_nan=False,
        description="Longest wait for another session's lock; 0: no limit.",
    )
    connect_timeout_seconds: int = Field(default=10, ge=1, le=600, description="Longest wait for a connection.")
    pool_size: int = Field(default=8, ge=1, le=200, description="Connections that one process holds at most.")
