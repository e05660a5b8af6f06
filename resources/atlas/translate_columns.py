"""A dataset's columns out of the column entities that Atlas keeps beside it."""

from collections.abc import Mapping
from typing import Any

import msgspec

from governance.model import Column
from governance.types import columns_of
from resources.atlas.translate_types import TypeModel, active, is_partition

Json = Mapping[str, Any]

_TYPE_ATTRIBUTES = ("type", "data_type", "dataType", "typeName")
_DIALECTS = {"hive_column": "hive", "spark_column": "spark"}
_CHARACTERS = ("char", "text", "string", "binary")
_SAID_ELSEWHERE = {
    *_TYPE_ATTRIBUTES,
    *("qualifiedName", "name", "comment", "description", "position", "isNullable", "nullable", "length"),
}
_DEEPEST = 4


def columns_of_entity(
    types: TypeModel, entity: Json, parts: Mapping[str, Json]
) -> tuple[tuple[Column, ...], list[tuple[str, Json]]]:
    """The rows of a dataset's columns, and each column entity with its path.

    Args:
        types: the server's definitions.
        entity: the dataset.
        parts: the column entities, by guid; one that is not there is left out, the caller sees to it that none is.
    """
    rows: list[Column] = []
    marks: list[tuple[str, Json]] = []
    _add(types, entity, parts, "", rows, marks, 0)
    return tuple(rows), marks


def _add(
    types: TypeModel,
    entity: Json,
    parts: Mapping[str, Json],
    prefix: str,
    rows: list[Column],
    marks: list[tuple[str, Json]],
    depth: int,
) -> None:
    """Adds the columns of an entity; a column family has columns itself."""
    ordinal, taken = 0, {row.path for row in rows}
    for attribute in types.column_attributes(str(entity.get("typeName"))):
        for part in _ordered(entity, attribute, parts):
            ordinal += 1
            of_part = _rows(part, ordinal, partition=is_partition(attribute))
            path = prefix + of_part[0].path
            if path in taken:
                # Hive allows no two, but a half-applied rename in Atlas leaves them: the first one counts
                continue
            taken.add(path)
            rows += [_moved(row, prefix) for row in of_part]
            marks.append((path, part))
            if depth < _DEEPEST:
                _add(types, part, parts, f"{path}.", rows, marks, depth + 1)


def _ordered(entity: Json, attribute: str, parts: Mapping[str, Json]) -> list[Json]:
    """The live column entities of one attribute by position, and by name where the model keeps none: it is a set."""
    relations = entity.get("relationshipAttributes") or {}
    found = [parts[str(r.get("guid"))] for r in active(relations.get(attribute)) if str(r.get("guid")) in parts]
    alive = [p for p in found if p.get("status", "ACTIVE") == "ACTIVE"]
    return sorted(alive, key=_position)


def _position(part: Json) -> tuple[int, str]:
    attributes = part.get("attributes") or {}
    position = attributes.get("position")
    return position if isinstance(position, int) else 0, str(attributes.get("name"))


def _rows(part: Json, ordinal: int, *, partition: bool) -> tuple[Column, ...]:
    attributes: Json = part.get("attributes") or {}
    nullable = attributes.get("isNullable", attributes.get("nullable"))
    return columns_of(
        str(attributes.get("name") or attributes.get("qualifiedName")),
        _native(attributes),
        ordinal,
        nullable=nullable if isinstance(nullable, bool) else None,
        comment=attributes.get("comment") or attributes.get("description") or None,
        partition_key=partition,
        properties=_properties(attributes),
        dialect=_DIALECTS.get(str(part.get("typeName")), ""),
    )


def _native(attributes: Json) -> str:
    """The type's text, with the length that some models keep beside it."""
    text = next((str(attributes[a]) for a in _TYPE_ATTRIBUTES if attributes.get(a)), "")
    length = attributes.get("length")
    sized = isinstance(length, int) and length > 0 and "(" not in text
    return f"{text}({length})" if sized and any(w in text.lower() for w in _CHARACTERS) else text


def _properties(attributes: Json) -> dict[str, Any]:
    """What else was said. Atlas shows numbers and flags that were never given as zero: those say nothing here."""
    return {k: v for k, v in attributes.items() if v and k not in _SAID_ELSEWHERE and not isinstance(v, dict | list)}


def _moved(row: Column, prefix: str) -> Column:
    if not prefix:
        return row
    return msgspec.structs.replace(row, path=prefix + row.path)
