"""Connections to the inventory's database, and its errors in our words."""

import re
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

import psycopg
from psycopg.conninfo import conninfo_to_dict
from psycopg_pool import ConnectionPool, PoolClosed, PoolTimeout

from governance.errors import (
    AuthenticationError,
    ConfigurationError,
    DeadlineExceeded,
    GovernanceError,
    PermissionDenied,
    Terminal,
    Transient,
    Unavailable,
)
from resources.inventory.address import plain_url, shown_url

if TYPE_CHECKING:
    from resources.inventory.queries import InventoryQueries

TRANSIENT_STATES = ("08", "53", "57P0", "40001", "40P01", "40003", "25006", "25P03", "25P04")
"""SQLSTATEs after which the same may succeed: connection, resources, shutdown, conflict, a standby, an idle limit."""

_LIVENESS = {"keepalives_idle": 30, "keepalives_interval": 10, "keepalives_count": 3, "tcp_user_timeout": 30_000}
"""A server that vanished without a word is missed within a minute, not within the hours of TCP's own."""

_LIMITS = {
    "57014": "GOVERNANCE_DATABASE__STATEMENT_TIMEOUT_SECONDS",
    "55P03": "GOVERNANCE_DATABASE__LOCK_TIMEOUT_SECONDS",
}

_REFUSALS = {
    "28P01": re.compile(r"password authentication failed|no password supplied"),
    "28000": re.compile(r"no pg_hba\.conf entry|role \".*\" does not exist|authentication failed for user"),
    "3D000": re.compile(r"database \".*\" does not exist"),
    "42501": re.compile(r"permission denied for database"),
    "53300": re.compile(r"too many (clients|connections)|remaining connection slots"),
}


class DiskFull(Transient):
    """The database's disk is full. It may be emptied, but not in the moment that another attempt would wait."""


def translated(error: psycopg.Error, url: str = "") -> GovernanceError:
    """A psycopg error as one of ours, told apart by its SQLSTATE.

    Args:
        error: as raised by psycopg or its pool.
        url: of the database, shown without its password.
    """
    state = error.sqlstate or _state_of_refusal(error)
    where, what = shown_url(url), str(error).strip().partition("\n")[0] or type(error).__name__
    kind: type[GovernanceError] = Terminal
    remedy = ""
    if state in _LIMITS:
        kind, remedy = DeadlineExceeded, f"try again; if it stays, raise {_LIMITS[state]}"
    elif state == "53100":
        kind, remedy = DiskFull, "free space on the database's disk, then sync again: what was finished is kept"
    elif state == "53300":
        kind, remedy = Unavailable, "raise max_connections of the server, or lower GOVERNANCE_DATABASE__POOL_SIZE"
    elif state.startswith(TRANSIENT_STATES) or (not state and _lost_connection(error)):
        kind, remedy = Unavailable, f"see that the database {where} runs and takes connections".replace("  ", " ")
    elif state.startswith("28"):
        kind, remedy = AuthenticationError, "correct user and password in GOVERNANCE_DATABASE_URL"
    elif state == "3D000":
        kind, remedy = ConfigurationError, "create the database, or correct its name in GOVERNANCE_DATABASE_URL"
    elif state == "42501":
        kind, remedy = PermissionDenied, "grant the role of GOVERNANCE_DATABASE_URL this privilege"
    elif state == "GV001":
        kind, remedy = ConfigurationError, error.diag.message_hint or ""
    elif state in ("42P01", "3F000", "42883", "42703"):
        kind, remedy = ConfigurationError, "bring the schema up to date: `governance up --no-sync`"
    return kind(what, platform="inventory", operation=f"sqlstate {state}" if state else "connect", remedy=remedy)


def _state_of_refusal(error: psycopg.Error) -> str:
    """The SQLSTATE of a refused connection, which libpq keeps to itself; told from the server's words."""
    return next((state for state, words in _REFUSALS.items() if words.search(str(error))), "")


def _lost_connection(error: psycopg.Error) -> bool:
    return isinstance(error, psycopg.OperationalError | psycopg.InterfaceError | PoolTimeout | PoolClosed)


def check_open(conn: psycopg.Connection) -> None:
    """Makes sure that nothing has ended a connection that rests; without asking the server, for it is done often.

    Raises:
        psycopg.OperationalError: something has.
    """
    # the first read may take in the server's parting words, behind which the second one finds the end
    for _ in range(2):
        conn.pgconn.consume_input()


class Inventory:
    """A pool of connections to one inventory, opened when the first is asked for.

    Args:
        url: `postgresql://…`; never shown.
        pool_size: connections held at most.
        connect_timeout: seconds to wait for a connection.
        statement_timeout: seconds that a statement may take; 0: no limit.
        lock_timeout: seconds to wait for another session's lock; 0: no limit.
    """

    def __init__(
        self,
        url: str,
        *,
        pool_size: int = 8,
        connect_timeout: float = 10.0,
        statement_timeout: float = 600.0,
        lock_timeout: float = 120.0,
    ) -> None:
        self.url = plain_url(url)
        self.pool_size = pool_size
        self.connect_timeout = connect_timeout
        self.statement_timeout, self.lock_timeout = statement_timeout, lock_timeout
        self._pool: ConnectionPool[psycopg.Connection] | None = None
        self._guard = threading.Lock()
        self._in_use = 0
        self._has_answered = False

    def __repr__(self) -> str:
        return f"Inventory({shown_url(self.url)!r})"

    @contextmanager
    def connection(self) -> Iterator[psycopg.Connection]:
        """A connection in a transaction: committed at the end, rolled back on an error.

        Raises:
            GovernanceError: Transient or Terminal as the SQLSTATE says; Unavailable where all are in use.
        """
        with self.errors():
            pool, conn = self._taken()
            try:
                with conn:
                    yield conn
            except psycopg.errors.ReadOnlySqlTransaction:
                # these connections lead to a server that was the primary once
                pool.drain()
                raise
            finally:
                with self._guard:
                    self._in_use -= 1
                pool.putconn(conn)

    def connect(self) -> psycopg.Connection:
        """A connection of its own outside the pool, in autocommit: for session locks. Whoever asked for it closes it.

        Raises:
            GovernanceError: as `connection`.
        """
        with self.errors():
            conn = psycopg.connect(self.url, autocommit=True, **self._options())
            self._has_answered = True
            return conn

    @contextmanager
    def dedicated(self) -> Iterator[psycopg.Connection]:
        """The same, closed at the end."""
        with self.errors(), self.connect() as conn:
            yield conn

    @contextmanager
    def errors(self) -> Iterator[None]:
        """Turns psycopg's errors inside into ours."""
        try:
            yield
        except psycopg.Error as error:
            raise translated(error, self.url) from error

    def queries(self) -> "InventoryQueries":
        """What people and programs ask of the inventory."""
        from resources.inventory.queries import InventoryQueries

        return InventoryQueries(self)

    def audit(self, actor: str, action: str, target: str, details: Mapping[str, Any]) -> int:
        """Appends an act to the audit trail, in a transaction of its own; returns its number."""
        from resources.inventory import audit

        with self.connection() as conn:
            return audit.append(conn, actor, action, target, details)

    def close(self) -> None:
        """Gives all connections back; the next `connection` opens the pool again."""
        with self._guard:
            pool, self._pool = self._pool, None
        if pool is not None:
            pool.close()

    def __enter__(self) -> Self:
        """The inventory itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Closes it."""
        self.close()

    def _opened(self) -> ConnectionPool[psycopg.Connection]:
        with self._guard:
            if self._pool is None:
                if not self._has_answered:
                    # a first plain connection tells a wrong password at once, where the pool would only time out
                    psycopg.connect(self.url, **self._options()).close()
                self._pool = ConnectionPool(
                    self.url,
                    min_size=1,
                    max_size=self.pool_size,
                    timeout=max(self.connect_timeout, 1.0),
                    kwargs=self._options(),
                    check=check_open,
                    name="inventory",
                    open=True,
                )
            return self._pool

    def _taken(self) -> tuple[ConnectionPool[psycopg.Connection], psycopg.Connection]:
        """A connection and its pool, before long: who waits for one says why there is none."""
        pool = self._opened()
        try:
            conn = pool.getconn()
        except PoolTimeout as error:
            with self._guard:
                exhausted = self._in_use >= self.pool_size
            if exhausted:
                raise Unavailable(
                    f"all {self.pool_size} connections of this process are in use, for {pool.timeout:.0f} s",
                    platform="inventory",
                    operation="connect",
                    remedy="raise GOVERNANCE_DATABASE__POOL_SIZE, or sync fewer scopes at once",
                ) from error
            # the server's own word is worth more than the pool's
            psycopg.connect(self.url, **self._options()).close()
            # it answers: the pool would only ask again when its growing waits are over
            with self._guard:
                stale, self._pool = (pool, None) if self._pool is pool else (None, self._pool)
            if stale is not None:
                stale.close()
            pool = self._opened()
            conn = pool.getconn()
        with self._guard:
            self._in_use += 1
        return pool, conn

    def _options(self) -> dict[str, Any]:
        limits = {"statement_timeout": self.statement_timeout, "lock_timeout": self.lock_timeout}
        # what is streamed is read to its end: a plan must not be cheap for its first rows only
        settings = {name: round(seconds * 1000) for name, seconds in limits.items()} | {"cursor_tuple_fraction": 1}
        ours = " ".join(f"-c {name}={value}" for name, value in settings.items())
        # the last word wins: options in the address are a person's own
        told = conninfo_to_dict(self.url)
        given = told.get("options") or ""
        return {
            **{name: value for name, value in _LIVENESS.items() if name not in told},
            "connect_timeout": int(self.connect_timeout),
            "application_name": "governance",
            "options": f"{ours} {given}".strip(),
        }
