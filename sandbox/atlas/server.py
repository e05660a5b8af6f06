"""Apache Atlas' HTTP side: who may call, the admin calls, and what Atlas answers to all that it refuses."""

import base64
import binascii
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from sandbox.atlas.engine import Engine
from sandbox.atlas.glossary_routes import glossary_routes
from sandbox.atlas.routes import Caller, Calls, Query, answer, route, routes, stumbled

PREFIX = "/api/atlas"
LONGEST_REQUEST_LINE = 16_000
"""Bytes of method, path and query together; Atlas' Jetty has a header buffer of 16 KiB."""

USERS = {
    "admin": Caller("admin", group="ADMIN"),
    "viewer": Caller("viewer", may_write=False, group="VIEWER"),
    "clerk": Caller("clerk", may_write=False, reads="hive_.*", group="CLERK"),
}
"""Each with its name for a password, as in a development set-up of Atlas."""

_UNAUTHORIZED = """<html>
<head>
<meta http-equiv="Content-Type" content="text/html;charset=utf-8"/>
<title>Error 401 {reason}</title>
</head>
<body><h2>HTTP ERROR 401</h2>
<p>Problem accessing {path}. Reason:
<pre>    {reason}</pre></p>
</body>
</html>
"""


class Gate:
    """Basic authentication against the three users, and bearer tokens as a gateway in front of Atlas takes them."""

    def __init__(self, tokens: dict[str, str]) -> None:
        self.tokens = tokens
        """User by token."""

    def __call__(self, request: Request) -> Caller | Response:
        """The caller, or Atlas' 401 in HTML."""
        scheme, _, value = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer" and value in self.tokens:
            return USERS[self.tokens[value]]
        if scheme.lower() == "basic":
            try:
                name, _, password = base64.b64decode(value).decode().partition(":")
            except (binascii.Error, UnicodeDecodeError):
                return _unauthorized(request, "Invalid basic authentication token")
            if name in USERS and password == name:
                return USERS[name]
            return _unauthorized(request, "Wrong password" if name in USERS else "Username not found")
        return _unauthorized(request, "Full authentication is required to access this resource")


def _unauthorized(request: Request, reason: str) -> Response:
    return HTMLResponse(_UNAUTHORIZED.format(reason=reason, path=request.url.path), 401)


def application(engine: Engine, gate: Gate) -> ASGIApp:
    """The server of an engine."""

    async def unknown(request: Request) -> Response:
        caller = gate(request)
        return caller if isinstance(caller, Response) else stumbled()

    everything = [
        *routes(engine, PREFIX, gate),
        *glossary_routes(engine, PREFIX, gate),
        *_admin(engine, gate),
        Route("/{path:path}", unknown, methods=["GET", "POST", "PUT", "DELETE"]),
    ]
    return _LineLimit(Starlette(routes=everything))


def _admin(engine: Engine, gate: Gate) -> list[Route]:
    def version(q: Query) -> Any:
        return {
            "Description": "Metadata Management and Data Governance Platform over Hadoop",
            "Revision": "sandbox",
            "Version": "2.1.0",
            "Name": "apache-atlas",
        }

    def metrics(q: Query) -> Any:
        counts = engine.metrics()
        types = [d for some in engine.typedefs().values() for d in some]
        total = sum(n for some in counts.values() for n in some.values())
        return {"data": {"general": {"entityCount": total, "typeCount": len(types)}, "entity": counts}}

    def status(q: Query) -> Any:
        return {"Status": "ACTIVE"}

    def session(q: Query) -> Any:
        allowed = {f"atlas.entity.{act}.allowed": q.caller.may_write for act in ("create", "update")}
        return {"userName": q.caller.name, "groups": [q.caller.group], **allowed}

    table = (("version", version), ("metrics", metrics), ("status", status), ("session", session))
    purge = answer(Calls(engine).purge, gate, "purge entity")
    return [
        *(route("GET", f"{PREFIX}/admin/{path}", answer(call, gate)) for path, call in table),
        route("PUT", f"{PREFIX}/admin/purge", purge),
    ]


class _LineLimit:
    """Answers 414 without a body to request lines that are too long."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] == "http" and len(scope["raw_path"]) + len(scope["query_string"]) > LONGEST_REQUEST_LINE:
            await Response(status_code=414)(scope, receive, send)
            return
        await self.app(scope, receive, send)
