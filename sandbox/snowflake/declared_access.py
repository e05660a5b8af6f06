"""Roles, users, grants and policies of the company: the statements that make them, and the facts that must come."""

from collections.abc import Iterator
from typing import NamedTuple

from governance.model import Confers, Fact, Grant, Membership, Policy, PrincipalKind
from sandbox.company.fields import path_part
from sandbox.snowflake.estate import containers, relations
from sandbox.snowflake.relations import dotted, q

_ROLES, _USERS = "account_usage.grants_to_roles", "account_usage.grants_to_users"
_REFERENCES = "account_usage.policy_references"
_USE: tuple[Confers, ...] = ("use",)
_READ: tuple[Confers, ...] = ("read",)

# three deep: ANALYST has what READER has, LEAD what ANALYST has
_ROLE_ROLES = (
    ("SALES_READER", "SALES_ANALYST"),
    ("SALES_ANALYST", "SALES_LEAD"),
    ("MARTS_READER", "SALES_ANALYST"),
    ("SALES_LEAD", "SYSADMIN"),
    ("SYSADMIN", "ACCOUNTADMIN"),
)
_DATABASE_ROLE_ROLES = (("RETAIL", "CRM_READER", "SALES_LEAD"),)
# ANA comes to the orders as an analyst and as a reader
_USER_ROLES = (
    ("SALES_ANALYST", "ANA"),
    ("SALES_READER", "ANA"),
    ("SALES_LEAD", "BO"),
    ("MARTS_READER", "DASHBOARD"),
    ("ACCOUNTADMIN", "CLEO"),
    ("LOADER", "ETL"),
)


class Given(NamedTuple):
    """One privilege: its word, kind and place, to whom, and what it comes down to."""

    privilege: str
    kind: str
    place: tuple[str, ...]
    to: str
    confers: tuple[Confers, ...]
    option: bool = False
    database_role: bool = False


_GIVEN = (
    Given("USAGE", "DATABASE", ("RETAIL",), "SALES_READER", _USE),
    Given("USAGE", "SCHEMA", ("RETAIL", "SALES"), "SALES_READER", _USE),
    Given("SELECT", "TABLE", ("RETAIL", "SALES", "ORDERS"), "SALES_READER", _READ),
    Given("SELECT", "TABLE", ("RETAIL", "SALES", "Order Lines"), "SALES_READER", _READ),
    Given("SELECT", "TABLE", ("RETAIL", "SALES", "ORDERS"), "SALES_ANALYST", _READ, option=True),
    Given("INSERT", "TABLE", ("RETAIL", "SALES", "ORDERS"), "LOADER", ("write",)),
    Given("UPDATE", "TABLE", ("RETAIL", "SALES", "ORDERS"), "LOADER", ("write",)),
    Given("USAGE", "DATABASE", ("ANALYTICS",), "PUBLIC", _USE),
    Given("USAGE", "SCHEMA", ("ANALYTICS", "MARTS"), "PUBLIC", _USE),
    Given("SELECT", "VIEW", ("ANALYTICS", "MARTS", "Margin"), "MARTS_READER", _READ),
    Given("SELECT", "TABLE", ("ANALYTICS", "MARTS", "DIM_STORE"), "PUBLIC", _READ),
    Given("USAGE", "DATABASE", ("RETAIL",), "CRM_READER", _USE, database_role=True),
    Given("USAGE", "SCHEMA", ("RETAIL", "CRM"), "CRM_READER", _USE, database_role=True),
    Given("SELECT", "TABLE", ("RETAIL", "CRM", "CUSTOMERS"), "CRM_READER", _READ, database_role=True),
    Given("SELECT", "TABLE", ("RETAIL", "CRM", "customers.v2"), "CRM_READER", _READ, database_role=True),
    # a schema without its database is no way in
    Given("USAGE", "SCHEMA", ("RETAIL", "CRM"), "MARTS_READER", _USE),
    Given("CREATE TABLE", "SCHEMA", ("RETAIL", "Raw Zone"), "LOADER", ("other",)),
    Given("USAGE", "WAREHOUSE", ("GOVERNANCE_WH",), "SALES_READER", _USE),
)
_POLICY_HOME = ("GOVERNANCE", "POLICIES")
_SHOWN = "CASE WHEN IS_ROLE_IN_SESSION('SALES_LEAD') THEN val ELSE '***' END"
_SEEN = "IS_ROLE_IN_SESSION('SALES_LEAD') OR shop = 1"
_MASKED = ("RETAIL", "CRM", "CUSTOMERS", "PHONE")
_FILTERED = ("RETAIL", "SALES", "ORDERS", "STORE_ID")
_TAG = ("GOVERNANCE", "TAGS", "PII")


def statements() -> Iterator[str]:
    """Everything that makes them."""
    yield from (f"CREATE ROLE {role}" for role in sorted({role for pair in _ROLE_ROLES for role in pair[:1]}))
    yield "CREATE DATABASE ROLE RETAIL.CRM_READER"
    yield from (f"GRANT ROLE {role} TO ROLE {to}" for role, to in _ROLE_ROLES)
    yield from (f"GRANT DATABASE ROLE {db}.{role} TO ROLE {to}" for db, role, to in _DATABASE_ROLE_ROLES)
    yield from (f"GRANT ROLE {role} TO USER {user}" for role, user in _USER_ROLES)
    for one in _GIVEN:
        to = f"DATABASE ROLE {one.place[0]}.{one.to}" if one.database_role else f"ROLE {one.to}"
        option = " WITH GRANT OPTION" if one.option else ""
        yield f"GRANT {one.privilege} ON {one.kind} {'.'.join(map(q, one.place))} TO {to}{option}"
    # what was taken away, or is only to come, is no grant
    yield "GRANT SELECT ON TABLE RETAIL.SALES.PAYMENTS TO ROLE SALES_READER"
    yield "REVOKE SELECT ON TABLE RETAIL.SALES.PAYMENTS FROM ROLE SALES_READER"
    yield "GRANT ROLE SALES_READER TO USER DAI"
    yield "REVOKE ROLE SALES_READER FROM USER DAI"
    home = ".".join(_POLICY_HOME)
    for name in ("PHONE_MASK", "PII_MASK"):
        yield f"CREATE MASKING POLICY {home}.{name} AS (val VARCHAR) RETURNS VARCHAR -> {_SHOWN}"
    yield f"CREATE ROW ACCESS POLICY {home}.OWN_STORE AS (shop NUMBER) RETURNS BOOLEAN -> {_SEEN}"
    yield f"ALTER TABLE {'.'.join(_MASKED[:3])} MODIFY COLUMN {_MASKED[3]} SET MASKING POLICY {home}.PHONE_MASK"
    yield f"ALTER TABLE {'.'.join(_FILTERED[:3])} ADD ROW ACCESS POLICY {home}.OWN_STORE ON ({_FILTERED[3]})"
    yield f"ALTER TAG {'.'.join(_TAG)} SET MASKING POLICY {home}.PII_MASK"


def facts(scale: int) -> Iterator[Fact]:
    """What a correct reading holds."""
    for role, to in _ROLE_ROLES:
        yield Membership(to, "role", role, "role", _ROLES)
    for db, role, to in _DATABASE_ROLE_ROLES:
        yield Membership(to, "role", dotted(db, role), "role", _ROLES)
    for role, user in _USER_ROLES:
        yield Membership(user, "user", role, "role", _USERS)
    for one in _GIVEN:
        data = one.kind != "WAREHOUSE"
        who = dotted(one.place[0], one.to) if one.database_role else one.to
        kind: PrincipalKind = "public" if one.to == "PUBLIC" else "role"
        place = dotted(*one.place) if data else f"warehouse {dotted(*one.place)}"
        yield Grant(place, one.kind.lower(), who, kind, one.privilege, one.confers, grantable=one.option, origin=_ROLES)
    yield from _owners(scale)
    policy = ".".join(_POLICY_HOME)
    yield Policy(
        f"{policy}.PHONE_MASK", "column_mask", dotted(*_MASKED[:3]), "table", path_part(_MASKED[3]), _SHOWN,
        origin=_REFERENCES,
    )  # fmt: skip
    yield Policy(f"{policy}.OWN_STORE", "row_filter", dotted(*_FILTERED[:3]), "table", "", _SEEN, origin=_REFERENCES)
    for database in ("RETAIL", "ANALYTICS"):
        yield Policy(
            f"{policy}.PII_MASK", "tag_mask", database, "database", "", _SHOWN, inherits=True,
            tag_condition={dotted(*_TAG): ()}, origin=_REFERENCES,
        )  # fmt: skip


def _owners(scale: int) -> Iterator[Grant]:
    for database, schema, _, owner, _ in containers(scale):
        kind = "schema" if schema else "database"
        name = dotted(database, schema) if schema else database
        yield Grant(name, kind, owner, "role", "OWNERSHIP", ("manage", "use"), grantable=True, origin=_ROLES)
    for one in relations(scale):
        kind = {"view": "view", "materialized_view": "materialized view"}.get(one.kind, "table")
        name = dotted(one.database, one.schema, one.name)
        confers: tuple[Confers, ...] = ("manage", "read", "write")
        yield Grant(name, kind, one.owner, "role", "OWNERSHIP", confers, grantable=True, origin=_ROLES)
