"""Every call to a platform goes through a `Caller`: counted, retried by error class, bounded in time.

The platform's client says what an SDK exception means (`classify`); what to do about it is decided here, once.
"""

import random
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TypeVar

import structlog

from governance.errors import DeadlineExceeded, GovernanceError, ProtocolError, Throttled, Transient, Unavailable
from governance.pace import Paces
from governance.pace.book import Bucket
from resources.circuit import Circuit, CircuitOpen
from resources.policy import CallPolicy

__all__ = ["CallPolicy", "Caller", "CircuitOpen", "Meter"]

T = TypeVar("T")

log = structlog.get_logger(__name__)


@dataclass
class Meter:
    """What a reader did so far; safe to read while it works."""

    calls: int = 0
    pages: int = 0
    throttled: int = 0
    retries: int = 0
    seconds: float = 0.0
    waited: float = 0.0
    paced: float = 0.0
    paces: Paces = field(default_factory=Paces, repr=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def add(self, **amounts: float) -> None:
        """Adds to the counters of these names."""
        with self._lock:
            for name, amount in amounts.items():
                setattr(self, name, getattr(self, name) + amount)

    def snapshot(self) -> dict[str, float]:
        """The counters as plain numbers; seconds are summed over threads."""
        with self._lock:
            return {
                "calls": self.calls,
                "pages": self.pages,
                "throttled": self.throttled,
                "retries": self.retries,
                "seconds": round(self.seconds, 3),
                "waited": round(self.waited, 3),
                "paced": round(self.paced, 3),
            }


class _Attempt:
    """One call: keeps the error it ended with, in our words; what is not the platform's goes on up.

    Every SDK has an exception tree of its own, so it is the client's `classify` that tells, not an except clause.
    """

    def __init__(
        self, platform: str, classify: Callable[[Exception, str], GovernanceError | None], operation: str
    ) -> None:
        self._platform, self._classify, self._operation = platform, classify, operation
        self.error: GovernanceError | None = None
        self.is_known = False
        """Whether it ended in an answer or in an error of the platform."""

    def __enter__(self) -> "_Attempt":
        return self

    def __exit__(self, kind: type[BaseException] | None, raised: BaseException | None, trace: object) -> bool:
        if isinstance(raised, GovernanceError):
            self.error = raised
        elif isinstance(raised, RecursionError):
            # whatever reads answers, in an SDK or here, gives up at the same depth
            self.error = ProtocolError(
                "the answer is nested deeper than can be read",
                platform=self._platform,
                operation=self._operation,
                remedy="see what answers at the source's address: no server of this kind gives such an answer",
            )
            self.error.__cause__ = raised
        elif isinstance(raised, Exception):
            self.error = self._classify(raised, self._operation)
            if self.error is not None:
                self.error.__cause__ = raised
        self.is_known = raised is None or self.error is not None
        return self.error is not None


class Caller:
    """Runs calls of one reader.

    Args:
        platform: the platform word, for messages.
        classify: turns an exception of the SDK into a GovernanceError; None means it is not the platform's
            (a defect of ours), and the exception goes up as it is.
        policy: the bounds.
        meter: where to count.
        sleep: replaced in tests.
    """

    def __init__(
        self,
        platform: str,
        classify: Callable[[Exception, str], GovernanceError | None],
        policy: CallPolicy | None = None,
        meter: Meter | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.platform = platform
        self.classify = classify
        self.policy = policy or CallPolicy()
        self.meter = meter or Meter()
        self._sleep = sleep
        self._answered = False
        self.paces = self.meter.paces
        self.paces.limits = self.policy.pace
        self.circuit = Circuit(platform, self.policy)

    def __call__(self, operation: str, call: Callable[[], T]) -> T:
        """The call's result, after retries of Transient errors within the deadline.

        Raises:
            GovernanceError: Terminal at once; Transient when attempts or time are used up, or the circuit is open.
        """
        started, attempt = time.monotonic(), 0
        bucket = self.paces.bucket(self.platform, operation)
        self._keep_pace(bucket)
        while True:
            attempt += 1
            tries = self.circuit.admit(operation, time.monotonic())
            this = _Attempt(self.platform, self.classify, operation)
            try:
                with self._among_others(bucket, operation, this), this:
                    result = call()
            finally:
                if tries and not this.is_known:
                    self.circuit.released()
            error, now = this.error, time.monotonic()
            if error is None:
                self._answered = True
                bucket.rate.answered()
                self.circuit.ended(None, now, given_up=True)
                return result
            attempts = self.policy.attempts if tries else attempt
            wait = self._wait_before_next(error, operation, bucket, attempts, started)
            self.circuit.ended(error, now, given_up=False)
            self.meter.add(retries=1, waited=wait)
            self._sleep(wait)

    def _keep_pace(self, bucket: Bucket) -> None:
        wait = bucket.rate.slot(time.monotonic())
        if wait > 0:
            self.meter.add(paced=wait)
            self._sleep(wait)

    @contextmanager
    def _among_others(self, bucket: Bucket, operation: str, this: _Attempt) -> Iterator[None]:
        """Holds a place among the calls that are made at once, and counts what came of this one."""
        at_once, filled = bucket.at_once, 0
        if at_once is not None:
            asked = time.monotonic()
            filled = at_once.begin()
            self.meter.add(paced=time.monotonic() - asked)
        begun = time.monotonic()
        try:
            yield
        finally:
            took = time.monotonic() - begun
            if at_once is not None:
                at_once.end()
            throttled, answered = isinstance(this.error, Throttled), this.is_known and this.error is None
            self.meter.add(calls=1, seconds=took, throttled=int(throttled))
            self.paces.count(bucket, seconds=took if answered else None, throttled=throttled)
            if at_once is not None and filled and answered:
                at_once.answered(operation, took, filled)

    def _wait_before_next(
        self, error: GovernanceError, operation: str, bucket: Bucket, attempt: int, started: float
    ) -> float:
        """Seconds to wait, or raises where there is no next attempt."""
        now = time.monotonic()
        if not isinstance(error, Transient) or attempt >= self.policy.attempts:
            raise self._given_up(error, error)
        wait = self._backoff(error, attempt)
        if isinstance(error, Throttled):
            bucket.rate.throttled(now, wait if error.retry_after is not None else 0.0)
            if bucket.at_once is not None:
                bucket.at_once.refused()
        wait = max(wait, bucket.rate.slot(now))
        elapsed = now - started
        unmet = isinstance(error, Unavailable) and error.retry_after is None and not self._answered
        if unmet and elapsed + wait > self.policy.first_contact:
            # nothing has ever answered: a wrong address, rather than a bad moment
            raise self._given_up(error, error)
        if elapsed + wait > self.policy.deadline:
            late = DeadlineExceeded(
                f"{operation} did not succeed within {self.policy.deadline:.0f} s: {error.message}",
                platform=self.platform,
                operation=operation,
                remedy="try again later, or raise this source's deadline",
            )
            raise self._given_up(late, error) from error
        log.info(
            "call.retry",
            platform=self.platform,
            operation=operation,
            attempt=attempt,
            wait=round(wait, 2),
            error=error.code,
        )
        return wait

    def _given_up(self, raised: GovernanceError, error: GovernanceError) -> GovernanceError:
        """The error to raise, once the circuit knows what ended the call."""
        self.circuit.ended(error, time.monotonic(), given_up=True)
        return raised

    def _backoff(self, error: Transient, attempt: int) -> float:
        """Retry-After where the platform said so, else exponential with full jitter (AWS Architecture Blog, 2015)."""
        if isinstance(error, Throttled | Unavailable) and error.retry_after is not None:
            return min(max(error.retry_after, 0.0), self.policy.longest_wait)
        ceiling = min(self.policy.first_wait * 2 ** (attempt - 1), self.policy.longest_wait)
        return random.uniform(ceiling / 2, ceiling)
