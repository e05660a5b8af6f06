"""Who may do what in a Snowflake account: three parts, each of set-based statements on ACCOUNT_USAGE.

What a part no longer shows after a complete reading is closed, so a revoked grant ends up to two hours late.
"""

from collections.abc import Callable, Iterator

from governance.filters import NameFilter
from governance.listing import FactPage, Probe, Scope, ScopeListing
from resources.facets import FactReader
from resources.snowflake.client import Client
from resources.snowflake.client_access import AccessParts
from resources.snowflake.client_account_usage import probes
from resources.snowflake.resource import SYSTEM_DATABASE, SnowflakeResource

_VIEWS = ("GRANTS_TO_ROLES", "GRANTS_TO_USERS", "POLICY_REFERENCES", "MASKING_POLICIES", "ROW_ACCESS_POLICIES")


class AccessReader(FactReader):
    """Privileges, roles and their members, masks and row access policies."""

    def __init__(self, client: Client, databases: tuple[str, ...]) -> None:
        self._client, self.meter = client, client.caller.meter
        parts = AccessParts(client, databases, SYSTEM_DATABASE)
        self._parts: dict[str, Callable[[NameFilter], Iterator[FactPage]]] = {
            "privileges": parts.privileges,
            "roles": parts.roles,
            "policies": parts.policies,
        }

    def parts(self, names: NameFilter) -> ScopeListing:
        """Privileges, roles, policies."""
        return ScopeListing(tuple(Scope(name, "account usage") for name in self._parts))

    def read(self, part: Scope, names: NameFilter) -> Iterator[FactPage]:
        """One of the three."""
        return self._parts[part.name](names)

    def probe(self) -> Iterator[Probe]:
        """The five views."""
        yield from probes(self._client, "access", *_VIEWS)

    def close(self) -> None:
        """Ends the sessions."""
        self._client.close()


def open_reader(resource: SnowflakeResource) -> FactReader:
    """Opens a reader.

    Raises:
        ConfigurationError: a secret is missing, or fields contradict each other.
    """
    return AccessReader(resource.connect(), tuple(resource.databases))
