"""The one way access, lineage and usage come into the inventory: a facet's lock, its run row, a transaction a part.

The rules are those of `resources.inventory.sync`: one sync of a facet at a time, with a fence; a part's transaction has
one timestamp, later than any earlier one of the facet; only a complete reading closes facts, and only if its loss is
believed; a run that died leaves its finished parts; a transaction that a passing fault of the database ended is done
again, whole, after a look at whether its commit happened.
"""

import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from datetime import UTC, date, datetime
from functools import partial

import psycopg

from governance.errors import GovernanceError, Unavailable
from governance.listing import FactPage, Reason, Scope, ScopeListing, Status
from governance.loss_guard import LossGuard
from governance.model import Facet
from resources.inventory import locks
from resources.inventory.attempts import ATTEMPTS
from resources.inventory.database import Inventory
from resources.inventory.facts import ledger
from resources.inventory.facts.outcomes import COUNTS, FacetSummary, PartOutcome
from resources.inventory.facts.write import PartPlace, PartWrite
from resources.inventory.ledger import add_reasons, is_running
from resources.inventory.locks import Lock
from resources.inventory.outcomes import SourceIdentity, SyncMode
from resources.inventory.run_lock import RunLock
from resources.inventory.transactions import Transactions, remembering


class FactSync:
    """An open sync of one facet of one source. Every method may be called from several threads."""

    def __init__(
        self,
        inventory: Inventory,
        source: SourceIdentity,
        opened: ledger.OpenedFacet,
        guard: LossGuard,
        held: RunLock[ledger.OpenedFacet],
    ) -> None:
        self.sync_id = opened.sync_id
        self._source, self._opened, self._guard = source, opened, guard
        self._transactions = Transactions(
            inventory, held.renew, lambda conn, lock: ledger.check_fence(conn, opened, source, lock=lock), opened.clock
        )
        self._again = self._transactions.again
        self._lock = threading.Lock()
        self._part_ids: dict[str, int] = {}
        self._ended = False

    # --- parts ---

    def record_parts(self, listing: ScopeListing) -> list[str]:
        """Keeps the listed parts; returns the names of those known before that a complete list no longer has."""
        return self._again("record parts", lambda: self._record_parts(listing))

    def _record_parts(self, listing: ScopeListing) -> list[str]:
        with self._transactions.begin() as (conn, _):
            known = ledger.present_parts(conn, self._opened)
            listed = ledger.upsert_parts(conn, self._opened, listing.scopes)
            if listing.reasons:
                add_reasons(conn, self.sync_id, listing.reasons)
        with self._lock:
            self._part_ids.update(known | listed)
        return [] if listing.reasons else sorted(known.keys() - listed.keys() - set(listing.hidden))

    def finished(self, run_ids: Sequence[str]) -> set[str]:
        """The parts whose reading was complete in one of these runs."""
        return self._transactions.read("finished parts", lambda conn: ledger.finished(conn, self._opened, run_ids))

    def write_part(
        self,
        part: Scope,
        pages: Iterable[FactPage],
        *,
        accept_loss: bool = False,
        progress: Callable[[int], None] | None = None,
    ) -> PartOutcome:
        """Reads the pages to their end and writes what differs, in one transaction.

        Args:
            part: whose facts they are; for usage its name is the day.
            pages: read here; a GovernanceError they raise makes the part partial, or failed before the first page.
                Where they can be iterated anew, they are read again after a passing fault of the database.
            accept_loss: whether the loss guard is told to let go.
            progress: called with the facts read since the last call.

        Raises:
            GovernanceError: the database failed, or another run took the facet over; nothing was written.
        """
        part_id = self._part_id(part)
        self._make_partition(part)
        ended: list[tuple[PartPlace, PartOutcome]] = []
        faults: list[Unavailable] = []

        def once() -> PartOutcome | GovernanceError:
            with remembering(faults), self._transactions.begin() as (conn, at):
                locks.hold(conn, Lock.PART, part_id)
                for earlier, outcome in ended:
                    if ledger.is_recorded(conn, earlier):
                        return outcome
                reading = iter(pages)
                if faults and reading is pages:
                    # some of them were read already
                    raise faults[0]
                place = PartPlace(self._opened.source_id, part_id, self.sync_id, at)
                write = PartWrite(conn, place, self._opened.facet)
                error = write.read(reading, progress)
                if error is not None and not write.counts["pages"]:
                    return error
                ended.append((place, self._settle(conn, part, write, error, accept_loss)))
            return ended[-1][1]

        found = self._again("write part", once, 2 if isinstance(pages, Iterator) else ATTEMPTS)
        return found if isinstance(found, PartOutcome) else self.fail_part(part, Reason.of(found))

    def _settle(
        self, conn: psycopg.Connection, part: Scope, write: PartWrite, error: GovernanceError | None, accept_loss: bool
    ) -> PartOutcome:
        """The end of a part's transaction."""
        if error is not None:
            write.reasons.append(Reason.of(error))
        write.settle(self._guard, self._source.name, part.name, accept_loss)
        seconds = time.monotonic() - write.begun
        outcome = PartOutcome(
            part.name, write.status(), tuple(write.reasons), write.counts, write.kinds, write.notes, seconds
        )
        ledger.record_outcome(conn, write.place, outcome, write.counts["created"] + write.counts["unchanged"])
        return outcome

    def _make_partition(self, part: Scope) -> None:
        """Where a day of usage goes: in a transaction of its own, which keeps others from the table."""
        if self._opened.facet == "usage":
            day = datetime.combine(date.fromisoformat(part.name), datetime.min.time(), UTC)
            self._transactions.read(
                "make partition", lambda conn: conn.execute("SELECT inventory.ensure_partition('usage_day', %s)", [day])
            )

    def fail_part(self, part: Scope, reason: Reason) -> PartOutcome:
        """Records that this part could not be read."""
        part_id = self._part_id(part)
        outcome = PartOutcome(part.name, Status.FAILED, (reason,), dict.fromkeys(COUNTS, 0), {}, {}, 0.0)

        def once() -> None:
            with self._transactions.begin() as (conn, at):
                place = PartPlace(self._opened.source_id, part_id, self.sync_id, at)
                ledger.record_outcome(conn, place, outcome, None)

        self._again("fail part", once)
        return outcome

    def drop_part(self, name: str, accept_loss: bool = False) -> PartOutcome:
        """Closes the facts of a part that a complete list no longer has."""
        part = Scope(name, "gone")
        outcome = self.write_part(part, (), accept_loss=accept_loss)
        if not outcome.counts["held"]:
            self._again("drop part", partial(self._drop_part, self._part_id(part)))
        return outcome

    def _drop_part(self, part_id: int) -> None:
        with self._transactions.begin() as (conn, _):
            ledger.drop_part(conn, part_id)

    # --- the end ---

    def finish(self) -> FacetSummary:
        """Ends the sync: its status follows from those of its parts."""
        summary = self._again("close run", self._close_run)
        self._ended = True
        return summary

    def _close_run(self) -> FacetSummary:
        with self._transactions.begin() as (conn, _):
            if is_running(conn, self.sync_id):
                ledger.close_run(conn, self._opened, self._source)
            return ledger.summary(conn, self._opened, self._source)

    def abandon(self, error: BaseException | None) -> None:
        """Closes the run's row as failed, unless it was finished; `error` is what ended the sync."""
        if self._ended:
            return
        self._transactions.abandon(self._opened.run_id, self._fail, error)
        self._ended = True

    def _fail(self, conn: psycopg.Connection, reason: Reason) -> None:
        if is_running(conn, self.sync_id):
            ledger.fail_run(conn, self._opened, self._source, reason)

    def _part_id(self, part: Scope) -> int:
        with self._lock:
            known = self._part_ids.get(part.name)
        if known is not None:
            return known

        def ask(conn: psycopg.Connection) -> dict[str, int]:
            present = ledger.present_parts(conn, self._opened)
            return present if part.name in present else ledger.upsert_parts(conn, self._opened, [part])

        ids = self._transactions.read("store part", ask)
        with self._lock:
            self._part_ids.update(ids)
        return ids[part.name]


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
    take = partial(ledger.open_run, source=source, facet=facet, run_id=run_id, actor=actor, mode=mode)
    with RunLock(inventory, take, partial(ledger.retake_lock, source=source)) as held:
        sync = FactSync(inventory, source, held.open_run(), guard, held)
        with ExitStack() as stack:
            stack.push(lambda _, error, __: sync.abandon(error))
            yield sync
