"""The Purview reader on servers that answer oddly: endless pages, repeats, HTML, records that cannot be understood."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from starlette.types import ASGIApp, Message, Receive, Send
from starlette.types import Scope as AsgiScope

from governance.errors import (
    GovernanceError,
    ProtocolError,
)
from resources.http_errors import Damaged
from sandbox.purview.face import Face
from sandbox.serving import Company, Served, serve
from tests.contracts.contract import EVERYTHING, read_all
from tests.contracts.test_purview import ALL, resource, scope_of

Json = Any

pytestmark = pytest.mark.xdist_group("purview")


class Rewriting:
    """The stand-in with some of its answers spoilt."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app
        self.spoil: Callable[[str, Json], bytes | Json] = lambda path, body: body

    async def __call__(self, scope: AsgiScope, receive: Receive, send: Send) -> None:
        messages: list[Message] = []

        async def keep(message: Message) -> None:
            messages.append(message)

        await self.app(scope, receive, keep)
        start = messages[0]
        body = b"".join(m.get("body", b"") for m in messages[1:])
        if start["status"] == 200:
            out = self.spoil(scope["path"], json.loads(body))
            body = out if isinstance(out, bytes) else json.dumps(out).encode()
        headers = [(k, v) for k, v in start["headers"] if k != b"content-length"]
        start["headers"] = [*headers, (b"content-length", str(len(body)).encode())]
        await send(start)
        await send({"type": "http.response.body", "body": body})


class OddFace(Face):
    def app(self) -> ASGIApp:
        self.rewriting = Rewriting(super().app())
        return self.rewriting


@pytest.fixture(scope="module")
def odd() -> Iterator[Served]:
    one = serve(OddFace(Company()))
    one.face.seed(one.url)
    yield one
    one.stop()


@pytest.fixture
def spoil(odd: Served, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str, Callable[[Json], Json]], None]]:
    assert isinstance(odd.face, OddFace)
    rewriting = odd.face.rewriting
    for name, value in odd.face.secrets().items():
        monkeypatch.setenv(name, value)

    def of(path: str, change: Callable[[Json], Json]) -> None:
        rewriting.spoil = lambda where, body: change(body) if where.endswith(path) else body

    yield of
    rewriting.spoil = lambda where, body: body


Spoil = Callable[[str, Callable[[Json], Json]], None]


@pytest.mark.parametrize("where", ["/search/query", "/account/collections"])
def test_pages_that_never_end_are_found_out(odd: Served, spoil: Spoil, where: str) -> None:
    more = {"continuationToken": None, "nextLink": "https://elsewhere.example/collections?api-version=1&$skipToken=x"}
    with resource(odd).reader() as reader:
        scope = scope_of(reader, "retail-sales")

        def endless(body: Json) -> Json:
            extra = {"nextLink": more["nextLink"]} if "account" in where else {"continuationToken": "again"}
            return {**body, **extra}

        spoil(where, endless)
        with pytest.raises(GovernanceError) as raised:
            _ = list(reader.read(scope, EVERYTHING)) if "search" in where else reader.scopes(EVERYTHING)
    assert raised.value.platform == "purview"


def test_a_repeated_page_with_ever_new_tokens_is_found_out(odd: Served, spoil: Spoil) -> None:
    with resource(odd).reader() as reader:
        scope = scope_of(reader, "retail-sales")
        first: list[Json] = []
        count = iter(range(1, 100))

        def repeat(body: Json) -> Json:
            first.append(body)
            return {**first[0], "continuationToken": f"token-{next(count)}"}

        spoil("/search/query", repeat)
        # the stand-in itself refuses a token that it has not given, so that what comes is an error either way
        with pytest.raises(ProtocolError):
            list(reader.read(scope, EVERYTHING))


def test_fewer_assets_than_the_search_counted_is_partial(odd: Served, spoil: Spoil) -> None:
    with resource(odd).reader() as reader:
        scope = scope_of(reader, "retail-crm")
        spoil("/search/query", lambda body: {**body, "value": body["value"][1:]})
        found = list(reader.read(scope, EVERYTHING))
        assert [r.code for p in found for r in p.reasons] == ["search_incomplete"]
        assert len([d for p in found for d in p.datasets]) == 3
        spoil("/search/query", lambda body: {**body, "value": body["value"][1:], "@search.count.approximate": True})
        assert [r for p in reader.read(scope, EVERYTHING) for r in p.reasons] == []


def test_the_same_asset_twice_counts_once(odd: Served, spoil: Spoil) -> None:
    with resource(odd).reader() as reader:
        scope = scope_of(reader, "retail-crm")
        expected = [d for p in reader.read(scope, EVERYTHING) for d in p.datasets]
        spoil("/search/query", lambda body: {**body, "value": body["value"] * 2})
        again = [d for p in reader.read(scope, EVERYTHING) for d in p.datasets]
    assert {d.qualified_name for d in again} == {d.qualified_name for d in expected}
    assert len(again) == len(expected) == 4


@pytest.mark.parametrize("answer", [b"<html>Sign in</html>", b"{}", b"[]", b'{"value": null}'])
def test_what_is_no_answer_of_purview_is_no_empty_collection(odd: Served, spoil: Spoil, answer: bytes) -> None:
    with resource(odd).reader() as reader:
        scope = scope_of(reader, "retail-crm")
        spoil("/search/query", lambda body: answer)
        with pytest.raises(Damaged if answer.startswith(b"<") else ProtocolError):
            list(reader.read(scope, EVERYTHING))


def test_columns_and_schemas_that_are_only_referred_to_are_read_in_bulk(odd: Served, spoil: Spoil) -> None:
    with resource(odd).reader() as reader:
        expected = read_all(reader)
        before = reader.meter.calls
        read_all(reader)
        usual = reader.meter.calls - before
        spoil("/entity/bulk", lambda body: {**body, "referredEntities": {}})
        before = reader.meter.calls
        assert read_all(reader) == expected
        # one more bulk read for the columns of each collection that has them with it
        assert reader.meter.calls - before <= usual + len(ALL)


def test_records_that_cannot_be_understood_are_quarantined_and_the_rest_is_read(odd: Served, spoil: Spoil) -> None:
    def headless(body: Json) -> Json:
        for entity in body["entities"]:
            if entity["typeName"] == "snowflake_table":
                del entity["attributes"]["qualifiedName"]
        return body

    with resource(odd).reader() as reader:
        scope = scope_of(reader, "retail-crm")
        spoil("/entity/bulk", headless)
        found = list(reader.read(scope, EVERYTHING))
        assert len([d for p in found for d in p.datasets]) == 3
        (record,) = [q for p in found for q in p.quarantined]
        assert "qualifiedName" in record.reason and record.payload["entity"]["typeName"] == "snowflake_table"
        assert len(record.payload["columns"]) == 10
        spoil("/search/query", lambda body: {**body, "value": [{**h, "id": None} for h in body["value"]]})
        found = list(reader.read(scope, EVERYTHING))
        assert len([q for p in found for q in p.quarantined]) == 4
