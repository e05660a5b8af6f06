"""How each source system that Purview scans writes a column's type, and the inventory rows that must come of it."""

from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from governance.model import Column
from sandbox.company.fields import Field, Plain, Type, canonical, columns, hive, path_part

Json = dict[str, Any]


class Written(msgspec.Struct, frozen=True):
    """One column type as posted (`attributes`), as its text reads, and in the inventory's word."""

    attributes: Json
    native: str
    type: str


_TSQL = {
    "string": ("nvarchar", {"length": 255}, "nvarchar(255)", "varchar(255)"),
    "bigint": ("bigint", {"length": 8, "precision": 19}, "bigint", "bigint"),
    "int": ("int", {"length": 4, "precision": 10}, "int", "int"),
    "double": ("float", {"length": 8, "precision": 53}, "float", "double"),
    "float": ("real", {"length": 4, "precision": 24}, "real", "float"),
    "boolean": ("bit", {"length": 1, "precision": 1}, "bit", "boolean"),
    "date": ("date", {"length": 3, "precision": 10}, "date", "date"),
    "timestamp": ("datetime2", {"length": 8, "precision": 27, "scale": 7}, "datetime2", "timestamp_ntz"),
    "decimal(12,2)": ("decimal", {"length": 9, "precision": 12, "scale": 2}, "decimal(12,2)", "decimal(12,2)"),
    "decimal(5,4)": ("decimal", {"length": 5, "precision": 5, "scale": 4}, "decimal(5,4)", "decimal(5,4)"),
    "char(3)": ("nchar", {"length": 3}, "nchar(3)", "char(3)"),
    "char(2)": ("nchar", {"length": 2}, "nchar(2)", "char(2)"),
}
_SNOWFLAKE = {
    "string": ("TEXT", {"length": 16777216}, "TEXT(16777216)", "string"),
    "bigint": ("NUMBER", {"precision": 38}, "NUMBER(38,0)", "decimal(38,0)"),
    "int": ("NUMBER", {"precision": 38}, "NUMBER(38,0)", "decimal(38,0)"),
    "double": ("FLOAT", {}, "FLOAT", "double"),
    "float": ("FLOAT", {}, "FLOAT", "double"),
    "boolean": ("BOOLEAN", {}, "BOOLEAN", "boolean"),
    "date": ("DATE", {}, "DATE", "date"),
    "timestamp": ("TIMESTAMP_NTZ", {}, "TIMESTAMP_NTZ", "timestamp_ntz"),
    "decimal(12,2)": ("NUMBER", {"precision": 12, "scale": 2}, "NUMBER(12,2)", "decimal(12,2)"),
    "decimal(5,4)": ("NUMBER", {"precision": 5, "scale": 4}, "NUMBER(5,4)", "decimal(5,4)"),
    "char(3)": ("TEXT", {"length": 3}, "TEXT(3)", "varchar(3)"),
    "char(2)": ("TEXT", {"length": 2}, "TEXT(2)", "varchar(2)"),
}
_POWERBI = {
    "bigint": ("Int64", "bigint"),
    "int": ("Int64", "bigint"),
    "double": ("Double", "double"),
    "float": ("Double", "double"),
    "boolean": ("Boolean", "boolean"),
    "date": ("DateTime", "timestamp_ntz"),
    "timestamp": ("DateTime", "timestamp_ntz"),
    "decimal(12,2)": ("Decimal", "decimal"),
    "decimal(5,4)": ("Decimal", "decimal"),
}


def tsql(of: Type) -> Written:
    """Azure SQL and Synapse: word, length, precision and scale apart; nested data is kept as JSON text."""
    if not isinstance(of, Plain):
        return Written({"data_type": "nvarchar", "length": -1}, "nvarchar(max)", "string")
    word, numbers, native, name = _TSQL[of.word]
    return Written({"data_type": word, **numbers}, native, name)


def snowflake(of: Type) -> Written:
    """Snowflake: as its information schema has it; nested data is VARIANT."""
    if not isinstance(of, Plain):
        return Written({"data_type": "VARIANT"}, "VARIANT", "variant")
    word, numbers, native, name = _SNOWFLAKE[of.word]
    return Written({"data_type": word, **numbers}, native, name)


def powerbi(of: Type) -> Written:
    """Power BI: one of its few words."""
    word, name = _POWERBI.get(of.word, ("String", "string")) if isinstance(of, Plain) else ("String", "string")
    return Written({"dataType": word}, word, name)


def whole(of: Type) -> Written:
    """Hive, and the files that a scan reads: one text, nested types and all."""
    return Written({"type": hive(of)}, hive(of), canonical(of))


def texts(of: Type) -> Written:
    """Delimited files, where a scan knows of texts only."""
    return Written({"type": "string"}, "string", "string")


def expected(fields: Sequence[Field], write: Callable[[Type], Written]) -> tuple[Column, ...]:
    """The inventory rows; Purview tells of no nullability and has no comments inside of types."""
    if write is not whole:
        return tuple(
            Column(
                path=path_part(f.name),
                ordinal=n,
                native_type=write(f.type).native,
                type=write(f.type).type,
                comment=f.comment,
            )
            for n, f in enumerate(fields, 1)
        )
    return tuple(msgspec.structs.replace(row, nullable=None) for row in columns(fields, hive))
