"""The pace of a source in effect: learned from the sandbox's misbehaviour, bounded, kept for the next run, shown."""

import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from assets.integrations.pace import kept_pace
from governance.filters import NameFilter
from governance.listing import Scope
from governance.pace import Learned
from resources.inventory import pace
from resources.inventory.database import Inventory
from resources.source import Reader
from sandbox.faults import Exchange
from tests.fixtures.misbehaving import Misbehaving, on

EVERYTHING = NameFilter()
THREADS = 8


def read_with_threads(reader: Reader, scopes: Sequence[Scope], times: int) -> float:
    """Reads the scopes over and over, eight at once; the seconds it took."""

    def one(scope: Scope) -> int:
        return sum(len(page.datasets) for page in reader.read(scope, EVERYTHING))

    begun = time.monotonic()
    with ThreadPoolExecutor(THREADS) as pool:
        assert sum(pool.map(one, [*scopes] * times)) > 0
    return time.monotonic() - begun


def learned(reader: Reader, kind: str, bucket: str) -> Learned:
    return next(one for one in reader.meter.paces.learned() if (one.kind, one.bucket) == (kind, bucket))


class Queue:
    """Works on one call after the other, as a server does that has one core; counts those that wait together."""

    def __init__(self, seconds: float) -> None:
        self.seconds, self.waiting, self.seen = seconds, 0, list[int]()
        self._turn, self._counting = threading.Lock(), threading.Lock()

    def __call__(self, exchange: Exchange) -> None:
        with self._counting:
            self.waiting += 1
            self.seen.append(self.waiting)
        with self._turn:
            time.sleep(self.seconds)
        with self._counting:
            self.waiting -= 1


# --- calls at once ---


@on("atlas")
def test_a_source_that_only_takes_its_time_is_asked_for_more_at_once(source: Misbehaving) -> None:
    with source.resource().reader() as reader:
        scopes = reader.scopes(EVERYTHING).scopes
        before = reader.meter.snapshot()
        source.faults({"action": "slow", "seconds": 0.3})
        took = read_with_threads(reader, scopes, 10)
        calls = reader.meter.snapshot()["calls"] - before["calls"]
        found = learned(reader, "concurrency", "atlas")
    assert found.bound == 8 and found.value is not None and found.value >= 5, found
    assert found.latency_ms is not None and 250 <= found.latency_ms
    # four at once, where it begins, would have taken 0.3 s for each four
    assert took < 0.85 * calls * 0.3 / 4, (took, calls)


@on("atlas")
def test_a_source_that_queues_is_asked_for_less_at_once(source: Misbehaving) -> None:
    queue = Queue(seconds=0.02)
    with source.resource().reader() as reader:
        scopes = reader.scopes(EVERYTHING).scopes
        source.tamper("", queue)
        read_with_threads(reader, scopes, 16)
        found = learned(reader, "concurrency", "atlas")
    assert found.value is not None and found.value <= 3, found
    late = queue.seen[len(queue.seen) // 2 :]
    assert max(queue.seen) <= 8 and sum(late) / len(late) < 3.5


@on("snowflake")
def test_statements_are_bounded_by_what_a_warehouse_runs_at_once(source: Misbehaving) -> None:
    with source.resource(calls_at_once=2).reader() as reader:
        read_with_threads(reader, reader.scopes(EVERYTHING).scopes, 2)
        mine = learned(reader, "concurrency", "snowflake")
    assert mine.bound == 2 and mine.value is not None and mine.value <= 2
    with source.resource().reader() as reader:
        assert reader.scopes(EVERYTHING).scopes
        assert learned(reader, "concurrency", "snowflake").bound == 8


# --- calls a second ---


class Bucket:
    """A token bucket in front of a server, which refuses as AWS does."""

    def __init__(self, rate: float) -> None:
        self.rate, self.tokens, self.at = rate, 1.0, time.monotonic()
        self.refused = self.served = 0
        self._lock = threading.Lock()

    def __call__(self, exchange: Exchange) -> None:
        with self._lock:
            now = time.monotonic()
            self.tokens, self.at = min(2.0, self.tokens + (now - self.at) * self.rate), now
            if served := self.tokens >= 1:
                self.tokens -= 1
            self.served += served
            self.refused += not served
        if not served:
            exchange.headers["x-amzn-errortype"] = "ThrottlingException"
            exchange.say({"__type": "ThrottlingException", "Message": "Rate exceeded"}, 400)


@on("purview")
def test_a_documented_rate_is_kept(source: Misbehaving) -> None:
    """25 operations a second are a capacity unit of Purview; a source's own number takes its place."""
    with source.resource(calls_per_second=10).reader() as reader:
        begun = time.monotonic()
        scopes = reader.scopes(EVERYTHING).scopes
        read_with_threads(reader, scopes, 4)
        took, found = time.monotonic() - begun, learned(reader, "rate", "purview")
    assert (found.value, found.bound, found.throttled) == (None, 10, 0)
    assert found.calls > 20 and found.calls <= 10 * (took + 1) + 1
    with source.resource().reader() as reader:
        assert reader.scopes(EVERYTHING).scopes
        assert learned(reader, "rate", "purview").bound == 25


@on("glue")
def test_the_next_run_begins_with_the_rate_that_was_learned(source: Misbehaving, inventory: Inventory) -> None:
    source.sync(inventory)
    first, second = Bucket(rate=15), Bucket(rate=15)
    run(source, inventory, "first", first)
    (row,) = rate_rows(source, inventory)
    assert (row.run_id, row.throttled, row.bound) == ("first", first.refused, None)
    assert row.calls == first.served + first.refused
    assert row.value is not None and 3 <= row.value <= 30
    run(source, inventory, "second", second)
    assert 0 < first.refused and second.refused <= first.refused / 2, (first.refused, second.refused)
    assert [row.run_id for row in rate_rows(source, inventory)] == ["second"]


@on("glue")
def test_what_was_learned_long_ago_holds_nobody_back(source: Misbehaving, inventory: Inventory) -> None:
    source.sync(inventory)
    pace.keep(inventory, source.name, "slow", [Learned("glue", "rate", 2.0, None, 1, 1, None)])
    calls, held = run(source, inventory, "bound", None)
    assert held > 0.3 * calls
    (row,) = rate_rows(source, inventory)
    assert row.value is not None and 2 <= row.value < 8 and row.throttled == 0
    with inventory.connection() as conn:
        conn.execute("UPDATE inventory.source_pace SET updated_at = updated_at - interval '8 days'")
    _, held = run(source, inventory, "free", None)
    assert held == 0 and [row.value for row in rate_rows(source, inventory)] == [None]


@on("glue")
def test_rates_and_whole_numbers_of_calls_are_kept_together(source: Misbehaving, inventory: Inventory) -> None:
    source.sync(inventory)
    learned = [
        Learned("mixed", "rate", 2.5, None, 3, 1, 12.5),
        Learned("mixed", "concurrency", 4, 8, 3, 0, None),
        Learned("mixed", "batch", None, 100, 1, 0, 7),
    ]
    pace.keep(inventory, source.name, "mixed", learned)
    kept = {
        row.kind: (row.value, row.bound, row.calls)
        for row in pace.rows(inventory, source.name)
        if row.bucket == "mixed"
    }
    assert kept == {"rate": (2.5, None, 3), "concurrency": (4.0, 8.0, 3), "batch": (None, 100.0, 1)}


def run(source: Misbehaving, inventory: Inventory, run_id: str, bucket: Bucket | None) -> tuple[float, float]:
    """Reads for a while as one run does; its calls, and the seconds they were held up."""
    source.calm()
    if bucket is not None:
        source.tamper("AWSGlue", bucket)
    with source.resource(attempts=12).reader() as reader:
        with kept_pace(reader.meter, inventory, source.name, run_id, THREADS):
            read_with_threads(reader, reader.scopes(EVERYTHING).scopes, 2 if bucket is None else 10)
        meter = reader.meter.snapshot()
    return meter["calls"], meter["paced"]


def rate_rows(source: Misbehaving, inventory: Inventory) -> list[pace.PaceRow]:
    return [row for row in pace.rows(inventory, source.name) if (row.bucket, row.kind) == ("glue", "rate")]


@on("glue")
def test_a_sync_that_fails_keeps_what_it_has_learned(source: Misbehaving, inventory: Inventory) -> None:
    source.sync(inventory)
    source.tamper("GetTables", lambda exchange: exchange.say({"__type": "ThrottlingException"}, 400))
    result = source.bounded(inventory, {"attempts": 2, "first_wait": 0.01})
    assert result.summary.status == "failed"
    (row,) = rate_rows(source, inventory)
    assert row.throttled > 0 and row.value is not None


# --- records in one call ---


@on("atlas")
def test_the_next_run_begins_with_the_batches_that_were_taken(source: Misbehaving, inventory: Inventory) -> None:
    """Behind something that takes no address with more than four guids."""
    source.faults({"action": "fail", "match": r"entity/bulk/?\?(guid=[^&]+&){5,}", "status": 414})
    struck = []
    for _ in range(2):
        assert source.sync(inventory, threads=2).summary.status == "complete"
        struck.append(source.served.face.faults.listed()[0]["struck"])
    (row,) = [r for r in pace.rows(inventory, source.name) if r.kind == "batch"]
    assert (row.bucket, row.bound) == ("atlas:entity/bulk", 100) and row.value is not None and row.value <= 8
    assert struck[0] >= 2 and struck[1] - struck[0] < struck[0]


@on("atlas")
@pytest.mark.parametrize("action", ["garble", "cut"])
def test_a_batch_whose_answer_cannot_be_read_is_asked_for_in_parts(
    source: Misbehaving, inventory: Inventory, action: str
) -> None:
    source.faults({"action": action, "match": r"entity/bulk/?\?(guid=[^&]+&){3,}"})
    result = source.sync(inventory, threads=2)
    assert result.summary.status == "complete", result.summary.reasons
    (row,) = [r for r in pace.rows(inventory, source.name) if r.kind == "batch"]
    assert row.value is not None and row.value < 10
    source.recovers(inventory)


@on("databricks")
@pytest.mark.parametrize(
    "fault", [*({"action": "fail", "status": status} for status in (408, 413, 414, 504)), {"action": "garble"}], ids=str
)
def test_pages_of_tables_that_are_too_much_are_halved(
    source: Misbehaving, inventory: Inventory, fault: dict[str, Any]
) -> None:
    whole = r"unity-catalog/tables\?(?!.*omit_columns).*max_results=(0|25|12)\b"
    source.faults({**fault, "match": whole})
    result = source.sync(inventory, threads=2)
    assert result.summary.status == "complete", result.summary.reasons
    (row,) = [r for r in pace.rows(inventory, source.name) if r.kind == "batch"]
    assert row.bucket.endswith("/tables") and row.bound == 50 and row.value in (6, 12)
    struck = source.served.face.faults.listed()[0]["struck"]
    assert 3 <= struck <= 8, "three sizes for each thread, and a larger one once in a while"
    source.recovers(inventory)
