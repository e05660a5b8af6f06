"""What Atlas' type definitions say of its entities: which are datasets, which attributes hold columns or parents."""

from collections.abc import Callable, Iterable, Mapping
from functools import cached_property
from typing import Any, TypeVar

import msgspec

Json = Mapping[str, Any]
T = TypeVar("T")

DATASET = "DataSet"
PROCESS = "Process"
_COLUMN_ATTRIBUTES = ("columns", "partitionKeys", "partition_keys", "column_families", "fields")
"""What the well-known models call the attribute that holds columns, in the order in which columns come."""

_PARTITIONS = ("partitionKeys", "partition_keys")


class Reference(msgspec.Struct, frozen=True):
    """An attribute of an entity type that points to other entities."""

    name: str
    other: str
    many: bool
    contains: bool
    """The other end is a part of this one."""
    contained: bool
    """This end is a part of the other one."""


class TypeModel:
    """The answers to these questions for one server's definitions.

    Args:
        typedefs: the answer of GET /types/typedefs.
    """

    def __init__(self, typedefs: Json) -> None:
        self._entities: dict[str, Json] = {d["name"]: d for d in typedefs.get("entityDefs") or ()}
        self._references: dict[str, list[Reference]] = {}
        for definition in typedefs.get("relationshipDefs") or ():
            for here, there in (("endDef1", "endDef2"), ("endDef2", "endDef1")):
                self._add(definition, definition[here], definition[there])
        self._known: dict[tuple[str, str], Any] = {}

    def _add(self, definition: Json, here: Json, there: Json) -> None:
        apart = definition.get("relationshipCategory") == "ASSOCIATION"
        reference = Reference(
            here["name"],
            there["type"],
            here.get("cardinality", "SINGLE") != "SINGLE",
            bool(here.get("isContainer")) and not apart,
            bool(there.get("isContainer")) and not apart,
        )
        self._references.setdefault(here["type"], []).append(reference)

    def lineage(self, name: str) -> tuple[str, ...]:
        """The type and all it inherits from, itself first."""
        order = [name]
        for one in order:
            order += [s for s in self._entities.get(one, {}).get("superTypes") or () if s not in order]
        return tuple(order)

    def is_dataset(self, name: str) -> bool:
        """Whether the type is DataSet or inherits from it."""
        return DATASET in self.lineage(name)

    @cached_property
    def column_types(self) -> frozenset[str]:
        """The types whose entities are parts of a dataset's schema, and not datasets themselves."""
        parts = {
            reference.other
            for name in self._entities
            if self.is_dataset(name)
            for reference in self.references(name)
            if reference.name in self.column_attributes(name) and self.is_dataset(reference.other)
        }
        return frozenset(n for n in self._entities if parts.intersection(self.lineage(n)))

    @cached_property
    def dataset_types(self) -> tuple[str, ...]:
        """The types that are listed, by name."""
        return tuple(sorted(n for n in self._entities if self.is_dataset(n) and n not in self.column_types))

    def is_process(self, name: str) -> bool:
        """Whether the type is Process or inherits from it."""
        return PROCESS in self.lineage(name)

    @cached_property
    def process_types(self) -> tuple[str, ...]:
        """The types that connect datasets, by name."""
        return tuple(sorted(n for n in self._entities if self.is_process(n)))

    def references(self, name: str) -> tuple[Reference, ...]:
        """Every reference of a type, the inherited ones too."""
        return self._once(
            "references", name, lambda: tuple(r for t in self.lineage(name) for r in self._references.get(t, ()))
        )

    def column_attributes(self, name: str) -> tuple[str, ...]:
        """The attributes that hold the columns of a type's entities, in the order in which columns come."""
        return self._once("columns", name, lambda: self._column_attributes(name))

    def _column_attributes(self, name: str) -> tuple[str, ...]:
        declared = [
            (self._entities.get(t, {}).get("options") or {}).get("schemaElementsAttribute") for t in self.lineage(name)
        ]
        wanted = [*dict.fromkeys(a for a in (*declared, *_COLUMN_ATTRIBUTES) if a)]
        held = {r.name for r in self.references(name) if r.many and r.contains}
        return tuple(a for a in wanted if a in held)

    def part_types(self, name: str) -> frozenset[str]:
        """The types of the columns, columns of columns, and storage descriptions of a type's entities."""
        found: set[str] = set()
        todo = [name]
        for one in todo:
            wanted = (*self.column_attributes(one), *self.storage_attributes(one))
            new = {r.other for r in self.references(one) if r.contains and r.name in wanted} - found
            found |= new
            todo += sorted(new)
        return frozenset(found)

    def parent_attributes(self, name: str) -> tuple[str, ...]:
        """The attributes that lead to what a type's entities are in, such as `db`."""
        found = (r.name for r in self.references(name) if r.contained and not r.many)
        return self._once("parents", name, lambda: tuple(dict.fromkeys(found)))

    def storage_attributes(self, name: str) -> tuple[str, ...]:
        """The attributes that hold one owned part which is no dataset, such as a Hive table's `sd`."""
        found = (r for r in self.references(name) if r.contains and not r.many and not self.is_dataset(r.other))
        return self._once("storage", name, lambda: tuple(dict.fromkeys(r.name for r in found)))

    def reference_names(self, name: str) -> frozenset[str]:
        """All attributes that hold references, which are no properties."""
        return self._once("names", name, lambda: frozenset(r.name for r in self.references(name)))

    def attribute_types(self, name: str) -> dict[str, str]:
        """The declared types of the plain attributes by name."""
        return self._once(
            "attributes",
            name,
            lambda: {
                a["name"]: a["typeName"]
                for t in reversed(self.lineage(name))
                for a in self._entities.get(t, {}).get("attributeDefs") or ()
            },
        )

    def _once(self, what: str, name: str, make: Callable[[], T]) -> T:
        key = (what, name)
        if key not in self._known:
            self._known[key] = make()
        known: T = self._known[key]
        return known


def is_partition(attribute: str) -> bool:
    """Whether the columns of this attribute are partition keys."""
    return attribute in _PARTITIONS


def active(references: Any) -> Iterable[Json]:
    """The references of a relationship attribute whose entity and edge are not deleted; one or several, or none."""
    return (one for one in several(references) if is_active(one))


def several(references: Any) -> list[Json]:
    """The references of an attribute, deleted ones too; one or several, or none."""
    found = references if isinstance(references, list) else [references] if references else []
    return [one for one in found if isinstance(one, dict)]


def is_active(reference: Json) -> bool:
    """Whether neither the entity nor the edge to it is deleted."""
    return all(reference.get(state, "ACTIVE") == "ACTIVE" for state in ("entityStatus", "relationshipStatus"))
