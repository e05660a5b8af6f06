"""Entra ID as azure-identity sees it: token endpoint, discovery documents, and the managed identity endpoints.

Tokens are signed and name their bearer, audience and end; they can be revoked, as an administrator does.
"""

import base64
import hashlib
import hmac
import json
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

Json = dict[str, Any]

TENANT = "7a3f1c52-6f0e-4d0e-9a55-2d1f6c9b8e11"
AUDIENCE = "https://purview.azure.net"
READER, CURATOR, LIMITED = (
    "0d5b1c8e-52b5-4e6c-8c60-3f0a6a1f0001",
    "0d5b1c8e-52b5-4e6c-8c60-3f0a6a1f0002",
    "0d5b1c8e-52b5-4e6c-8c60-3f0a6a1f0003",
)
SECRETS = {
    READER: "reader~8Q~harbour-and-pine",
    CURATOR: "curator~8Q~harbour-and-pine",
    LIMITED: "limited~8Q~harbour-and-pine",
}
MANAGED = {None: READER, READER: READER, LIMITED: LIMITED}
"""The identities that the machine has: system-assigned, and user-assigned ones by client id."""


@dataclass(frozen=True)
class Answer:
    """Status and JSON of an answer of the identity service."""

    status: int
    body: Json


class Identity:
    """Issues and checks tokens. `seconds` is how long a token lives."""

    def __init__(self) -> None:
        self.seconds = 3599
        self.issued = 0
        self._key = secrets.token_bytes(32)
        self._generation = 0

    def revoke(self) -> None:
        """Ends every token issued so far."""
        self._generation += 1

    def token(self, tenant: str, form: Mapping[str, str]) -> Answer:
        """POST /{tenant}/oauth2/v2.0/token with the client's secret."""
        if tenant != TENANT:
            return _refused(
                400, "invalid_request", 90002, f"Tenant '{tenant}' not found. Check to make sure you have it right"
            )
        if form.get("grant_type") != "client_credentials":
            return _refused(400, "unsupported_grant_type", 70003, "The app requested an unsupported grant type")
        client = form.get("client_id", "")
        if client not in SECRETS:
            text = f"Application with identifier '{client}' was not found in the directory"
            return _refused(400, "unauthorized_client", 700016, text)
        if not hmac.compare_digest(form.get("client_secret", "").encode(), SECRETS[client].encode()):
            text = f"Invalid client secret provided for app '{client}'"
            return _refused(401, "invalid_client", 7000215, text)
        if form.get("scope") != f"{AUDIENCE}/.default":
            text = f"The resource principal named {form.get('scope')} was not found in the tenant"
            return _refused(400, "invalid_resource", 500011, text)
        return Answer(200, {"token_type": "Bearer", "expires_in": self.seconds, "access_token": self._signed(client)})

    def managed(self, query: Mapping[str, str]) -> Answer:
        """The managed identity endpoints of a virtual machine and of App Service."""
        client = MANAGED.get(query.get("client_id"))
        if client is None:
            return Answer(400, {"error": "invalid_request", "error_description": "Identity not found"})
        if query.get("resource") != AUDIENCE:
            return Answer(400, {"error": "invalid_resource", "error_description": f"{query.get('resource')} not found"})
        return Answer(
            200,
            {
                "access_token": self._signed(client),
                "expires_in": str(self.seconds),
                "expires_on": str(int(time.time()) + self.seconds),
                "resource": AUDIENCE,
                "token_type": "Bearer",
            },
        )

    def bearer(self, header: str) -> str | None:
        """Whose token this is; None where it is none of ours, or has ended."""
        kind, _, token = header.partition(" ")
        text, _, signature = token.rpartition(".")
        if kind.lower() != "bearer" or not hmac.compare_digest(self._signature(text), signature):
            return None
        claims = json.loads(_decoded(text.partition(".")[2]))
        alive = claims["exp"] > time.time() and claims["generation"] == self._generation
        return str(claims["appid"]) if alive and claims["aud"] == AUDIENCE else None

    def _signed(self, client: str) -> str:
        self.issued += 1
        now = int(time.time())
        claims = {
            "aud": AUDIENCE,
            "appid": client,
            "tid": TENANT,
            "oid": client,
            "iat": now,
            "exp": now + self.seconds,
            "jti": self.issued,
            "generation": self._generation,
        }
        text = f"{_encoded({'alg': 'HS256', 'typ': 'JWT'})}.{_encoded(claims)}"
        return f"{text}.{self._signature(text)}"

    def _signature(self, text: str) -> str:
        return hmac.new(self._key, text.encode(), hashlib.sha256).hexdigest()


def openid_configuration(base: str, tenant: str) -> Json:
    """GET /{tenant}/v2.0/.well-known/openid-configuration."""
    return {
        "token_endpoint": f"{base}/{tenant}/oauth2/v2.0/token",
        "authorization_endpoint": f"{base}/{tenant}/oauth2/v2.0/authorize",
        "device_authorization_endpoint": f"{base}/{tenant}/oauth2/v2.0/devicecode",
        "issuer": f"{base}/{tenant}/v2.0",
        "jwks_uri": f"{base}/{tenant}/discovery/v2.0/keys",
        "response_types_supported": ["code", "token"],
        "subject_types_supported": ["pairwise"],
        "id_token_signing_alg_values_supported": ["RS256"],
        "token_endpoint_auth_methods_supported": ["client_secret_post"],
    }


def instance_discovery(base: str, tenant: str) -> Json:
    """GET /common/discovery/instance."""
    host = base.split("://")[1]
    return {
        "tenant_discovery_endpoint": f"{base}/{tenant}/v2.0/.well-known/openid-configuration",
        "api-version": "1.1",
        "metadata": [{"preferred_network": host, "preferred_cache": host, "aliases": [host]}],
    }


def _refused(status: int, error: str, code: int, text: str) -> Answer:
    return Answer(status, {"error": error, "error_description": f"AADSTS{code}: {text}.", "error_codes": [code]})


def _encoded(value: Json) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


def _decoded(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
