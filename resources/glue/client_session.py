"""How we become somebody on AWS, and how botocore reads its answers.

Four fifths of a listing's processor time is botocore's parser, which walks each answer along the service model to turn
numbers into times. Ours reads the JSON as it stands, and leaves tables as bytes until they are translated; it comes in
through botocore's own component registry, and errors, signing and sockets stay botocore's.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import orjson
from botocore import parsers
from botocore.config import Config
from botocore.credentials import (
    AssumeRoleCredentialFetcher,
    CredentialProvider,
    CredentialResolver,
    DeferredRefreshableCredentials,
)
from botocore.exceptions import ConfigParseError, InvalidRegionError, ProfileNotFound
from botocore.session import Session

from governance.errors import ConfigurationError
from resources.calls import CallPolicy
from resources.glue.client_tokens import unparsed

USER_AGENT = f"governance-pipelines Boto3/{boto3.__version__}"


@dataclass(frozen=True)
class Connection:
    """Everything a session needs, secrets revealed."""

    region: str
    catalog_id: str | None = None
    endpoint_url: str | None = None
    ca_bundle: str | None = None
    profile: str | None = None
    role_arn: str | None = None
    external_id: str | None = None
    keys: tuple[str, str, str | None] | None = None
    lake_formation: bool = True
    job_scripts: bool = False


class PlainJSON(parsers.JSONParser):
    """Answers of the JSON protocol as they stand: times stay epoch seconds."""

    def _do_parse(self, response: dict[str, Any], shape: Any) -> dict[str, Any]:
        body = response["body"]
        out = unparsed(body, shape) or _told(response)
        out["ResponseMetadata"] = _metadata(response)
        return out


class PlainRestJSON(parsers.RestJSONParser):
    """The same for Lake Formation, of whose answers the stock parser leaves out what its model does not know."""

    def _do_parse(self, response: dict[str, Any], shape: Any) -> dict[str, Any]:
        return {**_told(response), "ResponseMetadata": _metadata(response)}


def _told(response: dict[str, Any]) -> dict[str, Any]:
    body = response["body"]
    try:
        out = orjson.loads(body) if body else {}
    except orjson.JSONDecodeError:
        # a lone surrogate: no text at all to orjson, but the other records of the page are sound
        out = _lenient(body)
    if not isinstance(out, dict):
        raise parsers.ResponseParserError("the answer is not a JSON object")
    return out


def _metadata(response: dict[str, Any]) -> dict[str, Any]:
    return {"RequestId": response["headers"].get("x-amzn-requestid", "")}


def _lenient(body: bytes) -> Any:
    try:
        return json.loads(body)
    except (ValueError, RecursionError) as error:
        raise parsers.ResponseParserError(f"the answer is not JSON: {error}") from error


class Parsers(parsers.ResponseParserFactory):
    """botocore's factory, with our parsers for the two protocols of Glue and Lake Formation."""

    def create_parser(self, protocol_name: str) -> Any:
        """A parser of this protocol."""
        stock = super().create_parser(protocol_name)
        if type(stock) is parsers.JSONParser:
            return PlainJSON()
        return PlainRestJSON() if type(stock) is parsers.RestJSONParser else stock


def can_parse_fast() -> bool:
    """Whether this botocore still has the hooks that our parsers rely on."""
    answer, no_shape = {"body": b'{"a":[1]}', "headers": {}, "status_code": 200}, None
    ours: tuple[Any, ...] = (PlainJSON(), PlainRestJSON())
    try:
        told = [parser.parse(answer, no_shape) for parser in ours]
    except (AttributeError, KeyError, TypeError):
        return False
    return all(out.get("a") == [1] and out["ResponseMetadata"].get("HTTPStatusCode") == 200 for out in told)


class _Role(CredentialProvider):
    """A credential provider that takes a role, and takes it again before it runs out."""

    METHOD = "assume-role"
    CANONICAL_NAME = "AssumeRole"

    def __init__(self, session: Session, connection: Connection, config: Config) -> None:
        super().__init__(session)
        self.base, self.connection, self.config = session, connection, config

    def load(self) -> DeferredRefreshableCredentials:
        """Credentials that fetch themselves at the first call."""
        extra = {"RoleSessionName": "governance"}
        if self.connection.external_id:
            extra["ExternalId"] = self.connection.external_id
        fetcher = AssumeRoleCredentialFetcher(
            client_creator=self._client,
            source_credentials=self.base.get_credentials(),
            role_arn=str(self.connection.role_arn),
            extra_args=extra,
        )
        return DeferredRefreshableCredentials(method=self.METHOD, refresh_using=fetcher.fetch_credentials)

    def _client(self, service: str, **given: Any) -> Any:
        return self.base.create_client(
            service, config=self.config, **where(self.connection), **given, region_name=self.connection.region
        )


def where(connection: Connection) -> dict[str, Any]:
    """Where a client connects, and whose certificates it trusts there."""
    return {"endpoint_url": connection.endpoint_url, "verify": connection.ca_bundle}


def open_clients(
    session: boto3.Session, connection: Connection, config: Config, services: tuple[str, ...]
) -> dict[str, Any]:
    """A client for each service; they may be shared between threads.

    Raises:
        ConfigurationError: the region, the endpoint or the certificate file cannot be right.
    """
    if connection.ca_bundle and not Path(connection.ca_bundle).is_file():
        raise _wrong("ca_bundle", f"there is no file {connection.ca_bundle}", "name a PEM file that Dagster can read")
    # not as boto3-stubs type it: with a literal for each service
    of: Any = session
    try:
        # nothing is sent yet
        return {name: of.client(name, **where(connection), config=config) for name in services}
    except InvalidRegionError as error:
        raise _wrong("region", str(error), "write a Region such as eu-west-1") from error
    except ValueError as error:
        raise _wrong(
            "endpoint_url", str(error), "write an address such as https://glue.eu-west-1.amazonaws.com"
        ) from error


def config_of(policy: CallPolicy) -> Config:
    """Bounds of one call; tries are counted by our Caller, not by botocore."""
    return Config(
        retries={"total_max_attempts": 1, "mode": "standard"},
        read_timeout=policy.read_timeout,
        connect_timeout=policy.connect_timeout,
        max_pool_connections=16,
        tcp_keepalive=True,
        # what CloudTrail shows of us; botocore would compose its own text anew, twice for each call
        user_agent=USER_AGENT,
    )


def open_session(connection: Connection, config: Config, *, fast: bool = True) -> boto3.Session:
    """A session of its own: nothing of it is shared with other users of boto3 in this process.

    Raises:
        ConfigurationError: the profile does not exist.
    """
    base = _base(connection, fast)
    if connection.role_arn is None:
        return boto3.Session(botocore_session=base, region_name=connection.region)
    taken = _bare(connection, fast)
    taken.register_component("credential_provider", CredentialResolver([_Role(base, connection, config)]))
    return boto3.Session(botocore_session=taken, region_name=connection.region)


def _wrong(field: str, message: str, remedy: str) -> ConfigurationError:
    return ConfigurationError(message, platform="glue", operation=f"connection.{field}", remedy=remedy)


def _base(connection: Connection, fast: bool) -> Session:
    session = _bare(connection, fast)
    if connection.keys is not None:
        session.set_credentials(*connection.keys)
    return session


def _bare(connection: Connection, fast: bool) -> Session:
    session = Session(profile=connection.profile)
    try:
        session.get_scoped_config()
    except (ProfileNotFound, ConfigParseError) as error:
        remedy = "name a profile of ~/.aws/config, or set AWS_CONFIG_FILE where Dagster runs"
        raise _wrong("profile", str(error), remedy) from error
    if fast and can_parse_fast():
        session.register_component("response_parser_factory", Parsers())
    return session
