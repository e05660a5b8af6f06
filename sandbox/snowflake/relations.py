"""How the company's tables are declared in Snowflake: types, quoting, DDL. The estate is written in these."""

from collections.abc import Sequence

import msgspec

from governance.model import Tag
from sandbox.company.fields import Array, Field, Map, Plain, Struct, Type, canonical
from sandbox.company.retail import Entity

# the company's word, as Snowflake shows it, as the inventory calls it
_TYPES = {
    "string": ("VARCHAR(16777216)", "string"),
    "bigint": ("NUMBER(38,0)", "decimal(38,0)"),
    "int": ("NUMBER(38,0)", "decimal(38,0)"),
    "double": ("FLOAT", "double"),
    "float": ("FLOAT", "double"),
    "boolean": ("BOOLEAN", "boolean"),
    "date": ("DATE", "date"),
    "timestamp": ("TIMESTAMP_NTZ(9)", "timestamp_ntz"),
    "char(2)": ("VARCHAR(2)", "varchar(2)"),
    "char(3)": ("VARCHAR(3)", "varchar(3)"),
    "decimal(12,2)": ("NUMBER(12,2)", "decimal(12,2)"),
    "decimal(5,4)": ("NUMBER(5,4)", "decimal(5,4)"),
}


class Col(msgspec.Struct, frozen=True):
    """A column: its type as Snowflake shows it, and as the inventory calls it."""

    name: str
    native: str
    type: str
    nullable: bool = True
    comment: str | None = None
    tags: tuple[tuple[str, str], ...] = ()
    structured: Type | None = None
    """Of a structured column: its type, with Snowflake's words in the inventory's spelling."""


class ForeignKey(msgspec.Struct, frozen=True):
    """A declared, unenforced reference; `to` is database, schema, table."""

    name: str
    columns: tuple[str, ...]
    to: tuple[str, str, str]
    to_columns: tuple[str, ...]


class Relation(msgspec.Struct, frozen=True):
    """A table or view of any kind. `kind` is the inventory's word; `select` is a view's query."""

    database: str
    schema: str
    name: str
    columns: tuple[Col, ...]
    kind: str = "table"
    comment: str | None = None
    owner: str = "SYSADMIN"
    transient: bool = False
    secure: bool = False
    primary_key: tuple[str, ...] = ()
    unique: tuple[str, ...] = ()
    foreign_keys: tuple[ForeignKey, ...] = ()
    cluster_by: tuple[str, ...] = ()
    select: str = ""
    target_lag: str = ""
    rows: tuple[str, ...] = ()
    """Tuples of SQL literals to insert."""
    tags: tuple[tuple[str, str], ...] = ()


def col_of(field: Field) -> Col:
    """The company's field as a Snowflake column: names in upper case, what is nested is semi-structured."""
    native, word = _type(field.type)
    tags = (("PII", field.sensitive),) if field.sensitive else ()
    return Col(field.name.upper(), native, word, field.nullable, field.comment, tags)


def _type(of: Type) -> tuple[str, str]:
    match of:
        case Plain(word):
            return _TYPES[word]
        case Array():
            return "ARRAY", "array<variant>"
        case Map():
            return "VARIANT", "variant"
        case Struct():
            return "OBJECT", "object"


def structured(field: Field) -> Col:
    """The company's nested field as a column with a structured type, which Iceberg tables have."""
    of = _named(field.type)
    return Col(field.name.upper(), native(of), canonical(of), field.nullable, field.comment, structured=of)


def _named(of: Type) -> Type:
    match of:
        case Plain(word):
            return Plain(_TYPES[word][1])
        case Array(element):
            return Array(_named(element))
        case Map(key, value):
            return Map(_named(key), _named(value))
        case Struct(fields):
            return Struct(tuple(msgspec.structs.replace(f, type=_named(f.type)) for f in fields))


def native(of: Type) -> str:
    """A structured type as Snowflake shows it. INFORMATION_SCHEMA has no fraction digits for parts."""
    match of:
        case Plain(word):
            return next(shown for shown, known in _TYPES.values() if known == word).replace("NTZ(9)", "NTZ")
        case Array(element):
            return f"ARRAY({native(element)})"
        case Map(key, value):
            return f"MAP({native(key)}, {native(value)})"
        case Struct(fields):
            return f"OBJECT({', '.join(f'{f.name} {native(f.type)}' for f in fields)})"


def ddl(of: Type) -> str:
    """The type in a CREATE statement: names of fields quoted, since their case counts."""
    match of:
        case Array(element):
            return f"ARRAY({ddl(element)})"
        case Map(key, value):
            return f"MAP({ddl(key)}, {ddl(value)})"
        case Struct(fields):
            return f"OBJECT({', '.join(f'{q(f.name)} {ddl(f.type)}' for f in fields)})"
        case Plain():
            return native(of)


def cols(entity: Entity, *names: str) -> tuple[Col, ...]:
    """The entity's columns, or these of them."""
    return tuple(col_of(f) for f in entity.fields if not names or f.name in names)


def q(name: str) -> str:
    """A name as an identifier: plain where Snowflake reads it back the same."""
    plain = name.isascii() and name.replace("_", "").isalnum() and name.upper() == name and not name[0].isdigit()
    return name if plain else '"' + name.replace('"', '""') + '"'


def text(value: str) -> str:
    """A string literal."""
    return "'" + value.replace("\\", "\\\\").replace("'", "''") + "'"


def dotted(*parts: str) -> str:
    """The inventory's qualified name of these parts."""
    return ".".join('"' + p.replace('"', '""') + '"' if "." in p or '"' in p else p for p in parts)


def address(relation: Relation) -> str:
    """The relation's full name in SQL."""
    return ".".join(q(p) for p in (relation.database, relation.schema, relation.name))


def create(relation: Relation) -> str:
    """The statement that makes the relation."""
    comment = f" COMMENT = {text(relation.comment)}" if relation.comment else ""
    if relation.kind in ("view", "materialized_view"):
        words = ("SECURE " if relation.secure else "") + relation.kind.replace("_", " ").upper()
        return f"CREATE {words} {address(relation)}{comment} AS {relation.select}"
    if relation.kind == "dynamic_table":
        lag = f" TARGET_LAG = {text(relation.target_lag)} WAREHOUSE = TRANSFORM_WH"
        return f"CREATE DYNAMIC TABLE {address(relation)}{lag}{comment} AS {relation.select}"
    parts = [_column(c) for c in relation.columns] + list(_constraints(relation))
    words = {"table": "TRANSIENT TABLE" if relation.transient else "TABLE"}.get(
        relation.kind, relation.kind.replace("_", " ").upper()
    )
    cluster = f" CLUSTER BY ({', '.join(q(c) for c in relation.cluster_by)})" if relation.cluster_by else ""
    where = {
        "external_table": " LOCATION=@LANDING FILE_FORMAT=(TYPE=PARQUET)",
        "iceberg_table": " CATALOG='SNOWFLAKE' BASE_LOCATION='shipments'",
    }.get(relation.kind, "")
    return f"CREATE {words} {address(relation)} ({', '.join(parts)}){cluster}{where}{comment}"


def _column(col: Col) -> str:
    null = "" if col.nullable else " NOT NULL"
    comment = f" COMMENT {text(col.comment)}" if col.comment else ""
    return f"{q(col.name)} {ddl(col.structured) if col.structured else col.native}{null}{comment}"


def _constraints(relation: Relation) -> Sequence[str]:
    found = []
    for word, name, columns in (
        ("PRIMARY KEY", "PK", relation.primary_key),
        ("UNIQUE", "UQ", relation.unique),
    ):
        if columns:
            found.append(f"CONSTRAINT {q(f'{name}_{relation.name}')} {word} ({', '.join(q(c) for c in columns)})")
    for key in relation.foreign_keys:
        to = ".".join(q(p) for p in key.to)
        mine, theirs = ", ".join(q(c) for c in key.columns), ", ".join(q(c) for c in key.to_columns)
        found.append(f"CONSTRAINT {q(key.name)} FOREIGN KEY ({mine}) REFERENCES {to} ({theirs})")
    return found


def effective(levels: Sequence[tuple[str, dict[str, str]]], path: str = "") -> list[Tag]:
    """The tags that hold on the last level: of the same tag, the nearest level wins.

    Args:
        levels: origin and tags of each level, from the widest to the object itself.
        path: the column, empty for a relation.
    """
    nearest = {tag: (value, origin) for origin, tags in levels for tag, value in tags.items()}
    own = levels[-1][0]
    return [
        Tag(
            f"GOVERNANCE.TAGS.{tag}",
            "tag",
            path,
            value,
            inherited=origin != own,
            origin="account_usage.tag_references" if origin == own else origin,
        )
        for tag, (value, origin) in nearest.items()
    ]
