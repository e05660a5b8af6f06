"""Tag assignments of catalogs, schemas, tables, columns and volumes."""

import datetime

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from sandbox.databricks.answers import ApiError, absent, invalid, page
from sandbox.databricks.store import TAGGABLE, Store

_BASE = "/api/2.1/unity-catalog/entity-tag-assignments"
_MOST = 50
"""Tags that one entity may have."""


def tag_routes(store: Store) -> list[Route]:
    """List, create, get, update, delete."""

    def entity(kind: str, name: str) -> tuple[str, str]:
        if kind not in TAGGABLE:
            raise invalid(f"Entity type '{kind}' is not one of {', '.join(TAGGABLE)}.")
        if kind != "columns":
            store.get(TAGGABLE[kind], name)
            return kind, name
        table, _, column = name.rpartition(".")
        columns = store.get("table", table).get("columns", ())
        if column not in {c["name"] for c in columns}:
            raise absent("COLUMN", name)
        return kind, name

    def may(request: Request) -> None:
        if not request.state.principal.admin:
            raise ApiError(403, "PERMISSION_DENIED", "User does not have APPLY TAG on the entity.")

    async def listed(request: Request) -> Response:
        key = entity(request.path_params["kind"], request.path_params["name"])
        return page(request, "tag_assignments", sorted(store.tags.get(key, {}).items()), _MOST)

    async def created(request: Request) -> Response:
        may(request)
        body = await request.json()
        kind, name, tag = (str(body.get(f, "")) for f in ("entity_type", "entity_name", "tag_key"))
        if not tag:
            raise invalid("Missing required field: tag_key")
        have = store.tags.setdefault(entity(kind, name), {})
        if tag in have:
            raise ApiError(409, "ALREADY_EXISTS", f"Tag assignment with tag key {tag} already exists.")
        if len(have) >= _MOST:
            raise ApiError(400, "RESOURCE_EXHAUSTED", f"An entity may have {_MOST} tags.")
        have[tag] = {
            "entity_type": kind,
            "entity_name": name,
            "tag_key": tag,
            "tag_value": str(body.get("tag_value") or ""),
            "update_time": datetime.datetime.now(datetime.UTC).isoformat().replace("+00:00", "Z"),
            "updated_by": request.state.principal.name,
        }
        return JSONResponse(have[tag])

    async def one(request: Request) -> Response:
        path = request.path_params
        have = store.tags.get(entity(path["kind"], path["name"]), {})
        if path["tag"] not in have:
            raise ApiError(404, "NOT_FOUND", f"Tag assignment with tag key {path['tag']} does not exist.")
        if request.method == "GET":
            return JSONResponse(have[path["tag"]])
        may(request)
        if request.method == "DELETE":
            del have[path["tag"]]
            return JSONResponse({})
        have[path["tag"]]["tag_value"] = str((await request.json()).get("tag_value") or "")
        return JSONResponse(have[path["tag"]])

    return [
        Route(_BASE, created, methods=["POST"]),
        Route(f"{_BASE}/{{kind}}/{{name:path}}/tags", listed, methods=["GET"]),
        Route(f"{_BASE}/{{kind}}/{{name:path}}/tags/{{tag:path}}", one, methods=["GET", "PATCH", "DELETE"]),
    ]
