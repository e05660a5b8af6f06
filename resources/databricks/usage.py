"""Who used what in a workspace, by UTC day."""

from collections.abc import Iterator
from datetime import date, timedelta

from governance.filters import NameFilter
from governance.listing import FactPage, Probe, Scope, ScopeListing
from resources.calls import CallPolicy
from resources.databricks.client_privileges import Privileges
from resources.databricks.client_session import Connection, Workspace
from resources.databricks.client_system import HISTORY, NO_WAREHOUSE, TABLE_LINEAGE, SystemTables
from resources.databricks.client_usage import UsageDays
from resources.databricks.resource import DatabricksResource
from resources.facets import FactReader


class UsageReader(FactReader):
    """Reads and writes by table and principal, from the system tables."""

    def __init__(self, connection: Connection, policy: CallPolicy) -> None:
        self._workspace = Workspace(connection, policy)
        self.meter = self._workspace.meter
        self._privileges = Privileges(self._workspace)
        self._days = UsageDays(self._workspace)

    def parts(self, names: NameFilter) -> ScopeListing:
        """The days that the platform still tells of."""
        self._privileges.identities()
        known = self._days.known()
        if known is None:
            return ScopeListing(())
        first, last = known
        days = (first + timedelta(days=n) for n in range((last - first).days + 1))
        return ScopeListing(tuple(Scope(day.isoformat(), "day") for day in days))

    def read(self, part: Scope, names: NameFilter) -> Iterator[FactPage]:
        """What was used on that day."""
        self._privileges.identities()
        return self._days.pages(date.fromisoformat(part.name), names)

    def probe(self) -> Iterator[Probe]:
        """The system tables; without a warehouse there is no usage."""
        self._privileges.identities()
        system = SystemTables(self._workspace)
        if not system.warehouse.is_given:
            yield Probe("usage: warehouse", False, "usage is told by system tables alone", remedy=NO_WAREHOUSE)
            return
        texts = (HISTORY,) if self._workspace.connection.query_texts else ()
        yield from system.probe("usage", TABLE_LINEAGE, *texts)

    def close(self) -> None:
        """Gives back the sockets."""
        self._workspace.close()


def open_reader(resource: DatabricksResource) -> FactReader:
    """Opens a reader.

    Raises:
        ConfigurationError: a secret is missing, the address cannot be used, or fields contradict each other.
    """
    return UsageReader(resource.connect(), resource.policy)
