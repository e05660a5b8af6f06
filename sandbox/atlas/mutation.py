"""Changing entities: create or update by guid or unique attribute, references, soft deletion, purge."""

from collections.abc import Iterable
from typing import Any

import msgspec

from sandbox.atlas import errors, values
from sandbox.atlas.state import Entity, Json, Relationship, State
from sandbox.atlas.typesystem import End


class Changes(msgspec.Struct):
    """What one request did, in order."""

    created: dict[str, Entity] = {}
    updated: dict[str, Entity] = {}
    deleted: dict[str, Entity] = {}
    purged: dict[str, Entity] = {}
    assigned: dict[str, str] = {}
    """The guids that entities got for the provisional ones (`-1`) they came with."""


class Mutation:
    """One request's changes to the state. The rules are Atlas 2.1's, soft deletion included."""

    def __init__(self, state: State, user: str, *, strict_parts: bool = False) -> None:
        self.state, self.user, self.strict_parts = state, user, strict_parts
        self.done = Changes()
        self._placeholders = 0

    # --- create and update ---

    def upsert(self, given: list[Json], referred: Json) -> None:
        """Creates or updates these entities and the referred ones, then ties their references.

        Raises:
            AtlasError: a type, a mandatory attribute, a value or a reference is wrong; nothing is changed then.
        """
        everything = [*given, *(e for g, e in referred.items() if not any(x.get("guid") == g for x in given))]
        for entity in everything:
            self._check(entity, everything)
        tied = [(self._store(entity), entity) for entity in everything]
        for stored, entity in tied:
            self._tie(stored, {**(entity.get("attributes") or {}), **(entity.get("relationshipAttributes") or {})})
            self._extras(stored, entity)

    def partial(self, entity: Entity, attributes: Json) -> None:
        """Changes some attributes of an entity that exists."""
        self._check_references(entity.type_name, attributes, [])
        names = self._plain_names(entity.type_name)
        self._set(entity, values.plain(self.state.types, entity.type_name, attributes, names, whole=False))
        self._tie(entity, attributes)

    def _plain_names(self, type_name: str) -> list[str]:
        ends = self.state.types.ends(type_name)
        return [n for n in self.state.types.attributes(type_name) if n not in ends]

    def _check(self, entity: Json, everything: list[Json]) -> None:
        if not isinstance(entity, dict) or not entity.get("typeName"):
            raise errors.invalid_parameters("found null entity")
        type_name, types = entity["typeName"], self.state.types
        types.entity(type_name)
        guid = str(entity.get("guid") or "")
        if guid and not guid.startswith("-") and guid not in self.state.entities:
            raise errors.referenced_missing(guid)
        attributes = entity.get("attributes") or {}
        existing = self._existing(entity)
        values.plain(types, type_name, attributes, self._plain_names(type_name), whole=existing is None)
        everything_given = {**attributes, **(entity.get("relationshipAttributes") or {})}
        if existing is None and self.strict_parts:
            self._check_whole(type_name, everything_given)
        self._check_references(type_name, everything_given, everything)

    def _check_whole(self, type_name: str, given: Json) -> None:
        """A part must say what it is a part of, though the whole names it too."""
        for part in self.state.types.all_ends(type_name):
            if not part.owned or part.many or given.get(part.name):
                continue
            raise errors.invalid_value(
                f"{type_name}.{part.name}: mandatory attribute value missing in type {type_name}"
            )

    def _existing(self, entity: Json) -> Entity | None:
        guid = str(entity.get("guid") or "")
        if guid in self.state.entities:
            return self.state.entities[guid]
        attributes, type_name = entity.get("attributes") or {}, entity["typeName"]
        unique = {
            n: attributes[n]
            for n, d in self.state.types.attributes(type_name).items()
            if d["isUnique"] and n in attributes
        }
        return self.state.find(type_name, unique)

    def _check_references(self, type_name: str, attributes: Json, everything: list[Json]) -> None:
        coming = {str(e["guid"]) for e in everything if e.get("guid")}
        for name, ends in self.state.types.ends(type_name).items():
            value = attributes.get(name)
            if value is None:
                continue
            if ends[0].many and not isinstance(value, list):
                raise errors.invalid_value(f"{type_name}.{name}={value}: invalid value for type array<objectid>")
            for reference in value if ends[0].many else [value]:
                if not isinstance(reference, dict):
                    raise errors.AtlasError(400, "ATLAS-400-00-021", f"ObjectId is not valid {reference}")
                if str(reference.get("guid")) not in coming:
                    self._resolve(reference)

    def _resolve(self, reference: Json) -> Entity:
        """The entity that a reference names."""
        guid, unique = reference.get("guid"), reference.get("uniqueAttributes")
        if guid is not None:
            guid = self.done.assigned.get(str(guid), str(guid))
            if guid not in self.state.entities:
                raise errors.referenced_missing(guid)
            return self.state.entities[guid]
        found = self.state.find(str(reference.get("typeName")), unique or {})
        if found is None:
            shown = ", ".join(f"{k}:{v}" for k, v in (unique or {}).items())
            raise errors.referenced_missing(
                f"AtlasObjectId{{guid='null', typeName='{reference.get('typeName')}', uniqueAttributes={{{shown}}}}}"
            )
        return found

    def _store(self, entity: Json) -> Entity:
        type_name, attributes = entity["typeName"], entity.get("attributes") or {}
        existing = self._existing(entity)
        names = self._plain_names(existing.type_name if existing else type_name)
        plain = values.plain(self.state.types, type_name, attributes, names, whole=existing is None)
        if existing is None:
            existing = self.state.add(type_name, plain, self.user)
            self.done.created[existing.guid] = existing
            self.state.audit(existing, "ENTITY_CREATE", self.user, str(attributes.get("qualifiedName", "")))
        else:
            self._set(existing, plain)
        provisional = entity.get("guid")
        if not provisional:
            self._placeholders += 1
            provisional = f"-{self.state.now()}{self._placeholders}"
        if str(provisional).startswith("-"):
            self.done.assigned[str(provisional)] = existing.guid
        return existing

    def _set(self, entity: Entity, plain: Json) -> None:
        changed = {n: v for n, v in plain.items() if entity.attributes.get(n) != v}
        if changed:
            self.state.unindex(entity)
            entity.attributes.update(changed)
            self.state.index(entity)
            self.touch(entity)

    def _extras(self, entity: Entity, given: Json) -> None:
        """What may come with a new entity beside its attributes."""
        if entity.guid not in self.done.created:
            return
        for one in given.get("classifications") or ():
            from sandbox.atlas.tagging import attach

            attach(self.state, entity, one)
        entity.labels = list(given.get("labels") or entity.labels)
        entity.custom = dict(given.get("customAttributes") or entity.custom)

    def touch(self, entity: Entity) -> None:
        """Notes that an entity was changed by this request."""
        if entity.guid in self.done.created:
            return
        entity.updated, entity.updated_by = self.state.now(), self.user
        if entity.guid not in self.done.updated:
            self.done.updated[entity.guid] = entity
            self.state.audit(entity, "ENTITY_UPDATE", self.user, str(entity.attributes.get("qualifiedName", "")))

    # --- references ---

    def _tie(self, entity: Entity, attributes: Json) -> None:
        for name, ends in self.state.types.ends(entity.type_name).items():
            if name not in attributes:
                continue
            value = attributes[name]
            wanted = [] if value is None else value if ends[0].many else [value]
            targets = [(self._resolve(reference), reference) for reference in wanted]
            self._retie(entity, ends, targets)

    def _retie(self, entity: Entity, ends: tuple[End, ...], targets: list[tuple[Entity, Json]]) -> None:
        """Makes the edges of one attribute exactly these; an owned entity that is left out is deleted."""
        there = {
            other.guid: (end, edge)
            for end in ends
            for edge, other in self.state.at(entity, end)
            if edge.status == "ACTIVE"
        }
        wanted = {target.guid for target, _ in targets}
        for target, reference in targets:
            if target.guid not in there:
                there[target.guid] = self._connect(
                    entity, _fitting(self.state, ends, target, reference), target, reference
                )
        for guid, (end, edge) in there.items():
            if guid not in wanted:
                self.touch(entity)
                edge.status = "DELETED"
                self.state.changes += 1
                if end.owner:
                    self.delete([guid])

    def _connect(self, entity: Entity, end: End, target: Entity, reference: Json) -> tuple[End, Relationship]:
        first, second = (entity, target) if end.number == 1 else (target, entity)
        self._make_room(end, target)
        attributes = (reference.get("relationshipAttributes") or {}).get("attributes")
        edge = self.state.connect(end.relationship, first.guid, second.guid, attributes)
        self.touch(entity)
        self.touch(target)
        return end, edge

    def _make_room(self, end: End, target: Entity) -> None:
        """An entity whose end holds one only lets go of the one it had."""
        for back in self.state.types.all_ends(target.type_name):
            if back.relationship == end.relationship and back.number != end.number and not back.many:
                for edge, _ in list(self.state.at(target, back)):
                    if edge.status == "ACTIVE":
                        edge.status = "DELETED"

    # --- delete and purge ---

    def delete(self, guids: Iterable[str]) -> None:
        """Soft deletion: the entities stay, marked, with what they own; edges that lead to them are marked too."""
        for guid in guids:
            entity = self.state.entities.get(guid)
            if entity is None or entity.status == "DELETED":
                continue
            entity.status = "DELETED"
            self.state.unindex(entity)
            self.delete(other.guid for other in self._owned(entity))
            for edge in self.state.edges(guid):
                if edge.end2 == guid:
                    edge.status = "DELETED"
            entity.updated, entity.updated_by = self.state.now(), self.user
            self.state.changes += 1
            self.done.deleted[guid] = entity
            self.done.updated.pop(guid, None)
            self.state.audit(entity, "ENTITY_DELETE", self.user, str(entity.attributes.get("qualifiedName", "")))

    def purge(self, guids: Iterable[str]) -> None:
        """Removes deleted entities for good, with what they owned."""
        for guid in guids:
            entity = self.state.entities.get(guid)
            if entity is None or entity.status != "DELETED":
                continue
            self.purge([other.guid for other in self._owned(entity)])
            self.state.forget(entity)
            self.done.purged[guid] = entity

    def _owned(self, entity: Entity) -> list[Entity]:
        return [
            other
            for end in self.state.types.all_ends(entity.type_name)
            if end.owner
            for _, other in self.state.at(entity, end)
        ]


def _fitting(state: State, ends: tuple[End, ...], target: Entity, reference: Json) -> End:
    """The relationship meant: the one the reference names, else the first whose other end takes the target."""
    named: Any = reference.get("relationshipType")
    for end in ends:
        if named == end.relationship or (not named and state.types.is_a(target.type_name, end.other_type)):
            return end
    raise errors.invalid_value(f"{ends[0].name}: no relationship to an entity of type {target.type_name}")
