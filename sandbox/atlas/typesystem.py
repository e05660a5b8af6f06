"""The types of an Atlas server: definitions, inheritance, and which relationships an entity's attributes stand for."""

import re
import time
import uuid
from collections.abc import Iterable, Iterator
from typing import Any

import msgspec

from sandbox.atlas import errors

Def = dict[str, Any]

CATEGORIES = {
    "enumDefs": "ENUM",
    "structDefs": "STRUCT",
    "classificationDefs": "CLASSIFICATION",
    "entityDefs": "ENTITY",
    "relationshipDefs": "RELATIONSHIP",
    "businessMetadataDefs": "BUSINESS_METADATA",
}
PRIMITIVES = {
    "boolean",
    "byte",
    "short",
    "int",
    "long",
    "float",
    "double",
    "biginteger",
    "bigdecimal",
    "string",
    "date",
}
_NAME = re.compile(r"(__)?[a-zA-Z][a-zA-Z0-9_ .]*")
_ATTRIBUTE_DEFAULTS: Def = {
    "isOptional": True,
    "cardinality": "SINGLE",
    "valuesMinCount": 0,
    "valuesMaxCount": 1,
    "isUnique": False,
    "isIndexable": False,
    "includeInNotification": False,
    "searchWeight": -1,
}


class End(msgspec.Struct, frozen=True):
    """An entity type's view of a relationship: its attribute's name, and what is at the other end."""

    relationship: str
    number: int
    name: str
    other_type: str
    many: bool
    owner: bool
    """Whether this end contains the other and takes it along when it is deleted."""
    owned: bool
    """Whether the other end contains this one in that way."""
    legacy: bool
    """Whether Atlas also shows it among the plain attributes."""


class TypeSystem:
    """All definitions by name. Not safe for threads: the engine's lock is held around every use."""

    def __init__(self) -> None:
        self._defs: dict[str, Def] = {}
        self._cache: dict[tuple[str, str], Any] = {}

    # --- definitions ---

    def create(self, typedefs: Def, user: str) -> Def:
        """Adds definitions, all or none; answers them as stored.

        Raises:
            AtlasError: a name is taken or malformed, or a definition names an unknown type.
        """
        given = list(_each(typedefs))
        for category, definition in given:
            name = definition.get("name") or ""
            if name in self._defs:
                raise errors.type_exists(name)
            if not _NAME.fullmatch(name):
                raise errors.AtlasError(
                    400,
                    "ATLAS-400-00-019",
                    f"{name}: invalid name for {category}.  Names must consist of a letter followed by a sequence of "
                    "letter, number, space, or _ characters",
                )
        known = set(self._defs) | {d["name"] for _, d in given}
        for _, definition in given:
            for named in _named_types(definition):
                if named not in known:
                    raise errors.type_invalid(named)
        for category, definition in given:
            self._defs[definition["name"]] = _completed(category, definition, user)
        self._cache.clear()
        return self.typedefs(d["name"] for _, d in given)

    def update(self, typedefs: Def, user: str) -> Def:
        """Replaces definitions; those that are new are refused.

        Raises:
            AtlasError: a name is unknown.
        """
        given = list(_each(typedefs))
        for _, definition in given:
            if definition.get("name") not in self._defs:
                raise errors.type_missing(str(definition.get("name")))
        for category, definition in given:
            old = self._defs[definition["name"]]
            new = _completed(category, definition, user)
            kept = {k: old[k] for k in ("guid", "createdBy", "createTime")}
            self._defs[definition["name"]] = {**new, **kept, "version": old["version"] + 1}
        self._cache.clear()
        return self.typedefs(d["name"] for _, d in given)

    def delete(self, name: str) -> None:
        """Forgets a definition."""
        self._shown_or_missing(name)
        del self._defs[name]
        self._cache.clear()

    def typedefs(self, names: Iterable[str] | None = None) -> Def:
        """These definitions, or all, by category and with what follows from the others."""
        out: Def = {kind: [] for kind in CATEGORIES}
        kinds = {category: kind for kind, category in CATEGORIES.items()}
        for name in self._defs if names is None else names:
            out[kinds[self._defs[name]["category"]]].append(self.shown(name))
        return out

    def shown(self, name: str, category: str | None = None) -> Def:
        """One definition as the server answers it.

        Raises:
            AtlasError: there is none of this name, or of this category.
        """
        definition = self._shown_or_missing(name, category)
        if definition["category"] not in ("ENTITY", "CLASSIFICATION"):
            return definition
        shown = {**definition, "subTypes": sorted(self._direct_subtypes(name))}
        if definition["category"] == "ENTITY":
            shown["relationshipAttributeDefs"] = [self._end_def(end) for end in self.all_ends(name)]
            shown["businessAttributeDefs"] = {}
        return shown

    def guid_of(self, guid: str) -> str:
        """The name of the type with this guid."""
        for name, definition in self._defs.items():
            if definition["guid"] == guid:
                return name
        raise errors.AtlasError(404, "ATLAS-404-00-002", f"Given type guid {guid} was invalid")

    def _shown_or_missing(self, name: str, category: str | None = None) -> Def:
        definition = self._defs.get(name)
        if definition is None or (category and definition["category"] != category):
            raise errors.type_missing(name)
        return definition

    def _direct_subtypes(self, name: str) -> Iterator[str]:
        return (n for n, d in self._defs.items() if name in d.get("superTypes", ()))

    def _end_def(self, end: End) -> Def:
        return {
            "name": end.name,
            "typeName": f"array<{end.other_type}>" if end.many else end.other_type,
            **_ATTRIBUTE_DEFAULTS,
            "cardinality": "SET" if end.many else "SINGLE",
            "valuesMinCount": -1,
            "valuesMaxCount": -1,
            **({"constraints": [{"type": "ownedRef"}]} if end.owner else {}),
            "relationshipTypeName": end.relationship,
            "isLegacyAttribute": end.legacy,
        }

    # --- questions ---

    def get(self, name: str, category: str) -> Def | None:
        """The definition, or None."""
        definition = self._defs.get(name)
        return definition if definition is not None and definition["category"] == category else None

    def entity(self, name: str) -> Def:
        """An entity type's definition.

        Raises:
            AtlasError: there is none.
        """
        definition = self.get(name, "ENTITY")
        if definition is None:
            raise errors.type_unknown("ENTITY", name)
        return definition

    def names(self, category: str) -> list[str]:
        """The names of a category's types."""
        return [n for n, d in self._defs.items() if d["category"] == category]

    def supertypes(self, name: str) -> tuple[str, ...]:
        """The type and all it inherits from, itself first."""
        known: tuple[str, ...] | None = self._cache.get(("super", name))
        if known is None:
            order = [name]
            for one in order:
                order += [s for s in self._defs.get(one, {}).get("superTypes", ()) if s not in order]
            known = self._cache[("super", name)] = tuple(order)
        return known

    def subtypes(self, name: str) -> frozenset[str]:
        """The type and all that inherit from it."""
        known: frozenset[str] | None = self._cache.get(("sub", name))
        if known is None:
            known = self._cache[("sub", name)] = frozenset(n for n in self._defs if name in self.supertypes(n))
        return known

    def is_a(self, name: str, ancestor: str) -> bool:
        """Whether a type is another or inherits from it."""
        return ancestor in self.supertypes(name)

    def attributes(self, name: str) -> dict[str, Def]:
        """The attributes of a type with the inherited ones; each knows `declaredIn`."""
        known: dict[str, Def] | None = self._cache.get(("attributes", name))
        if known is None:
            known = {}
            for one in reversed(self.supertypes(name)):
                for attribute in self._defs.get(one, {}).get("attributeDefs", ()):
                    known[attribute["name"]] = {**attribute, "declaredIn": one}
            self._cache[("attributes", name)] = known
        return known

    def all_ends(self, name: str) -> tuple[End, ...]:
        """Every relationship a type takes part in, the inherited ones too."""
        known: tuple[End, ...] | None = self._cache.get(("ends", name))
        if known is None:
            types = set(self.supertypes(name))
            known = tuple(
                _end(d, number)
                for d in self._defs.values()
                if d["category"] == "RELATIONSHIP"
                for number in (1, 2)
                if d[f"endDef{number}"]["type"] in types
            )
            self._cache[("ends", name)] = known
        return known

    def ends(self, name: str) -> dict[str, tuple[End, ...]]:
        """The relationship attributes of a type; a name may stand for several relationships."""
        known: dict[str, tuple[End, ...]] | None = self._cache.get(("by name", name))
        if known is None:
            known = {}
            for end in self.all_ends(name):
                known[end.name] = (*known.get(end.name, ()), end)
            self._cache[("by name", name)] = known
        return known


def _each(typedefs: Def) -> Iterator[tuple[str, Def]]:
    for kind, category in CATEGORIES.items():
        for definition in typedefs.get(kind) or ():
            yield category, definition


def _named_types(definition: Def) -> Iterator[str]:
    yield from definition.get("superTypes") or ()
    yield from definition.get("entityTypes") or ()
    for attribute in definition.get("attributeDefs") or ():
        for word in re.findall(r"[^<>,]+", attribute["typeName"]):
            if word not in PRIMITIVES and word not in ("array", "map"):
                yield word
    for end in ("endDef1", "endDef2"):
        if end in definition:
            yield definition[end]["type"]


def _completed(category: str, definition: Def, user: str) -> Def:
    now = int(time.time() * 1000)
    stored: Def = {
        "category": category,
        "guid": str(uuid.uuid4()),
        "createdBy": user,
        "updatedBy": user,
        "createTime": now,
        "updateTime": now,
        "version": 1,
        "description": definition["name"],
        "typeVersion": "1.0",
        **definition,
    }
    if category == "ENUM":
        return stored
    stored["attributeDefs"] = [_attribute(a) for a in definition.get("attributeDefs") or ()]
    if category in ("ENTITY", "CLASSIFICATION"):
        stored["superTypes"] = list(definition.get("superTypes") or ())
    if category == "CLASSIFICATION":
        stored["entityTypes"] = list(definition.get("entityTypes") or ())
    if category == "RELATIONSHIP":
        stored.setdefault("propagateTags", "NONE")
        for end in ("endDef1", "endDef2"):
            stored[end] = {"isContainer": False, "cardinality": "SINGLE", "isLegacyAttribute": False, **definition[end]}
    return stored


def _attribute(definition: Def) -> Def:
    many = definition.get("cardinality", "SINGLE") != "SINGLE"
    return {**_ATTRIBUTE_DEFAULTS, **({"valuesMaxCount": 2147483647} if many else {}), **definition}


def _end(definition: Def, number: int) -> End:
    this, other = definition[f"endDef{number}"], definition[f"endDef{3 - number}"]
    return End(
        relationship=definition["name"],
        number=number,
        name=this["name"],
        other_type=other["type"],
        many=this["cardinality"] != "SINGLE",
        owner=this["isContainer"] and definition["relationshipCategory"] == "COMPOSITION",
        owned=other["isContainer"] and definition["relationshipCategory"] == "COMPOSITION",
        legacy=this["isLegacyAttribute"],
    )
