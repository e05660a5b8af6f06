"""The sandbox's servers misbehave exactly as asked, and recover."""

from collections.abc import Iterator
from typing import Any

import pytest
import requests
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from starlette.types import ASGIApp

from governance.model import Dataset
from sandbox.faults import Rule
from sandbox.serving import Company, Face, Served, faces, serve


class Echo(Face):
    platform = source = "echo"

    def app(self) -> ASGIApp:
        async def echo(request: Request) -> PlainTextResponse:
            return PlainTextResponse(await request.body())

        return Starlette(routes=[Route("/echo", echo, methods=["POST"])])

    def throttled(self, rule: Rule) -> tuple[int, dict[str, str], bytes]:
        return 429, {"retry-after": str(rule.seconds)}, b"slow down"

    def failed(self, rule: Rule) -> tuple[int, dict[str, str], bytes]:
        return rule.status, {}, b"broken"

    def seed(self, url: str) -> None:
        requests.post(f"{url}/echo", data=b"seed", timeout=5).raise_for_status()

    def connection(self, url: str) -> dict[str, Any]:
        return {"url": url}

    def secrets(self) -> dict[str, str]:
        return {}

    def account(self) -> Iterator[Dataset]:
        return iter(())


@pytest.fixture
def echo() -> Iterator[Served]:
    served = serve(Echo(Company()))
    yield served
    served.stop()


def say(echo: Served, what: str = "hello") -> requests.Response:
    return requests.post(f"{echo.url}/echo", data=what.encode(), timeout=5)


def rules(echo: Served, *rules: dict[str, Any]) -> requests.Response:
    return requests.post(f"{echo.url}/_sandbox/faults", json=list(rules), timeout=5)


def test_answers_with_the_whole_body(echo: Served) -> None:
    assert say(echo, "x" * 200_000).text == "x" * 200_000


def test_fails_the_third_call_and_only_that(echo: Served) -> None:
    rules(echo, {"action": "fail", "status": 503, "after": 2, "times": 1})
    assert [say(echo).status_code for _ in range(4)] == [200, 200, 503, 200]


def test_throttles_what_matches(echo: Served) -> None:
    rules(echo, {"action": "throttle", "match": "page=2", "seconds": 0.5})
    assert say(echo, "page=1").status_code == 200
    answer = say(echo, "page=2")
    assert answer.status_code == 429 and answer.headers["retry-after"] == "0.5"


def test_drops_the_connection(echo: Served) -> None:
    rules(echo, {"action": "drop", "times": 1})
    with pytest.raises(requests.ConnectionError):
        say(echo)
    assert say(echo).status_code == 200


def test_rules_are_counted_and_cleared(echo: Served) -> None:
    rules(echo, {"action": "fail", "times": 1})
    say(echo)
    listed = requests.get(f"{echo.url}/_sandbox/faults", timeout=5).json()
    assert (listed[0]["seen"], listed[0]["struck"]) == (1, 1)
    assert requests.delete(f"{echo.url}/_sandbox/faults", timeout=5).json() == []


@pytest.mark.parametrize(
    "rule", [{"action": "explode"}, {"action": "fail", "mtach": "x"}, {"action": "fail", "match": "["}]
)
def test_a_bad_rule_is_refused_and_changes_nothing(echo: Served, rule: dict[str, Any]) -> None:
    rules(echo, {"action": "slow", "seconds": 0})
    assert rules(echo, rule).status_code == 400
    assert len(requests.get(f"{echo.url}/_sandbox/faults", timeout=5).json()) == 1


def test_lost_scopes() -> None:
    face = Echo(Company())
    face.faults.replace([{"action": "lose", "scope": "sales"}])
    assert face.faults.lost("sales") and not face.faults.lost("crm")
    face.faults.replace([{"action": "lose"}])
    assert face.faults.lost("crm")


def test_an_unknown_platform_is_named_with_the_known_ones() -> None:
    with pytest.raises(ValueError, match="no such platform in the sandbox: oracle"):
        faces(Company(), ["oracle"])
