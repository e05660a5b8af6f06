"""The Data Map where it differs from Atlas: contacts, collections, ETags, rights, search, relationships."""

import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from sandbox.atlas import errors
from sandbox.atlas.engine import Engine
from sandbox.atlas.routes import Calls, Query
from sandbox.atlas.state import Entity, Relationship
from sandbox.purview.collections import ACCOUNT, Collections
from sandbox.purview.discovery import Discovery
from sandbox.purview.index import Invalid

Json = Any

CONTACTS = ("Owner", "Expert")
MOST_CONTACTS = 20
MANY_TERMS = 1000
"""Terms from which listing glossaries with all their terms takes longer than the service waits."""


class DataMapCalls(Calls):
    """The Data Map of one account.

    Attributes:
        lag: seconds until a new asset is found by a search; reading it by guid works at once.
    """

    def __init__(self, engine: Engine, collections: Collections, lost: Callable[[str], bool]) -> None:
        super().__init__(engine)
        self.collections, self.lost = collections, lost
        self.lag = 0.0

    # --- entities ---

    def upsert(self, q: Query) -> Json:
        """POST /entity and /entity/bulk, with contacts, business attributes and the collection to put them in."""
        body, collection = q.body, q.params.get("collectionId")
        if collection is not None and not self.collections.known(collection):
            raise errors.AtlasError(404, "ATLAS-404-00-00B", f"Collection {collection} is not found")
        given = [*(body.get("entities") or [body.get("entity")]), *(body.get("referredEntities") or {}).values()]
        for one in given:
            _check_contacts(one or {})
        with self.engine.lock:
            out = self.engine.upsert(body, q.caller.name)
            for one in given:
                entity = self._stored(one, out.get("guidAssignments") or {})
                self._keep(entity, one, collection)
                if one.get("businessAttributes"):
                    self.engine.set_business(entity.guid, one["businessAttributes"], overwrite=False)
        return out

    def _stored(self, given: Json, assigned: dict[str, str]) -> Entity:
        state, guid = self.engine.state, str(given.get("guid") or "")
        guid = assigned.get(guid, guid)
        if guid in state.entities:
            return state.entities[guid]
        found = state.find(given["typeName"], {"qualifiedName": (given.get("attributes") or {}).get("qualifiedName")})
        if found is None:
            raise errors.guid_missing(guid)
        return found

    def _keep(self, entity: Entity, given: Json, collection: str | None) -> None:
        extra = dict(entity.extra)
        extra["collectionId"] = collection or extra.get("collectionId") or ACCOUNT
        if given.get("contacts") is not None:
            extra["contacts"] = given["contacts"]
        entity.extra = extra

    def entities(self, q: Query) -> Json:
        """GET /entity/bulk."""
        self._check_readable(q, q.params.getlist("guid"))
        return self._marked(super().entities(q))

    def entities_unique(self, q: Query) -> Json:
        """GET /entity/bulk/uniqueAttribute/type/{type}?attr_0:qualifiedName=…."""
        wanted = [(k.partition(":")[2], v) for k, v in q.params.multi_items() if k.startswith("attr_")]
        guids = [self.engine.guid(q.path["type"], {name: value}) for name, value in wanted]
        self._check_readable(q, guids)
        return self._marked(self.engine.entities(guids, **self._extent(q)))

    def entity(self, q: Query) -> Json:
        """GET /entity/guid/{guid}."""
        self._check_readable(q, [q.path["guid"]])
        return self._marked(super().entity(q))

    def entity_unique(self, q: Query) -> Json:
        """GET /entity/uniqueAttribute/type/{type}."""
        out = super().entity_unique(q)
        self._check_readable(q, [out["entity"]["guid"]])
        return self._marked(out)

    def header(self, q: Query) -> Json:
        """GET /entity/guid/{guid}/header."""
        self._check_readable(q, [q.path["guid"]])
        return self._mark(super().header(q))

    def _check_readable(self, q: Query, guids: Iterable[str]) -> None:
        with self.engine.lock:
            for guid in guids:
                entity = self.engine.state.entities.get(guid)
                if entity is not None and not self._readable(q.caller.name, entity):
                    raise errors.forbidden(q.caller.name, f"read entity: guid={guid}")

    def _readable(self, client: str, entity: Entity) -> bool:
        collection = entity.extra.get("collectionId")
        return collection is None or self.collections.may_read(client, collection)

    def _marked(self, out: Json) -> Json:
        """With an ETag on every entity, and without what Purview does not tell of classifications."""
        for entity in [*out.get("entities", ()), *filter(None, [out.get("entity")]), *out["referredEntities"].values()]:
            self._mark(entity)
        return out

    def _mark(self, entity: Json) -> Json:
        entity["lastModifiedTS"] = str(len(self.engine.state.audits.get(entity["guid"], ())) or 1)
        for one in entity.get("classifications", ()):
            one.pop("propagate", None)
        return entity

    def move(self, q: Query) -> Json:
        """POST /entity/moveTo?collectionId=…: assets with what belongs to them."""
        collection = q.params["collectionId"]
        if not self.collections.known(collection):
            raise errors.AtlasError(404, "ATLAS-404-00-00B", f"Collection {collection} is not found")
        moved = []
        with self.engine.lock:
            state = self.engine.state
            for guid in q.body["entityGuids"]:
                if guid not in state.entities:
                    raise errors.guid_missing(guid)
                for part in self._with_parts(state.entities[guid]):
                    part.extra = {**part.extra, "collectionId": collection}
                self._touch(state.entities[guid], q.caller.name)
                moved.append(self.engine.views.header(state.entities[guid]))
        return {"mutatedEntities": {"UPDATE": moved}, "guidAssignments": {}}

    def _with_parts(self, entity: Entity, seen: set[str] | None = None) -> Iterator[Entity]:
        """The entity, its columns and its schemas."""
        seen = seen if seen is not None else set()
        seen.add(entity.guid)
        yield entity
        for end in self.engine.state.types.all_ends(entity.type_name):
            if end.owner or end.name in ("tabular_schema", "attachedSchema"):
                for _, part in self.engine.state.at(entity, end):
                    if part.guid not in seen:
                        yield from self._with_parts(part, seen)

    def _touch(self, entity: Entity, user: str) -> None:
        entity.updated, entity.updated_by = self.engine.state.now(), user
        self.engine.state.audit(entity, "ENTITY_UPDATE", user, str(entity.attributes.get("qualifiedName", "")))

    # --- classifications ---

    def classification(self, q: Query) -> Json:
        """GET /entity/guid/{guid}/classification/{name}."""
        for one in self.engine.classifications(q.path["guid"]):
            if one["typeName"] == q.path["name"]:
                return one
        text = f"Given classification {q.path['name']} was invalid"
        raise errors.AtlasError(404, "ATLAS-404-00-008", text)

    def set_classifications(self, q: Query) -> Json:
        """POST /entity/bulk/setClassifications: exactly these on each entity."""
        said = []
        for guid, header in q.body["guidHeaderMap"].items():
            wanted = {one["typeName"]: one for one in header.get("classifications") or ()}
            there = {one["typeName"] for one in self.engine.classifications(guid)}
            for name in sorted(there - set(wanted)):
                self.engine.declassify(guid, name, q.caller.name)
                said.append(f"Delete:{guid}:{header.get('typeName')}:qualifiedName -> {name}:(Done)")
            for name, one in wanted.items():
                change = self.engine.reclassify if name in there else self.engine.classify
                change(guid, [one], q.caller.name)
                word = "Update" if name in there else "Add"
                said.append(f"{word}:{guid}:{header.get('typeName')}:qualifiedName -> {name}:(Done)")
        return said

    # --- search ---

    def query(self, q: Query) -> Json:
        """POST /search/query."""
        return self._asked(q, Discovery.query)

    def suggest(self, q: Query) -> Json:
        """POST /search/suggest."""
        return self._asked(q, Discovery.suggest)

    def complete(self, q: Query) -> Json:
        """POST /search/autocomplete."""
        return self._asked(q, Discovery.complete)

    def _asked(self, q: Query, how: Callable[[Discovery, dict[str, Any]], Json]) -> Json:
        body = q.body
        try:
            with self.engine.lock:
                return how(Discovery(self.engine.views, self._indexed(q.caller.name)), body)
        except Invalid as error:
            raise errors.AtlasError(400, "DISCOVERY-400-001", str(error)) from error

    def _indexed(self, client: str) -> Iterator[Entity]:
        newest = int((time.time() - self.lag) * 1000)
        for entity in self.engine.state.entities.values():
            lost = self.lost(str(entity.extra.get("collectionId", "")))
            if not lost and (not self.lag or entity.created <= newest) and self._readable(client, entity):
                yield entity

    # --- lineage ---

    def lineage(self, q: Query) -> Json:
        """GET /lineage/{guid} and /lineage/{guid}/next; the direction must be given."""
        if "direction" not in q.params:
            raise errors.AtlasError(400, "ATLAS-400-00-01A", "The direction is required")
        depth = int(q.params.get("depth", "3"))
        out = self.engine.lineage(q.path["guid"], q.params["direction"], depth)
        return {**out, "lineageWidth": len(out["guidEntityMap"]), "childrenCount": len(out["relations"])}

    # --- relationships ---

    def relate(self, q: Query) -> Json:
        """POST /relationship."""
        given, state = q.body, self.engine.state
        with self.engine.lock:
            self.engine.types.shown(given["typeName"], "RELATIONSHIP")
            ends = [self._end(given[name]) for name in ("end1", "end2")]
            if any(e.type_name == given["typeName"] and e.end2 == ends[1].guid for e in state.edges(ends[0].guid)):
                text = f"relationship {given['typeName']} already exists between entities"
                raise errors.AtlasError(409, "ATLAS-409-00-003", text)
            edge = state.connect(given["typeName"], ends[0].guid, ends[1].guid, given.get("attributes"))
            for entity in ends:
                self._touch(entity, q.caller.name)
            return self._shown(edge)

    def relationship(self, q: Query) -> Json:
        """GET /relationship/guid/{guid}."""
        with self.engine.lock:
            return {"relationship": self._shown(self._edge(q)), "referredEntities": {}}

    def unrelate(self, q: Query) -> None:
        """DELETE /relationship/guid/{guid}."""
        with self.engine.lock:
            self.engine.state.remove(self._edge(q))

    def _edge(self, q: Query) -> Relationship:
        edge = self.engine.state.relationships.get(q.path["guid"])
        if edge is None:
            text = f"Given relationship guid {q.path['guid']} is invalid/not found"
            raise errors.AtlasError(404, "ATLAS-404-00-00C", text)
        return edge

    def _end(self, given: Json) -> Entity:
        guid = given.get("guid")
        if guid is None:
            guid = self.engine.guid(given["typeName"], given.get("uniqueAttributes") or {})
        if guid not in self.engine.state.entities:
            raise errors.referenced_missing(guid)
        return self.engine.state.entities[guid]

    def _shown(self, edge: Relationship) -> Json:
        ends = [self.engine.state.entities[guid] for guid in (edge.end1, edge.end2)]
        return {
            "typeName": edge.type_name,
            "guid": edge.guid,
            "end1": {"guid": edge.end1, "typeName": ends[0].type_name},
            "end2": {"guid": edge.end2, "typeName": ends[1].type_name},
            "label": f"r:{edge.type_name}",
            "status": edge.status,
            "attributes": edge.attributes,
            "createTime": edge.created,
            "updateTime": edge.created,
            "lastModifiedTS": "1",
        }

    # --- glossary ---

    def glossaries(self, q: Query) -> Json:
        """GET /glossary; with very many terms only without them."""
        bare = q.flag("ignoreTermsAndCategories")
        with self.engine.lock:
            found = self.engine.glossary.glossaries()
        if not bare and sum(len(g.get("terms", ())) for g in found) > MANY_TERMS:
            text = "The request timed out; set ignoreTermsAndCategories to true"
            raise errors.AtlasError(408, "ATLAS-408-00-001", text)
        first, limit = int(q.params.get("offset", "0")), int(q.params.get("limit", "-1"))
        shown = [{k: v for k, v in g.items() if not bare or k not in ("terms", "categories")} for g in found]
        return shown[first:] if limit < 0 else shown[first : first + limit]


def _check_contacts(entity: Json) -> None:
    contacts = entity.get("contacts") or {}
    for kind, some in contacts.items():
        if kind not in CONTACTS:
            raise errors.invalid_parameters(f"contact type {kind} is not supported")
        if len(some) > MOST_CONTACTS:
            raise errors.invalid_parameters(f"at most {MOST_CONTACTS} contacts of type {kind}, not {len(some)}")
