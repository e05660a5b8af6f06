"""What is kept of a pace from one run to the next, and how it fades.

What was learned an hour ago is where the next run begins. What was learned a week ago says little: a value drifts to
where a run without any memory would begin, by half of the way (a rate: by doubling) each day, so that a limit that was
raised meanwhile is found again.
"""

from dataclasses import dataclass
from typing import Literal

Kind = Literal["rate", "concurrency", "batch"]
"""Calls a second, calls at once, records in one call."""

HALF_LIFE_HOURS = 24.0
FORGOTTEN_HOURS = 7 * 24.0
"""A rate without a documented bound is not bound any more after so long."""


@dataclass(frozen=True)
class Remembered:
    """A value that an earlier run has learned.

    Args:
        bucket: what it is of.
        kind: what it counts.
        value: as it was at the end of that run.
        age_hours: since then.
    """

    bucket: str
    kind: Kind
    value: float
    age_hours: float


@dataclass(frozen=True)
class Learned:
    """A value at the end of a run, for keeping and for showing.

    Args:
        bucket: what it is of.
        kind: what it counts.
        value: what the source takes; None for a rate that no refusal has bounded so far.
        bound: what it never goes beyond; None where nothing is documented.
        calls: made in this run.
        throttled: those of them that were refused for there being too many.
        latency_ms: of an answer on average; None where nothing was answered.
    """

    bucket: str
    kind: Kind
    value: float | None
    bound: float | None
    calls: int
    throttled: int
    latency_ms: float | None


def faded_rate(rate: float, age_hours: float, bound: float | None) -> float | None:
    """The rate to begin with: twice as much for each day, up to the bound; None for no rate at all."""
    if bound is None and age_hours >= FORGOTTEN_HOURS:
        return None
    faded = rate * _days(age_hours)
    return faded if bound is None else min(faded, bound)


def faded_concurrency(level: float, age_hours: float, first: int, bound: int) -> float:
    """The calls at once to begin with: half of the way to the beginner's number for each day."""
    return min(max(first + (level - first) / _days(age_hours), 1.0), float(bound))


def faded_batch(size: float, age_hours: float, most: int) -> float:
    """The records in one call to begin with: twice as many for each day, up to the most."""
    return min(size * _days(age_hours), float(most))


def _days(age_hours: float) -> float:
    # a clock that was put back makes no age; 2**60 of anything is beyond every bound
    return float(2 ** min(max(age_hours, 0.0) / HALF_LIFE_HOURS, 60.0))
