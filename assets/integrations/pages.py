"""The pages of a scope or part: the inventory may read them anew, and they end early when the run is told to end."""

import threading
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

from assets.integrations.tokens import basis_of
from assets.integrations.translation import Translation
from governance.errors import Transient
from governance.estate import Source
from governance.listing import FactPage, Page, Scope
from resources.facets import FactReader
from resources.source import Memory, Reader

P = TypeVar("P")


class Stopped(Transient):
    """The run was told to end while a scope or part was being read."""


@dataclass(frozen=True)
class Pages:
    """The pages of a scope, from the first one whenever they are asked for; they end early once `stop` is set."""

    reader: Reader
    source: Source
    scope: Scope
    stop: threading.Event
    translation: Translation

    def __iter__(self) -> Iterator[Page]:
        """Reads them.

        Raises:
            Stopped: at the end of the page that was being read; what came before it is kept.
            GovernanceError: as the reader.
        """
        return _until(self.stop, self.scope, self.reader.read(self.scope, self.source.names))

    def remembering(
        self, recognised: Callable[[Sequence[bytes]], Collection[bytes]], looks_new: Callable[[], bool]
    ) -> Iterator[Page]:
        """Reads them, but what is recognised only as far as that takes; see `Reader.read_changed`."""
        memory = Memory(basis_of(self.source, self.scope), recognised)
        pages = self.reader.read_changed(self.scope, self.source.names, memory)
        return _until(self.stop, self.scope, self.translation.pages(pages, looks_new))


@dataclass(frozen=True)
class FactPages:
    """The same of a facet's part."""

    reader: FactReader
    source: Source
    part: Scope
    stop: threading.Event

    def __iter__(self) -> Iterator[FactPage]:
        """Reads them; raises as `Pages`."""
        return _until(self.stop, self.part, self.reader.read(self.part, self.source.names))


def _until(stop: threading.Event, of: Scope, pages: Iterator[P]) -> Iterator[P]:
    for page in pages:
        yield page
        if stop.is_set():
            raise Stopped(
                f"the run was told to end while {of.name} was being read; its pages so far are stored",
                operation="stop",
                remedy="sync again: it goes on from here",
            )
