"""Whom to tell when a run fails."""

from pydantic import BaseModel, ConfigDict, Field

from governance.settings.addresses import WebAddress


class NotificationSettings(BaseModel):
    """Section `notifications`. The address of a webhook is often its secret: it is never shown."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    webhook_url: WebAddress = Field(
        default=None, repr=False, description="http(s) address that gets a JSON message for each failed run."
    )
    webhook_timeout_seconds: float = Field(
        default=10, gt=0, le=300, allow_inf_nan=False, description="Seconds to wait for the webhook's answer."
    )
