"""The one synthetic catalogue that everything is measured on.

Deterministic: same arguments, same bytes. Types rotate through flat, decimal and nested ones so that a parser of types
has real work to do.
"""

from typing import Any

FLAT = ["string", "bigint", "int", "double", "boolean", "date", "timestamp", "decimal(18,4)", "varchar(64)", "binary"]
NESTED = ["array<string>", "map<string,bigint>", "struct<a:int,b:string,c:array<double>>"]


def db_name(i: int) -> str:
    """The name of database `i`."""
    return f"db_{i:04d}"


def table_name(j: int) -> str:
    """The name of table `j` of a database."""
    return f"table_{j:05d}"


def col_type(j: int, k: int) -> str:
    """The type of column `k` of table `j`."""
    # every tenth column is nested, as in a lake; the rest are flat
    if k % 10 == 9:
        return NESTED[(j + k) % len(NESTED)]
    return FLAT[(j + k) % len(FLAT)]


def columns(j: int, n: int) -> list[dict[str, str]]:
    """The first `n` columns of table `j`."""
    return [{"Name": f"col_{k:03d}", "Type": col_type(j, k), "Comment": f"column {k} of table {j}"} for k in range(n)]


def table_input(i: int, j: int, n_cols: int) -> dict[str, Any]:
    """A Glue TableInput: a parquet external table, one partition key among its columns."""
    cols = columns(j, n_cols - 1)
    return {
        "Name": table_name(j),
        "Description": f"synthetic table {j} of database {i}",
        "Owner": f"team_{j % 7}",
        "TableType": "EXTERNAL_TABLE",
        "Parameters": {
            "classification": "parquet",
            "EXTERNAL": "TRUE",
            "recordCount": str(1000 * (j + 1)),
            "sensitivity": ["low", "high"][j % 2],
        },
        "PartitionKeys": [{"Name": "dt", "Type": "string", "Comment": "partition day"}],
        "StorageDescriptor": {
            "Columns": cols,
            "Location": f"s3://lake-{i}/{db_name(i)}/{table_name(j)}/",
            "InputFormat": "org.apache.hadoop.hive.ql.io.parquet.MapredParquetInputFormat",
            "OutputFormat": "org.apache.hadoop.hive.ql.io.parquet.MapredParquetOutputFormat",
            "Compressed": False,
            "NumberOfBuckets": -1,
            "SerdeInfo": {
                "SerializationLibrary": "org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe",
                "Parameters": {"serialization.format": "1"},
            },
            "SortColumns": [],
            "StoredAsSubDirectories": False,
        },
    }
