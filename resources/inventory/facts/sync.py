"""The one way access, lineage and usage come into the inventory: a facet's lock, its run row, a transaction a part.

The rules are those of `resources.inventory.sync`: one sync of a facet at a time, with a fence; a part's transaction has
one timestamp, later than any earlier one of the facet; only a complete reading closes facts, and only if its loss is
believed; a run that died leaves its finished parts.
"""

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from datetime import UTC, date, datetime, timedelta

import psycopg

from governance.errors import GovernanceError
from governance.listing import FactPage, Reason, Scope, ScopeListing, Status
from governance.loss_guard import LossGuard
from governance.model import Facet
from resources.inventory.database import Inventory
from resources.inventory.facts import ledger
from resources.inventory.facts.outcomes import COUNTS, FacetSummary, PartOutcome
from resources.inventory.facts.write import PartPlace, PartWrite
from resources.inventory.outcomes import SourceIdentity, SyncMode

_TICK = timedelta(microseconds=1)


class FactSync:
    """An open sync of one facet of one source. Every method may be called from several threads."""

    def __init__(
        self, inventory: Inventory, source: SourceIdentity, opened: ledger.OpenedFacet, guard: LossGuard
    ) -> None:
        self.sync_id = opened.sync_id
        self._inventory, self._source, self._opened, self._guard = inventory, source, opened, guard
        self._lock = threading.Lock()
        self._last = opened.clock
        self._ended = False
        self._places = threading.BoundedSemaphore(inventory.pool_size)

    def record_parts(self, listing: ScopeListing) -> list[str]:
        """Keeps the listed parts; returns the names of those known before that a complete list no longer has."""
        with self._inventory.connection() as conn:
            known = ledger.present_parts(conn, self._opened)
            ledger.upsert_parts(conn, self._opened, listing.scopes)
            if listing.reasons:
                ledger.add_reasons(conn, self.sync_id, listing.reasons)
                return []
        return sorted(set(known) - {p.name for p in listing.scopes} - set(listing.hidden))

    def finished(self, run_ids: Sequence[str]) -> set[str]:
        """The parts whose reading was complete in one of these runs."""
        with self._inventory.connection() as conn:
            return ledger.finished(conn, self._opened, run_ids)

    def write_part(
        self,
        part: Scope,
        pages: Iterator[FactPage],
        *,
        accept_loss: bool = False,
        progress: Callable[[int], None] | None = None,
    ) -> PartOutcome:
        """Reads the pages to their end and writes what differs, in one transaction.

        Args:
            part: whose facts they are; for usage its name is the day.
            pages: read here; a GovernanceError they raise makes the part partial, or failed before the first page.
            accept_loss: whether the loss guard is told to let go.
            progress: called with the facts read since the last call.

        Raises:
            GovernanceError: the database failed, or another run took the facet over; nothing was written.
        """
        with self._transaction() as (conn, at):
            place = self._place(conn, part, at)
            self._partitions(conn, part)
            write = PartWrite(conn, place, self._opened.facet)
            error = write.read(pages, progress)
            if error is None or write.counts["pages"]:
                if error is not None:
                    write.reasons.append(Reason.of(error))
                # a partial reading proves what it shows, and nothing about what it does not show
                whole = not write.reasons
                write.settle(self._guard, self._source.name, part.name, accept_loss, whole)
                outcome = self._outcome(part, write, (self._now(conn) - at).total_seconds())
                ledger.record_outcome(conn, place, outcome, write.counts["created"] + write.counts["unchanged"])
                return outcome
        return self.fail_part(part, Reason.of(error))

    def _partitions(self, conn: psycopg.Connection, part: Scope) -> None:
        if self._opened.facet == "usage":
            day = datetime.combine(date.fromisoformat(part.name), datetime.min.time(), UTC)
            conn.execute("SELECT inventory.ensure_partitions(%s)", [day])

    @staticmethod
    def _outcome(part: Scope, write: PartWrite, seconds: float) -> PartOutcome:
        return PartOutcome(
            part.name, write.status(), tuple(write.reasons), write.counts, write.kinds, write.notes, seconds
        )

    def fail_part(self, part: Scope, reason: Reason) -> PartOutcome:
        """Records that this part could not be read."""
        outcome = PartOutcome(part.name, Status.FAILED, (reason,), dict.fromkeys(COUNTS, 0), {}, {}, 0.0)
        with self._transaction() as (conn, at):
            ledger.record_outcome(conn, self._place(conn, part, at), outcome, None)
        return outcome

    def drop_part(self, name: str, accept_loss: bool = False) -> PartOutcome:
        """Closes the facts of a part that a complete list no longer has."""
        outcome = self.write_part(Scope(name, "gone"), iter(()), accept_loss=accept_loss)
        if not outcome.counts["held"]:
            with self._transaction() as (conn, at):
                ledger.drop_part(conn, self._place(conn, Scope(name, "gone"), at).part_id)
        return outcome

    def finish(self) -> FacetSummary:
        """Ends the sync: its status follows from those of its parts."""
        with self._transaction() as (conn, _):
            summary = ledger.close_run(conn, self._opened, self._source)
        self._ended = True
        return summary

    def abandon(self, error: BaseException | None) -> None:
        """Closes the run's row as failed, unless it was finished; `error` is what ended the sync."""
        if self._ended:
            return
        error = error or GovernanceError("the sync ended without being finished")
        reason = (
            Reason.of(error)
            if isinstance(error, GovernanceError)
            else Reason("aborted", f"{type(error).__name__}: {error}".rstrip(": "))
        )
        with self._inventory.connection() as conn:
            ledger.fail_run(conn, self._opened, self._source, reason)
        self._ended = True

    def _place(self, conn: psycopg.Connection, part: Scope, at: datetime) -> PartPlace:
        known = ledger.present_parts(conn, self._opened)
        number = known.get(part.name)
        if number is None:
            number = ledger.upsert_parts(conn, self._opened, [part])[part.name]
        return PartPlace(self._opened.source_id, number, self.sync_id, at)

    @contextmanager
    def _transaction(self) -> Iterator[tuple[psycopg.Connection, datetime]]:
        """A transaction with its timestamp; it commits only while this sync still holds the facet."""
        with self._places, self._inventory.connection() as conn:
            ledger.check_fence(conn, self._opened, self._source, lock=False)
            yield conn, self._tick(conn)
            ledger.check_fence(conn, self._opened, self._source, lock=True)

    def _tick(self, conn: psycopg.Connection) -> datetime:
        """The database's time, or just after our last timestamp where its clock stands or steps back."""
        now = self._now(conn)
        with self._lock:
            self._last = max(now, self._last + _TICK)
            return self._last

    @staticmethod
    def _now(conn: psycopg.Connection) -> datetime:
        row = conn.execute("SELECT clock_timestamp()").fetchone()
        assert row is not None
        now: datetime = row[0]
        return now


@contextmanager
def fact_sync(
    inventory: Inventory,
    source: SourceIdentity,
    facet: Facet,
    run_id: str,
    actor: str,
    mode: SyncMode,
    guard: LossGuard,
) -> Iterator[FactSync]:
    """Holds the facet's lock and opens its run row; an error inside closes the row as failed, with its reason.

    Raises:
        SourceBusy: another run holds the facet.
        GovernanceError: the database cannot be reached.
    """
    with inventory.dedicated() as lock:
        sync = FactSync(inventory, source, ledger.open_run(lock, source, facet, run_id, actor, mode), guard)
        with ExitStack() as stack:
            stack.push(lambda _, error, __: sync.abandon(error))
            yield sync
