"""What feeds what in the company's Purview account, and the edges that must come of it."""

import json
from collections.abc import Iterator
from typing import Any

import msgspec

from governance.model import LineageEdge, NodeKind
from sandbox.purview.assets import BI, POOL, SHOP, SNOW, Asset
from sandbox.purview.collections import ACCOUNT

Json = Any

DIRECT = "direct_lineage_dataset_dataset"

LANDED = "s3://harbour-pine-lake/sales/orders/{Year}/{Month}/{SparkPartitions}"
ORDERS = f"{SHOP}/dbo/orders"
DAILY = f"{POOL}/mart/daily_sales"
VIEW = f"{SNOW}/SALES/views/DailySales"
CUSTOMERS, LOYALTY = (
    f"{SHOP}/dbo/customers",
    'mssql://harbourpine.database.windows.net/crm/dbo/Loyalty "Points".2024/été',
)
EXPORT = "https://harbourpinelake.dfs.core.windows.net/export/customers.parquet"
PAYMENTS, REPORT = f"{POOL}/mart/payments", f"{BI}/reports/77aa"
SHARED = "s3://acme-lake/sales/orders/"
"""A folder that is a table of the lake, too."""
INBOX = "https://harbourpinelake.dfs.core.windows.net/inbox/payments"

FOLDERS = (
    Asset("aws_s3_v2_directory", SHARED, "orders", ACCOUNT),
    Asset(
        "azure_datalake_gen2_path",
        INBOX,
        "payments",
        "finance",
        attributes={"path": "/inbox/payments", "isFile": False},
    ),
)
"""What processes read though no inventory has it."""

_LOCATIONS = {
    SHARED: "s3://acme-lake/sales/orders",
    INBOX: "abfss://inbox@harbourpinelake.dfs.core.windows.net/payments",
}
_EXTERNAL = {REPORT}


class Process(msgspec.Struct, frozen=True):
    """A process; `columns` are pairs by the pair of assets that they belong to, `*` for an unnamed side."""

    type_name: str
    qualified_name: str
    name: str
    collection: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    columns: dict[tuple[str, str], tuple[tuple[str, str], ...]] = {}


_ADF = "adf://harbourpine/pipelines/nightly/activities"

PROCESSES = (
    Process("adf_copy_activity", f"{_ADF}/copy", "nightly copy", ACCOUNT, (SHARED,), (LANDED,)),
    Process(
        "adf_copy_activity",
        f"{_ADF}/load",
        "load orders",
        "retail-sales",
        (LANDED,),
        (ORDERS,),
        {(LANDED, ORDERS): (("order_id", "order_id"), ("ordered_at", "ordered_at"), ("total", "total"))},
    ),
    Process(
        "azure_sql_stored_procedure",
        f"{SHOP}/dbo/close_day",
        "close_day",
        "retail-sales",
        (ORDERS,),
        (DAILY,),
        {
            (ORDERS, DAILY): (
                ("ordered_at", "sales_date"),
                ("order_id", "orders"),
                ("total", "revenue"),
                ("*", "margin"),
            )
        },
    ),
    Process(
        "spark_job",
        "spark://harbourpine/jobs/publish",
        "publish",
        "finance",
        (DAILY,),
        (VIEW,),
        {(DAILY, VIEW): (("sales_date", "sales_date"), ("revenue", "revenue"))},
    ),
    Process(
        "adf_copy_activity",
        f"{_ADF}/export",
        "export customers",
        "retail-crm",
        (CUSTOMERS, LOYALTY),
        (EXPORT,),
        {(CUSTOMERS, EXPORT): (("email", "email"),), (LOYALTY, EXPORT): (("points", "loyalty.points"),)},
    ),
    Process("adf_copy_activity", f"{_ADF}/payments", "payments", "finance", (INBOX,), (PAYMENTS,)),
    Process("adf_copy_activity", f"{_ADF}/report", "refresh", "finance", (PAYMENTS,), (REPORT,)),
)
LINKS = ((ORDERS, f"{SHOP}/dbo/v_customer_orders", (("order_id", "order_id"), ("status", "status"))),)
"""Assets linked without a process: upstream, downstream, columns."""


def column_mapping(process: Process) -> str | None:
    """The text in which Purview keeps which columns flow into which."""
    if not process.columns:
        return None
    return json.dumps(
        [
            {"DatasetMapping": {"Source": source, "Sink": sink}, "ColumnMapping": pairs_of(pairs)}
            for (source, sink), pairs in process.columns.items()
        ]
    )


def pairs_of(pairs: tuple[tuple[str, str], ...]) -> Json:
    """Pairs of columns as Purview writes them."""
    return [{"Source": source, "Sink": sink} for source, sink in pairs]


def account() -> Iterator[LineageEdge]:
    """Every edge as the inventory must have it."""
    for one in PROCESSES:
        for source in one.inputs:
            for sink in one.outputs:
                yield _edge(one.qualified_name, one.type_name, "process", source, sink)
        for (source, sink), pairs in one.columns.items():
            for above, below in pairs:
                if "*" not in (above, below):
                    yield _edge(one.qualified_name, one.type_name, "process", source, sink, _path(above), _path(below))
    for source, sink, pairs in LINKS:
        yield _edge("", DIRECT, "relationship", source, sink)
        for above, below in pairs:
            yield _edge("", DIRECT, "relationship", source, sink, above, below)


def _edge(
    process: str, kind: str, origin: str, source: str, sink: str, above: str = "", below: str = ""
) -> LineageEdge:
    return LineageEdge(
        upstream=_LOCATIONS.get(source, source),
        downstream=_LOCATIONS.get(sink, sink),
        upstream_path=above,
        downstream_path=below,
        upstream_kind=_kind(source),
        downstream_kind=_kind(sink),
        process=process,
        process_kind=kind,
        origin=origin,
    )


def _kind(name: str) -> NodeKind:
    if name in _LOCATIONS:
        return "location"
    return "external" if name in _EXTERNAL else "dataset"


def _path(column: str) -> str:
    """A column's name as a path: a dot in it is no step into a struct."""
    return f'"{column}"' if "." in column else column
