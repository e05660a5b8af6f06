"""Edits on Apache Atlas' side, over its REST API, show exactly in `inventory.changes` after one more sync."""

from collections.abc import Iterator
from typing import Any

import pytest
import requests

from resources.inventory.database import Inventory
from tests.fixtures.changes import Changed, assert_exactly, updated
from tests.fixtures.estate import SandboxSource, sandbox_source

pytestmark = pytest.mark.xdist_group("sync-atlas")

_ITEMS = "array<struct<sku:string,quantity:int,unit_price:decimal(12,2)>>"
_ITEMS_AFTER = "array<struct<sku:string,quantity:bigint,unit_price:decimal(12,2),gift:boolean>>"


class Account:
    """Atlas' administrator."""

    def __init__(self, url: str) -> None:
        self.base = f"{url}/api/atlas/v2"

    def call(self, method: str, path: str, **kwargs: Any) -> Any:
        answer = requests.request(method, self.base + path, auth=("admin", "admin"), timeout=30, **kwargs)
        assert answer.ok, answer.text
        return answer.json() if answer.content else None

    def guid(self, type_name: str, qualified_name: str) -> str:
        found = self.call("GET", f"/entity/uniqueAttribute/type/{type_name}?attr:qualifiedName={qualified_name}")
        return str(found["entity"]["guid"])

    def change(self, type_name: str, qualified_name: str, **attributes: Any) -> None:
        path = f"/entity/uniqueAttribute/type/{type_name}?attr:qualifiedName={qualified_name}"
        self.call("PUT", path, json={"entity": {"typeName": type_name, "attributes": attributes}})

    def drop(self, type_name: str, qualified_name: str) -> None:
        self.call("DELETE", f"/entity/uniqueAttribute/type/{type_name}?attr:qualifiedName={qualified_name}")

    def add_column(self, table: str, qualified_name: str, name: str, of: str, position: int) -> None:
        attributes = {"qualifiedName": qualified_name, "name": name, "type": of, "position": position}
        whole = {"typeName": "hive_table", "guid": self.guid("hive_table", table)}
        entity = {"typeName": "hive_column", "attributes": attributes, "relationshipAttributes": {"table": whole}}
        self.call("POST", "/entity", json={"entity": entity})


@pytest.fixture(scope="module")
def atlas() -> Iterator[SandboxSource]:
    with sandbox_source("atlas") as source:
        yield source


@pytest.fixture(scope="module")
def account(atlas: SandboxSource) -> Account:
    return Account(atlas.served.url)


def test_add_drop_and_rename_in_case_only(atlas: SandboxSource, account: Account, inventory: Inventory) -> None:
    def edit() -> None:
        database = {"typeName": "hive_db", "guid": account.guid("hive_db", "sales@primary")}
        attributes = {"qualifiedName": "sales.gift_cards@primary", "name": "gift_cards"}
        entity = {"typeName": "hive_table", "attributes": attributes, "relationshipAttributes": {"db": database}}
        account.call("POST", "/entity", json={"entity": entity})
        account.add_column("sales.gift_cards@primary", "sales.gift_cards.code@primary", "code", "string", 0)
        account.drop("hive_table", "sales.returns@primary")
        name = {"qualifiedName": "crm.Campaigns@primary", "name": "Campaigns"}
        guid = account.guid("hive_table", "crm.campaigns@primary")
        account.call("POST", "/entity", json={"entity": {"typeName": "hive_table", "guid": guid, "attributes": name}})

    assert_exactly(
        atlas,
        inventory,
        edit,
        [
            Changed("sales.gift_cards@primary", "created"),
            Changed("sales.returns@primary", "deleted"),
            Changed("crm.campaigns@primary", "deleted"),
            Changed("crm.Campaigns@primary", "created"),
        ],
    )


def test_alter(atlas: SandboxSource, account: Account, inventory: Inventory) -> None:
    def edit() -> None:
        account.change("hive_table", "sales.payments@primary", comment='It\'s "paid" 💶', owner="treasury")
        account.change("hive_column", "sales.payments.method@primary", type="varchar(20)", comment="How")
        account.add_column("sales.payments@primary", "sales.payments.psp@primary", "psp", "string", 6)
        account.drop("hive_column", "sales.payments.card_token@primary")
        account.change("hive_column", "sales.orders.items@primary", type=_ITEMS_AFTER)
        account.change("kafka_topic", "payments.captured@primary", partitionCount=12)

    payments, orders = "sales.payments@primary", "sales.orders@primary"
    assert_exactly(
        atlas,
        inventory,
        edit,
        [
            *updated(
                payments,
                "",
                comment=("Card and wallet payments; tokens only, no PAN", 'It\'s "paid" 💶'),
                owner=("finance", "treasury"),
            ),
            *updated(
                payments,
                "method",
                native_type=("string", "varchar(20)"),
                type=("string", "varchar(20)"),
                comment=(None, "How"),
            ),
            Changed(payments, "created", "psp"),
            Changed(payments, "deleted", "card_token"),
            *updated(orders, "items", native_type=(_ITEMS, _ITEMS_AFTER), type=(_ITEMS, _ITEMS_AFTER)),
            *updated(orders, "items[].quantity", native_type=("int", "bigint"), type=("int", "bigint")),
            Changed(orders, "created", "items[].gift"),
            *updated("payments.captured@primary", "", properties=({"partitionCount": 6}, {"partitionCount": 12})),
        ],
    )


def test_retag(atlas: SandboxSource, account: Account, inventory: Inventory) -> None:
    """A classification that propagates comes and goes wherever the data flows."""

    def edit() -> None:
        customers = account.guid("hive_table", "crm.customers@primary")
        account.call("DELETE", f"/entity/guid/{customers}/classification/PII")
        account.call("DELETE", f"/entity/guid/{customers}/labels", json=["gdpr"])
        daily = account.guid("hive_table", "sales.daily_sales@primary")
        given = {"typeName": "Confidential", "attributes": {"until": "2031-01-01"}, "propagate": False}
        account.call("POST", f"/entity/guid/{daily}/classifications", json=[given])
        column = account.guid("hive_column", "sales.daily_sales.margin@primary")
        account.call("POST", f"/entity/guid/{column}/classifications", json=[{"typeName": "PII.Other"}])
        orders = account.guid("hive_table", "sales.orders@primary")
        mark = {"typeName": "Confidential", "attributes": {"until": "2032-01-01"}, "propagate": False}
        account.call("PUT", f"/entity/guid/{orders}/classifications", json=[mark])
        email = account.guid("hive_column", "crm.customers.email@primary")
        mark = {"typeName": "PII.Email", "attributes": {"confidence": 0.5, "reviewer": "bo"}, "propagate": False}
        account.call("PUT", f"/entity/guid/{email}/classifications", json=[mark])

    customers, daily = "crm.customers@primary", "sales.daily_sales@primary"
    email = {"tag:PII.Email": ('{"confidence": 0.75, "reviewer": "amy"}', '{"confidence": 0.5, "reviewer": "bo"}')}
    assert_exactly(
        atlas,
        inventory,
        edit,
        [
            Changed(customers, "deleted", "", "tag:PII"),
            Changed("crm.loyalty_points@primary", "deleted", "", "tag:PII"),
            Changed("features/customer_360", "deleted", "", "tag:PII"),
            Changed(customers, "deleted", "", "tag:gdpr"),
            Changed(daily, "created", "", "tag:Confidential", None, '{"until": "2031-01-01"}'),
            Changed(daily, "created", "margin", "tag:PII.Other"),
            # it is there a second time, propagated from the topic: no pair of rows is the same mark for certain
            Changed("sales.orders@primary", "deleted", "", "tag:Confidential", '{"until": "2030-01-01"}', None),
            Changed("sales.orders@primary", "created", "", "tag:Confidential", None, '{"until": "2032-01-01"}'),
            *updated(customers, "email", **email),
        ],
    )
