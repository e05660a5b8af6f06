"""Moments as people write them: ISO dates and times, `2h`, `3 days ago`, `yesterday`. Without a zone: local time."""

import re
from datetime import datetime, timedelta

from governance.errors import ConfigurationError

_UNITS = {
    timedelta(seconds=1): "s|sec|secs|second|seconds",
    timedelta(minutes=1): "m|min|mins|minute|minutes",
    timedelta(hours=1): "h|hour|hours",
    timedelta(days=1): "d|day|days",
    timedelta(weeks=1): "w|week|weeks",
}
_UNIT = {word: unit for unit, words in _UNITS.items() for word in words.split("|")}
_AGO = re.compile(rf"(\d{{1,6}})\s*({'|'.join(_UNIT)})(\s+ago)?")
_WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")


def moment(text: str, now: datetime, option: str) -> datetime:
    """The moment that a person means, with a time zone.

    Args:
        text: `2026-11-03`, `2026-11-03T14:00+01:00`, `90m`, `2h`, `3 days ago`, `1w`, `now`, `today`, `yesterday`,
            or a day of the week for the last one before today; a day is its midnight.
        now: with a time zone, in which what has none is understood.
        option: for the message.

    Raises:
        ConfigurationError: nobody can tell what is meant.
    """
    word = text.strip().lower()
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    if word == "now":
        return now
    if word in ("today", "yesterday"):
        return midnight if word == "today" else midnight - timedelta(days=1)
    if word.removeprefix("last ") in _WEEKDAYS:
        wanted = _WEEKDAYS.index(word.removeprefix("last "))
        return midnight - timedelta(days=(now.weekday() - wanted) % 7 or 7)
    try:
        if ago := _AGO.fullmatch(word):
            return now - int(ago[1]) * _UNIT[ago[2]]
        at = datetime.fromisoformat(text.strip())
    except (ValueError, OverflowError):
        raise ConfigurationError(
            f"{text!r} is no moment that is understood here",
            operation=option,
            remedy="write a date (2026-11-03), a time (2026-11-03T14:00), 2h, 3 days ago, yesterday or tuesday",
        ) from None
    return at if at.tzinfo else at.replace(tzinfo=now.tzinfo)
