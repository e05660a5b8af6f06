"""Rolled-up reads and writes of Unity Catalog to usage facts; pure."""

from collections.abc import Sequence
from datetime import UTC, date, datetime
from typing import Any

from governance.errors import RecordError
from governance.model import PrincipalKind, Usage
from governance.text import clean
from resources.databricks.translate import qualified
from resources.databricks.translate_access import principal_kind

ORIGIN = "unity catalog lineage"
UNKNOWN = "unknown"
"""Who used it where the platform does not say."""
_SYSTEM_USER = "System-User"


def usage(day: date, row: Sequence[Any], texts: tuple[str, ...] = ()) -> Usage:
    """What one principal did with one table on a day.

    The row holds catalog, schema, table, principal, reads, writes, when last read, when last written.

    Raises:
        RecordError: it names no table, or a count is none.
    """
    if len(row) != 8:
        raise _broken("the row has another number of values")
    parts = row[0:3]
    if not all(isinstance(p, str) and p for p in parts):
        raise _broken("the row names no table")
    who, of = _principal(row[3])
    return Usage(
        qualified_name=qualified(*(clean(p) for p in parts)),
        day=day,
        principal=who,
        principal_kind=of,
        reads=_count(row[4]),
        writes=_count(row[5]),
        last_read_at=_moment(row[6]),
        last_written_at=_moment(row[7]),
        queries=texts,
        origin=ORIGIN,
    )


def _principal(name: Any) -> tuple[str, PrincipalKind]:
    if not isinstance(name, str) or not name:
        return UNKNOWN, "unknown"
    return clean(name), "unknown" if name == _SYSTEM_USER else principal_kind(name)


def _count(value: Any) -> int:
    try:
        return int(value or 0)
    except (TypeError, ValueError) as error:
        raise _broken(f"{value!r} is no count") from error


def _moment(value: Any) -> datetime | None:
    """A moment as the warehouse writes it, in UTC."""
    if value in (None, ""):
        return None
    try:
        found = datetime.fromisoformat(str(value))
    except ValueError as error:
        raise _broken(f"{value!r} is no moment") from error
    return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)


def _broken(message: str) -> RecordError:
    return RecordError(message, platform="databricks", operation="translate")
