"""A batch of listed datasets, compared with what is stored by hash, and written where it is new or different."""

from collections.abc import Callable

import msgspec
import psycopg

from governance.errors import RecordError
from governance.fingerprint import Sealed, check, decoded, seal
from resources.inventory import fingerprints, rows
from resources.inventory.bulk import copy
from resources.inventory.fingerprints import Fingerprint
from resources.inventory.scope_edits import Edits
from resources.inventory.scope_entry import Entry, Place, Tally
from resources.inventory.stored import Identity, Known, Stored, known, whole

_RACES = 5


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

    def write(self, batch: dict[Identity, Entry], all_new: bool) -> None:
        """Writes what differs; another scope that creates one of these datasets at the same time is waited for.

        Args:
            batch: by identity.
            all_new: whether that is worth a try before the stored ones are looked for.
        """
        for attempt in range(_RACES):
            found: dict[Identity, Known] = {}
            if attempt or not all_new:
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

    def _create(self, new: dict[Identity, Entry]) -> list[tuple[int, Entry]]:
        """Copies new datasets straight into the tables: nothing is there to compare with."""
        place, at = self.place, self.at
        good: list[tuple[Entry, rows.NewRows]] = []
        for entry in new.values():
            if (made := entry.new_rows()) is not None:
                good.append((entry, made))
            else:
                self.refuse(entry.sealed, entry.refusal)
        numbers, owner_ids = self.new_ids(self.conn, len(good)), (place.source_id, place.scope_id)
        timed = not place.at_its_begin
        placed = [made.placed(number, owner_ids, at, timed) for number, (_, made) in zip(numbers, good, strict=True)]
        tail = f"\t{place.sync_id}\t{place.source_id}\tcreated\t\t\t\\N\t\\N\n"
        copy(self.conn, "inventory.dataset", rows.DATASET, [dataset for dataset, _, _ in placed])
        named = rows.COLUMN if timed else rows.UNTIMED_COLUMN
        copy(self.conn, "inventory.dataset_column", named, [columns for _, columns, _ in placed])
        copy(self.conn, "inventory.dataset_tag", rows.TAG, [tags for _, _, tags in placed if tags])
        copy(self.conn, "inventory.change", rows.CHANGE, [f"{at}\t{number}{tail}" for number in numbers])
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
        edits = Edits(self.place)
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


def _with_stored_facets(entry: Entry, stored: Stored) -> Sealed:
    """The listed dataset with what is known of the facets that could not be read."""
    if not entry.unread or stored.state == "deleted":
        return entry.sealed
    kept = {facet: getattr(stored.dataset, facet) for facet in entry.unread}
    return seal(msgspec.structs.replace(decoded(entry.sealed), **kept))
