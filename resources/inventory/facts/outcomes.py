"""What a sync of a facet answers."""

from datetime import datetime

import msgspec

from governance.listing import Reason, Status

COUNTS = ("facts", "created", "closed", "unchanged", "quarantined", "cleaned", "duplicates", "pages", "held")
"""The keys that every `counts` has; a reader may add its own. `held` are closings that were not believed."""


class PartOutcome(msgspec.Struct, frozen=True):
    """How the reading of one part ended, as committed.

    Args:
        part: its name.
        status: complete, partial or failed.
        reasons: why it is not complete.
        counts: COUNTS and what the reader counted besides.
        kinds: facts by class: `grant`, `membership`, `policy`, `lineage_edge`, `usage`.
        notes: facts about the reading that make nothing partial.
        seconds: from the first page asked for to the commit.
    """

    part: str
    status: Status
    reasons: tuple[Reason, ...]
    counts: dict[str, int]
    kinds: dict[str, int]
    notes: dict[str, str]
    seconds: float

    @property
    def changed(self) -> bool:
        """Whether any fact began or ended."""
        return self.counts["created"] + self.counts["closed"] > 0


class FacetSummary(msgspec.Struct, frozen=True):
    """The sync of a facet as stored: sums over its parts."""

    sync_id: int
    source: str
    facet: str
    run_id: str
    status: str
    parts: int
    statuses: dict[str, str]
    counts: dict[str, int]
    kinds: dict[str, int]
    reasons: tuple[str, ...]
    started_at: datetime
    ended_at: datetime | None
