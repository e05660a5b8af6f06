"""The calls of one account, for the readers of facets: by their IAM names, and whole listings."""

import threading
from collections.abc import Callable, Iterator
from typing import Any

from botocore import xform_name

from governance.errors import PermissionDenied
from governance.listing import Reason
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
        self.connection, self.policy = connection, policy
        config = config_of(policy)
        self._clients: dict[str, Any] = open_clients(
            open_session(connection, config), connection, config, ("sts", *services)
        )
        for name, client in self._clients.items():
            # an object of S3 is read as a stream, and bounded by who reads it
            if name != "s3":
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

    def foreign(self, what: str, operation: str) -> Reason | None:
        """Why something cannot be read that only the catalog's own account is shown; None where that is ours."""
        catalog = self.catalog
        if catalog == self.identity()["Account"]:
            return None
        message = f"the {what} of account {catalog} are shown to that account only"
        remedy = "read it with a role of that account: role_arn instead of catalog_id"
        return Reason(PermissionDenied("").code, message, operation, remedy)

    def ask(self, operation: str, **arguments: Any) -> dict[str, Any]:
        """One call, such as `glue:GetJobs`."""
        service, _, name = operation.partition(":")
        method = getattr(self._clients[service], xform_name(name))
        answer: dict[str, Any] = self._caller(operation, lambda: method(**arguments))
        return answer

    def fetch(self, operation: str, read: Callable[[dict[str, Any]], bytes], **arguments: Any) -> bytes:
        """What `read` takes out of an answer that is a stream; both are tried again together."""
        service, _, name = operation.partition(":")
        method = getattr(self._clients[service], xform_name(name))
        return self._caller(operation, lambda: read(method(**arguments)))

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
