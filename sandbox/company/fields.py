"""Typed columns as the company declares them, and the inventory rows that must come of them.

The rows are rendered from the declaration, never parsed from a platform's text: that makes them a second opinion on
the parser.
"""

import re
from collections.abc import Callable, Iterator, Sequence

import msgspec

from governance.model import Column


class Plain(msgspec.Struct, frozen=True):
    """A type without parts, in the inventory's canonical word, such as `decimal(12,2)`."""

    word: str


class Array(msgspec.Struct, frozen=True):
    """An array of one element type."""

    of: "Type"


class Map(msgspec.Struct, frozen=True):
    """A map."""

    key: "Type"
    value: "Type"


class Struct(msgspec.Struct, frozen=True):
    """A record with named fields."""

    fields: tuple["Field", ...]


class Field(msgspec.Struct, frozen=True):
    """A column, or a field of a struct. `sensitive` is the classification a steward gave it, such as `EMAIL`."""

    name: str
    type: "Type"
    comment: str | None = None
    nullable: bool = True
    partition: bool = False
    sensitive: str | None = None


Type = Plain | Array | Map | Struct
Native = Callable[[Type], str]


def canonical(of: Type) -> str:
    """The inventory's text of a type."""
    match of:
        case Plain(word):
            return word
        case Array(element):
            return f"array<{canonical(element)}>"
        case Map(key, value):
            return f"map<{canonical(key)},{canonical(value)}>"
        case Struct(fields):
            return f"struct<{','.join(f'{_quoted(f.name)}:{canonical(f.type)}' for f in fields)}>"


def hive(of: Type) -> str:
    """The type as Hive and Glue write it. A plain word may be mapped by the caller before."""
    match of:
        case Struct(fields):
            return f"struct<{','.join(f'{f.name}:{hive(f.type)}' for f in fields)}>"
        case Array(element):
            return f"array<{hive(element)}>"
        case Map(key, value):
            return f"map<{hive(key)},{hive(value)}>"
        case Plain(word):
            return word


def columns(fields: Sequence[Field], native: Native) -> tuple[Column, ...]:
    """The inventory's column rows of these fields, nested ones after their parent.

    Nested fields know no comment and no nullability here; a platform that keeps them adds them itself.
    """
    return tuple(row for n, f in enumerate(fields, 1) for row in _rows(f, n, path_part(f.name), native, top=True))


def path_part(name: str) -> str:
    """A name as one part of a path."""
    return '"' + name.replace('"', '""') + '"' if re.search(r'[.\[\]{}"]', name) or not name else name


def _quoted(name: str) -> str:
    return name if re.fullmatch(r"\w+", name) else "`" + name.replace("`", "``") + "`"


def _rows(field: Field, ordinal: int, path: str, native: Native, *, top: bool) -> Iterator[Column]:
    yield Column(
        path=path,
        ordinal=ordinal,
        native_type=native(field.type),
        type=canonical(field.type),
        nullable=field.nullable if top else None,
        comment=field.comment if top else None,
        partition_key=field.partition,
    )
    yield from _inner(field.type, path, native)


def _inner(of: Type, path: str, native: Native) -> Iterator[Column]:
    match of:
        case Array(element):
            yield from _inner(element, f"{path}[]", native)
        case Map(_, value):
            yield from _inner(value, f"{path}{{}}", native)
        case Struct(fields):
            for n, f in enumerate(fields, 1):
                yield from _rows(f, n, f"{path}.{path_part(f.name)}", native, top=False)
        case Plain():
            return
