"""What Snowflake knows of its objects and fakesnow does not: kinds, owners, comments, keys, exact types, LAST_DDL.

Statements pass through here on their way to fakesnow. A `Plan` is the statement as DuckDB can run it, and what to note
down once it has run. The notes live beside fakesnow's tables, and INFORMATION_SCHEMA's views are replaced by ones that
join them, so that what a reader sees follows from the DDL that came over the wire.

Columns whose names differ in case only are one column to DuckDB: the second is stored under another name, and shown
under its own.
"""

import re
import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import sqlglot
from fakesnow import macros
from fakesnow.instance import FakeSnow
from sqlglot import exp

from sandbox.snowflake import governing, tagging, views
from sandbox.snowflake.declared import DeclaredColumn, Facts, Key, Place, column_of, declared, name_of, physical

Note = Callable[[], None]
Made = tuple[list[DeclaredColumn], list[tuple[Any, ...]], list[governing.Statement]]
_SAID = "SELECT 'Statement executed successfully.' AS \"status\""
_ACCOUNT_USAGE = "SELECT 1 FROM duckdb_tables() WHERE database_name = 'SNOWFLAKE' AND table_name = ?"
_ADDED = re.compile(rf"INFORMATION_SCHEMA\.({'|'.join(views.ADDED)})\b", re.IGNORECASE)
_SHOWN = re.compile(
    rf"\s*SHOW\s+({'|'.join(views.SHOWN)})\b"
    r"(?:\s+IN\s+(?:ACCOUNT|SCHEMA\s+(?P<scope>.+?)|DATABASE\s+(?P<database>.+?)))?"
    r"(?:\s+LIMIT\s+(?P<limit>\d+)(?:\s+FROM\s+'(?P<after>[^']*)')?)?\s*;?\s*$",
    re.IGNORECASE | re.DOTALL,
)


@dataclass(frozen=True)
class Plan:
    """A statement for fakesnow, and what to note when it has succeeded."""

    sql: str
    note: Note | None = None


class Catalogue:
    """The notes on one fakesnow instance; safe to use from several threads."""

    def __init__(self, instance: FakeSnow) -> None:
        self._duck = instance.duck_conn.cursor()
        self._lock = threading.Lock()
        self._lost: frozenset[str] = frozenset()
        self._run(views.NOTES + governing.NOTES)
        # fakesnow has its functions in each database; a session may be in none
        self._run(macros.creation_sql("memory"))

    def _run(self, sql: str, values: Any = None) -> list[tuple[Any, ...]]:
        with self._lock:
            rows: list[tuple[Any, ...]] = self._duck.execute(sql, values).fetchall()
            return rows

    def _run_all(self, statements: Iterable[tuple[str, list[Any]]]) -> None:
        for sql, values in statements:
            self._run(sql, values)

    def plan(self, sql: str, database: str | None, schema: str | None) -> Plan:
        """How to run this statement; itself where there is nothing to add."""
        if shown := _SHOWN.match(sql):
            return Plan(self._show(shown))
        if (tags := tagging.parse(sql)) is not None:
            return Plan(_SAID, lambda: self._tag(tags, Place(database, schema)))
        if (noted := governing.parse(sql)) is not None:
            return Plan(_SAID, lambda: self._run_all(noted))
        word = sql.lstrip()[:8].split(maxsplit=1)[0].upper() if sql.strip() else ""
        if word not in ("CREATE", "ALTER", "COMMENT", "GRANT", "DROP"):
            return Plan(_ADDED.sub(r"_FS_INFORMATION_SCHEMA.HOUSE_\1", sql))
        try:
            tree = sqlglot.parse_one(sql, read="snowflake")
        except sqlglot.errors.ParseError:
            return Plan(sql)  # fakesnow answers with the syntax error
        at = Place(database, schema)
        match tree:
            case exp.Create():
                return self._create(tree, sql, at)
            case exp.Alter():
                return self._alter(tree, sql, at)
            case exp.Comment():
                return self._comment(tree, at)
            case exp.Grant():
                return self._grant(tree, at)
            case exp.Drop():
                return self._drop(tree, sql, at)
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

    def _show(self, shown: re.Match[str]) -> str:
        what, conditions = shown[1].upper(), []
        in_database, in_schema = views.SHOW_SCOPE[what]
        if shown["scope"]:
            table = exp.to_table(shown["scope"], dialect="snowflake")
            db, sch = _text(name_of(table.args["db"])), _text(name_of(table.this))
            conditions = [f'"{in_database}" = {db}', f'"{in_schema}" = {sch}']
        elif shown["database"]:
            table = exp.to_table(shown["database"], dialect="snowflake")
            conditions = [f'"{in_database}" = {_text(name_of(table.this))}']
        if shown["after"]:
            conditions.append(f'"name" > {_text(shown["after"])}')
        where = f" WHERE {' AND '.join(conditions)}" if conditions else ""
        limit = f" LIMIT {shown['limit']}" if shown["limit"] else ""
        return f"SELECT * FROM {views.HOUSE}.{views.SHOWN[what]}{where}{limit}"

    def _create(self, tree: exp.Create, sql: str, at: Place) -> Plan:
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
        facts = Facts(kind, options, comment, sql)
        columns, keys = declared(tree.this, key) if isinstance(tree.this, exp.Schema) else ([], [])
        if kind == "TABLE" and columns:
            tree.this.set("expressions", [physical(c) for c in columns])
        tree.set("properties", None)
        depends = governing.depends(tree, key, at)
        return Plan(tree.sql("snowflake"), lambda: self._new_relation(key, facts, (columns, keys, depends)))

    def _new_container(self, db: str, sch: str, comment: str | None) -> None:
        if not sch:
            for view in views.per_database(db):
                self._run(view)
        self._run(
            f"INSERT OR REPLACE INTO {views.HOUSE}.containers VALUES (?, ?, 'SYSADMIN', ?, now())", [db, sch, comment]
        )
        if (db, sch) == ("SNOWFLAKE", "ACCOUNT_USAGE"):
            self._run_all((view, []) for view in governing.VIEWS)

    def _new_relation(self, key: Key, facts: Facts, made: Made) -> None:
        columns, keys, depends = made
        self._forget(key)
        self._run_all(depends)
        self._run(
            f"INSERT INTO {views.HOUSE}.relations VALUES (?, ?, ?, ?, ?, ?, ?, 'SYSADMIN', ?, ?, ?, now())",
            [*key, facts.kind, facts.transient, facts.clustering, facts.comment, facts.text, facts.secure, facts.lag],
        )
        self._note_columns(key, columns)
        for row in keys:
            self._run(f"INSERT INTO {views.HOUSE}.keys VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", [*key, *row])

    def _forget(self, key: Key) -> None:
        for table in ("relations", "columns", "keys", "parts"):
            self._run(f"DELETE FROM {views.HOUSE}.{table} WHERE db = ? AND sch = ? AND tbl = ?", list(key))

    def _note_columns(self, key: Key, columns: list[DeclaredColumn]) -> None:
        if columns:
            row = f"({', '.join('?' * 12)})"
            values = [v for c in columns for v in (*key, c.stored, c.name, *c.type, c.comment, c.dtd)]
            self._run(f"INSERT OR REPLACE INTO {views.HOUSE}.columns VALUES {', '.join([row] * len(columns))}", values)
        for part in (part for column in columns for part in column.parts):
            self._run(f"INSERT INTO {views.HOUSE}.parts VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", [*key, *part])

    def _touch(self, key: Key) -> None:
        self._run(
            f"UPDATE {views.HOUSE}.relations SET ddl_at = now() WHERE db = ? AND sch = ? AND tbl = ?",
            list(key),
        )

    def _alter(self, tree: exp.Alter, sql: str, at: Place) -> Plan:
        if str(tree.args.get("kind")).upper() not in ("TABLE", "VIEW"):
            return Plan(sql)
        key = at.relation(tree.this)
        action = tree.args["actions"][0]
        match action:
            case exp.AlterRename():
                return Plan(sql, lambda: self._renamed(key, at.relation(action.this)))
            case exp.ColumnDef():
                columns = [column_of(c) for c in tree.args["actions"] if isinstance(c, exp.ColumnDef)]
                tree.set("actions", [physical(c) for c in columns])
                return Plan(tree.sql("snowflake"), lambda: self._changed(key, columns))
            case exp.AlterColumn() if (kind := action.args.get("dtype")) is not None:
                column = column_of(exp.ColumnDef(this=action.this, kind=kind))
                action.set("dtype", physical(column).args["kind"])
                return Plan(tree.sql("snowflake"), lambda: self._retyped(key, column))
            case exp.RenameColumn():
                before, after = name_of(action.this.this), name_of(action.args["to"].this)
                return Plan(sql, lambda: self._column_renamed(key, before, after))
            case exp.AlterSet() if (said := tree.find(exp.SchemaCommentProperty)) is not None:
                return Plan(_SAID, lambda: self._set("relations", "comment", said.this.this, key))
        return Plan(sql, lambda: self._touch(key))

    def _changed(self, key: Key, columns: list[DeclaredColumn]) -> None:
        self._note_columns(key, columns)
        self._touch(key)

    def _retyped(self, key: Key, column: DeclaredColumn) -> None:
        """Keeps the column's comment."""
        at = [*key, column.stored]
        was = self._run(
            f"SELECT comment FROM {views.HOUSE}.columns WHERE db = ? AND sch = ? AND tbl = ? AND stored = ?", at
        )
        self._run(
            f"DELETE FROM {views.HOUSE}.parts WHERE db = ? AND sch = ? AND tbl = ?"
            " AND (part_of = ? OR starts_with(part_of, ? || '.'))",
            [*at, column.stored],
        )
        self._changed(key, [replace(column, comment=was[0][0] if was else None)])

    def _column_renamed(self, key: Key, before: str, after: str) -> None:
        where = "db = ? AND sch = ? AND tbl = ? AND stored = ?"
        self._run(f"UPDATE {views.HOUSE}.columns SET stored = ?, name = ? WHERE {where}", [after, after, *key, before])
        self._touch(key)

    def _renamed(self, before: Key, after: Key) -> None:
        for table in ("relations", "columns", "keys", "parts"):
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

    def _comment(self, tree: exp.Comment, at: Place) -> Plan:
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

    def _drop(self, tree: exp.Drop, sql: str, at: Place) -> Plan:
        """A dropped schema shows in ACCOUNT_USAGE; databases fakesnow cannot drop."""
        kind = str(tree.args["kind"]).upper()
        if kind not in ("DATABASE", "SCHEMA"):
            return Plan(sql)
        db, sch = at.container(tree.args["tables"][0], kind)
        return Plan(_SAID if kind == "DATABASE" else sql, lambda: self._dropped(db, sch))

    def _dropped(self, db: str, sch: str) -> None:
        if not sch:
            self._run('DETACH DATABASE "' + db.replace('"', '""') + '"')
        if self._run(_ACCOUNT_USAGE, ["SCHEMATA"]):
            self._run(
                "UPDATE SNOWFLAKE.ACCOUNT_USAGE.SCHEMATA SET DELETED = now()"
                " WHERE DELETED IS NULL AND CATALOG_NAME = ? AND ? IN ('', SCHEMA_NAME)",
                [db, sch],
            )
        for table in ("containers", "relations", "columns", "keys", "parts"):
            self._run(f"DELETE FROM {views.HOUSE}.{table} WHERE db = ? AND ? IN ('', sch)", [db, sch])

    def _tag(self, tags: tagging.Tagging, at: Place) -> None:
        """TAG_REFERENCES follows at once: there is no lag here."""
        if not self._run(_ACCOUNT_USAGE, ["TAG_REFERENCES"]):
            return
        self._run_all(tags.statements(at))

    def _grant(self, tree: exp.Grant, at: Place) -> Plan:
        """Ownership is kept; other privileges are accepted and not kept."""
        if tree.args["privileges"][0].this.name.upper() != "OWNERSHIP":
            return Plan(_SAID)
        role, kind = name_of(tree.args["principals"][0].this), str(tree.args["kind"]).upper()
        if kind in ("DATABASE", "SCHEMA"):
            container = at.container(tree.args["securable"], kind)
            return Plan(_SAID, lambda: self._set("containers", "owner", role, container))
        relation = at.relation(tree.args["securable"])
        return Plan(_SAID, lambda: self._set("relations", "owner", role, relation))


def _text(value: str) -> str:
    return "'" + value.replace("\\", "\\\\").replace("'", "''") + "'"
