"""What an error of Microsoft's SDKs and services means to us, and what a person should do about it."""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from azure.core import exceptions as az

from governance.errors import (
    AuthenticationError,
    DeadlineExceeded,
    GovernanceError,
    NotFound,
    PermissionDenied,
    ProtocolError,
    TlsError,
    Unavailable,
)
from resources.http_bounded import TooLong
from resources.http_errors import SHOWN, Damaged, Oversized, Redaction, refusal

PLATFORM = "purview"

PROXY = "check account and endpoint; a proxy or sign-in page may answer in Purview's place"

_AADSTS = re.compile(r"AADSTS(\d+)")
_REMEDIES = {
    "7000215": "check client_secret: it must be the secret's value, not its id, and belong to this client_id",
    "7000222": "the client secret has expired: make a new one in Entra ID, App registrations > Certificates & secrets",
    "700016": "check client_id and tenant_id: this tenant has no such application",
    "90002": "check tenant_id: there is no such tenant",
    "500011": "check scope: this tenant knows no such resource; in a national cloud give its own scope and authority",
}
_UNTRUSTED = ("CERTIFICATE_VERIFY_FAILED", "WRONG_VERSION_NUMBER", "UNKNOWN_PROTOCOL", "TLSV1_ALERT")


class Classifier:
    """Turns exceptions of azure-core and azure-identity into ours."""

    def __init__(self, redacted: Redaction) -> None:
        self.redacted = redacted

    def __call__(self, error: Exception, operation: str) -> GovernanceError | None:
        """Our error, None where the exception is not one of Microsoft's SDKs."""
        if not isinstance(error, az.AzureError):
            return None
        told = self.redacted(str(error.message or error))[:SHOWN]
        if any(mark in _chain_text(error) for mark in _UNTRUSTED):
            remedy = "give the authority that signed it in ca_bundle, or correct endpoint and authority"
            return _made(TlsError, f"the server's certificate is not to be trusted: {told}", operation, remedy)
        if isinstance(error, az.ClientAuthenticationError):
            return self._unauthenticated(error, told, operation)
        if isinstance(error, az.ServiceResponseTimeoutError):
            return _made(DeadlineExceeded, f"no answer in time: {told}", operation, "raise read_timeout_seconds")
        if isinstance(error, az.ServiceRequestError):
            remedy = "check account, endpoint and authority, and the network between here and there"
            return _made(Unavailable, f"the service could not be reached: {told}", operation, remedy)
        if any(isinstance(e, TooLong) for e in _chain(error)):
            return _made(Oversized, told, operation, "exclude what is so large")
        if isinstance(error, az.DecodeError):
            return _made(Damaged, f"the answer is not what it says it is: {told}", operation, PROXY)
        response: Any = getattr(error, "response", None)
        if response is not None and response.status_code >= 300:
            return refused(response.status_code, response.headers, self.redacted(said(response.text())), operation)
        return _made(Damaged, f"the answer was cut short or garbled: {told}", operation, PROXY)

    def _unauthenticated(self, error: az.ClientAuthenticationError, told: str, operation: str) -> GovernanceError:
        """Entra ID's refusals; azure-identity also puts failures of the network into this class."""
        inner = next(
            (e for e in _chain(error) if isinstance(e, az.ServiceRequestError | az.ServiceResponseError)), None
        )
        if inner is not None:
            return self(inner, operation) or _made(Unavailable, told, operation, "")
        response: Any = error.response
        if response is not None and (response.status_code == 429 or response.status_code >= 500):
            return refused(response.status_code, response.headers, told, operation)
        code = _AADSTS.search(str(error))
        remedy = _REMEDIES.get(code[1] if code else "", "")
        if not remedy:
            remedy = (
                "give tenant_id, client_id and client_secret of a service principal, or run where a managed identity is"
            )
        return _made(AuthenticationError, f"no token for Purview: {told}", operation, remedy)


def refused(status: int, headers: Mapping[str, str], words: str, operation: str) -> GovernanceError:
    """The error of an answer of 300 or more; `Oversized` for 413 and 414."""
    error = refusal(status, headers, words, PLATFORM, operation)
    if isinstance(error, AuthenticationError):
        error.remedy = "check that the credential is of the tenant that the account belongs to, and its scope"
    if isinstance(error, PermissionDenied):
        error.remedy = role_remedy()
    if isinstance(error, NotFound) and not words:
        remedy = "check account and endpoint: what answers there does not know this call"
        return _made(ProtocolError, f"HTTP {status} without a reason", operation, remedy)
    return error


def role_remedy(collection: str = "", friendly: str = "", *, role: str = "Data reader") -> str:
    """The role assignment to ask for."""
    named = f"{collection} ({friendly})" if friendly and friendly != collection else collection
    where = f"collection {named}" if named else "the root collection, or on each collection to be read"
    return (
        f"assign the role {role} on {where} to this identity: Purview portal > Data Map > Domains and "
        "collections > the collection > Role assignments"
    )


def said(text: str) -> str:
    """Microsoft's own words in an error's body, empty where there are none."""
    try:
        body = json.loads(text[:20_000])
    except ValueError:
        return ""
    inner = body.get("error", body) if isinstance(body, dict) else None
    if not isinstance(inner, dict):
        return ""
    code = inner.get("errorCode") or inner.get("code") or ""
    return f"{code} {inner.get('errorMessage') or inner.get('message') or ''}".strip()[:SHOWN]


def _made(kind: type[GovernanceError], message: str, operation: str, remedy: str) -> GovernanceError:
    return kind(message, platform=PLATFORM, operation=operation, remedy=remedy)


def _chain(error: BaseException) -> Iterator[BaseException]:
    """The exception and what it came from, through the ways that the libraries keep that."""
    todo: list[Any] = [error]
    seen: set[int] = set()
    while todo:
        one = todo.pop(0)
        if not isinstance(one, BaseException) or id(one) in seen:
            continue
        seen.add(id(one))
        yield one
        todo += [one.__cause__, one.__context__, getattr(one, "inner_exception", None), getattr(one, "reason", None)]
        todo += one.args


def _chain_text(error: BaseException) -> str:
    return " ".join(str(e) for e in _chain(error))
