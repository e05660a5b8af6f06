"""One signed-in connection to a Purview account: Data Map and account data plane through the SDK's own pipeline."""

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast
from urllib.parse import urlsplit

import requests
from azure.core.exceptions import AzureError
from azure.core.pipeline import PipelineRequest, PipelineResponse
from azure.core.pipeline.policies import HTTPPolicy, RetryPolicy
from azure.core.pipeline.transport import RequestsTransport
from azure.core.rest import HttpRequest
from azure.identity import ClientSecretCredential, DefaultAzureCredential, ManagedIdentityCredential
from azure.purview.datamap import DataMapClient

from governance.errors import ConfigurationError, DeadlineExceeded, GovernanceError
from resources.calls import Caller, CallPolicy, Meter
from resources.http_bounded import BoundedAdapter
from resources.http_errors import Damaged, Oversized, Redaction
from resources.purview.client_errors import PLATFORM, PROXY, Classifier, refused, said

ACCOUNT_VERSION = "2019-11-01-preview"
DATAMAP_VERSION = "2023-09-01"
POLICY_VERSION = "2021-07-01-preview"

Json = Any


@dataclass(frozen=True)
class Connection:
    """What a source's fields come to, secrets revealed."""

    endpoint: str
    account_endpoint: str
    scope: str
    authority: str | None = None
    ca_bundle: str | None = None
    tenant_id: str | None = None
    client_id: str | None = None
    client_secret: str | None = None
    managed: bool = False
    managed_client_id: str | None = None

    @property
    def identity(self) -> str:
        """Who signs in, for a person to read."""
        if self.client_secret is not None:
            return f"service principal {self.client_id} of tenant {self.tenant_id}"
        if self.managed:
            return f"managed identity {self.managed_client_id or '(system-assigned)'}"
        return "the default chain (environment, workload or managed identity, developer tools)"


class Session:
    """Sends requests; every failure is a GovernanceError, retried by the Caller and not by the SDK."""

    def __init__(self, connection: Connection, policy: CallPolicy, meter: Meter) -> None:
        self.connection = connection
        self._transport = {
            "connection_timeout": policy.connect_timeout,
            "read_timeout": policy.read_timeout,
            "retry_total": 0,
            **({"connection_verify": connection.ca_bundle} if connection.ca_bundle else {}),
        }
        self.redacted = Redaction([connection.client_secret] if connection.client_secret else [])
        self._bearer = Bearer(lambda: open_credential(connection, self._transport), connection.scope)
        self._classify = Classifier(self.redacted)
        self.meter = meter
        self._call = Caller(PLATFORM, self._classify, policy, meter)
        self.paces = meter.paces
        self._client = DataMapClient(
            connection.endpoint,
            # with a policy of our own the SDK never asks this for a token, but it must not be None
            cast(Any, self._bearer),
            authentication_policy=self._bearer,
            retry_policy=RetryPolicy.no_retries(),
            transport=RequestsTransport(session=_session(policy), **self._transport),
        )

    def sign_in(self) -> None:
        """Gets a token, and nothing else."""
        self._call("purview:token", self._bearer.token)

    def datamap(
        self, operation: str, method: str, path: str, *, body: Json = None, divisible: bool = False, **query: Any
    ) -> Json:
        """A call of the Data Map; `path` starts behind `/datamap/api`.

        Args:
            operation: for messages.
            method: of HTTP.
            path: with a slash in front.
            body: sent as JSON.
            divisible: the caller can ask for less, so that a time-out is Oversized and not tried again as it is.
            query: parameters beside the api-version.

        Raises:
            GovernanceError: by class.
        """
        params = {"api-version": DATAMAP_VERSION, **query}
        return self._send(operation, HttpRequest(method, path, params=params, json=body), divisible=divisible)

    def account(self, operation: str, path: str, **query: str) -> Json:
        """A GET of the account data plane; `path` starts behind the account endpoint."""
        params = {"api-version": ACCOUNT_VERSION, **query}
        return self._send(operation, HttpRequest("GET", self.connection.account_endpoint + path, params=params))

    def policies(self, operation: str, path: str, **query: str) -> Json:
        """A GET of the policy store; `path` starts behind `/policyStore`."""
        params = {**query, "api-version": POLICY_VERSION}
        address = f"{self.connection.endpoint}/policyStore{path}"
        return self._send(operation, HttpRequest("GET", address, params=params))

    def close(self) -> None:
        """Gives back the sockets."""
        self._client.close()
        self._bearer.close()

    def _send(self, operation: str, request: HttpRequest, *, divisible: bool = False) -> Json:
        return self._call(operation, lambda: self._once(operation, request, divisible=divisible))

    def _once(self, operation: str, request: HttpRequest, *, divisible: bool) -> Json:
        try:
            return self._answer(operation, request)
        except AzureError as raised:
            error = self._classify(raised, operation)
            if not divisible or not isinstance(error, _SMALLER):
                raise
            raise Oversized(error.message, platform=PLATFORM, operation=operation) from raised
        except _SMALLER as error:
            if not divisible:
                raise
            raise Oversized(error.message, platform=PLATFORM, operation=operation) from error

    def _answer(self, operation: str, request: HttpRequest) -> Json:
        response = self._client.send_request(request)
        if response.status_code >= 300:
            raise refused(response.status_code, response.headers, self.redacted(said(response.text())), operation)
        try:
            return response.json()
        except (ValueError, RecursionError) as error:
            raise Damaged(
                f"the answer is no JSON: {error}", platform=PLATFORM, operation=operation, remedy=PROXY
            ) from error


_SMALLER: tuple[type[GovernanceError], ...] = (DeadlineExceeded, Damaged)
"""Errors that a smaller question may avoid."""


def _session(policy: CallPolicy) -> requests.Session:
    """Whose answers are bounded; it keeps no cookies, as the SDK's own does not."""
    session = requests.Session()
    for scheme in ("https://", "http://"):
        session.mount(scheme, BoundedAdapter(policy, pool_connections=4, pool_maxsize=16))
    return session


class Bearer(HTTPPolicy[Any, Any]):
    """Signs requests with a token of the credential, and once with a new one where the service no longer takes it.

    The SDK's own policy keeps a token until it ends by the clock; one that was revoked, or an hour's skew, would fail
    every call until then.
    """

    def __init__(self, open_one: Callable[[], Any], scope: str) -> None:
        super().__init__()
        self._open, self._scope = open_one, scope
        self._lock = threading.Lock()
        self._credential: Any = None

    def send(self, request: PipelineRequest[Any]) -> PipelineResponse[Any, Any]:
        """The answer to the signed request."""
        if urlsplit(request.http_request.url).scheme != "https":
            raise ConfigurationError(
                "a token is sent over https only",
                platform=PLATFORM,
                operation="connection.endpoint",
                remedy="write https:// in endpoint and account_endpoint",
            )
        used = self._sign(request)
        response = self.next.send(request)
        if response.http_response.status_code == 401:
            self._renew(used)
            self._sign(request)
            response = self.next.send(request)
        return response

    def token(self) -> str:
        """A token that is good for some time; the credential keeps it and gets the next one."""
        with self._lock:
            if self._credential is None:
                self._credential = self._open()
            credential = self._credential
        return str(credential.get_token(self._scope).token)

    def close(self) -> None:
        """Gives back the credential's sockets."""
        with self._lock:
            credential, self._credential = self._credential, None
        if credential is not None:
            credential.close()

    def _sign(self, request: PipelineRequest[Any]) -> str:
        token = self.token()
        request.http_request.headers["Authorization"] = f"Bearer {token}"
        return token

    def _renew(self, refused_token: str) -> None:
        """Forgets the credential with all it keeps, unless another thread has done so."""
        if self.token() == refused_token:
            with self._lock:
                self._credential = None


def open_credential(connection: Connection, transport: Mapping[str, Any]) -> Any:
    """The credential of azure-identity that the connection asks for; it asks for no token yet."""
    entra: dict[str, Any] = dict(transport)
    if connection.authority:
        # another authority than Microsoft's own is unknown to its directory of instances
        entra |= {"authority": connection.authority, "disable_instance_discovery": True}
    if connection.client_secret is not None:
        return ClientSecretCredential(
            str(connection.tenant_id), str(connection.client_id), connection.client_secret, **entra
        )
    if connection.managed:
        return ManagedIdentityCredential(client_id=connection.managed_client_id, **transport)
    return DefaultAzureCredential(exclude_interactive_browser_credential=True, **entra)


def check_ca_bundle(path: str, field: str) -> str:
    """The file's path.

    Raises:
        ConfigurationError: there is no such file.
    """
    found = Path(path).expanduser()
    if not found.is_file():
        raise ConfigurationError(
            f"there is no file {found}", platform=PLATFORM, operation=field, remedy="name a PEM file of authorities"
        )
    return str(found)
