"""Glue's databases and tables as records of the inventory. Pure: answers of the API in, records out."""

import base64
import binascii
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from governance.errors import RecordError
from governance.listing import Quarantined
from governance.model import Column, Container, Dataset, Tag
from governance.text import clean
from resources.glue.translate_columns import columns_of_table
from resources.glue.translate_format import format_of
from resources.glue.translate_record import StorageRecord, TableRecord, plain, table_of

Json = Mapping[str, Any]
TagsOf = Callable[[str, tuple[Column, ...]], tuple[Tag, ...]]
"""From a table's name and columns to its tags."""

_ROWS = ("numRows", "recordCount", "spark.sql.statistics.numRows")
_BYTES = ("totalSize", "sizeKey", "spark.sql.statistics.totalSize")
# they move with every write of data and say nothing of the table itself
_VOLATILE = frozenset({"transient_lastDdlTime", "previous_metadata_location", "last_modified_time"})
_NO_STORAGE = StorageRecord()
_KINDS = {
    "EXTERNAL_TABLE": "external_table",
    "VIRTUAL_VIEW": "view",
    "MANAGED_TABLE": "table",
    "": "table",
}
_VIEW = re.compile(r"\s*/\* (?:Presto(?: Materialized)?) View: ([A-Za-z0-9+/=]+) \*/\s*")


def catalog_of(catalog: str, native_id: str | None = None) -> Container:
    """The catalog itself, which is named by its account; it is above all databases."""
    return Container(qualified_name=catalog, kind="catalog", name=catalog, native_id=native_id)


def container_of(raw: Json, tags: tuple[Tag, ...] = (), native_id: str | None = None) -> Container:
    """A database, or the link to another account's database."""
    name, target = str(raw["Name"]), raw.get("TargetDatabase")
    properties = _present(parameters=dict(raw.get("Parameters") or {}), federated=raw.get("FederatedDatabase"))
    if isinstance(target, dict):
        properties["target"] = _target(target)
    return Container(
        qualified_name=name,
        kind="resource_link" if target else "database",
        name=name,
        parent=_text(raw.get("CatalogId")),
        comment=_text(raw.get("Description")),
        location=_text(raw.get("LocationUri")),
        properties=properties,
        tags=tags,
        native_id=native_id,
    )


def translated(
    tables: Iterable[Any], database: str, arn: Callable[[TableRecord], str | None], tags: TagsOf
) -> Iterator[Dataset | Quarantined]:
    """The page's records in their order, as datasets or, where they could not be understood, with the reason.

    Args:
        tables: `TableList` of GetTables: records as bytes or parsed.
        database: the name the tables were asked for by.
        arn: gives a table its ARN.
        tags: gives a table its tags.
    """
    for record in tables:
        try:
            yield dataset_of(table_of(record), database, arn, tags)
        except RecordError as error:
            raw = plain(record)
            name = raw.get("Name") if isinstance(raw, dict) else None
            known = f"{database}.{name}" if isinstance(name, str) and name else None
            yield Quarantined(known, error.message, raw)


def dataset_of(table: TableRecord, database: str, arn: Callable[[TableRecord], str | None], tags: TagsOf) -> Dataset:
    """One table.

    Raises:
        RecordError: it has no name or no columns.
    """
    name = table.name
    if not isinstance(name, str) or not name:
        raise RecordError("the table has no Name", platform="glue", operation="glue:GetTables")
    storage, parameters = table.storage_descriptor or _NO_STORAGE, table.parameters or {}
    columns, repeated = columns_of_table(table)
    kind = kind_of(table)
    statistics: dict[str, int] = {}
    rows = _first_count(parameters, _ROWS, statistics)
    size = _first_count(parameters, _BYTES, statistics)
    properties = properties_of(table, {k: v for k, v in parameters.items() if k not in statistics})
    if repeated:
        properties["repeated_columns"] = repeated
    owner = _text(table.owner)
    return Dataset(
        qualified_name=f"{database}.{name}",
        kind=kind,
        container=database,
        name=name,
        comment=_text(table.description) or _text(parameters.get("comment")),
        owner=owner,
        owner_kind="user" if owner else None,
        format=None if kind in ("view", "resource_link") else format_of(storage, parameters),
        location=_text(storage.location),
        row_count=rows,
        size_bytes=size,
        properties=properties,
        columns=columns,
        tags=tags(name, columns),
        native_id=arn(table),
        version=_text(table.version_id),
        source_updated_at=instant(table.update_time),
    )


def kind_of(table: TableRecord) -> str:
    """The inventory's word for what this is; Glue's own in lower case where we have none."""
    if table.target_table:
        return "resource_link"
    table_type = str(table.table_type or "")
    declared = table.parameters.get("table_type") if table.parameters else None
    if declared and str(declared).upper() == "ICEBERG" and table_type != "VIRTUAL_VIEW":
        return "iceberg_table"
    return _KINDS.get(table_type) or re.sub(r"\W+", "_", table_type.lower())


def properties_of(table: TableRecord, parameters: Json) -> dict[str, Any]:
    """What Glue says of a table beside the columns of the inventory; empty values are left out."""
    storage = table.storage_descriptor or _NO_STORAGE
    serde = storage.serde_info or {}
    target = table.target_table
    return _present(
        table_type=table.table_type,
        parameters={k: v for k, v in parameters.items() if k not in _VOLATILE},
        serde=_present(
            library=serde.get("SerializationLibrary"), name=serde.get("Name"), parameters=serde.get("Parameters")
        ),
        input_format=storage.input_format,
        output_format=storage.output_format,
        storage_parameters=storage.parameters,
        additional_locations=storage.additional_locations,
        compressed=storage.compressed,
        bucket_columns=storage.bucket_columns,
        buckets=storage.number_of_buckets if storage.bucket_columns else None,
        sort_columns=storage.sort_columns,
        schema_reference=storage.schema_reference,
        retention=table.retention,
        target=_target(target) if isinstance(target, dict) else None,
        federated=table.federated_table,
        view_definition=table.view_definition,
        is_materialized_view=table.is_materialized_view,
        is_multi_dialect_view=table.is_multi_dialect_view,
        lake_formation_registered=table.is_registered_with_lake_formation,
        created_by=table.created_by,
        **view_of(table),
    )


def view_of(table: TableRecord) -> dict[str, Any]:
    """The text of a view; Athena's is taken out of its base64."""
    text, expanded = table.view_original_text, table.view_expanded_text
    if not isinstance(text, str) or not text:
        return {}
    match = _VIEW.fullmatch(text)
    try:
        told = clean(json.loads(base64.b64decode(match.group(1), validate=True))) if match else None
    except (binascii.Error, ValueError):
        told = None
    if isinstance(told, dict) and isinstance(told.get("originalSql"), str):
        return {"view_text": told["originalSql"], "view_dialect": "presto", "view_catalog": told.get("catalog")}
    return {"view_text": text, "view_expanded_text": expanded if expanded != text else None}


def instant(value: Any) -> datetime | None:
    """A time of the API, which is seconds since 1970 or already a datetime; None for what is neither."""
    if isinstance(value, datetime):
        return value.astimezone(UTC)
    if isinstance(value, int | float) and not isinstance(value, bool):
        try:
            return datetime.fromtimestamp(value, UTC)
        except (OverflowError, OSError, ValueError):
            return None
    return None


def _first_count(parameters: Json, keys: tuple[str, ...], used: dict[str, int]) -> int | None:
    """The first parameter that is a count; those that are one are facts of their own and leave the parameters."""
    for key in keys:
        value = parameters.get(key)
        if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 19:
            used[key] = int(value)
    return next(iter(used[k] for k in keys if k in used), None)


def _target(raw: Json) -> dict[str, Any]:
    return _present(
        catalog_id=raw.get("CatalogId"),
        database=raw.get("DatabaseName"),
        name=raw.get("Name"),
        region=raw.get("Region"),
    )


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None


def _present(**given: Any) -> dict[str, Any]:
    """Without what says nothing: null, false, zero, empty."""
    return {k: v for k, v in given.items() if v}
