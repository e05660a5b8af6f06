"""What an exception of the Snowflake connector means to us."""

from collections.abc import Iterator

from snowflake.connector import errors as sdk
from snowflake.connector.vendored.requests import exceptions as http

from governance.errors import (
    AuthenticationError,
    ConfigurationError,
    DeadlineExceeded,
    GovernanceError,
    PermissionDenied,
    ProtocolError,
    Terminal,
    Throttled,
    TlsError,
    Unavailable,
)

PLATFORM = "snowflake"

_HTTP = 290_000
_CANNOT_CONNECT, _CONNECTION_CLOSED = 250_001, 250_002
_SESSION_GONE = {390_104, 390_110, 390_111, 390_112, 390_114, 390_115}
_ROLE_UNKNOWN = {390_186, 390_189}
_LOGIN_ADDRESS = 390_422
_DENIED = {2003, 2043, 3001, 3007}
_NO_WAREHOUSE = {606}
_TIMED_OUT = {604, 630}
_INTERNAL = {603, 605, 607, 610, 261_000}
_TOO_MUCH_DATA = 90_030
_LOGIN_WORDS = ("incorrect username or password", "jwt token", "oauth access token", "locked", "mfa", "authentication")


class OneTry(Exception):
    """Raised in place of the connector's own second try: whether there is one is the Caller's to decide."""


class TooMuchData(Terminal):
    """Error 090030: INFORMATION_SCHEMA wants a narrower question."""


def one_try() -> Iterator[int]:
    """A back-off policy for the connector that never backs off; what happened is the exception's context."""
    yield 0
    raise OneTry


def classify(error: Exception, operation: str) -> GovernanceError | None:
    """The error in our tree; None where it is no exception of the connector."""
    cause = _first_cause(error)
    if isinstance(cause, sdk.Error):
        kind, message, remedy = _of_sdk(cause)
    elif isinstance(cause, http.RequestException | OSError | EOFError):
        kind, message, remedy = _of_http(cause)
    elif isinstance(error, OneTry):
        # the rest of what the connector retries is an answer that it could not read
        kind, message, remedy = Unavailable, f"Snowflake's answer could not be read: {cause!r}", _LATER
    else:
        return None
    return kind(message, platform=PLATFORM, operation=operation, remedy=remedy)


_LATER = "try again later; https://status.snowflake.com tells of outages"
_REACH = "check `account`, `host`, `port` and `protocol` of this source, and that the network lets us through"
_TELLING = (sdk.Error, http.RequestException)
_Sorted = tuple[type[GovernanceError], str, str]


def _first_cause(error: BaseException) -> BaseException:
    """What the connector would have retried, or the error itself."""
    found: BaseException = error
    if isinstance(error, OneTry) and error.__context__ is not None:
        found = error.__context__
    # RetryRequest carries the exception that it is about
    while not isinstance(found, _TELLING) and found.args and isinstance(found.args[0], BaseException):
        found = found.args[0]
    # at the login the connector speaks of a time-out whatever happened
    if isinstance(found, sdk.OperationalError) and isinstance(found.__context__, http.RequestException):
        found = found.__context__
    return found


def _of_http(cause: BaseException) -> _Sorted:
    if isinstance(cause, http.SSLError):
        return TlsError, f"the server's certificate is not to be trusted: {cause}", _CERTIFICATE
    if isinstance(cause, http.Timeout | TimeoutError):
        return DeadlineExceeded, f"Snowflake did not answer in time: {cause}", "raise this source's read time-out"
    return Unavailable, f"no connection to Snowflake: {cause}", _REACH


_CERTIFICATE = "check `host`; where a proxy opens TLS, add its authority to the system's trusted ones"


def _of_sdk(error: sdk.Error) -> _Sorted:
    message, number = " ".join(str(error.raw_msg or error.msg or error).split()), _number(error)
    if isinstance(error, sdk.NonRetryableTlsError):
        return TlsError, message, _CERTIFICATE
    if _HTTP < number < _HTTP + 1000:
        return _of_status(number - _HTTP, message)
    if (known := _of_session(number, message)) is not None:
        return known
    if number in _DENIED:
        return PermissionDenied, message, "grant the role the missing privilege; `governance doctor` names it"
    if number in _NO_WAREHOUSE:
        return ConfigurationError, message, "name a `warehouse` on which the role has USAGE"
    if number == _TOO_MUCH_DATA:
        return TooMuchData, message, "exclude part of this schema, or split it"
    if number in _TIMED_OUT:
        return DeadlineExceeded, message, "raise this source's deadline, or use a larger warehouse"
    if number in _INTERNAL:
        return Unavailable, message, _LATER
    if 251_000 <= number < 252_000 and number not in (251_011, 251_012):
        return ConfigurationError, message, "correct this source's connection in estate.yaml"
    if isinstance(error, sdk.OperationalError | sdk.InternalError):
        return Unavailable, message, _REACH
    return ProtocolError, message, "report this with the operation's name"


def _of_session(number: int, message: str) -> _Sorted | None:
    """Errors of the login and of the session."""
    if number in _SESSION_GONE or number == _CONNECTION_CLOSED:
        return Unavailable, message, _LATER
    if number in _ROLE_UNKNOWN or "specified in the connect string" in message:
        return PermissionDenied, message, "grant the role to the user: GRANT ROLE <role> TO USER <user>"
    if number == _LOGIN_ADDRESS:
        return AuthenticationError, message, "let this machine's address into the account's network policy"
    says_login = any(word in message.lower() for word in _LOGIN_WORDS)
    if 390_100 <= number < 391_000 or (number == _CANNOT_CONNECT and says_login):
        return AuthenticationError, message, "correct the user's password, key or token"
    if number == _CANNOT_CONNECT:
        return Unavailable, message, _REACH
    return None


def _of_status(status: int, message: str) -> _Sorted:
    if status == 429:
        return Throttled, "Snowflake answers 429: too many requests", "lower this source's concurrency"
    if status in (401, 403):
        return AuthenticationError, f"Snowflake answers {status}: {message}", "check `account` and the network policy"
    if status in (408, 504):
        return DeadlineExceeded, f"Snowflake answers {status}", _LATER
    if status >= 500:
        return Unavailable, f"Snowflake answers {status}", _LATER
    return ProtocolError, f"Snowflake answers {status}: {message}", _REACH


def _number(error: sdk.Error) -> int:
    """The error's number; a failed login hides the server's in its text."""
    return int(error.errno) if error.errno is not None else -1
