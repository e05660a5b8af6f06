"""What the company keeps in its lake: databases, tables and Lake Formation tags."""

from collections.abc import Iterator
from typing import Any

import msgspec

from sandbox.company import retail
from sandbox.company.fields import Array, Field, Map, Plain, Struct
from sandbox.company.statistics import DEFAULT_SEED, drawn
from sandbox.glue.gate import PARTNER

STRING, INT, BIGINT, DATE = Plain("string"), Plain("int"), Plain("bigint"), Plain("date")


class Table(msgspec.Struct, frozen=True):
    """One table: `kind` is the inventory's word, `parameters` what Glue holds beside the statistics."""

    name: str
    fields: tuple[Field, ...] = ()
    kind: str = "external_table"
    comment: str | None = None
    owner: str | None = None
    format: str | None = "parquet"
    rows: int | None = None
    size_bytes: int | None = None
    statistics: tuple[str, str] = ("recordCount", "sizeKey")
    parameters: dict[str, str] = {}
    sql: str | None = None
    target: tuple[str, str, str] | None = None
    tags: dict[str, str] = {}
    sample: str | None = None
    """What a real file under the location holds, as text."""


class Database(msgspec.Struct, frozen=True):
    """One database; `target` makes it a resource link to another account's."""

    name: str
    comment: str | None = None
    location: str | None = None
    parameters: dict[str, str] = {}
    tags: dict[str, str] = {}
    tables: tuple[Table, ...] = ()
    target: tuple[str, str] | None = None


TAG_VALUES = {
    "domain": ["sales", "crm", "web", "finance", "operations"],
    "sensitivity": ["public", "internal", "confidential", "restricted"],
    "pii": sorted({f.sensitive.lower() for e in retail.ENTITIES for f in e.fields if f.sensitive}),
}


def _of(entity: retail.Entity, *partitions: Field, **other: Any) -> Table:
    """A table of a logical one; partition keys come last, as Hive keeps them."""
    given = {
        "name": entity.name,
        "fields": (*entity.fields, *(msgspec.structs.replace(p, partition=True) for p in partitions)),
        "comment": entity.comment,
        "owner": entity.team,
        "rows": entity.rows,
        "size_bytes": entity.size_bytes,
    }
    return Table(**{**given, **other})


def _view(name: str, sql: str, fields: tuple[Field, ...], comment: str | None = None) -> Table:
    return Table(name, fields, "view", comment, "analytics", None, sql=sql, parameters={"presto_view": "true"})


_LINE = Struct((Field("text", STRING), Field("net", retail.MONEY)))
_DEEP = Struct(
    (
        Field("a", Array(Map(STRING, Struct((Field("b", Array(Array(INT))), Field("c", Map(STRING, DATE))))))),
        Field("straße", STRING),
    )
)
_SALES = (
    _of(retail.ORDERS, Field("order_date", DATE, "Partition: day of ordered_at")),
    _of(retail.ORDER_ITEMS, statistics=("numRows", "totalSize")),
    _of(
        retail.PRODUCTS,
        format="json",
        parameters={"compressionType": "none", "CrawlerSchemaDeserializerVersion": "1.0"},
    ),
    _of(retail.CATEGORIES, format="avro"),
    _of(
        retail.STORES,
        format="csv",
        parameters={"skip.header.line.count": "1", "delimiter": ","},
        sample="store_id,name,city,country,opened_on,location\n1,Mitte,Berlin,DE,2011-04-01,\n2,Chiado,Lisboa,PT,2015-09-12,\n",
    ),
    _of(retail.DAILY_SALES, Field("year", INT), Field("month", INT, "1–12"), tags={"sensitivity": "confidential"}),
    _view(
        "v_revenue_by_store",
        'SELECT store_id, sum(revenue) AS revenue\nFROM sales.daily_sales -- "net" of returns\nGROUP BY 1',
        (Field("store_id", INT), Field("revenue", Plain("decimal(38,2)"), "Gross")),
        "Revenue; don't join on name",
    ),
    _view(
        "v_revenue_by_country",
        "SELECT s.country, sum(r.revenue) AS revenue\n"
        "FROM sales.v_revenue_by_store r JOIN sales.stores s ON s.store_id = r.store_id GROUP BY s.country",
        (Field("country", Plain("char(2)")), Field("revenue", Plain("decimal(38,2)"))),
    ),
    _view(
        "v_best_countries",
        "SELECT country, revenue AS best_revenue FROM v_revenue_by_country WHERE revenue > 1000000",
        (Field("country", Plain("char(2)")), Field("best_revenue", Plain("decimal(38,2)"))),
        "The third view on daily_sales",
    ),
)
_CRM = (
    _of(
        retail.CUSTOMERS,
        kind="iceberg_table",
        format="iceberg",
        rows=None,
        size_bytes=None,
        parameters={
            "table_type": "ICEBERG",
            "metadata_location": "s3://acme-lake/crm/customers/metadata/00007-3f1c.metadata.json",
        },
        tags={"sensitivity": "restricted"},
    ),
    _of(retail.LOYALTY, format="orc"),
    _of(retail.CAMPAIGNS, format="csv", comment='Budgets in "k€"; it\'s the plan, not the actuals 📈'),
    Table("customer_scores", kind="resource_link", target=(PARTNER, "partner", "scores"), format=None),
)
_WEB = (
    _of(
        retail.WEB_EVENTS,
        Field("event_date", STRING, "yyyy-mm-dd"),
        Field("hour", INT),
        format="json",
        parameters={"projection.enabled": "true", "projection.event_date.type": "date"},
        sample='{"event_id":"e1","session_id":"s1","customer_id":7,"ip":"192.0.2.1"}\n',
    ),
    Table(
        "sessions",
        (Field("session_id", STRING), Field("pages", Array(STRING)), Field("ended", Plain("boolean"))),
        comment="Sessionised clicks",
        owner="web",
        format="hudi",
        rows=81_220_014,
        parameters={"spark.sql.sources.provider": "hudi"},
        statistics=("spark.sql.statistics.numRows", "spark.sql.statistics.totalSize"),
    ),
    Table(
        "deep_payloads",
        (
            Field("id", Plain("varchar(36)"), 'Größe 36, "uuid"'),
            Field("payload", _DEEP, "Four levels down 🪆"),
            Field("raw", Plain("binary")),
            Field("score", Plain("tinyint")),
            Field("weight", Plain("smallint")),
        ),
        owner="web",
        parameters={"Mixed-Case.Name": "Kept As Is", "mixed-case.name": "and so is this"},
    ),
)
_FINANCE = (
    _of(retail.PAYMENTS, Field("captured_on", DATE), tags={"sensitivity": "restricted"}),
    _of(retail.SUPPLIERS, format="orc"),
    Table(
        "invoices",
        (Field("invoice_no", STRING, "Gap-free"), Field("total", retail.MONEY), Field("lines", Array(_LINE))),
        comment="Delta, written by the billing job",
        owner="finance",
        format="delta",
        parameters={"spark.sql.sources.provider": "delta"},
    ),
    Table("chart_of_accounts", (Field("account", INT), Field("title", STRING)), "table", owner="finance", rows=0),
    _view(
        "v_open_invoices", "SELECT invoice_no FROM finance_db.invoices WHERE total > 0", (Field("invoice_no", STRING),)
    ),
)
_OPS = (
    _of(retail.SHIPMENTS, Field("carrier_code", Plain("char(4)"))),
    _of(retail.RETURNS),
    _of(retail.STOCK, Field("snapshot_day", STRING), format="orc"),
    _of(retail.EMPLOYEES, format="csv", tags={"sensitivity": "restricted"}),
)

PARTNER_DATABASES = (
    Database(
        "partner",
        "What the partner shares with us",
        tables=(Table("scores", (Field("customer_id", BIGINT), Field("score", Plain("double"))), owner="partner"),),
    ),
)


def databases(scale: int = 1, seed: int = DEFAULT_SEED) -> Iterator[Database]:
    """The account's databases; a scale above one repeats each as `sales_2`, `sales_3`."""
    declared = (
        Database("sales", "Orders & what follows; it's the core", "s3://acme-lake/sales/", {"Steward": "Ana"},
                 {"domain": "sales", "sensitivity": "internal"}, _SALES),
        Database("crm", "Customers", "s3://acme-lake/crm/", {}, {"domain": "crm", "sensitivity": "confidential"}, _CRM),
        Database("web", "Clickstream 🌐", None, {}, {"domain": "web"}, _WEB),
        Database("finance_db", None, "s3://acme-finance/", {}, {"domain": "finance"}, _FINANCE),
        Database("ops", "Logistics, stores, staff", "s3://acme-lake/ops/", {"tier": "2"}, {}, _OPS),
    )  # fmt: skip
    for turn in range(1, scale + 1):
        for one in declared:
            name = one.name if turn == 1 else f"{one.name}_{turn}"
            tables = tuple(drawn(t, seed, name, t.name, copy=turn > 1) for t in one.tables)
            yield msgspec.structs.replace(one, name=name, tables=tables)
    yield Database("partner_share", "Link to the partner's catalog", target=(PARTNER, "partner"))


def location(database: Database, table: Table) -> str | None:
    """Where a table's files are; views and links have none."""
    if table.format is None:
        return None
    return f"{database.location or f's3://acme-lake/{database.name}/'}{table.name}/"
