"""Basic search: by type, classification, term or text, with filters, sorting and Atlas' limits."""

import fnmatch
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from sandbox.atlas import errors
from sandbox.atlas.state import Entity, Json, State
from sandbox.atlas.views import SYSTEM_ATTRIBUTES, Views

DEFAULT_LIMIT = 100
EVERYTHING = "_ALL_ENTITY_TYPES"


class Search:
    """Answers POST /search/basic.

    Args:
        state: what is searched.
        views: how hits are shown.
        cap: how many hits one query can reach, however it is paged (`atlas.search.maxlimit`).
    """

    def __init__(self, state: State, views: Views, cap: int) -> None:
        self.state, self.views, self.cap = state, views, cap

    def basic(self, given: Json, hidden: Callable[[Entity], bool]) -> Json:
        """One page of hits.

        Args:
            given: the search parameters as they were posted.
            hidden: which entities the index must not know.

        Raises:
            AtlasError: no criterion, an unknown type or attribute, or limits out of bounds.
        """
        parameters = self._parameters(given)
        hits = [e for e in self._matching(parameters) if not hidden(e)]
        self._sort(hits, parameters)
        first, limit = parameters["offset"], parameters["limit"]
        page = hits[: self.cap][first : first + limit]
        out: Json = {"queryType": "BASIC", "searchParameters": parameters, "approximateCount": len(hits)}
        if page:
            attributes = parameters.get("attributes") or ()
            out["entities"] = [_trimmed(self.views.header(e, attributes), parameters) for e in page]
        return out

    def _parameters(self, given: Json) -> Json:
        parameters = {
            "excludeDeletedEntities": False,
            "includeClassificationAttributes": False,
            "includeSubTypes": True,
            "includeSubClassifications": True,
            **{k: v for k, v in given.items() if v is not None},
        }
        limit, offset = int(given.get("limit") or 0), int(given.get("offset") or 0)
        if limit < 0 or offset < 0:
            raise errors.bad_request("Limit/offset should be non-negative")
        if not any(given.get(k) for k in ("typeName", "classification", "termName", "query")):
            raise errors.AtlasError(
                400,
                "ATLAS-400-00-047",
                "No search parameter was found. One of the following MUST be specified in the request; typeName, "
                "classification, termName or queryText",
            )
        # a limit above the cap is not refused: the server falls back on its default without a word
        parameters["limit"] = limit if 0 < limit <= self.cap else min(DEFAULT_LIMIT, self.cap)
        parameters["offset"] = offset
        return parameters

    def _matching(self, parameters: Json) -> Iterator[Entity]:
        entities: Iterable[Entity] = self._of_type(parameters)
        classification, term = parameters.get("classification"), parameters.get("termName")
        wanted = self._classifications(classification, parameters) if classification else frozenset()
        attribute_type = parameters.get("typeName") or EVERYTHING
        criterion = parameters.get("entityFilters")
        if criterion:
            self._check(criterion, attribute_type)
        for entity in entities:
            if parameters["excludeDeletedEntities"] and entity.status == "DELETED":
                continue
            if classification and not wanted & {c["typeName"] for c in self.views.classifications(entity)}:
                continue
            if term and term not in self._terms(entity):
                continue
            if parameters.get("query") and not _says(entity, str(parameters["query"])):
                continue
            if not criterion or self._holds(criterion, entity):
                yield entity

    def _of_type(self, parameters: Json) -> Iterator[Entity]:
        name = parameters.get("typeName")
        if not name or name == EVERYTHING:
            internal = self.state.types.subtypes("__internal")
            yield from (e for e in self.state.entities.values() if e.type_name not in internal)
            return
        if self.state.types.get(name, "ENTITY") is None:
            raise errors.search_type_unknown(name)
        types = self.state.types.subtypes(name) if parameters["includeSubTypes"] else frozenset((name,))
        yield from (e for e in self.state.entities.values() if e.type_name in types)

    def _classifications(self, name: str, parameters: Json) -> frozenset[str]:
        if self.state.types.get(name, "CLASSIFICATION") is None:
            raise errors.AtlasError(400, "ATLAS-400-00-046", f"{name}: Unknown/invalid classification")
        return self.state.types.subtypes(name) if parameters["includeSubClassifications"] else frozenset((name,))

    def _terms(self, entity: Entity) -> set[str]:
        terms = (self.state.entities[m["termGuid"]] for m in self.views.meanings(entity))
        return {str(t.attributes.get("qualifiedName")) for t in terms}

    # --- filters and order ---

    def _check(self, criterion: Json, type_name: str) -> None:
        for inner in criterion.get("criterion") or ():
            self._check(inner, type_name)
        if criterion.get("attributeName"):
            self._check_attribute(str(criterion["attributeName"]), type_name)

    def _check_attribute(self, name: str, type_name: str) -> None:
        if name in SYSTEM_ATTRIBUTES or name in self.state.types.attributes(type_name):
            return
        raise errors.attribute_unknown(type_name, name)

    def _holds(self, criterion: Json, entity: Entity) -> bool:
        parts = criterion.get("criterion")
        if parts:
            some = any if criterion.get("condition") == "OR" else all
            return some(self._holds(part, entity) for part in parts)
        value = self.views.value(entity, criterion["attributeName"])
        return compare(str(criterion.get("operator", "eq")), value, criterion.get("attributeValue"))

    def _sort(self, hits: list[Entity], parameters: Json) -> None:
        name = parameters.get("sortBy")
        if not name:
            return
        self._check_attribute(name, str(parameters.get("typeName") or EVERYTHING))
        known = [e for e in hits if self.views.value(e, name) is not None]
        unknown = [e for e in hits if self.views.value(e, name) is None]
        known.sort(key=lambda e: self.views.value(e, name), reverse=parameters.get("sortOrder") == "DESCENDING")
        hits[:] = known + unknown


def compare(operator: str, value: Any, wanted: Any) -> bool:
    """Whether an attribute's value stands in this relation to the filter's text.

    Raises:
        AtlasError: there is no such operator.
    """
    operator = operator.lower()
    if operator in ("isnull", "is_null"):
        return value is None
    if operator in ("notnull", "not_null"):
        return value is not None
    if isinstance(value, bool):
        value = str(value).lower()
    left: Any = value
    right: Any = wanted
    if isinstance(value, int | float):
        right = type(value)(wanted)
    elif value is not None:
        left, right = str(value), str(wanted)
    if operator in ("neq", "!="):
        return bool(left != right)
    if left is None:
        return False
    match operator:
        case "eq" | "=":
            return bool(left == right)
        case "lt" | "<":
            return bool(left < right)
        case "lte" | "<=":
            return bool(left <= right)
        case "gt" | ">":
            return bool(left > right)
        case "gte" | ">=":
            return bool(left >= right)
        case "startswith" | "begins_with":
            return str(left).startswith(str(right))
        case "endswith" | "ends_with":
            return str(left).endswith(str(right))
        case "contains" | "like":
            return str(right) in str(left)
    raise errors.bad_request(f"{operator}: unknown search operator")


def _says(entity: Entity, query: str) -> bool:
    """Whether a word of the entity's texts matches the query."""
    pattern = query.lower().strip()
    texts = [v.lower() for v in entity.attributes.values() if isinstance(v, str)]
    return any(fnmatch.fnmatchcase(t, pattern) or pattern.strip("*") in t for t in texts)


def _trimmed(header: Json, parameters: Json) -> Json:
    if not parameters["includeClassificationAttributes"]:
        header.pop("classifications")
    return header
