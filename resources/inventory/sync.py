"""The one way into the inventory: a source's lock, its run row, and one transaction for each scope."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from governance.filters import NameFilter
from governance.listing import Page, Reason, Scope, ScopeListing
from governance.loss_guard import LossGuard
from resources.inventory.database import Inventory
from resources.inventory.outcomes import (
    KnownScope,
    ScopeOutcome,
    SourceBusy,
    SourceIdentity,
    SyncMode,
    SyncSummary,
)

__all__ = [
    "KnownScope",
    "ScopeOutcome",
    "SourceBusy",
    "SourceIdentity",
    "SourceSync",
    "SyncSummary",
    "inventory_sync",
]


class SourceSync:
    """An open sync of one source. Every method may be called from several threads."""

    def record_scopes(self, listing: ScopeListing) -> None:
        """Keeps the listed scopes and their containers."""
        raise NotImplementedError("in the next commit")

    def known_scopes(self) -> dict[str, KnownScope]:
        """Every scope the inventory has of this source, deleted ones too, by name."""
        raise NotImplementedError("in the next commit")

    def finished(self, run_ids: Sequence[str]) -> set[str]:
        """The scopes whose listing was complete in one of these runs."""
        raise NotImplementedError("in the next commit")

    def write_scope(
        self,
        scope: Scope,
        pages: Iterator[Page],
        names: NameFilter,
        *,
        accept_loss: bool = False,
        progress: Callable[[int, int], None] | None = None,
    ) -> ScopeOutcome:
        """Reads the pages to their end and writes what differs, in one transaction.

        Args:
            scope: whose listing it is.
            pages: read here; a GovernanceError they raise makes the scope partial, or failed before the first page.
            names: what the source governs; what it excludes becomes out of scope.
            accept_loss: whether the loss guard is told to let go.
            progress: called with the datasets and pages read since the last call.

        Raises:
            GovernanceError: the database failed, or another run took the source over; nothing was written.
        """
        raise NotImplementedError("in the next commit")

    def fail_scope(self, scope: Scope, reason: Reason) -> ScopeOutcome:
        """Records that this scope could not be read."""
        raise NotImplementedError("in the next commit")

    def hide_scopes(self, names: Sequence[str]) -> None:
        """Puts the datasets of these scopes out of scope: the filters exclude them now."""
        raise NotImplementedError("in the next commit")

    def drop_scopes(self, names: Sequence[str], evidence: str, accept_loss: bool = False) -> tuple[Reason, ...]:
        """Writes tombstones for all datasets of these scopes.

        Args:
            names: scopes that are known to be absent.
            evidence: how that is known; kept with each tombstone.
            accept_loss: whether the loss guard is told to let go.

        Returns:
            Why nothing was dropped; empty where all was.
        """
        raise NotImplementedError("in the next commit")

    def finish(self) -> SyncSummary:
        """Ends the sync: its status follows from those of its scopes."""
        raise NotImplementedError("in the next commit")


@contextmanager
def inventory_sync(
    inventory: Inventory, source: SourceIdentity, run_id: str, actor: str, mode: SyncMode, guard: LossGuard
) -> Iterator[SourceSync]:
    """Holds the source's lock and opens its run row; an error inside closes the row as failed, with its reason.

    Raises:
        SourceBusy: another run holds the source; its run id is in the message.
        GovernanceError: the database cannot be reached.
    """
    yield SourceSync()
