"""Purview's search: filters, order, pages by continuation token, facets, suggestions; trimmed to what one may read."""

import base64
import json
import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from sandbox.atlas.state import Entity
from sandbox.atlas.views import ASSIGNMENT, Views, display_text
from sandbox.purview.model import SEARCHED

Json = dict[str, Any]
Check = Callable[[Entity], bool]

DEFAULT_LIMIT, MOST = 50, 1000
_RANGES = {"LAST_24H": 1, "LAST_7D": 7, "LAST_30D": 30, "LAST_365D": 365}
_DAY = 86_400_000
_SORTABLE = {"name", "updateTime", "createTime", "score"}


class Invalid(ValueError):
    """The query cannot be answered; the text says why."""


class Discovery:
    """Answers queries over the entities given; the engine's lock is held by the caller."""

    def __init__(self, views: Views, entities: Iterable[Entity]) -> None:
        self.views = views
        self.entities = [e for e in entities if e.status == "ACTIVE" and _object_type(e)]

    def query(self, body: Json) -> Json:
        """POST /search/query.

        Raises:
            Invalid: a limit, token, filter, order or facet is not right.
        """
        limit = body.get("limit")
        limit = DEFAULT_LIMIT if limit is None else limit
        if not isinstance(limit, int) or not 1 <= limit <= MOST:
            raise Invalid(f"The limit must be between 1 and {MOST}")
        hits = self._found(body)
        first = _offset(body)
        out: Json = {"@search.count": len(hits), "@search.count.approximate": False}
        if first + limit < len(hits):
            out["continuationToken"] = _token(body, first + limit)
        if body.get("facets"):
            out["@search.facets"] = self._facets(hits, body["facets"])
        out["value"] = [self._shown(e, 1.0) for e in hits[first : first + limit]]
        return out

    def suggest(self, body: Json) -> Json:
        """POST /search/suggest and /search/autocomplete both start from these."""
        limit = body.get("limit") or 5
        if not body.get("keywords"):
            raise Invalid("Keywords are required")
        return {"value": [self._shown(e, 1.0) for e in self._found(body)[:limit]]}

    def complete(self, body: Json) -> Json:
        """POST /search/autocomplete."""
        limit = body.get("limit") or 50
        text = str(body.get("keywords") or "").lower()
        if not text:
            raise Invalid("Keywords are required")
        names = [n for e in self._found(body) if (n := display_text(e)).lower().startswith(text)]
        return {"value": [{"text": n, "queryPlusText": n} for n in dict.fromkeys(names)][:limit]}

    def _found(self, body: Json) -> list[Entity]:
        keywords, holds = str(body.get("keywords") or "").lower().strip("*"), self._filter(body.get("filter"))
        hits = [e for e in self.entities if (not keywords or _says(e, keywords)) and holds(e)]
        for order in reversed(body.get("orderby") or []):
            for name, direction in dict(order).items():
                if name not in _SORTABLE:
                    raise Invalid(f"Sorting by {name} is not supported")
                hits.sort(key=_key(name), reverse=str(direction).lower() == "desc")
        return hits

    # --- filters ---

    def _filter(self, given: Any) -> Check:
        if not given:
            return lambda entity: True
        if not isinstance(given, dict):
            raise Invalid("The filter must be an object")
        if "and" in given:
            parts = [self._filter(part) for part in given["and"]]
            return lambda entity: all(part(entity) for part in parts)
        if "or" in given:
            parts = [self._filter(part) for part in given["or"]]
            return lambda entity: any(part(entity) for part in parts)
        if "not" in given:
            inner = self._filter(given["not"])
            return lambda entity: not inner(entity)
        if "attributeName" in given:
            return self._attribute(given)
        if "entityType" in given and "includeSubTypes" in given:
            return self._subtypes(given)
        checks = [
            self._plain(name, value) for name, value in given.items() if name not in ("glossary", "classification")
        ]
        if "classification" in given:
            checks.append(self._classified(given["classification"]))
        return lambda entity: all(check(entity) for check in checks)

    def _plain(self, name: str, value: Any) -> Check:
        match name:
            case "collectionId":
                return lambda entity: entity.extra.get("collectionId") == value
            case "objectType":
                return lambda entity: _object_type(entity) == value
            case "assetType":
                return lambda entity: SEARCHED.get(entity.type_name, ("", ""))[1] == value
            case "entityType":
                return lambda entity: entity.type_name == value
            case "id":
                return lambda entity: entity.guid == value
            case "label":
                return lambda entity: value in entity.labels
            case "term":
                return lambda entity: any(t["name"] == value for t in self._terms(entity))
            case "termGuid":
                return lambda entity: any(t["guid"] == value for t in self._terms(entity))
            case "createTime" | "updateTime":
                return _timed(name, value)
            case "contactId":
                return lambda entity: any(c["id"] == value for c in _contacts(entity))
            case "glossaryType":
                return lambda entity: entity.type_name == value
            case "fileExtension":
                return lambda entity: str(entity.attributes.get("qualifiedName", "")).endswith(f".{value}")
        raise Invalid(f"The filter {name} is not supported")

    def _classified(self, value: Any) -> Check:
        return lambda entity: value in self._classifications(entity)

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

    # --- what is shown ---

    def _shown(self, entity: Entity, score: float) -> Json:
        attributes = entity.attributes
        out: Json = {
            "@search.score": score,
            "id": entity.guid,
            "name": display_text(entity),
            "qualifiedName": attributes.get("qualifiedName"),
            "objectType": _object_type(entity),
            "createTime": entity.created,
            "updateTime": entity.updated,
        }
        if entity.type_name == "AtlasGlossaryTerm":
            return {
                **out,
                "glossaryType": entity.type_name,
                "glossary": str(attributes.get("qualifiedName")).rpartition("@")[2],
                "termStatus": "Approved",
                "longDescription": attributes.get("longDescription") or "",
            }
        return {
            **out,
            "collectionId": entity.extra.get("collectionId"),
            "entityType": entity.type_name,
            "assetType": [SEARCHED[entity.type_name][1]],
            "description": attributes.get("userDescription") or attributes.get("description"),
            "owner": attributes.get("owner"),
            "classification": sorted(self._classifications(entity)),
            "label": list(entity.labels),
            "term": self._terms(entity),
            "contact": _contacts(entity),
        }

    def _classifications(self, entity: Entity) -> set[str]:
        """The asset's own and those of its columns: what the index knows of an asset."""
        found = {c["typeName"] for c in self.views.classifications(entity)}
        for end in self.views.state.types.all_ends(entity.type_name):
            if end.owner:
                for _, part in self.views.state.at(entity, end):
                    found |= {c["typeName"] for c in self.views.classifications(part)}
        return found

    def _terms(self, entity: Entity) -> list[Json]:
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

    def _facets(self, hits: Sequence[Entity], wanted: Sequence[Json]) -> Json:
        out: Json = {}
        for one in wanted:
            values: Callable[[Entity], Iterable[str]] | None = {
                "assetType": lambda e: [SEARCHED[e.type_name][1]] if e.type_name in SEARCHED else [],
                "classification": self._classifications,
                "contactId": lambda e: [c["id"] for c in _contacts(e)],
                "label": lambda e: e.labels,
                "term": lambda e: [t["name"] for t in self._terms(e)],
                "objectType": lambda e: [_object_type(e)],
            }.get(str(one.get("facet")))
            if values is None:
                raise Invalid(f"The facet {one.get('facet')} is not supported")
            counts = Counter(value for e in hits for value in values(e))
            top = counts.most_common(one.get("count") or None)
            out[str(one["facet"])] = [{"count": n, "value": v} for v, n in top]
        return out


def _object_type(entity: Entity) -> str:
    if entity.type_name == "AtlasGlossaryTerm":
        return "Glossary terms"
    return SEARCHED.get(entity.type_name, ("", ""))[0]


def _contacts(entity: Entity) -> list[Json]:
    return [
        {"id": one["id"], "info": one.get("info") or "", "contactType": kind}
        for kind, some in (entity.extra.get("contacts") or {}).items()
        for one in some
    ]


def _says(entity: Entity, keywords: str) -> bool:
    texts = [str(v).lower() for v in entity.attributes.values() if isinstance(v, str)]
    return any(keywords in text for text in texts)


def _key(name: str) -> Callable[[Entity], Any]:
    keys: dict[str, Callable[[Entity], Any]] = {
        "name": lambda e: display_text(e).lower(),
        "updateTime": lambda e: e.updated,
        "createTime": lambda e: e.created,
        "score": lambda e: 1.0,
    }
    return keys[name]


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


def _token(body: Json, first: int) -> str:
    return base64.urlsafe_b64encode(json.dumps({"at": first, "of": _digest(body)}).encode()).decode()


def _offset(body: Json) -> int:
    """Where the page starts; a token belongs to its query."""
    token = body.get("continuationToken")
    if token is None:
        return 0
    try:
        known = json.loads(base64.urlsafe_b64decode(str(token)))
        if known["of"] == _digest(body):
            return int(known["at"])
    except (ValueError, KeyError, TypeError) as error:
        raise Invalid("The continuation token is not valid") from error
    raise Invalid("The continuation token belongs to another query")


def _digest(body: Json) -> str:
    kept = {k: body.get(k) for k in ("keywords", "filter", "orderby")}
    return json.dumps(kept, sort_keys=True)
