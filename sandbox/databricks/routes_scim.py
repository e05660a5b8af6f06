"""The workspace's directory over SCIM: users, service principals and groups, listed for workspace admins only."""

from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from sandbox.databricks.answers import ApiError, Record

_BASE = "/api/2.0/preview/scim/v2"
_KINDS = {"Users": "userName", "ServicePrincipals": "applicationId", "Groups": "displayName"}
_PAGE = 100
_LIST = "urn:ietf:params:scim:api:messages:2.0:ListResponse"


def scim_routes() -> list[Route]:
    """List, get and create."""
    records: dict[str, dict[str, Record]] = {kind: {} for kind in _KINDS}
    records["Groups"]["1"] = {"id": "1", "displayName": "admins", "meta": {"resourceType": "WorkspaceGroup"}}

    def may(request: Request) -> str:
        if not (request.state.principal.admin or request.state.principal.workspace_admin):
            raise ApiError(403, "PERMISSION_DENIED", "Only workspace admins may read the directory.")
        kind = str(request.path_params["kind"])
        if kind not in _KINDS:
            raise ApiError(404, "ENDPOINT_NOT_FOUND", f"No API found for '{request.method} {request.url.path}'")
        return kind

    async def listed(request: Request) -> Response:
        kind, query = may(request), request.query_params
        start, count = int(query.get("startIndex", 1)), min(int(query.get("count", _PAGE)), _PAGE)
        wanted = set(query["attributes"].split(",")) | {"id"} if "attributes" in query else None
        every = list(records[kind].values())
        page = every[start - 1 : start - 1 + count]
        if wanted is not None:
            page = [{f: v for f, v in one.items() if f in wanted} for one in page]
        out: Record = {"schemas": [_LIST], "totalResults": len(every), "startIndex": start, "itemsPerPage": len(page)}
        # the real one leaves an empty list out
        return JSONResponse(out | ({"Resources": page} if page else {}))

    async def created(request: Request) -> Response:
        kind, body = may(request), await request.json()
        if not request.state.principal.admin:
            raise ApiError(403, "PERMISSION_DENIED", "Only workspace admins may change the directory.")
        key = str(1_000 + sum(map(len, records.values())))
        record: Record = {"id": key, **{f: v for f, v in body.items() if f != "schemas"}}
        if kind == "Groups":
            record["members"] = [_member(records, str(m["value"])) for m in body.get("members") or ()]
            record["meta"] = {"resourceType": "Group"}
        records[kind][key] = record
        return JSONResponse(record, 201)

    async def one(request: Request) -> Response:
        kind = may(request)
        found = records[kind].get(request.path_params["id"])
        if found is None:
            raise ApiError(404, "RESOURCE_DOES_NOT_EXIST", f"{kind} {request.path_params['id']} not found.")
        return JSONResponse(found)

    return [
        Route(f"{_BASE}/{{kind}}", listed, methods=["GET"]),
        Route(f"{_BASE}/{{kind}}", created, methods=["POST"]),
        Route(f"{_BASE}/{{kind}}/{{id}}", one, methods=["GET"]),
    ]


def _member(records: dict[str, dict[str, Any]], key: str) -> Record:
    """A member as groups show it: its id, its place, and a name for people, which is no name in grants."""
    for kind, have in records.items():
        if key in have:
            return {"value": key, "$ref": f"{kind}/{key}", "display": have[key].get("displayName", "Somebody")}
    raise ApiError(404, "RESOURCE_DOES_NOT_EXIST", f"There is no principal with id {key}.")
