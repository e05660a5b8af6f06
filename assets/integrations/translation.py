"""The records of a page become datasets: here or, on a first load, in a second process on another processor.

What a platform sent is plain data, and so are the rows that it comes to; all between the two is Python, which would
keep the threads that read and write waiting for each other. Where the process cannot be had, or ends before its time,
the same is done here.
"""

from collections import deque
from collections.abc import Callable, Iterator
from functools import partial
from importlib import import_module
from types import TracebackType
from typing import Self

import msgspec

from assets.integrations.translator import Translator, processors
from assets.integrations.translator_process import Answer
from governance.errors import GovernanceError
from governance.listing import Page, Quarantined
from governance.model import Dataset
from resources.inventory.listed import ListedPage

_ENOUGH = 300
"""Records of new scopes from which on a second process is worth its start, a tenth of a second."""
_AHEAD = 2
"""Pages of one scope that are being translated while the next one is read."""


def here(page: Page) -> Page:
    """The page with its records translated."""
    if (later := page.untranslated) is None:
        return page
    found = list(import_module(later.by).datasets_of(later.context, later.records))
    marks = page.fingerprints
    return msgspec.structs.replace(
        page,
        datasets=tuple(f for f in found if isinstance(f, Dataset)),
        quarantined=tuple(f for f in found if isinstance(f, Quarantined)),
        fingerprints=tuple(m for f, m in zip(found, marks, strict=True) if isinstance(f, Dataset)) if marks else (),
        untranslated=None,
    )


class Translation:
    """Of one sync. Used by the threads that read its scopes."""

    def __init__(self) -> None:
        self._records = 0
        self._translator = Translator()

    def start(self) -> None:
        """Starts the second process, where there is a processor for it; else it starts once there is enough to do."""
        if processors() > 1:
            self._translator.start()

    def pages(self, pages: Iterator[Page], looks_new: Callable[[], bool]) -> Iterator[Page]:
        """The pages of a scope, translated, in their order.

        Args:
            pages: as they are read.
            looks_new: whether the scope's datasets will all be new, so that their rows are worth making.
        """
        ahead: deque[Callable[[], Page]] = deque()
        try:
            for page in pages:
                sent = page.untranslated is not None and looks_new()
                ahead.append(self._sent(page) if sent else partial(here, page))
                while len(ahead) > (_AHEAD if sent else 0):
                    yield ahead.popleft()()
        except GovernanceError:
            # what came before it is kept
            while ahead:
                yield ahead.popleft()()
            raise
        while ahead:
            yield ahead.popleft()()

    def _sent(self, page: Page) -> Callable[[], Page]:
        """Hands the records over, where somebody is there to take them; returns what gives the page."""
        assert page.untranslated is not None
        # counted without a lock: about right is enough
        self._records += len(page.untranslated.records)
        if self._records >= _ENOUGH:
            self.start()
        answer = self._translator.ask(page.untranslated)
        return partial(here, page) if answer is None else lambda: _joined(page, answer.result())

    def __enter__(self) -> Self:
        """Itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Ends the second process."""
        self._translator.close()


def _joined(page: Page, answer: Answer) -> Page:
    """The page with what the other process made of its records; what it could not is done here."""
    later, marks = page.untranslated, page.fingerprints
    if answer is None or later is None:
        return here(page)
    odd = [n for n, one in enumerate(answer) if one is None]
    left = msgspec.structs.replace(later, records=tuple(later.records[n] for n in odd))
    rest = here(
        msgspec.structs.replace(page, untranslated=left, fingerprints=tuple(marks[n] for n in odd) if marks else ())
    )
    for one, mark in zip(answer, marks, strict=False):
        if one is not None:
            one.record = mark
    told = {name: getattr(rest, name) for name in Page.__struct_fields__}
    return ListedPage(**told, listed=tuple(one for one in answer if one is not None))
