"""One part's transaction: its facts are staged beside those that are known, and only what differs is written.

The staging table is temporary, so that a reading which finds nothing new leaves no trace in the log, and memory does
not grow with the part.
"""

import time
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import LiteralString

import msgspec
import psycopg
from psycopg import sql

from governance.errors import GovernanceError, ProtocolError, RecordError
from governance.listing import FactPage, Quarantined, Reason, Status
from governance.loss_guard import LossGuard
from governance.model import Facet, Fact
from governance.text import is_clean
from resources.inventory import quarantine
from resources.inventory.attempts import may_pass
from resources.inventory.facts.outcomes import COUNTS
from resources.inventory.facts.tables import FACET_TABLES, TABLES, FactTable, legible_name, row

BATCH = 2000
REFUSED_BATCH = 100
_SHOWN = 2000

_STAGE = """
CREATE TEMP TABLE {staged} (LIKE {table}) ON COMMIT DROP;
ALTER TABLE {staged} ALTER COLUMN part_id DROP NOT NULL, ALTER COLUMN source_id DROP NOT NULL,
    ALTER COLUMN valid_from DROP NOT NULL
"""
_INSERT = """
INSERT INTO {table} (part_id, source_id, valid_from, hash, {columns})
SELECT DISTINCT ON (s.hash) %(part)s, %(source)s, %(at)s, s.hash, {staged_columns}
FROM {staged} s
WHERE NOT EXISTS (SELECT FROM {table} t WHERE t.part_id = %(part)s AND t.hash = s.hash)
"""
_LOST = """
SELECT count(*), count(*) FILTER (WHERE NOT {excused} AND NOT EXISTS (SELECT FROM {staged} s WHERE s.hash = t.hash))
FROM {table} t WHERE t.part_id = %(part)s
"""
_CLOSE = """
WITH gone AS (
    DELETE FROM {table} t WHERE t.part_id = %(part)s AND NOT {excused}
    AND NOT EXISTS (SELECT FROM {staged} s WHERE s.hash = t.hash) RETURNING t.*
)
INSERT INTO {history} SELECT gone.*, %(at)s FROM gone
"""
_REMOVE = """
DELETE FROM {table} t WHERE t.part_id = %(part)s AND NOT {excused}
AND NOT EXISTS (SELECT FROM {staged} s WHERE s.hash = t.hash)
"""
_REPLACE = """
DELETE FROM {table} t USING {staged} s WHERE t.part_id = %(part)s AND {same}
AND NOT EXISTS (SELECT FROM {staged} n WHERE n.hash = t.hash)
"""


def kind_of(fact: Fact) -> str:
    """The word for facts of its class in counts: `grant`, `lineageedge` and so on."""
    return type(fact).__name__.lower()


class PartPlace(msgspec.Struct, frozen=True):
    """Where a part's facts are written: ids and the transaction's timestamp."""

    source_id: int
    part_id: int
    sync_id: int
    at: datetime


class PartWrite:
    """Takes the pages of a part, and then settles what they came to.

    Args:
        conn: in the part's transaction.
        place: where to write.
        facet: whose tables may be written.
    """

    def __init__(self, conn: psycopg.Connection, place: PartPlace, facet: Facet) -> None:
        self.conn, self.place, self.facet, self.tables = conn, place, facet, FACET_TABLES[facet]
        self.begun = time.monotonic()
        self.counts = dict.fromkeys(COUNTS, 0)
        self.kinds: dict[str, int] = {}
        self.reasons: list[Reason] = []
        self.notes: dict[str, str] = {}
        self._refused: list[Quarantined] = []
        self._excused: set[str] = set()
        """Names of records that could not be read: what is known under them is not to be missed."""
        self._nameless = 0
        self._batch: dict[str, list[tuple[object, ...]]] = {t.name: [] for t in self.tables}
        for table in self.tables:
            conn.execute(self._sql(_STAGE, table))

    def read(self, pages: Iterator[FactPage], progress: Callable[[int], None] | None) -> GovernanceError | None:
        """Takes all pages; returns the error that ended them early, if one did.

        Raises:
            GovernanceError: a passing fault of the inventory, where that is what the pages are read from.
        """
        while True:
            try:
                page = next(pages, None)
            except GovernanceError as error:
                if may_pass(error):
                    # the inventory itself was read, and failed: the whole part is done again
                    raise
                self._flush_all()
                return error
            if page is None:
                self._flush_all()
                return None
            self._take(page)
            if progress is not None:
                progress(len(page.facts))

    def _take(self, page: FactPage) -> None:
        self.counts["pages"] += 1
        self.reasons += (r for r in page.reasons if r not in self.reasons)
        self.notes.update(page.notes)
        for name, count in page.counts.items():
            self.counts[name] = self.counts.get(name, 0) + count
        for record in page.quarantined:
            self._refuse(record)
        for fact in page.facts:
            self._add(fact)

    def _add(self, fact: Fact) -> None:
        table = TABLES.get(type(fact))
        if table not in self.tables:
            raise ProtocolError(f"a {type(fact).__name__} is no fact of this facet", platform="inventory")
        assert table is not None
        try:
            found = row(fact, table)
        except RecordError as error:
            self._refuse(Quarantined(legible_name(fact, table), error.message, {kind_of(fact): repr(fact)[:_SHOWN]}))
            return
        self.counts["facts"] += 1
        self.counts["cleaned"] += found.cleaned
        kind = kind_of(fact)
        self.kinds[kind] = self.kinds.get(kind, 0) + 1
        batch = self._batch[table.name]
        batch.append((found.hash, *found.values))
        if len(batch) >= BATCH:
            self._flush(table)

    def _refuse(self, record: Quarantined) -> None:
        self._refused.append(record)
        if record.name and is_clean(record.name):
            self._excused.add(record.name)
        else:
            self._nameless += 1
        if len(self._refused) >= REFUSED_BATCH:
            self._keep_refused()

    def _keep_refused(self) -> None:
        place = (self.place.source_id, self.place.part_id, self.place.sync_id)
        self.counts["quarantined"] += quarantine.keep(self.conn, self._refused, place, self.place.at, "part_id")
        self._refused.clear()

    def _flush_all(self) -> None:
        for table in self.tables:
            self._flush(table)
        self._keep_refused()

    def _flush(self, table: FactTable) -> None:
        rows = self._batch[table.name]
        if not rows:
            return
        statement = sql.SQL("COPY {} ({}) FROM STDIN").format(
            sql.Identifier(f"staged_{table.name}"), sql.SQL(", ").join(map(sql.Identifier, ("hash", *table.columns)))
        )
        with self.conn.cursor() as cursor, cursor.copy(statement) as stream:
            for values in rows:
                stream.write_row(values)
        rows.clear()

    def settle(self, guard: LossGuard, source: str, part: str, accept_loss: bool) -> None:
        """Writes what is new, and closes what a whole reading no longer shows, if that is believed."""
        if self._nameless and any(table.history for table in self.tables):
            text = f"{self._nameless} records could not be read and do not say of what they are: nothing is closed"
            self.reasons.append(Reason("unnamed_record", text, "quarantine", "look at inventory.quarantine"))
        # a partial reading proves what it shows, and nothing about what it does not show
        whole = not self.reasons
        self.conn.execute("SET LOCAL enable_seqscan = off")
        self.conn.execute("SET LOCAL jit = off")
        for table in self.tables:
            self.conn.execute(self._sql("ANALYZE {staged}", table))
            known, lost = self._one(_LOST, table)
            created = self._run(_INSERT, table)
            self.counts["created"] += created
            self.counts["unchanged"] += known - lost
            if whole and lost:
                self._close(table, guard, source, part, known, lost, accept_loss)
            elif lost and table.measured:
                self.counts["closed"] += self._run(_REPLACE, table)
        if whole:
            quarantine.resolve(self.conn, self.place.part_id, self.place.at, "part_id")
        # a fact that was told twice is one fact
        self.counts["duplicates"] = max(0, self.counts["facts"] - self.counts["created"] - self.counts["unchanged"])

    def _close(
        self, table: FactTable, guard: LossGuard, source: str, part: str, known: int, lost: int, accept: bool
    ) -> None:
        listed = self.counts["facts"] + self.counts["quarantined"]
        # a day's usage is measured anew each time: there is nothing to lose
        held = (
            guard.holds_facts(known, lost, listed, source=source, facet=self.facet, part=part)
            if table.history
            else None
        )
        if held is not None and not accept:
            self.counts["held"] += lost
            self.reasons.append(held)
            return
        self.counts["closed"] += self._run(_CLOSE if table.history else _REMOVE, table)

    def status(self) -> Status:
        """Complete only where nothing stood in the way."""
        return Status.PARTIAL if self.reasons else Status.COMPLETE

    def _one(self, text: LiteralString, table: FactTable) -> tuple[int, int]:
        found = self.conn.execute(self._sql(text, table), self._values()).fetchone()
        assert found is not None
        return int(found[0]), int(found[1])

    def _run(self, text: LiteralString, table: FactTable) -> int:
        return self.conn.execute(self._sql(text, table), self._values()).rowcount

    def _values(self) -> dict[str, object]:
        excused = sorted(self._excused)
        return {"part": self.place.part_id, "source": self.place.source_id, "at": self.place.at, "excused": excused}

    @staticmethod
    def _sql(text: LiteralString, table: FactTable) -> sql.Composed:
        return sql.SQL(text).format(
            table=sql.Identifier("inventory", table.name),
            history=sql.Identifier("inventory", f"{table.name}_history"),
            staged=sql.Identifier(f"staged_{table.name}"),
            excused=sql.SQL("({})").format(
                sql.SQL(" OR ").join(
                    sql.SQL("t.{} = ANY(%(excused)s)").format(sql.Identifier(field))
                    for field in (*table.names, *table.mentions)
                )
            ),
            same=sql.SQL(" AND ").join(
                sql.SQL("t.{0} = s.{0}").format(sql.Identifier(field)) for field in table.measured
            ),
            columns=sql.SQL(", ").join(map(sql.Identifier, table.columns)),
            staged_columns=sql.SQL(", ").join(sql.Identifier("s", c) for c in table.columns),
        )
