"""Edits on Databricks' side, by its SDK, show exactly in `inventory.changes` after one more sync."""

from collections.abc import Iterator
from typing import Any

import pytest
from databricks.sdk import WorkspaceClient
from databricks.sdk.service.catalog import EntityTagAssignment

from resources.inventory.database import Inventory
from sandbox.databricks.access import ADMIN_TOKEN
from tests.fixtures.changes import Changed, assert_exactly, updated
from tests.fixtures.estate import SandboxSource, sandbox_source

pytestmark = pytest.mark.xdist_group("sync-databricks")

_ITEMS = "array<struct<sku:string,quantity:int,unit_price:decimal(12,2)>>"
_ITEMS_AFTER = "array<struct<sku:string,quantity:bigint,unit_price:decimal(12,2),gift:boolean>>"


class Account:
    """The metastore's administrator. What SQL alone can do on Databricks goes through the same paths of its API."""

    def __init__(self, url: str) -> None:
        self.client = WorkspaceClient(host=url, token=ADMIN_TOKEN, auth_type="pat")

    def call(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        return self.client.api_client.do(method, f"/api/2.1/unity-catalog/{path}", body=body)

    def columns(self, table: str) -> list[dict[str, Any]]:
        return list(self.call("GET", f"tables/{table}")["columns"])

    def tag(self, kind: str, name: str, key: str, value: str) -> None:
        self.client.entity_tag_assignments.create(EntityTagAssignment(name, key, kind, tag_value=value))

    def retag(self, kind: str, name: str, key: str, value: str) -> None:
        self.client.entity_tag_assignments.update(
            kind, name, key, EntityTagAssignment(name, key, kind, tag_value=value), update_mask="tag_value"
        )

    def untag(self, kind: str, name: str, key: str) -> None:
        self.client.entity_tag_assignments.delete(kind, name, key)


def retyped(column: dict[str, Any], text: str) -> None:
    column["type_text"], column["type_name"] = text, text.partition("<")[0].upper()
    del column["type_json"]


@pytest.fixture(scope="module")
def workspace() -> Iterator[SandboxSource]:
    with sandbox_source("databricks") as source:
        yield source


@pytest.fixture(scope="module")
def account(workspace: SandboxSource) -> Account:
    return Account(workspace.served.url)


def test_add_drop_and_rename_in_case_only(workspace: SandboxSource, account: Account, inventory: Inventory) -> None:
    def edit() -> None:
        column = {"name": "code", "type_text": "string", "type_name": "STRING", "position": 0}
        place = {"catalog_name": "main", "schema_name": "sales"}
        table = {**place, "name": "gift_cards", "table_type": "MANAGED", "data_source_format": "DELTA"}
        account.call("POST", "tables", {**table, "columns": [column]})
        account.client.volumes.delete("main.landing.invoices")
        account.client.tables.delete("main.sales.returns")
        account.call("PATCH", "tables/main.sales.campaigns", {"new_name": "Campaigns"})

    assert_exactly(
        workspace,
        inventory,
        edit,
        [
            Changed("main.sales.gift_cards", "created"),
            Changed("main.landing.invoices", "deleted"),
            Changed("main.sales.returns", "deleted"),
            Changed("main.sales.campaigns", "deleted"),
            Changed("main.sales.Campaigns", "created"),
        ],
    )


def test_alter(workspace: SandboxSource, account: Account, inventory: Inventory) -> None:
    def edit() -> None:
        points = account.columns("main.crm.loyalty_points")
        by_name = {c["name"]: c for c in points}
        retyped(by_name["points"], "bigint")
        by_name["reason"]["comment"] = 'It\'s "why" 🎁'
        added = {"name": "expires_on", "type_text": "date", "type_name": "DATE", "position": len(points)}
        body = {"columns": [*points, added], "comment": "Points", "owner": "crm_stewards"}
        account.call("PATCH", "tables/main.crm.loyalty_points", body)
        orders = account.columns("main.sales.orders")
        retyped(next(c for c in orders if c["name"] == "items"), _ITEMS_AFTER)
        account.call("PATCH", "tables/main.sales.orders", {"columns": orders})
        left = [c for c in account.columns("main.sales.order_items") if c["name"] != "line_no"]
        left = [{**c, "position": n} for n, c in enumerate(left)]
        account.call("PATCH", "tables/main.sales.order_items", {"columns": left})

    points, orders = "main.crm.loyalty_points", "main.sales.orders"
    owner = account.call("GET", f"tables/{points}")["owner"]
    assert owner != "crm_stewards"
    assert_exactly(
        workspace,
        inventory,
        edit,
        [
            *updated(points, "", comment=("Points ledger", "Points"), owner=(owner, "crm_stewards")),
            *updated(points, "points", native_type=("int", "bigint"), type=("int", "bigint")),
            *updated(points, "reason", comment=(None, 'It\'s "why" 🎁')),
            Changed(points, "created", "expires_on"),
            *updated(orders, "items", native_type=(_ITEMS, _ITEMS_AFTER), type=(_ITEMS, _ITEMS_AFTER)),
            *updated(orders, "items[].quantity", native_type=("int", "bigint"), type=("int", "bigint")),
            Changed(orders, "created", "items[].gift"),
            Changed("main.sales.order_items", "deleted", "line_no"),
        ],
    )


def test_retag(workspace: SandboxSource, account: Account, inventory: Inventory) -> None:
    def edit() -> None:
        account.tag("columns", "main.sales.payments.method", "pii", "no")
        account.untag("columns", "main.crm.customers.email", "pii")
        account.retag("tables", "main.crm.customers", "domain", "customers")
        account.untag("volumes", "main.landing.clicks", "retention")

    assert_exactly(
        workspace,
        inventory,
        edit,
        [
            Changed("main.sales.payments", "created", "method", "tag:pii", None, "no"),
            Changed("main.crm.customers", "deleted", "email", "tag:pii", "email", None),
            *updated("main.crm.customers", "", **{"tag:domain": ("crm", "customers")}),
            Changed("main.landing.clicks", "deleted", "", "tag:retention", "30 days", None),
        ],
    )
