"""Which file format a table has, from the places where Glue's many writers leave it."""

from collections.abc import Mapping
from typing import Any

from resources.glue.translate_record import StorageRecord

Json = Mapping[str, Any]

_TABLE_FORMATS = {"iceberg", "delta", "hudi"}
_BY_CLASS = (
    ("hoodie", "hudi"),
    ("parquet", "parquet"),
    ("orc", "orc"),
    ("avro", "avro"),
    ("json", "json"),
    ("opencsv", "csv"),
    ("csv", "csv"),
    ("regexserde", "regex"),
    ("grok", "grok"),
    ("ion", "ion"),
    ("xml", "xml"),
    ("textinputformat", "text"),
)
_SEPARATORS = {",": "csv", "\t": "tsv"}


def format_of(storage: StorageRecord, parameters: Json) -> str | None:
    """The format in lower case: a table format first, then the classification, then the Hive classes."""
    declared = [_word(parameters.get(k)) for k in ("table_type", "spark.sql.sources.provider")]
    for word in declared:
        if word in _TABLE_FORMATS:
            return word
    serde = storage.serde_info or {}
    classes = f"{storage.input_format or ''} {serde.get('SerializationLibrary') or ''}".lower()
    if "hoodie" in classes:
        return "hudi"
    for source in (parameters, storage.parameters if isinstance(storage.parameters, dict) else {}):
        word = _word(source.get("classification"))
        if word and word != "unknown":
            return word
    if declared[1]:
        return declared[1]
    return _by_class(classes, serde)


def _by_class(classes: str, serde: Json) -> str | None:
    for part, word in _BY_CLASS:
        if word != "text" and part in classes:
            return word
    given = serde.get("Parameters")
    separator = given.get("field.delim", given.get("separatorChar")) if isinstance(given, dict) else None
    if "textinputformat" in classes:
        return _SEPARATORS.get(str(separator), "text")
    return None


def _word(value: Any) -> str:
    return value.strip().lower() if isinstance(value, str) else ""
