"""How many records one call may ask for, learned: halved when the platform finds it too much, doubled after a while."""

import threading

_TRUST, _MOST_TRUST = 10, 640
"""Calls that must go well before a size that was halved is doubled; twice as many when that was too much again."""


class BatchSize:
    """The size of one kind of bulk call. Safe to use from several threads.

    Args:
        most: what the platform documents, or takes without trouble.
        size: to begin with; the most, unless an earlier run has learned less.
    """

    def __init__(self, most: int, size: float | None = None) -> None:
        self.most = most
        self.begin_with(most if size is None else size)
        self._well, self._trust = 0, _TRUST
        self._grew = False
        self._lock = threading.Lock()

    def begin_with(self, size: float) -> None:
        """Takes over what is known of the size from before."""
        self._first = max(1.0, min(float(size), float(self.most)))
        self.size = int(self._first)

    @property
    def value(self) -> float:
        """The size; with the fraction that it was begun with, where it is still that."""
        return self._first if self.size == int(self._first) else float(self.size)

    def too_many(self, asked: int) -> None:
        """A call for so many was too large, or took too long."""
        with self._lock:
            if self._grew:
                self._trust, self._grew = min(self._trust * 2, _MOST_TRUST), False
            self.size, self._well = max(1, min(self.size, asked // 2)), 0

    def went_well(self, asked: int) -> None:
        """A call for so many was answered. A small one says nothing of larger ones."""
        with self._lock:
            if asked < self.size:
                return
            self._well += 1
            if self._well >= self._trust and self.size < self.most:
                self.size, self._well, self._grew = min(self.most, self.size * 2), 0, True
