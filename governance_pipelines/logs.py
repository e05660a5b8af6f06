"""How this project's own log lines are written: to stderr, at the level and in the form of the settings."""

import logging
import sys
from typing import Any

import structlog

from governance.settings import LoggingSettings


def configure_logging(settings: LoggingSettings, at_least: str | None = None) -> None:
    """Sets up structlog for this process.

    Args:
        settings: level and form.
        at_least: a higher level, for a command whose answer must not drown in retries.
    """
    levels = logging.getLevelNamesMapping()
    level = max(levels[settings.level.upper()], levels[(at_least or "debug").upper()])
    shown: list[Any] = [structlog.dev.ConsoleRenderer(colors=False)]
    if settings.json_lines:
        shown = [structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            *shown,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        # looked up at each line: the stream may be redirected meanwhile
        logger_factory=lambda *_: structlog.PrintLogger(sys.stderr),
        cache_logger_on_first_use=False,
    )
