"""Which table takes which fact, and a fact as a row of it."""

from datetime import datetime
from hashlib import blake2b
from typing import Any

import msgspec
from psycopg.types.json import Jsonb

from governance.errors import RecordError
from governance.model import Facet, Fact, Grant, LineageEdge, Membership, Policy, Usage
from governance.text import clean, is_clean


class FactTable(msgspec.Struct, frozen=True):
    """Where facts of one class are kept.

    Args:
        name: the table, without its schema.
        of: the class; its fields are the table's columns.
        history: whether closed versions are kept, in `<name>_history`.
        names: fields that hold the name by which the fact is looked up; they must not be empty.
        mentions: further fields that may hold the name of the record which told of the fact.
        measured: where nothing is kept of earlier versions, what a measurement is of: a later one replaces it.
    """

    name: str
    of: type[msgspec.Struct]
    history: bool
    names: tuple[str, ...]
    mentions: tuple[str, ...] = ()
    measured: tuple[str, ...] = ()

    @property
    def columns(self) -> tuple[str, ...]:
        """The fact's own columns, in the order of its fields."""
        return self.of.__struct_fields__


TABLES = {
    Grant: FactTable("privilege", Grant, history=True, names=("securable", "principal", "privilege")),
    Membership: FactTable("membership", Membership, history=True, names=("member", "role")),
    Policy: FactTable("policy", Policy, history=True, names=("policy", "securable")),
    LineageEdge: FactTable(
        "lineage_edge", LineageEdge, history=True, names=("upstream", "downstream"), mentions=("process",)
    ),
    Usage: FactTable(
        "usage_day",
        Usage,
        history=False,
        names=("qualified_name", "principal"),
        measured=("qualified_name", "day", "principal", "principal_kind", "path", "origin"),
    ),
}
"""By the fact's class."""

FACET_TABLES: dict[Facet, tuple[FactTable, ...]] = {
    "access": (TABLES[Grant], TABLES[Membership], TABLES[Policy]),
    "lineage": (TABLES[LineageEdge],),
    "usage": (TABLES[Usage],),
}
"""The tables whose rows a part of that facet may hold."""

LONGEST_NAME = 2000
"""Bytes of the names of one fact: an index entry of PostgreSQL holds no more than 2,700."""

_encoder = msgspec.json.Encoder(order="deterministic")


class Row(msgspec.Struct, frozen=True):
    """A fact as it is stored: its content hash and its fields' values; `cleaned`: NUL or surrogates were replaced."""

    hash: bytes
    values: tuple[Any, ...]
    cleaned: bool


def row(fact: Fact, table: FactTable) -> Row:
    """The fact as a row of its table.

    Raises:
        RecordError: a name is missing or too long, or a value cannot be stored.
    """
    cleaned = False
    body = _encoded(fact)
    if body is None or b"\\u0000" in body:
        fact, cleaned = _cleaned(fact), True
        body = _encoded(fact)
        if body is None:
            raise RecordError("it holds text that cannot be encoded")
    _check_names(fact, table)
    digest = blake2b(body, digest_size=16).digest()
    return Row(digest, tuple(map(_value, msgspec.structs.astuple(fact))), cleaned)


def legible_name(fact: Fact, table: FactTable) -> str | None:
    """The first of its names that can be read; None where none can."""
    told = (getattr(fact, field) for field in table.names)
    return next((name for name in told if isinstance(name, str) and name and is_clean(name)), None)


def _check_names(fact: Fact, table: FactTable) -> None:
    size = 0
    for field in table.names:
        name = getattr(fact, field)
        if not isinstance(name, str) or not name:
            raise RecordError(f"it has no {field}")
        size += len(name.encode())
    if size > LONGEST_NAME:
        raise RecordError(f"its names are longer than {LONGEST_NAME} bytes together")


def _encoded(fact: Fact) -> bytes | None:
    """Canonical JSON; None where a lone surrogate stands in the way."""
    try:
        return _encoder.encode(fact)
    except UnicodeEncodeError:
        return None
    except (TypeError, ValueError, OverflowError) as error:
        raise RecordError(f"it cannot be written as JSON: {error}") from error


def _cleaned(fact: Fact) -> Fact:
    plain = {name: getattr(fact, name) for name in fact.__struct_fields__}
    try:
        return msgspec.convert(clean(plain), type(fact))
    except msgspec.ValidationError as error:
        raise RecordError(f"a value has the wrong type: {error}") from error


def _value(value: Any) -> Any:
    """A value as the driver takes it: pairs and lists as arrays, mappings as jsonb."""
    if isinstance(value, tuple):
        return list(value)
    if isinstance(value, dict):
        return Jsonb(value)
    if isinstance(value, datetime) and value.tzinfo is None:
        raise RecordError("a moment has no time zone")
    return value
