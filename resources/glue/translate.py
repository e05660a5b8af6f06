"""Glue's databases and tables as records of the inventory. Pure: answers of the API in, records out."""

import base64
import binascii
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

import msgspec
import orjson

from governance.errors import RecordError
from governance.listing import Quarantined
from governance.model import Column, Container, Dataset, Tag
from governance.text import clean, is_clean
from resources.glue.translate_columns import columns_of_table
from resources.glue.translate_format import format_of

Json = Mapping[str, Any]
TagsOf = Callable[[str, tuple[Column, ...]], tuple[Tag, ...]]
"""From a table's name and columns to its tags."""

_ROWS = ("numRows", "recordCount", "spark.sql.statistics.numRows")
_BYTES = ("totalSize", "sizeKey", "spark.sql.statistics.totalSize")
# they move with every write of data and say nothing of the table itself
_VOLATILE = frozenset({"transient_lastDdlTime", "previous_metadata_location", "last_modified_time"})
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
    tables: Iterable[Any], database: str, arn: Callable[[Json], str | None], tags: TagsOf
) -> Iterator[Dataset | Quarantined]:
    """The page's records in their order, as datasets or, where they could not be understood, with the reason.

    Args:
        tables: `TableList` of GetTables: records as bytes or parsed.
        database: the name the tables were asked for by.
        arn: gives a table its ARN.
        tags: gives a table its tags.
    """
    for record in tables:
        raw = parsed(record)
        try:
            yield dataset_of(raw, database, arn, tags)
        except RecordError as error:
            name = raw.get("Name") if isinstance(raw, dict) else None
            known = f"{database}.{name}" if isinstance(name, str) and name else None
            yield Quarantined(known, error.message, cleaned(raw))


def parsed(record: Any) -> Any:
    """The record as plain JSON of text that can be stored; bytes that are no JSON as text."""
    if not isinstance(record, msgspec.Raw | bytes):
        return record if _is_storable(record) else cleaned(record)
    text = bytes(record)
    try:
        raw = orjson.loads(text)
    except orjson.JSONDecodeError:
        return cleaned(text.decode(errors="replace"))
    # what these bytes cannot hold is a lone surrogate; a single sign is looked for many times faster than several
    return cleaned(raw) if b"\\" in text and b"\\u0000" in text else raw


def dataset_of(raw: Any, database: str, arn: Callable[[Json], str | None], tags: TagsOf) -> Dataset:
    """One table.

    Raises:
        RecordError: it has no name or no columns, or is not of Glue's shape.
    """
    if not isinstance(raw, dict):
        raise RecordError("the table is not a JSON object", platform="glue", operation="glue:GetTables")
    name = raw.get("Name")
    if not isinstance(name, str) or not name:
        raise RecordError("the table has no Name", platform="glue", operation="glue:GetTables")
    storage, parameters = _mapping(raw, "StorageDescriptor"), _mapping(raw, "Parameters")
    columns, repeated = columns_of_table(raw)
    kind = kind_of(raw)
    statistics: dict[str, int] = {}
    rows = _first_count(parameters, _ROWS, statistics)
    size = _first_count(parameters, _BYTES, statistics)
    properties = properties_of(raw, storage, {k: v for k, v in parameters.items() if k not in statistics})
    if repeated:
        properties["repeated_columns"] = repeated
    owner = _text(raw.get("Owner"))
    return Dataset(
        qualified_name=f"{database}.{name}",
        kind=kind,
        container=database,
        name=name,
        comment=_text(raw.get("Description")) or _text(parameters.get("comment")),
        owner=owner,
        owner_kind="user" if owner else None,
        format=None if kind in ("view", "resource_link") else format_of(storage, parameters),
        location=_text(storage.get("Location")),
        row_count=rows,
        size_bytes=size,
        properties=properties,
        columns=columns,
        tags=tags(name, columns),
        native_id=arn(raw),
        version=_text(raw.get("VersionId")),
        source_updated_at=instant(raw.get("UpdateTime")),
    )


def kind_of(raw: Json) -> str:
    """The inventory's word for what this is; Glue's own in lower case where we have none."""
    if raw.get("TargetTable"):
        return "resource_link"
    table_type = str(raw.get("TableType") or "")
    if str(_mapping(raw, "Parameters").get("table_type", "")).upper() == "ICEBERG" and table_type != "VIRTUAL_VIEW":
        return "iceberg_table"
    return _KINDS.get(table_type) or re.sub(r"\W+", "_", table_type.lower())


def properties_of(raw: Json, storage: Json, parameters: Json) -> dict[str, Any]:
    """What Glue says of a table beside the columns of the inventory; empty values are left out."""
    serde = _mapping(storage, "SerdeInfo")
    target = raw.get("TargetTable")
    return _present(
        table_type=raw.get("TableType"),
        parameters={k: v for k, v in parameters.items() if k not in _VOLATILE},
        serde=_present(
            library=serde.get("SerializationLibrary"), name=serde.get("Name"), parameters=serde.get("Parameters")
        ),
        input_format=storage.get("InputFormat"),
        output_format=storage.get("OutputFormat"),
        storage_parameters=storage.get("Parameters"),
        additional_locations=storage.get("AdditionalLocations"),
        compressed=storage.get("Compressed"),
        bucket_columns=storage.get("BucketColumns"),
        buckets=storage.get("NumberOfBuckets") if storage.get("BucketColumns") else None,
        sort_columns=storage.get("SortColumns"),
        schema_reference=storage.get("SchemaReference"),
        retention=raw.get("Retention"),
        target=_target(target) if isinstance(target, dict) else None,
        federated=raw.get("FederatedTable"),
        view_definition=raw.get("ViewDefinition"),
        is_materialized_view=raw.get("IsMaterializedView"),
        is_multi_dialect_view=raw.get("IsMultiDialectView"),
        lake_formation_registered=raw.get("IsRegisteredWithLakeFormation"),
        created_by=raw.get("CreatedBy"),
        **view_of(raw),
    )


def view_of(raw: Json) -> dict[str, Any]:
    """The text of a view; Athena's is taken out of its base64."""
    text, expanded = raw.get("ViewOriginalText"), raw.get("ViewExpandedText")
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


def cleaned(raw: Any) -> Any:
    """The record as plain JSON, with what no store takes replaced, and without a name that had some of that.

    Two names must not become one by cleaning, nor one another: a table of that name is no table that we know.
    """
    tidy = clean(json.loads(json.dumps(raw, default=str)))
    if isinstance(raw, dict) and isinstance(raw.get("Name"), str) and not is_clean(raw["Name"]):
        tidy["illegible Name"] = tidy.pop("Name")
    return tidy


def _is_storable(value: Any) -> bool:
    """Whether all its text is valid Unicode without NUL."""
    try:
        return b"\\u0000" not in orjson.dumps(value, default=str)
    except (orjson.JSONEncodeError, RecursionError):
        return False


def _mapping(raw: Json, key: str) -> Json:
    """The object under this key; nothing where Glue leaves it out.

    Raises:
        RecordError: something else is there.
    """
    value = raw.get(key)
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise RecordError(f"{key} is not a JSON object", platform="glue", operation="glue:GetTables")
    return value


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
