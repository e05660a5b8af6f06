"""ABAC policies of catalogs, schemas and tables: list, get, create, delete."""

import uuid

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from sandbox.databricks.answers import ApiError, absent, invalid, page
from sandbox.databricks.store import Store

_BASE = "/api/2.1/unity-catalog/policies"
_NEEDED = ("name", "policy_type", "on_securable_type", "on_securable_fullname", "for_securable_type", "to_principals")
_PAGE = 1_000


def policy_routes(store: Store) -> list[Route]:
    """The routes."""

    def on(request: Request) -> tuple[str, str]:
        word, name = request.path_params["kind"].lower(), request.path_params["name"]
        if word not in ("catalog", "schema", "table"):
            raise invalid(f"Policies cannot be defined on securables of type '{word}'.")
        store.get(word, name)
        who, chain = request.state.principal, store.chain(word, name)
        if not store.sees_all(who, word, name) and not store.grants.held(who, chain) & {"MANAGE", "ALL_PRIVILEGES"}:
            raise ApiError(403, "PERMISSION_DENIED", f"User does not have MANAGE on {word.capitalize()} '{name}'.")
        return word, name

    async def listed(request: Request) -> Response:
        return page(request, "policies", sorted(store.policies.get(on(request), {}).items()), _PAGE)

    async def created(request: Request) -> Response:
        body = await request.json()
        if not request.state.principal.admin:
            raise ApiError(403, "PERMISSION_DENIED", "User is not an owner of the securable.")
        for field in _NEEDED:
            if not body.get(field):
                raise invalid(f"Missing required field: {field}")
        key = (str(body["on_securable_type"]).lower(), str(body["on_securable_fullname"]))
        store.get(*key)
        have = store.policies.setdefault(key, {})
        have[body["name"]] = {**body, "id": str(uuid.uuid4()), "created_by": request.state.principal.name}
        return JSONResponse(have[body["name"]])

    async def one(request: Request) -> Response:
        have, name = store.policies.get(on(request), {}), request.path_params["policy"]
        if name not in have:
            raise absent("POLICY", name)
        if request.method == "DELETE":
            del have[name]
            return JSONResponse({})
        return JSONResponse(have[name])

    return [
        Route(_BASE, created, methods=["POST"]),
        Route(f"{_BASE}/{{kind}}/{{name}}", listed, methods=["GET"]),
        Route(f"{_BASE}/{{kind}}/{{name}}/{{policy}}", one, methods=["GET", "DELETE"]),
    ]
