"""A platform that fails again and again is left alone for a while, so that the end of a sync is never far away."""

import threading

import structlog

from governance.errors import GovernanceError, Terminal, Throttled, Unavailable
from resources.policy import CallPolicy

log = structlog.get_logger(__name__)


class CircuitOpen(Unavailable):
    """The call was not made: too many before it failed in a row, and nothing has answered since."""


class Circuit:
    """Counts the calls of one source that were given up, one after the other, over all its threads.

    Any answer, a refusal too, closes it. Open, it lets no call through; after a rest one call tries, without a second
    attempt, and its end decides for all. Safe to use from several threads.

    Args:
        platform: the platform word, for messages.
        policy: when it opens and how long it rests.
    """

    def __init__(self, platform: str, policy: CallPolicy) -> None:
        self.platform, self.policy = platform, policy
        self._lock = threading.Lock()
        self._failures = 0
        self._answered_at: float | None = None
        self._opened_at: float | None = None
        self._rest = policy.circuit_rest
        self._trying = False
        self._last = ""

    @property
    def is_open(self) -> bool:
        """Whether calls are held back."""
        return self._opened_at is not None

    def admit(self, operation: str, now: float) -> bool:
        """Whether this call is the one that tries an open circuit.

        Raises:
            CircuitOpen: it must not be made.
        """
        with self._lock:
            if self._answered_at is None:
                self._answered_at = now
            if self._opened_at is None:
                return False
            left = self._opened_at + self._rest - now
            if left <= 0 and not self._trying:
                self._trying = True
                return True
            raise CircuitOpen(
                f"not asked: {self._failures} calls in a row have failed, the last one with: {self._last}",
                platform=self.platform,
                operation=operation,
                remedy="sync again when the platform answers; what was known is kept",
            )

    def ended(self, error: GovernanceError | None, now: float, *, given_up: bool) -> None:
        """How an attempt ended.

        Args:
            error: None for an answer.
            now: the time.
            given_up: whether there is no further attempt.
        """
        with self._lock:
            if error is None or isinstance(error, Terminal | Throttled):
                if self._opened_at is not None:
                    log.info("circuit.closed", platform=self.platform)
                self._failures, self._opened_at, self._trying = 0, None, False
                self._answered_at, self._rest = now, self.policy.circuit_rest
            elif given_up:
                self._failed(error, now)

    def released(self) -> None:
        """The call that tried ended in a defect of ours: another one may try."""
        with self._lock:
            self._trying = False

    def _failed(self, error: GovernanceError, now: float) -> None:
        self._failures += 1
        self._last = error.message
        silent = now - (now if self._answered_at is None else self._answered_at)
        if self._trying:
            self._rest = min(self._rest * 2, self.policy.deadline)
        elif self._failures < self.policy.circuit_failures and (self._failures < 3 or silent < self.policy.deadline):
            return
        if self._opened_at is None or self._trying:
            log.warning("circuit.open", platform=self.platform, failures=self._failures, rest=self._rest)
            self._opened_at = now
        self._trying = False
