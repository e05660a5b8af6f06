"""Who may log in to the sandbox's Snowflake, and with what answer the others are sent away."""

import base64
import hashlib
import json
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import jwt
from cryptography.hazmat.primitives import serialization as ser
from cryptography.hazmat.primitives.asymmetric import rsa

ACCOUNT = "HARBOURPINE"
USER = "GOVERNANCE"
READER, ANALYST = "GOVERNANCE_READER", "ANALYST"
"""The reader sees everything; the analyst has no right on ACCOUNT_USAGE, and none on the database ANALYTICS."""
DENIED = {READER: frozenset[str](), ANALYST: frozenset({"SNOWFLAKE", "ANALYTICS"})}

_WRONG_PASSWORD = ("390100", "Incorrect username or password was specified.")
_WRONG_KEY = ("390144", "JWT token is invalid. [6cd6a0c5-39b5-4e3a-a4a1-0f6d3f6f2c51]")
_WRONG_TOKEN = ("390303", "Invalid OAuth access token. [d8f4f7c5-8e2d-4c36-9c0f-1f4b6a0f7a21]")


@dataclass
class Logins:
    """The one user, and what she may show."""

    password: str = field(default="harbour-and-pine", repr=False)
    oauth_token: str = field(default="ver:1-hint:1-sandbox", repr=False)

    @cached_property
    def key(self) -> rsa.RSAPrivateKey:
        """Her key; its public half is what the server has registered."""
        return rsa.generate_private_key(public_exponent=65537, key_size=2048)

    def key_pem(self, passphrase: str | None = None) -> str:
        """The private key as PKCS 8, encrypted where there is a passphrase."""
        lock = ser.BestAvailableEncryption(passphrase.encode()) if passphrase else ser.NoEncryption()
        return self.key.private_bytes(ser.Encoding.PEM, ser.PrivateFormat.PKCS8, lock).decode()

    def refusal(self, data: dict[str, Any], role: str | None) -> dict[str, Any] | None:
        """Snowflake's answer to a login that it refuses, None for a good one."""
        wrong = self._wrong(data)
        if wrong is None and role and role.upper() not in DENIED:
            wrong = ("390189", f"Role '{role}' specified in the connect string does not exist or not authorized.")
        if wrong is None:
            return None
        login = {"nextAction": "RETRY_LOGIN", "authnMethod": data.get("AUTHENTICATOR", "USERNAME_PASSWORD")}
        return {"data": login, "code": wrong[0], "message": wrong[1], "success": False, "headers": None}

    def _wrong(self, data: dict[str, Any]) -> tuple[str, str] | None:
        known = str(data.get("LOGIN_NAME", "")).upper() == USER
        match str(data.get("AUTHENTICATOR", "")).upper():
            case "SNOWFLAKE_JWT":
                return None if known and self._signed(str(data.get("TOKEN"))) else _WRONG_KEY
            case "OAUTH":
                return None if data.get("TOKEN") == self.oauth_token else _WRONG_TOKEN
        return None if known and data.get("PASSWORD") == self.password else _WRONG_PASSWORD

    def _signed(self, token: str) -> bool:
        public = self.key.public_key()
        der = public.public_bytes(ser.Encoding.DER, ser.PublicFormat.SubjectPublicKeyInfo)
        fingerprint = "SHA256:" + base64.b64encode(hashlib.sha256(der).digest()).decode()
        try:
            claims = jwt.decode(token, public, algorithms=["RS256"], options={"require": ["exp", "iss", "sub"]})
        except jwt.InvalidTokenError:
            return False
        subject = f"{ACCOUNT}.{USER}"
        return bool(claims["sub"] == subject and claims["iss"] == f"{subject}.{fingerprint}")


def session_parameters(body: bytes) -> dict[str, Any]:
    """The `data` of a login request."""
    data: dict[str, Any] = json.loads(body)["data"]
    return data
