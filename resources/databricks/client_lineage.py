"""Lineage from the system tables, month by month, grouped in the warehouse so that only distinct edges travel."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import date, timedelta
from typing import Any

import msgspec

from governance.errors import GovernanceError, RecordError
from governance.filters import NameFilter
from governance.listing import FactPage, Quarantined, Reason
from governance.model import LineageEdge
from resources.databricks import translate_lineage
from resources.databricks.client_session import Workspace
from resources.databricks.client_sql import ResultCut, TooSlow
from resources.databricks.client_system import COLUMN_LINEAGE, TABLE_LINEAGE, SystemTables

PAGE = 2_000
_REMEMBERED = 500_000
"""Edges that are not told twice though several windows have them; past that the inventory tells them apart."""

_SOURCE = ("source_table_catalog", "source_table_schema", "source_table_name")
_TARGET = ("target_table_catalog", "target_table_schema", "target_table_name")
# a table's row names its storage as its path, too: the path counts where there is no table
_SOURCE_PATH = "CASE WHEN source_table_name IS NULL THEN source_path END"
_TARGET_PATH = "CASE WHEN target_table_name IS NULL THEN target_path END"


class EdgePages:
    """Gathers edges into pages: what is filtered, own, or came before is counted or left out."""

    def __init__(self, names: NameFilter) -> None:
        self._names = names
        self._seen: set[int] = set()
        self._facts: list[LineageEdge] = []
        self._quarantined: list[Quarantined] = []
        self._counts: Counter[str] = Counter()

    def add(self, payload: Any, edges: Iterable[LineageEdge]) -> None:
        """The edges of one record, made as they are asked for; the record where it cannot be understood."""
        try:
            for edge in edges:
                self._edge(edge)
        except RecordError as error:
            self._quarantined.append(Quarantined(None, error.message, payload))

    @property
    def is_full(self) -> bool:
        """Whether it is time for a page."""
        return len(self._facts) + len(self._quarantined) >= PAGE

    def page(self, *reasons: Reason, **notes: str) -> FactPage:
        """What there is, as a page; the next begins empty."""
        page = FactPage(tuple(self._facts), tuple(self._quarantined), reasons, notes, dict(self._counts))
        for gathered in (self._facts, self._quarantined, self._counts):
            gathered.clear()
        return page

    def _edge(self, edge: LineageEdge) -> None:
        if translate_lineage.is_own(edge):
            self._counts["platforms_own"] += 1
        elif (edge.upstream, edge.upstream_path) == (edge.downstream, edge.downstream_path):
            self._counts["onto_itself"] += 1
        elif self._wanted(edge):
            key = hash(msgspec.structs.astuple(edge))
            if key in self._seen:
                return
            if len(self._seen) < _REMEMBERED:
                self._seen.add(key)
            self._facts.append(edge)

    def _wanted(self, edge: LineageEdge) -> bool:
        """Whether one end is a dataset that this source governs."""
        ends = ((edge.upstream, edge.upstream_kind), (edge.downstream, edge.downstream_kind))
        return any(kind == "dataset" and self._names.matches(name) for name, kind in ends)


class LineageTable(msgspec.Struct, frozen=True):
    """One of the two system tables: what is asked of it, and how its rows are read."""

    name: str
    selected: tuple[str, ...]
    present: str
    edge: Callable[[Sequence[Any]], LineageEdge]

    def statement(self) -> str:
        """Distinct edges of a window of days, with the least and the greatest id of what connects them."""
        grouped = ", ".join(map(str, range(1, len(self.selected) + 2)))
        return (
            f"SELECT {', '.join(self.selected)}, entity_type, min(entity_id), max(entity_id) FROM {self.name} "
            f"WHERE event_date >= :since AND event_date < :until AND {self.present} GROUP BY {grouped}"
        )


_ENDS = (
    "(source_table_name IS NOT NULL OR source_path IS NOT NULL) "
    "AND (target_table_name IS NOT NULL OR target_path IS NOT NULL)"
)
TABLES = LineageTable(
    TABLE_LINEAGE, (*_SOURCE, _SOURCE_PATH, *_TARGET, _TARGET_PATH), _ENDS, translate_lineage.table_edge
)
COLUMNS = LineageTable(
    COLUMN_LINEAGE,
    (*_SOURCE, _SOURCE_PATH, "source_column_name", *_TARGET, _TARGET_PATH, "target_column_name"),
    f"{_ENDS} AND source_column_name IS NOT NULL AND target_column_name IS NOT NULL",
    translate_lineage.column_edge,
)


class SystemLineage:
    """Reads one of the tables from its first day to its last."""

    def __init__(self, workspace: Workspace, names: NameFilter) -> None:
        self._system = SystemTables(workspace)
        self._pages = EdgePages(names)

    def pages(self, table: LineageTable) -> Iterator[FactPage]:
        """All edges that the table still tells of."""
        try:
            days = self._system.days(table.name)
            if days is None:
                yield FactPage(notes={"days": f"{table.name} is empty"})
                return
            for since, until in months(*days):
                yield from self._window(table, since, until)
        except GovernanceError as error:
            reason = self._system.missing(table.name, error)
            if reason is None:
                raise
            yield self._pages.page(reason)
            return
        yield self._pages.page(days=f"{days[0]} to {days[1]}")

    def _window(self, table: LineageTable, since: date, until: date) -> Iterator[FactPage]:
        """The edges of the days [since, until); in halves where a result would be cut, or takes too long."""
        try:
            for row in self._system.warehouse.rows(table.statement(), {"since": since, "until": until}):
                self._pages.add(row, map(table.edge, (row,)))
                if self._pages.is_full:
                    yield self._pages.page()
        except (ResultCut, TooSlow) as error:
            middle = since + (until - since) / 2
            if middle in (since, until):
                if isinstance(error, TooSlow):
                    raise
                why = f"{table.name}: the edges of {since} are more than one result may hold; some are missing"
                yield self._pages.page(Reason("result_cut", why, error.operation, error.remedy))
                return
            yield from self._window(table, since, middle)
            yield from self._window(table, middle, until)


def months(first: date, last: date) -> Iterator[tuple[date, date]]:
    """Windows of calendar months over [first, last], so that a month that is over gives the same every time."""
    since = first.replace(day=1)
    while since <= last:
        until = (since + timedelta(days=32)).replace(day=1)
        yield since, until
        since = until
