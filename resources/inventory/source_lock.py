"""The lock that makes a run the only one of its source: a session lock on a connection of its own."""

import threading
from types import TracebackType
from typing import Self

import psycopg

from resources.inventory import ledger
from resources.inventory.attempts import retrying
from resources.inventory.database import Inventory
from resources.inventory.outcomes import SourceIdentity, SyncMode

_OPENING = 5


class SourceLock:
    """Held from `open_run` to the end of the context; taken again where its connection was lost."""

    def __init__(self, inventory: Inventory, source: SourceIdentity) -> None:
        self._inventory, self._source = inventory, source
        self._conn: psycopg.Connection | None = None
        self._opened: ledger.Opened | None = None
        self._backend = 0
        self._guard = threading.Lock()

    def open_run(self, run_id: str, actor: str, mode: SyncMode) -> ledger.Opened:
        """Takes the lock and opens a run's row.

        Raises:
            SourceBusy: another run holds the source.
            GovernanceError: the database cannot be reached.
        """

        def once() -> ledger.Opened:
            with self._inventory.errors():
                return ledger.open_run(self._connected(), self._source, run_id, actor, mode)

        self._opened = retrying("open run", _OPENING)(once)
        return self._opened

    def renew(self) -> None:
        """Takes the lock again, if its connection was lost and no other run has taken the source over since.

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
                conn = self._connected()
                ledger.check_fence(conn, self._opened, self._source, lock=False)
                ledger.retake_lock(conn, self._opened, self._source, lost)

    def _lives(self) -> bool:
        try:
            return self._conn is not None and self._conn.execute("SELECT 1").fetchone() is not None
        except psycopg.Error:
            return False

    def _connected(self) -> psycopg.Connection:
        """A new connection in place of the one before."""
        self._close()
        self._conn = self._inventory.connect()
        self._backend = self._conn.info.backend_pid
        return self._conn

    def _close(self) -> None:
        conn, self._conn = self._conn, None
        if conn is not None:
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
