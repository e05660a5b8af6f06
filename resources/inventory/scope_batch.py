"""A batch of listed datasets, compared with what is stored by hash, and written where it is new or different."""

from collections.abc import Callable
from datetime import datetime

import msgspec
import psycopg

from governance.diff import Change, Diff, TagKey, diff
from governance.errors import RecordError
from governance.fingerprint import Sealed, check, decoded, seal
from governance.model import Dataset
from resources.inventory import bulk, fingerprints
from resources.inventory.closing import close_columns, close_tags
from resources.inventory.fingerprints import Fingerprint, Remembered
from resources.inventory.outcomes import COUNTS
from resources.inventory.seen import Seen
from resources.inventory.stored import Identity, Known, Stored, known, whole

_RACES = 5
_STAGE = """
CREATE TEMP TABLE IF NOT EXISTS dataset_stage (LIKE inventory.dataset INCLUDING DEFAULTS) ON COMMIT DELETE ROWS
"""
_CLOSE = """
INSERT INTO inventory.dataset_history
SELECT d.*, s.valid_from FROM pg_temp.dataset_stage s JOIN inventory.dataset d ON d.id = s.id
"""
_REPLACE = """
UPDATE inventory.dataset d SET ({0}, last_seen_at, gone_evidence) = ROW({1}, NULL, NULL)
FROM pg_temp.dataset_stage s WHERE d.id = s.id
"""
_REHASH = """
UPDATE inventory.dataset d SET hash = n.hash FROM unnest(%s::bigint[], %s::bytea[]) AS n (id, hash) WHERE d.id = n.id
"""


class Place(msgspec.Struct, frozen=True):
    """Where a scope's transaction writes: ids of source, scope and sync, and its one timestamp."""

    source_id: int
    scope_id: int
    sync_id: int
    at: datetime


class Entry(msgspec.Struct):
    """A listed dataset on its way.

    Args:
        sealed: the dataset with its hash.
        unread: the facets of it that could not be read.
        record: the fingerprint of its record; empty where it is not to be recognised.
        rows: its rows, should it be new.
        refusal: why it cannot be stored.
    """

    sealed: Sealed
    unread: tuple[str, ...]
    record: bytes = b""
    rows: bulk.NewRows | None = None
    refusal: str = ""

    def fingerprint(self, number: int) -> Fingerprint:
        """As it is stored beside the dataset with this id."""
        return Fingerprint(number, self.record, self.sealed.tags, self.sealed.unknown_types)


class Tally:
    """What one scope's listing came to so far."""

    def __init__(self) -> None:
        self.counts = dict.fromkeys(COUNTS, 0)
        self.kinds: dict[str, int] = {}
        self.seen = Seen()
        self.excused = Seen()
        """Stored datasets under the names of quarantined records: not to be missed."""
        self.known_before = 0
        """Seen datasets that were present in this scope before."""
        self.here = 0
        """Seen datasets that are present in this scope now."""
        self.left: set[int] = set()
        """Scopes that lost datasets to this one."""

    def remembered(self, found: Remembered) -> None:
        """Counts a dataset that was recognised by its record."""
        counts = self.counts
        if not self.seen.add(found.id):
            counts["duplicates"] += 1
            return
        self.here += 1
        self.known_before += 1
        counts["unchanged"] += 1
        counts["datasets"] += 1
        counts["columns"] += found.columns
        counts["tags"] += found.tags
        counts["unknown_types"] += found.unknown_types
        self.kinds[found.kind] = self.kinds.get(found.kind, 0) + 1

    def listed(self, sealed: Sealed) -> None:
        """Counts a dataset that was listed and is kept."""
        counts = self.counts
        counts["datasets"] += 1
        counts["columns"] += sealed.columns
        counts["tags"] += sealed.tags
        counts["unknown_types"] += sealed.unknown_types
        self.kinds[sealed.kind] = self.kinds.get(sealed.kind, 0) + 1


class BatchWriter:
    """Writes batches of one scope on one connection.

    Args:
        conn: in the scope's transaction.
        place: where to.
        tally: what is counted.
        new_ids: hands out that many ids.
        refuse: is told of a dataset that cannot be stored, and why.
    """

    def __init__(
        self,
        conn: psycopg.Connection,
        place: Place,
        tally: Tally,
        new_ids: Callable[[psycopg.Connection, int], list[int]],
        refuse: Callable[[Sealed, str], None],
    ) -> None:
        self.conn, self.place, self.tally = conn, place, tally
        self.new_ids, self.refuse = new_ids, refuse
        self.at = place.at.isoformat()

    def write(self, batch: dict[Identity, Entry]) -> None:
        """Writes what differs; another scope that creates one of these datasets at the same time is waited for."""
        for attempt in range(_RACES):
            found = known(self.conn, self.place.source_id, (name for _, name in batch))
            new = {i: e for i, e in batch.items() if i not in found}
            try:
                # a savepoint only where a race is possible
                if new:
                    with self.conn.transaction():
                        created = self._create(new)
                else:
                    created = []
            except psycopg.errors.UniqueViolation:
                if attempt + 1 == _RACES:
                    raise
                continue
            for number, entry in created:
                self._note(number, entry, existed=False)
            self.tally.counts["created"] += len(created)
            self.tally.counts["changes"] += len(created)
            moved = self._compare({i: e for i, e in batch.items() if i in found}, found)
            fingerprints.keep(self.conn, moved)
            return

    def _note(self, number: int, entry: Entry, existed: bool) -> None:
        """Counts a dataset that is in this scope after the batch."""
        tally = self.tally
        tally.seen.add(number)
        tally.here += 1
        tally.known_before += existed
        tally.counts["cleaned"] += entry.sealed.cleaned
        tally.listed(entry.sealed)

    def prepare(self, entry: Entry) -> bulk.NewRows | None:
        """Its rows, made once; None where it cannot be stored."""
        if entry.rows is None and not entry.refusal:
            sealed, owner_ids = entry.sealed, (self.place.source_id, self.place.scope_id)
            try:
                entry.rows = bulk.NewRows.of(check(sealed), sealed.hash, owner_ids, self.at, sealed.plain)
            except RecordError as error:
                entry.refusal = error.message
        return entry.rows

    def _create(self, new: dict[Identity, Entry]) -> list[tuple[int, Entry]]:
        """Copies new datasets straight into the tables: nothing is there to compare with."""
        place, at = self.place, self.at
        good: list[tuple[Entry, bulk.NewRows]] = []
        for entry in new.values():
            if (rows := self.prepare(entry)) is not None:
                good.append((entry, rows))
            else:
                self.refuse(entry.sealed, entry.refusal)
        numbers = self.new_ids(self.conn, len(good))
        whole = [rows.numbered(number, at) for number, (_, rows) in zip(numbers, good, strict=True)]
        tail = f"\t{place.sync_id}\t{place.source_id}\tcreated\t\t\t\\N\t\\N\n"
        bulk.copy(self.conn, "inventory.dataset", bulk.DATASET, [w.dataset for w in whole])
        bulk.copy(self.conn, "inventory.dataset_column", bulk.COLUMN, [w.columns for w in whole])
        bulk.copy(self.conn, "inventory.dataset_tag", bulk.TAG, [w.tags for w in whole if w.tags])
        bulk.copy(self.conn, "inventory.change", bulk.CHANGE, [f"{at}\t{number}{tail}" for number in numbers])
        created = [(number, entry) for number, (entry, _) in zip(numbers, good, strict=True)]
        fingerprints.add(self.conn, (e.fingerprint(n) for n, e in created if e.record))
        return created

    def _compare(self, batch: dict[Identity, Entry], found: dict[Identity, Known]) -> list[Fingerprint]:
        """Writes what differs; returns the fingerprints of all that are stored as they were listed."""
        scope_id, tally = self.place.scope_id, self.tally
        different: dict[int, Entry] = {}
        moved: list[Fingerprint] = []
        for identity, entry in batch.items():
            stored = found[identity]
            if stored.id in tally.seen:
                tally.counts["duplicates"] += 1
            elif (
                stored.hash == entry.sealed.hash
                and stored.scope_id == scope_id
                and stored.state == "present"
                and not entry.unread
            ):
                tally.counts["unchanged"] += 1
                self._note(stored.id, entry, existed=True)
                if entry.record:
                    moved.append(entry.fingerprint(stored.id))
            else:
                different[stored.id] = entry
        if different:
            moved += self._update(different)
        return moved

    def _update(self, different: dict[int, Entry]) -> list[Fingerprint]:
        """Compares the few with their whole stored records, and replaces what differs."""
        edits = _Edits(self.place)
        moved: list[Fingerprint] = []
        for number, stored in whole(self.conn, list(different)).items():
            entry = different[number]
            try:
                entry.sealed = _with_stored_facets(entry, stored)
                dataset = check(entry.sealed)
            except RecordError as error:
                self.refuse(entry.sealed, error.message)
                continue
            if stored.valid_from >= self.place.at:
                # a scope beside us listed it too and was later: its word stands
                self.tally.counts["duplicates"] += 1
                continue
            if stored.scope_id != self.place.scope_id:
                self.tally.left.add(stored.scope_id)
            existed = stored.state == "present" and stored.scope_id == self.place.scope_id
            self._note(number, entry, existed)
            self.tally.counts[edits.add(stored, entry.sealed, dataset)] += 1
            if entry.record:
                moved.append(entry.fingerprint(number))
        edits.write(self.conn)
        self.tally.counts["changes"] += len(edits.changes)
        return moved


class _Edits:
    """Row operations of one batch, gathered and then done together."""

    def __init__(self, place: Place) -> None:
        self.place, self.at = place, place.at.isoformat()
        self.datasets: list[str] = []
        self.columns: list[str] = []
        self.tags: list[str] = []
        self.changes: list[str] = []
        self.closed_columns: list[tuple[int, str]] = []
        self.closed_tags: list[tuple[int, TagKey]] = []
        self.rehashed: list[tuple[int, bytes]] = []

    def add(self, stored: Stored, sealed: Sealed, dataset: Dataset) -> str:
        """Plans what one dataset needs; returns the count it belongs to."""
        if stored.state == "deleted":
            self._replace(stored, sealed, dataset, Diff(opened_columns=dataset.columns, opened_tags=dataset.tags), True)
            self._change(stored.id, Change("", "restored", ""))
            return "restored"
        found = diff(stored.dataset, dataset)
        changes = list(found.changes)
        if stored.state != "present":
            changes.insert(0, Change("", "updated", "state", stored.state, "present"))
        moved = stored.scope_id != self.place.scope_id
        if found.is_empty and not changes and not moved:
            # only the order differs, or what could not be read
            if sealed.hash != stored.hash:
                self.rehashed.append((stored.id, sealed.hash))
                return "touched"
            return "unchanged"
        self._replace(stored, sealed, dataset, found, bool(changes))
        for change in changes:
            self._change(stored.id, change)
        return "updated" if changes else "touched"

    def _replace(self, stored: Stored, sealed: Sealed, dataset: Dataset, found: Diff, changed: bool) -> None:
        times = (self.at, stored.first_seen_at.isoformat(), self.at if changed else stored.changed_at.isoformat())
        owner_ids = (self.place.source_id, self.place.scope_id)
        head = f"{stored.id}\t{self.at}\t"
        self.datasets.append(f"{stored.id}{bulk.dataset_line(dataset, sealed.hash, owner_ids, times, sealed.plain)}")
        self.columns += bulk.column_lines(found.opened_columns, head, sealed.plain)
        self.tags += bulk.tag_lines(found.opened_tags, head)
        self.closed_columns += ((stored.id, path) for path in found.closed_columns)
        self.closed_tags += ((stored.id, key) for key in found.closed_tags)

    def _change(self, number: int, change: Change) -> None:
        owner_ids = (self.place.sync_id, self.place.source_id)
        line = bulk.change_line(
            self.at, number, owner_ids, change.change, change.path, change.field, change.before, change.after
        )
        self.changes.append(line)

    def write(self, conn: psycopg.Connection) -> None:
        """Does it all."""
        if self.rehashed:
            conn.execute(_REHASH, [[r[0] for r in self.rehashed], [r[1] for r in self.rehashed]])
        if not self.datasets:
            return
        conn.execute(_STAGE)
        bulk.copy(conn, "pg_temp.dataset_stage", bulk.DATASET, self.datasets)
        conn.execute(_CLOSE)
        names = ", ".join(bulk.DATASET)
        conn.execute(_REPLACE.format(names, ", ".join(f"s.{n}" for n in bulk.DATASET)))
        conn.execute("DELETE FROM pg_temp.dataset_stage")
        close_columns(conn, self.closed_columns, self.place.at)
        close_tags(conn, self.closed_tags, self.place.at)
        bulk.copy(conn, "inventory.dataset_column", bulk.COLUMN, self.columns)
        bulk.copy(conn, "inventory.dataset_tag", bulk.TAG, self.tags)
        bulk.copy(conn, "inventory.change", bulk.CHANGE, self.changes)


def _with_stored_facets(entry: Entry, stored: Stored) -> Sealed:
    """The listed dataset with what is known of the facets that could not be read."""
    if not entry.unread or stored.state == "deleted":
        return entry.sealed
    kept = {facet: getattr(stored.dataset, facet) for facet in entry.unread}
    return seal(msgspec.structs.replace(decoded(entry.sealed), **kept))
