"""Who read and wrote which table on a day, counted in the warehouse.

Lineage records are counted, not audit events or query texts: only they say which tables a run read and wrote, whatever
ran it (SQL, notebooks, jobs, pipelines, dashboards). Audit events count looking at metadata as well, and a query's text
would have to be parsed. A run is a statement, or, outside SQL, an event.
"""

from collections import defaultdict
from collections.abc import Iterator
from datetime import date, timedelta

from governance.errors import GovernanceError, RecordError
from governance.filters import NameFilter
from governance.listing import FactPage, Quarantined, Reason
from governance.model import Usage
from resources.databricks.client_session import Workspace
from resources.databricks.client_system import HISTORY, NO_WAREHOUSE, TABLE_LINEAGE, SystemTables
from resources.databricks.translate_usage import usage

PAGE = 2_000
_RUN = "coalesce(statement_id, event_id)"
_COUNTED = f"""
SELECT place_catalog, place_schema, place_name, created_by, sum(reads), sum(writes), max(read_at), max(written_at)
FROM (
    SELECT source_table_catalog AS place_catalog, source_table_schema AS place_schema, source_table_name AS place_name,
        created_by, count(DISTINCT {_RUN}) AS reads, 0 AS writes, max(event_time) AS read_at, NULL AS written_at
    FROM {TABLE_LINEAGE} WHERE event_date = :day AND source_table_name IS NOT NULL AND source_table_catalog <> 'system'
    GROUP BY source_table_catalog, source_table_schema, source_table_name, created_by
    UNION ALL
    SELECT target_table_catalog, target_table_schema, target_table_name,
        created_by, 0, count(DISTINCT {_RUN}), NULL, max(event_time)
    FROM {TABLE_LINEAGE} WHERE event_date = :day AND target_table_name IS NOT NULL AND target_table_catalog <> 'system'
    GROUP BY target_table_catalog, target_table_schema, target_table_name, created_by
) AS counted
GROUP BY place_catalog, place_schema, place_name, created_by
"""
_TEXTS = f"""
SELECT place, created_by, times, statement_text FROM (
    SELECT place, created_by, statement_text, count(*) AS times,
        row_number() OVER (PARTITION BY place, created_by ORDER BY count(*) DESC, statement_text) AS place_of
    FROM (
        SELECT DISTINCT l.place, l.created_by, h.statement_id, h.statement_text
        FROM (
            SELECT source_table_full_name AS place, created_by, statement_id FROM {TABLE_LINEAGE}
            WHERE event_date = :day AND statement_id IS NOT NULL
            UNION ALL
            SELECT target_table_full_name, created_by, statement_id FROM {TABLE_LINEAGE}
            WHERE event_date = :day AND statement_id IS NOT NULL
        ) AS l JOIN {HISTORY} AS h ON h.statement_id = l.statement_id
        WHERE l.place IS NOT NULL AND h.start_time >= :since AND h.start_time < :until
    ) AS told
    GROUP BY place, created_by, statement_text
) AS ranked
WHERE place_of <= CAST(:most AS INT)
ORDER BY place, created_by, place_of
"""

Texts = dict[tuple[str, str], tuple[str, ...]]


class UsageDays:
    """Reads days."""

    def __init__(self, workspace: Workspace) -> None:
        self._system = SystemTables(workspace)
        self._most = workspace.connection.query_texts

    def known(self) -> tuple[date, date] | None:
        """First and last day that the platform still tells of; None where it cannot be read, or tells of none.

        Raises:
            GovernanceError: for other reasons than a missing right.
        """
        if not self._system.warehouse.is_given:
            return None
        try:
            return self._system.days(TABLE_LINEAGE)
        except GovernanceError as error:
            if self._system.missing(TABLE_LINEAGE, error) is None:
                raise
            return None

    def pages(self, day: date, names: NameFilter) -> Iterator[FactPage]:
        """What was used on a day."""
        if not self._system.warehouse.is_given:
            why = "usage is told by system tables alone, and no warehouse is given that could read them"
            yield FactPage(reasons=(Reason("no_warehouse", why, TABLE_LINEAGE, NO_WAREHOUSE),))
            return
        table = TABLE_LINEAGE
        try:
            texts: Texts = {}
            if self._most:
                table = HISTORY
                texts = self._texts(day)
                table = TABLE_LINEAGE
            yield from self._counted(day, names, texts)
        except GovernanceError as error:
            reason = self._system.missing(table, error)
            if reason is None:
                raise
            yield FactPage(reasons=(reason,))

    def _counted(self, day: date, names: NameFilter, texts: Texts) -> Iterator[FactPage]:
        facts: list[Usage] = []
        refused: list[Quarantined] = []
        for row in self._system.warehouse.rows(_COUNTED, {"day": day}):
            try:
                found = usage(day, row, texts.get((".".join(map(str, row[0:3])), str(row[3:4])), ()))
            except RecordError as error:
                refused.append(Quarantined(None, error.message, row))
                continue
            if names.matches(found.qualified_name):
                facts.append(found)
            if len(facts) >= PAGE:
                yield FactPage(tuple(facts), tuple(refused))
                facts, refused = [], []
        yield FactPage(tuple(facts), tuple(refused))

    def _texts(self, day: date) -> Texts:
        """The commonest statements by table and principal."""
        found: dict[tuple[str, str], list[str]] = defaultdict(list)
        # a statement may have begun the day before; the bounds spare the warehouse the rest of the history
        window = {"since": day - timedelta(days=1), "until": day + timedelta(days=1)}
        for place, who, times, text in self._system.warehouse.rows(
            _TEXTS, {"day": day, "most": str(self._most), **window}
        ):
            found[str(place), str([who])].append(f"{times}: {text}")
        return {key: tuple(texts) for key, texts in found.items()}
