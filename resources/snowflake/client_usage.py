"""Who used which table on a day, from ACCESS_HISTORY, counted in the warehouse so that only roll-ups travel.

A query reads what it names (DIRECT_OBJECTS_ACCESSED: views as well) and what lies beneath (BASE_OBJECTS_ACCESSED), each
once; views between the two are not told. It writes what OBJECTS_MODIFIED has. Rows and bytes are QUERY_HISTORY's of
the queries that touched the table: Snowflake does not tell a query's tables apart, so they do not add up over tables.
"""

from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from itertools import chain

import msgspec

from governance.errors import PermissionDenied, RecordError
from governance.filters import NameFilter
from governance.listing import FactPage, Quarantined, Reason
from governance.model import Usage
from resources.snowflake import client_account_usage as account_usage
from resources.snowflake import translate, translate_usage
from resources.snowflake.client import Client, Row

VIEWS = ("ACCESS_HISTORY", "QUERY_HISTORY")
KEPT_DAYS = 365
"""How long ACCOUNT_USAGE keeps its histories."""
_WAYS = {"DIRECT_OBJECTS_ACCESSED": (1, 0), "BASE_OBJECTS_ACCESSED": (1, 0), "OBJECTS_MODIFIED": (0, 1)}


def _touched(day: date) -> str:
    """A row for each time that a query of the day names a relation: OBJ, and whether that READS or WRITES it."""
    return " UNION ALL ".join(
        f"SELECT h.QUERY_ID, h.USER_NAME, h.QUERY_START_TIME AS MOMENT, {reads} AS READS, {writes} AS WRITES,"
        f" o.value AS OBJ FROM {account_usage.HOME}.ACCESS_HISTORY h, LATERAL FLATTEN(INPUT => h.{column}) o"
        f" WHERE {_on(day, 'h.QUERY_START_TIME')} AND (UPPER(o.value:objectDomain::VARCHAR) LIKE '%TABLE'"
        " OR UPPER(o.value:objectDomain::VARCHAR) LIKE '%VIEW')"
        " AND COALESCE(o.value:objectName::VARCHAR, '') NOT LIKE 'SNOWFLAKE.%'"
        for column, (reads, writes) in _WAYS.items()
    )


def _on(day: date, label: str) -> str:
    """The session's time zone is UTC."""
    until = day + timedelta(days=1)
    return (
        f"{label} >= '{day.isoformat()} 00:00:00'::TIMESTAMP_LTZ"
        f" AND {label} < '{until.isoformat()} 00:00:00'::TIMESTAMP_LTZ"
    )


def _asked(day: date) -> str:
    """Queries as QUERY_HISTORY has them; one may have begun long before it was recorded as an access."""
    return (
        f"SELECT QUERY_ID, QUERY_TEXT, ROWS_PRODUCED, BYTES_SCANNED FROM {account_usage.HOME}.QUERY_HISTORY"
        f" WHERE START_TIME >= '{day - timedelta(days=1)} 00:00:00'::TIMESTAMP_LTZ"
        f" AND START_TIME < '{day + timedelta(days=2)} 00:00:00'::TIMESTAMP_LTZ"
    )


def _seen(day: date) -> str:
    return (
        f"WITH touched AS ({_touched(day)}), asked AS ({_asked(day)}), seen AS ("
        "SELECT OBJ:objectName::VARCHAR AS RELATION, USER_NAME, QUERY_ID, MAX(READS) AS READS, MAX(WRITES) AS WRITES,"
        " MAX(MOMENT) AS MOMENT FROM touched GROUP BY OBJ:objectName::VARCHAR, USER_NAME, QUERY_ID) "
    )


def relations(day: date) -> str:
    """By relation and user, in that order."""
    return (
        f"{_seen(day)} SELECT s.RELATION, s.USER_NAME, SUM(s.READS) AS READS, SUM(s.WRITES) AS WRITES,"
        " MAX(IFF(s.READS = 1, s.MOMENT, NULL)) AS READ_AT, MAX(IFF(s.WRITES = 1, s.MOMENT, NULL)) AS WRITTEN_AT,"
        " SUM(a.ROWS_PRODUCED) AS PRODUCED, SUM(a.BYTES_SCANNED) AS SCANNED"
        " FROM seen s LEFT JOIN asked a ON a.QUERY_ID = s.QUERY_ID"
        " GROUP BY s.RELATION, s.USER_NAME ORDER BY s.RELATION, s.USER_NAME"
    )


def columns(day: date) -> str:
    """By column and user."""
    return (
        f"WITH touched AS ({_touched(day)}), named AS (SELECT t.OBJ:objectName::VARCHAR AS RELATION,"
        " c.value:columnName::VARCHAR AS COLUMN_NAME, t.USER_NAME, t.QUERY_ID, MAX(t.READS) AS READS,"
        " MAX(t.WRITES) AS WRITES, MAX(t.MOMENT) AS MOMENT FROM touched t, LATERAL FLATTEN(INPUT => t.OBJ:columns) c"
        " GROUP BY t.OBJ:objectName::VARCHAR, c.value:columnName::VARCHAR, t.USER_NAME, t.QUERY_ID)"
        " SELECT RELATION, COLUMN_NAME, USER_NAME, SUM(READS) AS READS, SUM(WRITES) AS WRITES,"
        " MAX(IFF(READS = 1, MOMENT, NULL)) AS READ_AT, MAX(IFF(WRITES = 1, MOMENT, NULL)) AS WRITTEN_AT"
        " FROM named GROUP BY RELATION, COLUMN_NAME, USER_NAME"
    )


def texts(day: date, most: int) -> str:
    """The commonest texts by relation and user, in that order."""
    return (
        f"{_seen(day)}, counted AS (SELECT s.RELATION, s.USER_NAME, a.QUERY_TEXT, COUNT(*) AS TIMES"
        " FROM seen s JOIN asked a ON a.QUERY_ID = s.QUERY_ID GROUP BY s.RELATION, s.USER_NAME, a.QUERY_TEXT),"
        " ranked AS (SELECT RELATION, USER_NAME, QUERY_TEXT, TIMES, ROW_NUMBER() OVER"
        " (PARTITION BY RELATION, USER_NAME ORDER BY TIMES DESC, QUERY_TEXT) AS PLACE FROM counted)"
        f" SELECT RELATION, USER_NAME, QUERY_TEXT, TIMES FROM ranked WHERE PLACE <= {int(most)}"
        " ORDER BY RELATION, USER_NAME, PLACE"
    )


class _Texts:
    """A stream of texts beside a stream of counts, in the same order; holds those of one relation and user."""

    def __init__(self, rows: Iterator[Row]) -> None:
        self._rows = rows
        self._next = next(rows, None)

    def of(self, row: Row) -> tuple[str, ...]:
        """The texts of a count's relation and user; those before it came in between the two statements."""
        wanted, found = _key(row), []
        while self._next is not None and _key(self._next) <= wanted:
            if _key(self._next) == wanted:
                found.append(f"{self._next['times']}: {self._next['query_text']}")
            self._next = next(self._rows, None)
        return tuple(found)


def _key(row: Row) -> tuple[str, str]:
    return str(row["relation"] or ""), str(row["user_name"] or "")


class UsageDays:
    """Reads days."""

    def __init__(self, client: Client, most_texts: int) -> None:
        self._client, self._most = client, most_texts

    def span(self) -> tuple[date, date] | None:
        """First and last day in ACCESS_HISTORY; None where it has none or is hidden."""
        try:
            [row] = self._client.rows(
                "ACCESS_HISTORY",
                "SELECT MIN(QUERY_START_TIME) AS BEGUN, MAX(QUERY_START_TIME) AS ENDED"
                f" FROM {account_usage.HOME}.ACCESS_HISTORY",
            )
        except PermissionDenied:
            return None
        begun, ended = translate.when(row["begun"]), translate.when(row["ended"])
        return (begun.date(), ended.date()) if begun and ended else None

    def pages(self, day: date, names: NameFilter) -> Iterator[FactPage]:
        """What was used on a day; reasons where that cannot be known."""
        if day < datetime.now(UTC).date() - timedelta(days=KEPT_DAYS):
            why = f"ACCESS_HISTORY keeps {KEPT_DAYS} days, and {day} is before that"
            yield FactPage(reasons=(Reason("history_expired", why, "snowflake:ACCESS_HISTORY"),))
            return
        try:
            yield from self._pages(day, names)
        except PermissionDenied:
            reasons = tuple(account_usage.missing(self._client, *VIEWS))
            if not reasons:
                raise
            yield FactPage(reasons=reasons)

    def _pages(self, day: date, names: NameFilter) -> Iterator[FactPage]:
        told = _Texts(self._rows("QUERY_TEXT", texts(day, self._most))) if self._most else None
        empty = True
        for rows in self._client.stream("ACCESS_HISTORY", relations(day)):
            empty = False
            yield _page(rows, names, lambda row: translate_usage.relation(day, row, told.of(row) if told else ()))
        for rows in self._client.stream("ACCESS_HISTORY columns", columns(day)):
            yield _page(rows, names, lambda row: translate_usage.column(day, row))
        reasons: tuple[Reason, ...] = ()
        if empty and self.span() is None:
            why = f"ACCESS_HISTORY has not one row: {account_usage.ENTERPRISE}, and nothing is known without it"
            reasons = (Reason("no_access_history", why, "snowflake:ACCESS_HISTORY", "read no usage of this account"),)
        yield FactPage(reasons=reasons, notes=account_usage.lag(*VIEWS))

    def _rows(self, operation: str, sql: str) -> Iterator[Row]:
        return chain.from_iterable(self._client.stream(operation, sql))


def _page(rows: list[Row], names: NameFilter, translated: Callable[[Row], Usage]) -> FactPage:
    facts: list[Usage] = []
    refused: list[Quarantined] = []
    for row in rows:
        try:
            fact = translated(row)
        except RecordError as error:
            refused.append(Quarantined(None, error.message, msgspec.to_builtins(row)))
            continue
        if names.matches(fact.qualified_name):
            facts.append(fact)
    return FactPage(tuple(facts), tuple(refused))
