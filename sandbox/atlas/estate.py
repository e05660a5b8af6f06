"""What Harbour & Pine keeps in Atlas: Hive, a point-of-sale database, Kafka, HDFS, and the feature store of its own."""

from collections.abc import Iterator
from typing import Any

from sandbox.atlas.declarations import CLUSTER, Asset, Mark, Parent, qualified
from sandbox.atlas.standard import entity, relation
from sandbox.company import retail
from sandbox.company.fields import Array, Field, Map, Plain, Struct

GLOSSARY = "Retail"
LAKE_CUSTOMERS = "s3a://acme-lake/crm/customers"
TERMS = {"Customer": "Anyone who ever bought or signed up", "Order": "A basket that was paid", "Net Revenue": None}

_CLASSES = {
    "PII": ("", "Personal data", ""),
    "PII.Email": ("PII", "E-mail addresses", "confidence:float reviewer"),
    "PII.Name": ("PII", "Names of people", ""),
    "PII.Other": ("PII", "Any other personal data", ""),
    "Confidential": ("", "Not to leave the company", "until"),
}
_OF_SENSITIVE = {"EMAIL": "PII.Email", "PERSON_NAME": "PII.Name"}

TYPES: dict[str, Any] = {
    "classificationDefs": [
        {**entity(name, parents, attributes), "description": text}
        for name, (parents, text, attributes) in _CLASSES.items()
    ],
    "entityDefs": [
        entity(
            "retail_feature_table",
            "DataSet",
            "entity_key features:array<string> refresh_hours:int online:boolean slo:map<string,string>",
            schemaElementsAttribute="feature_columns",
        ),
        entity("retail_feature", "DataSet", "data_type! position:int formula"),
        entity("spark_column_lineage", "Process"),
    ],
    "relationshipDefs": [
        relation(
            "retail_feature_table_features",
            "COMPOSITION",
            "retail_feature_table.feature_columns+*",
            "retail_feature.feature_table",
        ),
        relation(
            "spark_process_column_lineages",
            "COMPOSITION",
            "spark_column_lineage.process",
            "spark_process.columnLineages+*",
        ),
    ],
    "businessMetadataDefs": [
        {
            "name": "Stewardship",
            "attributeDefs": [
                {
                    "name": name,
                    "typeName": type_name,
                    "isOptional": True,
                    "options": {"applicableEntityTypes": '["DataSet"]', "maxStrLength": "50"},
                }
                for name, type_name in (("cost_centre", "string"), ("tier", "int"))
            ],
        }
    ],
}

_FORMATS = {
    "orc": ("org.apache.hadoop.hive.ql.io.orc.OrcInputFormat", "org.apache.hadoop.hive.ql.io.orc.OrcOutputFormat"),
    "parquet": (
        "org.apache.hadoop.hive.ql.io.parquet.MapredParquetInputFormat",
        "org.apache.hadoop.hive.ql.io.parquet.MapredParquetOutputFormat",
    ),
}
_DBS = {
    "sales": (retail.ORDERS, retail.ORDER_ITEMS, retail.PAYMENTS, retail.DAILY_SALES, retail.RETURNS),
    "crm": (retail.CUSTOMERS, retail.LOYALTY, retail.CAMPAIGNS),
    "web": (retail.WEB_EVENTS, retail.SHIPMENTS),
}
_POS = (retail.STORES, retail.SUPPLIERS, retail.EMPLOYEES, retail.STOCK)
_GOLD = {"Stewardship": {"cost_centre": "4711", "tier": 1}}


def assets(scale: int = 1) -> Iterator[Asset]:
    """Every dataset, the deleted one too; each further `scale` repeats the Hive part under other names."""
    for n in range(scale):
        yield from _hive("" if n == 0 else f"_{n:03d}")
    yield from _legacy()
    yield from _point_of_sale()
    yield from _streams()
    yield from _lake()
    yield from _features()


def marks_of(field: Field) -> tuple[Mark, ...]:
    """The classifications that a steward's word on a field became."""
    if field.sensitive is None:
        return ()
    name = _OF_SENSITIVE.get(field.sensitive, "PII.Other")
    return (Mark(name, {"confidence": 0.75, "reviewer": "amy"} if name == "PII.Email" else {}, propagate=False),)


# --- Hive ---


def _db(name: str) -> Parent:
    attributes = {
        "clusterName": CLUSTER,
        "location": f"hdfs://{CLUSTER}/warehouse/{name}.db",
        "owner": "etl",
        "description": f"The {name} area",
    }
    return Parent("hive_db", qualified(name), name, attributes)


def _hive(suffix: str) -> Iterator[Asset]:
    for db_name, entities in _DBS.items():
        db = _db(db_name + suffix)
        for one in entities:
            yield _hive_table(db, one)
    yield Asset(
        "hive_table",
        qualified(f"sales{suffix}", "tmp_orders_2019"),
        "tmp_orders_2019",
        "table",
        {"tableType": "MANAGED_TABLE"},
        retail.STORES.fields,
        _db(f"sales{suffix}"),
        deleted=True,
    )


def _hive_table(db: Parent, one: retail.Entity) -> Asset:
    kind, table_type = {
        "daily_sales": ("view", "VIRTUAL_VIEW"),
        "web_events": ("external_table", "EXTERNAL_TABLE"),
    }.get(one.name, ("table", "MANAGED_TABLE"))
    attributes: dict[str, Any] = {
        "owner": one.team,
        "comment": one.comment,
        "tableType": table_type,
        "createTime": 1_600_000_000_000,
        "parameters": {"numRows": str(one.rows), "totalSize": str(one.size_bytes), "bucketing_version": "2"},
    }
    fields = one.fields
    if kind == "view":
        attributes["viewOriginalText"] = f"select * from {db.name}.orders -- {one.comment}"
    if kind == "external_table":
        fields = (*fields, Field("dt", Plain("date"), "Day of arrival", partition=True))
    format_name = None if kind == "view" else "parquet" if kind == "external_table" else "orc"
    return Asset(
        "hive_table",
        qualified(db.name, one.name),
        one.name,
        kind,
        attributes,
        fields,
        db,
        storage=_storage(db, one.name, format_name) if format_name else {},
        format=format_name,
        **_stewards(one.name),
    )


def _storage(db: Parent, table: str, format_name: str) -> dict[str, Any]:
    read, write = _FORMATS[format_name]
    return {
        "location": f"{db.attributes['location']}/{table}",
        "inputFormat": read,
        "outputFormat": write,
        "compressed": False,
    }


def _stewards(table: str) -> dict[str, Any]:
    """What stewards added to the tables they care about."""
    added: dict[str, dict[str, Any]] = {
        "customers": {"marks": (Mark("PII"),), "terms": ("Customer",), "labels": ("gold", "gdpr"), "business": _GOLD},
        "orders": {
            "marks": (Mark("Confidential", {"until": "2030-01-01"}, propagate=False),),
            "terms": ("Order",),
            "labels": ("gold",),
            "business": _GOLD,
        },
        "daily_sales": {"terms": ("Net Revenue", "Order"), "business": {"Stewardship": {"tier": 2}}},
    }
    return added.get(table, {})


def _legacy() -> Iterator[Asset]:
    """Names that break naive tools: mixed case, spaces, quotes, other scripts, two that differ in case only."""
    db = _db("Legacy_DWH")
    odd = (
        Field("Straße", Plain("string"), 'Said "as is"; l\'adresse'),
        Field("a.b", Plain("int"), "A dot in a name"),
        Field("价格", Plain("decimal(18,4)"), "Prix 💶"),
        Field("nested", Array(Struct((Field("k", Plain("string")), Field("v", Map(Plain("string"), Plain("int"))))))),
    )
    for name in ("Orders", "orders", 'Kunden "alt" 2001', "注文_履歴"):
        attributes = {"tableType": "MANAGED_TABLE", "comment": f"Left from the old warehouse: {name} ✂️"}
        yield Asset("hive_table", f"Legacy_DWH.{name}@{CLUSTER}", name, "table", attributes, odd, db)


# --- everything else ---


def _point_of_sale() -> Iterator[Asset]:
    instance = Parent(
        "rdbms_instance",
        f"pos-db-01@{CLUSTER}",
        "pos-db-01",
        {"rdbms_type": "POSTGRESQL", "hostname": "pos-db-01.example", "port": 5432},
        dataset=True,
    )
    db = Parent("rdbms_db", f"pos@{CLUSTER}", "pos", {"prodOrOther": "prod"}, dataset=True, inside=instance)
    for parent in (instance, db):
        yield Asset(
            parent.type_name, parent.qualified_name, parent.name, parent.type_name, parent.attributes, (), parent.inside
        )
    for one in _POS:
        flat = tuple(f for f in one.fields if isinstance(f.type, Plain))
        kind = "view" if one is retail.STOCK else "table"
        attributes = {
            "type": kind.upper(),
            "comment": one.comment,
            "owner": one.team,
            "name_path": f"public.{one.name}",
        }
        yield Asset("rdbms_table", qualified("pos", one.name), one.name, kind, attributes, flat, db)


def _streams() -> Iterator[Asset]:
    for name, partitions in (("orders.placed", 12), ("payments.captured", 6), ("web-events.raw", 48)):
        attributes = {"topic": name, "uri": f"kafka://broker:9092/{name}", "partitionCount": partitions}
        description = f"Events of {name}"
        yield Asset(
            "kafka_topic",
            f"{name}@{CLUSTER}",
            name,
            "topic",
            {**attributes, "description": description},
            marks=(Mark("Confidential"),) if name == "orders.placed" else (),
            labels=("stream",),
        )
    for name in ("orders", "clickstream"):
        path = f"hdfs://{CLUSTER}/landing/{name}"
        yield Asset(
            "hdfs_path",
            path,
            name,
            "file_set",
            {"path": path, "clusterName": CLUSTER, "owner": "etl", "numberOfReplicas": 3},
            place=path,
        )


def _lake() -> Iterator[Asset]:
    """A folder on S3 in which a table of the source `lake` lies too."""
    bucket = Parent("aws_s3_bucket", f"s3a://acme-lake@{CLUSTER}", "acme-lake", {"region": "eu-west-1"}, dataset=True)
    yield Asset(
        bucket.type_name,
        bucket.qualified_name,
        bucket.name,
        bucket.type_name,
        bucket.attributes,
        place="s3a://acme-lake",
    )
    yield Asset(
        "aws_s3_pseudo_dir",
        f"{LAKE_CUSTOMERS}@{CLUSTER}",
        "customers",
        "file_set",
        {"objectPrefix": "/crm/customers"},
        parent=bucket,
        place=LAKE_CUSTOMERS,
    )


def _features() -> Iterator[Asset]:
    fields = (
        Field("customer_id", Plain("bigint"), None),
        Field("orders_90d", Plain("int"), "Orders in 90 days"),
        Field("embedding", Array(Plain("float")), "From the web sessions"),
    )
    yield Asset(
        "retail_feature_table",
        "features/customer_360",
        "Customer 360°",
        "retail_feature_table",
        {
            "entity_key": "customer_id",
            "features": ["orders_90d", "embedding"],
            "refresh_hours": 6,
            "online": True,
            "slo": {"freshness": "6h", "owner's pager": '"on call"'},
            "owner": "data-science",
            "description": "Features of customers, built from CRM",
        },
        fields,
        labels=("ml",),
    )
    attributes = {"entity_key": "sku", "features": [], "refresh_hours": 24, "description": "No fields declared yet"}
    yield Asset("retail_feature_table", "features/product_demand", "Product demand", "retail_feature_table", attributes)
