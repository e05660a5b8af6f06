"""The inventory database: schema, time-outs and connections. Its address is `GOVERNANCE_DATABASE_URL`."""

from pydantic import BaseModel, ConfigDict, Field


class DatabaseSettings(BaseModel):
    """Section `database`; time-outs are in seconds, 0 means none."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    # a field called `schema` would hide a method of pydantic's models
    schema_name: str = Field(
        default="inventory",
        pattern=r"^[a-z_][a-z0-9_]{0,62}$",
        description="Schema of the inventory; the documented views live in it.",
    )
    statement_timeout_seconds: float = Field(
        default=600, ge=0, le=86_400, allow_inf_nan=False, description="Longest statement of a sync."
    )
    query_timeout_seconds: float = Field(
        default=60, ge=0, le=86_400, allow_inf_nan=False, description="Longest statement of a person's query."
    )
    lock_timeout_seconds: float = Field(
        default=30, ge=0, le=86_400, allow_inf_nan=False, description="Longest wait for another session's lock."
    )
    connect_timeout_seconds: int = Field(default=10, ge=1, le=600, description="Longest wait for a connection.")
    pool_size: int = Field(default=8, ge=1, le=200, description="Connections that one process holds at most.")
