"""The contract of the facets beside metadata: a platform that has access, lineage or usage has a file of that name.

`resources/<platform>/access.py`, `lineage.py` and `usage.py` hold `open_reader(resource)`, which gives a FactReader;
an absent facet is an absent file. Translation is in `translate_access.py` and so on, pure as ever.
"""

import importlib
import pkgutil
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from functools import cache
from types import TracebackType
from typing import Self, get_args

import resources
from governance.filters import NameFilter
from governance.listing import FactPage, Probe, Reason, Scope, ScopeListing
from governance.model import Facet
from resources.calls import Meter
from resources.source import SourceResource

FACETS: tuple[Facet, ...] = get_args(Facet)


class FactReader(ABC):
    """One open connection that reads a facet of one source, part by part, from several threads at once.

    Nothing here swallows an error: what fails raises a GovernanceError; what is merely missing (a privilege to see
    grants, an edition without access history) is a Reason on the page, so that the part becomes partial.
    """

    meter: Meter

    @abstractmethod
    def parts(self, names: NameFilter) -> ScopeListing:
        """The parts that can be read apart: a database, a kind of fact. Never one per dataset where a bulk call exists.

        A part is what a complete reading closes facts of, and what a run that died need not read again. For usage
        the parts are days, which the caller chooses: the listing names the days that the platform still has, as far
        as that is known, and may be empty.
        """

    @abstractmethod
    def read(self, part: Scope, names: NameFilter) -> Iterator[FactPage]:
        """The part's facts page by page, to the very end; for usage `part.name` is the day as YYYY-MM-DD, UTC.

        What `names` excludes is left out. Windows of a long history are streamed; where the platform cuts, a Reason
        says so, and what could not be understood is counted in `counts` or quarantined.
        """

    def probe(self) -> Iterator[Probe]:
        """What `governance doctor` shows of this facet: each privilege it needs beside those of the metadata.

        Called where the source's own probes passed. Names begin with the facet, such as `access: ListPermissions`.
        """
        return iter(())

    def close(self) -> None:
        """Gives back sockets and sessions."""
        return

    def __enter__(self) -> Self:
        """The reader itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Closes the reader."""
        self.close()


@cache
def facets_of(platform: str) -> frozenset[Facet]:
    """The facets that a platform's folder has a file for."""
    folders = [f"{base}/{platform}" for base in resources.__path__]
    files = {module.name for module in pkgutil.iter_modules(folders)}
    return frozenset(f for f in FACETS if f in files)


def open_facet(resource: SourceResource, facet: Facet) -> FactReader:
    """Opens the reader of a facet that the resource's platform has.

    Raises:
        ConfigurationError: a secret is missing, or the fields contradict each other.
    """
    module = importlib.import_module(f"resources.{resource.platform}.{facet}")
    reader = module.open_reader(resource)
    assert isinstance(reader, FactReader)
    return reader


class JoinedReader(FactReader):
    """Several readers as one: what the platform tells, and what follows from the inventory itself."""

    def __init__(self, readers: Sequence[FactReader]) -> None:
        self.readers = readers
        self.meter = readers[0].meter
        self._of: dict[str, FactReader] = {}

    def parts(self, names: NameFilter) -> ScopeListing:
        """The parts of all, whose names must differ."""
        scopes: list[Scope] = []
        hidden: list[str] = []
        reasons: list[Reason] = []
        for reader in self.readers:
            listing = reader.parts(names)
            self._of.update(dict.fromkeys((s.name for s in listing.scopes), reader))
            scopes += listing.scopes
            hidden += listing.hidden
            reasons += listing.reasons
        return ScopeListing(tuple(scopes), tuple(hidden), reasons=tuple(reasons))

    def read(self, part: Scope, names: NameFilter) -> Iterator[FactPage]:
        """The part, by the reader that listed it."""
        return self._of[part.name].read(part, names)

    def close(self) -> None:
        """Closes all."""
        for reader in self.readers:
            reader.close()
