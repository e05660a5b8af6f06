"""Glossaries, categories and terms: entities of their own types, shown in shapes of their own."""

from typing import Any

from sandbox.atlas import errors
from sandbox.atlas.state import Entity, Json, Relationship, State
from sandbox.atlas.views import ASSIGNMENT, Views, display_text

TERM_ANCHOR, CATEGORY_ANCHOR = "AtlasGlossaryTermAnchor", "AtlasGlossaryCategoryAnchor"
CATEGORIZATION, HIERARCHY = "AtlasGlossaryTermCategorization", "AtlasGlossaryCategoryHierarchyLink"
_TEXTS = (
    "shortDescription",
    "longDescription",
    "language",
    "usage",
    "abbreviation",
    "examples",
    "additionalAttributes",
)
_CODES = {"AtlasGlossary": "007", "AtlasGlossaryCategory": "00A", "AtlasGlossaryTerm": "009"}
_WORDS = {
    "AtlasGlossary": "Glossary",
    "AtlasGlossaryCategory": "Glossary category",
    "AtlasGlossaryTerm": "Glossary term",
}


class Glossary:
    """The glossary calls of the server. The engine's lock guards it."""

    def __init__(self, state: State, views: Views) -> None:
        self.state, self.views = state, views

    def create_glossary(self, given: Json, user: str) -> Json:
        """A new glossary.

        Raises:
            AtlasError: it has no name, or the name is taken.
        """
        return self.glossary(self._add("AtlasGlossary", _name(given), given, user))

    def create_category(self, given: Json, user: str) -> Json:
        """A new category of a glossary, below `parentCategory` where that is given."""
        anchor = self._of((given.get("anchor") or {}).get("glossaryGuid"), "AtlasGlossary")
        parent = given.get("parentCategory") or {}
        above = self._of(parent["categoryGuid"], "AtlasGlossaryCategory") if parent.get("categoryGuid") else anchor
        name = f"{_name(given)}@{above.attributes['qualifiedName']}"
        category = self._add("AtlasGlossaryCategory", name, given, user)
        self.state.connect(CATEGORY_ANCHOR, anchor.guid, category.guid)
        if above is not anchor:
            self.state.connect(HIERARCHY, above.guid, category.guid)
        return self.category(category)

    def create_term(self, given: Json, user: str) -> Json:
        """A new term of a glossary, in these categories."""
        anchor = self._of((given.get("anchor") or {}).get("glossaryGuid"), "AtlasGlossary")
        name = f"{_name(given)}@{anchor.attributes['qualifiedName']}"
        categories = [self._of(c["categoryGuid"], "AtlasGlossaryCategory") for c in given.get("categories") or ()]
        term = self._add("AtlasGlossaryTerm", name, given, user)
        self.state.connect(TERM_ANCHOR, anchor.guid, term.guid)
        for category in categories:
            self.state.connect(CATEGORIZATION, category.guid, term.guid)
        return self.term(term)

    def update(self, guid: str, given: Json, user: str) -> Json:
        """Changes the texts of a glossary, category or term; answers it."""
        entity = self._of(guid)
        entity.attributes.update({k: given[k] for k in _TEXTS if k in given})
        entity.updated, entity.updated_by = self.state.now(), user
        return self.shown(guid)

    def delete(self, guid: str) -> None:
        """Removes a glossary with all in it, a category or a term, assignments included."""
        entity = self._of(guid)
        for other in [o for e, o in self._out(entity) if e.type_name in (TERM_ANCHOR, CATEGORY_ANCHOR)]:
            self.delete(other.guid)
        self.state.forget(entity)

    def assign(self, guid: str, given: list[Json]) -> None:
        """Assigns a term to entities; those that have it keep it.

        Raises:
            AtlasError: the term or an entity is not there.
        """
        term = self._of(guid, "AtlasGlossaryTerm")
        targets = [self.state.entities.get(str(one.get("guid"))) for one in given]
        for one, target in zip(given, targets, strict=True):
            if target is None:
                raise errors.guid_missing(str(one.get("guid")))
            if not any(edge.end2 == target.guid for edge in self._assignments(term)):
                attributes = (one.get("relationshipAttributes") or {}).get("attributes")
                self.state.connect(ASSIGNMENT, term.guid, target.guid, attributes)

    def unassign(self, guid: str, given: list[Json]) -> None:
        """Takes a term off entities."""
        term = self._of(guid, "AtlasGlossaryTerm")
        gone = {one.get("guid") for one in given}
        for edge in self._assignments(term):
            if edge.end2 in gone:
                self.state.remove(edge)

    # --- shapes ---

    def glossaries(self) -> list[Json]:
        """All glossaries."""
        return [self.glossary(e) for e in self.state.entities.values() if e.type_name == "AtlasGlossary"]

    def shown(self, guid: str, type_name: str | None = None) -> Json:
        """A glossary, category or term by guid."""
        entity = self._of(guid, type_name)
        return {"AtlasGlossary": self.glossary, "AtlasGlossaryCategory": self.category}.get(
            entity.type_name, self.term
        )(entity)

    def terms(self, guid: str) -> list[Json]:
        """The terms of a glossary, in full."""
        glossary = self._of(guid, "AtlasGlossary")
        return [self.term(o) for e, o in self._out(glossary) if e.type_name == TERM_ANCHOR]

    def categories(self, guid: str) -> list[Json]:
        """The categories of a glossary, in full."""
        glossary = self._of(guid, "AtlasGlossary")
        return [self.category(o) for e, o in self._out(glossary) if e.type_name == CATEGORY_ANCHOR]

    def assigned(self, guid: str) -> list[Json]:
        """The entities a term is assigned to."""
        return self._assigned(self._of(guid, "AtlasGlossaryTerm"))

    def glossary(self, entity: Entity) -> Json:
        """A glossary with its terms and categories in short."""
        out = _texts(entity)
        terms = [_short("termGuid", e, o) for e, o in self._out(entity) if e.type_name == TERM_ANCHOR]
        categories = [_short("categoryGuid", e, o) for e, o in self._out(entity) if e.type_name == CATEGORY_ANCHOR]
        return {**out, **({"terms": terms} if terms else {}), **({"categories": categories} if categories else {})}

    def category(self, entity: Entity) -> Json:
        """A category with its glossary, parent, children and terms."""
        out = {**_texts(entity), **self._anchor(entity, CATEGORY_ANCHOR)}
        for edge in self.state.edges(entity.guid):
            other = self.state.entities[edge.end2 if edge.end1 == entity.guid else edge.end1]
            if edge.type_name == HIERARCHY and edge.end2 == entity.guid:
                out["parentCategory"] = _short("categoryGuid", edge, other)
            elif edge.type_name == HIERARCHY:
                out.setdefault("childrenCategories", []).append(_short("categoryGuid", edge, other))
            elif edge.type_name == CATEGORIZATION:
                out.setdefault("terms", []).append(_short("termGuid", edge, other))
        return out

    def term(self, entity: Entity) -> Json:
        """A term with its glossary, categories and assigned entities."""
        out = {**_texts(entity), **self._anchor(entity, TERM_ANCHOR)}
        assigned = self._assigned(entity)
        if assigned:
            out["assignedEntities"] = assigned
        categories = [
            _short("categoryGuid", edge, self.state.entities[edge.end1])
            for edge in self.state.edges(entity.guid)
            if edge.type_name == CATEGORIZATION
        ]
        return {**out, **({"categories": categories} if categories else {})}

    # --- parts ---

    def _add(self, type_name: str, qualified_name: str, given: Json, user: str) -> Entity:
        if self.state.find(type_name, {"qualifiedName": qualified_name}):
            raise errors.AtlasError(
                409,
                f"ATLAS-409-00-{_CODES[type_name]}",
                f"{_WORDS[type_name]} with qualifiedName {qualified_name} already exists",
            )
        texts = {k: given[k] for k in _TEXTS if given.get(k) is not None}
        return self.state.add(type_name, {"qualifiedName": qualified_name, "name": _name(given), **texts}, user)

    def _of(self, guid: Any, type_name: str | None = None) -> Entity:
        entity = self.state.entities.get(str(guid))
        if entity is None or entity.type_name not in ([type_name] if type_name else _WORDS):
            raise errors.guid_missing(str(guid))
        return entity

    def _out(self, entity: Entity) -> list[tuple[Relationship, Entity]]:
        return [(e, self.state.entities[e.end2]) for e in self.state.edges(entity.guid) if e.end1 == entity.guid]

    def _assignments(self, term: Entity) -> list[Relationship]:
        return [e for e, _ in self._out(term) if e.type_name == ASSIGNMENT and e.status == "ACTIVE"]

    def _assigned(self, term: Entity) -> list[Json]:
        out = []
        for edge in self._assignments(term):
            other = self.state.entities[edge.end2]
            out.append(
                {
                    "guid": other.guid,
                    "typeName": other.type_name,
                    "entityStatus": other.status,
                    "displayText": display_text(other),
                    "relationshipType": ASSIGNMENT,
                    "relationshipGuid": edge.guid,
                    "relationshipStatus": edge.status,
                    "relationshipAttributes": {"typeName": ASSIGNMENT, "attributes": edge.attributes},
                }
            )
        return out

    def _anchor(self, entity: Entity, relationship: str) -> Json:
        for edge in self.state.edges(entity.guid):
            if edge.type_name == relationship:
                return {"anchor": {"glossaryGuid": edge.end1, "relationGuid": edge.guid}}
        return {}


def _name(given: Json) -> str:
    name = given.get("name")
    if not name or any(c in name for c in "@."):
        raise errors.bad_request(
            "Attributes qualifiedName and name are missing. Failed to derive a unique name for Glossary"
            if not name
            else "name cannot contain following special chars ('@', '.')"
        )
    return str(name)


def _texts(entity: Entity) -> Json:
    shown = {
        k: entity.attributes[k] for k in ("qualifiedName", "name", *_TEXTS) if entity.attributes.get(k) is not None
    }
    return {"guid": entity.guid, **shown}


def _short(key: str, edge: Relationship, other: Entity) -> Json:
    return {key: other.guid, "relationGuid": edge.guid, "displayText": display_text(other)}
