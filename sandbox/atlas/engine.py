"""The Atlas engine: one object per server, with a method per call of the v2 API. No HTTP in here.

Apache Atlas and Microsoft Purview's Data Map are two faces of it. Every method takes and gives the API's own JSON and
raises `AtlasError` with Atlas' status and code; every method is safe to call from several threads.

    engine = Engine()                      # the standard models are loaded
    engine.create_types({"entityDefs": [...]})
    engine.upsert({"entities": [...]})     # -> {"mutatedEntities": {...}, "guidAssignments": {...}}
    engine.search({"typeName": "hive_table", "limit": 25})
"""

import threading
from collections.abc import Callable, Iterable, Sequence

from sandbox.atlas import errors, tagging
from sandbox.atlas.glossary import Glossary
from sandbox.atlas.lineage import lineage
from sandbox.atlas.mutation import Changes, Mutation
from sandbox.atlas.searching import Search
from sandbox.atlas.standard import STANDARD
from sandbox.atlas.state import Entity, Json, State
from sandbox.atlas.typesystem import TypeSystem
from sandbox.atlas.views import Views

ADMIN = "admin"


class Engine:
    """State and rules of one server.

    Args:
        cap: how many hits one search can reach.
        models: the type definitions loaded at the start.
        strict_parts: refuse a new part that does not name its whole, as Apache Atlas does.

    Attributes:
        hidden: which entities searches leave out; a face sets it to lose things on request.
        lock: held by every method; a face that looks into `state` itself holds it too.
    """

    def __init__(self, *, cap: int = 10_000, models: Iterable[Json] = (STANDARD,), strict_parts: bool = False) -> None:
        self.strict_parts = strict_parts
        self.lock = threading.RLock()
        self.types = TypeSystem()
        for model in models:
            self.types.create(model, "root")
        self.state = State(self.types)
        self.views = Views(self.state)
        self.searching = Search(self.state, self.views, cap)
        self.hidden: Callable[[Entity], bool] = lambda entity: False
        self._glossary = Glossary(self.state, self.views)

    # --- types ---

    def create_types(self, typedefs: Json, user: str = ADMIN) -> Json:
        """POST /types/typedefs."""
        with self.lock:
            return self.types.create(typedefs, user)

    def update_types(self, typedefs: Json, user: str = ADMIN) -> Json:
        """PUT /types/typedefs."""
        with self.lock:
            return self.types.update(typedefs, user)

    def delete_type(self, name: str) -> None:
        """DELETE /types/typedef/name/{name}, refused while instances exist."""
        with self.lock:
            if any(e.type_name == name for e in self.state.entities.values()):
                raise errors.AtlasError(409, "ATLAS-409-00-002", f"Given type {name} has references")
            self.types.delete(name)

    def typedefs(self, category: str | None = None) -> Json:
        """GET /types/typedefs, all or those of one category (`ENTITY`, `CLASSIFICATION` …)."""
        with self.lock:
            return self.types.typedefs(None if category is None else self.types.names(category))

    def typedef(self, name: str, category: str | None = None) -> Json:
        """GET /types/typedef/name/{name} and /types/{entitydef …}/name/{name}."""
        with self.lock:
            return self.types.shown(name, category)

    def typedef_by_guid(self, guid: str, category: str | None = None) -> Json:
        """GET /types/typedef/guid/{guid}."""
        with self.lock:
            return self.types.shown(self.types.guid_of(guid), category)

    # --- entities ---

    def upsert(self, given: Json, user: str = ADMIN) -> Json:
        """POST /entity (`{"entity": …}`) and /entity/bulk (`{"entities": […]}`), with `referredEntities`."""
        entities: list[Json] = given["entities"] if "entities" in given else [given.get("entity") or {}]
        if not entities:
            raise errors.invalid_parameters("no entities to create/update.")
        if any(not e for e in entities):
            raise errors.invalid_parameters("found null entity")
        with self.lock:
            mutation = Mutation(self.state, user, strict_parts=self.strict_parts)
            mutation.upsert(entities, given.get("referredEntities") or {})
            return self._response(mutation.done)

    def entity(self, guid: str, *, min_ext_info: bool = False, ignore_relationships: bool = False) -> Json:
        """GET /entity/guid/{guid}."""
        both = self.entities([guid], min_ext_info=min_ext_info, ignore_relationships=ignore_relationships)
        return {"referredEntities": both["referredEntities"], "entity": both["entities"][0]}

    def entities(self, guids: Sequence[str], *, min_ext_info: bool = False, ignore_relationships: bool = False) -> Json:
        """GET /entity/bulk."""
        if not guids:
            raise errors.guid_missing("{0}")
        with self.lock:
            found = [self._entity(guid) for guid in guids]
            return self.views.bulk(found, min_ext_info=min_ext_info, ignore_relationships=ignore_relationships)

    def guid(self, type_name: str, attributes: dict[str, str]) -> str:
        """The guid of the active entity with these unique attributes (names without `attr:`)."""
        with self.lock:
            self.types.entity(type_name)
            known = self.types.attributes(type_name)
            unique = {n: v for n, v in attributes.items() if n in known and known[n]["isUnique"]}
            if not unique:
                raise errors.not_unique(type_name, ",".join(attributes))
            found = self.state.find(type_name, unique)
            if found is None:
                raise errors.unique_missing(type_name, attributes)
            return found.guid

    def header(self, guid: str) -> Json:
        """GET /entity/guid/{guid}/header."""
        with self.lock:
            return self.views.header(self._entity(guid))

    def partial_update(self, guid: str, attributes: Json, user: str = ADMIN) -> Json:
        """PUT /entity/uniqueAttribute/type/{type} and PUT /entity/guid/{guid}?name=…: some attributes only."""
        with self.lock:
            entity = self._entity(guid)
            mutation = Mutation(self.state, user)
            for name in attributes:
                if name not in self.types.attributes(entity.type_name) and name not in self.types.ends(
                    entity.type_name
                ):
                    raise errors.attribute_unknown(entity.type_name, name)
            mutation.partial(entity, attributes)
            return self._response(mutation.done, partial=True)

    def delete(self, guids: Iterable[str], user: str = ADMIN) -> Json:
        """DELETE of one, several or by unique attribute: soft. Unknown guids and deleted entities change nothing."""
        with self.lock:
            mutation = Mutation(self.state, user)
            mutation.delete(guids)
            return self._response(mutation.done)

    def purge(self, guids: Iterable[str], user: str = ADMIN) -> Json:
        """PUT /admin/purge: removes what was deleted before."""
        with self.lock:
            mutation = Mutation(self.state, user)
            mutation.purge(guids)
            return self._response(mutation.done)

    def audit(self, guid: str, count: int = 100) -> list[Json]:
        """GET /entity/{guid}/audit, newest first."""
        with self.lock:
            return list(reversed(self.state.audits.get(guid, [])))[:count]

    # --- classifications, labels, business metadata ---

    def classify(self, guid: str, given: Iterable[Json], user: str = ADMIN) -> None:
        """POST /entity/guid/{guid}/classifications: all or none."""
        with self.lock:
            entity = self._entity(guid)
            before = entity.classifications
            try:
                for one in given:
                    tagging.attach(self.state, entity, one)
            except errors.AtlasError:
                entity.classifications = before
                raise
            self._touched(entity, "CLASSIFICATION_ADD", user)

    def reclassify(self, guid: str, given: Iterable[Json], user: str = ADMIN) -> None:
        """PUT /entity/guid/{guid}/classifications."""
        with self.lock:
            entity = self._entity(guid)
            for one in given:
                tagging.replace(self.state, entity, one)
            self._touched(entity, "CLASSIFICATION_UPDATE", user)

    def declassify(self, guid: str, name: str, user: str = ADMIN) -> None:
        """DELETE /entity/guid/{guid}/classification/{name}."""
        with self.lock:
            entity = self._entity(guid)
            tagging.detach(self.state, entity, name)
            self._touched(entity, "CLASSIFICATION_DELETE", user)

    def classifications(self, guid: str) -> list[Json]:
        """The direct and propagated classifications of an entity."""
        with self.lock:
            return self.views.classifications(self._entity(guid))

    def set_labels(self, guid: str, labels: Iterable[str], user: str = ADMIN) -> None:
        """POST /entity/guid/{guid}/labels: exactly these. The modification time stays, as in Atlas."""
        with self.lock:
            entity = self._entity(guid)
            entity.labels = tagging.checked_labels(list(labels))
            self.state.audit(entity, "LABEL_ADD", user, ", ".join(entity.labels))

    def add_labels(self, guid: str, labels: Iterable[str], user: str = ADMIN) -> None:
        """PUT /entity/guid/{guid}/labels: these too."""
        with self.lock:
            self.set_labels(guid, [*self._entity(guid).labels, *labels], user)

    def remove_labels(self, guid: str, labels: Iterable[str], user: str = ADMIN) -> None:
        """DELETE /entity/guid/{guid}/labels."""
        gone = set(labels)
        with self.lock:
            self.set_labels(guid, [x for x in self._entity(guid).labels if x not in gone], user)

    def set_business(self, guid: str, given: dict[str, Json], *, overwrite: bool, user: str = ADMIN) -> None:
        """POST /entity/guid/{guid}/businessmetadata. The modification time stays, as in Atlas."""
        with self.lock:
            entity = self._entity(guid)
            tagging.set_business(self.state, entity, given, overwrite=overwrite)
            self.state.audit(entity, "BUSINESS_ATTRIBUTE_UPDATE", user, ", ".join(given))

    # --- questions ---

    def search(self, parameters: Json) -> Json:
        """POST /search/basic."""
        with self.lock:
            return self.searching.basic(parameters, self.hidden)

    def lineage(self, guid: str, direction: str = "BOTH", depth: int = 3) -> Json:
        """GET /lineage/{guid}."""
        with self.lock:
            return lineage(self.state, self.views, self._entity(guid), direction, depth)

    @property
    def glossary(self) -> Glossary:
        """The glossary calls; hold `lock` around them."""
        return self._glossary

    def metrics(self) -> dict[str, dict[str, int]]:
        """How many active and deleted entities each type has."""
        out: dict[str, dict[str, int]] = {"entityActive": {}, "entityDeleted": {}}
        with self.lock:
            for entity in self.state.entities.values():
                counts = out["entityActive" if entity.status == "ACTIVE" else "entityDeleted"]
                counts[entity.type_name] = counts.get(entity.type_name, 0) + 1
        return out

    # --- parts ---

    def _entity(self, guid: str) -> Entity:
        entity = self.state.entities.get(guid)
        if entity is None:
            raise errors.guid_missing(guid)
        return entity

    def _touched(self, entity: Entity, action: str, user: str) -> None:
        entity.updated, entity.updated_by = self.state.now(), user
        self.state.audit(entity, action, user, str(entity.attributes.get("qualifiedName", "")))

    def _response(self, done: Changes, *, partial: bool = False) -> Json:
        acts = {
            "CREATE": done.created,
            "PARTIAL_UPDATE" if partial else "UPDATE": done.updated,
            "DELETE": done.deleted,
        }
        mutated = {act: [self.views.header(e) for e in some.values()] for act, some in acts.items() if some}
        if done.purged:
            mutated["PURGE"] = [self._purged(e) for e in done.purged.values()]
        out: Json = {"mutatedEntities": mutated} if mutated else {}
        if partial or done.created or done.updated or done.assigned:
            out["guidAssignments"] = done.assigned
        return out

    def _purged(self, entity: Entity) -> Json:
        attributes = {"qualifiedName": entity.attributes.get("qualifiedName"), "name": entity.attributes.get("name")}
        return {"typeName": entity.type_name, "guid": entity.guid, "status": entity.status, "attributes": attributes}
