"""What Snowflake knows of its objects and fakesnow does not: kinds, owners, comments, keys, exact types, LAST_DDL.

Statements pass through here on their way to fakesnow. A `Plan` is the statement as DuckDB can run it, and what to note
down once it has run. The notes live beside fakesnow's tables, and INFORMATION_SCHEMA's views are replaced by ones that
join them, so that what a reader sees follows from the DDL that came over the wire.

Columns whose names differ in case only are one column to DuckDB: the second is stored under another name, and shown
under its own.
"""

import re
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import sqlglot
from fakesnow.instance import FakeSnow
from sqlglot import exp

from sandbox.snowflake import views

Note = Callable[[], None]
_SAID = "SELECT 'Statement executed successfully.' AS \"status\""
_SHOWN = re.compile(
    r"\s*SHOW\s+(DATABASES|PRIMARY KEYS|UNIQUE KEYS|IMPORTED KEYS|MATERIALIZED VIEWS|DYNAMIC TABLES)\b"
    r"(?:\s+IN\s+SCHEMA\s+(?P<scope>.+?))?\s*;?\s*$",
    re.IGNORECASE | re.DOTALL,
)
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
_STORED_AS = {"GEOGRAPHY": "TEXT", "GEOMETRY": "TEXT", "VECTOR": "TEXT", "BINARY": "BINARY"}


@dataclass(frozen=True)
class Plan:
    """A statement for fakesnow, and what to note when it has succeeded."""

    sql: str
    note: Note | None = None


def name_of(identifier: exp.Expr) -> str:
    """The name that an identifier stands for: upper case unless quoted."""
    return str(identifier.this) if identifier.args.get("quoted") else str(identifier.this).upper()


class Catalogue:
    """The notes on one fakesnow instance; safe to use from several threads."""

    def __init__(self, instance: FakeSnow) -> None:
        self._duck = instance.duck_conn.cursor()
        self._lock = threading.Lock()
        self._lost: frozenset[str] = frozenset()
        self._run(views.NOTES)

    def _run(self, sql: str, values: Any = None) -> list[tuple[Any, ...]]:
        with self._lock:
            rows: list[tuple[Any, ...]] = self._duck.execute(sql, values).fetchall()
            return rows

    def plan(self, sql: str, database: str | None, schema: str | None) -> Plan:
        """How to run this statement; itself where there is nothing to add."""
        if shown := _SHOWN.match(sql):
            return Plan(self._show(shown[1].upper(), shown["scope"]))
        word = sql.lstrip()[:8].split(maxsplit=1)[0].upper() if sql.strip() else ""
        if word not in ("CREATE", "ALTER", "COMMENT", "GRANT"):
            return Plan(re.sub(r"INFORMATION_SCHEMA\.TABLE_CONSTRAINTS", views.CONSTRAINTS, sql, flags=re.IGNORECASE))
        try:
            tree = sqlglot.parse_one(sql, read="snowflake")
        except sqlglot.errors.ParseError:
            return Plan(sql)  # fakesnow answers with the syntax error
        at = _Place(database, schema)
        match tree:
            case exp.Create():
                return self._create(tree, sql, at)
            case exp.Alter():
                return self._alter(tree, sql, at)
            case exp.Comment():
                return self._comment(tree, at)
            case exp.Grant():
                return self._grant(tree, at)
        return Plan(sql)

    def lose(self, scopes: Iterator[str], everything: bool) -> None:
        """Leaves exactly these `DATABASE.SCHEMA` out of every listing."""
        lost = frozenset(scopes) | ({"*"} if everything else set())
        if lost != self._lost:
            self._run(f"DELETE FROM {views.HOUSE}.lost")
            for name in lost:
                self._run(f"INSERT INTO {views.HOUSE}.lost VALUES (?)", [name])
            self._lost = lost

    def schemas(self) -> list[tuple[str, str]]:
        """Database and schema of every schema."""
        rows = self._run(f"SELECT db, sch FROM {views.HOUSE}.containers WHERE sch <> ''")
        return [(str(db), str(sch)) for db, sch in rows]

    def _show(self, what: str, scope: str | None) -> str:
        where = ""
        if scope:
            table = exp.to_table(scope, dialect="snowflake")
            db, sch = _text(name_of(table.args["db"])), _text(name_of(table.this))
            where = f' WHERE "{views.SHOW_SCOPE[what][0]}" = {db} AND "{views.SHOW_SCOPE[what][1]}" = {sch}'
        return f"SELECT * FROM {views.HOUSE}.{views.SHOWN[what]}{where}"

    def _create(self, tree: exp.Create, sql: str, at: "_Place") -> Plan:
        kind = str(tree.args["kind"]).upper()
        options = list(tree.args["properties"].expressions) if tree.args.get("properties") else []
        comment = next((p.this.this for p in options if isinstance(p, exp.SchemaCommentProperty)), None)
        if kind in ("DATABASE", "SCHEMA"):
            db, sch = at.container(tree.this, kind)
            tree.set("properties", None)
            return Plan(tree.sql("snowflake"), lambda: self._new_container(db, sch, comment))
        if kind not in ("TABLE", "VIEW"):
            return Plan(sql)
        table = tree.find(exp.Table)
        assert table is not None
        key = at.relation(table)
        facts = _Facts(kind, options, comment, sql)
        columns, keys = _declared(tree.this, key) if isinstance(tree.this, exp.Schema) else ([], [])
        if kind == "TABLE" and columns:
            tree.this.set("expressions", [_physical(c) for c in columns])
        tree.set("properties", None)
        return Plan(tree.sql("snowflake"), lambda: self._new_relation(key, facts, columns, keys))

    def _new_container(self, db: str, sch: str, comment: str | None) -> None:
        if not sch:
            for view in views.per_database(db):
                self._run(view)
        self._run(
            f"INSERT OR REPLACE INTO {views.HOUSE}.containers VALUES (?, ?, 'SYSADMIN', ?, now())", [db, sch, comment]
        )

    def _new_relation(self, key: "Key", facts: "_Facts", columns: list["_Column"], keys: list[tuple[Any, ...]]) -> None:
        self._forget(key)
        self._run(
            f"INSERT INTO {views.HOUSE}.relations VALUES (?, ?, ?, ?, ?, ?, ?, 'SYSADMIN', ?, ?, ?, now())",
            [*key, facts.kind, facts.transient, facts.clustering, facts.comment, facts.text, facts.secure, facts.lag],
        )
        for column in columns:
            self._note_column(key, column)
        for row in keys:
            self._run(f"INSERT INTO {views.HOUSE}.keys VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", [*key, *row])

    def _forget(self, key: "Key") -> None:
        for table in ("relations", "columns", "keys"):
            self._run(f"DELETE FROM {views.HOUSE}.{table} WHERE db = ? AND sch = ? AND tbl = ?", list(key))

    def _note_column(self, key: "Key", column: "_Column") -> None:
        self._run(
            f"INSERT OR REPLACE INTO {views.HOUSE}.columns VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            [*key, column.stored, column.name, *column.type, column.comment],
        )

    def _touch(self, key: "Key") -> None:
        self._run(
            f"UPDATE {views.HOUSE}.relations SET ddl_at = now() WHERE db = ? AND sch = ? AND tbl = ?",
            list(key),
        )

    def _alter(self, tree: exp.Alter, sql: str, at: "_Place") -> Plan:
        if str(tree.args.get("kind")).upper() not in ("TABLE", "VIEW"):
            return Plan(sql)
        key = at.relation(tree.this)
        action = tree.args["actions"][0]
        match action:
            case exp.AlterRename():
                return Plan(sql, lambda: self._renamed(key, at.relation(action.this)))
            case exp.ColumnDef():
                columns = [_column(c) for c in tree.args["actions"] if isinstance(c, exp.ColumnDef)]
                tree.set("actions", [_physical(c) for c in columns])
                return Plan(tree.sql("snowflake"), lambda: self._changed(key, columns))
            case exp.RenameColumn():
                before, after = name_of(action.this.this), name_of(action.args["to"].this)
                return Plan(sql, lambda: self._column_renamed(key, before, after))
            case exp.AlterSet() if (said := tree.find(exp.SchemaCommentProperty)) is not None:
                return Plan(_SAID, lambda: self._set("relations", "comment", said.this.this, key))
        return Plan(sql, lambda: self._touch(key))

    def _changed(self, key: "Key", columns: list["_Column"]) -> None:
        for column in columns:
            self._note_column(key, column)
        self._touch(key)

    def _column_renamed(self, key: "Key", before: str, after: str) -> None:
        where = "db = ? AND sch = ? AND tbl = ? AND stored = ?"
        self._run(f"UPDATE {views.HOUSE}.columns SET stored = ?, name = ? WHERE {where}", [after, after, *key, before])
        self._touch(key)

    def _renamed(self, before: "Key", after: "Key") -> None:
        for table in ("relations", "columns", "keys"):
            self._run(
                f"UPDATE {views.HOUSE}.{table} SET db = ?, sch = ?, tbl = ? WHERE db = ? AND sch = ? AND tbl = ?",
                [*after, *before],
            )
        self._touch(after)

    def _set(self, table: str, field: str, value: str, key: tuple[str, ...]) -> None:
        names = ("db", "sch", "tbl", "name")[: len(key)]
        where = " AND ".join(f"{name} = ?" for name in names)
        self._run(f"UPDATE {views.HOUSE}.{table} SET {field} = ? WHERE {where}", [value, *key])
        if len(key) >= 3:
            self._touch((key[0], key[1], key[2]))

    def _comment(self, tree: exp.Comment, at: "_Place") -> Plan:
        kind, text = str(tree.args["kind"]).upper(), str(tree.expression.this)
        if kind == "COLUMN":
            column = tree.this
            key = at.relation(exp.table_(column.args["table"], column.args.get("db"), column.args.get("catalog")))
            name = name_of(column.this)
            return Plan(_SAID, lambda: self._set("columns", "comment", text, (*key, name)))
        if kind in ("DATABASE", "SCHEMA"):
            container = at.container(tree.this, kind)
            return Plan(_SAID, lambda: self._set("containers", "comment", text, container))
        relation = at.relation(tree.this)
        return Plan(_SAID, lambda: self._set("relations", "comment", text, relation))

    def _grant(self, tree: exp.Grant, at: "_Place") -> Plan:
        """Ownership is kept; other privileges are accepted and not kept."""
        if tree.args["privileges"][0].this.name.upper() != "OWNERSHIP":
            return Plan(_SAID)
        role, kind = name_of(tree.args["principals"][0].this), str(tree.args["kind"]).upper()
        if kind in ("DATABASE", "SCHEMA"):
            container = at.container(tree.args["securable"], kind)
            return Plan(_SAID, lambda: self._set("containers", "owner", role, container))
        relation = at.relation(tree.args["securable"])
        return Plan(_SAID, lambda: self._set("relations", "owner", role, relation))


Key = tuple[str, str, str]


@dataclass(frozen=True)
class _Place:
    """The session's current database and schema."""

    database: str | None
    schema: str | None

    def relation(self, table: exp.Expr) -> Key:
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


class _Facts:
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
class _Column:
    """A declared column. `type` is DATA_TYPE, length, precision, scale, fraction digits."""

    definition: exp.ColumnDef
    name: str
    stored: str
    type: tuple[str, int | None, int | None, int | None, int | None]
    comment: str | None


def _declared(schema: exp.Schema, key: Key) -> tuple[list[_Column], list[tuple[Any, ...]]]:
    """Columns and key rows: kind, constraint name, column, place in the key, referenced database to column."""
    columns: list[_Column] = []
    keys: list[tuple[Any, ...]] = []
    for item in schema.expressions:
        if isinstance(item, exp.ColumnDef) and item.args.get("kind"):
            taken = {c.stored.upper() for c in columns}
            columns.append(_column(item, taken))
        elif not isinstance(item, exp.ColumnDef):
            keys += _keys(item, key)
    return columns, keys


def _keys(item: exp.Expr, key: Key) -> Iterator[tuple[Any, ...]]:
    named = isinstance(item, exp.Constraint)
    name = name_of(item.this) if named else f"SYS_CONSTRAINT_{abs(hash(key))}"
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
                other = _Place(key[0], key[1]).relation(target.this)
                pairs = zip(rule.expressions, target.expressions, strict=True)
                for n, (mine, theirs) in enumerate(pairs, 1):
                    yield ("FOREIGN KEY", name, name_of(mine.find(exp.Identifier)), n, *other, name_of(theirs))


def _column(item: exp.ColumnDef, taken: set[str] | None = None) -> _Column:
    name = name_of(item.this)
    stored = name if name.upper() not in (taken or ()) else f"{name}\u200b{len(taken or ())}"
    said = item.find(exp.CommentColumnConstraint)
    return _Column(item, name, stored, _type(item.args["kind"]), str(said.this.this) if said else None)


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


def _physical(column: _Column) -> exp.ColumnDef:
    """The column as DuckDB takes it: its stored name, and text for what only Snowflake has."""
    out = column.definition.copy()
    out.set("this", exp.to_identifier(column.stored, quoted=True))
    if stored := _STORED_AS.get(column.type[0]):
        out.set("kind", exp.DataType.build(stored))
    kept = (exp.NotNullColumnConstraint, exp.DefaultColumnConstraint)
    out.set("constraints", [c for c in out.args.get("constraints") or [] if isinstance(c.kind, kept)])
    return out


def _text(value: str) -> str:
    return "'" + value.replace("\\", "\\\\").replace("'", "''") + "'"
