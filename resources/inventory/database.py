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
    Unavailable,
)
from resources.inventory.address import plain_url, shown_url

if TYPE_CHECKING:
    from resources.inventory.queries import InventoryQueries

TRANSIENT_STATES = ("08", "53", "57P0", "40001", "40P01", "25006")
"""SQLSTATEs after which the same may succeed: connection, resources, shutdown, conflict, a standby."""

_LIMITS = {
    "57014": "GOVERNANCE_DATABASE__STATEMENT_TIMEOUT_SECONDS",
    "55P03": "GOVERNANCE_DATABASE__LOCK_TIMEOUT_SECONDS",
}

_REFUSALS = {
    "28P01": re.compile(r"password authentication failed|no password supplied"),
    "28000": re.compile(r"no pg_hba\.conf entry|role \".*\" does not exist|authentication failed for user"),
    "3D000": re.compile(r"database \".*\" does not exist"),
    "42501": re.compile(r"permission denied for database"),
}


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
    elif state.startswith(TRANSIENT_STATES) or (not state and _lost_connection(error)):
        kind, remedy = Unavailable, f"see that the database {where} runs and takes connections".replace("  ", " ")
    elif state.startswith("28"):
        kind, remedy = AuthenticationError, "correct user and password in GOVERNANCE_DATABASE_URL"
    elif state == "3D000":
        kind, remedy = ConfigurationError, "create the database, or correct its name in GOVERNANCE_DATABASE_URL"
    elif state == "42501":
        kind, remedy = PermissionDenied, "grant the role of GOVERNANCE_DATABASE_URL this privilege"
    elif state in ("42P01", "3F000", "42883", "42703"):
        kind, remedy = ConfigurationError, "bring the schema up to date: `governance up --no-sync`"
    return kind(what, platform="inventory", operation=f"sqlstate {state}" if state else "connect", remedy=remedy)


def _state_of_refusal(error: psycopg.Error) -> str:
    """The SQLSTATE of a refused connection, which libpq keeps to itself; told from the server's words."""
    return next((state for state, words in _REFUSALS.items() if words.search(str(error))), "")


def _lost_connection(error: psycopg.Error) -> bool:
    return isinstance(error, psycopg.OperationalError | psycopg.InterfaceError | PoolTimeout | PoolClosed)


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

    def __repr__(self) -> str:
        return f"Inventory({shown_url(self.url)!r})"

    @contextmanager
    def connection(self) -> Iterator[psycopg.Connection]:
        """A connection in a transaction: committed at the end, rolled back on an error.

        Raises:
            GovernanceError: Transient or Terminal as the SQLSTATE says.
        """
        with self.errors(), self._opened().connection() as conn:
            yield conn

    @contextmanager
    def dedicated(self) -> Iterator[psycopg.Connection]:
        """A connection of its own outside the pool, in autocommit: for session locks."""
        with self.errors():
            with psycopg.connect(self.url, autocommit=True, **self._options()) as conn:
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
                # a first plain connection tells a wrong password at once, where the pool would only time out
                psycopg.connect(self.url, **self._options()).close()
                self._pool = ConnectionPool(
                    self.url,
                    min_size=1,
                    max_size=self.pool_size,
                    timeout=max(self.connect_timeout, 1.0) * 3,
                    kwargs=self._options(),
                    check=ConnectionPool.check_connection,
                    name="inventory",
                    open=True,
                )
            return self._pool

    def _options(self) -> dict[str, Any]:
        limits = {"statement_timeout": self.statement_timeout, "lock_timeout": self.lock_timeout}
        ours = " ".join(f"-c {name}={round(seconds * 1000)}" for name, seconds in limits.items())
        # the last word wins: options in the address are a person's own
        given = conninfo_to_dict(self.url).get("options") or ""
        return {
            "connect_timeout": int(self.connect_timeout),
            "application_name": "governance",
            "options": f"{ours} {given}".strip(),
        }
