"""Serves the platforms: one ASGI application each, on a loopback port of its own, with faults on request.

A platform's folder has a `face.py` with a class `Face`, found by name: nothing here lists the platforms.
"""

import asyncio
import importlib
import json
import pkgutil
import re
import socket
import ssl
import threading
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import uvicorn
from starlette.types import ASGIApp, Message, Receive, Scope, Send

import sandbox
from governance.model import Dataset, Facet, Fact
from sandbox import wire
from sandbox.company.statistics import DEFAULT_SEED
from sandbox.faults import FaultPlan, Rule


@dataclass(frozen=True)
class Company:
    """How large the estate is: `scale` multiplies it; figures are drawn from `seed`."""

    scale: int = 1
    seed: int = DEFAULT_SEED


class Face(ABC):
    """What a platform's folder gives: a server, its data, and the account of what is in it."""

    platform: str
    source: str
    """The source's name in the sandbox's estate.yaml."""

    def __init__(self, company: Company) -> None:
        self.company = company
        self.faults = FaultPlan()

    @abstractmethod
    def app(self) -> ASGIApp:
        """The server, without data."""

    @abstractmethod
    def throttled(self, rule: Rule) -> tuple[int, dict[str, str], bytes]:
        """The platform's own throttling answer: status, headers, body."""

    @abstractmethod
    def failed(self, rule: Rule) -> tuple[int, dict[str, str], bytes]:
        """The platform's own error answer with `rule.status`."""

    @abstractmethod
    def seed(self, url: str) -> None:
        """Fills the running server over its own protocol."""

    @abstractmethod
    def connection(self, url: str) -> dict[str, Any]:
        """The `connection` block of estate.yaml that reaches this server."""

    @abstractmethod
    def secrets(self) -> dict[str, str]:
        """Environment variables that the connection names, with their values."""

    @abstractmethod
    def account(self) -> Iterator[Dataset]:
        """Every dataset that a correct inventory of this source holds, from the declarations alone."""

    def facts(self, facet: Facet) -> Iterator[Fact]:
        """Every fact that the platform's own reader of this facet finds, from the declarations alone.

        None where the platform has no such facet. What follows from views' texts is not the platform's, and not here.
        """
        return iter(())

    def tls(self) -> tuple[Path, Path] | None:
        """Certificate and key files where the platform's SDK insists on https."""
        return None

    @property
    def ca(self) -> Path | None:
        """The certificate of the authority that signed `tls()`; clients must trust it."""
        return None


def faces(company: Company, platforms: Sequence[str] | None = None) -> list[Face]:
    """The faces of these platforms, or of all that have a folder here."""
    found = [m.name for m in pkgutil.iter_modules(sandbox.__path__) if m.ispkg and _has_face(m.name)]
    unknown = set(platforms or ()) - set(found)
    if unknown:
        raise ValueError(f"no such platform in the sandbox: {', '.join(sorted(unknown))}; there are {', '.join(found)}")
    wanted = found if platforms is None else platforms
    return [importlib.import_module(f"sandbox.{name}.face").Face(company) for name in wanted]


def _has_face(name: str) -> bool:
    return any((Path(base) / name / "face.py").exists() for base in sandbox.__path__)


class FaultMiddleware:
    """Answers `/_sandbox/faults`, and strikes calls that a rule matches."""

    def __init__(self, app: ASGIApp, face: Face) -> None:
        self.app, self.face = app, face

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        body = await _read(receive)
        if scope["path"] == "/_sandbox/faults":
            await self._control(scope["method"], body, send)
            return
        line, faults = _line(scope, body), self.face.faults
        rule = faults.strike(line)
        if rule is not None and await self._struck(rule, scope, send):
            return
        spoils = rule is not None and rule.action in wire.ACTIONS
        if not spoils and faults.tamper is None:
            await self.app(scope, _replay(body, receive), send)
            return
        answer = await wire.answered(self.app, scope, _replay(body, receive))
        if faults.tamper is not None:
            answer = await wire.tampered(answer, line, body, faults.tamper)
        if rule is not None and spoils:
            await wire.spoilt(rule, answer, scope, send)
        else:
            answer.headers.pop("content-length", None)
            await _answer(send, answer.status, answer.headers, answer.body)

    async def _control(self, method: str, body: bytes, send: Send) -> None:
        status, out = 200, b""
        try:
            if method == "POST":
                self.face.faults.replace(json.loads(body))
            elif method == "DELETE":
                self.face.faults.clear()
            out = json.dumps(self.face.faults.listed()).encode()
        except (ValueError, re.error) as error:
            status, out = 400, json.dumps({"error": str(error)}).encode()
        await _answer(send, status, {"content-type": "application/json"}, out)

    async def _struck(self, rule: Rule, scope: Scope, send: Send) -> bool:
        """Whether the rule has answered."""
        if rule.action in wire.ACTIONS:
            return False
        if rule.action == "slow":
            await asyncio.sleep(rule.seconds)
            return False
        if rule.action == "drop":
            transport = scope.get("state", {}).get("sandbox.transport")
            if transport is not None:
                transport.abort()
            return True
        if rule.action == "throttle":
            status, headers, body = self.face.throttled(rule)
            await _answer(send, status, _dated(headers, rule) if rule.dated else headers, body)
        else:
            await _answer(send, *self.face.failed(rule))
        return True


def _dated(headers: dict[str, str], rule: Rule) -> dict[str, str]:
    """The headers with Retry-After as a date, which knows whole seconds only."""
    at = datetime.now(UTC) + timedelta(seconds=rule.seconds)
    kept = {k: v for k, v in headers.items() if k.lower() != "retry-after"}
    return {**kept, "retry-after": format_datetime(at, usegmt=True)}


async def _read(receive: Receive) -> bytes:
    parts = []
    while True:
        message = await receive()
        parts.append(message.get("body", b""))
        if not message.get("more_body"):
            return b"".join(parts)


def _replay(body: bytes, receive: Receive) -> Receive:
    sent = False

    async def replayed() -> Message:
        nonlocal sent
        if sent:
            return await receive()
        sent = True
        return {"type": "http.request", "body": body, "more_body": False}

    return replayed


def _line(scope: Scope, body: bytes) -> str:
    headers = {k.decode("latin-1"): v.decode("latin-1") for k, v in scope["headers"]}
    query = scope["query_string"].decode("latin-1")
    target = headers.get("x-amz-target", "")
    return f"{scope['method']} {scope['path']}?{query} {target} {body[:4096].decode('latin-1')}"


async def _answer(send: Send, status: int, headers: dict[str, str], body: bytes) -> None:
    pairs = [(k.lower().encode(), v.encode()) for k, v in headers.items()]
    pairs.append((b"content-length", str(len(body)).encode()))
    await send({"type": "http.response.start", "status": status, "headers": pairs})
    await send({"type": "http.response.body", "body": body})


@dataclass
class Served:
    """One running server."""

    face: Face
    url: str
    server: uvicorn.Server = field(repr=False)
    thread: threading.Thread = field(repr=False)

    def stop(self) -> None:
        """Ends the server and waits for its thread."""
        self.server.should_exit = True
        self.server.force_exit = True
        self.thread.join(timeout=10)


def serve(face: Face, port: int = 0) -> Served:
    """Starts the face's server on loopback, in a thread of this process; port 0 takes a free one.

    Raises:
        OSError: the port is taken.
    """
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("127.0.0.1", port))
    files = face.tls()
    config = uvicorn.Config(
        FaultMiddleware(face.app(), face),
        log_level="critical",
        access_log=False,
        lifespan="off",
        timeout_keep_alive=60,
        http=_droppable(),
        ssl_certfile=files[0] if files else None,
        ssl_keyfile=files[1] if files else None,
        ssl_version=ssl.PROTOCOL_TLS_SERVER,
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, args=([listener],), name=f"sandbox-{face.platform}", daemon=True)
    thread.start()
    while not server.started and thread.is_alive():
        thread.join(0.01)
    scheme = "https" if files else "http"
    return Served(face, f"{scheme}://127.0.0.1:{listener.getsockname()[1]}", server, thread)


def _droppable() -> Any:
    """Uvicorn's protocol, with the transport in the scope so that a fault can cut it."""
    from uvicorn.protocols.http.h11_impl import H11Protocol

    class Droppable(H11Protocol):
        def handle_events(self) -> None:
            super().handle_events()
            if self.scope is not None:
                self.scope["state"]["sandbox.transport"] = self.transport

    return Droppable


@contextmanager
def running(company: Company | None = None, platforms: Sequence[str] | None = None) -> Iterator[dict[str, Served]]:
    """Serves and seeds these platforms; yields them by platform word and stops them at the end."""
    served: dict[str, Served] = {}
    try:
        for face in faces(company or Company(), platforms):
            served[face.platform] = serve(face)
            face.seed(served[face.platform].url)
        yield served
    finally:
        for one in served.values():
            one.stop()
