"""The Dagster resource of an Atlas source: its fields are the `connection` block of estate.yaml."""

from typing import TYPE_CHECKING, ClassVar

from pydantic import Field

from governance.errors import ConfigurationError
from governance.pace import PaceLimits
from resources.secret import Secret
from resources.source import SourceResource

if TYPE_CHECKING:
    from resources.atlas.client import Atlas
    from resources.atlas.client_reader import AtlasReader


class AtlasResource(SourceResource):
    """One Apache Atlas server: signed in with a user and password, or with a token that a gateway in front takes."""

    platform: ClassVar[str] = "atlas"
    dagster_kinds: ClassVar[frozenset[str]] = frozenset({"atlas"})
    # Atlas documents no limit and sends none: the bound is ours
    pace: ClassVar[PaceLimits] = PaceLimits(at_once=8)

    url: str = Field(description="Address of the server without /api/atlas, such as https://atlas.example.com:21443.")
    username: str | None = Field(default=None, description="A user who may read types and entities.")
    password: Secret | None = Field(default=None, description="The user's password.")
    token: Secret | None = Field(default=None, description="A bearer token, instead of user and password.")
    verify_tls: bool = Field(default=True, description="Whether to check the server's certificate.")
    ca_bundle: str | None = Field(default=None, description="PEM file of the authorities to trust instead.")
    page_size: int = Field(default=500, ge=1, le=10_000, description="Hits of one search page.")

    def reader(self) -> "AtlasReader":
        """Opens a reader.

        Raises:
            ConfigurationError: a secret is missing, or the ways to sign in contradict each other.
        """
        from resources.atlas.client_reader import AtlasReader

        return AtlasReader(self.connect())

    def connect(self) -> "Atlas":
        """A connection for a reader.

        Raises:
            ConfigurationError: as `reader`.
        """
        from resources.atlas.client import Atlas
        from resources.http import Bearer, RestSession

        secret = self._secret()
        session = RestSession(
            self.platform,
            self.policy,
            auth=(self.username, secret) if self.username is not None else Bearer(secret),
            verify=(self.ca_bundle or True) if self.verify_tls else False,
            secrets=(secret,),
        )
        return Atlas(self.url, session, self.policy, self.page_size)

    def _secret(self) -> str:
        """The password, or the token where there is no user."""
        where = f"sources.{self.source}.connection"
        if self.username is not None and self.password is not None and self.token is None:
            return self.password.reveal(f"{where}.password")
        if self.token is not None and self.username is None and self.password is None:
            return self.token.reveal(f"{where}.token")
        raise ConfigurationError(
            "an Atlas source signs in either with username and password or with token",
            platform=self.platform,
            operation=where,
            remedy="give username and password, or token alone",
        )
