"""Access, lineage and usage of the sandbox's warehouse in a real inventory, held against its own account in SQL."""

from collections.abc import Iterator

import pytest

from governance.model import Grant, Usage
from resources.inventory.database import Inventory
from resources.inventory.facts.queries import FactQueries
from sandbox.snowflake import face as snowflake
from tests.fixtures.estate import SandboxSource, sandbox_source
from tests.fixtures.facets import sync_facet_of
from tests.inventory.estate import rows

pytestmark = pytest.mark.xdist_group("sync-snowflake")
STACK = (
    "CREATE VIEW ANALYTICS.MARTS.V_ONE AS SELECT STORE_ID, TOTAL FROM RETAIL.SALES.ORDERS",
    "CREATE VIEW ANALYTICS.MARTS.V_TWO AS SELECT STORE_ID, TOTAL AS REVENUE FROM ANALYTICS.MARTS.V_ONE",
    "CREATE VIEW ANALYTICS.MARTS.V_THREE AS SELECT STORE_ID, REVENUE AS TURNOVER FROM ANALYTICS.MARTS.V_TWO",
)


@pytest.fixture(scope="module")
def warehouse() -> Iterator[SandboxSource]:
    """The account, with three views over one table."""
    with sandbox_source("snowflake") as one:
        face = one.served.face
        assert isinstance(face, snowflake.Face)
        assert len(list(face.run(one.served.url, iter(STACK)))) == 3
        yield one


def test_who_can_read_and_by_which_ways(warehouse: SandboxSource, inventory: Inventory) -> None:
    assert warehouse.sync(inventory).summary.status == "complete"
    summary, outcomes = sync_facet_of(warehouse, inventory, "access")
    assert (summary.status, [o.reasons for o in outcomes.values() if o.reasons]) == ("complete", [])
    found = rows(inventory, "SELECT securable, principal, privilege FROM inventory.grants WHERE inherited_from IS NULL")
    given = {(g["securable"], g["principal"], g["privilege"]) for g in found}
    account = {
        (f.securable, f.principal, f.privilege) for f in warehouse.served.face.facts("access") if isinstance(f, Grant)
    }
    assert account <= given
    # the views that were added have owners too
    assert {place for place, *_ in given - account} == {f"ANALYTICS.MARTS.V_{n}" for n in ("ONE", "TWO", "THREE")}

    orders = FactQueries(inventory).readers("warehouse", "RETAIL.SALES.ORDERS")
    on = "SELECT on RETAIL.SALES.ORDERS"
    reader, analyst = "role SALES_READER", "role SALES_ANALYST"
    assert {tuple(r.via) for r in orders if r.principal == "ANA"} == {
        ("user ANA", reader, on),
        ("user ANA", analyst, on),
        ("user ANA", analyst, reader, on),
    }
    assert all(r.limited_by == ["GOVERNANCE.POLICIES.OWN_STORE"] for r in orders)
    assert {r.principal: r.lacking for r in orders if r.principal in ("ANA", "SALES_ENG")} == {
        "ANA": [],
        "SALES_ENG": ["the right to use RETAIL"],
    }

    phone = FactQueries(inventory).readers("warehouse", "RETAIL.CRM.CUSTOMERS", "PHONE")
    masks = {"GOVERNANCE.POLICIES.PHONE_MASK", "GOVERNANCE.POLICIES.PII_MASK"}
    assert all(set(r.masked_by) == masks for r in phone)
    whom = {(r.principal_kind, r.principal) for r in phone}
    three = {("role", "SALES_LEAD"), ("role", "SYSADMIN"), ("role", "ACCOUNTADMIN")}
    assert whom == three | {("role", "RETAIL.CRM_READER"), ("role", "CRM_ENG"), ("user", "BO"), ("user", "CLEO")}
    plain = FactQueries(inventory).readers("warehouse", "RETAIL.CRM.CUSTOMERS", "CUSTOMER_ID")
    assert all(r.masked_by == [] for r in plain)


def test_a_column_is_followed_through_three_views_to_its_table(warehouse: SandboxSource, inventory: Inventory) -> None:
    assert warehouse.sync(inventory).summary.status == "complete"
    summary, outcomes = sync_facet_of(warehouse, inventory, "lineage")
    assert (summary.status, [o.reasons for o in outcomes.values() if o.reasons]) == ("complete", [])
    queries = FactQueries(inventory)
    found = queries.lineage_of("warehouse", "ANALYTICS.MARTS.V_THREE", "TURNOVER")
    assert {(e.upstream, e.upstream_path, e.downstream, e.downstream_path) for e in found} == {
        ("ANALYTICS.MARTS.V_TWO", "REVENUE", "ANALYTICS.MARTS.V_THREE", "TURNOVER"),
        ("ANALYTICS.MARTS.V_ONE", "TOTAL", "ANALYTICS.MARTS.V_TWO", "REVENUE"),
        ("RETAIL.SALES.ORDERS", "TOTAL", "ANALYTICS.MARTS.V_ONE", "TOTAL"),
    }
    whole = queries.lineage_of("warehouse", "ANALYTICS.MARTS.DAILY_SALES")
    assert {"account_usage.access_history"} == {e.origin for e in whole if e.upstream == "RETAIL.SALES.Order Lines"}
    clicks = queries.lineage_of("warehouse", "RETAIL.Raw Zone.WEB_EVENTS")
    assert "s3://acme-landing/clicks/" in {e.upstream for e in clicks}


def test_a_range_of_days_is_the_account(warehouse: SandboxSource, inventory: Inventory) -> None:
    account = [f for f in warehouse.served.face.facts("usage") if isinstance(f, Usage)]
    days = sorted({f.day for f in account})[-3:]
    summary, _ = sync_facet_of(warehouse, inventory, "usage", days)
    assert summary.status == "complete"
    found = rows(inventory, "SELECT qualified_name, path, principal, day, reads, writes, rows FROM inventory.usage")
    assert {tuple(row.values()) for row in found} == {
        (f.qualified_name, f.path, f.principal, f.day, f.reads, f.writes, f.rows) for f in account if f.day in days
    }
