"""The Dagster resource of a Purview source: its fields are the `connection` block of estate.yaml."""

from typing import TYPE_CHECKING, ClassVar

from pydantic import Field

from governance.errors import ConfigurationError
from governance.pace import PaceLimits
from resources.secret import Secret
from resources.source import SourceResource

if TYPE_CHECKING:
    from resources.purview.client import PurviewReader
    from resources.purview.client_session import Connection


class PurviewResource(SourceResource):
    """One Microsoft Purview account.

    Who we are: a service principal where `client_secret` is given; a managed identity where `managed_identity` or
    `managed_identity_client_id` says so; else azure-identity's default chain. It needs the role Data reader on the
    root collection, or on each collection to be read, and Collection administrator for the facet access.
    """

    platform: ClassVar[str] = "purview"
    dagster_kinds: ClassVar[frozenset[str]] = frozenset({"azure", "purview"})
    # one capacity unit of the Data Map, which every account has; more than that makes it grow, and its price
    pace: ClassVar[PaceLimits] = PaceLimits(per_second=25.0, buckets=(("purview:token", "login"),))

    account: str | None = Field(default=None, description="Name of the account: ACCOUNT.purview.azure.com.")
    endpoint: str | None = Field(default=None, description="https address to use instead of the account's own.")
    account_endpoint: str | None = Field(
        default=None, description="Address of the account data plane; absent: the endpoint's /account."
    )
    tenant_id: str | None = Field(default=None, description="The Entra ID tenant of the service principal.")
    client_id: str | None = Field(default=None, description="The service principal's application id.")
    client_secret: Secret | None = Field(default=None, description="Its secret's value.")
    managed_identity: bool = Field(default=False, description="Sign in as this machine's managed identity.")
    managed_identity_client_id: str | None = Field(
        default=None, description="Client id of a user-assigned managed identity."
    )
    authority: str | None = Field(
        default=None, description="Address of Entra ID, for national clouds or a private one."
    )
    scope: str = Field(
        default="https://purview.azure.net/.default", description="What tokens are for; national clouds differ."
    )
    ca_bundle: str | None = Field(
        default=None, description="PEM file of the authorities to trust instead of the usual."
    )
    page_size: int = Field(default=1000, ge=1, le=1000, description="Assets in one answer of a search.")

    def reader(self) -> "PurviewReader":
        """Opens a reader.

        Raises:
            ConfigurationError: a secret or file is missing, or fields contradict each other.
        """
        from resources.purview.client import PurviewReader

        return PurviewReader(self.connect(), self.policy, page_size=self.page_size)

    def connect(self) -> "Connection":
        """The connection with its secret revealed.

        Raises:
            ConfigurationError: a secret or file is missing, or fields contradict each other.
        """
        from resources.purview.client_session import Connection, check_ca_bundle

        endpoint = self._endpoint()
        account_endpoint = _https(self.account_endpoint or f"{endpoint}/account", self._field("account_endpoint"))
        self._check_identity()
        return Connection(
            endpoint=endpoint,
            account_endpoint=account_endpoint,
            scope=self.scope,
            authority=_https(self.authority, self._field("authority")) if self.authority else None,
            ca_bundle=check_ca_bundle(self.ca_bundle, self._field("ca_bundle")) if self.ca_bundle else None,
            tenant_id=self.tenant_id,
            client_id=self.client_id,
            client_secret=self.client_secret.reveal(self._field("client_secret")) if self.client_secret else None,
            managed=self.managed_identity or self.managed_identity_client_id is not None,
            managed_client_id=self.managed_identity_client_id,
        )

    def _endpoint(self) -> str:
        if self.endpoint:
            return _https(self.endpoint, self._field("endpoint"))
        if not self.account:
            raise _wrong("there is no account to read", self._field("account"), "give account, or endpoint")
        if "." in self.account or "/" in self.account:
            remedy = "write the account's name alone, or its whole address in endpoint"
            raise _wrong("account is an address", self._field("account"), remedy)
        return f"https://{self.account}.purview.azure.com"

    def _check_identity(self) -> None:
        managed = self.managed_identity or self.managed_identity_client_id is not None
        if self.client_secret is None:
            if self.client_id or self.tenant_id:
                remedy = "give client_secret too; for a managed identity use managed_identity_client_id instead"
                raise _wrong("a service principal has no secret", self._field("client_secret"), remedy)
            return
        if managed:
            remedy = "give either a service principal or a managed identity"
            raise _wrong("the ways to sign in contradict each other", self._field("managed_identity"), remedy)
        for name, value in (("tenant_id", self.tenant_id), ("client_id", self.client_id)):
            if not value:
                raise _wrong(f"a service principal needs {name}", self._field(name), f"add {name}")

    def _field(self, name: str) -> str:
        return f"sources.{self.source}.connection.{name}"


def _https(address: str, field: str) -> str:
    """The address without a slash at its end; tokens and secrets go over https only."""
    if not address.startswith("https://"):
        raise _wrong("Purview and Entra ID are spoken to over https only", field, "write an address with https://")
    return address.rstrip("/")


def _wrong(message: str, field: str, remedy: str) -> ConfigurationError:
    return ConfigurationError(message, platform="purview", operation=field, remedy=remedy)
