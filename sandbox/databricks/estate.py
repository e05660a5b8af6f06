"""What the company keeps in its workspace: the declarations, and the account of what an inventory must hold of them."""

from collections.abc import Iterator, Sequence

import msgspec

from governance.model import Dataset
from sandbox.company import retail
from sandbox.company.fields import Array, Field, Map, Plain, Struct
from sandbox.company.retail import Entity
from sandbox.company.statistics import drawn
from sandbox.databricks.declared import Catalog, Function, Model, Owner, Schema, Table, Volume, datasets

ANA = Owner("ana.lópez@acme.example", "user")
LOADER = Owner("0c3d9b52-7f6e-4c11-8a70-2f1f6f4c9d10", "service_principal")
_UC = "s3://acme-uc/__unitystorage"
_STRING, _TIMESTAMP = Plain("string"), Plain("timestamp")


def _of(entity: Entity, place: str, **other: object) -> Table:
    """The company's logical table as a managed Delta table; `place` is its storage."""
    base = Table(
        name=entity.name,
        fields=entity.fields,
        comment=entity.comment,
        location=f"{place}/{entity.name}",
        rows=entity.rows,
        size_bytes=entity.size_bytes,
        properties={"delta.minReaderVersion": "1", "delta.minWriterVersion": "2"},
    )
    return msgspec.structs.replace(base, **other)


def _some(entity: Entity, *names: str) -> tuple[Field, ...]:
    return tuple(f for f in entity.fields if f.name in names)


_EVERY_TYPE = (
    Field("tiny", Plain("tinyint")),
    Field("small", Plain("smallint")),
    Field("real_number", Plain("float"), nullable=False),
    Field("flag", Plain("boolean")),
    Field("code", Plain("char(3)")),
    Field("label", Plain("varchar(40)"), "At most forty characters"),
    Field("raw", Plain("binary")),
    Field("wall_clock", Plain("timestamp_ntz")),
    Field("anything", Plain("variant")),
    Field("größe in €", Plain("decimal(38,18)"), "A name that SQL must quote"),
    Field("dotted.name", _STRING),
    Field(
        "deep",
        Array(
            Map(
                _STRING,
                Struct(
                    (
                        Field("level one", Struct((Field("values", Array(Plain("double"))), Field("note", _STRING)))),
                        Field("at", _TIMESTAMP),
                        Field(
                            "by",
                            Map(Plain("int"), Array(Struct((Field("who", _STRING), Field("ok", Plain("boolean")))))),
                        ),
                    )
                ),
            )
        ),
        "Array of map of struct of struct 🪆",
    ),
)

_SALES = Schema(
    "sales",
    'Orders & what follows; "gold" only',
    properties={"layer": "gold"},
    tags={"domain": "sales"},
    tables=(
        _of(
            retail.ORDERS,
            f"{_UC}/main/sales",
            partitions=("currency",),
            properties={"delta.enableChangeDataFeed": "true", "quality": "gold"},
            tags={"domain": "sales", "certified": ""},
            column_tags={"note": {"free_text": "yes"}},
            row_filter={"function_name": "main.governance.only_own_store", "input_column_names": ["store_id"]},
        ),
        _of(retail.ORDER_ITEMS, f"{_UC}/main/sales"),
        _of(retail.PAYMENTS, f"{_UC}/main/sales", owner=LOADER, tags={"pci": "out of scope"}),
        _of(retail.RETURNS, f"{_UC}/main/sales", comment=None, properties={}),
        Table(
            "orders_open",
            _some(retail.ORDERS, "order_id", "customer_id", "ordered_at", "total"),
            type="VIEW",
            format=None,
            comment='Not shipped yet; it\'s a "view"',
            view_text="SELECT order_id, customer_id, ordered_at, total\n"
            "FROM main.sales.orders WHERE status IN ('placed', 'paid')",
            reads=("main.sales.orders",),
            owner=ANA,
        ),
        # a view on a view on a view
        Table(
            "open_by_customer",
            (Field("customer_id", Plain("bigint")), Field("outstanding", Plain("decimal(22,2)"))),
            type="VIEW",
            format=None,
            view_text="SELECT customer_id, sum(total) AS outstanding\nFROM main.sales.orders_open GROUP BY customer_id",
            reads=("main.sales.orders_open",),
            owner=ANA,
        ),
        Table(
            "open_ranked",
            (
                Field("customer_id", Plain("bigint")),
                Field("outstanding", Plain("decimal(22,2)")),
                Field("place", Plain("int"), nullable=False),
            ),
            type="VIEW",
            format=None,
            view_text="SELECT customer_id, outstanding, rank() OVER (ORDER BY outstanding DESC) AS place\n"
            "FROM main.sales.open_by_customer",
            reads=("main.sales.open_by_customer",),
            owner=ANA,
        ),
        Table(
            "revenue_by_day",
            _some(retail.DAILY_SALES, "sales_date", "orders", "revenue"),
            type="MATERIALIZED_VIEW",
            format="DELTA",
            comment="Refreshed each night",
            view_text="SELECT CAST(ordered_at AS DATE) AS sales_date, count(*) AS orders, sum(total) AS revenue\n"
            "FROM main.sales.orders GROUP BY 1",
            reads=("main.sales.orders",),
            pipeline_id="7c1f2d7e-55a1-4e0c-9d5b-0b7f1c8f2a10",
        ),
        Table(
            "web_events_live",
            retail.WEB_EVENTS.fields,
            type="STREAMING_TABLE",
            comment="Clickstream as it arrives",
            view_text="SELECT * FROM STREAM read_files('/Volumes/main/landing/clicks')",
            pipeline_id="7c1f2d7e-55a1-4e0c-9d5b-0b7f1c8f2a10",
            tags={"contains_pii": "true"},
            column_tags={"ip": {"pii": "ip_address"}},
        ),
        _of(retail.DAILY_SALES, f"{_UC}/main/sales", format="ICEBERG", properties={"format-version": "2"}),
        _of(retail.CAMPAIGNS, f"{_UC}/main/sales"),
    ),
    models=(
        Model(
            "churn",
            "s3://acme-uc/models/churn",
            "Will the customer leave? 🤔",
            versions=3,
            aliases={"champion": 2, "challenger": 3},
            owner=ANA,
        ),
        Model("basket_affinity", "s3://acme-uc/models/basket_affinity"),
    ),
)

_CRM = Schema(
    "crm",
    "Customers. Handle with care",
    owner="crm_stewards",
    tags={"domain": "crm", "sensitivity": "confidential"},
    tables=(
        _of(
            retail.CUSTOMERS,
            f"{_UC}/main/crm",
            owner=Owner("crm_stewards"),
            tags={"contains_pii": "true", "domain": "crm"},
            column_tags={
                "email": {"pii": "email"},
                "phone": {"pii": "phone"},
                "birth_date": {"pii": "date_of_birth", "gdpr": "art. 4"},
            },
            masks={
                "email": {"function_name": "main.governance.mask_email"},
                "phone": {"function_name": "main.governance.mask_text", "using_column_names": ["marketing_consent"]},
            },
        ),
        _of(retail.LOYALTY, f"{_UC}/main/crm"),
    ),
)

_GOVERNANCE = Schema(
    "governance",
    "Policies as functions",
    functions=(
        Function(
            "mask_email",
            (("email", "string"),),
            "string",
            "CASE WHEN is_account_group_member('crm_stewards') THEN email ELSE '***' END",
        ),
        Function(
            "mask_text",
            (("value", "string"), ("consent", "boolean")),
            "string",
            "IF(consent, value, NULL)",
            comment='Shows what people agreed to show; "opt-in"',
        ),
        Function(
            "only_own_store", (("store_id", "int"),), "boolean", "is_account_group_member(concat('store_', store_id))"
        ),
        Function(
            "parse_iban",
            (("iban", "string"),),
            "struct<country:string,bank:string>",
            "return {'country': iban[:2], 'bank': iban[4:12]}",
            language="PYTHON",
            comment="Ländercode und Bank",
            owner=ANA,
        ),
    ),
)

_LANDING = Schema(
    "landing",
    volumes=(
        Volume(
            "clicks",
            "s3://acme-landing/clicks",
            external=True,
            comment="One file a minute",
            owner=LOADER,
            tags={"retention": "30 days"},
        ),
        Volume("invoices", f"{_UC}/main/landing/volumes/invoices", comment="PDF as received; 请勿删除"),
    ),
)

_RAW = Schema(
    "raw",
    "The lake's files, registered in place",
    tables=(
        _of(retail.CUSTOMERS, "s3://acme-lake/crm", type="EXTERNAL", format="PARQUET", properties={}, owner=LOADER),
        _of(retail.ORDERS, "s3://acme-lake/sales", type="EXTERNAL", partitions=("currency", "status"), owner=LOADER),
        _of(retail.STOCK, "s3://acme-lake/ops", type="EXTERNAL", partitions=("snapshot_date",), properties={}),
        _of(
            retail.PRODUCTS,
            "s3://acme-lake/merch",
            type="EXTERNAL",
            format="CSV",
            properties={"header": "true", "delimiter": ";"},
        ),
        Table(
            "invoices",
            _some(retail.PAYMENTS, "payment_id", "amount", "captured_at"),
            type="FOREIGN",
            format="POSTGRESQL_FORMAT",
            comment="Through the connection `erp`",
            location=None,
        ),
    ),
)

_LAB = Schema(
    "Labor_für_Daten",
    "Versuche 🧪",
    owner="ana.lópez@acme.example",
    tables=(
        Table("AllTypes", _EVERY_TYPE, location=f"{_UC}/lab/AllTypes", owner=ANA),
        Table(
            "alltypes", (Field("only", _STRING),), location=f"{_UC}/lab/alltypes", comment="Another table, spelt alike"
        ),
        Table("数据", (Field("标题", _STRING, "Titel"), Field("値", Plain("double"))), location=f"{_UC}/lab/shuju"),
    ),
    volumes=(Volume("alltypes", f"{_UC}/lab/volumes/alltypes"),),
)

CATALOGS = (
    Catalog(
        "main",
        "Where the company's tables live",
        properties={"region": "eu"},
        tags={"tier": "1"},
        schemas=(_SALES, _CRM, _GOVERNANCE, _LANDING),
    ),
    Catalog("lakehouse", None, schemas=(_RAW,)),
    Catalog("Prüfstand", "Mixed case & ünïcödé", owner="ana.lópez@acme.example", schemas=(_LAB,)),
)


def catalogs(scale: int, seed: int) -> Sequence[Catalog]:
    """The declarations, every schema repeated `scale` times under further names."""
    return [
        msgspec.structs.replace(
            catalog, schemas=tuple(_round(catalog, schema, n, seed) for n in range(scale) for schema in catalog.schemas)
        )
        for catalog in CATALOGS
    ]


def _round(catalog: Catalog, schema: Schema, n: int, seed: int) -> Schema:
    name = schema.name if not n else f"{schema.name}_{n + 1}"
    tables = tuple(drawn(t, seed, catalog.name, name, t.name, copy=n > 0) for t in schema.tables)
    return msgspec.structs.replace(schema, name=name, tables=tables)


def account(scale: int, seed: int) -> Iterator[Dataset]:
    """Every dataset of the workspace."""
    for catalog in catalogs(scale, seed):
        for schema in catalog.schemas:
            yield from datasets(catalog.name, schema)
