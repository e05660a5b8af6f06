"""Native type text to a typed tree, its canonical text, and the column rows that come of it.

The words: boolean tinyint smallint int bigint float double decimal(p,s) string char(n) varchar(n) binary date time
timestamp timestamp_ntz timestamp_ltz timestamp_tz interval variant object json xml uuid geography geometry vector(t,n)
void array<T> map<K,V> struct<name:T,...> unknown. A precision that is the platform's default is left out.
"""

from collections.abc import Iterable
from functools import lru_cache
from typing import Any

from governance.model import Column
from governance.type_parser import parse_field
from governance.type_tree import Array, Field, Map, Plain, Struct, Type, Unknown, canonical, fields_below, path_part
from governance.type_words import DIALECTS

__all__ = [
    "Array",
    "Field",
    "Map",
    "Plain",
    "Struct",
    "ToldColumn",
    "Type",
    "Unknown",
    "all_columns_of",
    "canonical",
    "columns_of",
    "fields_below",
    "parse",
    "path_part",
]

_SHORT = 1_000
"""Characters up to which a text is worth a place in the big cache; longer ones share a small one."""

ToldColumn = tuple[str, str, bool | None, str | None, dict[str, Any] | None]
"""Name, native type, nullable, comment, properties: a column as a platform tells it."""

_Row = tuple[str, int, str, str, bool | None, str | None]
"""Path below the column, ordinal, native type, canonical type, nullable, comment."""


def parse(native: str, dialect: str = "") -> Type:
    """The typed tree of a native type text; `Unknown` where it is not understood. Never raises.

    Args:
        native: as the platform wrote it.
        dialect: `hive` (or `glue`), `spark` (`databricks`), `snowflake`, `trino` (`iceberg`); any other word where
            the text may come from anywhere. It decides what a word such as FLOAT or a bare DECIMAL means.
    """
    return (_cached if len(native) <= _SHORT else _cached_long)(native, dialect)[0].type


def columns_of(
    name: str,
    native_type: str,
    ordinal: int,
    nullable: bool | None = None,
    comment: str | None = None,
    partition_key: bool = False,
    properties: dict[str, Any] | None = None,
    dialect: str = "",
) -> tuple[Column, ...]:
    """The column's own row and, after it, one for each named field below it; as `all_columns_of`."""
    told = (name, native_type, nullable, comment, properties)
    return tuple(all_columns_of([told], dialect, ordinal, partition_key))


def all_columns_of(
    told: Iterable[ToldColumn], dialect: str = "", first: int = 1, partition_key: bool = False
) -> list[Column]:
    """The row of each column and, after it, one for each named field below it.

    Args:
        told: columns in their order. What of nullable and comment is None falls back on what the type text says;
            nested rows know only that.
        dialect: as for `parse`.
        first: the ordinal of the first of them.
        partition_key: whether they are partition keys.
    """
    # by position, and without a call more than needed: nine tenths of a first load's records are columns
    out: list[Column] = []
    for ordinal, (name, native, nullable, comment, properties) in enumerate(told, first):
        top, rows = (_cached if len(native) <= _SHORT else _cached_long)(native, dialect)
        path = name if name.isidentifier() else path_part(name)
        column = Column(
            path,
            ordinal,
            native,
            rows[0][3],
            top.nullable if nullable is None else nullable,
            top.comment if comment is None else comment,
            partition_key,
            properties or {},
        )
        out.append(column)
        if len(rows) > 1:
            out += [Column(path + below, n, text, word, null, note) for below, n, text, word, null, note in rows[1:]]
    return out


def _expand(native: str, dialect: str) -> tuple[Field, tuple[_Row, ...]]:
    top = parse_field(native, DIALECTS.get(dialect, ""))
    rows = [("", 0, native, canonical(top.type), top.nullable, top.comment)]
    rows += [(p, n, f.native, canonical(f.type), f.nullable, f.comment) for p, n, f in fields_below(top.type)]
    return top, tuple(rows)


# an estate of 100,000 columns has a few hundred distinct types; a long one may expand to megabytes
_cached = lru_cache(maxsize=8192)(_expand)
_cached_long = lru_cache(maxsize=32)(_expand)
