"""What the company's processes read and write, down to columns: Hive queries, a Spark job, and processes of no type."""

from collections.abc import Iterator

from sandbox.atlas.declarations import CLUSTER, ColumnFlow, Flow, qualified
from sandbox.atlas.estate import LAKE_CUSTOMERS

COLUMN_TYPES = {"hive_process": "hive_column_lineage", "spark_process": "spark_column_lineage"}
"""The type of column processes by the type of process that they are a part of."""

_CUSTOMERS, _LOYALTY, _EVENTS = (
    qualified(*n.split(".")) for n in ("crm.customers", "crm.loyalty_points", "web.web_events")
)
_FEATURES = "features/customer_360"


def flows(scale: int = 1) -> Iterator[Flow]:
    """Every process, the deleted one too; classifications propagate along them."""
    yield from _landing()
    for n in range(scale):
        yield from _sales("" if n == 0 else f"_{n:03d}")
    yield from _customers()
    yield from _legacy()


def _landing() -> Iterator[Flow]:
    for name, topic in (("orders", "orders.placed"), ("clickstream", "web-events.raw")):
        ends = (f"{topic}@{CLUSTER}",), (f"hdfs://{CLUSTER}/landing/{name}",)
        yield Flow("Process", qualified("etl", f"land_{name}"), f"land_{name}", *ends)
    yield _query("load_clickstream", (f"hdfs://{CLUSTER}/landing/clickstream",), (_EVENTS,))


def _sales(suffix: str) -> Iterator[Flow]:
    orders, items = qualified(f"sales{suffix}", "orders"), qualified(f"sales{suffix}", "order_items")
    daily = qualified(f"sales{suffix}", "daily_sales")
    yield _query(f"load_orders{suffix}", (f"hdfs://{CLUSTER}/landing/orders",), (orders,))
    columns = (
        ColumnFlow(((orders, "store_id"),), (daily, "store_id")),
        ColumnFlow(((orders, "total"),), (daily, "revenue"), "EXPRESSION", "sum(total)"),
        ColumnFlow(
            ((orders, "total"), (items, "unit_price"), (items, "quantity")),
            (daily, "margin"),
            "EXPRESSION",
            "sum(total) - sum(unit_price * quantity)",
        ),
    )
    yield _query(f"build_daily_sales{suffix}", (orders, items), (daily,), columns)


def _customers() -> Iterator[Flow]:
    """From the web to the feature store: a column goes through three processes, and a folder on S3 is read."""
    yield _query("load_customers", (f"{LAKE_CUSTOMERS}@{CLUSTER}",), (_CUSTOMERS,))
    signed_up = (
        ColumnFlow(((_EVENTS, "customer_id"),), (_CUSTOMERS, "customer_id")),
        ColumnFlow(((_EVENTS, "occurred_at"),), (_CUSTOMERS, "created_at"), "EXPRESSION", "min(occurred_at)"),
    )
    yield _query("sign_up", (_EVENTS,), (_CUSTOMERS,), signed_up)
    booked = (
        ColumnFlow(((_CUSTOMERS, "customer_id"),), (_LOYALTY, "customer_id")),
        ColumnFlow(((_CUSTOMERS, "created_at"),), (_LOYALTY, "points"), "EXPRESSION", "years(created_at) * 10"),
    )
    yield _query("build_segments", (_CUSTOMERS,), (_LOYALTY,), booked)
    features = (
        ColumnFlow(((_LOYALTY, "customer_id"),), (_FEATURES, "customer_id")),
        ColumnFlow(((_LOYALTY, "points"), (_CUSTOMERS, "updated_at")), (_FEATURES, "orders_90d"), "EXPRESSION"),
    )
    ends = (_CUSTOMERS, _LOYALTY), (_FEATURES,)
    job = {"executionId": 47, "currUser": "data-science"}
    yield Flow("spark_process", qualified("features", "customer_360"), "customer_360", *ends, job, features)


def _legacy() -> Iterator[Flow]:
    """Names with dots and umlauts; and a process that is no more."""
    source, target = f"Legacy_DWH.Orders@{CLUSTER}", f"Legacy_DWH.orders@{CLUSTER}"
    columns = tuple(ColumnFlow(((source, name),), (target, name)) for name in ("a.b", "Straße"))
    yield _query("copy_legacy", (source,), (target,), columns)
    ends = (qualified("web", "shipments"),), (qualified("crm", "campaigns"),)
    yield Flow("Process", qualified("etl", "retired"), "retired", *ends, deleted=True)


def _query(name: str, inputs: tuple[str, ...], outputs: tuple[str, ...], columns: tuple[ColumnFlow, ...] = ()) -> Flow:
    attributes = {
        "startTime": 1_730_000_000_000,
        "endTime": 1_730_000_060_000,
        "userName": "etl",
        "operationType": "QUERY",
        "queryText": f"insert overwrite … -- {name}",
        "queryPlan": "not kept",
        "queryId": f"hive_{name}",
    }
    return Flow("hive_process", qualified("etl", name), name, inputs, outputs, attributes, columns)
