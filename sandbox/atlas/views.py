"""How Atlas shows what it holds: entities with references and owned parts, headers, classifications."""

from collections.abc import Iterable
from typing import Any

from sandbox.atlas import tagging
from sandbox.atlas.state import Classification, Entity, Json, Relationship, State
from sandbox.atlas.typesystem import End

_IN_HEADER = ("name", "description", "owner", "createTime", "displayName")
ASSIGNMENT = "AtlasGlossarySemanticAssignment"


class Views:
    """Renders the state as the server's JSON. The engine's lock guards it."""

    def __init__(self, state: State) -> None:
        self.state = state
        self._inherited: tuple[int, tagging.Inherited] = (-1, {})

    def inherited(self, entity: Entity) -> list[tuple[Entity, Classification]]:
        """The classifications that reached an entity, with where they come from."""
        if self._inherited[0] != self.state.changes:
            self._inherited = (self.state.changes, tagging.inherited(self.state))
        return self._inherited[1].get(entity.guid, [])

    def classifications(self, entity: Entity) -> list[Json]:
        """Direct and propagated classifications; the guid inside says whose they are."""
        own = [(entity, c) for c in entity.classifications.values()]
        return [_classification(source, one) for source, one in [*own, *self.inherited(entity)]]

    def bulk(self, entities: Iterable[Entity], *, min_ext_info: bool, ignore_relationships: bool) -> Json:
        """Entities with the parts they own, which come beside them."""
        referred: dict[str, Json] = {}
        shown = []
        for entity in entities:
            shown.append(self.entity(entity, ignore_relationships=ignore_relationships))
            if not ignore_relationships:
                self._add_owned(entity, referred, min_ext_info=min_ext_info)
        return {"referredEntities": referred, "entities": shown}

    def _add_owned(self, entity: Entity, referred: dict[str, Json], *, min_ext_info: bool) -> None:
        for end in self.state.types.all_ends(entity.type_name):
            if not end.owner:
                continue
            for _, other in self.state.at(entity, end):
                if other.guid not in referred:
                    referred[other.guid] = self.header(other) if min_ext_info else self.entity(other)
                    self._add_owned(other, referred, min_ext_info=min_ext_info)

    def entity(self, entity: Entity, *, ignore_relationships: bool = False) -> Json:
        """One entity in full."""
        out: Json = {
            "typeName": entity.type_name,
            "attributes": dict(entity.attributes),
            "guid": entity.guid,
            "isIncomplete": False,
            "status": entity.status,
            "createdBy": entity.created_by,
            "updatedBy": entity.updated_by,
            "createTime": entity.created,
            "updateTime": entity.updated,
            "version": entity.version,
            "labels": list(entity.labels),
            **entity.extra,
        }
        if not ignore_relationships:
            out["relationshipAttributes"] = {}
            for name, ends in self.state.types.ends(entity.type_name).items():
                self._add_reference(out, entity, name, ends)
        classifications = self.classifications(entity)
        if classifications:
            out["classifications"] = classifications
        if entity.business:
            out["businessAttributes"] = entity.business
        if entity.custom:
            out["customAttributes"] = entity.custom
        return out

    def _add_reference(self, out: Json, entity: Entity, name: str, ends: tuple[End, ...]) -> None:
        pairs = [pair for end in ends for pair in self.state.at(entity, end)]
        full = [self._related(edge, other) for edge, other in pairs]
        # an attribute that the type declares itself, such as a process' inputs, names what it points to
        named = name in self.state.types.attributes(entity.type_name)
        short = [self._short(other, named=named) for _, other in pairs]
        if not ends[0].many:
            best = _current(pairs)
            out["relationshipAttributes"][name] = None if best is None else full[best]
            shown = best is not None and (pairs[best][0].status == "ACTIVE" or pairs[best][1].status == "DELETED")
            plain: Any = short[best] if best is not None and shown else None
        else:
            out["relationshipAttributes"][name], plain = full, short
        if any(end.legacy for end in ends):
            out["attributes"][name] = plain

    def _short(self, other: Entity, *, named: bool) -> Json:
        definitions = self.state.types.attributes(other.type_name) if named else {}
        unique = {n: other.attributes.get(n) for n, d in definitions.items() if d["isUnique"]}
        said = {n: v for n, v in unique.items() if v is not None}
        return {"guid": other.guid, "typeName": other.type_name, **({"uniqueAttributes": said} if said else {})}

    def _related(self, edge: Relationship, other: Entity) -> Json:
        attributes: Json = {"typeName": edge.type_name}
        if edge.attributes:
            attributes["attributes"] = edge.attributes
        return {
            "guid": other.guid,
            "typeName": other.type_name,
            "entityStatus": other.status,
            "displayText": display_text(other),
            "relationshipType": edge.type_name,
            "relationshipGuid": edge.guid,
            "relationshipStatus": edge.status,
            "relationshipAttributes": attributes,
        }

    def header(self, entity: Entity, extra: Iterable[str] = ()) -> Json:
        """The short form: identity, unique and everyday attributes, names of classifications and terms."""
        definitions = self.state.types.attributes(entity.type_name)
        names = [n for n, d in definitions.items() if d["isUnique"] or n in _IN_HEADER]
        attributes = {n: entity.attributes.get(n) for n in names}
        attributes = {n: v for n, v in attributes.items() if v is not None}
        attributes.update({n: self.value(entity, n) for n in extra})
        classifications = self.classifications(entity)
        meanings = self.meanings(entity)
        return {
            "typeName": entity.type_name,
            "attributes": attributes,
            "guid": entity.guid,
            "status": entity.status,
            "displayText": display_text(entity),
            "classificationNames": list(dict.fromkeys(c["typeName"] for c in classifications)),
            "classifications": classifications,
            "meaningNames": [m["displayText"] for m in meanings],
            "meanings": meanings,
            "isIncomplete": False,
            "labels": list(entity.labels),
        }

    def meanings(self, entity: Entity) -> list[Json]:
        """The glossary terms assigned to an entity."""
        return [
            {
                "termGuid": edge.end1,
                "relationGuid": edge.guid,
                "displayText": display_text(self.state.entities[edge.end1]),
                "confidence": edge.attributes.get("confidence") or 0,
            }
            for edge in self.state.edges(entity.guid)
            if edge.type_name == ASSIGNMENT and edge.end2 == entity.guid and edge.status == "ACTIVE"
        ]

    def value(self, entity: Entity, name: str) -> Any:
        """An attribute's value; the names with two underscores are the server's own."""
        match name:
            case "__guid":
                return entity.guid
            case "__typeName":
                return entity.type_name
            case "__state":
                return entity.status
            case "__timestamp":
                return entity.created
            case "__modificationTimestamp":
                return entity.updated
            case "__createdBy":
                return entity.created_by
            case "__modifiedBy":
                return entity.updated_by
            case "__labels":
                return "|".join(["", *entity.labels, ""]) if entity.labels else None
            case "__classificationNames":
                return "|".join(["", *entity.classifications, ""]) if entity.classifications else None
        return entity.attributes.get(name)


SYSTEM_ATTRIBUTES = {
    "__guid",
    "__typeName",
    "__state",
    "__timestamp",
    "__modificationTimestamp",
    "__createdBy",
    "__modifiedBy",
    "__labels",
    "__classificationNames",
}


def display_text(entity: Entity) -> str:
    """What a person reads for an entity."""
    for name in ("displayName", "name", "qualifiedName"):
        if entity.attributes.get(name):
            return str(entity.attributes[name])
    return entity.guid


def _current(pairs: list[tuple[Relationship, Entity]]) -> int | None:
    """Which edge a single-valued attribute shows: the active one, else the last."""
    for n, (edge, _) in enumerate(pairs):
        if edge.status == "ACTIVE":
            return n
    return len(pairs) - 1 if pairs else None


def _classification(source: Entity, one: Classification) -> Json:
    shown: Json = {"typeName": one.type_name}
    if one.attributes:
        shown["attributes"] = one.attributes
    return {
        **shown,
        "entityGuid": source.guid,
        "entityStatus": source.status,
        "propagate": one.propagate,
        "removePropagationsOnEntityDelete": one.remove_propagations,
        **one.more,
    }
