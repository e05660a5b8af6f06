"""Edits on Glue's side, by boto3, show exactly in `inventory.changes` after one more sync."""

from collections.abc import Iterator
from typing import Any

import pytest

from resources.inventory.database import Inventory
from tests.fixtures.changes import Changed, assert_exactly, updated
from tests.fixtures.estate import SandboxSource, sandbox_source
from tests.fixtures.glue_account import Account

pytestmark = pytest.mark.xdist_group("sync-glue")


def columns(database: str, table: str, *names: str) -> dict[str, Any]:
    return {"TableWithColumns": {"DatabaseName": database, "Name": table, "ColumnNames": list(names)}}


@pytest.fixture(scope="module")
def lake() -> Iterator[SandboxSource]:
    with sandbox_source("glue") as source:
        yield source


@pytest.fixture(scope="module")
def account(lake: SandboxSource) -> Account:
    return Account(lake.served.url)


def test_add_drop_and_rename_in_case_only(lake: SandboxSource, account: Account, inventory: Inventory) -> None:
    def edit() -> None:
        account.glue.create_table(
            DatabaseName="sales",
            TableInput={
                "Name": "gift_cards",
                "StorageDescriptor": {"Columns": [{"Name": "code", "Type": "string"}]},
                "TableType": "EXTERNAL_TABLE",
            },
        )
        account.glue.delete_table(DatabaseName="ops", Name="returns")
        sessions = account.table("web", "sessions")
        account.glue.delete_table(DatabaseName="web", Name="sessions")
        account.glue.create_table(DatabaseName="web", TableInput={**sessions, "Name": "Sessions"})

    assert_exactly(
        lake,
        inventory,
        edit,
        [
            Changed("sales.gift_cards", "created"),
            Changed("ops.returns", "deleted"),
            Changed("web.sessions", "deleted"),
            Changed("web.Sessions", "created"),
        ],
    )


def test_alter(lake: SandboxSource, account: Account, inventory: Inventory) -> None:
    def edit() -> None:
        stores = account.table("sales", "stores")
        by_name = {c["Name"]: c for c in stores["StorageDescriptor"]["Columns"]}
        by_name["store_id"]["Type"] = "bigint"
        by_name["city"]["Comment"] = 'Where it is; "city" 🏙'
        stores["StorageDescriptor"]["Columns"].append({"Name": "closed_on", "Type": "date"})
        account.alter("sales", {**stores, "Description": "Shops", "Owner": "retail"})
        orders = account.table("sales", "orders")
        items = next(c for c in orders["StorageDescriptor"]["Columns"] if c["Name"] == "items")
        assert items["Type"] == "array<struct<sku:string,quantity:int,unit_price:decimal(12,2)>>"
        items["Type"] = "array<struct<sku:string,quantity:bigint,unit_price:decimal(12,2),gift:boolean>>"
        account.alter("sales", orders)
        categories = account.table("sales", "categories")
        told = categories["StorageDescriptor"]["Columns"]
        categories["StorageDescriptor"]["Columns"] = [c for c in told if c["Name"] != "parent_id"]
        account.alter("sales", categories)

    before = "array<struct<sku:string,quantity:int,unit_price:decimal(12,2)>>"
    after = "array<struct<sku:string,quantity:bigint,unit_price:decimal(12,2),gift:boolean>>"
    assert_exactly(
        lake,
        inventory,
        edit,
        [
            *updated("sales.stores", "", comment=("Shops on the street", "Shops"), owner=("operations", "retail")),
            *updated("sales.stores", "store_id", native_type=("int", "bigint"), type=("int", "bigint")),
            *updated("sales.stores", "city", comment=(None, 'Where it is; "city" 🏙')),
            Changed("sales.stores", "created", "closed_on"),
            *updated("sales.orders", "items", native_type=(before, after), type=(before, after)),
            *updated("sales.orders", "items[].quantity", native_type=("int", "bigint"), type=("int", "bigint")),
            Changed("sales.orders", "created", "items[].gift"),
            Changed("sales.categories", "deleted", "parent_id"),
        ],
    )


def test_retag(lake: SandboxSource, account: Account, inventory: Inventory) -> None:
    """A column that has no value of its own follows its table."""

    def edit() -> None:
        daily = {"Table": {"DatabaseName": "sales", "Name": "daily_sales"}}
        account.tag(daily, "sensitivity", "restricted")
        account.tag(columns("ops", "shipments", "tracking_no"), "pii", "phone")
        account.untag(columns("crm", "customers", "email"), "pii", "email")

    paths = ("", "sales_date", "store_id", "orders", "revenue", "margin", "year", "month")
    value = {"tag:sensitivity": ("confidential", "restricted")}
    assert_exactly(
        lake,
        inventory,
        edit,
        [
            *(c for path in paths for c in updated("sales.daily_sales", path, **value)),
            Changed("ops.shipments", "created", "tracking_no", "tag:pii", None, "phone"),
            Changed("crm.customers", "deleted", "email", "tag:pii", "email", None),
        ],
    )
