"""Who used what in a Snowflake account, by UTC day."""

from collections.abc import Iterator
from datetime import date, timedelta

from governance.filters import NameFilter
from governance.listing import FactPage, Probe, Scope, ScopeListing
from resources.facets import FactReader
from resources.snowflake.client import Client
from resources.snowflake.client_account_usage import probes
from resources.snowflake.client_usage import VIEWS, UsageDays
from resources.snowflake.resource import SnowflakeResource


class UsageReader(FactReader):
    """Reads and writes by table, column and user, from ACCESS_HISTORY."""

    def __init__(self, client: Client, most_texts: int) -> None:
        self._client, self.meter = client, client.caller.meter
        self._days = UsageDays(client, most_texts)

    def parts(self, names: NameFilter) -> ScopeListing:
        """The days that the history still tells of."""
        known = self._days.span()
        if known is None:
            return ScopeListing(())
        first, last = known
        days = (first + timedelta(days=n) for n in range((last - first).days + 1))
        return ScopeListing(tuple(Scope(day.isoformat(), "day") for day in days))

    def read(self, part: Scope, names: NameFilter) -> Iterator[FactPage]:
        """What was used on that day."""
        return self._days.pages(date.fromisoformat(part.name), names)

    def probe(self) -> Iterator[Probe]:
        """The two views."""
        yield from probes(self._client, "usage", *VIEWS)

    def close(self) -> None:
        """Ends the sessions."""
        self._client.close()


def open_reader(resource: SnowflakeResource) -> FactReader:
    """Opens a reader.

    Raises:
        ConfigurationError: a secret is missing, or fields contradict each other.
    """
    return UsageReader(resource.connect(), resource.query_texts)
