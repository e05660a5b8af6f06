"""One scope's transaction, from the first page to the row that says how it went."""

import time
from array import array
from collections.abc import Callable, Collection, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import repeat
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
from resources.inventory.listed import ListedPage
from resources.inventory.rows import NewRows
from resources.inventory.scope_batch import BatchWriter
from resources.inventory.scope_entry import Entry, Place, Tally
from resources.inventory.stored import Identity, known

BATCH_DATASETS = 1000
BATCH_COLUMNS = 25_000
REMEMBERED_AT_ONCE = 5_000
"""Datasets of a scope up to which all its fingerprints are read at once, and not page by page."""
_FACETS = frozenset(Dataset.__struct_fields__) - {"namespace", "qualified_name"}

_PRESENT = """
SELECT count(*), coalesce(sum(column_count), 0),
    EXISTS (SELECT FROM inventory.dataset WHERE scope_id = %s AND state = 'out_of_scope'),
    EXISTS (SELECT FROM inventory.quarantined WHERE scope_id = %s AND resolved_at IS NULL)
FROM inventory.dataset WHERE scope_id = %s AND state = 'present'
"""
_CANDIDATES = """
SELECT id, namespace, qualified_name, state FROM inventory.dataset WHERE scope_id = %s AND state = ANY(%s)
"""


class Present(NamedTuple):
    """What a scope has.

    Args:
        datasets: how many are present.
        columns: how many columns these have.
        hides: whether there are any that filters exclude.
        waits: whether records wait in quarantine.
    """

    datasets: int
    columns: int
    hides: bool
    waits: bool


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
        conn: in the scope's transaction, which holds the scope.
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
        self._are_all_remembered = False
        self._before: Present | None = None
        self.begun = time.monotonic()

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
                found = self._take(page)
                if progress is not None:
                    progress(found, 1)

    def recognised(self, records: Sequence[bytes]) -> Collection[bytes]:
        """Those of these fingerprints whose datasets of the scope need no look; for the page that is being read."""
        if self.looks_new():
            return ()
        if self._are_all_remembered:
            return self._remembered.keys()
        self._wait()
        if self._had().datasets <= REMEMBERED_AT_ONCE:
            self._remembered, self._are_all_remembered = fingerprints.of_scope(self.conn, self.place.scope_id), True
        else:
            self._remembered = fingerprints.find(self.conn, self.place.scope_id, records)
        return self._remembered.keys()

    def looks_new(self) -> bool:
        """Whether the scope had nothing when its listing began, so that most of what is listed will be new."""
        return self._had().datasets == 0

    def _had(self) -> Present:
        """What the scope had when its listing began; asked for before anything is written."""
        if self._before is None:
            self._before = present(self.conn, self.place.scope_id)
        return self._before

    def _take(self, page: Page) -> int:
        """Takes one page; returns how many datasets it brought."""
        self._note(page)
        if page.passed_over:
            self.tally.remembered(self._remembered[record] for record in page.passed_over)
        listed = page.listed if isinstance(page, ListedPage) else ()
        for one in listed:
            if self.names.is_open or self.names.matches(one.qualified_name):
                self._enter((one.namespace, one.qualified_name), one.sealed, page.unread, one.record, one.rows)
        marks = page.fingerprints if not page.unread else ()
        for dataset, record in zip(page.datasets, marks or repeat(b""), strict=bool(marks)):
            self._add(dataset, page.unread, record)
        if len(self._batch) >= BATCH_DATASETS or self._weight >= BATCH_COLUMNS:
            self._flush()
        return len(page.passed_over) + len(listed) + len(page.datasets)

    def _note(self, page: Page) -> None:
        """Keeps what a page says beside its datasets."""
        self.tally.counts["pages"] += 1
        if unknown := set(page.unread) - _FACETS:
            raise ProtocolError(f"a page leaves unread what no dataset has: {sorted(unknown)}", platform="inventory")
        self.reasons += (r for r in page.reasons if r not in self.reasons)
        self.notes.update(page.notes)
        self.token = page.token or self.token
        for container in page.containers:
            self._containers.setdefault(container.qualified_name, container)
        for odd in page.quarantined:
            self._quarantine(odd)

    def _add(self, dataset: Dataset, unread: tuple[str, ...], record: bytes) -> None:
        name = dataset.qualified_name
        if not self.names.is_open and isinstance(name, str) and not self.names.matches(name):
            return
        try:
            sealed = seal(dataset)
        except RecordError as error:
            self._quarantine(quarantine.of_dataset(dataset, error.message))
            return
        self._enter((dataset.namespace, name), sealed, unread, record, None)

    def _enter(
        self, identity: Identity, sealed: Sealed, unread: tuple[str, ...], record: bytes, rows: NewRows | None
    ) -> None:
        if identity in self._batch:
            self.tally.counts["duplicates"] += 1
            return
        # what had to be cleaned is counted with each listing
        entry = self._batch[identity] = Entry(sealed, unread, b"" if sealed.cleaned else record, rows)
        if self.looks_new():
            # while all of it is at hand; what is kept until the batch is written is a few strings
            entry.new_rows()
        self._weight += sealed.columns
        if self._weight >= BATCH_COLUMNS:
            self._flush()

    def _flush(self) -> None:
        """Hands the batch to the writing thread, once that is done with the one before."""
        self._wait()
        batch, self._batch, self._weight = self._batch, {}, 0
        if batch:
            self._writing = self._pool.submit(self._writer.write, batch, self.looks_new())

    def _flush_last(self) -> None:
        self._wait()
        if self._batch:
            batch, self._batch = self._batch, {}
            self._writer.write(batch, self.looks_new())
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
        deleted = delete(self.conn, missing.gone, self.place.scope_id, self.place.at, sync, "not in a complete listing")
        hidden = hide(self.conn, missing.hidden, self.place.scope_id, self.place.at, sync)
        for name, number in (("deleted", deleted), ("out_of_scope", hidden)):
            self.tally.counts[name] += number
            self.tally.counts["changes"] += number
        if self._had().waits:
            quarantine.resolve(self.conn, self.place.scope_id, self.place.at)

    def _find_missing(self) -> Missing:
        missing = Missing(array("q"), array("q"), array("q"))
        states = ["out_of_scope"]
        has = self._has()
        if has.datasets != self.tally.here:
            states.append("present")
        elif not has.hides:
            return missing
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

    def _has(self) -> Present:
        """What the scope has by now; asked for only where what was written does not tell it."""
        counts, had = self.tally.counts, self._had()
        if self._is_untouched():
            return had
        if not had.datasets and counts["created"] == counts["datasets"]:
            return had._replace(datasets=counts["created"], columns=counts["columns"])
        return present(self.conn, self.place.scope_id)

    def _is_untouched(self) -> bool:
        """Whether no dataset was written, so that the scope has what it had, or what another one left it."""
        counts = self.tally.counts
        return counts["unchanged"] == counts["datasets"] and not counts["deleted"] and not counts["out_of_scope"]

    def close(self, status: Status) -> tuple[int, int] | None:
        """Stores containers; returns how many datasets and columns the scope has now, None where that is as it was."""
        place = self.place
        found, complete = self._containers.values(), status is Status.COMPLETE
        containers.store(self.conn, found, place.source_id, place.scope_id, place.at, complete=complete)
        for scope_id in self.tally.left:
            recount(self.conn, scope_id)
        if self._is_untouched():
            return None
        has = self._has()
        return has.datasets, has.columns


def present(conn: psycopg.Connection, scope_id: int) -> Present:
    """What a scope has, as its datasets say."""
    row = conn.execute(_PRESENT, [scope_id, scope_id, scope_id]).fetchone()
    assert row is not None
    return Present(int(row[0]), int(row[1]), *row[2:])


def recount(conn: psycopg.Connection, scope_id: int) -> None:
    """Counts what a scope has anew, and keeps the figures with it."""
    found = present(conn, scope_id)
    conn.execute(
        "UPDATE inventory.scope SET datasets = %s, columns = %s WHERE id = %s AND (datasets, columns) <> (%s, %s)",
        [found.datasets, found.columns, scope_id, found.datasets, found.columns],
    )
