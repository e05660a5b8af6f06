"""Where the web UI listens."""

from pydantic import BaseModel, ConfigDict, Field


class WebSettings(BaseModel):
    """Section `web`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    host: str = Field(default="127.0.0.1", min_length=1, description="Address to listen on; 0.0.0.0 for all.")
    port: int = Field(
        default=3000, ge=1, le=65_535, description="TCP port; the next free one is taken where it is in use."
    )
