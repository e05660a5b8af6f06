"""The assets of the company's Purview account, and what stewards said of them."""

from collections.abc import Callable
from typing import Any, Literal

import msgspec

from sandbox.company import retail
from sandbox.company.fields import Field, Type
from sandbox.purview import columns
from sandbox.purview.collections import ACCOUNT
from sandbox.purview.columns import Written

Json = dict[str, Any]

BUSINESS = "Stewardship"
LOYALTY = "RETAIL.LOYALTY"
ANNA, BEN, CHLOE = (f"30435ff9-9b96-44af-a5a9-e05c8b1ae2d{n}" for n in range(3))


class Given(msgspec.Struct, frozen=True):
    """A classification of an asset: who found it, and how sure the finder is."""

    name: str
    source: str = ""
    confidence: float | None = None


class Asset(msgspec.Struct, frozen=True):
    """One asset. `shape` says how Purview ties its columns to it; `kind` is empty where it is no dataset."""

    type_name: str
    qualified_name: str
    name: str
    collection: str
    kind: str = ""
    fields: tuple[Field, ...] = ()
    write: Callable[[Type], Written] = columns.tsql
    shape: Literal["columns", "tabular_schema", "attachedSchema"] = "columns"
    column_type: str = "column"
    description: str | None = None
    said: str | None = None
    """What a steward wrote over the description (`userDescription`)."""
    owner: str | None = None
    attributes: Json = {}
    size_bytes: int | None = None
    place: str | None = None
    """Where its files lie, as other platforms write it."""
    contacts: dict[str, tuple[tuple[str, str], ...]] = {}
    labels: tuple[str, ...] = ()
    terms: tuple[str, ...] = ()
    classifications: tuple[Given, ...] = ()
    business: Json = {}
    custom: dict[str, str] = {}


def _table(system: str, name: str, address: str, collection: str, entity: retail.Entity, **other: Any) -> Asset:
    kinds = {"azure_sql_view": "view", "snowflake_view": "view"}
    write = {"snowflake": columns.snowflake, "powerbi": columns.powerbi, "hive": columns.whole}
    parts = {
        "azure_synapse_dedicated_sql_table": "azure_synapse_dedicated_sql_column",
        "azure_sql_table": "azure_sql_column",
        "powerbi_table": "powerbi_column",
        "hive_table": "hive_column",
    }
    given = {
        "kind": kinds.get(system, "table"),
        "fields": entity.fields,
        "write": write.get(system.split("_")[0], columns.tsql),
        "column_type": parts.get(system, f"{system}_column"),
        "description": entity.comment,
        "owner": entity.team,
    }
    return Asset(system, address, name, collection, **{**given, **other})


def _file(system: str, name: str, address: str, collection: str, entity: retail.Entity, **other: Any) -> Asset:
    whole = system.endswith("_resource_set")
    given = {
        "kind": "file_set" if whole else "file",
        "fields": entity.fields,
        "write": columns.whole,
        "shape": "attachedSchema" if whole else "tabular_schema",
    }
    return Asset(system, address, name, collection, **{**given, **other})


SHOP = "mssql://harbourpine.database.windows.net/shop"
POOL = "mssql://harbourpine-pool.sql.azuresynapse.net/dwh"
SNOW = "snowflake://harbourpine.west-europe.azure.snowflakecomputing.com/databases/RETAIL/schemas"
BI = "https://app.powerbi.com/groups/4f9d2c1e-0000-4000-8000-000000000001"

DATASETS = (
    _table(
        "azure_sql_table",
        "orders",
        f"{SHOP}/dbo/orders",
        "retail-sales",
        retail.ORDERS,
        attributes={"principalId": 1, "createTime": 1_690_000_000_000, "modifiedTime": 1_700_000_000_000},
        contacts={"Owner": ((ANNA, "Owns the shop"), (BEN, "Deputy")), "Expert": ((CHLOE, "Knows why"),)},
        terms=("Order",),
        labels=("certified", "gold"),
        business={BUSINESS: {"steward": "anna@harbourpine.example", "reviewed": True}},
        custom={"cost_center": "4711"},
    ),
    _table(
        "azure_sql_table",
        "Orders",
        f"{SHOP}/dbo/Orders",
        "retail-sales",
        retail.ORDER_ITEMS,
        attributes={"principalId": 2},
        description="Not the same as `orders`: only the case differs",
    ),
    _table(
        "azure_sql_table",
        "customers",
        f"{SHOP}/dbo/customers",
        "retail-crm",
        retail.CUSTOMERS,
        attributes={"principalId": 1},
        said="The golden record; <b>ask CRM first</b> — it's \"quoted\" & 'checked' 🧭",
        contacts={"Owner": ((CHLOE, ""),)},
        terms=("Customer",),
        classifications=(Given("MICROSOFT.PERSONAL.NAME", "DataScan"),),
    ),
    _table(
        "azure_sql_view",
        "v_customer_orders",
        f"{SHOP}/dbo/v_customer_orders",
        "retail-sales",
        retail.ORDERS,
        description=None,
        terms=("Customer", "Order"),
    ),
    _table(
        "azure_synapse_dedicated_sql_table",
        "daily_sales",
        f"{POOL}/mart/daily_sales",
        "finance",
        retail.DAILY_SALES,
        terms=("Net revenue",),
        contacts={"Expert": ((BEN, "Closes the books"),)},
    ),
    _table("azure_synapse_dedicated_sql_table", "payments", f"{POOL}/mart/payments", "finance", retail.PAYMENTS),
    _file(
        "azure_datalake_gen2_resource_set",
        "web_events",
        "https://harbourpinelake.dfs.core.windows.net/raw/web_events/{Year}/{Month}/{SparkPartitions}",
        "retail",
        retail.WEB_EVENTS,
        attributes={"partitionCount": 730},
        place="abfss://raw@harbourpinelake.dfs.core.windows.net/web_events",
        description="Clickstream as it lands",
        labels=("raw",),
    ),
    _file(
        "azure_datalake_gen2_path",
        "customers.parquet",
        "https://harbourpinelake.dfs.core.windows.net/export/customers.parquet",
        "retail-crm",
        retail.CUSTOMERS,
        attributes={"path": "/export/customers.parquet", "isFile": True},
        place="abfss://export@harbourpinelake.dfs.core.windows.net/customers.parquet",
        size_bytes=46_120_991,
        owner="$superuser",
    ),
    _file(
        "aws_s3_v2_resource_set",
        "orders",
        "s3://harbour-pine-lake/sales/orders/{Year}/{Month}/{SparkPartitions}",
        "retail-sales",
        retail.ORDERS,
        attributes={"partitionCount": 48},
        place="s3://harbour-pine-lake/sales/orders",
        terms=("Order",),
    ),
    _table(
        "hive_table",
        "customers",
        "sales.customers@lake",
        "retail-crm",
        retail.CUSTOMERS,
        attributes={
            "retention": 0,
            "temporary": False,
            "tableType": "EXTERNAL_TABLE",
            "parameters": {"EXTERNAL": "TRUE"},
        },
    ),
    _table(
        "snowflake_table",
        "CUSTOMERS",
        f"{SNOW}/CRM/tables/CUSTOMERS",
        "retail-crm",
        retail.CUSTOMERS,
        attributes={"tableType": "BASE TABLE"},
    ),
    _table(
        "snowflake_table",
        "ORDERS",
        f"{SNOW}/SALES/tables/ORDERS",
        "retail-sales",
        retail.ORDERS,
        attributes={"tableType": "BASE TABLE"},
        terms=("Order",),
    ),
    _table(
        "snowflake_view",
        "DailySales",
        f"{SNOW}/SALES/views/DailySales",
        "finance",
        retail.DAILY_SALES,
        attributes={
            "viewStatement": 'CREATE VIEW "DailySales" AS\n'
            'SELECT "store_id", sum("total") AS "revenue" FROM ORDERS GROUP BY 1 -- "net" of returns'
        },
    ),
    Asset(
        "powerbi_dataset",
        f"{BI}/datasets/9a1b",
        "Sales model",
        "finance",
        kind="dataset",
        attributes={"IsRefreshable": True},
        contacts={"Owner": ((BEN, "Publishes it"),)},
    ),
    _table("powerbi_table", "Stores", f"{BI}/datasets/9a1b/tables/Stores", "finance", retail.STORES, owner=None),
    _table(
        "azure_sql_table",
        "employees",
        "mssql://harbourpine.database.windows.net/hr/dbo/employees",
        "k7x2qm",
        retail.EMPLOYEES,
        attributes={"principalId": 1},
        labels=("restricted",),
    ),
    _table(
        "azure_sql_table",
        'Loyalty "Points".2024/été',
        'mssql://harbourpine.database.windows.net/crm/dbo/Loyalty "Points".2024/été',
        "k7x2qm",
        retail.LOYALTY,
        attributes={"principalId": 1},
        said="Ledger; 100 % booked, 0 \\ lost",
        classifications=(Given(LOYALTY, "CustomScan", 0.87),),
    ),
    _file(
        "azure_blob_path",
        "suppliers.csv",
        "https://harbourpine.blob.core.windows.net/inbox/suppliers.csv",
        ACCOUNT,
        retail.SUPPLIERS,
        write=columns.texts,
        attributes={"path": "/inbox/suppliers.csv", "isFile": True},
        place="wasbs://inbox@harbourpine.blob.core.windows.net/suppliers.csv",
        size_bytes=409_600,
        labels=("raw", "external"),
    ),
)
OTHERS = (
    Asset("azure_sql_server", "mssql://harbourpine.database.windows.net", "harbourpine", "retail"),
    Asset("azure_sql_db", SHOP, "shop", "retail-sales"),
    Asset("azure_sql_schema", f"{SHOP}/dbo", "dbo", "retail-sales"),
    Asset("powerbi_workspace", BI, "Finance", "finance"),
    Asset("powerbi_report", f"{BI}/reports/77aa", "Monday", "finance"),
    Asset("azure_storage_account", "https://harbourpine.core.windows.net", "harbourpine", ACCOUNT),
)
"""What is in collections, too, but is neither dataset nor process."""
