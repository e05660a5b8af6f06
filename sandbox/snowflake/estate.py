"""What the company keeps in Snowflake: the declarations, and the statements that make them."""

from collections.abc import Iterator

import msgspec

from sandbox.company import retail as r
from sandbox.snowflake import relations as rel
from sandbox.snowflake.relations import Col, ForeignKey, Relation, cols, q, text

_CONTAINERS: tuple[tuple[str, str, str | None, str], ...] = (
    ("RETAIL", "", 'Operational copy of the shop\'s "truth" 🏬', "RETAIL_ADMIN"),
    ("RETAIL", "SALES", "Orders & money", "SALES_ENG"),
    ("RETAIL", "CRM", None, "CRM_ENG"),
    ("RETAIL", "Raw Zone", "As it lands; it's messy", "LOADER"),
    ("ANALYTICS", "", None, "ANALYTICS_ADMIN"),
    ("ANALYTICS", "MARTS", "Für das Berichtswesen / レポート用", "ANALYTICS_ENG"),
    ("ANALYTICS", "STAGING", None, "ANALYTICS_ENG"),
)
_CONTAINER_TAGS = {
    ("RETAIL", ""): {"COST_CENTER": "retail-42"},
    ("RETAIL", "CRM"): {"SENSITIVITY": "confidential"},
    ("ANALYTICS", "MARTS"): {"CERTIFIED": "yes"},
}
_STRING = ("VARCHAR(16777216)", "string")
_NUMBER = ("NUMBER(38,0)", "decimal(38,0)")
_MONEY = ("NUMBER(12,2)", "decimal(12,2)")

_SALES = (
    Relation(
        "RETAIL",
        "SALES",
        "ORDERS",
        cols(r.ORDERS),
        comment=r.ORDERS.comment,
        owner="SALES_ENG",
        primary_key=("ORDER_ID",),
        cluster_by=("STATUS", "STORE_ID"),
        foreign_keys=(ForeignKey("FK_CUSTOMER", ("CUSTOMER_ID",), ("RETAIL", "CRM", "CUSTOMERS"), ("CUSTOMER_ID",)),),
        rows=tuple(
            f"{n}, {n % 7}, {n % 3}, '2026-01-0{n % 9 + 1} 10:00:00', 'paid', 'EUR', {n}.50, NULL, NULL, NULL"
            for n in range(1, 25)
        ),
        tags=(("DOMAIN", "sales"),),
    ),
    Relation(
        "RETAIL",
        "SALES",
        "Order Lines",
        (
            *cols(r.ORDER_ITEMS),
            Col("col", *_NUMBER, comment='lower case, "quoted"'),
            Col("COL", *_STRING, comment="UPPER CASE: another column"),
            Col("Umsatz €", *_MONEY, comment="brutto"),
            Col("dotted.name", *_STRING),
        ),
        comment="Order lines; the name's case matters",
        owner="SALES_ENG",
        primary_key=("ORDER_ID", "LINE_NO"),
        unique=("SKU", "LINE_NO"),
    ),
    Relation("RETAIL", "SALES", "PAYMENTS", cols(r.PAYMENTS), comment=r.PAYMENTS.comment, owner="FINANCE_ENG"),
    Relation("RETAIL", "SALES", "RETURNS", cols(r.RETURNS), comment=r.RETURNS.comment, owner="SALES_ENG"),
    Relation(
        "RETAIL",
        "SALES",
        "Recent Orders",
        (Col("ORDER_ID", *_NUMBER), Col("STATUS", *_STRING), Col("TOTAL", *_MONEY)),
        kind="view",
        comment='What\'s "recent"? 30 days',
        owner="SALES_ENG",
        select="SELECT ORDER_ID, STATUS, TOTAL FROM {SALES}.ORDERS WHERE ORDERED_AT > DATEADD(day, -30, CURRENT_DATE)",
    ),
    Relation(
        "RETAIL",
        "SALES",
        "ORDERS_BY_STORE",
        (Col("STORE_ID", *_NUMBER), Col("STATUS", *_STRING)),
        kind="materialized_view",
        owner="SALES_ENG",
        select="SELECT STORE_ID, STATUS FROM {SALES}.ORDERS",
    ),
)
_CRM = (
    Relation(
        "RETAIL",
        "CRM",
        "CUSTOMERS",
        cols(r.CUSTOMERS),
        comment=r.CUSTOMERS.comment,
        owner="CRM_ENG",
        primary_key=("CUSTOMER_ID",),
        rows=tuple(f"{n}, 'c{n}@example.com', 'Ada {n}', NULL, NULL, NULL, NULL, TRUE, NULL, NULL" for n in range(12)),
        tags=(("SENSITIVITY", "restricted"),),
    ),
    Relation("RETAIL", "CRM", "LOYALTY_POINTS", cols(r.LOYALTY), comment=r.LOYALTY.comment, owner="CRM_ENG"),
    Relation(
        "RETAIL",
        "CRM",
        "customers.v2",
        (*cols(r.CUSTOMERS, "customer_id", "email"), Col("Opt-In", "BOOLEAN", "boolean", nullable=False)),
        comment="Has a dot in its name",
        owner="CRM_ENG",
    ),
    Relation(
        "RETAIL",
        "CRM",
        "CONTACTS",
        (Col("CUSTOMER_ID", *_NUMBER), Col("EMAIL", *_STRING, tags=(("PII", "EMAIL"),))),
        kind="view",
        secure=True,
        owner="CRM_ENG",
        select="SELECT CUSTOMER_ID, EMAIL FROM {CRM}.CUSTOMERS WHERE MARKETING_CONSENT",
    ),
)
_RAW = (
    Relation(
        "RETAIL",
        "Raw Zone",
        "WEB_EVENTS",
        cols(r.WEB_EVENTS),
        comment=r.WEB_EVENTS.comment,
        owner="LOADER",
        transient=True,
    ),
    Relation(
        "RETAIL",
        "Raw Zone",
        'landing "json"',
        (
            Col("payload", "VARIANT", "variant", comment="whatever came 🙃"),
            Col("loaded at", "TIMESTAMP_LTZ(9)", "timestamp_ltz"),
            Col("sent_at", "TIMESTAMP_TZ(3)", "timestamp_tz(3)"),
            Col("digest", "BINARY(32)", "binary(32)"),
            Col("part", "TIME(9)", "time"),
            Col("shop", "GEOGRAPHY", "geography"),
        ),
        owner="LOADER",
    ),
    Relation(
        "RETAIL",
        "Raw Zone",
        "PRODUCT_FEED",
        (Col("VALUE", "VARIANT", "variant"), *cols(r.PRODUCTS, "sku", "title")),
        kind="external_table",
        owner="LOADER",
    ),
    Relation(
        "RETAIL",
        "Raw Zone",
        "SHIPMENTS",
        (
            *cols(r.SHIPMENTS, "shipment_id", "order_id", "carrier", "tracking_no"),
            *(rel.structured(f) for f in r.SHIPMENTS.fields if f.name == "events"),
            *(rel.structured(f) for f in r.CUSTOMERS.fields if f.name == "attributes"),
            Col("DELIVERED_AT", "TIMESTAMP_NTZ(6)", "timestamp_ntz(6)"),
        ),
        kind="iceberg_table",
        comment=r.SHIPMENTS.comment,
        owner="LOADER",
    ),
)
_MARTS = (
    Relation(
        "ANALYTICS",
        "MARTS",
        "DAILY_SALES",
        cols(r.DAILY_SALES),
        comment=r.DAILY_SALES.comment,
        owner="ANALYTICS_ENG",
        cluster_by=("SALES_DATE",),
        rows=tuple(f"'2026-02-0{n}', {n}, {n * 10}, {n * 99}.90, {n * 12}.10" for n in range(1, 8)),
    ),
    Relation("ANALYTICS", "MARTS", "DIM_STORE", cols(r.STORES), comment=r.STORES.comment, owner="ANALYTICS_ENG"),
    Relation("ANALYTICS", "MARTS", "DIM_PRODUCT", cols(r.PRODUCTS), comment=r.PRODUCTS.comment, owner="ANALYTICS_ENG"),
    Relation(
        "ANALYTICS",
        "MARTS",
        "REVENUE",
        (Col("STORE_ID", *_NUMBER), Col("REVENUE", *_MONEY)),
        kind="dynamic_table",
        target_lag="1 hour",
        owner="ANALYTICS_ENG",
        select="SELECT STORE_ID, REVENUE FROM {MARTS}.DAILY_SALES",
    ),
    Relation(
        "ANALYTICS",
        "MARTS",
        "Margin",
        (Col("SALES_DATE", "DATE", "date"), Col("MARGIN", *_MONEY)),
        kind="view",
        owner="FINANCE_ENG",
        select="SELECT SALES_DATE, MARGIN FROM {MARTS}.DAILY_SALES",
    ),
)
_STAGING = (
    Relation("ANALYTICS", "STAGING", "STG_CATEGORIES", cols(r.CATEGORIES), owner="ANALYTICS_ENG", transient=True),
    Relation("ANALYTICS", "STAGING", "SUPPLIERS", cols(r.SUPPLIERS), comment=r.SUPPLIERS.comment, owner="PROCUREMENT"),
    Relation("ANALYTICS", "STAGING", "CAMPAIGNS", cols(r.CAMPAIGNS), comment=r.CAMPAIGNS.comment, owner="MARKETING"),
    Relation("ANALYTICS", "STAGING", "EMPLOYEES", cols(r.EMPLOYEES), comment=r.EMPLOYEES.comment, owner="HR_ADMIN"),
)
_ONCE = (*_SALES, *_CRM, *_RAW, *_MARTS, *_STAGING)


def _copy(schema: str, n: int) -> str:
    """The schema's name in the n-th copy of the company."""
    return schema if n == 1 else f"{schema}_{n}"


def relations(scale: int) -> Iterator[Relation]:
    """Every declared relation; copies live in schemas of their own."""
    for n in range(1, scale + 1):
        for one in _ONCE:
            places = {s: f"{db}.{q(_copy(s, n))}" for db, s, *_ in _CONTAINERS if s}
            yield msgspec.structs.replace(
                one,
                schema=_copy(one.schema, n),
                select=one.select.format(**places) if one.select else "",
                foreign_keys=tuple(
                    msgspec.structs.replace(k, to=(k.to[0], _copy(k.to[1], n), k.to[2])) for k in one.foreign_keys
                ),
            )


def containers(scale: int) -> Iterator[tuple[str, str, str | None, str, dict[str, str]]]:
    """Database, schema (empty for a database), comment, owner role, tags."""
    for database, schema, comment, owner in _CONTAINERS:
        for n in range(1, (scale if schema else 1) + 1):
            yield database, _copy(schema, n), comment, owner, _CONTAINER_TAGS.get((database, schema), {})


def statements(scale: int) -> Iterator[str]:
    """Everything that makes the estate, in order."""
    for database, schema, comment, owner, _ in containers(scale):
        kind, name = ("SCHEMA", f"{database}.{q(schema)}") if schema else ("DATABASE", database)
        yield f"CREATE {kind} {name}" + (f" COMMENT = {text(comment)}" if comment else "")
        yield f"GRANT OWNERSHIP ON {kind} {name} TO ROLE {owner}"
    for relation in relations(scale):
        yield rel.create(relation)
        kind = "VIEW" if "view" in relation.kind else "TABLE"
        yield f"GRANT OWNERSHIP ON {kind} {rel.address(relation)} TO ROLE {relation.owner}"
        if relation.rows:
            yield f"INSERT INTO {rel.address(relation)} VALUES {', '.join(f'({row})' for row in relation.rows)}"
    yield from _account_usage(scale)


def _account_usage(scale: int) -> Iterator[str]:
    """The views that fakesnow lacks, as tables."""
    home = "SNOWFLAKE.ACCOUNT_USAGE"
    yield "CREATE DATABASE SNOWFLAKE"
    yield f"CREATE SCHEMA {home}"
    yield (
        f"CREATE TABLE {home}.SCHEMATA (SCHEMA_ID NUMBER, SCHEMA_NAME VARCHAR, CATALOG_NAME VARCHAR,"
        " SCHEMA_OWNER VARCHAR, CREATED TIMESTAMP_LTZ, DELETED TIMESTAMP_LTZ)"
    )
    rows = [
        f"({n}, {text(s)}, {text(db)}, {text(owner)}, '2025-11-02 08:00:00', NULL)"
        for n, (db, s, _, owner, _) in enumerate(containers(scale))
        if s
    ]
    gone = "(9999, 'OLD_CRM', 'RETAIL', 'CRM_ENG', '2024-01-01 00:00:00', '2026-03-01 00:00:00')"
    yield f"INSERT INTO {home}.SCHEMATA VALUES {', '.join([*rows, gone])}"
    yield (
        f"CREATE TABLE {home}.TAG_REFERENCES (TAG_DATABASE VARCHAR, TAG_SCHEMA VARCHAR, TAG_NAME VARCHAR,"
        " TAG_VALUE VARCHAR, OBJECT_DATABASE VARCHAR, OBJECT_SCHEMA VARCHAR, OBJECT_NAME VARCHAR,"
        " OBJECT_DELETED TIMESTAMP_LTZ, DOMAIN VARCHAR, COLUMN_NAME VARCHAR, APPLY_METHOD VARCHAR)"
    )
    tagged = [
        f"('GOVERNANCE', 'TAGS', {', '.join('NULL' if v is None else text(v) for v in row)})"
        for row in _references(scale)
    ]
    for at in range(0, len(tagged), 200):
        columns = (
            "TAG_DATABASE, TAG_SCHEMA, TAG_NAME, TAG_VALUE, OBJECT_DATABASE, OBJECT_SCHEMA, OBJECT_NAME, DOMAIN,"
            " COLUMN_NAME, APPLY_METHOD"
        )
        yield f"INSERT INTO {home}.TAG_REFERENCES ({columns}) VALUES {', '.join(tagged[at : at + 200])}"


def _references(scale: int) -> Iterator[tuple[str | None, ...]]:
    for database, schema, _, _, tags in containers(scale):
        for tag, value in tags.items():
            if schema:
                yield tag, value, database, None, schema, "SCHEMA", None, "MANUAL"
            else:
                yield tag, value, None, None, database, "DATABASE", None, "MANUAL"
    for one in relations(scale):
        for tag, value in one.tags:
            yield tag, value, one.database, one.schema, one.name, "TABLE", None, "MANUAL"
        for column in one.columns:
            for tag, value in column.tags:
                yield tag, value, one.database, one.schema, one.name, "COLUMN", column.name, "CLASSIFIED"
