"""A table as GetTables answers it, read into typed records: what is only passed on may be any JSON."""

import json
import re
from typing import Any

import msgspec
import orjson

from governance.errors import RecordError
from governance.text import clean, is_clean

_PLACE = r"(?s)Expected `([a-z]+)[^`]*`.*?(?: - at `\$\.?(.*)`)?"
_WORDS = {"object": "a JSON object", "array": "a list"}


class ColumnRecord(msgspec.Struct, rename="pascal", gc=False):
    """A column or partition key."""

    name: Any = None
    type: Any = None
    comment: Any = None
    parameters: Any = None


class StorageRecord(msgspec.Struct, rename="pascal", gc=False):
    """A StorageDescriptor."""

    columns: list[ColumnRecord] | None = None
    location: Any = None
    input_format: Any = None
    output_format: Any = None
    compressed: Any = None
    number_of_buckets: Any = None
    serde_info: dict[str, Any] | None = None
    bucket_columns: Any = None
    sort_columns: Any = None
    parameters: Any = None
    schema_reference: Any = None
    additional_locations: Any = None


class TableRecord(msgspec.Struct, rename="pascal", gc=False):
    """A table."""

    name: Any = None
    database_name: Any = None
    catalog_id: Any = None
    description: Any = None
    owner: Any = None
    update_time: Any = None
    retention: Any = None
    storage_descriptor: StorageRecord | None = None
    partition_keys: list[ColumnRecord] | None = None
    view_original_text: Any = None
    view_expanded_text: Any = None
    view_definition: Any = None
    is_materialized_view: Any = None
    is_multi_dialect_view: Any = None
    table_type: Any = None
    parameters: dict[str, Any] | None = None
    created_by: Any = None
    is_registered_with_lake_formation: Any = None
    target_table: Any = None
    federated_table: Any = None
    version_id: Any = None


_TABLE = msgspec.json.Decoder(TableRecord)


def table_of(record: Any) -> TableRecord:
    """The table of which these are the bytes, or the parsed record.

    Text in it that no store takes is replaced.

    Raises:
        RecordError: it is not of Glue's shape.
    """
    if isinstance(record, msgspec.Raw | bytes):
        text = bytes(record)
        # what these bytes cannot hold is a lone surrogate; a single sign is looked for many times faster than several
        if b"\\" not in text or b"\\u0000" not in text:
            try:
                return _TABLE.decode(text)
            except (msgspec.DecodeError, RecursionError):
                # the reason may be in text that is cleaned now, or in no JSON at all
                pass
    try:
        return msgspec.convert(plain(record), TableRecord)
    except msgspec.ValidationError as error:
        raise _refused(error) from error


def plain(record: Any) -> Any:
    """The record as plain JSON of text that can be stored; bytes that are no JSON as text."""
    if not isinstance(record, msgspec.Raw | bytes):
        return record if _is_storable(record) else cleaned(record)
    text = bytes(record)
    try:
        raw = orjson.loads(text)
    except orjson.JSONDecodeError:
        return cleaned(text.decode(errors="replace"))
    return cleaned(raw) if b"\\u0000" in text else raw


def cleaned(raw: Any) -> Any:
    """The record as plain JSON, with what no store takes replaced, and without a name that had some of that.

    Two names must not become one by cleaning, nor one another: a table of that name is no table that we know.
    """
    tidy = clean(json.loads(json.dumps(raw, default=str)))
    if isinstance(raw, dict) and isinstance(raw.get("Name"), str) and not is_clean(raw["Name"]):
        tidy["illegible Name"] = tidy.pop("Name")
    return tidy


def _refused(error: msgspec.ValidationError) -> RecordError:
    """What is wrong, in terms of Glue's record."""
    found = re.fullmatch(_PLACE, str(error))
    word, place = found.groups() if found else ("", "")
    message = f"{place or 'the table'} is not {_WORDS[word]}" if word in _WORDS else f"it is no table: {error}"
    return RecordError(message, platform="glue", operation="glue:GetTables")


def _is_storable(value: Any) -> bool:
    """Whether all its text is valid Unicode without NUL."""
    try:
        return b"\\u0000" not in orjson.dumps(value, default=str)
    except (orjson.JSONEncodeError, RecursionError):
        return False
