"""The SQL that lists an account: set-based, one statement a view and schema, never one a table.

SHOW appears only where no view has the fact: the databases of an account (a session without a current database has no
INFORMATION_SCHEMA), the columns of keys, and the text of materialized views and dynamic tables. It gives at most
10,000 rows.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

from resources.snowflake.client import Client, Row
from resources.snowflake.client_errors import TooMuchData

T = TypeVar("T")

SHOW_CAP = 10_000
_NEXT = [chr(c) for c in range(0x20, 0x80)]
"""The bounds between cells: printable ASCII, and the first character beyond."""
_LONGEST_NAME = 255


def quoted(*parts: str) -> str:
    """The identifier of these parts in SQL; every part is quoted, so that its case and characters stand."""
    return ".".join('"' + part.replace('"', '""') + '"' for part in parts)


@dataclass(frozen=True)
class Span:
    """The table names from `low` up to, not including, `high`; None is open.

    All of them begin with `stem`, unless that is empty. What may follow is divided into cells: the stem alone, one
    for each printable character of ASCII, and everything beyond; `first` to `end` are the span's.
    """

    low: str | None = None
    high: str | None = None
    stem: str = ""
    first: int = 0
    end: int = len(_NEXT) + 1

    def parts(self) -> list["Span"]:
        """Two smaller spans that are this one together, in order; none where it cannot be divided."""
        if self.end - self.first > 1:
            middle = (self.first + self.end) // 2
            bound = self.stem + _NEXT[middle - 1]
            return [
                Span(self.low, bound, self.stem, self.first, middle),
                Span(bound, self.high, self.stem, middle, self.end),
            ]
        if not 1 <= self.first < len(_NEXT) or len(self.stem) >= _LONGEST_NAME:
            return []
        return Span(self.low, self.high, self.stem + _NEXT[self.first - 1]).parts()

    def where(self, label: str = "TABLE_NAME") -> tuple[str, list[str]]:
        """Conditions on the label, and their values."""
        bounds = [(f" AND {label} {sign} ?", v) for sign, v in ((">=", self.low), ("<", self.high)) if v is not None]
        return "".join(text for text, _ in bounds), [value for _, value in bounds]


def spans(include: Sequence[str], scope: str) -> list[Span]:
    """Where in a scope the names lie that one of these globs can match, in order and apart; all of it without globs.

    Only a glob's beginning counts: what a span holds besides is for the caller to filter.
    """
    heads: set[str] = set()
    for pattern in include:
        head = re.split(r"[*?\[]", pattern, maxsplit=1)[0]
        rest = head.removeprefix(f"{scope}.")
        quoted_name, no_successor = rest[:1] == '"', rest[-1:] >= "\ud7ff"
        if f"{scope}.".startswith(head) or (rest != head and (quoted_name or no_successor)):
            return [Span()]
        if rest != head:
            heads.add(rest)
    apart = [h for h in sorted(heads) if not any(h != other and h.startswith(other) for other in heads)]
    return [Span(h, h[:-1] + chr(ord(h[-1]) + 1), h) for h in apart] if include else [Span()]


def current_role(client: Client) -> str:
    """The role in force, for the grants that a remedy names."""
    return str(client.rows("session", "SELECT CURRENT_ROLE() AS ROLE")[0]["role"] or "<role>")


def databases(client: Client) -> Iterator[Row]:
    """Every database that the role sees."""
    last = ""
    while True:
        after = f" LIMIT {SHOW_CAP} FROM '{_literal(last)}'" if last else ""
        rows = client.rows("SHOW DATABASES", f"SHOW DATABASES{after}")
        yield from rows
        # a full answer is a cut one: FROM goes on after the last name
        if len(rows) < SHOW_CAP:
            return
        last = str(rows[-1]["name"])


def schemata(client: Client, database: str, schema: str | None = None) -> list[Row]:
    """The schemas of a database, or this one."""
    one = " AND SCHEMA_NAME = ?" if schema is not None else ""
    return client.rows(
        "SCHEMATA",
        f"SELECT SCHEMA_NAME, SCHEMA_OWNER, COMMENT, IS_TRANSIENT, IS_MANAGED_ACCESS, RETENTION_TIME"
        f" FROM {quoted(database)}.INFORMATION_SCHEMA.SCHEMATA"
        f" WHERE SCHEMA_NAME <> 'INFORMATION_SCHEMA'{one} ORDER BY SCHEMA_NAME",
        [schema] if schema is not None else [],
    )


def tables(client: Client, database: str, schema: str, span: Span) -> Iterator[list[Row]]:
    """Tables and views by name. `*`: the columns grew over the years, and what an account lacks is not asked for."""
    more, values = span.where()
    return client.stream(
        "TABLES",
        f"SELECT * FROM {quoted(database)}.INFORMATION_SCHEMA.TABLES WHERE TABLE_SCHEMA = ?{more} ORDER BY TABLE_NAME",
        [schema, *values],
        size=200,
    )


def columns(client: Client, database: str, schema: str, span: Span) -> Iterator[list[Row]]:
    """Columns by table name and place."""
    more, values = span.where()
    return client.stream(
        "COLUMNS",
        "SELECT TABLE_NAME, COLUMN_NAME, ORDINAL_POSITION, COLUMN_DEFAULT, IS_NULLABLE, DATA_TYPE,"
        " CHARACTER_MAXIMUM_LENGTH, NUMERIC_PRECISION, NUMERIC_SCALE, DATETIME_PRECISION, COLLATION_NAME, IS_IDENTITY,"
        " DTD_IDENTIFIER,"
        f' COMMENT AS "comment" FROM {quoted(database)}.INFORMATION_SCHEMA.COLUMNS'
        f" WHERE TABLE_SCHEMA = ?{more} ORDER BY TABLE_NAME, ORDINAL_POSITION",
        [schema, *values],
        size=2_000,
    )


def type_parts(client: Client, database: str, schema: str, span: Span) -> Iterator[list[Row]]:
    """What structured types are made of, by table name: elements of arrays, fields of objects, keys and values of maps.

    `part_of` is the DTD_IDENTIFIER of the column or of the part that a row belongs to.
    """
    more, values = span.where("OBJECT_NAME")
    sized = "DATA_TYPE, CHARACTER_MAXIMUM_LENGTH, NUMERIC_PRECISION, NUMERIC_SCALE, DTD_IDENTIFIER"
    home = f"{quoted(database)}.INFORMATION_SCHEMA"
    return client.stream(
        "FIELDS",
        f"SELECT OBJECT_NAME, COLLECTION_TYPE_IDENTIFIER AS PART_OF, NULL AS FIELD_NAME, 1 AS PLACE, {sized}"
        f" FROM {home}.ELEMENT_TYPES WHERE OBJECT_SCHEMA = ?{more}"
        f" UNION ALL SELECT OBJECT_NAME, ROW_IDENTIFIER, FIELD_NAME, ORDINAL_POSITION, {sized}"
        f" FROM {home}.FIELDS WHERE OBJECT_SCHEMA = ?{more} ORDER BY OBJECT_NAME, PART_OF, PLACE",
        [schema, *values, schema, *values],
    )


def views(client: Client, database: str, schema: str, span: Span) -> Iterator[list[Row]]:
    """Texts of plain views by name."""
    more, values = span.where()
    return client.stream(
        "VIEWS",
        f"SELECT TABLE_NAME, VIEW_DEFINITION, IS_SECURE FROM {quoted(database)}.INFORMATION_SCHEMA.VIEWS"
        f" WHERE TABLE_SCHEMA = ?{more} ORDER BY TABLE_NAME",
        [schema, *values],
        size=200,
    )


def constraint_kinds(client: Client, database: str, schema: str) -> set[str]:
    """The kinds of constraints that occur; the view has no columns of theirs."""
    rows = client.rows(
        "TABLE_CONSTRAINTS",
        f"SELECT DISTINCT CONSTRAINT_TYPE FROM {quoted(database)}.INFORMATION_SCHEMA.TABLE_CONSTRAINTS"
        " WHERE TABLE_SCHEMA = ?",
        [schema],
    )
    return {str(row["constraint_type"]).upper() for row in rows}


def show(client: Client, what: str, database: str, schema: str) -> list[Row]:
    """The rows of `SHOW <what> IN SCHEMA`."""
    return client.rows(f"SHOW {what}", f"SHOW {what} IN SCHEMA {quoted(database, schema)}")


def tag_references(client: Client, database: str, schema: str) -> Iterator[list[Row]]:
    """Tags set on the account, the database, the schema, and then, by name, on its relations and their columns."""
    return client.stream(
        "TAG_REFERENCES",
        "SELECT DOMAIN, OBJECT_NAME, COLUMN_NAME, TAG_DATABASE, TAG_SCHEMA, TAG_NAME, TAG_VALUE, APPLY_METHOD,"
        " CASE WHEN DOMAIN IN ('ACCOUNT', 'DATABASE', 'SCHEMA') THEN 0 ELSE 1 END AS LEVEL"
        " FROM SNOWFLAKE.ACCOUNT_USAGE.TAG_REFERENCES WHERE OBJECT_DELETED IS NULL AND (DOMAIN = 'ACCOUNT'"
        " OR (DOMAIN = 'DATABASE' AND OBJECT_NAME = ?)"
        " OR (DOMAIN = 'SCHEMA' AND OBJECT_DATABASE = ? AND OBJECT_NAME = ?)"
        " OR (OBJECT_DATABASE = ? AND OBJECT_SCHEMA = ?"
        " AND (DOMAIN = 'COLUMN' OR DOMAIN LIKE '%TABLE' OR DOMAIN LIKE '%VIEW')))"
        " ORDER BY LEVEL, OBJECT_NAME, COLUMN_NAME",
        [database, database, schema, database, schema],
    )


def all_tag_references(client: Client, database: str) -> Iterator[list[Row]]:
    """Tags of everything in a database, and of the database and the account; `home` is the schema, null above it."""
    return client.stream(
        "TAG_REFERENCES",
        "SELECT CASE WHEN DOMAIN = 'SCHEMA' THEN OBJECT_NAME WHEN DOMAIN IN ('ACCOUNT', 'DATABASE') THEN NULL"
        " ELSE OBJECT_SCHEMA END AS HOME, DOMAIN, OBJECT_NAME, COLUMN_NAME, TAG_DATABASE, TAG_SCHEMA, TAG_NAME,"
        " TAG_VALUE, APPLY_METHOD FROM SNOWFLAKE.ACCOUNT_USAGE.TAG_REFERENCES WHERE OBJECT_DELETED IS NULL AND"
        " (DOMAIN = 'ACCOUNT' OR OBJECT_DATABASE = ? OR (DOMAIN = 'DATABASE' AND OBJECT_NAME = ?))",
        [database, database],
    )


def dropped(client: Client, database: str, schema: str) -> list[Row]:
    """What ACCOUNT_USAGE knows of a schema, dropped ones too."""
    return client.rows(
        "ACCOUNT_USAGE.SCHEMATA",
        "SELECT DELETED FROM SNOWFLAKE.ACCOUNT_USAGE.SCHEMATA WHERE CATALOG_NAME = ? AND SCHEMA_NAME = ?",
        [database, schema],
    )


def changes(client: Client, database: str, schema: str | None = None) -> list[Row]:
    """Number of relations and time of the last change to one, by schema."""
    one = " WHERE TABLE_SCHEMA = ?" if schema is not None else ""
    return client.rows(
        "LAST_DDL",
        "SELECT TABLE_SCHEMA, COUNT(*) AS RELATIONS, MAX(COALESCE(LAST_DDL, LAST_ALTERED)) AS CHANGED"
        f" FROM {quoted(database)}.INFORMATION_SCHEMA.TABLES{one} GROUP BY TABLE_SCHEMA",
        [schema] if schema is not None else [],
    )


def narrowed(span: Span, ask: Callable[[Span], T]) -> Iterator[tuple[Span, T]]:
    """The answer for the whole span, or, where that is too much for Snowflake, the answers for its parts in order.

    Raises:
        TooMuchData: a span that cannot be divided is still too much.
    """
    try:
        answer = ask(span)
    except TooMuchData:
        parts = span.parts()
        if not parts:
            raise
        for part in parts:
            yield from narrowed(part, ask)
        return
    yield span, answer


def _literal(text: str) -> str:
    return text.replace("\\", "\\\\").replace("'", "''")
