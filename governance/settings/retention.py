"""How long the inventory remembers."""

from pydantic import BaseModel, ConfigDict, Field


class RetentionSettings(BaseModel):
    """Section `retention`: whole months before this one; without a figure everything is kept."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    history_months: int | None = Field(
        default=None, ge=1, le=1200, description="Months of versions that the as-of functions can go back; unset: all."
    )
    changes_months: int | None = Field(default=None, ge=1, le=1200, description="Months of changes; unset: all.")
    usage_months: int | None = Field(default=None, ge=1, le=1200, description="Months of usage by day; unset: all.")
    runs_months: int | None = Field(
        default=None, ge=1, le=1200, description="Months of sync runs and of how each scope ended; unset: all."
    )
