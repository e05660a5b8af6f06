"""Edges from OBJECT_DEPENDENCIES, ACCESS_HISTORY and COPY_HISTORY, made distinct in the warehouse, none cut."""

from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta

import msgspec

from governance.errors import PermissionDenied, RecordError
from governance.filters import NameFilter
from governance.listing import FactPage, Quarantined, Reason
from governance.model import LineageEdge
from resources.snowflake import client_account_usage as account_usage
from resources.snowflake import translate, translate_lineage
from resources.snowflake.client import Client, Row

_HOME = account_usage.HOME
_WINDOW = timedelta(days=7)
_REMEMBERED = 500_000
"""Edges that are not told twice though several windows have them; past that the inventory tells them apart."""

_DEPENDENCIES = (
    "SELECT DISTINCT REFERENCED_DATABASE, REFERENCED_SCHEMA, REFERENCED_OBJECT_NAME, REFERENCED_OBJECT_DOMAIN,"
    " REFERENCING_DATABASE, REFERENCING_SCHEMA, REFERENCING_OBJECT_NAME, REFERENCING_OBJECT_DOMAIN"
    f" FROM {_HOME}.OBJECT_DEPENDENCIES WHERE REFERENCED_DATABASE <> 'SNOWFLAKE'"
)
_WRITES = f"{_HOME}.ACCESS_HISTORY h, LATERAL FLATTEN(INPUT => h.OBJECTS_MODIFIED) m"


def _relation(value: str) -> str:
    """Whether this names a relation, and none of Snowflake's own."""
    domain = f"UPPER({value}:objectDomain::VARCHAR)"
    own = f"COALESCE({value}:objectName::VARCHAR, '') LIKE 'SNOWFLAKE.%'"
    return f"({domain} LIKE '%TABLE' OR {domain} LIKE '%VIEW') AND NOT {own}"


def _within(label: str, since: date, until: date) -> str:
    """The session's time zone is UTC."""
    return f"{label} >= '{since} 00:00:00'::TIMESTAMP_LTZ AND {label} < '{until} 00:00:00'::TIMESTAMP_LTZ"


def _relations(since: date, until: date) -> str:
    """What a query names, to what it modifies."""
    return (
        "SELECT DISTINCT u.value:objectName::VARCHAR AS UPSTREAM, m.value:objectName::VARCHAR AS DOWNSTREAM"
        f" FROM {_WRITES}, LATERAL FLATTEN(INPUT => h.DIRECT_OBJECTS_ACCESSED) u"
        f" WHERE {_within('h.QUERY_START_TIME', since, until)} AND {_relation('m.value')} AND {_relation('u.value')}"
    )


def _columns(since: date, until: date) -> str:
    """Direct sources of modified columns; base sources would pass over the views between, which their texts tell."""
    return (
        "SELECT DISTINCT s.value:objectName::VARCHAR AS UPSTREAM, s.value:columnName::VARCHAR AS UPSTREAM_COLUMN,"
        " m.value:objectName::VARCHAR AS DOWNSTREAM, c.value:columnName::VARCHAR AS DOWNSTREAM_COLUMN"
        f" FROM {_WRITES}, LATERAL FLATTEN(INPUT => m.value:columns) c,"
        f" LATERAL FLATTEN(INPUT => c.value:directSources) s"
        f" WHERE {_within('h.QUERY_START_TIME', since, until)} AND {_relation('m.value')} AND {_relation('s.value')}"
    )


def _loads(since: date, until: date) -> str:
    return (
        "SELECT DISTINCT STAGE_LOCATION, TABLE_CATALOG_NAME, TABLE_SCHEMA_NAME, TABLE_NAME, PIPE_CATALOG_NAME,"
        f" PIPE_SCHEMA_NAME, PIPE_NAME FROM {_HOME}.COPY_HISTORY"
        f" WHERE {_within('LAST_LOAD_TIME', since, until)} AND STATUS IN ('Loaded', 'Partially loaded')"
    )


class LineageParts:
    """Reads the parts."""

    def __init__(self, client: Client, days: int) -> None:
        self._client, self._days = client, days

    def dependencies(self, names: NameFilter) -> Iterator[FactPage]:
        """Views, dynamic tables and what else is made of other relations."""
        statements = [(_DEPENDENCIES, translate_lineage.dependency)]
        yield from self._read(names, "OBJECT_DEPENDENCIES", iter(statements))

    def queries(self, names: NameFilter) -> Iterator[FactPage]:
        """What queries wrote from what, of relations and of columns."""
        statements = (
            (statement(since, until), translate_lineage.query)
            for since, until in self._windows()
            for statement in (_relations, _columns)
        )
        told = False
        for page in self._read(names, "ACCESS_HISTORY", statements):
            told = told or bool(page.facts or page.reasons)
            yield page
        if not told and self._is_empty():
            why = f"ACCESS_HISTORY has not one row: {account_usage.ENTERPRISE}"
            yield FactPage(reasons=(Reason("no_access_history", why, "snowflake:ACCESS_HISTORY"),))

    def _is_empty(self) -> bool:
        """Whether nothing was ever recorded, which another edition looks like."""
        sql = f"SELECT MIN(QUERY_START_TIME) AS BEGUN FROM {_HOME}.ACCESS_HISTORY"
        [row] = self._client.rows("ACCESS_HISTORY", sql)
        return translate.when(row["begun"]) is None

    def loads(self, names: NameFilter) -> Iterator[FactPage]:
        """What COPY and Snowpipe loaded from where."""
        statements = ((_loads(since, until), translate_lineage.load) for since, until in self._windows())
        yield from self._read(names, "COPY_HISTORY", statements)

    def _windows(self) -> Iterator[tuple[date, date]]:
        end = datetime.now(UTC).date() + timedelta(days=1)
        since = end - timedelta(days=self._days)
        while since < end:
            yield since, min(since + _WINDOW, end)
            since += _WINDOW

    def _read(
        self, names: NameFilter, view: str, statements: Iterator[tuple[str, Callable[[Row], LineageEdge]]]
    ) -> Iterator[FactPage]:
        seen: set[int] = set()
        try:
            for sql, translated in statements:
                for rows in self._client.stream(view, sql):
                    yield _page(rows, names, translated, seen)
        except PermissionDenied:
            reasons = tuple(account_usage.missing(self._client, view))
            if not reasons:
                raise
            yield FactPage(reasons=reasons)
            return
        yield FactPage(notes=account_usage.lag(view))


def _page(rows: list[Row], names: NameFilter, translated: Callable[[Row], LineageEdge], seen: set[int]) -> FactPage:
    facts: list[LineageEdge] = []
    refused: list[Quarantined] = []
    counts: Counter[str] = Counter()
    for row in rows:
        try:
            edge = translated(row)
        except RecordError as error:
            refused.append(Quarantined(None, error.message, msgspec.to_builtins(row)))
            continue
        key = hash(msgspec.structs.astuple(edge))
        if (edge.upstream, edge.upstream_path) == (edge.downstream, edge.downstream_path):
            counts["onto_itself"] += 1
        elif key not in seen and (names.matches(edge.downstream) or names.matches(edge.upstream)):
            if len(seen) < _REMEMBERED:
                seen.add(key)
            facts.append(edge)
    return FactPage(tuple(facts), tuple(refused), counts=dict(counts))
