"""Cases 12, 13, 22 and 23: a platform that is down, in part or for long, that drips, hangs, or cannot be trusted."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.types import ASGIApp

from governance.errors import DeadlineExceeded, GovernanceError, TlsError, Unavailable
from governance.filters import NameFilter
from governance.listing import Scope, Status
from resources.inventory.database import Inventory
from resources.source import Reader
from tests.faults.oracle import assert_equal, facts
from tests.fixtures.certificates import expired
from tests.fixtures.glue import saying, serving
from tests.fixtures.misbehaving import Misbehaving, on, reasons

EVERYTHING = NameFilter()
STARTED = {"atlas": 6, "databricks": 14, "glue": 7, "purview": 8, "snowflake": 14}
"""Calls after which the first scopes have been read."""


@on()
def test_a_platform_that_is_down_for_long(source: Misbehaving, inventory: Inventory) -> None:
    """The scopes read before are kept; the others fail at once, and not each after its last attempt."""
    source.faults({"action": "fail", "status": 503, "after": STARTED[source.platform]})
    begun = time.monotonic()
    result = source.bounded(inventory, {"circuit_failures": 3}, threads=1, attempts=2)
    took = time.monotonic() - begun
    struck = source.served.face.faults.listed()[0]["struck"]
    assert result.summary.status in ("partial", "failed")
    assert "circuit_open" in reasons(result) and struck <= 7, (struck, reasons(result))
    assert took < 30
    unread = [o for o in result.outcomes.values() if o.status is not Status.COMPLETE]
    assert unread and all(o.reasons[0].remedy or o.reasons[0].message for o in unread)
    source.recovers(inventory)


@pytest.mark.faults
@on()
def test_a_platform_that_goes_down_while_everything_is_known(source: Misbehaving, inventory: Inventory) -> None:
    assert source.sync(inventory).summary.status == "complete"
    source.faults({"action": "fail", "status": 503, "after": STARTED[source.platform]})
    result = source.bounded(inventory, {"circuit_failures": 3}, attempts=1)
    assert result.summary.status in ("partial", "failed")
    assert_equal(facts(inventory)._replace(now=source.undisturbed.now), source.undisturbed)
    source.recovers(inventory)


THIRD: dict[str, tuple[str, dict[str, Any], str, int]] = {
    "atlas": ("hive_table", {"page_size": 3}, "search/basic.*hive_table", 5),
    "databricks": ("main.sales", {}, "unity-catalog/tables.*schema_name=sales", 8),
    "purview": ("retail-sales", {"page_size": 2}, "search/query.*retail-sales", 1),
}
"""A scope, fields that give it small pages, its page calls, and the datasets on the first two pages."""


@on(*THIRD)
def test_page_three_fails_for_good(source: Misbehaving, inventory: Inventory) -> None:
    scope, fields, match, before = THIRD[source.platform]
    rule = {"action": "fail", "status": 500, "match": match, "after": 2}
    source.faults(rule)
    result = source.sync(inventory, source=source.tuned(attempts=2, **fields))
    outcome = result.outcomes[scope]
    assert (outcome.status, outcome.counts["datasets"]) == (Status.PARTIAL, before), outcome
    assert {n for n, o in result.outcomes.items() if o.status is not Status.COMPLETE} == {scope}
    source.recovers(inventory)
    source.faults(rule)
    again = source.sync(inventory, source=source.tuned(attempts=2, **fields))
    assert again.outcomes[scope].status is Status.PARTIAL and not again.outcomes[scope].changed
    source.recovers(inventory)


LISTINGS = {
    "atlas": "search/basic",
    "databricks": "unity-catalog/tables",
    "glue": "GetTables",
    "purview": "search/query",
    "snowflake": "query-request",
}


def read(reader: Reader, scopes: tuple[Scope, ...]) -> None:
    for scope in scopes:
        list(reader.read(scope, EVERYTHING))


@on()
@pytest.mark.parametrize("action", ["drip", *(pytest.param(a, marks=pytest.mark.faults) for a in ("stall", "slow"))])
def test_a_line_that_drips_or_hangs(source: Misbehaving, inventory: Inventory, action: str) -> None:
    """`drip`: bytes keep coming, so that no read ever times out. `stall`, `slow`: half open, nothing comes any more."""
    fields = {"attempts": 2, "deadline_seconds": 2, "read_timeout_seconds": 1}
    with source.resource(**fields).reader() as reader:
        scopes = reader.scopes(EVERYTHING).scopes
        seconds = 0.2 if action == "drip" else 6
        source.faults({"action": action, "match": LISTINGS[source.platform], "seconds": seconds})
        begun = time.monotonic()
        with pytest.raises((DeadlineExceeded, Unavailable)) as raised:
            read(reader, scopes)
        took = time.monotonic() - begun
    assert isinstance(raised.value, DeadlineExceeded) or source.platform == "snowflake", raised.value
    # a page that takes too long is asked for in halves where the platform lets us, each within the deadline
    assert took < 24, took
    source.recovers(inventory)


# --- names and certificates ---


def elsewhere(source: Misbehaving, url: str, authority: Path | None = None) -> dict[str, Any]:
    """Fields of the connection that lead to another address."""
    host, _, port = url.partition("://")[2].partition(":")
    trusted = {"ca_bundle": str(authority)} if authority else {}
    match source.platform:
        case "snowflake":
            return {"host": host, "port": int(port or 443), "protocol": url.partition("://")[0]}
        case "purview":
            return {"endpoint": url, "authority": url, "account_endpoint": url, **trusted}
        case platform:
            field = {"atlas": "url", "databricks": "host", "glue": "endpoint_url"}[platform]
            return {field: url, **trusted}


@on()
def test_a_name_that_nobody_knows(source: Misbehaving) -> None:
    fields = elsewhere(source, "https://no-such-host.invalid")
    begun = time.monotonic()
    with source.resource({"first_contact": 2.0}, attempts=3, connect_timeout_seconds=2, **fields).reader() as reader:
        with pytest.raises(Unavailable) as raised:
            reader.scopes(EVERYTHING)
    assert "no-such-host.invalid" in raised.value.message and raised.value.remedy, raised.value
    assert raised.value.platform == source.platform
    assert time.monotonic() - begun < 15


@pytest.fixture
def outdated(tmp_path: Path) -> Iterator[tuple[str, Path]]:
    """A server whose certificate ended yesterday, and the authority that signed it."""
    authority, *files = expired(tmp_path)
    application: ASGIApp = saying(b"{}", "application/json")
    with serving(application, (files[0], files[1])) as served:
        yield served.url, authority


@on()
@pytest.mark.parametrize("trusted", [True, False], ids=["expired", "unknown"])
def test_a_certificate_that_is_not_to_be_trusted(
    source: Misbehaving, outdated: tuple[str, Path], trusted: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is no matter of trying again: one call, and what to do."""
    url, authority = outdated
    if trusted and source.platform == "snowflake":
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(authority))
    begun = time.monotonic()
    with source.resource(**elsewhere(source, url, authority if trusted else None)).reader() as reader:
        with pytest.raises(GovernanceError) as raised:
            reader.scopes(EVERYTHING)
        assert reader.meter.snapshot()["calls"] == 1 and reader.meter.snapshot()["retries"] == 0
    assert type(raised.value) is TlsError and raised.value.remedy, raised.value
    assert time.monotonic() - begun < 10
