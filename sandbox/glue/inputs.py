"""What CreateTable takes for each declared table."""

from typing import Any

from sandbox.company.fields import hive
from sandbox.glue.estate import Database, Table, location
from sandbox.glue.formats import format_of
from sandbox.glue.views import presto_view


def glue_type(table: Table) -> str:
    """Glue's TableType."""
    return {"view": "VIRTUAL_VIEW", "table": "MANAGED_TABLE"}.get(table.kind, "EXTERNAL_TABLE")


def classified(table: Table) -> dict[str, str]:
    """The `classification` that crawlers leave, on formats they know."""
    return {"classification": table.format} if table.format in ("parquet", "csv", "json", "orc", "avro") else {}


def table_input(database: Database, table: Table) -> dict[str, Any]:
    """What CreateTable takes."""
    out: dict[str, Any] = {"Name": table.name}
    if table.target is not None:
        names = ("CatalogId", "DatabaseName", "Name")
        return {**out, "TargetTable": dict(zip(names, table.target, strict=True))}
    parameters = {**table.parameters, **classified(table), "transient_lastDdlTime": "1700000000"}
    for key, value in zip(table.statistics, (table.rows, table.size_bytes), strict=True):
        if value is not None:
            parameters[key] = str(value)
    out |= {"TableType": glue_type(table), "Parameters": parameters, "Retention": 0}
    out |= {"Description": table.comment} if table.comment else {}
    out |= {"Owner": table.owner} if table.owner else {}
    told = [
        {"Name": f.name, "Type": hive(f.type), **({"Comment": f.comment} if f.comment else {})} for f in table.fields
    ]
    plain = [c for c, f in zip(told, table.fields, strict=True) if not f.partition]
    out["PartitionKeys"] = [c for c, f in zip(told, table.fields, strict=True) if f.partition]
    out["StorageDescriptor"] = {"Columns": plain}
    if table.format is not None:
        form = format_of(table.format)
        out["StorageDescriptor"] |= {
            "Location": location(database, table),
            "InputFormat": form.input_format,
            "OutputFormat": form.output_format,
            "SerdeInfo": {"SerializationLibrary": form.serde},
        }
    if table.sql is not None:
        text = presto_view(table.sql, database.name, [(f.name, hive(f.type)) for f in table.fields])
        out |= {"ViewOriginalText": text, "ViewExpandedText": "/* Presto View */"}
    return out
