"""All settings of an installation, one frozen section a file.

The lid fills them from `GOVERNANCE_<SECTION>__<FIELD>`.
"""

from pydantic import BaseModel, ConfigDict, Field

from governance.settings.dagster import DagsterSettings
from governance.settings.database import DatabaseSettings
from governance.settings.logging import LoggingSettings
from governance.settings.notifications import NotificationSettings
from governance.settings.retention import RetentionSettings
from governance.settings.sync import SyncSettings
from governance.settings.usage import UsageSettings
from governance.settings.web import WebSettings

__all__ = [
    "DagsterSettings",
    "DatabaseSettings",
    "LoggingSettings",
    "NotificationSettings",
    "RetentionSettings",
    "Settings",
    "SyncSettings",
    "UsageSettings",
    "WebSettings",
]


class Settings(BaseModel):
    """Every section with its defaults; an unknown section or field is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    sync: SyncSettings = Field(default_factory=SyncSettings)
    usage: UsageSettings = Field(default_factory=UsageSettings)
    database: DatabaseSettings = Field(default_factory=DatabaseSettings)
    dagster: DagsterSettings = Field(default_factory=DagsterSettings)
    notifications: NotificationSettings = Field(default_factory=NotificationSettings)
    logging: LoggingSettings = Field(default_factory=LoggingSettings)
    retention: RetentionSettings = Field(default_factory=RetentionSettings)
    web: WebSettings = Field(default_factory=WebSettings)
