"""The words in which the company's Atlas estate is declared."""

from typing import Any

import msgspec

from sandbox.company.fields import Field

CLUSTER = "primary"


class Mark(msgspec.Struct, frozen=True):
    """A classification somebody put on something."""

    name: str
    attributes: dict[str, Any] = {}
    propagate: bool = True


class Parent(msgspec.Struct, frozen=True):
    """A database, instance or namespace; itself a dataset where `dataset` says so."""

    type_name: str
    qualified_name: str
    name: str
    attributes: dict[str, Any] = {}
    dataset: bool = False
    inside: "Parent | None" = None


class Asset(msgspec.Struct, frozen=True):
    """One dataset as Atlas holds it.

    `storage` is a Hive table's storage description, `place` the address of a file or folder.
    """

    type_name: str
    qualified_name: str
    name: str
    kind: str
    attributes: dict[str, Any] = {}
    fields: tuple[Field, ...] = ()
    parent: Parent | None = None
    storage: dict[str, Any] = {}
    place: str | None = None
    format: str | None = None
    marks: tuple[Mark, ...] = ()
    terms: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()
    business: dict[str, dict[str, Any]] = {}
    deleted: bool = False


class ColumnFlow(msgspec.Struct, frozen=True):
    """Columns, each as dataset and field, of which a process makes a column. `dependency` is Hive's word for how."""

    inputs: tuple[tuple[str, str], ...]
    output: tuple[str, str]
    dependency: str = "SIMPLE"
    expression: str | None = None


class Flow(msgspec.Struct, frozen=True):
    """A process that reads some datasets and writes others, by qualified name."""

    type_name: str
    qualified_name: str
    name: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attributes: dict[str, Any] = {}
    columns: tuple[ColumnFlow, ...] = ()
    deleted: bool = False


def qualified(*parts: str) -> str:
    """The qualified name Atlas' hooks give: `db.table.column@cluster`."""
    return f"{'.'.join(parts)}@{CLUSTER}"
