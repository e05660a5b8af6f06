"""Edits on Snowflake's side, by SQL, show exactly in `inventory.changes` after one more sync."""

from collections import deque
from collections.abc import Callable, Iterator

import pytest

from resources.inventory.database import Inventory
from sandbox.snowflake.face import Face
from tests.fixtures.changes import Changed, assert_exactly, updated
from tests.fixtures.estate import SandboxSource, sandbox_source

pytestmark = pytest.mark.xdist_group("sync-snowflake")

Edits = Callable[..., Callable[[], None]]


@pytest.fixture(scope="module")
def warehouse() -> Iterator[SandboxSource]:
    with sandbox_source("snowflake") as source:
        yield source


def open_account(warehouse: SandboxSource) -> Edits:
    """Statements as an edit."""
    face = warehouse.served.face
    assert isinstance(face, Face)

    def edit(*statements: str) -> Callable[[], None]:
        return lambda: deque(face.run(warehouse.served.url, iter(statements)), maxlen=0).clear()

    return edit


@pytest.fixture(scope="module")
def account(warehouse: SandboxSource) -> Edits:
    return open_account(warehouse)


def test_add_drop_and_rename_in_case_only(warehouse: SandboxSource, account: Edits, inventory: Inventory) -> None:
    edit = account(
        "CREATE TABLE RETAIL.SALES.GIFT_CARDS (CODE VARCHAR(20), AMOUNT NUMBER(12,2))",
        "DROP TABLE RETAIL.SALES.RETURNS",
        'ALTER TABLE ANALYTICS.STAGING.CAMPAIGNS RENAME TO ANALYTICS.STAGING."Campaigns"',
    )
    assert_exactly(
        warehouse,
        inventory,
        edit,
        [
            Changed("RETAIL.SALES.GIFT_CARDS", "created"),
            Changed("RETAIL.SALES.RETURNS", "deleted"),
            Changed("ANALYTICS.STAGING.CAMPAIGNS", "deleted"),
            Changed("ANALYTICS.STAGING.Campaigns", "created"),
        ],
    )


def test_alter(warehouse: SandboxSource, account: Edits, inventory: Inventory) -> None:
    edit = account(
        "ALTER TABLE ANALYTICS.MARTS.DIM_STORE ADD COLUMN CLOSED_ON DATE",
        "ALTER TABLE ANALYTICS.MARTS.DIM_STORE ALTER COLUMN COUNTRY SET DATA TYPE VARCHAR(9)",
        "COMMENT ON COLUMN ANALYTICS.MARTS.DIM_STORE.CITY IS 'It''s \"where\" 🏙'",
        "COMMENT ON TABLE ANALYTICS.MARTS.DIM_STORE IS 'Shops'",
        "ALTER TABLE ANALYTICS.MARTS.DIM_PRODUCT DROP COLUMN WEIGHT_KG",
        "GRANT OWNERSHIP ON TABLE ANALYTICS.MARTS.DIM_PRODUCT TO ROLE MARKETING",
    )
    store, product = "ANALYTICS.MARTS.DIM_STORE", "ANALYTICS.MARTS.DIM_PRODUCT"
    assert_exactly(
        warehouse,
        inventory,
        edit,
        [
            Changed(store, "created", "CLOSED_ON"),
            *updated(store, "COUNTRY", native_type=("VARCHAR(2)", "VARCHAR(9)"), type=("varchar(2)", "varchar(9)")),
            *updated(store, "CITY", comment=(None, 'It\'s "where" 🏙')),
            *updated(store, "", comment=("Shops on the street", "Shops")),
            Changed(product, "deleted", "WEIGHT_KG"),
            *updated(product, "", owner=("ANALYTICS_ENG", "MARKETING")),
        ],
    )


def test_a_structured_type_changes_in_its_fields(
    warehouse: SandboxSource, account: Edits, inventory: Inventory
) -> None:
    table = 'RETAIL."Raw Zone".SHIPMENTS'
    edit = account(
        f"ALTER TABLE {table} ALTER COLUMN EVENTS SET DATA TYPE"
        " ARRAY(OBJECT(at TIMESTAMP_NTZ(6), code VARCHAR(8), place VARCHAR, scanned BOOLEAN))"
    )
    name, parts = "RETAIL.Raw Zone.SHIPMENTS", "array<struct<at:timestamp_ntz,code:{},place:string{}>>"
    native = "ARRAY(OBJECT(at TIMESTAMP_NTZ, code VARCHAR({}), place VARCHAR(16777216){}))"
    assert_exactly(
        warehouse,
        inventory,
        edit,
        [
            *updated(
                name,
                "EVENTS",
                native_type=(native.format(16777216, ""), native.format(8, ", scanned BOOLEAN")),
                type=(parts.format("string", ""), parts.format("varchar(8)", ",scanned:boolean")),
            ),
            *updated(
                name,
                "EVENTS[].code",
                native_type=("VARCHAR(16777216)", "VARCHAR(8)"),
                type=("string", "varchar(8)"),
            ),
            Changed(name, "created", "EVENTS[].scanned"),
        ],
    )


def test_retag(warehouse: SandboxSource, account: Edits, inventory: Inventory) -> None:
    """A tag of a table is inherited by its columns."""
    edit = account(
        "ALTER TABLE RETAIL.CRM.CUSTOMERS SET TAG GOVERNANCE.TAGS.SENSITIVITY = 'public'",
        "ALTER TABLE RETAIL.CRM.CUSTOMERS MODIFY COLUMN PHONE UNSET TAG GOVERNANCE.TAGS.PII",
        "ALTER TABLE RETAIL.SALES.PAYMENTS MODIFY COLUMN METHOD SET TAG GOVERNANCE.TAGS.PII = 'METHOD'",
    )
    tag = "tag:GOVERNANCE.TAGS.{}"
    columns = (
        "CUSTOMER_ID", "EMAIL", "FULL_NAME", "PHONE", "BIRTH_DATE", "ADDRESS", "ATTRIBUTES", "MARKETING_CONSENT",
        "CREATED_AT", "UPDATED_AT",
    )  # fmt: skip
    sensitivity = {tag.format("SENSITIVITY"): ("restricted", "public")}
    assert_exactly(
        warehouse,
        inventory,
        edit,
        [
            *(c for path in ("", *columns) for c in updated("RETAIL.CRM.CUSTOMERS", path, **sensitivity)),
            Changed("RETAIL.CRM.CUSTOMERS", "deleted", "PHONE", tag.format("PII"), "PHONE", None),
            Changed("RETAIL.SALES.PAYMENTS", "created", "METHOD", tag.format("PII"), None, "METHOD"),
        ],
    )
