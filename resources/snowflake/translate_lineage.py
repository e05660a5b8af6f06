"""Rows of OBJECT_DEPENDENCIES, ACCESS_HISTORY and COPY_HISTORY to edges; pure."""

from typing import Any

from governance.errors import RecordError
from governance.model import LineageEdge, NodeKind
from governance.types import path_part
from resources.snowflake.translate import PLATFORM, qualified
from resources.snowflake.translate_access import is_relation
from resources.snowflake.translate_usage import object_name

_DEPENDENCIES, _ACCESS = "account_usage.object_dependencies", "account_usage.access_history"
_COPIES = "account_usage.copy_history"

Row = dict[str, Any]


def dependency(row: Row) -> LineageEdge:
    """What a view, or another object that is made of others, refers to.

    Raises:
        RecordError: an end has no name.
    """
    kind = _said(row, "referencing_object_domain").lower().replace("_", " ")
    (above, above_kind), (below, below_kind) = (_node(row, end) for end in ("referenced", "referencing"))
    return LineageEdge(
        above,
        below,
        upstream_kind=above_kind,
        downstream_kind=below_kind,
        process=below,
        process_kind=kind,
        origin=_DEPENDENCIES,
    )


def _node(row: Row, end: str) -> tuple[str, NodeKind]:
    """A relation by its name; what is none, such as a function, with its kind before it."""
    name = qualified(*(_said(row, f"{end}_{part}") for part in ("database", "schema", "object_name")))
    kind = _said(row, f"{end}_object_domain").lower().replace("_", " ")
    return (name, "dataset") if is_relation(kind) else (f"{kind} {name}", "external")


def query(row: Row) -> LineageEdge:
    """What queries wrote from what; of columns where the row has them.

    Raises:
        RecordError: an end is no relation, or one of two columns has no name.
    """
    above, below = row.get("upstream_column"), row.get("downstream_column")
    if bool(above) != bool(below) or ("upstream_column" in row and not above):
        raise RecordError("a column has no name", platform=PLATFORM, operation="ACCESS_HISTORY")
    return LineageEdge(
        object_name(row.get("upstream")),
        object_name(row.get("downstream")),
        path_part(str(above)) if above else "",
        path_part(str(below)) if below else "",
        process_kind="query",
        origin=_ACCESS,
    )


def load(row: Row) -> LineageEdge:
    """What was loaded from a stage: a location where it is outside Snowflake, else known by its name only.

    Raises:
        RecordError: an end has no name.
    """
    stage = _said(row, "stage_location")
    table = qualified(*(_said(row, f"table_{part}") for part in ("catalog_name", "schema_name", "name")))
    pipe = [str(row[f"pipe_{part}"]) for part in ("catalog_name", "schema_name", "name") if row.get(f"pipe_{part}")]
    outside = "://" in stage
    return LineageEdge(
        stage if outside else f"stage {stage}",
        table,
        upstream_kind="location" if outside else "external",
        process=qualified(*pipe) if pipe else "",
        process_kind="pipe" if pipe else "copy",
        origin=_COPIES,
    )


def _said(row: Row, label: str) -> str:
    value = row.get(label)
    if not isinstance(value, str) or not value:
        raise RecordError(f"the row has no {label}", platform=PLATFORM, operation="ACCOUNT_USAGE")
    return value
