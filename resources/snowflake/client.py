"""Connections to one Snowflake account, one a thread, and queries over them; every call through the Caller."""

import threading
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization as ser
from snowflake.connector import errors as sdk

from governance.errors import ConfigurationError
from resources.calls import Caller, CallPolicy
from resources.snowflake.client_bounds import connect
from resources.snowflake.client_errors import PLATFORM, OneTry, classify, one_try

Row = dict[str, Any]
"""A row by column label, in lower case: SHOW and views differ in the case they use."""


def key_bytes(pem: str, passphrase: str | None, field: str) -> bytes:
    """The private key as the connector takes it.

    Args:
        pem: PKCS 8 text, encrypted or not.
        passphrase: for an encrypted key.
        field: where the key is configured, for the message.

    Raises:
        ConfigurationError: it is no such key, or the passphrase does not open it.
    """
    try:
        key = ser.load_pem_private_key(pem.encode(), passphrase.encode() if passphrase else None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise ConfigurationError(
            f"the private key cannot be read: {error}",
            platform=PLATFORM,
            operation=field,
            remedy="give a PKCS 8 key in PEM form, and `private_key_passphrase` exactly where it is encrypted",
        ) from error
    return key.private_bytes(ser.Encoding.DER, ser.PrivateFormat.PKCS8, ser.NoEncryption())


def bounds(policy: CallPolicy) -> dict[str, Any]:
    """The connector's own time-outs, and its retries turned off: the Caller retries, counts and gives up."""
    return {
        "login_timeout": max(1, round(policy.connect_timeout)),
        "network_timeout": max(1, round(policy.deadline)),
        "socket_timeout": max(1, round(policy.read_timeout)),
        "backoff_policy": one_try,
        # its detection of the cloud it runs in asks metadata addresses that answer nothing elsewhere
        "platform_detection_timeout_seconds": 0,
        "client_session_keep_alive": False,
        "paramstyle": "qmark",
        "session_parameters": {
            "CLIENT_TELEMETRY_ENABLED": False,
            "QUERY_TAG": "governance",
            "STATEMENT_TIMEOUT_IN_SECONDS": max(1, round(policy.deadline)),
            "TIMEZONE": "UTC",
        },
    }


class Client:
    """Queries of one source. Threads share nothing but the counters."""

    def __init__(self, options: Mapping[str, Any], policy: CallPolicy) -> None:
        self._options, self._policy = {**bounds(policy), **options}, policy
        self.caller = Caller(PLATFORM, classify, policy)
        self._local = threading.local()
        self._open: list[Any] = []
        self._lock = threading.Lock()

    def rows(self, operation: str, sql: str, values: Sequence[object] = ()) -> list[Row]:
        """All rows of a small answer."""
        return [row for rows in self.stream(operation, sql, values) for row in rows]

    def stream(self, operation: str, sql: str, values: Sequence[object] = (), size: int = 5_000) -> Iterator[list[Row]]:
        """The rows in portions; the statement runs before this returns.

        Raises:
            GovernanceError: at once where the statement fails, later where a part of a long answer does.
        """
        named = f"{PLATFORM}:{operation}"
        if getattr(self._local, "connection", None) is None:
            self.caller(f"{PLATFORM}:login", self._connection)
        cursor = self.caller(named, lambda: self._execute(sql, values))
        labels = [column[0].lower() for column in cursor.description]
        return self._fetch(named, cursor, labels, size)

    def _fetch(self, operation: str, cursor: Any, labels: list[str], size: int) -> Iterator[list[Row]]:
        try:
            while True:
                try:
                    rows = cursor.fetchmany(size)
                except (sdk.Error, OneTry) as error:
                    # no second try: what was fetched is gone from the cursor
                    if (known := classify(error, operation)) is None:
                        raise
                    raise known from error
                if not rows:
                    return
                self.caller.meter.add(pages=1)
                yield [dict(zip(labels, row, strict=True)) for row in rows]
        finally:
            cursor.close()

    def _execute(self, sql: str, values: Sequence[object]) -> Any:
        cursor = self._connection().cursor()
        try:
            cursor.execute(sql, tuple(values) or None)
        except (sdk.OperationalError, sdk.InterfaceError, OneTry):
            self._forget()
            raise
        except sdk.ProgrammingError as error:
            if 390_000 <= (error.errno or 0) < 391_000:
                self._forget()
            raise
        return cursor

    def _connection(self) -> Any:
        """This thread's connection."""
        found = getattr(self._local, "connection", None)
        if found is None:
            found = connect(self._policy, self._options)
            self._local.connection = found
            with self._lock:
                self._open.append(found)
        return found

    def _forget(self) -> None:
        """Gives up this thread's connection: the next call opens another."""
        connection = self._local.__dict__.pop("connection", None)
        with self._lock:
            if connection in self._open:
                self._open.remove(connection)

    def close(self) -> None:
        """Ends every session."""
        with self._lock:
            connections, self._open = self._open, []
        for connection in connections:
            connection.close(retry=False)
