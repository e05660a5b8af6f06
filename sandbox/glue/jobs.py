"""The lake's jobs: what CreateJob takes, and beside it the edges that each declares."""

from collections.abc import Iterator
from typing import Any

import msgspec

from governance.model import LineageEdge
from sandbox.glue.gate import ACCOUNT

ROLE = f"arn:aws:iam::{ACCOUNT}:role/glue-jobs"
SCRIPTS = "acme-glue-scripts"
End = tuple[str, str, str]
"""A dataset, location or external name, which of them it is, and a column."""


class Job(msgspec.Struct, frozen=True):
    """One job: drawn where it has nodes, else a script."""

    name: str
    nodes: dict[str, Any] = {}
    command: str = "glueetl"
    script: str = ""
    direct: tuple[tuple[End, End], ...] = ()
    indirect: tuple[tuple[End, End], ...] = ()

    def edges(self) -> Iterator[LineageEdge]:
        """What a correct reader finds."""
        for of, ends in (("direct", self.direct), ("indirect", self.indirect)):
            for (up, up_kind, up_path), (down, down_kind, down_path) in ends:
                yield msgspec.convert(
                    {
                        "upstream": up,
                        "upstream_kind": up_kind,
                        "upstream_path": up_path,
                        "downstream": down,
                        "downstream_kind": down_kind,
                        "downstream_path": down_path,
                        "process": self.name,
                        "process_kind": "job",
                        "transformation": of,
                        "origin": "job graph" if self.nodes else "job script",
                    },
                    LineageEdge,
                )


def _data(name: str, path: str = "") -> End:
    return name, "dataset", path


def _place(location: str, path: str = "") -> End:
    return location, "location", path


def _mapping(**pairs: str) -> list[dict[str, Any]]:
    return [{"ToKey": to, "FromPath": path.split("."), "FromType": "string", "ToType": "string"}
            for to, path in pairs.items()]  # fmt: skip


_DAILY = {"sales_date": "ordered_at", "store_id": "store_id", "orders": "order_id", "revenue": "total"}
_MERCH = "s3://acme-lake/merch/products/"
_TO_SESSIONS = "s3://acme-lake/web/sessions/"
_EVENTS = 'database = "web", table_name = "web_events", transformation_ctx = "events"'
_RENAMED = '[("session_id", "string", "session_id", "string"), ("occurred_at", "timestamp", "ended", "boolean")]'
_FILES = f'connection_type = "s3", connection_options = {{"path": "{_TO_SESSIONS}"}}, format = "parquet"'
_SESSIONS = f"""
from awsglue.context import GlueContext
from awsglue.transforms import ApplyMapping
from pyspark.context import SparkContext

glueContext = GlueContext(SparkContext())
## @type: DataSource
## @args: [{_EVENTS}]
## @return: events
## @inputs: []
events = glueContext.create_dynamic_frame.from_catalog({_EVENTS})
## @type: ApplyMapping
## @args: [mapping = {_RENAMED}, transformation_ctx = "mapped"]
## @return: mapped
## @inputs: [frame = events]
mapped = ApplyMapping.apply(frame = events, mappings = {_RENAMED}, transformation_ctx = "mapped")
## @type: DataSink
## @args: [{_FILES}, transformation_ctx = "sink"]
## @return: sink
## @inputs: [frame = mapped]
sink = glueContext.write_dynamic_frame.from_options(frame = mapped, {_FILES}, transformation_ctx = "sink")
"""
# as Glue itself writes scripts: with the marks from which it draws their graphs

JOBS = (
    # one table into another, with its columns
    Job(
        "daily_sales",
        {
            "orders": {"S3CatalogSource": {"Name": "Orders", "Database": "sales", "Table": "orders"}},
            "paid": {
                "Filter": {
                    "Name": "Paid",
                    "Inputs": ["orders"],
                    "LogicalOperator": "AND",
                    "Filters": [
                        {
                            "Operation": "EQ",
                            "Values": [
                                {"Type": "COLUMNEXTRACTED", "Value": ["status"]},
                                {"Type": "CONSTANT", "Value": ["paid"]},
                            ],
                        }
                    ],
                }
            },
            "mapped": {"ApplyMapping": {"Name": "Days", "Inputs": ["paid"], "Mapping": _mapping(**_DAILY)}},
            "days": {
                "S3CatalogTarget": {"Name": "Days", "Inputs": ["mapped"], "Database": "sales", "Table": "daily_sales"}
            },
        },
        direct=(
            (_data("sales.orders"), _data("sales.daily_sales")),
            *((_data("sales.orders", path), _data("sales.daily_sales", to)) for to, path in _DAILY.items()),
        ),
        indirect=((_data("sales.orders", "status"), _data("sales.daily_sales")),),
    ),
    # a table into a folder that another platform's external table reads
    Job(
        "publish_products",
        {
            "products": {
                "S3CatalogSource": {"Name": "Products", "Database": "Sales", "Table": "Products"},
            },
            "chosen": {
                "SelectFields": {"Name": "Chosen", "Inputs": ["products"], "Paths": [["sku"], ["title"], ["price"]]}
            },
            "named": {
                "RenameField": {
                    "Name": "Named",
                    "Inputs": ["chosen"],
                    "SourcePath": ["title"],
                    "TargetPath": ["product_title"],
                }
            },
            "files": {"S3DirectTarget": {"Name": "Files", "Inputs": ["named"], "Path": _MERCH, "Format": "csv"}},
        },
        direct=(
            (_data("sales.products"), _place(_MERCH)),
            (_data("sales.products", "sku"), _place(_MERCH, "sku")),
            (_data("sales.products", "price"), _place(_MERCH, "price")),
            (_data("sales.products", "title"), _place(_MERCH, "product_title")),
        ),
    ),
    # two tables and files into a warehouse, through code that nobody can look into
    Job(
        "customer_value",
        {
            "customers": {"CatalogSource": {"Name": "Customers", "Database": "crm", "Table": "customers"}},
            "payments": {"CatalogSource": {"Name": "Payments", "Database": "finance_db", "Table": "payments"}},
            "fx": {
                "S3CsvSource": {
                    "Name": "FX",
                    "Paths": ["s3://acme-lake/fx/2026/*.csv"],
                    "Separator": "comma",
                    "QuoteChar": "quote",
                }
            },
            "value": {
                "CustomCode": {
                    "Name": "Value",
                    "Inputs": ["customers", "payments", "fx"],
                    "Code": "return dfc",
                    "ClassName": "Value",
                }
            },
            "warehouse": {
                "SnowflakeTarget": {
                    "Name": "Warehouse",
                    "Inputs": ["value"],
                    "Data": {"Database": "ANALYTICS", "Schema": "CRM", "Table": "CUSTOMER_VALUE"},
                }
            },
        },
        direct=tuple(
            (end, ("snowflake:ANALYTICS.CRM.CUSTOMER_VALUE", "external", ""))
            for end in (_data("crm.customers"), _data("finance_db.payments"), _place("s3://acme-lake/fx/2026/"))
        ),
    ),
    Job(
        "sessions",
        script=_SESSIONS,
        direct=(
            (_data("web.web_events"), _place(_TO_SESSIONS)),
            (_data("web.web_events", "session_id"), _place(_TO_SESSIONS, "session_id")),
            (_data("web.web_events", "occurred_at"), _place(_TO_SESSIONS, "ended")),
        ),
    ),
    Job("housekeeping", command="pythonshell", script="print('nothing that anybody could draw')\n"),
)


def edges() -> Iterator[LineageEdge]:
    """Every edge that a correct reader finds, scripts and all."""
    for job in JOBS:
        yield from job.edges()
