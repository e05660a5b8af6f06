"""Rolled-up rows of ACCESS_HISTORY to usage facts; pure."""

from datetime import date
from typing import Any

from governance.errors import RecordError
from governance.model import Usage
from governance.types import path_part
from resources.snowflake.translate import PLATFORM, parts_of, qualified, when

ORIGIN = "account_usage.access_history"

Row = dict[str, Any]


def object_name(name: object) -> str:
    """The qualified name of what ACCESS_HISTORY names; it quotes parts as SQL does.

    Raises:
        RecordError: it is no name of three parts.
    """
    parts = parts_of(str(name or ""))
    if len(parts) != 3 or not all(parts):
        raise RecordError(f"{name!r} is no name of a relation", platform=PLATFORM, operation="ACCESS_HISTORY")
    return qualified(*parts)


def relation(day: date, row: Row, texts: tuple[str, ...] = ()) -> Usage:
    """What one user did with one relation on a day."""
    return _usage(day, row, "", _count(row, "produced"), _count(row, "scanned"), texts)


def column(day: date, row: Row) -> Usage:
    """What one user did with one column on a day."""
    if not row.get("column_name"):
        raise RecordError("a column has no name", platform=PLATFORM, operation="ACCESS_HISTORY")
    return _usage(day, row, path_part(str(row["column_name"])), None, None, ())


def _usage(day: date, row: Row, path: str, rows: int | None, scanned: int | None, texts: tuple[str, ...]) -> Usage:
    if not row.get("user_name"):
        raise RecordError("an access names no user", platform=PLATFORM, operation="ACCESS_HISTORY")
    return Usage(
        qualified_name=object_name(row.get("relation")),
        day=day,
        principal=str(row["user_name"]),
        principal_kind="user",
        reads=_count(row, "reads") or 0,
        writes=_count(row, "writes") or 0,
        path=path,
        last_read_at=when(row.get("read_at")),
        last_written_at=when(row.get("written_at")),
        rows=rows,
        bytes=scanned,
        queries=texts,
        origin=ORIGIN,
    )


def _count(row: Row, label: str) -> int | None:
    value = row.get(label)
    try:
        return None if value is None else int(value)
    except (TypeError, ValueError) as error:
        raise RecordError(f"{value!r} is no count", platform=PLATFORM, operation="ACCESS_HISTORY") from error
