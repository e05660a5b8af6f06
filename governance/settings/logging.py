"""What is logged, and in which form."""

from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

Level = Annotated[
    Literal["debug", "info", "warning", "error"],
    BeforeValidator(lambda value: value.lower() if isinstance(value, str) else value),
]


class LoggingSettings(BaseModel):
    """Section `logging`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    level: Level = Field(default="info", description="Lowest level that shows, in upper or lower case.")
    # a field called `json` would hide a method of pydantic's models
    json_lines: bool = Field(default=False, description="One JSON object a line instead of text.")
