"""What a sync is asked to do and what it answers: identities, known scopes, outcomes and summaries."""

from datetime import datetime
from typing import Literal

import msgspec

from governance.errors import Transient
from governance.listing import Reason, Scope, Status

SyncMode = Literal["source", "scopes"]

COUNTS = (
    "datasets",
    "columns",
    "tags",
    "created",
    "updated",
    "deleted",
    "restored",
    "out_of_scope",
    "unchanged",
    "touched",
    "quarantined",
    "cleaned",
    "duplicates",
    "unknown_types",
    "pages",
    "held",
    "changes",
    "skipped",
)
"""The keys of every `counts`. `datasets`, `columns`, `tags` and `unknown_types` are of what was listed; `touched` are
updates of identifiers and clocks alone; `held` are deletions that were not believed; `changes` are change rows;
`skipped` are scopes that were not listed, for their change token did not move: their figures are the last listing's."""


class SourceBusy(Transient):
    """Another run holds the source's lock, or took it over in the middle of ours."""


class SourceIdentity(msgspec.Struct, frozen=True):
    """A source's name in the estate and its platform."""

    name: str
    platform: str


class KnownScope(msgspec.Struct, frozen=True):
    """A scope as the inventory knows it.

    Args:
        scope: as it was listed last.
        state: `present`, `out_of_scope` or `deleted`.
        datasets: how many of its datasets are present.
        last_complete_at: start of its last complete listing.
        last_status: of its last listing, whatever that was.
        has_token: whether a change token of a complete listing is stored.
    """

    scope: Scope
    state: str
    datasets: int
    last_complete_at: datetime | None
    last_status: Status | None
    has_token: bool = False

    @property
    def name(self) -> str:
        """The scope's name."""
        return self.scope.name


class ScopeOutcome(msgspec.Struct, frozen=True):
    """How the listing of one scope ended, as committed.

    Args:
        scope: its name.
        status: complete, partial or failed.
        reasons: why it is not complete.
        counts: see COUNTS; all keys are there.
        kinds: listed datasets by kind.
        notes: facts about the reading that make nothing partial.
        seconds: from the first page asked for to the commit.
        held: deletions that the loss guard held back.
        changed: whether any row of `inventory.changes` was written.
    """

    scope: str
    status: Status
    reasons: tuple[Reason, ...]
    counts: dict[str, int]
    kinds: dict[str, int]
    notes: dict[str, str]
    seconds: float
    held: int
    changed: bool


class SyncSummary(msgspec.Struct, frozen=True):
    """A sync as stored: of one source by one run.

    Args:
        sync_id: the row of `inventory.sync_runs`.
        source: its name.
        run_id: the Dagster run.
        status: `complete`, `partial`, `failed`, or `running` where it has not ended.
        scopes: scopes that were read, dropped or hidden.
        statuses: each of these scopes and its status.
        counts: sums over the scopes, see COUNTS.
        reasons: in words, each with its scope, at most a thousand.
    """

    sync_id: int
    source: str
    run_id: str
    status: str
    scopes: int
    statuses: dict[str, str]
    counts: dict[str, int]
    reasons: tuple[str, ...]
    started_at: datetime
    ended_at: datetime | None

    @property
    def datasets(self) -> int:
        """Datasets that were listed."""
        return self.counts.get("datasets", 0)

    @property
    def columns(self) -> int:
        """Columns that were listed, nested ones too."""
        return self.counts.get("columns", 0)

    @property
    def changes(self) -> int:
        """Rows of `inventory.changes` that this sync wrote."""
        return self.counts.get("changes", 0)
