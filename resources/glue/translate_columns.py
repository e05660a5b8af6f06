"""A table's columns and partition keys as column rows."""

from collections.abc import Mapping
from typing import Any

from governance.errors import RecordError
from governance.model import Column
from governance.types import ToldColumn, all_columns_of

Json = Mapping[str, Any]
Told = dict[str, Any]
"""A column as an answer has it. Checked as a dict, for a check against an abstract class costs more than the rest."""

_SAID_ELSEWHERE = frozenset({"iceberg.field.current", "iceberg.field.optional"})
_NULLABLE = {"true": True, "false": False}


def columns_of_table(raw: Json) -> tuple[tuple[Column, ...], list[str]]:
    """The rows of columns, then those of partition keys, and the names that come more than once.

    Glue lets a crawler name a partition key like a column; the partition key is what queries see, so it is kept.

    Raises:
        RecordError: the columns are not told, or one has no name.
    """
    storage = raw.get("StorageDescriptor")
    told = storage.get("Columns") if isinstance(storage, dict) else None
    if told is None and not raw.get("TargetTable"):
        raise RecordError("the table has no column list", platform="glue", operation="glue:GetTables")
    if told is not None and not isinstance(told, list):
        raise RecordError("the columns are not a list", platform="glue", operation="glue:GetTables")
    keys = _named(raw.get("PartitionKeys") or [])
    taken = {c["Name"] for c in keys}
    repeated: set[str] = set()
    columns: list[ToldColumn] = []
    for column in told or ():
        name = column.get("Name") if isinstance(column, dict) else None
        if not name or not isinstance(name, str):
            raise RecordError("a column has no Name", platform="glue", operation="glue:GetTables")
        parameters = column.get("Parameters")
        if parameters and isinstance(parameters, dict) and parameters.get("iceberg.field.current") == "false":
            continue  # Iceberg leaves dropped columns in the list
        if name in taken:
            repeated.add(name)
            continue
        taken.add(name)
        columns.append(_told(column, name, parameters))
    rows = all_columns_of(columns, "hive")
    last = [_told(key, key["Name"], key.get("Parameters")) for key in _distinct(keys, repeated)]
    rows += all_columns_of(last, "hive", len(columns) + 1, partition_key=True)
    return tuple(rows), sorted(repeated)


def _told(column: Told, name: str, parameters: Any) -> ToldColumn:
    native, comment = column.get("Type"), column.get("Comment")
    nullable, properties = None, None
    if parameters and isinstance(parameters, dict):
        nullable = _NULLABLE.get(str(parameters.get("iceberg.field.optional")))
        properties = {k: v for k, v in parameters.items() if k not in _SAID_ELSEWHERE}
    native = native if isinstance(native, str) else ""
    return name, native, nullable, comment if comment and isinstance(comment, str) else None, properties


def _distinct(keys: list[Told], repeated: set[str]) -> list[Told]:
    seen: dict[str, Told] = {}
    for key in keys:
        if seen.setdefault(key["Name"], key) is not key:
            repeated.add(key["Name"])
    return list(seen.values())


def _named(told: Any) -> list[Told]:
    if not isinstance(told, list):
        raise RecordError("the columns are not a list", platform="glue", operation="glue:GetTables")
    for column in told:
        name = column.get("Name") if isinstance(column, dict) else None
        if not name or not isinstance(name, str):
            raise RecordError("a column has no Name", platform="glue", operation="glue:GetTables")
    return told
