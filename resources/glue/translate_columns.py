"""A table's columns and partition keys as column rows."""

from collections.abc import Iterable
from typing import Any

from governance.errors import RecordError
from governance.model import Column
from governance.types import ToldColumn, all_columns_of
from resources.glue.translate_record import ColumnRecord, TableRecord

_SAID_ELSEWHERE = frozenset({"iceberg.field.current", "iceberg.field.optional"})
_NULLABLE = {"true": True, "false": False}


def columns_of_table(table: TableRecord) -> tuple[tuple[Column, ...], list[str]]:
    """The rows of columns, then those of partition keys, and the names that come more than once.

    Glue lets a crawler name a partition key like a column; the partition key is what queries see, so it is kept.

    Raises:
        RecordError: the columns are not told, or one has no name.
    """
    storage = table.storage_descriptor
    listed = storage.columns if storage is not None else None
    if listed is None and not table.target_table:
        raise RecordError("the table has no column list", platform="glue", operation="glue:GetTables")
    repeated: set[str] = set()
    keys = _told(table.partition_keys or (), set(), repeated)
    columns = _told(listed or (), {key[0] for key in keys}, repeated)
    rows = all_columns_of(columns, "hive")
    if keys:
        rows += all_columns_of(keys, "hive", len(columns) + 1, partition_key=True)
    return tuple(rows), sorted(repeated)


def _told(records: Iterable[ColumnRecord], taken: set[str], repeated: set[str]) -> list[ToldColumn]:
    """Those whose name is not taken yet; the others' names are added to `repeated`."""
    # nine tenths of a first load's records are columns: no call more than needed
    out: list[ToldColumn] = []
    for record in records:
        name, native, comment, properties = record.name, record.type, record.comment, record.parameters
        if not name or not isinstance(name, str):
            raise RecordError("a column has no Name", platform="glue", operation="glue:GetTables")
        nullable = None
        if properties:
            if not isinstance(properties, dict):
                properties = None
            elif properties.get("iceberg.field.current") == "false":
                continue  # Iceberg leaves dropped columns in the list
            else:
                nullable, properties = _iceberg(properties)
        if name in taken:
            repeated.add(name)
            continue
        taken.add(name)
        told_comment = comment if comment and isinstance(comment, str) else None
        out.append((name, native if isinstance(native, str) else "", nullable, told_comment, properties))
    return out


def _iceberg(parameters: dict[str, Any]) -> tuple[bool | None, dict[str, Any]]:
    """Whether a field may be null, and the rest of its parameters."""
    nullable = _NULLABLE.get(str(parameters.get("iceberg.field.optional")))
    return nullable, {k: v for k, v in parameters.items() if k not in _SAID_ELSEWHERE}
