"""Work on the database that is done again, whole, after a fault of the database that may pass.

A connection that was cut, a server that restarts or is replaced, a conflict between transactions: the work's
transaction is gone, so all of it is done again, a bounded number of times, with jitter between. What waiting a moment
does not cure is not tried again: a full disk, a time-out that a person has set, a source that another run holds.
"""

import threading
from collections.abc import Callable
from typing import TypeVar

import structlog
from tenacity import (
    RetryCallState,
    Retrying,
    retry_if_exception,
    stop_after_attempt,
    wait_exponential,
    wait_random_exponential,
)

from governance.errors import Unavailable

T = TypeVar("T")

ATTEMPTS = 8
FIRST_WAIT, LONGEST_WAIT = 0.5, 10.0
"""Seconds; the ceiling doubles from one wait to the next, and the wait is anywhere in its upper half."""

log = structlog.get_logger(__name__)


def may_pass(error: BaseException) -> bool:
    """Whether the same work on the database may succeed in a moment."""
    return isinstance(error, Unavailable) and error.platform == "inventory"


class Attempts:
    """Does work again for one sync. Used by several threads."""

    def __init__(self) -> None:
        self._given_up = threading.Event()

    def __call__(self, what: str, work: Callable[[], T], most: int = ATTEMPTS) -> T:
        """The work's result. Once some work has failed for good, further work is tried once until some succeeds.

        Args:
            what: for the log.
            work: a whole transaction, with the look-up of whether an earlier attempt was committed after all.
            most: how often it is tried.

        Raises:
            GovernanceError: as the last attempt raised it.
        """
        try:
            result = retrying(what, 1 if self._given_up.is_set() else most)(work)
        except Unavailable as error:
            if may_pass(error):
                self._given_up.set()
            raise
        self._given_up.clear()
        return result


def retrying(what: str, most: int) -> Retrying:
    """Calls a function until it succeeds or fails otherwise than by a fault that may pass, `most` times at most."""

    def tell(state: RetryCallState) -> None:
        error = state.outcome.exception() if state.outcome else None
        log.warning("database.retry", work=what, attempt=state.attempt_number, error=str(error))

    return Retrying(
        retry=retry_if_exception(may_pass),
        stop=stop_after_attempt(most),
        # half of it for certain: all tries within one moment would be one try
        wait=wait_exponential(multiplier=FIRST_WAIT / 2, max=LONGEST_WAIT / 2)
        + wait_random_exponential(multiplier=FIRST_WAIT / 2, max=LONGEST_WAIT / 2),
        before_sleep=tell,
        reraise=True,
    )
