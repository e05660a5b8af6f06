"""What ran in the workspace on the forty days before this one, and the lineage and usage that must come of it.

Everything repeats by a rule on the number of days ago, so that the same things happened at every start.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta

import msgspec

from governance.model import LineageEdge, NodeKind, Usage
from sandbox.company.fields import path_part
from sandbox.databricks.access import READER_CLIENT_ID
from sandbox.databricks.declared_access import ANA, BO, CLEO, DAI, kind_of
from sandbox.databricks.estate import LOADER

DAYS = 40
_LAB = "Prüfstand.Labor_für_Daten"
_ORIGIN = "unity catalog lineage"


class Flow(msgspec.Struct, frozen=True):
    """Something that ran again and again.

    Args:
        name: tells its runs apart from others'.
        who: as whom it ran; None where the platform does not know.
        reads: tables by full name, and locations.
        writes: a table or a location; empty for what only reads.
        columns: column of the target to pairs of source and column.
        entity: what ran it, and its id; None for a statement in an editor.
        every: on every how many-th day.
        times: how often on such a day.
        text: the statement, for what is one.
    """

    name: str
    who: str | None
    reads: tuple[str, ...]
    writes: str = ""
    columns: Mapping[str, tuple[tuple[str, str], ...]] = {}
    entity: tuple[str, str] | None = None
    every: int = 1
    times: int = 1
    text: str = ""


class Run(msgspec.Struct, frozen=True):
    """One run of a flow."""

    flow: Flow
    at: datetime
    key: str


def _same(source: str, *columns: str) -> dict[str, tuple[tuple[str, str], ...]]:
    return {column: ((source, column),) for column in columns}


_RAW_ORDERS, _ORDERS, _ITEMS = "lakehouse.raw.orders", "main.sales.orders", "main.sales.order_items"
_RAW_CUSTOMERS, _CUSTOMERS = "lakehouse.raw.customers", "main.crm.customers"
FLOWS = (
    Flow(
        "load orders",
        LOADER.name,
        (_RAW_ORDERS,),
        _ORDERS,
        _same(_RAW_ORDERS, "order_id", "customer_id", "store_id", "ordered_at", "status", "currency", "total"),
        ("JOB", "411"),
    ),
    Flow(
        "load customers",
        LOADER.name,
        (_RAW_CUSTOMERS,),
        _CUSTOMERS,
        _same(_RAW_CUSTOMERS, "customer_id", "email", "full_name") | {"phone": ((_RAW_CUSTOMERS, "phone"),)},
        ("JOB", "411"),
    ),
    Flow(
        "day's sales",
        LOADER.name,
        (_ORDERS, _ITEMS),
        "main.sales.daily_sales",
        {
            "sales_date": ((_ORDERS, "ordered_at"),),
            "orders": ((_ORDERS, "order_id"),),
            "revenue": ((_ORDERS, "total"), (_ITEMS, "unit_price"), (_ITEMS, "quantity")),
        },
        ("JOB", "502"),
        times=2,
    ),
    Flow("clicks", LOADER.name, ("s3://acme-landing/clicks",), "main.sales.web_events_live", {}, ("PIPELINE", "7c1f")),
    # the same folder is a table of the lake's catalogue
    Flow("to finance", ANA, ("main.sales.payments",), "s3://acme-finance/payments", {}, ("NOTEBOOK", "88012"), every=7),
    Flow("scratch", ANA, ("main.sales.payments",), "dbfs:/tmp/payments", {}, ("NOTEBOOK", "88012"), every=9),
    Flow("look", CLEO, ("main.sales.revenue_by_day",), entity=("DASHBOARD_V3", "01ef"), times=6),
    Flow("study", ANA, (_CUSTOMERS, _ORDERS), entity=("NOTEBOOK", "88013"), every=3, times=2),
    Flow("ask", DAI, (_CUSTOMERS,), every=5, text="SELECT email FROM main.crm.customers"),
    Flow("ask again", DAI, (_CUSTOMERS,), every=5, times=3, text="SELECT count(*) FROM main.crm.customers"),
    # one-time runs, each a job of its own
    Flow("plan even", LOADER.name, ("main.sales.returns",), "main.sales.campaigns", {}, ("JOB", "9001"), every=2),
    Flow("plan third", LOADER.name, ("main.sales.returns",), "main.sales.campaigns", {}, ("JOB", "9002"), every=3),
    Flow("nobody", None, ("main.sales.campaigns",), every=10),
    Flow("upkeep", "System-User", (), "main.sales.orders", {}, ("PIPELINE", "0pt"), every=6),
    Flow("merge", BO, (_CUSTOMERS,), _CUSTOMERS, _same(_CUSTOMERS, "email"), every=8, text="MERGE INTO …"),
    Flow(
        "lab",
        ANA,
        (f"{_LAB}.AllTypes",),
        f"{_LAB}.数据",
        {"标题": ((f"{_LAB}.AllTypes", "dotted.name"), (f"{_LAB}.AllTypes", "größe in €"))},
        ("NOTEBOOK", "88014"),
        every=4,
    ),
    # the governance reader's own questions are no use of the company's data
    Flow("govern", READER_CLIENT_ID, ("system.access.table_lineage",), times=3),
)


def runs(today: date) -> Iterator[Run]:
    """Every run of every flow before this day."""
    for ago in range(DAYS, 0, -1):
        day = today - timedelta(days=ago)
        for minute, flow in enumerate(FLOWS):
            if ago % flow.every == 0:
                for turn in range(flow.times):
                    at = datetime(day.year, day.month, day.day, 2 + turn, minute, 30, tzinfo=UTC)
                    yield Run(flow, at, f"{minute}-{turn}-{day.isoformat()}")


def lineage(today: date) -> Iterator[LineageEdge]:
    """Every edge of the flows, of tables and of columns, as the system tables tell them.

    What connects two nodes is named with its id where in a month there was one only, else by its kind.
    """
    found: dict[tuple[str, ...], set[str]] = defaultdict(set)
    for run in runs(today):
        word, key = run.flow.entity or ("", "")
        for pair in (*_tables(run.flow), *_columns(run.flow)):
            found[(*pair, word, run.at.strftime("%Y-%m"))].add(key)
    edges = {_edge(pair, word, ids) for (*pair, word, _), ids in found.items()}
    yield from sorted(edges, key=repr)


def lineage_over_rest(today: date) -> Iterator[LineageEdge]:
    """The same as the lineage API tells it: it knows no months, and not what connects two columns."""
    found: dict[tuple[str, ...], set[str]] = defaultdict(set)
    for run in runs(today):
        word, key = run.flow.entity or ("", "")
        for pair in _tables(run.flow):
            found[(*pair, word)].add(key)
        for pair in _columns(run.flow):
            found[(*pair, "")].add("")
    edges = {_edge(pair, word, ids) for (*pair, word), ids in found.items()}
    yield from sorted(edges, key=repr)


def _tables(flow: Flow) -> list[tuple[str, str, str, str]]:
    return [(source, "", flow.writes, "") for source in flow.reads if flow.writes not in ("", source)]


def _columns(flow: Flow) -> list[tuple[str, str, str, str]]:
    pairs = [(s, c, flow.writes, column) for column, sources in flow.columns.items() for s, c in sources]
    return [pair for pair in pairs if pair[:2] != pair[2:]]


def usage(today: date) -> Iterator[Usage]:
    """Reads and writes by table, principal and day."""
    reads: dict[tuple[str, str, date], list[datetime]] = defaultdict(list)
    writes: dict[tuple[str, str, date], list[datetime]] = defaultdict(list)
    for run in runs(today):
        who = run.flow.who or "unknown"
        for source in run.flow.reads:
            reads[source, who, run.at.date()].append(run.at)
        if run.flow.writes:
            writes[run.flow.writes, who, run.at.date()].append(run.at)
    for key in sorted({*reads, *writes}):
        name, who, day = key
        if ":/" in name or name.startswith("system."):
            continue
        of = "unknown" if who in ("unknown", "System-User") else kind_of(who)
        read, written = reads.get(key, []), writes.get(key, [])
        yield Usage(
            qualified_name=name,
            day=day,
            principal=who,
            principal_kind=of,
            reads=len(read),
            writes=len(written),
            last_read_at=max(read, default=None),
            last_written_at=max(written, default=None),
            origin=_ORIGIN,
        )


def _edge(pair: Sequence[str], word: str, ids: set[str]) -> LineageEdge:
    up, up_path, down, down_path = pair
    kind = word.lower()
    return LineageEdge(
        upstream=up,
        downstream=down,
        upstream_path=path_part(up_path) if up_path else "",
        downstream_path=path_part(down_path) if down_path else "",
        upstream_kind=_node(up),
        downstream_kind=_node(down),
        process=f"{kind} {ids.pop()}" if kind and len(ids) == 1 else kind,
        process_kind=kind,
        origin=_ORIGIN,
    )


def _node(name: str) -> NodeKind:
    return "location" if "://" in name else "external" if ":/" in name else "dataset"
