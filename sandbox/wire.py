"""What faults do to an answer on its way out: each takes the server's real answer and sends something else.

| action | the client gets |
|---|---|
| `cut` | half the body, then the end of the connection |
| `stall` | half the body, then silence for `seconds` |
| `drip` | the body byte by byte, one every `seconds` |
| `garble` | the body with a byte that is no UTF-8 |
| `page` | a page of HTML with status 200, as a proxy or a sign-in gives it |
| `gzip` | the body packed, and the end of that missing |
| `huge` | a body of `size` bytes, of a kind that packs well, never held in memory here |
| `deep` | JSON nested `size` levels deep |
"""

import asyncio
import gzip
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from sandbox.faults import Exchange, Rule, Tamper

PAGE = b"<html><head><title>Sign in</title></head><body>Please sign in to go on.</body></html>"
_CHUNK = 256 * 1024


@dataclass
class Answer:
    """A whole answer of the server."""

    status: int
    headers: dict[str, str]
    body: bytes


async def answered(app: ASGIApp, scope: Scope, receive: Receive) -> Answer:
    """The application's answer, kept back."""
    sent: list[Message] = []

    async def keep(message: Message) -> None:
        sent.append(message)

    await app(scope, receive, keep)
    headers = {k.decode("latin-1").lower(): v.decode("latin-1") for k, v in sent[0]["headers"]}
    return Answer(sent[0]["status"], headers, b"".join(m.get("body", b"") for m in sent[1:]))


async def tampered(answer: Answer, line: str, question: bytes, tamper: Tamper) -> Answer:
    """The answer after somebody has had it in hands, in a thread of their own: they may call the server."""
    exchange = Exchange(line, question, answer.status, answer.headers, answer.body)
    await asyncio.to_thread(tamper, exchange)
    return Answer(exchange.status, exchange.headers, exchange.answer)


async def spoilt(rule: Rule, answer: Answer, scope: Scope, send: Send) -> None:
    """Sends the answer as the rule's action spoils it."""
    if rule.action in _BROKEN_OFF:
        await _BROKEN_OFF[rule.action](rule, answer, _Line(scope, send))
        return
    headers, length, parts = _REWRITTEN[rule.action](rule, answer)
    line = _Line(scope, send)
    await line.start(answer.status, headers, length)
    async for part in parts:
        if not await line.send(part):
            return
    await line.end()


class _Line:
    """The connection to the client."""

    def __init__(self, scope: Scope, send: Send) -> None:
        self._transport: Any = scope.get("state", {}).get("sandbox.transport")
        self._send = send

    async def start(self, status: int, headers: Mapping[str, str], length: int) -> None:
        kept = {k: v for k, v in headers.items() if k != "content-length"}
        pairs = [(k.encode(), v.encode()) for k, v in {**kept, "content-length": str(length)}.items()]
        await self._send({"type": "http.response.start", "status": status, "headers": pairs})

    async def send(self, part: bytes) -> bool:
        """Whether somebody is there to read on."""
        await self._send({"type": "http.response.body", "body": part, "more_body": True})
        return self.is_open

    async def end(self) -> None:
        await self._send({"type": "http.response.body", "body": b""})

    async def rest(self, seconds: float) -> bool:
        """Whether the client is still there after so long."""
        for _ in range(max(1, round(seconds / 0.05))):
            await asyncio.sleep(min(seconds, 0.05))
            if not self.is_open:
                return False
        return True

    @property
    def is_open(self) -> bool:
        return self._transport is None or not self._transport.is_closing()

    def hang_up(self) -> None:
        """Ends the connection once what was sent is out."""
        if self._transport is not None:
            self._transport.close()


async def _cut(rule: Rule, answer: Answer, line: _Line) -> None:
    await line.start(answer.status, answer.headers, len(answer.body))
    await line.send(answer.body[: len(answer.body) // 2])
    line.hang_up()


async def _stall(rule: Rule, answer: Answer, line: _Line) -> None:
    await line.start(answer.status, answer.headers, len(answer.body))
    await line.send(answer.body[: len(answer.body) // 2])
    await line.rest(rule.seconds)
    line.hang_up()


async def _drip(rule: Rule, answer: Answer, line: _Line) -> None:
    await line.start(answer.status, answer.headers, len(answer.body))
    for n in range(len(answer.body)):
        if not await line.send(answer.body[n : n + 1]) or not await line.rest(rule.seconds):
            return
    await line.end()


_BROKEN_OFF: dict[str, Callable[[Rule, Answer, _Line], Any]] = {"cut": _cut, "stall": _stall, "drip": _drip}

_Rewritten = tuple[Mapping[str, str], int, AsyncIterator[bytes]]


async def _whole(body: bytes) -> AsyncIterator[bytes]:
    yield body


def _garbled(rule: Rule, answer: Answer) -> _Rewritten:
    body = answer.body.replace(b'"', b'"\xff\xfe', 1)
    return answer.headers, len(body), _whole(body)


def _page(rule: Rule, answer: Answer) -> _Rewritten:
    return {"content-type": "text/html"}, len(PAGE), _whole(PAGE)


def _gzip(rule: Rule, answer: Answer) -> _Rewritten:
    packed = gzip.compress(answer.body)
    body = packed[: len(packed) * 2 // 3]
    return {**answer.headers, "content-encoding": "gzip"}, len(body), _whole(body)


def _huge(rule: Rule, answer: Answer) -> _Rewritten:
    async def parts() -> AsyncIterator[bytes]:
        yield b'{"pad":"'
        left = rule.size - 10
        while left > 0:
            yield b"x" * min(left, _CHUNK)
            left -= _CHUNK
        yield b'"}'

    return answer.headers, rule.size, parts()


def _deep(rule: Rule, answer: Answer) -> _Rewritten:
    body = b'{"deep":' + b"[" * rule.size + b"]" * rule.size + b"}"
    return answer.headers, len(body), _whole(body)


_REWRITTEN: dict[str, Callable[[Rule, Answer], _Rewritten]] = {
    "garble": _garbled,
    "page": _page,
    "gzip": _gzip,
    "huge": _huge,
    "deep": _deep,
}

ACTIONS = frozenset(_BROKEN_OFF) | frozenset(_REWRITTEN)
"""The actions of a rule that are done here."""
