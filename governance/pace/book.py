"""All that one reader has learned of its source's pace: by bucket, and by kind of bulk call."""

import threading
from collections.abc import Iterable
from dataclasses import dataclass, replace

from governance.pace.batch import BatchSize
from governance.pace.concurrency import Concurrency
from governance.pace.limits import PaceLimits
from governance.pace.memory import Kind, Learned, Remembered, faded_batch, faded_concurrency, faded_rate
from governance.pace.rate import Rate


@dataclass
class Bucket:
    """What is metered together: its rate, its calls at once where those are learned, and how it answered."""

    rate: Rate
    at_once: Concurrency | None
    calls: int = 0
    throttled: int = 0
    answers: int = 0
    seconds: float = 0.0

    @property
    def latency_ms(self) -> float | None:
        """Of an answer on average."""
        return 1000 * self.seconds / self.answers if self.answers else None


class Paces:
    """The buckets and bulk calls of one reader, made when they are first used. Safe to use from several threads."""

    def __init__(self, limits: PaceLimits | None = None) -> None:
        self.limits = limits or PaceLimits()
        self._buckets: dict[str, Bucket] = {}
        self._batches: dict[str, BatchSize] = {}
        self._remembered: dict[tuple[str, Kind], Remembered] = {}
        self._lock = threading.Lock()

    def remember(self, rows: Iterable[Remembered]) -> None:
        """Begins with what earlier runs have learned; before the first call."""
        with self._lock:
            self._remembered.update({(row.bucket, row.kind): row for row in rows})
            for name, batch in self._batches.items():
                batch.begin_with(self._size(name, batch.most))

    def narrow(self, at_once: int) -> None:
        """Bounds what is learned by the calls that are made at once at most; before the first call."""
        if self.limits.at_once is not None:
            self.limits = replace(self.limits, at_once=min(self.limits.at_once, at_once))

    def bucket(self, platform: str, operation: str) -> Bucket:
        """The bucket that a call is drawn from."""
        name = self.limits.bucket(platform, operation)
        with self._lock:
            if name not in self._buckets:
                self._buckets[name] = Bucket(self._rate(name), self._at_once(name))
            return self._buckets[name]

    def batch(self, name: str, most: int) -> BatchSize:
        """The size of a kind of bulk call.

        Args:
            name: of the operation.
            most: what one call may ask for.
        """
        with self._lock:
            if name not in self._batches:
                self._batches[name] = BatchSize(most, self._size(name, most))
            return self._batches[name]

    def count(self, bucket: Bucket, *, seconds: float | None, throttled: bool) -> None:
        """Notes a call; `seconds` until its answer, None where there was none."""
        with self._lock:
            bucket.calls += 1
            bucket.throttled += throttled
            if seconds is not None:
                bucket.answers += 1
                bucket.seconds += seconds

    def learned(self) -> list[Learned]:
        """What is known at this moment, by bucket."""
        with self._lock:
            return [
                *(row for name, bucket in sorted(self._buckets.items()) for row in self._of_bucket(name, bucket)),
                *(
                    Learned(name, "batch", batch.value, batch.most, 0, 0, None)
                    for name, batch in sorted(self._batches.items())
                ),
            ]

    def _of_bucket(self, name: str, of: Bucket) -> Iterable[Learned]:
        seen = (of.calls, of.throttled, of.latency_ms)
        yield Learned(name, "rate", of.rate.rate, of.rate.most, *seen)
        if of.at_once is not None:
            yield Learned(name, "concurrency", of.at_once.value, of.at_once.most, *seen)

    def _rate(self, name: str) -> Rate:
        most = self.limits.per_second
        was = self._remembered.get((name, "rate"))
        return Rate(most=most, learned=faded_rate(was.value, was.age_hours, most) if was else None)

    def _at_once(self, name: str) -> Concurrency | None:
        most, first = self.limits.at_once, self.limits.first
        if most is None:
            return None
        was = self._remembered.get((name, "concurrency"))
        return Concurrency(most, faded_concurrency(was.value, was.age_hours, first, most) if was else first)

    def _size(self, name: str, most: int) -> float:
        was = self._remembered.get((name, "batch"))
        return faded_batch(was.value, was.age_hours, most) if was else most
