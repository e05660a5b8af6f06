"""Rows of INFORMATION_SCHEMA to model records. Pure.

A qualified name is `DATABASE.SCHEMA.TABLE` in the case that Snowflake keeps. A part that contains a dot or a double
quote is written in double quotes, with `"` doubled; every other part stands as it is, so that `RETAIL.CRM."a.b"` and
`RETAIL.CRM.a.b` cannot be taken for each other, and a name without such characters never gains quotes.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from governance.errors import RecordError
from governance.model import Column, Container, Dataset, Tag
from governance.types import columns_of

PLATFORM = "snowflake"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_KINDS = {
    "BASE TABLE": "table",
    "TABLE": "table",
    "TRANSIENT": "table",
    "TEMPORARY TABLE": "temporary_table",
    "LOCAL TEMPORARY": "temporary_table",
    "VIEW": "view",
    "MATERIALIZED VIEW": "materialized_view",
    "EXTERNAL TABLE": "external_table",
    "EVENT TABLE": "event_table",
}
_FLAGS = {
    "is_dynamic": "dynamic_table",
    "is_iceberg": "iceberg_table",
    "is_hybrid": "hybrid_table",
    "is_temporary": "temporary_table",
}
VIEWS = ("view", "materialized_view")

STRUCTURED = ("ARRAY", "OBJECT", "MAP")
_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")

Row = dict[str, Any]
Parts = Mapping[str, Sequence[Row]]


def qualified(*parts: str) -> str:
    """The qualified name of these parts."""
    return ".".join(quoted_name(p) if "." in p or '"' in p or not p else p for p in parts)


def parts_of(name: str) -> list[str]:
    """The parts of a qualified name; the opposite of `qualified`.

    Raises:
        RecordError: a quote is not closed.
    """
    parts, at = [], 0
    while True:
        part, at = _quoted_part(name, at) if name[at : at + 1] == '"' else _plain_part(name, at)
        parts.append(part)
        if at >= len(name):
            return parts
        if name[at] != ".":
            raise RecordError(f"{name} is no qualified name", platform=PLATFORM, operation="qualified name")
        at += 1


def _plain_part(name: str, at: int) -> tuple[str, int]:
    end = name.find(".", at)
    end = len(name) if end < 0 else end
    return name[at:end], end


def _quoted_part(name: str, at: int) -> tuple[str, int]:
    found, at = [], at + 1
    while (quote := name.find('"', at)) >= 0:
        found.append(name[at:quote])
        if name[quote + 1 : quote + 2] != '"':
            return "".join(found), quote + 1
        found.append('"')
        at = quote + 2
    raise RecordError(f"a quote in {name} is not closed", platform=PLATFORM, operation="qualified name")


def kind_of(row: Row) -> str:
    """The dataset's kind; a table type that is new to us keeps Snowflake's word."""
    flagged = next((kind for flag, kind in _FLAGS.items() if _yes(row.get(flag))), None)
    said = str(row.get("table_type") or "BASE TABLE").upper()
    return flagged or _KINDS.get(said) or said.lower().replace(" ", "_")


def _yes(value: object) -> bool:
    return value is True or str(value).upper() in ("YES", "Y", "ON", "TRUE")


def _said(value: object) -> str | None:
    """A text; Snowflake writes an absent comment as NULL in some places, as nothing in others."""
    return str(value) if value not in (None, "") else None


def when(value: object) -> datetime | None:
    """A time with its zone; no object is as old as 1970, which is how a missing time may arrive."""
    if not isinstance(value, datetime):
        return None
    aware = value if value.tzinfo else value.replace(tzinfo=UTC)
    return aware.astimezone(UTC) if aware > _EPOCH else None


def type_parts(rows: Iterable[Row]) -> Parts:
    """Rows of FIELDS and ELEMENT_TYPES of one relation by the identifier of what they are part of."""
    found: dict[str, list[Row]] = {}
    for row in rows:
        found.setdefault(str(row["part_of"]), []).append(row)
    return found


def native_type(row: Row, parts: Parts | None = None) -> str:
    """The type as DESCRIBE TABLE writes it, from what INFORMATION_SCHEMA has.

    Args:
        row: of COLUMNS, or of a part of a structured type.
        parts: the parts of the relation's structured types.
    """
    word = str(row.get("data_type") or "")
    mine = str(row.get("dtd_identifier"))
    if word.upper() in STRUCTURED and parts and (inside := parts.get(mine)):
        deeper = {name: rows for name, rows in parts.items() if name != mine}
        return f"{word}({', '.join(_part(word, part, deeper) for part in inside)})"
    if "(" in word:
        return word
    match word.upper():
        case "TEXT" | "VARCHAR" | "STRING" | "CHAR":
            return _sized("VARCHAR", row.get("character_maximum_length"))
        case "BINARY" | "VARBINARY":
            return _sized("BINARY", row.get("character_maximum_length"))
        case "NUMBER" | "DECIMAL" | "NUMERIC" if row.get("numeric_precision") is not None:
            return f"NUMBER({int(row['numeric_precision'])},{int(row.get('numeric_scale') or 0)})"
        case "TIME" | "TIMESTAMP_NTZ" | "TIMESTAMP_LTZ" | "TIMESTAMP_TZ":
            return _sized(word, row.get("datetime_precision"))
    return word


def _part(word: str, row: Row, parts: Parts) -> str:
    native = native_type(row, parts)
    if word.upper() != "OBJECT":
        return native
    name = str(row["field_name"])
    return f"{name if _PLAIN.fullmatch(name) else quoted_name(name)} {native}"


def quoted_name(name: str) -> str:
    """The name in double quotes."""
    return '"' + name.replace('"', '""') + '"'


def _sized(word: str, size: object) -> str:
    return word if size is None else f"{word}({int(str(size))})"


def columns(rows: Sequence[Row], parts: Parts | None = None) -> tuple[Column, ...]:
    """The columns of one relation. ORDINAL_POSITION has gaps where a column was dropped: the place is counted here."""
    found: list[Column] = []
    for place, row in enumerate(rows, 1):
        if not row.get("column_name"):
            raise RecordError("a column has no name", platform=PLATFORM, operation="COLUMNS")
        extra = {"default": _said(row.get("column_default")), "collation": _said(row.get("collation_name"))}
        properties: dict[str, Any] = {k: v for k, v in extra.items() if v is not None}
        if _yes(row.get("is_identity")):
            properties["identity"] = True
        found += columns_of(
            str(row["column_name"]),
            native_type(row, parts),
            place,
            nullable=_yes(row.get("is_nullable")),
            comment=_said(row.get("comment")),
            properties=properties,
            dialect=PLATFORM,
        )
    return tuple(found)


def dataset(
    row: Row,
    scope: tuple[str, str],
    columns: tuple[Column, ...],
    tags: tuple[Tag, ...] = (),
    extra: dict[str, Any] | None = None,
) -> Dataset:
    """A row of TABLES as a dataset.

    Args:
        row: the row.
        scope: database and schema.
        columns: its columns.
        tags: its tags and its columns'.
        extra: further properties, such as keys and a view's text.

    Raises:
        RecordError: it has no name, or no column, which no relation of Snowflake is without.
    """
    name = row.get("table_name")
    if not name:
        raise RecordError("a relation has no name", platform=PLATFORM, operation="TABLES")
    if not columns:
        raise RecordError("the relation's columns were not listed", platform=PLATFORM, operation="COLUMNS")
    kind = kind_of(row)
    return Dataset(
        qualified_name=qualified(*scope, str(name)),
        kind=kind,
        container=qualified(*scope),
        name=str(name),
        comment=_said(row.get("comment")),
        owner=_said(row.get("table_owner")),
        owner_kind="role" if row.get("table_owner") else None,
        format="iceberg" if kind == "iceberg_table" else None,
        row_count=_count(row.get("row_count")),
        size_bytes=_count(row.get("bytes")),
        properties={**_properties(row, kind), **(extra or {})},
        columns=columns,
        tags=tags,
        source_updated_at=when(row.get("last_ddl")) or when(row.get("last_altered")),
    )


def _count(value: object) -> int | None:
    return None if value is None else int(str(value))


def _properties(row: Row, kind: str) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if row.get("retention_time") is not None and kind not in VIEWS:
        found["retention_days"] = int(row["retention_time"])
    if _yes(row.get("is_transient")) or str(row.get("table_type")).upper() == "TRANSIENT":
        found["transient"] = True
    if (clustering := _said(row.get("clustering_key"))) is not None:
        found["clustering_key"] = clustering
        found["auto_clustering"] = _yes(row.get("auto_clustering_on"))
    return found


def database(row: Row) -> Container:
    """A row of SHOW DATABASES."""
    return Container(
        qualified_name=qualified(str(row["name"])),
        kind="database",
        name=str(row["name"]),
        comment=_said(row.get("comment")),
        owner=_said(row.get("owner")),
        owner_kind=(_said(row.get("owner_role_type")) or "role").lower() if row.get("owner") else None,
        properties={"kind": str(row["kind"]).lower()} if row.get("kind") else {},
    )


def schema(row: Row, database: str, tags: tuple[Tag, ...] = ()) -> Container:
    """A row of SCHEMATA."""
    flags = {"is_transient": "transient", "is_managed_access": "managed_access"}
    return Container(
        qualified_name=qualified(database, str(row["schema_name"])),
        kind="schema",
        name=str(row["schema_name"]),
        parent=qualified(database),
        comment=_said(row.get("comment")),
        owner=_said(row.get("schema_owner")),
        owner_kind="role" if row.get("schema_owner") else None,
        properties={word: True for flag, word in flags.items() if _yes(row.get(flag))},
        tags=tags,
    )


def keys(kind: str, rows: Iterable[Row]) -> dict[str, dict[str, Any]]:
    """Properties by table name from SHOW PRIMARY, UNIQUE or IMPORTED KEYS."""
    groups: dict[tuple[str, str], list[Row]] = {}
    prefix = "fk_" if kind == "IMPORTED" else ""
    for row in rows:
        constraint = row["fk_name"] if prefix else row["constraint_name"]
        groups.setdefault((str(row[f"{prefix}table_name"]), str(constraint)), []).append(row)
    found: dict[str, dict[str, Any]] = {}
    for (table, constraint), group in sorted(groups.items()):
        group.sort(key=lambda row: int(row["key_sequence"]))
        key: dict[str, Any] = {"name": constraint, "columns": [str(r[f"{prefix}column_name"]) for r in group]}
        if kind == "PRIMARY":
            found.setdefault(table, {})["primary_key"] = key
            continue
        if prefix:
            parts = (str(group[0][f"pk_{part}_name"]) for part in ("database", "schema", "table"))
            key |= {"references": qualified(*parts), "referenced_columns": [str(r["pk_column_name"]) for r in group]}
        found.setdefault(table, {}).setdefault("foreign_keys" if prefix else "unique_keys", []).append(key)
    return found
