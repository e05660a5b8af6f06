"""Column entities of the systems that Purview scans: name, type put together again, order, comment."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from governance.errors import RecordError
from governance.model import Column, Tag
from governance.types import columns_of, path_part
from resources.purview.translate_tags import classifications_of, labels_of, terms_of

Json = Mapping[str, Any]

_TYPE_NAMES = ("data_type", "dataType", "type", "columnType")
_POSITIONS = ("position", "ordinal_position", "ordinalPosition", "ordinal")
_NULLABLE = ("isNullable", "is_nullable", "nullable")
_COMMENTS = ("userDescription", "description", "comment")
_SIZED = re.compile(r"(?i)n?varchar2?|n?char|text|string|(var)?binary|(character|char)( varying)?|raw")
_DECIMAL = re.compile(r"(?i)decimal|numeric|number|dec")

_TSQL = ("azure_sql", "azure_synapse", "mssql", "sql_server", "azure_data_warehouse")
_TSQL_WORDS = {"float": "double", "timestamp": "binary", "rowversion": "binary"}
"""T-SQL words that mean another thing elsewhere."""
_DIALECTS = {"snowflake": "snowflake", "hive": "hive", "databricks": "spark", "aws_glue": "hive"}


def columns_of_asset(type_name: str, parts: Sequence[Json]) -> tuple[tuple[Column, ...], list[Tag]]:
    """The column rows of an asset, and the tags on its columns.

    Args:
        type_name: the asset's type, which tells whose type words these are.
        parts: the column entities; those with positions are put in their order, else the platform's order stays.

    Raises:
        RecordError: a column has no name, or two have the same.
    """
    columns: list[Column] = []
    tags: list[Tag] = []
    seen: set[str] = set()
    for ordinal, entity in enumerate(_ordered(parts), 1):
        attributes = _attributes(entity)
        name = attributes.get("name")
        if not isinstance(name, str) or not name:
            raise RecordError(f"the column {entity.get('guid')} has no name", platform="purview")
        if name in seen:
            raise RecordError(f"two columns are called {name}", platform="purview")
        seen.add(name)
        columns += _rows(type_name, name, attributes, ordinal)
        path = path_part(name)
        tags += [*classifications_of(entity, path), *terms_of(entity, path), *labels_of(entity, path)]
    return tuple(columns), tags


def native_type(attributes: Json) -> str:
    """The type as its system writes it: Purview keeps word, length, precision and scale apart."""
    word = next((v for n in _TYPE_NAMES if isinstance(v := attributes.get(n), str) and v), "")
    length, precision, scale = (_whole(attributes.get(n)) for n in ("length", "precision", "scale"))
    if _SIZED.fullmatch(word) and length:
        return f"{word}(max)" if length < 0 else f"{word}({length})"
    if _DECIMAL.fullmatch(word) and precision and precision > 0:
        return f"{word}({precision},{scale or 0})"
    return word


def _rows(type_name: str, name: str, attributes: Json, ordinal: int) -> tuple[Column, ...]:
    native = native_type(attributes)
    understood = _TSQL_WORDS.get(native.lower(), native) if type_name.startswith(_TSQL) else native
    dialect = next((d for prefix, d in _DIALECTS.items() if type_name.startswith(prefix)), "")
    rows = columns_of(
        name,
        understood,
        ordinal,
        nullable=next((v for n in _NULLABLE if isinstance(v := attributes.get(n), bool)), None),
        comment=next((v for n in _COMMENTS if isinstance(v := attributes.get(n), str) and v), None),
        dialect=dialect,
    )
    return rows if understood == native else (msgspec.structs.replace(rows[0], native_type=native), *rows[1:])


def _ordered(parts: Sequence[Json]) -> Sequence[Json]:
    places = [next((p for n in _POSITIONS if (p := _whole(_attributes(e).get(n))) is not None), None) for e in parts]
    known = [p for p in places if p is not None]
    # all at 0 means that nobody ever set it
    if len(known) < len(parts) or len(set(known)) < len(known):
        return parts
    return [e for _, e in sorted(zip(known, parts, strict=True), key=lambda pair: pair[0])]


def _attributes(entity: Json) -> Json:
    attributes = entity.get("attributes")
    return attributes if isinstance(attributes, Mapping) else {}


def _whole(value: Any) -> int | None:
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return value
    return int(value) if isinstance(value, str) and re.fullmatch(r"-?\d{1,9}", value) else None
