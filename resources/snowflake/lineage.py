"""What flows where in a Snowflake account: what depends on what, what queries wrote from what, and what was loaded.

The histories are read in windows of a week over the last `lineage_days` days, each edge grouped in the warehouse. A
reading holds every edge of all its windows: one is closed when no query of the kept days shows it any longer.
"""

from collections.abc import Callable, Iterator

from governance.filters import NameFilter
from governance.listing import FactPage, Probe, Scope, ScopeListing
from resources.facets import FactReader
from resources.snowflake.client import Client
from resources.snowflake.client_account_usage import probes
from resources.snowflake.client_lineage import LineageParts
from resources.snowflake.resource import SnowflakeResource

_VIEWS = ("OBJECT_DEPENDENCIES", "ACCESS_HISTORY", "COPY_HISTORY")


class LineageReader(FactReader):
    """Edges between relations, between columns, and from stages."""

    def __init__(self, client: Client, days: int) -> None:
        self._client, self.meter = client, client.caller.meter
        parts = LineageParts(client, days)
        self._parts: dict[str, Callable[[NameFilter], Iterator[FactPage]]] = {
            "dependencies": parts.dependencies,
            "queries": parts.queries,
            "loads": parts.loads,
        }

    def parts(self, names: NameFilter) -> ScopeListing:
        """Dependencies, queries, loads."""
        return ScopeListing(tuple(Scope(name, "account usage") for name in self._parts))

    def read(self, part: Scope, names: NameFilter) -> Iterator[FactPage]:
        """One of the three."""
        return self._parts[part.name](names)

    def probe(self) -> Iterator[Probe]:
        """The three views."""
        yield from probes(self._client, "lineage", *_VIEWS)

    def close(self) -> None:
        """Ends the sessions."""
        self._client.close()


def open_reader(resource: SnowflakeResource) -> FactReader:
    """Opens a reader.

    Raises:
        ConfigurationError: a secret is missing, or fields contradict each other.
    """
    return LineageReader(resource.connect(), resource.lineage_days)
