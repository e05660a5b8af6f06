"""The v2 API over HTTP: Starlette routes below any prefix, so that Apache Atlas and Purview share them.

    routes(engine, "/api/atlas", who)             # /api/atlas/v2/entity/bulk …
    routes(engine, "/datamap/api/atlas", who)     # Purview's Data Map

`who` says who is calling, or refuses; a face answers everything else beside these routes itself.
"""

import json
import re
import secrets
from collections.abc import Callable, Sequence
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.convertors import Convertor, register_url_convertor
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from sandbox.atlas import errors
from sandbox.atlas.engine import Engine

Json = Any
Who = Callable[[Request], "Caller | Response"]
Call = Callable[["Query"], Json]
"""What a route does; None is answered as 204 without a body."""


class Caller:
    """Who calls, whether they may change anything, and entities of which types they may read."""

    def __init__(self, name: str, *, may_write: bool = True, reads: str = ".*", group: str = "") -> None:
        self.name, self.may_write, self.group = name, may_write, group
        self._reads = re.compile(reads)

    def may_read(self, type_name: str) -> bool:
        """Whether entities of this type are shown to them."""
        return self._reads.fullmatch(type_name) is not None


class Query:
    """One request as the calls below see it: path and query parameters, body, caller."""

    def __init__(self, request: Request, body: bytes, caller: Caller) -> None:
        self.path = request.path_params
        self.params = request.query_params
        self.caller = caller
        self._body = body

    @property
    def body(self) -> Json:
        """The JSON body.

        Raises:
            ValueError: it is no JSON; Atlas answers 500 to that.
        """
        return json.loads(self._body)

    def flag(self, name: str) -> bool:
        """A boolean parameter; the SDK writes `True`."""
        return self.params.get(name, "").lower() == "true"

    def unique(self) -> dict[str, str]:
        """The `attr:name` parameters without their prefix."""
        return {k[5:]: v for k, v in self.params.multi_items() if k.startswith("attr:")}


def answer(call: Call, who: Who, act: str = "") -> Callable[[Request], Any]:
    """An endpoint that runs a call: authenticates, forbids writing to readers, renders refusals.

    Args:
        call: what to do.
        who: tells the caller, or answers for itself.
        act: what a reader is told not to be authorized for; empty where reading is enough.
    """

    async def endpoint(request: Request) -> Response:
        caller = who(request)
        if isinstance(caller, Response):
            return caller
        body = await request.body()
        return await run_in_threadpool(_run, call, Query(request, body, caller), act)

    return endpoint


def _run(call: Call, query: Query, act: str) -> Response:
    try:
        if act and not query.caller.may_write:
            raise errors.forbidden(query.caller.name, act)
        out = call(query)
    except errors.AtlasError as error:
        return JSONResponse(error.body(), error.status)
    except (ValueError, KeyError, TypeError, AttributeError):
        return stumbled()
    if out is None:
        return Response(status_code=204)
    # escaped, so that text which is no Unicode goes out as it was put in
    return Response(json.dumps(out), media_type="application/json")


def stumbled() -> Response:
    """What Atlas says to a body it cannot read and to a path it does not know: 500 in plain text."""
    text = f"There was an error processing your request. It has been logged (ID {secrets.token_hex(8)})."
    return PlainTextResponse(text, 500)


class Calls:
    """The calls as functions of a `Query`; a face may replace or add to them."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine

    # --- entities ---

    def upsert(self, q: Query) -> Json:
        """POST /entity and /entity/bulk."""
        return self.engine.upsert(q.body, q.caller.name)

    def entity(self, q: Query) -> Json:
        """GET /entity/guid/{guid}."""
        shown = self.engine.entity(q.path["guid"], **self._extent(q))
        _check(q.caller, [shown["entity"]])
        return shown

    def entity_unique(self, q: Query) -> Json:
        """GET /entity/uniqueAttribute/type/{type}."""
        return self.engine.entity(self.engine.guid(q.path["type"], q.unique()), **self._extent(q))

    def entities(self, q: Query) -> Json:
        """GET /entity/bulk."""
        shown = self.engine.entities(q.params.getlist("guid"), **self._extent(q))
        _check(q.caller, shown["entities"])
        return shown

    def _extent(self, q: Query) -> dict[str, bool]:
        return {"min_ext_info": q.flag("minExtInfo"), "ignore_relationships": q.flag("ignoreRelationships")}

    def partial_unique(self, q: Query) -> Json:
        """PUT /entity/uniqueAttribute/type/{type}."""
        guid = self.engine.guid(q.path["type"], q.unique())
        entity = q.body["entity"]
        given = {**(entity.get("attributes") or {}), **(entity.get("relationshipAttributes") or {})}
        return self.engine.partial_update(guid, given, q.caller.name)

    def partial(self, q: Query) -> Json:
        """PUT /entity/guid/{guid}?name=…."""
        return self.engine.partial_update(q.path["guid"], {q.params["name"]: q.body}, q.caller.name)

    def header(self, q: Query) -> Json:
        """GET /entity/guid/{guid}/header."""
        return self.engine.header(q.path["guid"])

    def delete(self, q: Query) -> Json:
        """DELETE /entity/guid/{guid} and /entity/bulk."""
        guids = [q.path["guid"]] if "guid" in q.path else q.params.getlist("guid")
        return self.engine.delete(guids, q.caller.name)

    def delete_unique(self, q: Query) -> Json:
        """DELETE /entity/uniqueAttribute/type/{type}."""
        return self.engine.delete([self.engine.guid(q.path["type"], q.unique())], q.caller.name)

    def purge(self, q: Query) -> Json:
        """PUT /admin/purge."""
        return self.engine.purge(q.body, q.caller.name)

    def audit(self, q: Query) -> Json:
        """GET /entity/{guid}/audit."""
        return self.engine.audit(q.path["guid"], int(q.params.get("count", "100")))

    # --- classifications, labels, business metadata ---

    def classifications(self, q: Query) -> Json:
        """GET /entity/guid/{guid}/classifications."""
        found = self.engine.classifications(q.path["guid"])
        size = {"startIndex": 0, "pageSize": len(found), "totalCount": len(found), "sortType": "NONE"}
        return {"list": found, **size}

    def classify(self, q: Query) -> None:
        """POST /entity/guid/{guid}/classifications."""
        self.engine.classify(q.path["guid"], q.body, q.caller.name)

    def classify_many(self, q: Query) -> None:
        """POST /entity/bulk/classification: one classification on several entities."""
        body = q.body
        for guid in body["entityGuids"]:
            self.engine.classify(guid, [body["classification"]], q.caller.name)

    def reclassify(self, q: Query) -> None:
        """PUT /entity/guid/{guid}/classifications."""
        self.engine.reclassify(q.path["guid"], q.body, q.caller.name)

    def declassify(self, q: Query) -> None:
        """DELETE /entity/guid/{guid}/classification/{name}."""
        self.engine.declassify(q.path["guid"], q.path["name"], q.caller.name)

    def set_labels(self, q: Query) -> None:
        """POST /entity/guid/{guid}/labels."""
        self.engine.set_labels(q.path["guid"], q.body, q.caller.name)

    def add_labels(self, q: Query) -> None:
        """PUT /entity/guid/{guid}/labels."""
        self.engine.add_labels(q.path["guid"], q.body, q.caller.name)

    def remove_labels(self, q: Query) -> None:
        """DELETE /entity/guid/{guid}/labels."""
        self.engine.remove_labels(q.path["guid"], q.body, q.caller.name)

    def set_business(self, q: Query) -> None:
        """POST /entity/guid/{guid}/businessmetadata."""
        overwrite = q.flag("isOverwrite")
        self.engine.set_business(q.path["guid"], q.body, overwrite=overwrite, user=q.caller.name)

    # --- search and lineage ---

    def search(self, q: Query) -> Json:
        """POST /search/basic; what the caller may not read comes as a husk."""
        found = self.engine.search(q.body)
        if "entities" in found:
            found["entities"] = [h if q.caller.may_read(h["typeName"]) else _husk(h) for h in found["entities"]]
        return found

    def lineage(self, q: Query) -> Json:
        """GET /lineage/{guid}."""
        return self.engine.lineage(q.path["guid"], q.params.get("direction", "BOTH"), int(q.params.get("depth", "3")))

    # --- types ---

    def typedefs(self, q: Query) -> Json:
        """GET /types/typedefs."""
        return self.engine.typedefs((q.params.get("type") or "").upper() or None)

    def headers(self, q: Query) -> Json:
        """GET /types/typedefs/headers."""
        defs = [d for some in self.typedefs(q).values() for d in some]
        return [{k: d[k] for k in ("guid", "name", "category")} for d in defs]

    def typedef(self, q: Query) -> Json:
        """GET /types/typedef/name/{name} and the like of one category."""
        category = {"businessmetadatadef": "BUSINESS_METADATA"}.get(
            q.path.get("kind", "typedef"), q.path.get("kind", "typedef").removesuffix("def").upper()
        )
        wanted = None if category == "TYPE" else category
        if "guid" in q.path:
            return self.engine.typedef_by_guid(q.path["guid"], wanted)
        return self.engine.typedef(q.path["name"], wanted)

    def create_types(self, q: Query) -> Json:
        """POST /types/typedefs."""
        return self.engine.create_types(q.body, q.caller.name)

    def update_types(self, q: Query) -> Json:
        """PUT /types/typedefs."""
        return self.engine.update_types(q.body, q.caller.name)

    def delete_type(self, q: Query) -> None:
        """DELETE /types/typedef/name/{name}."""
        self.engine.delete_type(q.path["name"])


def _check(caller: Caller, entities: Sequence[Json]) -> None:
    """One that may not be read refuses the whole call."""
    for entity in entities:
        if not caller.may_read(entity["typeName"]):
            raise errors.forbidden(caller.name, f"read entity: guid={entity['guid']}")


def _husk(header: Json) -> Json:
    """What a search shows of an entity that the caller may not read."""
    emptied = {"attributes": {}, "guid": "-1", "classificationNames": [], "meaningNames": [], "meanings": []}
    return {**{k: v for k, v in header.items() if k != "classifications"}, **emptied}


def routes(engine: Engine, prefix: str, who: Who, calls: Calls | None = None) -> list[Route]:
    """The routes of entities, classifications, types, search and lineage below `prefix`/v2.

    Args:
        engine: the state behind them.
        prefix: what comes before `/v2`.
        who: tells the caller of a request.
        calls: the calls, where a face changes some of them.
    """
    c = calls or Calls(engine)
    guid, one = "/entity/guid/{guid}", "/entity/uniqueAttribute/type/{type}"
    name = "/types/{kind:str}/name/{name}"
    table: list[tuple[str, str, Call, str]] = [
        ("POST", "/entity", c.upsert, "create entity"),
        ("POST", "/entity/bulk", c.upsert, "create entity"),
        ("GET", "/entity/bulk", c.entities, ""),
        ("DELETE", "/entity/bulk", c.delete, "delete entity"),
        ("POST", "/entity/bulk/classification", c.classify_many, "add classification"),
        ("GET", guid, c.entity, ""),
        ("PUT", guid, c.partial, "update entity"),
        ("DELETE", guid, c.delete, "delete entity"),
        ("GET", f"{guid}/header", c.header, ""),
        ("GET", f"{guid}/classifications", c.classifications, ""),
        ("POST", f"{guid}/classifications", c.classify, "add classification"),
        ("PUT", f"{guid}/classifications", c.reclassify, "update classification"),
        ("DELETE", f"{guid}/classification/{{name}}", c.declassify, "remove classification"),
        ("POST", f"{guid}/labels", c.set_labels, "add label"),
        ("PUT", f"{guid}/labels", c.add_labels, "add label"),
        ("DELETE", f"{guid}/labels", c.remove_labels, "remove label"),
        ("POST", f"{guid}/businessmetadata", c.set_business, "update business-metadata"),
        ("GET", one, c.entity_unique, ""),
        ("PUT", one, c.partial_unique, "update entity"),
        ("DELETE", one, c.delete_unique, "delete entity"),
        ("GET", "/entity/{guid}/audit", c.audit, ""),
        ("POST", "/search/basic", c.search, ""),
        ("GET", "/lineage/{guid}", c.lineage, ""),
        ("GET", "/types/typedefs", c.typedefs, ""),
        ("GET", "/types/typedefs/headers", c.headers, ""),
        ("POST", "/types/typedefs", c.create_types, "create type"),
        ("PUT", "/types/typedefs", c.update_types, "update type"),
        ("GET", name, c.typedef, ""),
        ("GET", "/types/{kind:str}/guid/{guid}", c.typedef, ""),
        ("DELETE", name, c.delete_type, "delete type"),
    ]
    return [route(method, f"{prefix}/v2{path}", answer(call, who, act)) for method, path, call, act in table]


def route(method: str, path: str, endpoint: Callable[[Request], Any]) -> Route:
    """One method of one path; the SDKs write some paths with a slash at the end."""
    return Route(path + "{slash:slash}", endpoint, methods=[method])


class _Slash(Convertor[str]):
    """Matches one slash at the end of a path, or nothing."""

    regex = "/?"

    def convert(self, value: str) -> str:
        """As it is."""
        return value

    def to_string(self, value: str) -> str:
        """As it is."""
        return value


register_url_convertor("slash", _Slash())
