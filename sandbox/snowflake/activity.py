"""What ran in the warehouse on the forty days before this one, and the usage and lineage that must come of it.

Everything repeats by a rule on the number of days ago, so that the same things happened at every start.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, timedelta

import msgspec

from governance.model import LineageEdge, Usage
from sandbox.company.fields import path_part
from sandbox.snowflake.relations import dotted

DAYS = 40
_ORIGIN = "account_usage.access_history"

Name = tuple[str, str, str]
"""Database, schema and name of a relation."""

ORDERS: Name = ("RETAIL", "SALES", "ORDERS")
LINES: Name = ("RETAIL", "SALES", "Order Lines")
PAYMENTS: Name = ("RETAIL", "SALES", "PAYMENTS")
RECENT: Name = ("RETAIL", "SALES", "Recent Orders")
CUSTOMERS: Name = ("RETAIL", "CRM", "CUSTOMERS")
OLD_CUSTOMERS: Name = ("RETAIL", "CRM", "customers.v2")
CONTACTS: Name = ("RETAIL", "CRM", "CONTACTS")
LANDING: Name = ("RETAIL", "Raw Zone", 'landing "json"')
EVENTS: Name = ("RETAIL", "Raw Zone", "WEB_EVENTS")
DAILY: Name = ("ANALYTICS", "MARTS", "DAILY_SALES")
MARGIN: Name = ("ANALYTICS", "MARTS", "Margin")

Read = Mapping[Name, tuple[str, ...]]
"""Relations with the columns of theirs that were touched."""


class Flow(msgspec.Struct, frozen=True):
    """A query that ran again and again.

    Args:
        who: the user.
        text: its SQL.
        direct: what it names.
        base: the tables beneath; None: what it names are tables.
        writes: the relation it fills, if any.
        sources: column of that to pairs of source and column.
        every: on every how many-th day.
        times: how often on such a day.
        stage: a stage that it reads or writes as well, which is no relation.
        rows: what it produces.
    """

    who: str
    text: str
    direct: Read = {}
    base: Read | None = None
    writes: Name | None = None
    sources: Mapping[str, tuple[tuple[Name, str], ...]] = {}
    every: int = 1
    times: int = 1
    stage: str = ""
    rows: int = 10


class Run(msgspec.Struct, frozen=True):
    """One run of a flow."""

    flow: Flow
    at: datetime
    key: str


def _same(source: Name, *columns: str) -> dict[str, tuple[tuple[Name, str], ...]]:
    return {column: ((source, column),) for column in columns}


FLOWS = (
    Flow(
        "ETL",
        "INSERT INTO ANALYTICS.MARTS.DAILY_SALES SELECT … FROM RETAIL.SALES.ORDERS JOIN …",
        {ORDERS: ("ORDER_ID", "ORDERED_AT", "STORE_ID", "TOTAL"), LINES: ("ORDER_ID", "UNIT_PRICE", "Umsatz €")},
        writes=DAILY,
        sources={
            "SALES_DATE": ((ORDERS, "ORDERED_AT"),),
            "STORE_ID": ((ORDERS, "STORE_ID"),),
            "ORDERS": ((ORDERS, "ORDER_ID"),),
            "REVENUE": ((ORDERS, "TOTAL"), (LINES, "Umsatz €")),
        },
        times=2,
        rows=250,
    ),
    Flow(
        "ETL",
        "MERGE INTO RETAIL.CRM.CUSTOMERS USING RETAIL.CRM.\"customers.v2\" …",
        {OLD_CUSTOMERS: ("CUSTOMER_ID", "EMAIL"), CUSTOMERS: ("CUSTOMER_ID",)},
        writes=CUSTOMERS,
        sources=_same(OLD_CUSTOMERS, "CUSTOMER_ID", "EMAIL"),
        every=3,
    ),
    Flow(
        "ETL",
        'INSERT INTO RETAIL."Raw Zone".WEB_EVENTS SELECT "payload":id … FROM RETAIL."Raw Zone"."landing ""json"""',
        {LANDING: ("payload", "sent_at")},
        writes=EVENTS,
        sources={"EVENT_ID": ((LANDING, "payload"),)},
        stage="RETAIL.Raw Zone.LANDING",
    ),
    Flow("ETL", "UPDATE RETAIL.SALES.ORDERS SET STATUS = 'done'", {ORDERS: ("STATUS",)}, writes=ORDERS, every=5),
    Flow("ANA", "SELECT EMAIL FROM RETAIL.CRM.CONTACTS", {CONTACTS: ("EMAIL",)}, {CUSTOMERS: ("EMAIL",)}, every=2),
    Flow("ANA", "SELECT * FROM RETAIL.CRM.CONTACTS", {CONTACTS: ("CUSTOMER_ID", "EMAIL")},
         {CUSTOMERS: ("CUSTOMER_ID", "EMAIL")}, every=2, times=3, rows=12),
    Flow("BO", "SELECT * FROM RETAIL.SALES.\"Recent Orders\"", {RECENT: ("ORDER_ID", "STATUS", "TOTAL")},
         {ORDERS: ("ORDER_ID", "STATUS", "TOTAL", "ORDERED_AT")}, times=4, rows=24),
    Flow("DASHBOARD", "SELECT * FROM ANALYTICS.MARTS.\"Margin\"", {MARGIN: ("SALES_DATE", "MARGIN")},
         {DAILY: ("SALES_DATE", "MARGIN")}, times=6, rows=7),
    Flow("BO", "SELECT SUM(AMOUNT) FROM RETAIL.SALES.PAYMENTS", {PAYMENTS: ("AMOUNT",)}, every=7, rows=1),
    # the reader's own questions are no use of the company's data
    Flow("GOVERNANCE", "SELECT … FROM SNOWFLAKE.ACCOUNT_USAGE.ACCESS_HISTORY",
         {("SNOWFLAKE", "ACCOUNT_USAGE", "ACCESS_HISTORY"): ("QUERY_ID",)}),
)  # fmt: skip
BYTES_A_QUERY = 4096


class Load(msgspec.Struct, frozen=True):
    """Files that were loaded every day, by a pipe or by COPY."""

    stage: str
    to: Name
    pipe: tuple[str, ...] = ()


LOADS = (
    Load("s3://acme-landing/clicks/", EVENTS, ("RETAIL", "Raw Zone", "CLICKS")),
    Load("RETAIL.Raw Zone.LANDING", LANDING),
)


def runs(today: date) -> Iterator[Run]:
    """Every run of every flow before this day."""
    for ago in range(DAYS, 0, -1):
        day = today - timedelta(days=ago)
        for minute, flow in enumerate(FLOWS):
            if ago % flow.every == 0:
                for turn in range(flow.times):
                    at = datetime(day.year, day.month, day.day, 2 + turn, minute, 30, tzinfo=UTC)
                    yield Run(flow, at, f"01b{minute:02}{turn:02}-{day.isoformat()}")


def usage(today: date) -> Iterator[Usage]:
    """Reads and writes by relation and user, and by column."""
    read: dict[tuple[Name, str, str, date], list[Run]] = defaultdict(list)
    written: dict[tuple[Name, str, str, date], list[Run]] = defaultdict(list)
    for run in runs(today):
        for key in _touched(run.flow.direct, run.flow.base or {}):
            read[(*key, run.flow.who, run.at.date())].append(run)
        if run.flow.writes:
            for key in _touched({run.flow.writes: tuple(run.flow.sources)}):
                written[(*key, run.flow.who, run.at.date())].append(run)
    for name, path, who, day in sorted({*read, *written}):
        if name[0] == "SNOWFLAKE":
            continue
        reads, writes = read.get((name, path, who, day), []), written.get((name, path, who, day), [])
        both = {run.key: run for run in (*reads, *writes)}
        yield Usage(
            qualified_name=dotted(*name),
            day=day,
            principal=who,
            principal_kind="user",
            reads=len(reads),
            writes=len(writes),
            path=path_part(path) if path else "",
            last_read_at=max((r.at for r in reads), default=None),
            last_written_at=max((r.at for r in writes), default=None),
            rows=None if path else sum(r.flow.rows for r in both.values()),
            bytes=None if path else BYTES_A_QUERY * len(both),
            origin=_ORIGIN,
        )


def _touched(*reads: Read) -> set[tuple[Name, str]]:
    """Relations with an empty column, and their columns."""
    return {(name, column) for read in reads for name, columns in read.items() for column in ("", *columns)}


def lineage() -> Iterator[LineageEdge]:
    """Edges of relations and of columns, and from stages, once each."""
    for flow in FLOWS:
        if flow.writes is None:
            continue
        below = dotted(*flow.writes)
        for name in flow.direct:
            if name != flow.writes:
                yield LineageEdge(dotted(*name), below, process_kind="query", origin=_ORIGIN)
        for column, sources in flow.sources.items():
            for name, source in sources:
                paths = (path_part(source), path_part(column))
                yield LineageEdge(dotted(*name), below, *paths, process_kind="query", origin=_ORIGIN)
    for load in LOADS:
        outside = "://" in load.stage
        yield LineageEdge(
            load.stage if outside else f"stage {load.stage}",
            dotted(*load.to),
            upstream_kind="location" if outside else "external",
            process=dotted(*load.pipe),
            process_kind="pipe" if load.pipe else "copy",
            origin="account_usage.copy_history",
        )
