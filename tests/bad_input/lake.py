"""A Glue server whose answers are tampered with on their way out."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from sandbox.glue.face import Face
from sandbox.serving import Company, serve
from tests.fixtures.estate import SandboxSource

Tamper = Callable[[str, dict[str, Any], dict[str, Any]], None]
"""Given the operation, the question and the answer, which it may change; a refusal is empty and may be filled."""


class Tampered(Face):
    """The company's lake behind somebody who changes answers."""

    def __init__(self) -> None:
        super().__init__(Company())
        self.tamper: Tamper = lambda operation, question, answer: None

    def app(self) -> ASGIApp:
        inner = super().app()

        async def outer(scope: Scope, receive: Receive, send: Send) -> None:
            question = (await receive())["body"]
            sent: list[Message] = []

            async def again() -> Message:
                return {"type": "http.request", "body": question, "more_body": False}

            async def collect(message: Message) -> None:
                sent.append(message)

            await inner(scope, again, collect)
            body = b"".join(m.get("body", b"") for m in sent[1:])
            operation = dict(scope["headers"]).get(b"x-amz-target", b"").decode()
            status = sent[0]["status"]
            if operation:
                answer = json.loads(body or b"{}") if status == 200 else {}
                self.tamper(operation.removeprefix("AWSGlue."), json.loads(question or b"{}"), answer)
                if answer or status == 200:
                    status, body = 200, json.dumps(answer).encode()
            headers = [(k, v) for k, v in sent[0]["headers"] if k.lower() != b"content-length"]
            await send(
                {**sent[0], "status": status, "headers": [*headers, (b"content-length", str(len(body)).encode())]}
            )
            await send({"type": "http.response.body", "body": body})

        return outer


@contextmanager
def tampered_lake() -> Iterator[SandboxSource]:
    """The lake as a source, with its secrets in the environment; set `face.tamper` to change answers."""
    face = Tampered()
    served = serve(face)
    try:
        face.seed(served.url)
        with pytest.MonkeyPatch.context() as patch:
            for name, value in face.secrets().items():
                patch.setenv(name, value)
            yield SandboxSource(served)
    finally:
        served.stop()
