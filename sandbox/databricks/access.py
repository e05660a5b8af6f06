"""Who may do what in the workspace: tokens, principals with their groups, and privileges that are inherited."""

import base64
import secrets
import time
from collections.abc import Iterable

import msgspec

from sandbox.databricks.answers import ApiError

ADMIN_TOKEN = "dapi-sandbox-admin-6f1c0f2b"
READER_TOKEN = "dapi-sandbox-reader-91d2a7c4"
READER_CLIENT_ID = "5b1f7c1e-2a35-4d0c-9a53-6d2f3a0c7e11"
READER_CLIENT_SECRET = "dose-sandbox-reader-secret"
STRANGER_TOKEN = "dapi-sandbox-stranger-0a7be913"
READERS = "governance_readers"


class Principal(msgspec.Struct, frozen=True):
    """A user or service principal. An admin passes every check; a workspace admin reads the directory."""

    name: str
    display: str
    groups: tuple[str, ...] = ()
    admin: bool = False
    workspace_admin: bool = False

    @property
    def identities(self) -> frozenset[str]:
        """The names under which something may be granted to it or owned by it."""
        return frozenset((self.name, *self.groups, "account users"))


ADMIN = Principal("admin@acme.example", "Platform Admin", ("metastore_admins",), admin=True)
READER = Principal(READER_CLIENT_ID, "governance-reader", (READERS,), workspace_admin=True)
STRANGER = Principal("stranger@acme.example", "Stranger")


class Doors:
    """The tokens in force: personal ones for ever, machine ones until they end."""

    def __init__(self, lifetime: int = 3600) -> None:
        self.lifetime = lifetime
        self._personal = {ADMIN_TOKEN: ADMIN, READER_TOKEN: READER, STRANGER_TOKEN: STRANGER}
        self._machine: dict[str, tuple[Principal, float]] = {}

    def mint(self, client_id: str, client_secret: str) -> str | None:
        """A machine token, None where the secret is wrong."""
        if not secrets.compare_digest(f"{client_id}:{client_secret}", f"{READER_CLIENT_ID}:{READER_CLIENT_SECRET}"):
            return None
        token = f"eyJ{secrets.token_urlsafe(24)}"
        self._machine[token] = (READER, time.time() + self.lifetime)
        return token

    def end_machine_tokens(self) -> int:
        """Ends all machine tokens at once; says how many."""
        count = len(self._machine)
        self._machine.clear()
        return count

    def principal(self, header: str | None) -> Principal:
        """Who sends this Authorization header.

        Raises:
            ApiError: 401 without a bearer token, 403 with one that is not, or no longer, known.
        """
        scheme, _, token = (header or "").partition(" ")
        if scheme.lower() != "bearer" or not token:
            raise ApiError(401, "401", "Credential was not sent or was of an unsupported type for this API.")
        if token in self._personal:
            return self._personal[token]
        who, until = self._machine.get(token, (None, 0.0))
        if who is None or until < time.time():
            raise ApiError(403, "403", "Invalid Token" if token.startswith("eyJ") else "Invalid access token.")
        return who


def basic(header: str | None) -> tuple[str, str]:
    """User and password of a Basic header; empty ones where it is none."""
    scheme, _, text = (header or "").partition(" ")
    if scheme.lower() != "basic":
        return "", ""
    try:
        user, _, password = base64.b64decode(text).decode().partition(":")
    except ValueError:
        return "", ""
    return user, password


class Grants:
    """Privileges by securable. A securable is a pair of kind and full name."""

    def __init__(self) -> None:
        self._given: dict[tuple[str, str], dict[str, set[str]]] = {}

    def change(self, securable: tuple[str, str], principal: str, add: Iterable[str], remove: Iterable[str]) -> None:
        """Grants and revokes."""
        held = self._given.setdefault(securable, {}).setdefault(principal, set())
        held |= {privilege.replace(" ", "_") for privilege in add}
        held -= {privilege.replace(" ", "_") for privilege in remove}

    def on(self, securable: tuple[str, str]) -> dict[str, list[str]]:
        """Privileges given on this very securable, by principal."""
        return {who: sorted(held) for who, held in sorted(self._given.get(securable, {}).items()) if held}

    def forget(self, securable: tuple[str, str]) -> None:
        """The securable is gone."""
        self._given.pop(securable, None)

    def renamed(self, old: tuple[str, str], new: tuple[str, str]) -> None:
        """The securable has another name."""
        if old in self._given:
            self._given[new] = self._given.pop(old)

    def held(self, who: Principal, chain: Iterable[tuple[str, str]]) -> set[str]:
        """Privileges that `who` has on the first of `chain`, by its own and those above it."""
        found: set[str] = set()
        for securable in chain:
            for name, held in self._given.get(securable, {}).items():
                if name in who.identities:
                    found |= held
        return found
