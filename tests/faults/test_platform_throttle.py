"""Cases 10 and 11: a platform that throttles is waited for as it says, and asked at a rate that it takes."""

import threading
import time
from collections.abc import Sequence

import pytest

from governance.errors import DeadlineExceeded
from governance.filters import NameFilter
from governance.listing import Scope
from resources.inventory.database import Inventory
from resources.source import Reader
from sandbox.faults import Exchange
from tests.fixtures.misbehaving import Misbehaving, on

EVERYTHING = NameFilter()
TELLS = on("atlas", "databricks", "purview")
"""Those whose SDK lets us see a Retry-After: AWS sends none, Snowflake's connector keeps it to itself."""


@TELLS
@pytest.mark.parametrize("dated", [False, True], ids=["seconds", "date"])
def test_a_retry_after_is_waited_for(source: Misbehaving, inventory: Inventory, dated: bool) -> None:
    source.faults({"action": "throttle", "match": source.pages, "times": 1, "seconds": 2, "dated": dated})
    with source.resource().reader() as reader:
        begun = time.monotonic()
        for scope in reader.scopes(EVERYTHING).scopes:
            list(reader.read(scope, EVERYTHING))
        took, meter = time.monotonic() - begun, reader.meter.snapshot()
    # a date knows whole seconds only, and is a moment old when it comes
    assert meter["throttled"] == 1 and took >= meter["waited"]
    assert 0.5 <= meter["waited"] <= 2 if dated else meter["waited"] == 2
    source.recovers(inventory)


@TELLS
def test_a_retry_after_of_hours_is_capped_and_the_deadline_holds(source: Misbehaving) -> None:
    source.faults({"action": "throttle", "times": 1, "seconds": 7200, "match": "collections|typedefs|catalogs"})
    with source.resource({"longest_wait": 1.0}).reader() as reader:
        assert reader.scopes(EVERYTHING).scopes
        assert 1.0 <= reader.meter.snapshot()["waited"] < 1.1
    source.faults({"action": "throttle", "seconds": 7200, "match": "collections|typedefs|catalogs"})
    begun = time.monotonic()
    with source.resource(deadline_seconds=5).reader() as reader, pytest.raises(DeadlineExceeded) as raised:
        reader.scopes(EVERYTHING)
    assert time.monotonic() - begun < 3 and raised.value.remedy


class Bucket:
    """A token bucket in front of a server, which refuses as AWS does: HTTP 400 and a code."""

    def __init__(self, rate: float) -> None:
        self.rate, self.tokens, self.at = rate, rate / 2, time.monotonic()
        self.ends: list[tuple[float, bool]] = []
        self._lock = threading.Lock()

    def __call__(self, exchange: Exchange) -> None:
        with self._lock:
            now = time.monotonic()
            self.tokens, self.at = min(self.rate / 2, self.tokens + (now - self.at) * self.rate), now
            served = self.tokens >= 1
            self.tokens -= served
            self.ends.append((now, served))
        if not served:
            exchange.headers["x-amzn-errortype"] = "ThrottlingException"
            exchange.say({"__type": "ThrottlingException", "Message": "Rate exceeded"}, 400)


@on("glue")
def test_a_throttled_source_is_asked_at_the_rate_it_takes(source: Misbehaving, inventory: Inventory) -> None:
    bucket = Bucket(rate=15)
    source.tamper("AWSGlue", bucket)
    with source.resource(attempts=12).reader() as reader:
        scopes = reader.scopes(EVERYTHING).scopes * 12
        threads = [threading.Thread(target=_read, args=(reader, scopes[n::6])) for n in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        meter = reader.meter.snapshot()
    served = [at for at, ok in bucket.ends if ok]
    refused = [at for at, ok in bucket.ends if not ok]
    assert len(served) == len(scopes) + 1, "every page was read in the end"
    assert meter["throttled"] == len(refused) > 0 and meter["paced"] > 0
    middle = (bucket.ends[0][0] + bucket.ends[-1][0]) / 2
    late = [at for at in refused if at > middle]
    assert len(late) < 0.35 * len([at for at in served if at > middle]), (len(late), len(refused))
    source.recovers(inventory)


def _read(reader: Reader, scopes: Sequence[Scope]) -> None:
    for scope in scopes:
        list(reader.read(scope, EVERYTHING))


@pytest.mark.faults
@on("glue")
def test_a_sync_against_a_bucket_is_complete(source: Misbehaving, inventory: Inventory) -> None:
    source.tamper("AWSGlue", Bucket(rate=8))
    result = source.sync(inventory, threads=6)
    assert result.summary.status == "complete", result.summary.reasons
    source.recovers(inventory)
