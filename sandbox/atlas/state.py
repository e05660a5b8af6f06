"""What an Atlas server remembers: entities, the relationships between them, and the audit of both."""

import time
import uuid
from collections import defaultdict
from collections.abc import Iterator
from typing import Any, Literal

import msgspec

from sandbox.atlas.typesystem import End, TypeSystem

Json = dict[str, Any]
Status = Literal["ACTIVE", "DELETED"]


class Classification(msgspec.Struct):
    """A classification that was put on an entity directly."""

    type_name: str
    attributes: Json
    propagate: bool = True
    remove_propagations: bool = False
    """Whether the propagated copies go when the entity is deleted."""
    more: Json = {}
    """What the caller sent besides, kept as it is (`validityPeriods`, Purview's `source` …)."""


class Entity(msgspec.Struct):
    """One instance of an entity type. `attributes` holds the plain ones only; references are relationships."""

    guid: str
    type_name: str
    attributes: Json
    created_by: str
    updated_by: str
    created: int
    """Milliseconds since 1970, as everywhere in Atlas."""
    updated: int
    status: Status = "ACTIVE"
    version: int = 0
    classifications: dict[str, Classification] = {}
    labels: list[str] = []
    business: dict[str, Json] = {}
    custom: dict[str, str] = {}
    extra: Json = {}
    """What a face keeps beside Atlas' own fields, such as Purview's `contacts` and `collectionId`."""


class Relationship(msgspec.Struct):
    """An edge between two entities; end 1 is where it starts."""

    guid: str
    type_name: str
    end1: str
    end2: str
    attributes: Json
    propagate: str
    created: int
    status: Status = "ACTIVE"


class State:
    """Entities and relationships by guid, with the indexes that the rules need. The engine's lock guards it."""

    def __init__(self, types: TypeSystem) -> None:
        self.types = types
        self.entities: dict[str, Entity] = {}
        self.relationships: dict[str, Relationship] = {}
        self.audits: dict[str, list[Json]] = defaultdict(list)
        self._edges: dict[str, dict[str, None]] = defaultdict(dict)
        self._unique: dict[tuple[str, str, Any], str] = {}
        self._last = 0
        self.changes = 0
        """Moves with every change that can alter what is propagated."""

    def now(self) -> int:
        """Milliseconds since 1970; never the same twice, so that changes are told apart."""
        self._last = max(self._last + 1, int(time.time() * 1000))
        return self._last

    # --- entities ---

    def add(self, type_name: str, attributes: Json, user: str) -> Entity:
        """A new entity with these plain attributes."""
        now = self.now()
        entity = Entity(str(uuid.uuid4()), type_name, attributes, user, user, now, now)
        self.entities[entity.guid] = entity
        self.index(entity)
        return entity

    def index(self, entity: Entity) -> None:
        """Makes the entity findable by its unique attributes."""
        for key in self._unique_keys(entity):
            self._unique[key] = entity.guid

    def unindex(self, entity: Entity) -> None:
        """Takes the entity out of the index, before a change or on deletion."""
        for key in self._unique_keys(entity):
            if self._unique.get(key) == entity.guid:
                del self._unique[key]

    def _unique_keys(self, entity: Entity) -> Iterator[tuple[str, str, Any]]:
        for name, definition in self.types.attributes(entity.type_name).items():
            if definition["isUnique"] and entity.attributes.get(name) is not None:
                for type_name in self.types.supertypes(entity.type_name):
                    if name in self.types.attributes(type_name):
                        yield type_name, name, entity.attributes[name]

    def find(self, type_name: str, attributes: Json) -> Entity | None:
        """The active entity of this type, or a subtype, with one of these unique attributes."""
        for name, value in attributes.items():
            guid = self._unique.get((type_name, name, value))
            if guid is not None:
                return self.entities[guid]
        return None

    def forget(self, entity: Entity) -> None:
        """Removes an entity with all its edges, as a purge does."""
        self.unindex(entity)
        for edge in list(self.edges(entity.guid)):
            self.remove(edge)
        del self.entities[entity.guid]
        self.changes += 1

    # --- relationships ---

    def connect(self, type_name: str, end1: str, end2: str, attributes: Json | None = None) -> Relationship:
        """A new edge."""
        definition = self.types.shown(type_name, "RELATIONSHIP")
        defaults = {a["name"]: None for a in definition["attributeDefs"]}
        edge = Relationship(
            str(uuid.uuid4()),
            type_name,
            end1,
            end2,
            {**defaults, **(attributes or {})},
            definition["propagateTags"],
            self.now(),
        )
        self.relationships[edge.guid] = edge
        self._edges[end1][edge.guid] = None
        self._edges[end2][edge.guid] = None
        self.changes += 1
        return edge

    def remove(self, edge: Relationship) -> None:
        """Removes an edge for good."""
        del self.relationships[edge.guid]
        self._edges[edge.end1].pop(edge.guid, None)
        self._edges[edge.end2].pop(edge.guid, None)
        self.changes += 1

    def edges(self, guid: str) -> Iterator[Relationship]:
        """Every edge of an entity, oldest first."""
        return (self.relationships[g] for g in self._edges.get(guid, ()))

    def at(self, entity: Entity, end: End) -> Iterator[tuple[Relationship, Entity]]:
        """The edges of one relationship attribute with the entities at the other end."""
        for edge in self.edges(entity.guid):
            if edge.type_name == end.relationship:
                here, there = (edge.end1, edge.end2) if end.number == 1 else (edge.end2, edge.end1)
                if here == entity.guid:
                    yield edge, self.entities[there]

    # --- audit ---

    def audit(self, entity: Entity, action: str, user: str, details: str) -> None:
        """Writes one line of an entity's history."""
        at = self.now()
        self.audits[entity.guid].append(
            {
                "entityId": entity.guid,
                "timestamp": at,
                "user": user,
                "action": action,
                "details": f"{action}: {details}",
                "eventKey": f"{entity.guid}:{at}",
                "type": None,
            }
        )
