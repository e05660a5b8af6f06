"""Purview's search: filters, order, pages by continuation token, facets, suggestions; trimmed to what one may read."""

import base64
import json
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from sandbox.atlas.state import Entity
from sandbox.atlas.views import Views, display_text
from sandbox.purview.index import Index, Invalid, contacts, object_type
from sandbox.purview.model import SEARCHED

Json = dict[str, Any]

DEFAULT_LIMIT, MOST = 50, 1000
_SORTABLE = {"name", "updateTime", "createTime", "score"}


class Discovery:
    """Answers queries over the entities given; the engine's lock is held by the caller."""

    def __init__(self, views: Views, entities: Iterable[Entity]) -> None:
        self.index = Index(views)
        self.entities = [e for e in entities if e.status == "ACTIVE" and object_type(e)]

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
        shown = [self._shown(e, 1.0) for e in self._found(body)[:limit]]
        return {"value": [{"@search.text": one["name"], **one} for one in shown]}

    def complete(self, body: Json) -> Json:
        """POST /search/autocomplete."""
        limit = body.get("limit") or 50
        text = str(body.get("keywords") or "").lower()
        if not text:
            raise Invalid("Keywords are required")
        names = [n for e in self._found(body) if (n := display_text(e)).lower().startswith(text)]
        return {"value": [{"text": n, "queryPlusText": n} for n in dict.fromkeys(names)][:limit]}

    def _found(self, body: Json) -> list[Entity]:
        keywords, holds = str(body.get("keywords") or "").lower().strip("*"), self.index.filter(body.get("filter"))
        hits = [e for e in self.entities if (not keywords or _says(e, keywords)) and holds(e)]
        for order in reversed(body.get("orderby") or []):
            for name, direction in dict(order).items():
                if name not in _SORTABLE:
                    raise Invalid(f"Sorting by {name} is not supported")
                hits.sort(key=_key(name), reverse=str(direction).lower() == "desc")
        return hits

    # --- what is shown ---

    def _shown(self, entity: Entity, score: float) -> Json:
        attributes = entity.attributes
        out: Json = {
            "@search.score": score,
            "id": entity.guid,
            "name": display_text(entity),
            "qualifiedName": attributes.get("qualifiedName"),
            "objectType": object_type(entity),
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
            "classification": sorted(self.index.classifications(entity)),
            "label": list(entity.labels),
            "term": self.index.terms(entity),
            "contact": contacts(entity),
        }

    def _facets(self, hits: Sequence[Entity], wanted: Sequence[Json]) -> Json:
        out: Json = {}
        for one in wanted:
            values: Callable[[Entity], Iterable[str]] | None = {
                "assetType": lambda e: [SEARCHED[e.type_name][1]] if e.type_name in SEARCHED else [],
                "classification": self.index.classifications,
                "contactId": lambda e: [c["id"] for c in contacts(e)],
                "label": lambda e: e.labels,
                "term": lambda e: [t["name"] for t in self.index.terms(e)],
                "objectType": lambda e: [object_type(e)],
                "entityType": lambda e: [e.type_name],
                "contactType": lambda e: [c["contactType"] for c in contacts(e)],
                "glossaryType": lambda e: [e.type_name] if e.type_name not in SEARCHED else [],
                "termStatus": lambda e: ["Approved"] if e.type_name not in SEARCHED else [],
                "termTemplate": lambda e: [],
            }.get(str(one.get("facet")))
            if values is None:
                raise Invalid(f"The facet {one.get('facet')} is not supported")
            counts = Counter(value for e in hits for value in values(e))
            top = counts.most_common(one.get("count") or None)
            out[str(one["facet"])] = [{"count": n, "value": v} for v, n in top]
        return out


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
