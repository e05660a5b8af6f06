"""The application: moto's, behind a gate and with AWS's own shape for everything that moto answers as HTML.

moto's state is global to the process. Each server therefore keeps its accounts and buckets under names of its own,
which are put in on the way in and taken out on the way back: servers in one process do not see each other.
"""

import json
import secrets
from typing import Any
from urllib.parse import quote

from a2wsgi import WSGIMiddleware
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from starlette.types import Message, Receive, Scope, Send

from sandbox.faults import FaultPlan
from sandbox.glue.catalog import Catalog
from sandbox.glue.gate import ACCOUNT, PARTNER, REGION, Caller, Gate, Refused
from sandbox.glue.grants import Grants

JSON = "application/x-amz-json-1.1"
Headers = dict[str, str]


class Server:
    """The ASGI application of one sandbox: glue, lakeformation, s3 and sts on one address."""

    def __init__(self, faults: FaultPlan) -> None:
        self.gate = Gate()
        # moto accepts any twelve digits as an account
        self._private = {public: f"{secrets.randbelow(10**12):012d}" for public in (ACCOUNT, PARTNER)}
        self._suffix = f"--{secrets.token_hex(3)}"
        self._catalogs = {public: Catalog(private, REGION, faults) for public, private in self._private.items()}
        self.grants = {public: Grants(private, REGION) for public, private in self._private.items()}
        moto: Any = DomainDispatcherApplication(_backend)
        self._moto: Any = WSGIMiddleware(moto, workers=4)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        headers = {k.decode("latin-1").lower(): v.decode("latin-1") for k, v in scope["headers"]}
        body = await _read(receive)
        service = self.gate.service(headers)
        try:
            status, out_headers, out = await self._answer(scope, headers, body, service)
        except Refused as refused:
            status, out_headers, out = shaped(service, refused.status, refused.code, refused.message)
        await _send(send, status, out_headers, out)

    async def _answer(self, scope: Scope, headers: Headers, body: bytes, service: str) -> tuple[int, Headers, bytes]:
        caller = self.gate.admit(scope["method"], _url(scope, headers), headers, body)
        if service == "s3":
            return await self._bucket(scope, headers, body, caller)
        if service == "sts":
            return await self._token_service(scope, headers, body, caller)
        if service == "lakeformation" and not caller.lake_formation:
            operation = scope["path"].strip("/")
            raise Refused(
                403,
                "AccessDeniedException",
                f"User: {caller.arn} is not authorized to perform: lakeformation:{operation}",
            )
        query = json.loads(body or b"{}")
        account = query.get("CatalogId") or caller.account
        if account not in caller.catalogs:
            raise Refused(400, "AccessDeniedException", f"Cross account access to catalog {account} is not permitted.")
        operation, catalog = headers.get("x-amz-target") or scope["path"], self._catalogs[account]
        handler = catalog.handler(operation) or self.grants[account].handler(operation, caller.arn)
        private = self._hide(body)
        if handler is not None:
            return 200, {"content-type": JSON}, self._show(json.dumps(handler(json.loads(private or b"{}"))).encode())
        status, out_headers, out = await self._ask_moto(scope, headers, private, account)
        is_html = "html" in out_headers.get("content-type", "")
        if status == 200 and is_html:
            # moto's word for its JSON of Lake Formation
            out_headers["content-type"] = JSON
        elif status >= 500 or is_html:
            code = "UnknownOperationException" if status in (404, 405) else "InternalServiceException"
            return shaped(service, status, code, f"the sandbox cannot do {operation}")
        if status == 200:
            catalog.forget(operation, json.loads(private or b"{}"))
        return status, out_headers, self._show(out)

    async def _token_service(
        self, scope: Scope, headers: Headers, body: bytes, caller: Caller
    ) -> tuple[int, Headers, bytes]:
        if b"Action=GetCallerIdentity" in body:
            return 200, {"content-type": "text/xml"}, _identity(caller)
        role = self.gate.trust(body) if b"Action=AssumeRole" in body else ""
        status, out_headers, out = await self._ask_moto(scope, headers, body, caller.account)
        if role and status == 200:
            self.gate.remember(role, out)
        return status, out_headers, self._show(out)

    async def _bucket(self, scope: Scope, headers: Headers, body: bytes, caller: Caller) -> tuple[int, Headers, bytes]:
        bucket, slash, key = scope["path"].lstrip("/").partition("/")
        path = f"/{bucket}{self._suffix if bucket else ''}{slash}{key}"
        inner = {**scope, "path": path, "raw_path": quote(path).encode()}
        status, out_headers, out = await self._ask_moto(inner, headers, body, caller.account)
        if "xml" in out_headers.get("content-type", ""):
            out = self._show(out)
        return status, out_headers, out

    async def _ask_moto(self, scope: Scope, headers: Headers, body: bytes, account: str) -> tuple[int, Headers, bytes]:
        inside = {**headers, "x-moto-account-id": self._private[account], "content-length": str(len(body))}
        pairs = [(k.encode("latin-1"), v.encode("latin-1")) for k, v in inside.items()]
        sent: list[Message] = []

        async def receive() -> Message:
            return {"type": "http.request", "body": body, "more_body": False}

        async def collect(message: Message) -> None:
            sent.append(message)

        await self._moto({**scope, "headers": pairs}, receive, collect)
        out_headers = {k.decode("latin-1").lower(): v.decode("latin-1") for k, v in sent[0]["headers"]}
        return sent[0]["status"], out_headers, b"".join(m.get("body", b"") for m in sent[1:])

    def _hide(self, body: bytes) -> bytes:
        for public, private in self._private.items():
            body = body.replace(f'"CatalogId": "{public}"'.encode(), f'"CatalogId": "{private}"'.encode())
        return body

    def _show(self, body: bytes) -> bytes:
        for public, private in self._private.items():
            body = body.replace(private.encode(), public.encode())
        return body.replace(self._suffix.encode(), b"")


def _backend(service: Any) -> Any:
    """Moto's application of a service, which answers what it cannot do with 500 rather than raise it."""
    app = create_backend_app(service)
    app.config["PROPAGATE_EXCEPTIONS"] = False
    app.logger.disabled = True
    return app


def shaped(service: str, status: int, code: str, message: str) -> tuple[int, Headers, bytes]:
    """An error as this service words it: XML for sts and s3, JSON for the others."""
    if service in ("sts", "s3"):
        inner = f"<Code>{code}</Code><Message>{message}</Message>"
        text = (
            f"<ErrorResponse><Error><Type>Sender</Type>{inner}</Error><RequestId>0</RequestId></ErrorResponse>"
            if service == "sts"
            else f"<Error>{inner}</Error>"
        )
        return status, {"content-type": "text/xml"}, text.encode()
    return (
        status,
        {"content-type": JSON, "x-amzn-errortype": code},
        json.dumps({"__type": code, "Message": message}).encode(),
    )


def _identity(caller: Caller) -> bytes:
    return (
        '<GetCallerIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><GetCallerIdentityResult>'
        f"<Arn>{caller.arn}</Arn><UserId>AIDASANDBOX</UserId><Account>{caller.account}</Account>"
        "</GetCallerIdentityResult><ResponseMetadata><RequestId>0</RequestId></ResponseMetadata>"
        "</GetCallerIdentityResponse>"
    ).encode()


def _url(scope: Scope, headers: Headers) -> str:
    query = scope["query_string"].decode("latin-1")
    return f"http://{headers.get('host', '')}{scope['path']}{'?' + query if query else ''}"


async def _read(receive: Receive) -> bytes:
    parts = []
    while True:
        message = await receive()
        parts.append(message.get("body", b""))
        if not message.get("more_body"):
            return b"".join(parts)


async def _send(send: Send, status: int, headers: Headers, body: bytes) -> None:
    kept: dict[str, Any] = {k: v for k, v in headers.items() if k not in ("content-length", "connection", "server")}
    pairs = [(k.encode("latin-1"), v.encode("latin-1")) for k, v in kept.items()]
    length = headers.get("content-length", "0") if not body else str(len(body))  # a HEAD tells the object's size
    await send(
        {"type": "http.response.start", "status": status, "headers": [*pairs, (b"content-length", length.encode())]}
    )
    await send({"type": "http.response.body", "body": body})
