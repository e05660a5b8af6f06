"""What a scope's transaction works on: where it writes, the datasets on their way, and what is counted of them."""

from collections.abc import Iterable
from datetime import datetime

import msgspec

from governance.errors import RecordError
from governance.fingerprint import Sealed
from resources.inventory.fingerprints import Fingerprint, Remembered
from resources.inventory.outcomes import COUNTS
from resources.inventory.rows import NewRows
from resources.inventory.seen import Seen


class Place(msgspec.Struct, frozen=True):
    """Where a scope's transaction writes: ids of source, scope and sync, and its one timestamp.

    `at_its_begin`: the timestamp is the time of the transaction itself, which the database knows without being told.
    """

    source_id: int
    scope_id: int
    sync_id: int
    at: datetime
    at_its_begin: bool = False


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
    rows: NewRows | None = None
    refusal: str = ""

    def new_rows(self) -> NewRows | None:
        """Its rows, made once; None where it cannot be stored, and `refusal` says why."""
        if self.rows is None and not self.refusal:
            try:
                self.rows = NewRows.of(self.sealed)
            except RecordError as error:
                self.refusal = error.message
        return self.rows

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

    def remembered(self, all_found: Iterable[Remembered]) -> None:
        """Counts the datasets of a page that were recognised by their records."""
        add, kinds = self.seen.add, self.kinds
        new = twice = columns = tags = unknown_types = 0
        for found in all_found:
            if not add(found.id):
                twice += 1
                continue
            new += 1
            columns += found.columns
            tags += found.tags
            unknown_types += found.unknown_types
            kinds[found.kind] = kinds.get(found.kind, 0) + 1
        self.here += new
        self.known_before += new
        told = {"duplicates": twice, "unchanged": new, "datasets": new, "columns": columns, "tags": tags}
        for name, number in {**told, "unknown_types": unknown_types}.items():
            self.counts[name] += number

    def listed(self, sealed: Sealed) -> None:
        """Counts a dataset that was listed and is kept."""
        counts = self.counts
        counts["datasets"] += 1
        counts["columns"] += sealed.columns
        counts["tags"] += sealed.tags
        counts["unknown_types"] += sealed.unknown_types
        self.kinds[sealed.kind] = self.kinds.get(sealed.kind, 0) + 1
