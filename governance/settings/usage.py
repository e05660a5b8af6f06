"""Which days of usage are read, and what is kept of them."""

from datetime import date

from pydantic import BaseModel, ConfigDict, Field


class UsageSettings(BaseModel):
    """Section `usage`; `GOVERNANCE_USAGE__FIRST_DAY=2026-01-01` sets `first_day`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    first_day: date = Field(
        default=date(2025, 1, 1), description="First day (UTC) of the usage assets' partitions, as YYYY-MM-DD."
    )
    look_back_days: int = Field(
        default=2,
        ge=0,
        le=30,
        description="Days before yesterday that the daily run reads once more: query histories come late.",
    )
    schedule: str = Field(
        default="30 4 * * *", description="Cron (UTC) of the daily run for access, lineage and usage; empty: none."
    )
