"""The one way into the inventory: a source's lock, its run row, and one transaction for each scope.

Rules that hold whatever happens:

- One sync a source at a time: a session lock, and a fence that grows with every sync. A transaction that finds a newer
  fence than its own is refused, so that a run which lost its lock to a broken connection cannot write any more.
- A scope is written in one transaction with one timestamp, later than any earlier one of the source.
- A dataset that shows up in another scope of its source moved there: that is an update. Where its name says nothing of
  its scope (collections), a missing one is therefore deleted only at the end of the sync, if no other scope had it.
- A run that died leaves its finished scopes; the next sync of the source closes its row as failed.
- A transaction that a passing fault of the database ended is done again, whole (see `attempts`). Where its commit was
  sent and not answered, the scope's row tells whether it happened before anything is done again.
"""

import threading
import time
from array import array
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from datetime import datetime, timedelta
from functools import partial
from typing import Protocol, runtime_checkable

import psycopg

from governance.errors import GovernanceError, Unavailable
from governance.filters import NameFilter
from governance.listing import Page, Reason, Scope, ScopeListing, Status
from governance.loss_guard import LossGuard
from resources.inventory import closing, containers, ledger, tokens, unseen
from resources.inventory.attempts import ATTEMPTS
from resources.inventory.database import Inventory
from resources.inventory.outcomes import (
    COUNTS,
    KnownScope,
    ScopeOutcome,
    SourceBusy,
    SourceIdentity,
    SyncMode,
    SyncSummary,
)
from resources.inventory.run_lock import RunLock
from resources.inventory.scope_entry import Place
from resources.inventory.scope_write import ScopeWrite, recount
from resources.inventory.tokens import Token, Unmoved
from resources.inventory.transactions import Transactions, remembering
from resources.inventory.unseen import StillHas

__all__ = [
    "KnownScope",
    "ScopeOutcome",
    "SourceBusy",
    "SourceIdentity",
    "SourceSync",
    "SyncSummary",
    "inventory_sync",
]

_ID_BLOCK = 1024


@runtime_checkable
class Remembering(Protocol):
    """Pages of a scope that leave out what is stored already, where they are told what is."""

    def remembering(
        self, recognised: Callable[[Sequence[bytes]], Collection[bytes]], looks_new: Callable[[], bool]
    ) -> Iterator[Page]:
        """From the first page.

        Args:
            recognised: gives those of some fingerprints whose datasets need no look.
            looks_new: whether there is nothing to compare the scope's datasets with.
        """


class SourceSync:
    """An open sync of one source. Every method may be called from several threads."""

    def __init__(
        self,
        inventory: Inventory,
        source: SourceIdentity,
        opened: ledger.Opened,
        guard: LossGuard,
        held: RunLock[ledger.Opened],
    ) -> None:
        self.sync_id = opened.sync_id
        self._source, self._opened, self._guard = source, opened, guard
        self._transactions = Transactions(
            inventory, held.renew, lambda conn, lock: ledger.check_fence(conn, opened, source, lock=lock), opened.clock
        )
        self._again = self._transactions.again
        self._lock = threading.Lock()
        self._scope_ids: dict[str, int] = {}
        self._free_ids: list[int] = []
        self._unsure: dict[str, tuple[array[int], Token | None]] = {}
        self._ended = False

    # --- scopes ---

    def record_scopes(self, listing: ScopeListing) -> None:
        """Keeps the listed scopes and their containers."""
        self._again("record scopes", lambda: self._record_scopes(listing))

    def _record_scopes(self, listing: ScopeListing) -> None:
        source_id = self._opened.source_id
        with self._transaction() as (conn, at):
            ids = ledger.upsert_scopes(conn, source_id, listing.scopes)
            complete = listing.status is Status.COMPLETE
            containers.store(conn, listing.containers, source_id, None, at, complete=complete)
            if listing.reasons:
                ledger.add_reasons(conn, self.sync_id, listing.reasons)
        with self._lock:
            self._scope_ids.update(ids)

    def known_scopes(self) -> dict[str, KnownScope]:
        """Every scope the inventory has of this source, deleted ones too, by name."""
        return self._transactions.read("known scopes", lambda conn: ledger.known_scopes(conn, self._opened.source_id))

    def finished(self, run_ids: Sequence[str]) -> set[str]:
        """The scopes whose listing was complete in one of these runs."""
        return self._transactions.read(
            "finished scopes", lambda conn: ledger.finished(conn, self._opened.source_id, run_ids)
        )

    def unmoved(self, tokens_now: Mapping[str, Token], within: timedelta) -> dict[str, Unmoved]:
        """The scopes that need no listing: their token and its basis are those of their last complete listing.

        Args:
            tokens_now: by scope name, as the platform tells them now.
            within: how old that listing may be.
        """
        source_id = self._opened.source_id
        return self._transactions.read(
            "unmoved scopes", lambda conn: tokens.unmoved(conn, source_id, tokens_now, within)
        )

    @property
    def has_unsure(self) -> bool:
        """Whether a dataset is missing from its scope that may yet be in another one."""
        with self._lock:
            return bool(self._unsure)

    def skip_scopes(self, skipped: Sequence[Unmoved]) -> list[ScopeOutcome]:
        """Records that these scopes did not change and were not listed; no row of a dataset is touched."""

        def once() -> None:
            with self._transaction() as (conn, _):
                tokens.record_skipped(conn, self.sync_id, skipped)

        self._again("skip scopes", once)
        return [one.outcome for one in skipped]

    def write_scope(
        self,
        scope: Scope,
        pages: Iterable[Page],
        names: NameFilter,
        *,
        accept_loss: bool = False,
        progress: Callable[[int, int], None] | None = None,
        token: Token | None = None,
    ) -> ScopeOutcome:
        """Reads the pages to their end and writes what differs, in one transaction.

        Args:
            scope: whose listing it is.
            pages: read here; a GovernanceError they raise makes the scope partial, or failed before the first page.
                Where they can be iterated anew, they are read again after a passing fault of the database.
                Those that are `Remembering` may pass over what is stored already.
            names: what the source governs; what it excludes becomes out of scope.
            accept_loss: whether the loss guard is told to let go.
            progress: called with the datasets and pages read since the last call.
            token: what the platform said of the scope before `pages` began; a token on the pages themselves goes first.

        Raises:
            GovernanceError: the database failed, or another run took the source over; nothing was written.
        """
        scope_id = self._scope_id(scope)
        ended: list[tuple[Place, ScopeOutcome]] = []
        faults: list[Unavailable] = []

        def once() -> ScopeOutcome | GovernanceError:
            with remembering(faults), self._transaction() as (conn, at):
                begun = ledger.hold_scope(conn, scope_id)
                for earlier, outcome in ended:
                    if ledger.is_recorded(conn, earlier):
                        return outcome
                place = Place(self._opened.source_id, scope_id, self.sync_id, at, at_its_begin=at == begun)
                write = ScopeWrite(conn, scope, place, names, self._new_ids)
                known = (write.recognised, write.looks_new)
                reading = pages.remembering(*known) if isinstance(pages, Remembering) else iter(pages)
                if faults and reading is pages:
                    # some of them were read already
                    raise faults[0]
                error = write.read(reading, progress)
                if error is not None and not write.tally.counts["pages"]:
                    return error
                ended.append((place, self._settle(conn, write, error, accept_loss, token)))
            return ended[-1][1]

        found = self._again("write scope", once, 2 if isinstance(pages, Iterator) else ATTEMPTS)
        return found if isinstance(found, ScopeOutcome) else self.fail_scope(scope, Reason.of(found))

    def _settle(
        self,
        conn: psycopg.Connection,
        write: ScopeWrite,
        error: GovernanceError | None,
        accept_loss: bool,
        token: Token | None,
    ) -> ScopeOutcome:
        """The end of a scope's transaction."""
        if error is not None:
            write.reasons.append(Reason.of(error))
        else:
            write.settle(self._guard, self._source.name, accept_loss)
        status = Status.PARTIAL if write.reasons else Status.COMPLETE
        has = write.close(status)
        counts = write.tally.counts
        unsure = write.missing.unsure if write.missing else array("q")
        outcome = ScopeOutcome(
            write.scope.name,
            status,
            tuple(write.reasons),
            counts,
            write.tally.kinds,
            write.notes,
            time.monotonic() - write.begun,
            counts["held"],
            counts["changes"] > 0,
        )
        if token is not None and write.token:
            token = Token(write.token, token.basis)
        ledger.record_outcome(conn, write.place, outcome, settled=not unsure, token=token, has=has)
        with self._lock:
            self._unsure.pop(write.scope.name, None)
            if unsure:
                self._unsure[write.scope.name] = (unsure, token)
        return outcome

    def fail_scope(self, scope: Scope, reason: Reason) -> ScopeOutcome:
        """Records that this scope could not be read."""
        scope_id = self._scope_id(scope)
        outcome = ScopeOutcome(
            scope.name, Status.FAILED, (reason,), dict.fromkeys(COUNTS, 0), {}, {}, 0.0, held=0, changed=False
        )
        with self._lock:
            self._unsure.pop(scope.name, None)

        def once() -> None:
            with self._transaction() as (conn, at):
                place = Place(self._opened.source_id, scope_id, self.sync_id, at)
                ledger.record_outcome(conn, place, outcome, settled=True)

        self._again("fail scope", once)
        return outcome

    def hide_scopes(self, names: Sequence[str]) -> None:
        """Puts the datasets of these scopes out of scope: the filters exclude them now."""
        for name in names:
            self._again("hide scope", partial(self._end_scope, name, "out_of_scope", ""))

    def drop_scopes(self, names: Sequence[str], evidence: str, accept_loss: bool = False) -> tuple[Reason, ...]:
        """Writes tombstones for all datasets of these scopes.

        Args:
            names: scopes that are known to be absent.
            evidence: how that is known; kept with each tombstone.
            accept_loss: whether the loss guard is told to let go.

        Returns:
            Why nothing was dropped; empty where all was.
        """
        present = [k for k in self.known_scopes().values() if k.state == "present"]
        lost = [k for k in present if k.name in set(names)]
        held = self._guard.holds_scopes(len(present), len(lost), source=self._source.name)
        if held is not None and not accept_loss:
            for scope in lost:
                self._again("hold scope", partial(self._hold_scope, scope, held))
            return (held,)
        for scope in lost:
            self._again("drop scope", partial(self._end_scope, scope.name, "deleted", evidence))
        return ()

    def _hold_scope(self, known: KnownScope, held: Reason) -> None:
        counts = {**dict.fromkeys(COUNTS, 0), "held": known.datasets}
        outcome = ScopeOutcome(known.name, Status.PARTIAL, (held,), counts, {}, {}, 0.0, known.datasets, changed=False)
        with self._transaction() as (conn, at):
            place = Place(self._opened.source_id, self._scope_id(known.scope), self.sync_id, at)
            ledger.record_outcome(conn, place, outcome, settled=True)

    def _end_scope(self, name: str, state: str, evidence: str) -> None:
        """Everything of one scope becomes deleted or out of scope, in one transaction."""
        source_id, counts = self._opened.source_id, dict.fromkeys(COUNTS, 0)
        with self._transaction() as (conn, at):
            scope_id = ledger.scope_id(conn, source_id, name)
            if scope_id is None:
                return
            place = Place(source_id, scope_id, self.sync_id, at)
            sync = (self.sync_id, source_id)
            conn.execute("SET LOCAL enable_seqscan = off")
            if state == "deleted":
                ids = closing.ids_of(conn, scope_id, "present", "out_of_scope")
                counts["deleted"] = closing.delete(conn, ids, scope_id, at, sync, evidence)
                containers.mark_dropped(conn, source_id, scope_id, name, at)
            else:
                ids = closing.ids_of(conn, scope_id, "present")
                counts["out_of_scope"] = closing.hide(conn, ids, scope_id, at, sync)
            counts["changes"] = counts["deleted"] + counts["out_of_scope"]
            ledger.set_scope_state(conn, scope_id, state)
            recount(conn, scope_id)
            if counts["changes"] or ids:
                notes = {"evidence": evidence} if evidence else {"hidden": "the source's filters exclude this scope"}
                outcome = ScopeOutcome(
                    name, Status.COMPLETE, (), counts, {}, notes, 0.0, held=0, changed=counts["changes"] > 0
                )
                ledger.record_outcome(conn, place, outcome, settled=True, listed=False)

    # --- the end ---

    def finish(self, still_has: StillHas = lambda _: None) -> SyncSummary:
        """Ends the sync: its status follows from those of its scopes.

        Args:
            still_has: asked of what one scope misses and no other showed, as `Reader.still_has`; an error it raises
                keeps that for the next sync, and is a reason of this one.
        """
        with self._lock:
            unsure, self._unsure = self._unsure, {}
        for name, (ids, token) in unsure.items():
            try:
                missing = self._asked_about(name, ids, still_has)
            except GovernanceError as error:
                told = f"{name}: {len(ids)} datasets that no scope shows are kept, as asking for them failed"
                reason = Reason(error.code, f"{told}: {error.message}", error.operation, error.remedy)
                self._again("keep what is missing", partial(self._add_reason, reason))
                continue
            self._again("delete what is missing", partial(self._delete_unseen, name, missing, token))
        summary = self._again("close run", self._close_run)
        self._ended = True
        return summary

    def _close_run(self) -> SyncSummary:
        with self._transaction() as (conn, at):
            if ledger.is_running(conn, self.sync_id):
                ledger.audit_end(conn, self._opened, self._source, ledger.close_run(conn, self._opened, at))
            summary = ledger.summary(conn, self.sync_id)
        assert summary is not None
        return summary

    def abandon(self, error: BaseException | None) -> None:
        """Closes the run's row as failed, unless it was finished; `error` is what ended the sync."""
        if self._ended:
            return
        self._transactions.abandon(self._opened.run_id, self._fail, error)
        self._ended = True

    def _asked_about(self, name: str, ids: "array[int]", still_has: StillHas) -> unseen.Unseen:
        """What came of asking the platform for what one scope misses and no other had."""
        scope_id = self._scope_ids[name]

        def native_ids(part: "array[int]") -> dict[int, str]:
            return self._transactions.read("native ids", lambda conn: unseen.native_ids(conn, scope_id, part))

        return unseen.asked_about(ids, native_ids, still_has)

    def _add_reason(self, reason: Reason) -> None:
        with self._transaction() as (conn, _):
            ledger.add_reasons(conn, self.sync_id, [reason])

    def _delete_unseen(self, name: str, missing: unseen.Unseen, token: Token | None) -> None:
        with self._transaction() as (conn, at):
            place = Place(self._opened.source_id, self._scope_ids[name], self.sync_id, at)
            unseen.delete(conn, place, missing, token)

    # --- what every transaction needs ---

    @contextmanager
    def _transaction(self) -> Iterator[tuple[psycopg.Connection, datetime]]:
        try:
            with self._transactions.begin() as begun:
                yield begun
        except Unavailable:
            with self._lock:
                # a server that crashed may hand out the same block once more, where nothing was committed since
                self._free_ids.clear()
            raise

    def _fail(self, conn: psycopg.Connection, reason: Reason) -> None:
        if ledger.is_running(conn, self.sync_id):
            ledger.fail_run(conn, self._opened, self._source, reason)

    def _scope_id(self, scope: Scope) -> int:
        with self._lock:
            known = self._scope_ids.get(scope.name)
        if known is not None:
            return known
        ids = self._transactions.read(
            "store scope", lambda conn: ledger.upsert_scopes(conn, self._opened.source_id, [scope])
        )
        with self._lock:
            self._scope_ids.update(ids)
        return ids[scope.name]

    def _new_ids(self, conn: psycopg.Connection, count: int) -> list[int]:
        """Dataset ids, from blocks so that a batch costs at most one look at the sequence."""
        with self._lock:
            missing = count - len(self._free_ids)
            if missing > 0:
                blocks = conn.execute(
                    "SELECT nextval('inventory.dataset_block') FROM generate_series(1, %s)", [-(-missing // _ID_BLOCK)]
                )
                for (block,) in blocks:
                    self._free_ids += range(block * _ID_BLOCK, (block + 1) * _ID_BLOCK)
            taken, self._free_ids = self._free_ids[:count], self._free_ids[count:]
        return taken


@contextmanager
def inventory_sync(
    inventory: Inventory, source: SourceIdentity, run_id: str, actor: str, mode: SyncMode, guard: LossGuard
) -> Iterator[SourceSync]:
    """Holds the source's lock and opens its run row; an error inside closes the row as failed, with its reason.

    Raises:
        SourceBusy: another run holds the source; its run id is in the message.
        GovernanceError: the database cannot be reached.
    """
    take = partial(ledger.open_run, source=source, run_id=run_id, actor=actor, mode=mode)
    with RunLock(inventory, take, partial(ledger.retake_lock, source=source)) as held:
        sync = SourceSync(inventory, source, held.open_run(), guard, held)
        with ExitStack() as stack:
            stack.push(lambda _, error, __: sync.abandon(error))
            yield sync
