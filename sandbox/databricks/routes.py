"""The workspace as an ASGI application: who may come in, and who and where one is. The other routes join in here."""

import json
import time
import uuid
from datetime import date
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from sandbox.databricks import system
from sandbox.databricks.access import Doors, Principal, basic
from sandbox.databricks.answers import ApiError, failed, missing_route
from sandbox.databricks.routes_access import access_routes
from sandbox.databricks.routes_objects import object_routes
from sandbox.databricks.routes_policies import policy_routes
from sandbox.databricks.routes_scim import scim_routes
from sandbox.databricks.routes_sql import sql_routes
from sandbox.databricks.routes_tags import tag_routes
from sandbox.databricks.store import Store
from sandbox.faults import FaultPlan

WORKSPACE_ID = "4417020711301190"
_OPEN = ("/oidc/", "/.well-known/", "/_sandbox/")


def application(faults: FaultPlan, today: date, table_page: int = 8) -> ASGIApp:
    """The server without data, but for what the platform itself keeps of the days before.

    Args:
        faults: the rules whose `lose` action the listings obey.
        today: the day up to which something ran.
        table_page: how many tables a page holds at most; Databricks' own figure is 50.
    """
    store, doors = Store(), Doors()
    system.found(store)
    routes = [
        *object_routes(store, faults, table_page),
        *tag_routes(store),
        *access_routes(store),
        *policy_routes(store),
        *sql_routes(store, system.relations(today)),
        *system.lineage_routes(store, today),
        *_own_routes(store, doors),
        *scim_routes(),
    ]
    app = Starlette(
        routes=routes,
        exception_handlers={
            HTTPException: _http_error,
            ApiError: _api_error,
            json.JSONDecodeError: _bad_json,
        },
    )
    return Gate(app, doors)


class Gate:
    """Lets in who has a token; the principal travels in the request's state."""

    def __init__(self, app: ASGIApp, doors: Doors) -> None:
        self.app, self.doors = app, doors

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] == "http" and not scope["path"].startswith(_OPEN):
            header = dict(scope["headers"]).get(b"authorization", b"").decode("latin-1")
            try:
                scope.setdefault("state", {})["principal"] = self.doors.principal(header)
            except ApiError as error:
                await failed(error)(scope, receive, send)
                return
        await self.app(scope, receive, send)


def _own_routes(store: Store, doors: Doors) -> list[Route]:
    async def issue(request: Request) -> Response:
        form = dict(pair.split("=", 1) for pair in (await request.body()).decode().split("&") if "=" in pair)
        if form.get("grant_type") != "client_credentials":
            return JSONResponse(
                {"error": "unsupported_grant_type", "error_description": "client_credentials only"}, 400
            )
        token = doors.mint(*basic(request.headers.get("authorization")))
        if token is None:
            text = "Client authentication failed (e.g., unknown client, no client authentication included)"
            return JSONResponse({"error": "invalid_client", "error_description": text}, 401)
        return JSONResponse(
            {"access_token": token, "token_type": "Bearer", "scope": "all-apis", "expires_in": doors.lifetime}
        )

    async def discovery(request: Request) -> Response:
        base = f"{str(request.base_url).rstrip('/')}/oidc"
        return JSONResponse(
            {
                "issuer": base,
                "authorization_endpoint": f"{base}/v1/authorize",
                "token_endpoint": f"{base}/v1/token",
                "grant_types_supported": ["client_credentials"],
                "token_endpoint_auth_methods_supported": ["client_secret_basic"],
            }
        )

    async def host(request: Request) -> Response:
        base = str(request.base_url).rstrip("/")
        return JSONResponse({"oidc_endpoint": f"{base}/oidc", "workspace_id": WORKSPACE_ID, "cloud": "aws"})

    async def end_tokens(request: Request) -> Response:
        return JSONResponse({"ended": doors.end_machine_tokens()})

    async def me(request: Request) -> Response:
        return JSONResponse(_me(request.state.principal))

    async def summary(request: Request) -> Response:
        return JSONResponse(
            {
                "metastore_id": store.metastore_id,
                "name": "acme-eu-central-1",
                "owner": "metastore_admins",
                "cloud": "aws",
                "region": "eu-central-1",
                "global_metastore_id": f"aws:eu-central-1:{store.metastore_id}",
                "privilege_model_version": "1.0",
                "created_at": int(time.time() * 1000),
            }
        )

    return [
        Route("/oidc/v1/token", issue, methods=["POST"]),
        Route("/oidc/.well-known/oauth-authorization-server", discovery),
        Route("/.well-known/databricks-config", host),
        Route("/_sandbox/tokens", end_tokens, methods=["DELETE"]),
        Route("/api/2.0/preview/scim/v2/Me", me),
        Route("/api/2.1/unity-catalog/metastore_summary", summary),
    ]


def _me(who: Principal) -> dict[str, Any]:
    return {
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"],
        "id": str(uuid.uuid5(uuid.NAMESPACE_DNS, who.name).int % 10**15),
        "userName": who.name,
        "displayName": who.display,
        "active": True,
        "groups": [{"display": group, "type": "direct", "value": group} for group in who.groups],
    }


async def _api_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, ApiError)
    return failed(error)


async def _bad_json(request: Request, error: Exception) -> Response:
    return failed(ApiError(400, "MALFORMED_REQUEST", "Could not parse request object: the body is not JSON."))


async def _http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    if error.status_code in (404, 405):
        return missing_route(request)
    return failed(ApiError(error.status_code, "BAD_REQUEST", str(error.detail)))
