"""The typed tree of a column: its records, its canonical text, and the named fields below it.

Walks are loops with a stack of their own, never recursive: a type may be nested as deep as a platform lets it.
"""

import re
from collections.abc import Iterator

import msgspec


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


class Unknown(msgspec.Struct, frozen=True):
    """A type, or a part of one, that is not understood. `text` is what the platform wrote."""

    text: str


class Field(msgspec.Struct, frozen=True):
    """A field of a struct.

    `native` is the field's type as the platform wrote it, without `NOT NULL` and `COMMENT`. `nullable` and `comment`
    are None where the type text does not say.
    """

    name: str
    type: "Type"
    native: str = ""
    nullable: bool | None = None
    comment: str | None = None


Type = Plain | Array | Map | Struct | Unknown

_WORD = re.compile(r"\w+")
_NEEDS_QUOTES = re.compile(r'[.\[\]{}"]')


def canonical(tree: Type) -> str:
    """The inventory's text of a type, such as `array<struct<sku:string,price:decimal(12,2)>>`."""
    out: list[str] = []
    todo: list[Type | str] = [tree]
    while todo:
        match todo.pop():
            case str(text):
                out.append(text)
            case Plain(word):
                out.append(word)
            case Array(element):
                out.append("array<")
                todo += (">", element)
            case Map(key, value):
                out.append("map<")
                todo += (">", value, ",", key)
            case Struct(fields):
                out.append("struct<")
                todo.append(">")
                for n in range(len(fields) - 1, -1, -1):
                    todo += (fields[n].type, f"{',' if n else ''}{_quoted(fields[n].name)}:")
            case Unknown():
                out.append("unknown")
    return "".join(out)


def path_part(name: str) -> str:
    """A name as one part of a column path, in double quotes where it would be read as several parts."""
    return '"' + name.replace('"', '""') + '"' if not name or _NEEDS_QUOTES.search(name) else name


def fields_below(tree: Type, path: str = "") -> Iterator[tuple[str, int, Field]]:
    """Every named field below `tree`, parents before children, as (path, 1-based ordinal, field).

    A struct that has the same name twice yields its first field only, since the second has no path of its own; both
    show in the parent's canonical text.
    """
    todo: list[tuple[str, int, Field | Type]] = [(path, 0, tree)]
    while todo:
        at, ordinal, node = todo.pop()
        match node:
            case Field():
                yield at, ordinal, node
                todo.append((at, 0, node.type))
            case Array(element):
                todo.append((f"{at}[]", 0, element))
            case Map(_, value):
                todo.append((f"{at}{{}}", 0, value))
            case Struct(fields):
                first = {f.name: n for n, f in reversed(list(enumerate(fields, 1)))}
                todo += [
                    (f"{at}.{path_part(f.name)}", n, f)
                    for n, f in reversed(list(enumerate(fields, 1)))
                    if first[f.name] == n
                ]
            case _:
                pass


def _quoted(name: str) -> str:
    return name if _WORD.fullmatch(name) else "`" + name.replace("`", "``") + "`"
