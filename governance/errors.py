"""Every error this project raises on purpose, and whether trying again can help.

GovernanceError
├── Terminal                 trying again changes nothing; somebody has to act
│   ├── ConfigurationError   estate.yaml, a setting or a secret is wrong
│   ├── AuthenticationError  the platform does not accept who we say we are
│   ├── PermissionDenied     it knows us, but a privilege is missing
│   ├── NotFound             the thing asked for is not there (any more)
│   ├── TlsError             the server's certificate is not to be trusted
│   ├── ProtocolError        an answer that no correct server gives
│   └── RecordError          one record cannot be understood: it goes to quarantine
└── Transient                the same call may work later
    ├── Throttled            too many calls; `retry_after` seconds where the platform said so
    ├── Unavailable          no connection, a reset, a 5xx
    └── DeadlineExceeded     a read time-out or the total deadline of an operation
"""


class GovernanceError(Exception):
    """Root of the tree.

    Args:
        message: what happened, in one sentence.
        platform: the platform word, or `inventory`, `estate`, `settings`.
        operation: the call or the field that failed, such as `glue:GetTables`.
        remedy: what a person should do next; empty when nothing is known.
    """

    def __init__(self, message: str, *, platform: str = "", operation: str = "", remedy: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.platform = platform
        self.operation = operation
        self.remedy = remedy

    @property
    def code(self) -> str:
        """A stable snake_case word for this class of error, used in reasons and metrics."""
        name = type(self).__name__
        return "".join(f"_{c.lower()}" if c.isupper() else c for c in name).lstrip("_")

    def __str__(self) -> str:
        """The message with where it happened and what to do about it."""
        where = f" [{self.operation}]" if self.operation else ""
        fix = f" Fix: {self.remedy}" if self.remedy else ""
        return f"{self.message}{where}{fix}"


class Terminal(GovernanceError):
    """Trying again changes nothing; somebody has to act."""


class Transient(GovernanceError):
    """The same call may work later."""


class ConfigurationError(Terminal):
    """`estate.yaml`, a setting or a secret is wrong."""


class AuthenticationError(Terminal):
    """The platform does not accept who we say we are."""


class PermissionDenied(Terminal):
    """The platform knows us, but a privilege is missing; `remedy` holds the grant to ask for."""


class NotFound(Terminal):
    """The thing asked for is not there (any more)."""


class TlsError(Terminal):
    """The server's certificate is not to be trusted."""


class ProtocolError(Terminal):
    """An answer that no correct server gives, such as a next token that never ends."""


class RecordError(Terminal):
    """One record cannot be understood; the caller quarantines it and goes on."""


class Throttled(Transient):
    """Too many calls. `retry_after` is in seconds, None where the platform did not say."""

    def __init__(
        self,
        message: str,
        *,
        retry_after: float | None = None,
        platform: str = "",
        operation: str = "",
        remedy: str = "",
    ) -> None:
        super().__init__(message, platform=platform, operation=operation, remedy=remedy)
        self.retry_after = retry_after


class Unavailable(Transient):
    """No connection, a reset, or a 5xx. `retry_after` is in seconds where the platform said so."""

    def __init__(
        self,
        message: str,
        *,
        retry_after: float | None = None,
        platform: str = "",
        operation: str = "",
        remedy: str = "",
    ) -> None:
        super().__init__(message, platform=platform, operation=operation, remedy=remedy)
        self.retry_after = retry_after


class DeadlineExceeded(Transient):
    """A read time-out, or the total deadline of an operation."""
