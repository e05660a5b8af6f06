"""One scope's transaction, from the first page to the row that says how it went."""

import time
from array import array
from collections.abc import Callable, Collection, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import NamedTuple

import msgspec
import psycopg

from governance.errors import GovernanceError, ProtocolError, RecordError
from governance.filters import NameFilter
from governance.fingerprint import Sealed, seal
from governance.listing import Page, Quarantined, Reason, Scope, Status
from governance.loss_guard import LossGuard
from governance.model import Container, Dataset
from governance.text import is_clean
from resources.inventory import containers, fingerprints, quarantine
from resources.inventory.closing import delete, hide
from resources.inventory.fingerprints import Remembered
from resources.inventory.scope_batch import BatchWriter, Entry, Place, Tally
from resources.inventory.stored import Identity, known

BATCH_DATASETS = 1000
BATCH_COLUMNS = 25_000
_FACETS = frozenset(Dataset.__struct_fields__) - {"namespace", "qualified_name"}

_PRESENT = """
SELECT count(*), coalesce(sum(column_count), 0) FROM inventory.dataset WHERE scope_id = %s AND state = 'present'
"""
_FOR_THIS_TRANSACTION = """
SELECT set_config('enable_seqscan', 'off', true), set_config('jit', 'off', true),
    set_config('idle_in_transaction_session_timeout', '0', true)
"""
_CANDIDATES = """
SELECT id, namespace, qualified_name, state FROM inventory.dataset WHERE scope_id = %s AND state = ANY(%s)
"""


class Present(NamedTuple):
    """How many present datasets a scope has, and how many columns they have."""

    datasets: int
    columns: int


class Missing(msgspec.Struct):
    """What a complete listing no longer shows: hidden by filters, gone, or perhaps moved to another scope."""

    hidden: "array[int]"
    gone: "array[int]"
    unsure: "array[int]"

    @property
    def lost(self) -> int:
        """How many would be deleted."""
        return len(self.gone) + len(self.unsure)


class ScopeWrite:
    """Takes pages, and then settles what they came to.

    Args:
        conn: in the scope's transaction.
        scope: whose pages they are.
        place: where to write.
        names: the source's filter.
        new_ids: hands out dataset ids.
    """

    def __init__(
        self,
        conn: psycopg.Connection,
        scope: Scope,
        place: Place,
        names: NameFilter,
        new_ids: Callable[[psycopg.Connection, int], list[int]],
    ) -> None:
        self.conn, self.scope, self.place, self.names = conn, scope, place, names
        self.tally = Tally()
        self.reasons: list[Reason] = []
        self.notes: dict[str, str] = {}
        self.token = ""
        self.missing: Missing | None = None
        self._writer = BatchWriter(conn, place, self.tally, new_ids, self._refuse)
        self._batch: dict[Identity, Entry] = {}
        self._weight = 0
        self._writing: Future[None] | None = None
        self._containers: dict[str, Container] = {}
        self._refused: list[Quarantined] = []
        self._nameless = 0
        self._remembered: dict[bytes, Remembered] = {}
        self._is_new: bool | None = None
        self.begun = time.monotonic()
        self._present: Present | None = None
        conn.execute(_FOR_THIS_TRANSACTION)

    def read(self, pages: Iterator[Page], progress: Callable[[int, int], None] | None) -> GovernanceError | None:
        """Takes all pages; returns the error that ended them early, if one did.

        The next page is asked for while the last batch is being written.
        """
        with ThreadPoolExecutor(1, thread_name_prefix="write") as self._pool:
            while True:
                try:
                    page = next(pages, None)
                except GovernanceError as error:
                    self._flush_last()
                    return error
                if page is None:
                    self._flush_last()
                    return None
                self._take(page)
                if progress is not None:
                    progress(len(page.datasets) + len(page.passed_over), 1)

    def recognised(self, records: Sequence[bytes]) -> Collection[bytes]:
        """Those of these fingerprints whose datasets of the scope need no look; for the page that is being read."""
        if self._looks_new():
            return ()
        self._wait()
        self._remembered = fingerprints.find(self.conn, self.place.scope_id, records)
        return self._remembered.keys()

    def _looks_new(self) -> bool:
        """Whether the scope had nothing when its listing began, so that most of what is listed will be new."""
        if self._is_new is None:
            self._is_new = present(self.conn, self.place.scope_id).datasets == 0
        return self._is_new

    def _take(self, page: Page) -> None:
        counts = self.tally.counts
        counts["pages"] += 1
        if unknown := set(page.unread) - _FACETS:
            raise ProtocolError(f"a page leaves unread what no dataset has: {sorted(unknown)}", platform="inventory")
        self.reasons += (r for r in page.reasons if r not in self.reasons)
        self.notes.update(page.notes)
        self.token = page.token or self.token
        for container in page.containers:
            self._containers.setdefault(container.qualified_name, container)
        for odd in page.quarantined:
            self._quarantine(odd)
        self._looks_new()
        for record in page.passed_over:
            self.tally.remembered(self._remembered[record])
        if page.fingerprints and not page.unread:
            for dataset, record in zip(page.datasets, page.fingerprints, strict=True):
                self._add(dataset, (), record)
        else:
            for dataset in page.datasets:
                self._add(dataset, page.unread)
        if len(self._batch) >= BATCH_DATASETS or self._weight >= BATCH_COLUMNS:
            self._flush()

    def _add(self, dataset: Dataset, unread: tuple[str, ...], record: bytes = b"") -> None:
        name = dataset.qualified_name
        if not self.names.is_open and isinstance(name, str) and not self.names.matches(name):
            return
        try:
            sealed = seal(dataset)
        except RecordError as error:
            self._quarantine(quarantine.of_dataset(dataset, error.message))
            return
        identity = (dataset.namespace, name)
        if identity in self._batch:
            self.tally.counts["duplicates"] += 1
            return
        # what had to be cleaned is counted with each listing
        entry = self._batch[identity] = Entry(sealed, unread, b"" if sealed.cleaned else record)
        if self._is_new:
            # while all of it is at hand; what is kept until the batch is written is a few strings
            self._writer.prepare(entry)
        self._weight += sealed.columns
        if self._weight >= BATCH_COLUMNS:
            self._flush()

    def _flush(self) -> None:
        """Hands the batch to the writing thread, once that is done with the one before."""
        self._wait()
        batch, self._batch, self._weight = self._batch, {}, 0
        if batch:
            self._writing = self._pool.submit(self._writer.write, batch)

    def _flush_last(self) -> None:
        self._wait()
        if self._batch:
            batch, self._batch = self._batch, {}
            self._writer.write(batch)
        if self._refused:
            self._settle_refused()

    def _wait(self) -> None:
        """The connection is this thread's again afterwards."""
        writing, self._writing = self._writing, None
        if writing is not None:
            writing.result()
        if len(self._refused) > BATCH_DATASETS:
            self._settle_refused()

    def _refuse(self, sealed: Sealed, reason: str) -> None:
        self._quarantine(quarantine.of_sealed(sealed, reason))

    def _quarantine(self, record: Quarantined) -> None:
        self._refused.append(record)
        self._nameless += record.name is None or not is_clean(record.name)

    def _settle_refused(self) -> None:
        """Stores the records; the known datasets under their names count as seen."""
        refused, self._refused = self._refused, []
        place = (self.place.source_id, self.place.scope_id, self.place.sync_id)
        self.tally.counts["quarantined"] += quarantine.keep(self.conn, refused, place, self.place.at)
        names = [r.name for r in refused if r.name and is_clean(r.name)]
        for stored in known(self.conn, self.place.source_id, names).values():
            self.tally.excused.add(stored.id)

    def settle(self, guard: LossGuard, source: str, accept_loss: bool) -> None:
        """After a listing that was read to its end: what is missing, and whether that is believed."""
        if self._nameless:
            text = f"{self._nameless} records have no legible name: nothing can be said to be missing"
            self.reasons.append(Reason("unnamed_record", text, "quarantine", "look at inventory.quarantine"))
        if self.reasons:
            return
        missing = self.missing = self._find_missing()
        known_before = self.tally.known_before + missing.lost + len(missing.hidden)
        listed = self.tally.counts["datasets"] + self.tally.counts["quarantined"]
        held = guard.holds(known_before, missing.lost, listed, source=source, scope=self.scope.name)
        if held is not None and not accept_loss:
            self.reasons.append(held)
            self.tally.counts["held"] = missing.lost
            missing.gone, missing.unsure = array("q"), array("q")
            return
        sync = (self.place.sync_id, self.place.source_id)
        if missing.gone or missing.hidden:
            self._present = None
        deleted = delete(self.conn, missing.gone, self.place.scope_id, self.place.at, sync, "not in a complete listing")
        hidden = hide(self.conn, missing.hidden, self.place.scope_id, self.place.at, sync)
        for name, number in (("deleted", deleted), ("out_of_scope", hidden)):
            self.tally.counts[name] += number
            self.tally.counts["changes"] += number
        quarantine.resolve(self.conn, self.place.scope_id, self.place.at)

    def _find_missing(self) -> Missing:
        missing = Missing(array("q"), array("q"), array("q"))
        states = ["out_of_scope"]
        self._present = present(self.conn, self.place.scope_id)
        if self._present.datasets != self.tally.here:
            states.append("present")
        seen, excused, inside = self.tally.seen, self.tally.excused, f"{self.scope.name}."
        rows = self.conn.cursor(binary=True).stream(_CANDIDATES, [self.place.scope_id, states], size=5000)
        for number, namespace, name, state in rows:
            if number in seen:
                continue
            if number in excused:
                self.tally.known_before += 1
            elif not self.names.matches(name):
                if state == "present":
                    missing.hidden.append(number)
            elif name.startswith(inside) or namespace == self.scope.name:
                # one that was hidden, too: it would have been listed now
                missing.gone.append(number)
            else:
                missing.unsure.append(number)
        return missing

    def close(self, status: Status) -> Present:
        """Stores containers; returns what the scope has now."""
        place = self.place
        listed = containers.store(self.conn, self._containers.values(), place.source_id, place.scope_id, place.at)
        if status is Status.COMPLETE:
            containers.mark_missing(self.conn, listed, place.source_id, place.scope_id, place.at)
        for scope_id in self.tally.left:
            recount(self.conn, scope_id)
        return self._present or present(self.conn, place.scope_id)


def present(conn: psycopg.Connection, scope_id: int) -> Present:
    """What a scope has, as its datasets say."""
    row = conn.execute(_PRESENT, [scope_id]).fetchone()
    assert row is not None
    return Present(int(row[0]), int(row[1]))


def recount(conn: psycopg.Connection, scope_id: int) -> None:
    """Counts what a scope has anew, and keeps the figures with it."""
    found = present(conn, scope_id)
    conn.execute(
        "UPDATE inventory.scope SET datasets = %s, columns = %s WHERE id = %s AND (datasets, columns) <> (%s, %s)",
        [*found, scope_id, *found],
    )
