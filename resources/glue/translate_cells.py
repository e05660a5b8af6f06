"""Lake Formation's data cells filters: which rows and columns of a table they show, and to whom. Pure."""

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from governance.errors import RecordError
from governance.model import Grant, Policy
from resources.glue.translate_access import ORIGIN, Catalog, Securable, columns_of, grants_on

Json = Mapping[str, Any]
Key = tuple[str, str, str, str]
"""Catalog, database, table and name of a filter."""


class CellFilter(NamedTuple):
    """One filter of a governed table."""

    policy: str
    table: str
    rows: str | None
    paths: tuple[str, ...]
    except_paths: tuple[str, ...]


def key_of(raw: Json, catalog: str) -> Key:
    """Which filter this is, in a listing of filters as in a permission.

    Raises:
        RecordError: it does not say.
    """
    database, table, name = (raw.get(k) for k in ("DatabaseName", "TableName", "Name"))
    if not (isinstance(database, str) and isinstance(table, str) and isinstance(name, str) and name):
        raise _odd("the filter has no name, or none of its table")
    return str(raw.get("TableCatalogId") or catalog), database, table, name


def filter_of(raw: Any, catalog: Catalog) -> CellFilter | None:
    """One filter of ListDataCellsFilter; None where its table is not governed.

    Raises:
        RecordError: it is not of a shape that is known.
    """
    if not isinstance(raw, dict):
        raise _odd("the filter is not a JSON object")
    own, database, table, name = key_of(raw, catalog.id)
    qualified_name = catalog.table({"CatalogId": own}, database, table)
    if qualified_name is None:
        return None
    told = raw.get("RowFilter") or {}
    rows = told.get("FilterExpression") if isinstance(told, dict) else None
    paths, left_out = columns_of(raw)
    return CellFilter(f"{qualified_name}/{name}", qualified_name, rows or None, paths, left_out)


def grants_on_filter(entry: Json, given: CellFilter) -> tuple[Grant | Policy, ...]:
    """What a permission on this filter lets see: its columns, through it alone.

    Raises:
        RecordError: the permission is not of a shape that is known.
    """
    return grants_on(
        entry, Securable(given.table, "table", False, given.paths, given.except_paths, limited_by=given.policy)
    )


def policy_of(given: CellFilter, holders: Iterable[str]) -> Policy:
    """The filter itself; its columns stand in the expression too."""
    columns = "all columns"
    if given.paths != ("",):
        columns = f"columns {', '.join(given.paths)}"
    elif given.except_paths:
        columns = f"all columns but {', '.join(given.except_paths)}"
    return Policy(
        policy=given.policy,
        kind="cell_filter",
        securable=given.table,
        securable_kind="table",
        expression=f"{columns} of {f'rows where {given.rows}' if given.rows else 'all rows'}",
        applies_to=tuple(sorted(set(holders))),
        origin=ORIGIN,
    )


def _odd(message: str) -> RecordError:
    return RecordError(message, platform="glue", operation="lakeformation:ListDataCellsFilter")
