"""What a REST platform's refusal means: status and body to a GovernanceError, without any secret in its message."""

import json
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlsplit

import requests

from governance.errors import (
    AuthenticationError,
    ConfigurationError,
    DeadlineExceeded,
    GovernanceError,
    NotFound,
    PermissionDenied,
    ProtocolError,
    Terminal,
    Throttled,
    Unavailable,
)

SHOWN = 300
"""Characters of a server's own words that a message keeps."""


class Oversized(Terminal):
    """The platform cannot take or answer a request of this size (413, 414): the caller asks for less at once."""


class Damaged(Unavailable):
    """An answer that broke off, or is not what it says it is: tried again, or asked for in smaller parts."""


class Redaction:
    """Takes secrets out of texts that people will read."""

    _PATTERN = re.compile(
        r"(?i)(authorization\s*[:=]\s*(?:bearer|basic)?\s*|bearer\s+|basic\s+(?=[\w+/=]{8})|"
        r"(?:password|passwd|secret|token|api[-_]?key|client_secret)[\"']?\s*[:=]\s*[\"']?)[^\s\"'&,;<>]+"
    )
    _USERINFO = re.compile(r"(://)[^/\s:@]+:[^/\s@]+@")

    def __init__(self, secrets: Sequence[str] = ()) -> None:
        self._secrets = sorted((s for s in secrets if len(s) > 3), key=len, reverse=True)

    def __call__(self, text: str) -> str:
        """The text without credentials."""
        for secret in self._secrets:
            text = text.replace(secret, "***")
        return self._USERINFO.sub(r"\1***@", self._PATTERN.sub(r"\1***", text))


def refusal(status: int, headers: Mapping[str, str], said: str, platform: str, operation: str) -> GovernanceError:
    """The error that a status of 300 or more means.

    Args:
        status: the HTTP status.
        headers: the answer's, for Retry-After.
        said: what the server said, without secrets.
        platform: the platform word.
        operation: the call.
    """
    where: dict[str, Any] = {"platform": platform, "operation": operation}
    message = f"HTTP {status}{': ' + said if said else ''}"
    match status:
        case 401:
            remedy = "check this source's username and password, or its token"
            return AuthenticationError(f"the credentials are not accepted ({message})", remedy=remedy, **where)
        case 403:
            remedy = f"ask the platform's administrator for the privilege to {operation}"
            return PermissionDenied(f"a privilege is missing ({message})", remedy=remedy, **where)
        case 404 | 410:
            return NotFound(message, **where)
        case 408 | 504:
            return DeadlineExceeded(f"the server gave up on the answer ({message})", **where)
        case 413 | 414 | 431:
            return Oversized(f"the request is too large ({message})", **where)
        case 429:
            return Throttled(message, retry_after=retry_after(headers), **where)
        case _ if status >= 500:
            return Unavailable(message, retry_after=retry_after(headers), **where)
        case _ if status < 400:
            remedy = "give the address that answers itself; a single sign-on page in front needs a token instead"
            target = urlsplit(headers.get("location", "")).netloc or "another page"
            return ConfigurationError(f"the server sends to {target} ({message})", remedy=remedy, **where)
    return ProtocolError(f"the server does not accept this call ({message})", **where)


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds to wait, from a Retry-After of seconds or of a date; None where there is none to understand."""
    text = headers.get("retry-after", headers.get("Retry-After", "")).strip()
    if not text:
        return None
    if re.fullmatch(r"\d+(\.\d+)?", text):
        return float(text)
    try:
        at = parsedate_to_datetime(text)
    except ValueError:
        return None
    if at.tzinfo is None:
        at = at.replace(tzinfo=UTC)
    return max((at - datetime.now(UTC)).total_seconds(), 0.0)


def said_by(response: requests.Response) -> str:
    """What a person can use of an error's body."""
    text = response.content[:20_000].decode("utf-8", "replace")
    try:
        body = json.loads(text)
    except ValueError:
        title = re.search(r"(?is)<title>(.*?)</title>", text)
        return " ".join(re.sub(r"(?s)<[^>]*>", " ", title[1] if title else text).split())[:SHOWN]
    inner = body.get("error", body) if isinstance(body, dict) else body
    if isinstance(inner, dict):
        code = inner.get("errorCode") or inner.get("code") or ""
        words = inner.get("errorMessage") or inner.get("message") or inner.get("msgDesc") or ""
        inner = f"{code} {words}".strip() or json.dumps(inner)
    return str(inner)[:SHOWN]
