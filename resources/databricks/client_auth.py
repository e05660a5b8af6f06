"""How a workspace lets us in: a personal token, or machine tokens that are fetched, kept, and renewed when refused.

The SDK's own machine login waits without a time-out and cannot be told that a token was refused; this one can.
"""

import threading
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import requests
from databricks.sdk.credentials_provider import CredentialsStrategy

from governance.errors import AuthenticationError, ProtocolError, Throttled, Unavailable
from resources.databricks.client_errors import PLATFORM, classify_transport

_EARLY = 60.0
"""Seconds before its end at which a token is no longer used."""


class PersonalToken(CredentialsStrategy):
    """A personal access token."""

    def __init__(self, token: str) -> None:
        self._token = token

    def auth_type(self) -> str:
        """The SDK's word."""
        return "pat"

    def __call__(self, cfg: Any) -> Callable[[], dict[str, str]]:
        """What the SDK calls before every request."""
        return lambda: {"Authorization": f"Bearer {self._token}"}

    def renew(self) -> bool:
        """There is no other."""
        return False


class MachineToken(CredentialsStrategy):
    """OAuth client credentials of a service principal. Safe to use from several threads."""

    def __init__(
        self, host: str, client_id: str, client_secret: str, timeout: tuple[float, float], verify: bool | str = True
    ) -> None:
        self._host, self._client = host, (client_id, client_secret)
        self._timeout, self._verify = timeout, verify
        self._lock = threading.Lock()
        self._used = threading.local()
        self._token, self._until = "", 0.0

    def auth_type(self) -> str:
        """The SDK's word."""
        return "oauth-m2m"

    def __call__(self, cfg: Any) -> Callable[[], dict[str, str]]:
        """What the SDK calls before every request."""
        return lambda: {"Authorization": f"Bearer {self.token()}"}

    def token(self) -> str:
        """A token that is still good for a while.

        Raises:
            AuthenticationError: the service principal is not accepted.
            Transient: the login did not answer.
        """
        with self._lock:
            if time.monotonic() > self._until:
                self._fetch()
            self._used.token = self._token
            return self._token

    def renew(self) -> bool:
        """Drops the token that this thread used last, so that the next call fetches another."""
        with self._lock:
            # another thread may have renewed it in between
            if self._token == self._used.token:
                self._until = 0.0
        return True

    def _fetch(self) -> None:
        found = self._call("GET", f"{self._host}/oidc/.well-known/oauth-authorization-server", "oidc:discover")
        endpoint = str(found.get("token_endpoint", ""))
        if urlsplit(endpoint).scheme not in ("https", urlsplit(self._host).scheme):
            raise ProtocolError("the login names no token endpoint", platform=PLATFORM, operation="oidc:discover")
        answer = self._call("POST", endpoint, "oidc:token")
        try:
            self._token = str(answer["access_token"])
            life = float(answer.get("expires_in", 3600))
        except (KeyError, TypeError, ValueError) as error:
            raise ProtocolError("the login gave no token", platform=PLATFORM, operation="oidc:token") from error
        self._until = time.monotonic() + max(life - _EARLY, life / 2)

    def _call(self, method: str, url: str, operation: str) -> dict[str, Any]:
        form = {"grant_type": "client_credentials", "scope": "all-apis"} if method == "POST" else None
        auth = self._client if method == "POST" else None
        try:
            answer = requests.request(method, url, data=form, auth=auth, timeout=self._timeout, verify=self._verify)
        except requests.RequestException as error:
            raise classify_transport(error, operation) from error
        if answer.status_code == 429:
            raise Throttled("the login is throttled", retry_after=1.0, platform=PLATFORM, operation=operation)
        if answer.status_code >= 500:
            raise Unavailable(f"the login answers {answer.status_code}", platform=PLATFORM, operation=operation)
        try:
            body = answer.json()
        except requests.exceptions.JSONDecodeError:
            body = {}
        if not answer.ok or not isinstance(body, dict):
            said = body.get("error_description") or body.get("error") if isinstance(body, dict) else ""
            raise AuthenticationError(
                f"the service principal is not let in: {said or f'HTTP {answer.status_code}'}",
                platform=PLATFORM,
                operation=operation,
                remedy="check client_id and client_secret, that the secret has not expired, and that the service "
                "principal is assigned to this workspace",
            )
        return body
