"""The filters of Purview's search, and what its index knows of an asset."""

import time
from collections.abc import Callable
from typing import Any

from sandbox.atlas.state import Entity
from sandbox.atlas.views import ASSIGNMENT, Views, display_text
from sandbox.purview.model import SEARCHED

Json = dict[str, Any]
Check = Callable[[Entity], bool]

_RANGES = {"LAST_24H": 1, "LAST_7D": 7, "LAST_30D": 30, "LAST_365D": 365}
_DAY = 86_400_000
_WITH_OTHERS = ("glossary", "classification", "includeSubClassifications")


class Invalid(ValueError):
    """The query cannot be answered; the text says why."""


class Index:
    """What is asked of single entities. The engine's lock is held by the caller."""

    def __init__(self, views: Views) -> None:
        self.views = views

    def filter(self, given: Any) -> Check:
        """Whether an entity fits a filter.

        Raises:
            Invalid: the filter is not right.
        """
        if not given:
            return lambda entity: True
        if not isinstance(given, dict):
            raise Invalid("The filter must be an object")
        if "and" in given:
            parts = [self.filter(part) for part in given["and"]]
            return lambda entity: all(part(entity) for part in parts)
        if "or" in given:
            parts = [self.filter(part) for part in given["or"]]
            return lambda entity: any(part(entity) for part in parts)
        if "not" in given:
            inner = self.filter(given["not"])
            return lambda entity: not inner(entity)
        if "attributeName" in given:
            return self._attribute(given)
        if "entityType" in given and "includeSubTypes" in given:
            return self._subtypes(given)
        checks = [self._plain(name, value) for name, value in given.items() if name not in _WITH_OTHERS]
        if "classification" in given:
            checks.append(self._classified(given["classification"]))
        return lambda entity: all(check(entity) for check in checks)

    def _plain(self, name: str, value: Any) -> Check:
        match name:
            case "collectionId":
                return lambda entity: entity.extra.get("collectionId") == value
            case "objectType":
                return lambda entity: object_type(entity) == value
            case "assetType":
                return lambda entity: SEARCHED.get(entity.type_name, ("", ""))[1] == value
            case "entityType":
                return lambda entity: entity.type_name == value
            case "id":
                return lambda entity: entity.guid == value
            case "label":
                return lambda entity: value in entity.labels
            case "term":
                return lambda entity: any(t["name"] == value for t in self.terms(entity))
            case "termGuid":
                return lambda entity: any(t["guid"] == value for t in self.terms(entity))
            case "createTime" | "updateTime":
                return _timed(name, value)
            case "contactId":
                return lambda entity: any(c["id"] == value for c in contacts(entity))
            case "glossaryType":
                return lambda entity: entity.type_name == value
            case "fileExtension":
                return lambda entity: str(entity.attributes.get("qualifiedName", "")).endswith(f".{value}")
        raise Invalid(f"The filter {name} is not supported")

    def _classified(self, value: Any) -> Check:
        return lambda entity: value in self.classifications(entity)

    def _subtypes(self, given: Json) -> Check:
        types = self.views.state.types
        try:
            wanted = types.subtypes(given["entityType"]) if given["includeSubTypes"] else {given["entityType"]}
        except KeyError as error:
            raise Invalid(f"There is no type {given['entityType']}") from error
        return lambda entity: entity.type_name in wanted

    def _attribute(self, given: Json) -> Check:
        name, operator, wanted = given["attributeName"], given.get("operator", "eq"), given.get("attributeValue")
        if operator == "timerange":
            return _timed("updateTime" if name == "modifiedTime" else name, wanted)
        compare: dict[str, Callable[[Any], bool]] = {
            "eq": lambda v: v == wanted,
            "ne": lambda v: v != wanted,
            "contains": lambda v: str(wanted) in str(v),
            "prefix": lambda v: str(v).startswith(str(wanted)),
            "gt": lambda v: v > wanted,
            "ge": lambda v: v >= wanted,
            "lt": lambda v: v < wanted,
            "le": lambda v: v <= wanted,
        }
        if operator not in compare:
            raise Invalid(f"The operator {operator} is not supported")

        def check(entity: Entity) -> bool:
            value = {"createTime": entity.created, "modifiedTime": entity.updated}.get(
                name, entity.attributes.get(name)
            )
            for business in entity.business.values():
                value = business.get(name, value)
            same = isinstance(value, str) == isinstance(wanted, str)
            return value is not None and (same or operator in ("contains", "prefix")) and compare[operator](value)

        return check

    def classifications(self, entity: Entity) -> set[str]:
        """The asset's own and those of its columns: what the index knows of an asset."""
        found = {c["typeName"] for c in self.views.classifications(entity)}
        for end in self.views.state.types.all_ends(entity.type_name):
            if end.owner:
                for _, part in self.views.state.at(entity, end):
                    found |= {c["typeName"] for c in self.views.classifications(part)}
        return found

    def terms(self, entity: Entity) -> list[Json]:
        """The glossary terms assigned to an entity."""
        state = self.views.state
        terms = [
            state.entities[edge.end1]
            for edge in state.edges(entity.guid)
            if edge.type_name == ASSIGNMENT and edge.end2 == entity.guid and edge.status == "ACTIVE"
        ]
        return [
            {
                "name": display_text(t),
                "glossaryName": str(t.attributes.get("qualifiedName")).rpartition("@")[2],
                "guid": t.guid,
            }
            for t in terms
        ]


def object_type(entity: Entity) -> str:
    """What the index calls this kind of thing; empty where it is in no search."""
    if entity.type_name == "AtlasGlossaryTerm":
        return "Glossary terms"
    if entity.attributes.get("isFile") is False:
        return "Folders"
    return SEARCHED.get(entity.type_name, ("", ""))[0]


def contacts(entity: Entity) -> list[Json]:
    """An asset's contacts, each with its type."""
    return [
        {"id": one["id"], "info": one.get("info") or "", "contactType": kind}
        for kind, some in (entity.extra.get("contacts") or {}).items()
        for one in some
    ]


def _timed(name: str, value: Any) -> Check:
    def at(entity: Entity) -> int:
        return entity.created if name == "createTime" else entity.updated

    if isinstance(value, dict):
        threshold, operator = int(value["timeThreshold"]), value["operator"]
        return lambda e: {
            "lt": at(e) < threshold,
            "le": at(e) <= threshold,
            "gt": at(e) > threshold,
            "ge": at(e) >= threshold,
        }[operator]
    ranges = str(value).split("|")
    unknown = [r for r in ranges if r not in _RANGES and r != "MORE_THAN_365D"]
    if unknown:
        raise Invalid(f"The time range {unknown[0]} is not supported")
    now = int(time.time() * 1000)
    return lambda e: any(at(e) >= now - _RANGES[r] * _DAY if r in _RANGES else at(e) < now - 365 * _DAY for r in ranges)
