"""Typed tables: the kinds of fields there are, and how a value of each looks in Parquet and in JSON lines."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Literal

import msgspec

if TYPE_CHECKING:
    import pyarrow

Kind = Literal["text", "int64", "int32", "float64", "bool", "timestamp", "date", "json", "texts"]
"""`json` is JSON text in Parquet and a nested value in JSON lines; `texts` is a list; `timestamp` is UTC, in µs."""

FORMAT_VERSION = 1
"""Of the files' layout; it grows when a field goes or changes its kind, not when one is added at the end."""


class Field(msgspec.Struct, frozen=True):
    """A column of an exported table; every one may be null."""

    name: str
    kind: Kind


def arrow_schema(fields: Sequence[Field], description: str) -> "pyarrow.Schema":
    """The table's schema in Arrow's types; the description travels in the schema's metadata."""
    import pyarrow

    types: dict[Kind, pyarrow.DataType] = {
        "text": pyarrow.string(),
        "int64": pyarrow.int64(),
        "int32": pyarrow.int32(),
        "float64": pyarrow.float64(),
        "bool": pyarrow.bool_(),
        "timestamp": pyarrow.timestamp("us", tz="UTC"),
        "date": pyarrow.date32(),
        "json": pyarrow.string(),
        "texts": pyarrow.list_(pyarrow.string()),
    }
    metadata = {"description": description, "format_version": str(FORMAT_VERSION)}
    return pyarrow.schema([pyarrow.field(f.name, types[f.kind]) for f in fields], metadata=metadata)


def json_line(fields: Sequence[Field]) -> Callable[[Sequence[Any]], bytes]:
    """A function from a row to a line: an object with every field, null ones too, in the order of the fields."""
    names = [f.name for f in fields]
    raw = [n for n, f in enumerate(fields) if f.kind == "json"]
    encode = msgspec.json.Encoder().encode

    def line(row: Sequence[Any]) -> bytes:
        values = list(row)
        for n in raw:
            if values[n] is not None:
                # JSON as the database holds it, without reading it
                values[n] = msgspec.Raw(values[n].encode())
        return encode(dict(zip(names, values, strict=True))) + b"\n"

    return line
