"""Edits on Purview's side, over its REST API, show exactly in `inventory.changes` after one more sync."""

from collections.abc import Iterator
from typing import Any

import pytest

from resources.inventory.database import Inventory
from sandbox.purview.face import Face
from sandbox.purview.seed import Curator
from tests.fixtures.changes import Changed, assert_exactly, updated
from tests.fixtures.estate import SandboxSource, sandbox_source

pytestmark = pytest.mark.xdist_group("sync-purview")

SHOP = "mssql://harbourpine.database.windows.net/shop/dbo"
POOL = "mssql://harbourpine-pool.sql.azuresynapse.net/dwh/mart"
LAKE = "https://harbourpinelake.dfs.core.windows.net/export/customers.parquet"
ADDRESS = "struct<street:string,city:string,postcode:string,country:string>"
ADDRESS_AFTER = "struct<street:string,city:string,postcode:varchar(10),country:string,floor:int>"


class Account:
    """The collection administrator."""

    def __init__(self, url: str, face: Face) -> None:
        self.curator = Curator(url, face.ca)

    def call(self, method: str, path: str, body: Any = None, **query: str) -> Any:
        return self.curator.send(method, f"/atlas/v2{path}", body, **query)

    def entity(self, type_name: str, qualified_name: str) -> Any:
        path = f"/entity/uniqueAttribute/type/{type_name}"
        return self.call("GET", path, **{"attr:qualifiedName": qualified_name})["entity"]

    def guid(self, type_name: str, qualified_name: str) -> str:
        return str(self.entity(type_name, qualified_name)["guid"])

    def put(self, type_name: str, qualified_name: str, attributes: dict[str, Any], **ties: Any) -> str:
        entity = {"typeName": type_name, "attributes": {"qualifiedName": qualified_name, **attributes}, "guid": "-1"}
        out = self.call("POST", "/entity/bulk", {"entities": [{**entity, "relationshipAttributes": ties}]})
        return str(out["guidAssignments"]["-1"])

    def change(self, type_name: str, qualified_name: str, **attributes: Any) -> None:
        path = f"/entity/uniqueAttribute/type/{type_name}"
        entity = {"typeName": type_name, "attributes": attributes}
        self.call("PUT", path, {"entity": entity}, **{"attr:qualifiedName": qualified_name})

    def drop(self, type_name: str, qualified_name: str) -> None:
        self.call("DELETE", f"/entity/guid/{self.guid(type_name, qualified_name)}")

    def move(self, guid: str, collection: str) -> None:
        self.curator.send("POST", "/entity/moveTo", {"entityGuids": [guid]}, collectionId=collection)


@pytest.fixture(scope="module")
def purview() -> Iterator[SandboxSource]:
    with sandbox_source("purview") as source:
        yield source


def open_account(purview: SandboxSource) -> Account:
    face = purview.served.face
    assert isinstance(face, Face)
    return Account(purview.served.url, face)


@pytest.fixture(scope="module")
def account(purview: SandboxSource) -> Iterator[Account]:
    one = open_account(purview)
    yield one
    one.curator.close()


def test_add_drop_move_and_rename_in_case_only(purview: SandboxSource, account: Account, inventory: Inventory) -> None:
    """An asset that moves to another collection is the same asset in another container."""

    def edit() -> None:
        table, column = "azure_sql_table", "azure_sql_column"
        cards = account.put(table, f"{SHOP}/gift_cards", {"name": "gift_cards"})
        account.put(column, f"{SHOP}/gift_cards#code", {"name": "code", "data_type": "int"}, table={"guid": cards})
        account.move(cards, "retail-sales")
        account.drop("snowflake_table", _snow("SALES/tables/ORDERS"))
        synapse = "azure_synapse_dedicated_sql_table"
        account.drop(synapse, f"{POOL}/payments")
        account.move(account.put(synapse, f"{POOL}/Payments", {"name": "Payments"}), "finance")
        account.move(account.guid("powerbi_table", _power_bi("Stores")), "retail")

    assert_exactly(
        purview,
        inventory,
        edit,
        [
            Changed(f"{SHOP}/gift_cards", "created"),
            Changed(_snow("SALES/tables/ORDERS"), "deleted"),
            Changed(f"{POOL}/payments", "deleted"),
            Changed(f"{POOL}/Payments", "created"),
            *updated(_power_bi("Stores"), "", container=("finance", "retail")),
        ],
    )


def test_a_move_of_which_one_side_is_synced_is_no_deletion(
    purview: SandboxSource, account: Account, inventory: Inventory
) -> None:
    asset = account.put("azure_sql_table", f"{SHOP}/wanders", {"name": "wanders"})
    account.move(asset, "retail-sales")

    def seen() -> list[tuple[str, str]]:
        with inventory.connection() as conn:
            query = "SELECT state, container FROM inventory.datasets WHERE qualified_name = %s"
            return conn.execute(query, [f"{SHOP}/wanders"]).fetchall()

    assert purview.sync(inventory).summary.status == "complete"
    account.move(asset, "finance")
    left = purview.sync(inventory, scopes=("retail-sales",))
    assert left.summary.status == "complete" and not left.summary.counts["deleted"]
    assert seen() == [("present", "retail-sales")]
    assert purview.sync(inventory, scopes=("finance",)).summary.status == "complete"
    assert seen() == [("present", "finance")]
    account.drop("azure_sql_table", f"{SHOP}/wanders")
    assert purview.sync(inventory, scopes=("finance",)).summary.counts["deleted"] == 1
    assert seen() == [("deleted", "finance")]


def _snow(tail: str) -> str:
    return f"snowflake://harbourpine.west-europe.azure.snowflakecomputing.com/databases/RETAIL/schemas/{tail}"


def _power_bi(table: str) -> str:
    return f"https://app.powerbi.com/groups/4f9d2c1e-0000-4000-8000-000000000001/datasets/9a1b/tables/{table}"


def test_alter(purview: SandboxSource, account: Account, inventory: Inventory) -> None:
    def edit() -> None:
        table, column = "azure_synapse_dedicated_sql_table", "azure_synapse_dedicated_sql_column"
        daily = {"guid": account.guid(table, f"{POOL}/daily_sales")}
        account.change(table, f"{POOL}/daily_sales", userDescription='It\'s "net" 💶', owner="treasury")
        account.change(column, f"{POOL}/daily_sales#orders", data_type="int", length=4, precision=10)
        account.change(column, f"{POOL}/daily_sales#revenue", description="Gross")
        account.put(column, f"{POOL}/daily_sales#tax", {"name": "tax", "data_type": "int"}, table=daily)
        account.drop(column, f"{POOL}/daily_sales#margin")
        account.change("column", f"{LAKE}#address", type=ADDRESS_AFTER)

    daily = f"{POOL}/daily_sales"
    assert_exactly(
        purview,
        inventory,
        edit,
        [
            *updated(
                daily,
                "",
                comment=("Sales per store and day", 'It\'s "net" 💶'),
                owner=("finance", "treasury"),
                properties=({}, {"description": "Sales per store and day"}),
            ),
            *updated(daily, "orders", native_type=("bigint", "int"), type=("bigint", "int")),
            *updated(daily, "revenue", comment=(None, "Gross")),
            Changed(daily, "created", "tax"),
            Changed(daily, "deleted", "margin"),
            *updated(LAKE, "address", native_type=(ADDRESS, ADDRESS_AFTER), type=(ADDRESS, ADDRESS_AFTER)),
            *updated(
                LAKE,
                "address.postcode",
                native_type=("string", "varchar(10)"),
                type=("string", "varchar(10)"),
            ),
            Changed(LAKE, "created", "address.floor"),
        ],
        # the search has no columns: one that is edited by itself is found by the next full listing
        full=True,
    )


def test_retag(purview: SandboxSource, account: Account, inventory: Inventory) -> None:
    def edit() -> None:
        customers = account.guid("azure_sql_table", f"{SHOP}/customers")
        account.call("DELETE", f"/entity/guid/{customers}/classification/MICROSOFT.PERSONAL.NAME")
        account.call("PUT", f"/entity/guid/{customers}/labels", ["gdpr"])
        orders = account.guid("azure_sql_table", f"{SHOP}/orders")
        account.call("DELETE", f"/entity/guid/{orders}/labels", ["gold"])
        phone = account.guid("azure_sql_column", f"{SHOP}/customers#phone")
        account.call("DELETE", f"/entity/guid/{phone}/classification/MICROSOFT.PERSONAL.PHONE_NUMBER")
        note = account.guid("azure_sql_column", f"{SHOP}/orders#note")
        account.call("POST", f"/entity/guid/{note}/classifications", [{"typeName": "MICROSOFT.PERSONAL.EMAIL"}])

    customers, orders = f"{SHOP}/customers", f"{SHOP}/orders"
    assert_exactly(
        purview,
        inventory,
        edit,
        [
            Changed(customers, "deleted", "", "tag:MICROSOFT.PERSONAL.NAME"),
            Changed(customers, "created", "", "tag:gdpr"),
            Changed(orders, "deleted", "", "tag:gold"),
            Changed(customers, "deleted", "phone", "tag:MICROSOFT.PERSONAL.PHONE_NUMBER"),
            Changed(orders, "created", "note", "tag:MICROSOFT.PERSONAL.EMAIL"),
        ],
    )
