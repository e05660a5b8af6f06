"""What a CREATE statement declares: columns with Snowflake's types, keys, and the facts in its options."""

import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from sqlglot import exp

_LENGTHS = {"TEXT": 16_777_216, "BINARY": 8_388_608}
_INTEGERS = (exp.DType.INT, exp.DType.BIGINT, exp.DType.SMALLINT, exp.DType.TINYINT)
_WORDS = {
    exp.DType.VARCHAR: "TEXT",
    exp.DType.TEXT: "TEXT",
    exp.DType.CHAR: "TEXT",
    exp.DType.DOUBLE: "FLOAT",
    exp.DType.FLOAT: "FLOAT",
    exp.DType.VARBINARY: "BINARY",
    exp.DType.BINARY: "BINARY",
    exp.DType.TIMESTAMPLTZ: "TIMESTAMP_LTZ",
    exp.DType.TIMESTAMPTZ: "TIMESTAMP_TZ",
    exp.DType.TIMESTAMPNTZ: "TIMESTAMP_NTZ",
    exp.DType.TIMESTAMP: "TIMESTAMP_NTZ",
}
_STORED_AS = {"GEOGRAPHY": "TEXT", "GEOMETRY": "TEXT", "VECTOR": "TEXT", "BINARY": "BINARY", "MAP": "VARIANT"}


def name_of(identifier: exp.Expr) -> str:
    """The name that an identifier stands for: upper case unless quoted."""
    return str(identifier.this) if identifier.args.get("quoted") else str(identifier.this).upper()


Key = tuple[str, str, str]


@dataclass(frozen=True)
class Place:
    """The session's current database and schema."""

    database: str | None
    schema: str | None

    def relation(self, table: exp.Expr) -> Key:
        """Database, schema and name."""
        db, sch = table.args.get("catalog"), table.args.get("db")
        return (
            name_of(db) if db else self.database or "",
            name_of(sch) if sch else self.schema or "",
            name_of(table.this),
        )

    def container(self, table: exp.Expr, kind: str) -> tuple[str, str]:
        """Database and schema; the schema is empty for a database."""
        parts = [name_of(p) for p in (table.args.get("catalog"), table.args.get("db"), table.args.get("this")) if p]
        if kind == "DATABASE":
            return parts[-1], ""
        return (parts[-2] if len(parts) > 1 else self.database or "", parts[-1])


class Facts:
    """What the options of a CREATE statement say."""

    def __init__(self, kind: str, options: list[exp.Expr], comment: str | None, sql: str) -> None:
        names = {type(p) for p in options}
        self.comment = comment
        self.transient = exp.TransientProperty in names
        self.secure = exp.SecureProperty in names
        self.kind = kind
        for word, option in (
            ("MATERIALIZED VIEW", exp.MaterializedProperty),
            ("DYNAMIC", exp.DynamicProperty),
            ("EXTERNAL TABLE", exp.ExternalProperty),
            ("ICEBERG", exp.IcebergProperty),
            ("TEMPORARY TABLE", exp.TemporaryProperty),
        ):
            if option in names:
                self.kind = word
        cluster = next((p for p in options if isinstance(p, exp.ClusterProperty)), None)
        self.clustering = f"LINEAR({', '.join(e.sql('snowflake') for e in cluster.expressions)})" if cluster else None
        self.text = sql if self.kind in ("VIEW", "MATERIALIZED VIEW", "DYNAMIC") else None
        lag = next((p for p in options if isinstance(p, exp.Property) and p.name.upper() == "TARGET_LAG"), None)
        self.lag = str(lag.args["value"].this) if lag else None


@dataclass(frozen=True)
class DeclaredColumn:
    """A declared column. `type` is DATA_TYPE, length, precision, scale, fraction digits.

    `dtd` identifies a structured type; `parts` are what it is made of, at any depth: whose part, field name, place,
    DATA_TYPE, length, precision, scale, own identifier.
    """

    definition: exp.ColumnDef
    name: str
    stored: str
    type: tuple[str, int | None, int | None, int | None, int | None]
    comment: str | None
    dtd: str | None
    parts: tuple[tuple[Any, ...], ...]


def declared(schema: exp.Schema, key: Key) -> tuple[list[DeclaredColumn], list[tuple[Any, ...]]]:
    """Columns and key rows: kind, constraint name, column, place in the key, referenced database to column."""
    columns: list[DeclaredColumn] = []
    keys: list[tuple[Any, ...]] = []
    for item in schema.expressions:
        if isinstance(item, exp.ColumnDef) and item.args.get("kind"):
            taken = {c.stored.upper() for c in columns}
            columns.append(column_of(item, taken))
        elif not isinstance(item, exp.ColumnDef):
            keys += _keys(item, key)
    return columns, keys


def _keys(item: exp.Expr, key: Key) -> Iterator[tuple[Any, ...]]:
    named = isinstance(item, exp.Constraint)
    name = name_of(item.this) if named else f"SYS_CONSTRAINT_{zlib.crc32(repr(key).encode())}"
    for rule in item.expressions if named else [item]:
        nothing = (None, None, None, None)
        match rule:
            case exp.PrimaryKey():
                for n, column in enumerate(rule.expressions, 1):
                    yield ("PRIMARY KEY", name, name_of(column.find(exp.Identifier)), n, *nothing)
            case exp.UniqueColumnConstraint():
                for n, column in enumerate(rule.this.expressions, 1):
                    yield ("UNIQUE", name, name_of(column.find(exp.Identifier)), n, *nothing)
            case exp.ForeignKey():
                target = rule.args["reference"].this
                other = Place(key[0], key[1]).relation(target.this)
                pairs = zip(rule.expressions, target.expressions, strict=True)
                for n, (mine, theirs) in enumerate(pairs, 1):
                    yield ("FOREIGN KEY", name, name_of(mine.find(exp.Identifier)), n, *other, name_of(theirs))


def column_of(item: exp.ColumnDef, taken: set[str] | None = None) -> DeclaredColumn:
    """The column; `taken` holds the upper-case names stored before it in the same table."""
    name = name_of(item.this)
    stored = name if name.upper() not in (taken or ()) else f"{name}\u200b{len(taken or ())}"
    said = item.find(exp.CommentColumnConstraint)
    kind = item.args["kind"]
    parts = tuple(_parts(kind, stored))
    comment = str(said.this.this) if said else None
    return DeclaredColumn(item, name, stored, _type(kind), comment, stored if parts else None, parts)


def _parts(kind: exp.DataType, mine: str) -> Iterator[tuple[Any, ...]]:
    """What a structured type is made of; `mine` identifies it."""
    if kind.this not in (exp.DType.ARRAY, exp.DType.OBJECT, exp.DType.MAP):
        return
    for place, part in enumerate(kind.expressions, 1):
        of = part.args["kind"] if isinstance(part, exp.ColumnDef) else part
        field = {exp.DType.MAP: ("KEY", "VALUE")[place - 1 : place]}.get(kind.this, ())
        name = str(part.this.this) if isinstance(part, exp.ColumnDef) else (field[0] if field else None)
        inside = tuple(_parts(of, f"{mine}.{place}"))
        word, length, precision, scale, _ = _type(of)
        yield (mine, name, place, word, length, precision, scale, f"{mine}.{place}" if inside else None)
        yield from inside


def _type(kind: exp.DataType) -> tuple[str, int | None, int | None, int | None, int | None]:
    """DATA_TYPE, length, precision, scale and fraction digits, as INFORMATION_SCHEMA.COLUMNS has them."""
    sizes = [int(p.name) for p in kind.expressions if isinstance(p, exp.DataTypeParam) and p.name.isdigit()]
    if kind.this in _INTEGERS or kind.this == exp.DType.DECIMAL:
        whole = kind.this in _INTEGERS
        precision, scale = ([*sizes, 0] if sizes and not whole else [38, 0])[:2]
        return ("NUMBER", None, precision, scale, None)
    word = _WORDS.get(kind.this, kind.this.value)
    if word in _LENGTHS:
        return (word, sizes[0] if sizes else _LENGTHS[word], None, None, None)
    if word.startswith("TIME"):
        return (word, None, None, None, sizes[0] if sizes else 9)
    return (word, None, None, None, None)


def physical(column: DeclaredColumn) -> exp.ColumnDef:
    """The column as DuckDB takes it: its stored name, and text for what only Snowflake has."""
    out = column.definition.copy()
    out.set("this", exp.to_identifier(column.stored, quoted=True))
    if stored := _STORED_AS.get(column.type[0]):
        out.set("kind", exp.DataType.build(stored))
    kept = (exp.NotNullColumnConstraint, exp.DefaultColumnConstraint)
    out.set("constraints", [c for c in out.args.get("constraints") or [] if isinstance(c.kind, kept)])
    return out
