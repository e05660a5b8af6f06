"""The calls of one account, for the readers of facets: by their IAM names, and whole listings."""

import threading
from collections.abc import Iterator
from typing import Any

from botocore import xform_name

from resources.calls import Caller, CallPolicy, Meter
from resources.glue.client_bounds import bound
from resources.glue.client_errors import Classifier
from resources.glue.client_pages import pages
from resources.glue.client_session import Connection, config_of, open_clients, open_session


class Calls:
    """boto3's clients of one account and Region; may be shared between threads. Nothing is sent yet.

    Args:
        connection: where and as whom.
        policy: the bounds of calls.
        services: beside `sts`.
    """

    def __init__(self, connection: Connection, policy: CallPolicy, services: tuple[str, ...]) -> None:
        self.connection = connection
        config = config_of(policy)
        self._clients: dict[str, Any] = open_clients(
            open_session(connection, config), connection, config, ("sts", *services)
        )
        for client in self._clients.values():
            bound(client, policy)
        self.meter = Meter()
        self._classify = Classifier(connection.region, connection.catalog_id, connection.role_arn)
        self._caller = Caller("glue", self._classify, policy, self.meter)
        self._lock = threading.Lock()
        self._identity: dict[str, Any] | None = None

    @property
    def catalog(self) -> str:
        """The catalog that is read: the one that the connection names, or that of our own account."""
        return self.connection.catalog_id or str(self.identity()["Account"])

    @property
    def catalog_argument(self) -> dict[str, str]:
        """`CatalogId` for calls that take one."""
        return {"CatalogId": self.connection.catalog_id} if self.connection.catalog_id else {}

    def identity(self) -> dict[str, Any]:
        """`Arn` and `Account` of who we are; asked once."""
        with self._lock:
            if self._identity is None:
                self._identity = self.ask("sts:GetCallerIdentity")
            return self._identity

    def ask(self, operation: str, **arguments: Any) -> dict[str, Any]:
        """One call, such as `glue:GetJobs`."""
        service, _, name = operation.partition(":")
        method = getattr(self._clients[service], xform_name(name))
        answer: dict[str, Any] = self._caller(operation, lambda: method(**arguments))
        return answer

    def listed(self, operation: str, key: str, size: int, **arguments: Any) -> Iterator[list[Any]]:
        """The pages of a listing, to the very end."""

        def ask(token: dict[str, str]) -> dict[str, Any]:
            self.meter.add(pages=1)
            return self.ask(operation, **arguments, **token, MaxResults=size)

        return pages(operation, key, ask)

    def close(self) -> None:
        """Gives back the sockets."""
        for client in self._clients.values():
            client.close()
