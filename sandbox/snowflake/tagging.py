"""ALTER … SET TAG and UNSET TAG, which neither fakesnow nor its parser knows, as changes of TAG_REFERENCES."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

import sqlglot
from sqlglot import exp

from sandbox.snowflake.declared import Place, name_of

_WORD = r'(?:"(?:[^"]|"")+"|[A-Za-z_][\w$]*)'
_NAME = rf"{_WORD}(?:\.{_WORD})*"
_STATEMENT = re.compile(
    rf"\s*ALTER\s+(?:MATERIALIZED\s+|DYNAMIC\s+|EXTERNAL\s+|ICEBERG\s+)?"
    rf"(?P<kind>TABLE|VIEW|SCHEMA|DATABASE)\s+(?P<name>{_NAME})"
    rf"(?:\s+(?:MODIFY|ALTER)\s+COLUMN\s+(?P<column>{_WORD}))?"
    r"\s+(?P<verb>SET|UNSET)\s+TAG\s+(?P<tags>.+?)\s*;?\s*$",
    re.IGNORECASE | re.DOTALL,
)
_ONE = re.compile(rf"\s*(?P<tag>{_NAME})(?:\s*=\s*(?P<value>'(?:[^'\\]|''|\\.)*'))?\s*(?:,|$)", re.DOTALL)
_TABLE = "SNOWFLAKE.ACCOUNT_USAGE.TAG_REFERENCES"
_TAG = "TAG_DATABASE", "TAG_SCHEMA", "TAG_NAME"
_OBJECT = "OBJECT_DATABASE", "OBJECT_SCHEMA", "OBJECT_NAME", "DOMAIN", "COLUMN_NAME"


@dataclass(frozen=True)
class Tagging:
    """One statement: the object, and the tags with their values, None to take one away."""

    kind: str
    name: str
    column: str | None
    tags: tuple[tuple[str, str | None], ...]

    def statements(self, at: Place) -> Iterator[tuple[str, list[str | None]]]:
        """DuckDB's statements for it, with their values."""
        of = list(self._object(at))
        where = " AND ".join(f"{column} IS NOT DISTINCT FROM ?" for column in (*_TAG, *_OBJECT))
        for tag, value in self.tags:
            parts = [name_of(p) for p in exp.to_table(tag, dialect="snowflake").parts]
            full = [*(at.database, at.schema)[: 3 - len(parts)], *parts]
            yield f"DELETE FROM {_TABLE} WHERE {where}", [*full, *of]
            if value is not None:
                columns = ", ".join((*_TAG, "TAG_VALUE", *_OBJECT, "APPLY_METHOD"))
                insert = f"INSERT INTO {_TABLE} ({columns}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, 'MANUAL')"
                yield insert, [*full, value, *of]

    def _object(self, at: Place) -> tuple[str | None, ...]:
        table = exp.to_table(self.name, dialect="snowflake")
        if self.kind == "DATABASE":
            return None, None, name_of(table.this), "DATABASE", None
        if self.kind == "SCHEMA":
            database, schema = at.container(table, "SCHEMA")
            return database, None, schema, "SCHEMA", None
        column = name_of(exp.to_column(self.column, dialect="snowflake").this) if self.column else None
        return *at.relation(table), "COLUMN" if column else "TABLE", column


def parse(sql: str) -> Tagging | None:
    """The statement, None where it is another one."""
    found = _STATEMENT.match(sql)
    if found is None:
        return None
    tags, at, text = [], 0, found["tags"]
    while at < len(text) and (one := _ONE.match(text, at)) is not None:
        value = sqlglot.parse_one(one["value"], read="snowflake").this if one["value"] else None
        tags.append((one["tag"], None if found["verb"].upper() == "UNSET" else value))
        at = one.end()
    return Tagging(found["kind"].upper(), found["name"], found["column"], tuple(tags))
