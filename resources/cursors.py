"""Next tokens of listings: whether a refusal means that one has expired, and how one is named in a message."""

import re

from governance.errors import AuthenticationError, GovernanceError, PermissionDenied, Terminal

MOST_RESTARTS = 2
"""Times that one listing is begun again because its token had expired."""

_EXPIRED = re.compile(
    r"(token|cursor|continuation).{0,60}(expired|invalid|no longer|not valid|unknown)"
    r"|(expired|invalid|unknown).{0,60}(token|cursor|continuation)",
    re.IGNORECASE | re.DOTALL,
)


def has_expired(error: GovernanceError, token: str | None) -> bool:
    """Whether a call with this next token was refused for the token's sake, so that the listing may begin again."""
    if not token or not isinstance(error, Terminal) or isinstance(error, AuthenticationError | PermissionDenied):
        return False
    return _EXPIRED.search(error.message) is not None


def named(token: str) -> str:
    """A token as a message shows it: its beginning, where it is long."""
    return repr(token if len(token) <= 60 else f"{token[:60]}…")
