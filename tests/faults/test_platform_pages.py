"""Cases 14 to 17: listings whose pages repeat, overlap, never end, expire, or change while they are read."""

import re
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from governance.listing import Status
from resources.inventory.database import Inventory
from sandbox.faults import Exchange
from tests.faults.oracle import assert_equal, facts
from tests.fixtures.misbehaving import Misbehaving, on, statuses

Answer = dict[str, Any]
PAGED = on("databricks", "glue", "purview")
"""Those that page by tokens. Atlas is read by creation time, Snowflake sends one result."""

_WORDS = {
    "databricks": ("GET /api/2.1/unity-catalog/tables\\?", "tables", "next_page_token", "page_token"),
    "glue": ("AWSGlue.GetTables", "TableList", "NextToken", "NextToken"),
    "purview": ("search/query", "value", "continuationToken", "continuationToken"),
}
"""What matches the calls; where an answer has its records and the next token, where a question has it."""

_EXPIRED = {
    "databricks": {"error_code": "INVALID_PARAMETER_VALUE", "message": "The page token has expired."},
    "glue": {"__type": "InvalidInputException", "Message": "The pagination token is invalid or expired"},
    "purview": {"errorCode": "ATLAS-400-00-01A", "errorMessage": "The continuation token is not valid any more"},
}


class Pager:
    """Serves each scope's datasets in pages of two, and lets a test spoil them.

    Args:
        source: behind it.
        spoil: given scope, number of the page, its answer and the exchange; may change each.
    """

    def __init__(self, source: Misbehaving, spoil: Callable[[str, int, Answer, Exchange], None]) -> None:
        self.match, self.key, self.next, self.token = _WORDS[source.platform]
        self.spoil, self.all, self.calls = spoil, dict[str, Answer](), list[tuple[str, int]]()
        source.served.face.faults.tamper = self
        self.platform = source.platform

    def __call__(self, exchange: Exchange) -> None:
        if not re.search(self.match, exchange.line):
            return
        scope, number = self._asked(exchange)
        if not number:
            self.all[scope] = exchange.told()
        records = self.all[scope][self.key]
        if len(records) < 4 or self.all[scope].get(self.next):
            return
        self.calls.append((scope, number))
        answer = {**self.all[scope], self.key: records[2 * number : 2 * number + 2]}
        if 2 * number + 2 < len(records):
            answer[self.next] = f"page {number + 1}"
        exchange.say(answer)
        self.spoil(scope, number, answer, exchange)

    def _asked(self, exchange: Exchange) -> tuple[str, int]:
        if self.platform == "databricks":
            query = parse_qs(urlsplit(exchange.line.split(" ")[1]).query)
            asked: Answer = {key: values[-1] for key, values in query.items()}
            scope = f"{asked['catalog_name']}.{asked['schema_name']}"
        else:
            asked = exchange.asked()
            scope = asked["DatabaseName"] if self.platform == "glue" else asked["filter"]["collectionId"]
        token = str(asked.get(self.token) or "")
        return scope, int(token.removeprefix("page ").split("#")[0]) if token.startswith("page ") else 0


def nothing(scope: str, number: int, answer: Answer, exchange: Exchange) -> None:
    """Pages as they should be."""


@PAGED
def test_pages_of_two_are_read_to_the_end(source: Misbehaving, inventory: Inventory) -> None:
    pager = Pager(source, nothing)
    assert source.sync(inventory).summary.status == "complete"
    assert max(number for _, number in pager.calls) >= 1
    assert_equal(facts(inventory), source.undisturbed)


@PAGED
@pytest.mark.parametrize("how", ["overlapping", "doubled"])
def test_records_that_come_twice_count_once(source: Misbehaving, inventory: Inventory, how: str) -> None:
    def twice(scope: str, number: int, answer: Answer, exchange: Exchange) -> None:
        records = pager.all[scope][pager.key]
        before = records[max(0, 2 * number - 1) : 2 * number] if how == "overlapping" else answer[pager.key]
        exchange.say({**answer, pager.key: [*before, *answer[pager.key]]})

    pager = Pager(source, twice)
    result = source.sync(inventory)
    assert result.summary.status == "complete", result.summary.reasons
    assert_equal(facts(inventory), source.undisturbed)
    source.recovers(inventory)


@PAGED
def test_a_cursor_that_expired_begins_the_listing_again(source: Misbehaving, inventory: Inventory) -> None:
    struck: set[str] = set()

    def once(scope: str, number: int, answer: Answer, exchange: Exchange) -> None:
        if number == 1 and scope not in struck:
            struck.add(scope)
            exchange.headers["x-amzn-errortype"] = "InvalidInputException"
            exchange.say(_EXPIRED[source.platform], 400)

    pager = Pager(source, once)
    result = source.sync(inventory)
    assert result.summary.status == "complete", result.summary.reasons
    assert struck and all(pager.calls.count((scope, 0)) == 2 for scope in struck)
    assert_equal(facts(inventory), source.undisturbed)


@PAGED
def test_a_cursor_that_always_expires_is_given_up(source: Misbehaving, inventory: Inventory) -> None:
    def always(scope: str, number: int, answer: Answer, exchange: Exchange) -> None:
        if number == 1:
            exchange.headers["x-amzn-errortype"] = "InvalidInputException"
            exchange.say(_EXPIRED[source.platform], 400)

    pager = Pager(source, always)
    result = source.sync(inventory)
    spoilt = {scope for scope, _ in pager.calls}
    assert {scope: pager.calls.count((scope, 1)) for scope in spoilt} == dict.fromkeys(spoilt, 3)
    assert {n for n, o in result.outcomes.items() if o.status is not Status.COMPLETE} == spoilt
    source.recovers(inventory)


@PAGED
def test_the_same_next_token_for_ever_is_named(source: Misbehaving, inventory: Inventory) -> None:
    assert source.sync(inventory).summary.status == "complete"
    pager = Pager(source, lambda scope, number, answer, exchange: exchange.say({**answer, pager.next: "page 1"}))
    result = source.sync(inventory)
    odd = {n: o for n, o in result.outcomes.items() if o.status is not Status.COMPLETE}
    assert odd.keys() == {scope for scope, _ in pager.calls} and len(pager.calls) <= 4 * len(odd)
    for outcome in odd.values():
        assert not outcome.changed
        assert outcome.reasons[0].code == "protocol_error" and "'page 1'" in outcome.reasons[0].message
    assert_equal(facts(inventory)._replace(now=source.undisturbed.now), source.undisturbed)
    source.recovers(inventory)
    assert statuses(source.sync(inventory)) == {Status.COMPLETE}
