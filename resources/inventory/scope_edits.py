"""What becomes of stored datasets that a listing shows otherwise: planned one by one, done together."""

import psycopg

from governance.diff import Change, Diff, TagKey, diff
from governance.fingerprint import Sealed
from governance.model import Dataset
from resources.inventory import bulk, rows
from resources.inventory.closing import close_columns, close_tags
from resources.inventory.scope_entry import Place
from resources.inventory.stored import Stored

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


class Edits:
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
        head = f"{stored.id}\t{self.at}\t"
        changed_at = self.at if changed else stored.changed_at.isoformat()
        whole_head = (
            f"{stored.id}\t{self.place.source_id}\t{self.place.scope_id}\t"
            f"{self.at}\t{stored.first_seen_at.isoformat()}\t{changed_at}\t"
        )
        self.datasets.append(rows.dataset_line(dataset, sealed.hash, whole_head, sealed.plain))
        self.columns += rows.column_lines(found.opened_columns, head, sealed.plain)
        self.tags += rows.tag_lines(found.opened_tags, head)
        self.closed_columns += ((stored.id, path) for path in found.closed_columns)
        self.closed_tags += ((stored.id, key) for key in found.closed_tags)

    def _change(self, number: int, change: Change) -> None:
        owner_ids = (self.place.sync_id, self.place.source_id)
        line = rows.change_line(
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
        bulk.copy(conn, "pg_temp.dataset_stage", rows.DATASET, self.datasets)
        conn.execute(_CLOSE)
        names = ", ".join(rows.DATASET)
        conn.execute(_REPLACE.format(names, ", ".join(f"s.{n}" for n in rows.DATASET)))
        conn.execute("DELETE FROM pg_temp.dataset_stage")
        close_columns(conn, self.closed_columns, self.place.at)
        close_tags(conn, self.closed_tags, self.place.at)
        bulk.copy(conn, "inventory.dataset_column", rows.COLUMN, self.columns)
        bulk.copy(conn, "inventory.dataset_tag", rows.TAG, self.tags)
        bulk.copy(conn, "inventory.change", rows.CHANGE, self.changes)
