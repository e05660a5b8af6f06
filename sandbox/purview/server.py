"""One port for all of Purview: identity, account, Data Map; api-versions, bearer tokens, Microsoft's errors."""

import json
import threading
import time
import uuid
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import parse_qsl

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from sandbox.atlas.engine import Engine
from sandbox.atlas.glossary_routes import glossary_routes
from sandbox.atlas.routes import Call, Caller, answer, route, routes
from sandbox.purview.collections import Collections, Refused, account
from sandbox.purview.datamap import DataMapCalls
from sandbox.purview.identity import CURATOR, Identity, instance_discovery, openid_configuration
from sandbox.purview.policies import Policies

Endpoint = Callable[[Request], Awaitable[Response]]

DATAMAP = "/datamap/api"
DATAMAP_VERSIONS = {"2023-09-01", "2024-03-01-preview"}
POLICY_VERSIONS = {"2021-07-01", "2021-07-01-preview"}
ACCOUNT_VERSIONS = {"2019-11-01-preview", "2021-07-01", "2023-10-01-preview"}
LONGEST_URL = 8192
"""Characters of path and query; 193 guids fit into a bulk GET, 194 do not."""

_ATLAS_ONLY = ("/search/basic", "/audit")


class Bucket:
    """Operations a second for the whole account; no limit where `rate` is None."""

    def __init__(self) -> None:
        self.rate: float | None = None
        self._lock = threading.Lock()
        self._tokens, self._at = 0.0, time.monotonic()

    def wait(self) -> float:
        """Seconds until an operation may run; 0 takes it."""
        with self._lock:
            if self.rate is None:
                return 0.0
            now = time.monotonic()
            self._tokens = min(self.rate, self._tokens + (now - self._at) * self.rate)
            self._at = now
            if self._tokens < 1:
                return (1 - self._tokens) / self.rate
            self._tokens -= 1
            return 0.0


class Server:
    """The account as one ASGI application."""

    def __init__(self, engine: Engine, lost: Callable[[str], bool]) -> None:
        self.identity = Identity()
        self.collections = Collections()
        self.policies = Policies(self.collections)
        self.calls = DataMapCalls(engine, self.collections, lost)
        self.bucket = Bucket()
        self._engine = engine

    def application(self) -> ASGIApp:
        """All routes."""
        everything = [
            *self._identity_routes(),
            *self._account_routes(),
            *self._policy_routes(),
            *self._datamap_routes(),
        ]
        return _UrlLimit(Starlette(routes=everything, exception_handlers={404: _unknown, 405: _unknown}))

    def _who(self, request: Request) -> Caller | Response:
        client = self.identity.bearer(request.headers.get("authorization", ""))
        if client is None:
            message = "The access token is missing, has expired or is not for this audience"
            headers = {"WWW-Authenticate": 'Bearer error="invalid_token"'}
            return JSONResponse(_error("Unauthorized", message), 401, headers)
        if client not in self.collections.readers and client not in self.collections.administrators:
            return JSONResponse(_error("Unauthorized", "Not authorized to access account"), 403)
        wait = self.bucket.wait()
        if wait:
            message = "Rate limit exceeded: capacity units of the Data Map are used up"
            return JSONResponse(_error("TooManyRequests", message), 429, {"Retry-After": f"{wait:.2f}"})
        return Caller(client, may_write=client == CURATOR)

    # --- identity ---

    def _identity_routes(self) -> list[Route]:
        async def token(request: Request) -> Response:
            form = dict(parse_qsl((await request.body()).decode()))
            out = self.identity.token(request.path_params["tenant"], form)
            return JSONResponse(out.body, out.status)

        async def managed(request: Request) -> Response:
            if request.headers.get("metadata", "").lower() != "true" and "x-identity-header" not in request.headers:
                return JSONResponse({"error": "bad_request", "error_description": "Metadata header missing"}, 400)
            out = self.identity.managed(request.query_params)
            return JSONResponse(out.body, out.status)

        async def configuration(request: Request) -> Response:
            return JSONResponse(openid_configuration(_base(request), request.path_params["tenant"]))

        async def discovery(request: Request) -> Response:
            return JSONResponse(instance_discovery(_base(request), "common"))

        return [
            Route("/{tenant}/oauth2/v2.0/token", token, methods=["POST"]),
            Route("/{tenant}/v2.0/.well-known/openid-configuration", configuration),
            Route("/common/discovery/instance", discovery),
            Route("/metadata/identity/oauth2/token", managed),
            Route("/msi/token", managed),
        ]

    # --- account ---

    def _asked(self, versions: set[str], call: Callable[[Request, str, str, Any], Any]) -> Endpoint:
        """An endpoint outside of the Data Map: token, api-version, JSON both ways."""

        async def endpoint(request: Request) -> Response:
            caller = self._who(request)
            if isinstance(caller, Response):
                return caller
            version = request.query_params.get("api-version")
            if version not in versions:
                return _version_refused(version, versions)
            base = _base(request) + ("/account" if request.url.path.startswith("/account") else "")
            try:
                body = json.loads(await request.body() or b"{}")
                out = call(request, caller.name, base, body)
            except Refused as error:
                return JSONResponse(error.body, error.status)
            except ValueError as error:
                return JSONResponse(_error("InvalidRequest", str(error)), 400)
            return Response(status_code=204) if out is None else JSONResponse(out)

        return endpoint

    def _policy_routes(self) -> list[Route]:
        p = self.policies
        table: list[tuple[str, str, Callable[[Request, str, str, Any], Any]]] = [
            ("GET", "/metadataRoles", lambda r, who, base, body: p.roles(who)),
            ("GET", "/metadataPolicies", lambda r, who, base, body: p.listed(who, base, dict(r.query_params))),
            ("GET", "/metadataPolicies/{id}", lambda r, who, base, body: p.one(who, r.path_params["id"])),
            ("PUT", "/metadataPolicies/{id}", lambda r, who, base, body: p.put(who, r.path_params["id"], body)),
        ]
        return [
            route(method, f"/policyStore{path}", self._asked(POLICY_VERSIONS, call)) for method, path, call in table
        ]

    def _account_routes(self) -> list[Route]:
        c = self.collections
        table: list[tuple[str, str, Callable[[Request, str, str, Any], Any]]] = [
            ("GET", "", lambda r, who, base, body: account(base)),
            ("GET", "/collections", lambda r, who, base, body: c.listed(who, base, dict(r.query_params))),
            ("GET", "/collections/{name}", lambda r, who, base, body: c.one(who, r.path_params["name"])),
            ("PUT", "/collections/{name}", lambda r, who, base, body: c.put(who, r.path_params["name"], body)),
            ("DELETE", "/collections/{name}", lambda r, who, base, body: c.delete(who, r.path_params["name"])),
            (
                "GET",
                "/collections/{name}/getChildCollectionNames",
                lambda r, who, base, body: c.children(who, base, r.path_params["name"], dict(r.query_params)),
            ),
            (
                "GET",
                "/collections/{name}/getCollectionPath",
                lambda r, who, base, body: c.path(who, r.path_params["name"]),
            ),
        ]
        # the documents put the account data plane under /account, older SDKs at the root
        return [
            route(method, prefix + path, self._asked(ACCOUNT_VERSIONS, call))
            for method, path, call in table
            for prefix in ("/account", "")
            if prefix + path
        ]

    # --- Data Map ---

    def _datamap_routes(self) -> list[Route]:
        c, atlas = self.calls, f"{DATAMAP}/atlas"
        own: list[tuple[str, str, Call, str]] = [
            ("POST", f"{DATAMAP}/search/query", c.query, ""),
            ("POST", f"{DATAMAP}/search/suggest", c.suggest, ""),
            ("POST", f"{DATAMAP}/search/autocomplete", c.complete, ""),
            ("POST", f"{DATAMAP}/entity/moveTo", c.move, "move entity"),
            ("GET", f"{DATAMAP}/lineage/{{guid}}/next", c.lineage, ""),
            ("GET", f"{atlas}/v2/entity/bulk/uniqueAttribute/type/{{type}}", c.entities_unique, ""),
            ("POST", f"{atlas}/v2/entity/bulk/setClassifications", c.set_classifications, "add classification"),
            ("GET", f"{atlas}/v2/entity/guid/{{guid}}/classification/{{name}}", c.classification, ""),
            ("POST", f"{atlas}/v2/relationship", c.relate, "create relationship"),
            ("GET", f"{atlas}/v2/relationship/guid/{{guid}}", c.relationship, ""),
            ("DELETE", f"{atlas}/v2/relationship/guid/{{guid}}", c.unrelate, "delete relationship"),
            ("GET", f"{atlas}/v2/glossary", c.glossaries, ""),
        ]
        everything = [
            *(route(method, path, answer(call, self._who, act)) for method, path, call, act in own),
            *routes(self._engine, atlas, self._who, c),
            *glossary_routes(self._engine, atlas, self._who),
        ]
        return [
            Route(r.path, _microsofts(r.endpoint, required="/atlas/" not in r.path), methods=sorted(r.methods or ()))
            for r in everything
            if not any(r.path.removesuffix("{slash:slash}").endswith(path) for path in _ATLAS_ONLY)
        ]


def _microsofts(endpoint: Endpoint, *, required: bool) -> Endpoint:
    """The endpoint with api-versions checked and refusals in the Data Map's shape."""

    async def checked(request: Request) -> Response:
        version = request.query_params.get("api-version")
        if version not in DATAMAP_VERSIONS and (version is not None or required):
            return _version_refused(version, DATAMAP_VERSIONS)
        response = await endpoint(request)
        if response.status_code < 400:
            return response
        if response.media_type != "application/json":
            body = {"errorCode": "ATLAS-400-00-01A", "errorMessage": "The request is not valid"}
            return JSONResponse({"requestId": str(uuid.uuid4()), **body}, 400)
        body = json.loads(bytes(response.body))
        if "errorCode" in body:
            return JSONResponse({"requestId": str(uuid.uuid4()), **body}, response.status_code)
        return response

    return checked


def _base(request: Request) -> str:
    return f"{request.url.scheme}://{request.url.netloc}"


def _error(code: str, message: str) -> dict[str, Any]:
    return {"error": {"code": code, "message": message}}


def _version_refused(version: str | None, known: set[str]) -> Response:
    if version is None:
        message = "The api-version query parameter is required"
        return JSONResponse(_error("MissingApiVersionParameter", message), 400)
    message = f"The api-version {version} is not supported; there are {', '.join(sorted(known))}"
    return JSONResponse(_error("UnsupportedApiVersion", message), 400)


async def _unknown(request: Request, error: Exception) -> Response:
    return JSONResponse(_error("NotFound", f"There is nothing at {request.method} {request.url.path}"), 404)


class _UrlLimit:
    """Answers 414 in HTML to addresses that are too long, as the gateway before the service does."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] == "http" and len(scope["raw_path"]) + len(scope["query_string"]) + 1 > LONGEST_URL:
            page = "<html><head><title>414 Request-URI Too Large</title></head><body></body></html>"
            await HTMLResponse(page, 414)(scope, receive, send)
            return
        await self.app(scope, receive, send)
