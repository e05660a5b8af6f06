"""The lock that makes a run the only one of its source or facet: a session lock on a connection of its own."""

import threading
from collections.abc import Callable
from contextlib import suppress
from types import TracebackType
from typing import Generic, Self, TypeVar

import psycopg

from resources.inventory.attempts import retrying
from resources.inventory.database import Inventory, check_open

_OPENING = 5

Opened = TypeVar("Opened")


class RunLock(Generic[Opened]):
    """Held from `open_run` to the end of the context; taken again where its connection was lost.

    Args:
        inventory: where the lock is.
        take: takes the lock on this connection and opens the run's row.
        retake: takes it again for this run, if no other has taken its work over since; given the new connection, the
            run, and the server process of the lost connection.
    """

    def __init__(
        self,
        inventory: Inventory,
        take: Callable[[psycopg.Connection], Opened],
        retake: Callable[[psycopg.Connection, Opened, int], None],
    ) -> None:
        self._inventory, self._take, self._retake = inventory, take, retake
        self._conn: psycopg.Connection | None = None
        self._opened: Opened | None = None
        self._backend = 0
        self._guard = threading.Lock()

    def open_run(self) -> Opened:
        """Takes the lock and opens a run's row.

        Raises:
            SourceBusy: another run holds it.
            GovernanceError: the database cannot be reached.
        """

        def once() -> Opened:
            with self._inventory.errors():
                return self._take(self._connected())

        self._opened = opened = retrying("open run", _OPENING)(once)
        return opened

    def renew(self) -> None:
        """Takes the lock again, if its connection was lost and no other run has taken the work over since.

        Raises:
            SourceBusy: one has.
            GovernanceError: the database cannot be reached.
        """
        assert self._opened is not None
        with self._guard:
            if self._lives():
                return
            lost = self._backend
            with self._inventory.errors():
                self._retake(self._connected(), self._opened, lost)

    def _lives(self) -> bool:
        if self._conn is None:
            return False
        try:
            check_open(self._conn)
        except psycopg.Error:
            return False
        return True

    def _connected(self) -> psycopg.Connection:
        """A new connection in place of the one before."""
        self._close()
        self._conn = self._inventory.connect()
        self._backend = self._conn.info.backend_pid
        return self._conn

    def _close(self) -> None:
        conn, self._conn = self._conn, None
        if conn is not None:
            with suppress(psycopg.Error):
                # a server learns of a closed connection a little later, and the next run may come at once
                conn.execute("SELECT pg_advisory_unlock_all()")
            conn.close()

    def __enter__(self) -> Self:
        """The lock itself, not yet taken."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Lets go of it."""
        with self._guard:
            self._close()
