"""The Dagster resource of a Databricks source: its fields are the `connection` block of estate.yaml."""

import ipaddress
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Literal
from urllib.parse import urlsplit

from pydantic import Field

from governance.errors import ConfigurationError
from governance.pace import PaceLimits
from resources.secret import Secret
from resources.source import SourceResource

if TYPE_CHECKING:
    from resources.databricks.client import DatabricksReader
    from resources.databricks.client_session import Connection

TagMode = Literal["auto", "sql", "entity", "off"]


class DatabricksResource(SourceResource):
    """One workspace's view of its Unity Catalog metastore, or an open-source Unity Catalog server.

    Who we are: a personal access token, or a service principal (OAuth machine to machine). Only these fields count:
    neither DATABRICKS_ variables nor ~/.databrickscfg are looked at.

    Tags. The REST API tells the tags of one object a call, so that 50,000 tables of 20 columns would cost a million
    calls; SQL tells those of a whole schema in one statement, for which a warehouse must run. Therefore `auto`, the
    default, reads tags through `warehouse_id` where one is given and else leaves them unread, with a note on every
    scope; `entity` asks object by object and column by column, for small estates and servers without SQL.
    """

    platform: ClassVar[str] = "databricks"
    dagster_kinds: ClassVar[frozenset[str]] = frozenset({"databricks"})
    # limited by rate, by how much is not documented; statements run on a warehouse of the customer's own
    pace: ClassVar[PaceLimits] = PaceLimits(
        buckets=(("POST /api/2.0/sql/", "sql"), ("GET /api/2.0/sql/statements", "sql"))
    )

    host: str = Field(description="Address of the workspace, such as https://dbc-a1b2c3d4-e5f6.cloud.databricks.com.")
    token: Secret | None = Field(default=None, description="Personal access token.")
    client_id: str | None = Field(default=None, description="Application id of a service principal.")
    client_secret: Secret | None = Field(default=None, description="Its OAuth secret.")
    warehouse_id: str | None = Field(
        default=None, description="SQL warehouse that reads tags, grants, lineage and usage."
    )
    tags: TagMode = Field(default="auto", description="How tags are read: auto, sql, entity or off.")
    details: bool = Field(
        default=False,
        description="One more call a table: view dependencies, constraints, ABAC policies, which listings leave out.",
    )
    query_texts: int = Field(
        default=0, ge=0, le=20, description="Commonest SQL texts kept with a table's usage, by day and principal."
    )
    ca_bundle: str | None = Field(default=None, description="PEM file of the authorities to trust at host.")
    allow_http: bool = Field(default=False, description="Allow http:// beyond this machine, for servers without TLS.")

    def reader(self) -> "DatabricksReader":
        """Opens a reader.

        Raises:
            ConfigurationError: a secret is missing, the address cannot be used, or fields contradict each other.
        """
        from resources.databricks.client import DatabricksReader

        return DatabricksReader(self.connect(), self.policy)

    def connect(self) -> "Connection":
        """The connection with its secrets revealed.

        Raises:
            ConfigurationError: a secret is missing, the address cannot be used, or fields contradict each other.
        """
        from resources.databricks.client_session import Connection

        if (self.token is None) == (self.client_id is None) or (self.client_id is None) != (self.client_secret is None):
            raise self._wrong(
                "token", "give either token, or client_id and client_secret", "remove one way, or complete it"
            )
        if self.tags == "sql" and self.warehouse_id is None:
            raise self._wrong("tags", "tags: sql needs a warehouse", "add warehouse_id: the id of a SQL warehouse")
        return Connection(
            host=self._address(),
            token=self.token.reveal(self._field("token")) if self.token else None,
            client_id=self.client_id,
            client_secret=self.client_secret.reveal(self._field("client_secret")) if self.client_secret else None,
            warehouse_id=self.warehouse_id,
            tags=self._tag_mode(),
            details=self.details,
            query_texts=self.query_texts,
            ca_bundle=self._authorities(),
        )

    def _tag_mode(self) -> Literal["sql", "entity", "off"]:
        if self.tags == "auto":
            return "sql" if self.warehouse_id else "off"
        return self.tags

    def _authorities(self) -> str | None:
        if self.ca_bundle is not None and not Path(self.ca_bundle).is_file():
            raise self._wrong("ca_bundle", f"there is no file {self.ca_bundle}", "give the path of a PEM file")
        return self.ca_bundle

    def _address(self) -> str:
        text = self.host if "://" in self.host else f"https://{self.host}"
        try:
            parts = urlsplit(text)
            name = parts.hostname or ""
            at = f"{parts.hostname}:{parts.port}" if parts.port else name
        except ValueError as error:
            raise self._wrong("host", f"{self.host} is not an address: {error}", _HOST_REMEDY) from error
        if parts.scheme not in ("https", "http") or not name or parts.username or parts.query:
            raise self._wrong("host", f"{self.host} is not the address of a workspace", _HOST_REMEDY)
        if parts.scheme == "http" and not self.allow_http and not _is_loopback(name):
            raise self._wrong(
                "host",
                f"http://{at} would send the token in the clear",
                "write https://, or allow_http: true where the network is trusted",
            )
        return f"{parts.scheme}://{parts.netloc}"

    def _wrong(self, field: str, message: str, remedy: str) -> ConfigurationError:
        return ConfigurationError(message, platform="estate", operation=self._field(field), remedy=remedy)

    def _field(self, name: str) -> str:
        return f"sources.{self.source}.connection.{name}"


_HOST_REMEDY = "copy the address from the browser, up to the first slash after https://"


def _is_loopback(name: str) -> bool:
    if name == "localhost":
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False
