"""What an error of databricks-sdk means to us, and the exact GRANT that would mend a missing privilege."""

import re
from dataclasses import dataclass

import requests
from databricks.sdk.errors.base import DatabricksError

from governance.errors import (
    AuthenticationError,
    ConfigurationError,
    DeadlineExceeded,
    GovernanceError,
    NotFound,
    PermissionDenied,
    ProtocolError,
    Throttled,
    TlsError,
    Unavailable,
)
from resources.http_bounded import TooLong
from resources.http_errors import Damaged, Oversized

PLATFORM = "databricks"

_AUTH_REMEDY = (
    "check that the token is not revoked or expired, or that client_id and client_secret are those of a service "
    "principal that is assigned to this workspace"
)
_BAD_TOKEN = re.compile(r"\binvalid (access )?token\b|\btoken (is|has) expired\b|\bexpired token\b", re.IGNORECASE)
_USE = re.compile(r"does not have (?P<privilege>[A-Z][A-Z_ ]+?) on (?P<kind>\w+) '(?P<name>[^']+)'")
_DAMAGED = (
    requests.exceptions.JSONDecodeError,
    requests.exceptions.ContentDecodingError,
    requests.exceptions.ChunkedEncodingError,
    RecursionError,
)
_THROTTLED = {"REQUEST_LIMIT_EXCEEDED", "RESOURCE_EXHAUSTED", "TOO_MANY_REQUESTS"}
_TRANSIENT = {"TEMPORARILY_UNAVAILABLE", "INTERNAL_ERROR", "ABORTED", "DEADLINE_EXCEEDED", "SERVICE_UNAVAILABLE"}


class EndpointAbsent(NotFound):
    """The server does not have this call at all; a thing that is not there is a plain NotFound."""


@dataclass(frozen=True)
class Answer:
    """What is known of the answer to the last call of this thread: 0 where there was none."""

    status: int = 0
    content_type: str = ""
    retry_after: float | None = None


def root(error: BaseException) -> BaseException:
    """The error behind the time-out that the SDK's own retry loop makes of it."""
    while isinstance(error, TimeoutError) and error.__cause__ is not None:
        error = error.__cause__
    return error


def is_stale_token(error: BaseException, answer: Answer) -> bool:
    """Whether the server does not, or no longer, know the token."""
    error = root(error)
    return isinstance(error, DatabricksError) and (
        answer.status == 401 or (answer.status == 403 and _BAD_TOKEN.search(str(error)) is not None)
    )


def classify(error: Exception, operation: str, answer: Answer, grantee: str) -> GovernanceError | None:
    """The error as ours; None where it is not the platform's.

    Args:
        error: from the SDK or from requests.
        operation: the call.
        answer: what the server answered, if it did.
        grantee: the principal that a GRANT would name.
    """
    cause = root(error)
    if isinstance(cause, DatabricksError):
        return _of_answer(cause, operation, answer, grantee)
    if isinstance(cause, requests.exceptions.RequestException | TimeoutError | RecursionError):
        return classify_transport(cause, operation)
    return None


def classify_transport(error: Exception, operation: str) -> GovernanceError:
    """The error of a request that got no answer, or one that cannot be read."""
    if isinstance(error, requests.exceptions.SSLError):
        return TlsError(
            f"the server's certificate is not to be trusted: {_short(error)}",
            platform=PLATFORM,
            operation=operation,
            remedy="give the file of the authority that signed it as ca_bundle",
        )
    if isinstance(error, TooLong):
        return Oversized(_short(error), platform=PLATFORM, operation=operation, remedy="exclude what is so large")
    if isinstance(error, _DAMAGED):
        return Damaged(
            f"the answer is not JSON: {_short(error)}",
            platform=PLATFORM,
            operation=operation,
            remedy="check that host is the address of a workspace and that no proxy answers in its place",
        )
    if isinstance(error, requests.exceptions.ReadTimeout):
        return DeadlineExceeded(f"no answer in time: {_short(error)}", platform=PLATFORM, operation=operation)
    # what requests finds wrong with an address is a ValueError too
    if isinstance(error, requests.exceptions.RequestException) and isinstance(error, ValueError):
        return ConfigurationError(
            f"the address cannot be used: {_short(error)}", platform=PLATFORM, operation=operation
        )
    return Unavailable(
        f"no connection to the workspace: {_short(error)}",
        platform=PLATFORM,
        operation=operation,
        remedy="check the address and that it can be reached from here",
    )


def _of_answer(error: DatabricksError, operation: str, answer: Answer, grantee: str) -> GovernanceError:
    code, status, message = str(error.error_code or ""), answer.status, _said(error, answer)
    if status == 429 or code in _THROTTLED:
        return Throttled(message, retry_after=answer.retry_after, platform=PLATFORM, operation=operation)
    if is_stale_token(error, answer):
        return AuthenticationError(message, platform=PLATFORM, operation=operation, remedy=_AUTH_REMEDY)
    if status == 403:
        return PermissionDenied(message, platform=PLATFORM, operation=operation, remedy=grant_for(message, grantee))
    if status == 404 or code.endswith("_DOES_NOT_EXIST"):
        # a proxy's page or a bare 404 is no evidence that an object is gone
        if code in ("", "ENDPOINT_NOT_FOUND") or "json" not in answer.content_type:
            return EndpointAbsent("not available on this server", platform=PLATFORM, operation=operation)
        return NotFound(message, platform=PLATFORM, operation=operation)
    if status >= 500 or status in (408, 409) or code in _TRANSIENT:
        return Unavailable(message, retry_after=answer.retry_after, platform=PLATFORM, operation=operation)
    return ProtocolError(
        f"{message} ({code or status})",
        platform=PLATFORM,
        operation=operation,
        remedy="the server refuses a call that its documentation allows; report it with the request's time",
    )


def grant_for(message: str, grantee: str) -> str:
    """The GRANT statement that a denial calls for; a general one where it does not say."""
    who = f"`{grantee.replace('`', '``')}`"
    if found := _USE.search(message):
        name = ".".join(f"`{part}`" for part in found["name"].split("."))
        return f"GRANT {found['privilege'].replace('_', ' ')} ON {found['kind'].upper()} {name} TO {who}"
    return f"GRANT USE CATALOG, USE SCHEMA, BROWSE, SELECT ON CATALOG <catalog> TO {who}"


def _said(error: DatabricksError, answer: Answer) -> str:
    """The server's own words, without what the SDK adds of its configuration or of its trouble to read them."""
    if str(error).startswith("unable to parse response"):
        return f"the server answers HTTP {answer.status} without a word that can be read"
    text = re.split(r"\. Config: ", str(error), maxsplit=1)[0]
    return text if len(text) <= 500 else f"{text[:500]}…"


def _short(error: BaseException) -> str:
    text = str(error)
    return text if len(text) <= 300 else f"{text[:300]}…"
