"""The transactions of one open run of a source or facet: what every one of them needs, whatever it writes."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import TypeVar

import psycopg
import structlog

from governance.errors import GovernanceError, Unavailable
from governance.listing import Reason
from resources.inventory.attempts import Attempts
from resources.inventory.database import Inventory

_TICK = timedelta(microseconds=1)

T = TypeVar("T")

log = structlog.get_logger(__name__)


class Transactions:
    """Used by several threads.

    Args:
        inventory: where they take place.
        renew: takes the run's lock again where its connection was lost.
        check_fence: refuses to go on where a later run took over, and tells the database's time; asked at the
            beginning of a transaction, and with True, for an answer that holds until the commit, at its end.
        clock: the latest timestamp that there was before.
    """

    def __init__(
        self,
        inventory: Inventory,
        renew: Callable[[], None],
        check_fence: Callable[[psycopg.Connection, bool], datetime],
        clock: datetime,
    ) -> None:
        self._inventory, self._renew, self._check_fence = inventory, renew, check_fence
        self._last = clock
        self._lock = threading.Lock()
        # more threads than connections wait here, where no time-out counts; one is left for who looks on
        self._places = threading.BoundedSemaphore(max(1, inventory.pool_size - 1))
        self.again = Attempts()
        """Does a whole transaction again after a fault that may pass."""

    @contextmanager
    def begin(self) -> Iterator[tuple[psycopg.Connection, datetime]]:
        """A transaction with its timestamp; it commits only while the run still holds its lock."""
        with self._places:
            self._renew()
            with self._inventory.connection() as conn:
                yield conn, self._tick(self._check_fence(conn, False))
                self._check_fence(conn, True)

    def read(self, what: str, ask: Callable[[psycopg.Connection], T]) -> T:
        """What a connection answers, asked again where a fault passes."""

        def once() -> T:
            with self._inventory.connection() as conn:
                return ask(conn)

        return self.again(what, once)

    def abandon(
        self, run_id: str, fail: Callable[[psycopg.Connection, Reason], None], error: BaseException | None
    ) -> None:
        """Closes a run that was not finished.

        Args:
            run_id: for the log.
            fail: closes its row with this reason.
            error: what ended it.

        Raises:
            GovernanceError: the row could not be closed, and there is no earlier error to tell of.
        """
        told = error if error is not None else GovernanceError("the sync ended without being finished")
        reason = (
            Reason.of(told)
            if isinstance(told, GovernanceError)
            else Reason("aborted", f"{type(told).__name__}: {told}".rstrip(": "))
        )
        try:
            self.read("fail run", lambda conn: fail(conn, reason))
        except GovernanceError as second:
            if error is None:
                raise
            # what ended the sync is worth more; the next run closes the row
            log.warning("run.left_open", run=run_id, error=str(second))

    def _tick(self, now: datetime) -> datetime:
        """The database's time, or just after our last timestamp where its clock stands or steps back."""
        with self._lock:
            self._last = max(now, self._last + _TICK)
            return self._last


@contextmanager
def remembering(faults: list[Unavailable]) -> Iterator[None]:
    """Keeps a fault of the database for the next attempt, and passes it on."""
    try:
        yield
    except Unavailable as fault:
        faults.append(fault)
        raise
