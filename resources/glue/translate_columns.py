"""A table's columns and partition keys as column rows."""

from collections.abc import Iterator, Mapping
from typing import Any

from governance.errors import RecordError
from governance.model import Column
from governance.types import columns_of

Json = Mapping[str, Any]


def columns_of_table(raw: Json) -> tuple[tuple[Column, ...], list[str]]:
    """The rows of columns, then those of partition keys, and the names that come more than once.

    Glue lets a crawler name a partition key like a column; the partition key is what queries see, so it is kept.

    Raises:
        RecordError: the columns are not told, or one has no name.
    """
    storage = raw.get("StorageDescriptor") or {}
    told = storage.get("Columns") if isinstance(storage, Mapping) else None
    if told is None and not raw.get("TargetTable"):
        raise RecordError("the table has no column list", platform="glue", operation="glue:GetTables")
    keys = list(_named(raw.get("PartitionKeys") or ()))
    named = [c for c in _named(told or ()) if _is_current(c)]
    taken = {str(c["Name"]) for c in keys}
    repeated: list[Json] = []
    kept: list[Json] = []
    for column in named:
        name = str(column["Name"])
        (repeated if name in taken else kept).append(column)
        taken.add(name)
    rows: list[Column] = []
    for ordinal, column in enumerate((*kept, *keys), 1):
        rows += _rows(column, ordinal, partition_key=ordinal > len(kept))
    return tuple(rows), sorted({str(c["Name"]) for c in repeated})


def _rows(column: Json, ordinal: int, *, partition_key: bool) -> tuple[Column, ...]:
    native, comment = column.get("Type"), column.get("Comment")
    parameters = column.get("Parameters")
    return columns_of(
        str(column["Name"]),
        native if isinstance(native, str) else "",
        ordinal,
        nullable=_nullable(parameters),
        comment=comment if isinstance(comment, str) and comment else None,
        partition_key=partition_key,
        properties=_kept(parameters),
        dialect="hive",
    )


def _named(told: Any) -> Iterator[Json]:
    if not isinstance(told, list | tuple):
        raise RecordError("the columns are not a list", platform="glue", operation="glue:GetTables")
    for column in told:
        if not isinstance(column, Mapping) or not isinstance(column.get("Name"), str) or not column["Name"]:
            raise RecordError("a column has no Name", platform="glue", operation="glue:GetTables")
        yield column


def _is_current(column: Json) -> bool:
    """Iceberg leaves dropped columns in Glue's list, marked."""
    parameters = column.get("Parameters")
    return not isinstance(parameters, Mapping) or parameters.get("iceberg.field.current") != "false"


def _nullable(parameters: Any) -> bool | None:
    optional = parameters.get("iceberg.field.optional") if isinstance(parameters, Mapping) else None
    return {"true": True, "false": False}.get(str(optional))


def _kept(parameters: Any) -> dict[str, Any] | None:
    if not isinstance(parameters, Mapping):
        return None
    told = {"iceberg.field.current", "iceberg.field.optional"}
    return {k: v for k, v in parameters.items() if k not in told} or None
