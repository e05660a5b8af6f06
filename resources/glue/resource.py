"""The Dagster resource of a Glue source: its fields are the `connection` block of estate.yaml."""

from typing import TYPE_CHECKING, ClassVar

from pydantic import Field

from governance.errors import ConfigurationError
from governance.pace import PaceLimits
from resources.secret import Secret
from resources.source import SourceResource

if TYPE_CHECKING:
    from resources.glue.client import GlueReader
    from resources.glue.client_session import Connection


class GlueResource(SourceResource):
    """One AWS account's Data Catalog in one Region.

    Who we are: static keys where they are given, else the profile, else boto3's default chain (environment, SSO,
    container or instance role). With `role_arn` that identity takes the role, and takes it again before it expires.
    """

    platform: ClassVar[str] = "glue"
    dagster_kinds: ClassVar[frozenset[str]] = frozenset({"aws", "glue"})
    # a token bucket for each service, account and Region, whose size AWS does not tell
    pace: ClassVar[PaceLimits] = PaceLimits(buckets=(("lakeformation:", "lakeformation"), ("sts:", "sts")))

    region: str = Field(description="AWS Region of the catalog, such as eu-west-1.")
    catalog_id: str | None = Field(default=None, description="Another account's catalog; absent: the caller's own.")
    endpoint_url: str | None = Field(default=None, description="Where to connect instead of AWS's own addresses.")
    ca_bundle: str | None = Field(default=None, description="PEM file of the authorities to trust at endpoint_url.")
    profile: str | None = Field(default=None, description="A profile of ~/.aws/config.")
    role_arn: str | None = Field(default=None, description="A role to take before reading.")
    external_id: str | None = Field(default=None, description="What the role's trust policy asks for.")
    access_key_id: Secret | None = Field(default=None, description="Static key, where there is no better way.")
    secret_access_key: Secret | None = Field(default=None, description="Its secret.")
    session_token: Secret | None = Field(default=None, description="Its session token, where it is temporary.")
    lake_formation: bool = Field(
        default=True, description="Read LF-tags and permissions; switch off where Lake Formation is not used."
    )
    job_scripts: bool = Field(
        default=False, description="Fetch the scripts of jobs from S3, for the lineage of those that declare no graph."
    )

    def reader(self) -> "GlueReader":
        """Opens a reader.

        Raises:
            ConfigurationError: a secret is missing, the profile does not exist, or fields contradict each other.
        """
        from resources.glue.client import GlueReader

        return GlueReader(self.connect(), self.policy)

    def connect(self) -> "Connection":
        """The connection with its secrets revealed.

        Raises:
            ConfigurationError: a secret is missing, or fields contradict each other.
        """
        from resources.glue.client_session import Connection

        return Connection(
            region=self.region,
            catalog_id=self.catalog_id,
            endpoint_url=self.endpoint_url,
            ca_bundle=self.ca_bundle,
            profile=self.profile,
            role_arn=self.role_arn,
            external_id=self.external_id,
            keys=self._keys(),
            lake_formation=self.lake_formation,
            job_scripts=self.job_scripts,
        )

    def _keys(self) -> tuple[str, str, str | None] | None:
        if self.access_key_id is None and self.secret_access_key is None and self.session_token is None:
            if self.external_id and not self.role_arn:
                raise self._contradiction("external_id", "external_id says how to take a role: give role_arn too")
            return None
        if self.access_key_id is None or self.secret_access_key is None:
            raise self._contradiction("access_key_id", "give both access_key_id and secret_access_key, or neither")
        if self.profile is not None:
            raise self._contradiction("profile", "give either static keys or a profile, not both")
        token = self.session_token.reveal(self._field("session_token")) if self.session_token else None
        return (
            self.access_key_id.reveal(self._field("access_key_id")),
            self.secret_access_key.reveal(self._field("secret_access_key")),
            token,
        )

    def _contradiction(self, field: str, remedy: str) -> ConfigurationError:
        return ConfigurationError(
            "the ways to sign in contradict each other", platform="glue", operation=self._field(field), remedy=remedy
        )

    def _field(self, name: str) -> str:
        return f"sources.{self.source}.connection.{name}"
