"""Python's garbage collector during a sync: a few looks instead of thousands.

A sync makes and drops millions of records, none of which can be part of a cycle. With Python's own thresholds the
collector walks whatever is alive, Dagster and all, every few hundred of them: a third of a first load's processor time.
What was there before the sync is therefore set aside until its end, and what came of it is looked through before the
thresholds are Python's own again: else the next new object would set off a walk through all of it, a seventh of a
second and more.
"""

import gc
import threading
from collections.abc import Iterator
from contextlib import contextmanager

_THRESHOLDS = 50_000, 20, 100
"""New objects before the youngest are looked at, and how many looks before the next generation is."""

_lock = threading.Lock()
_resting = 0
_before = gc.get_threshold()
_set_aside = False


@contextmanager
def resting_collector() -> Iterator[None]:
    """Rare collections until the last of those who asked for it is done."""
    global _resting, _before, _set_aside
    with _lock:
        if _resting == 0:
            _before = gc.get_threshold()
            gc.set_threshold(*_THRESHOLDS)
            # where somebody else did so, it is theirs to take back
            _set_aside = not gc.get_freeze_count()
            if _set_aside:
                gc.freeze()
        _resting += 1
    try:
        yield
    finally:
        with _lock:
            _resting -= 1
            if _resting == 0:
                gc.collect()
                if _set_aside:
                    gc.unfreeze()
                gc.set_threshold(*_before)
