"""Roles, grants and policies, which fakesnow does not know, as notes; and the views of ACCOUNT_USAGE over them."""

import re
from collections.abc import Callable, Iterator
from typing import Any

from sqlglot import exp

from sandbox.snowflake.declared import Key, Place, name_of

HOUSE = "_fs_global.house"
HOME = "SNOWFLAKE.ACCOUNT_USAGE"
NOTES = f"""
CREATE TABLE {HOUSE}.granted (privilege VARCHAR, granted_on VARCHAR, db VARCHAR, sch VARCHAR, name VARCHAR,
    granted_to VARCHAR, grantee VARCHAR, grant_option BOOLEAN, ended TIMESTAMPTZ);
CREATE TABLE {HOUSE}.policies (kind VARCHAR, db VARCHAR, sch VARCHAR, name VARCHAR, body VARCHAR);
CREATE TABLE {HOUSE}.policy_uses (kind VARCHAR, db VARCHAR, sch VARCHAR, name VARCHAR, domain VARCHAR,
    ref_db VARCHAR, ref_sch VARCHAR, ref_name VARCHAR, col VARCHAR);
CREATE TABLE {HOUSE}.depends (db VARCHAR, sch VARCHAR, tbl VARCHAR, ref_db VARCHAR, ref_sch VARCHAR, ref_tbl VARCHAR);
"""
VIEWS = (
    f"""CREATE VIEW {HOME}.GRANTS_TO_ROLES AS
        SELECT now() AS CREATED_ON, privilege AS PRIVILEGE, granted_on AS GRANTED_ON, name AS NAME,
            db AS TABLE_CATALOG, sch AS TABLE_SCHEMA, granted_to AS GRANTED_TO, grantee AS GRANTEE_NAME,
            grant_option AS GRANT_OPTION, ended AS DELETED_ON FROM {HOUSE}.granted WHERE granted_to <> 'USER'
        UNION ALL SELECT ddl_at, 'OWNERSHIP', CASE WHEN kind LIKE '%VIEW' THEN kind ELSE 'TABLE' END, tbl, db, sch,
            'ROLE', owner, true, NULL FROM {HOUSE}.relations WHERE db <> 'SNOWFLAKE'
        UNION ALL SELECT ddl_at, 'OWNERSHIP', CASE sch WHEN '' THEN 'DATABASE' ELSE 'SCHEMA' END,
            CASE sch WHEN '' THEN db ELSE sch END, db, NULL, 'ROLE', owner, true, NULL
            FROM {HOUSE}.containers WHERE db <> 'SNOWFLAKE'""",
    f"""CREATE VIEW {HOME}.GRANTS_TO_USERS AS
        SELECT now() AS CREATED_ON, ended AS DELETED_ON, name AS ROLE, 'USER' AS GRANTED_TO, grantee AS GRANTEE_NAME
        FROM {HOUSE}.granted WHERE granted_to = 'USER'""",
    *(
        f"""CREATE VIEW {HOME}.{view} AS SELECT name AS POLICY_NAME, sch AS POLICY_SCHEMA, db AS POLICY_CATALOG,
        body AS POLICY_BODY, NULL::TIMESTAMPTZ AS DELETED FROM {HOUSE}.policies WHERE kind = '{kind}'"""
        for view, kind in (("MASKING_POLICIES", "MASKING_POLICY"), ("ROW_ACCESS_POLICIES", "ROW_ACCESS_POLICY"))
    ),
    f"""CREATE VIEW {HOME}.POLICY_REFERENCES AS SELECT db AS POLICY_DB, sch AS POLICY_SCHEMA, name AS POLICY_NAME,
        kind AS POLICY_KIND, ref_db AS REF_DATABASE_NAME, ref_sch AS REF_SCHEMA_NAME, ref_name AS REF_ENTITY_NAME,
        domain AS REF_ENTITY_DOMAIN, col AS REF_COLUMN_NAME, NULL::VARCHAR AS TAG_NAME, 'ACTIVE' AS POLICY_STATUS
        FROM {HOUSE}.policy_uses""",
    f"""CREATE VIEW {HOME}.OBJECT_DEPENDENCIES AS SELECT d.ref_db AS REFERENCED_DATABASE,
        d.ref_sch AS REFERENCED_SCHEMA, d.ref_tbl AS REFERENCED_OBJECT_NAME,
        CASE WHEN u.kind LIKE '%VIEW' THEN u.kind ELSE 'TABLE' END AS REFERENCED_OBJECT_DOMAIN,
        d.db AS REFERENCING_DATABASE, d.sch AS REFERENCING_SCHEMA, d.tbl AS REFERENCING_OBJECT_NAME,
        CASE r.kind WHEN 'DYNAMIC' THEN 'DYNAMIC TABLE' ELSE r.kind END AS REFERENCING_OBJECT_DOMAIN,
        'BY_NAME' AS DEPENDENCY_TYPE FROM {HOUSE}.depends d
        JOIN {HOUSE}.relations r ON r.db = d.db AND r.sch = d.sch AND r.tbl = d.tbl
        JOIN {HOUSE}.relations u ON u.db = d.ref_db AND u.sch = d.ref_sch AND u.tbl = d.ref_tbl""",
)

_WORD = r'(?:"(?:[^"]|"")+"|[A-Za-z_][\w$]*)'
_NAME = rf"{_WORD}(?:\.{_WORD})*"
_GRANTED = re.compile(
    rf"\s*(?P<verb>GRANT|REVOKE)\s+(?:(?P<of>DATABASE\s+ROLE|ROLE)\s+(?P<role>{_NAME})"
    rf"|(?P<words>[A-Z ,]+?)\s+ON\s+(?P<kind>(?:[A-Z]+\s+)*?[A-Z]+)\s+(?P<name>{_NAME}))"
    rf"\s+(?:TO|FROM)\s+(?P<to>DATABASE\s+ROLE|ROLE|USER)\s+(?P<grantee>{_NAME})"
    r"(?P<option>\s+WITH\s+GRANT\s+OPTION)?\s*;?\s*$",
    re.IGNORECASE,
)
_POLICY = re.compile(
    rf"\s*CREATE\s+(?P<kind>MASKING|ROW\s+ACCESS)\s+POLICY\s+(?P<name>{_NAME})\s+AS\s*\(.*?\)\s*RETURNS\s+\w+\s*->"
    r"\s*(?P<body>.+?)\s*;?\s*$",
    re.IGNORECASE | re.DOTALL,
)
_USED = re.compile(
    rf"\s*ALTER\s+(?P<domain>TABLE|VIEW|TAG)\s+(?P<on>{_NAME})\s+(?:(?:MODIFY|ALTER)\s+COLUMN\s+(?P<column>{_WORD})\s+)?"
    rf"(?:SET\s+MASKING|ADD\s+(?P<rows>ROW\s+ACCESS))\s+POLICY\s+(?P<policy>{_NAME})(?:\s+ON\s*\(.*\))?\s*;?\s*$",
    re.IGNORECASE,
)
_MADE = re.compile(rf"\s*CREATE\s+(?:DATABASE\s+)?(?:ROLE|USER)\s+{_NAME}\s*;?\s*$", re.IGNORECASE)

Statement = tuple[str, list[Any]]


def parse(sql: str) -> list[Statement] | None:
    """What to note of the statement; None where it is another one, or of ownership, which the owner's notes have."""
    if _MADE.match(sql):
        return []
    if re.match(r"\s*GRANT\s+OWNERSHIP\b", sql, re.IGNORECASE):
        return None
    for pattern, noted in _KINDS:
        if (found := pattern.match(sql)) is not None:
            return list(noted(found))
    return None


def depends(tree: exp.Create, key: Key, at: Place) -> list[Statement]:
    """What to note of a CREATE … AS SELECT: the relations that it reads."""
    query = tree.args.get("expression")
    read = {at.relation(table) for table in query.find_all(exp.Table)} if query else set()
    gone: Statement = (f"DELETE FROM {HOUSE}.depends WHERE db = ? AND sch = ? AND tbl = ?", list(key))
    return [gone, *((f"INSERT INTO {HOUSE}.depends VALUES (?, ?, ?, ?, ?, ?)", [*key, *of]) for of in sorted(read))]


def _parts(name: str) -> list[str]:
    return [name_of(part) for part in exp.to_table(name, dialect="snowflake").parts]


def _word(text: str) -> str:
    return "_".join(text.upper().split())


def _granted(found: re.Match[str]) -> Iterator[Statement]:
    to = _word(found["to"])
    grantee = _parts(found["grantee"])[-1]
    if found["role"]:
        objects = [("USAGE", _word(found["of"]), _parts(found["role"]))]
    else:
        kind = " ".join(found["kind"].upper().split())
        objects = [(word.strip().upper(), kind, _parts(found["name"])) for word in found["words"].split(",")]
    for privilege, kind, parts in objects:
        padded = [*[None] * (3 - len(parts)), *parts]
        if kind in ("SCHEMA", "DATABASE_ROLE"):
            padded = [parts[0], None, parts[-1]]
        row = [privilege, kind, *padded, to, grantee]
        if found["verb"].upper() == "GRANT":
            values = [*row, bool(found["option"])]
            yield f"INSERT INTO {HOUSE}.granted VALUES (?, ?, ?, ?, ?, ?, ?, ?, NULL)", values
        else:
            names = ("privilege", "granted_on", "db", "sch", "name", "granted_to", "grantee")
            where = " AND ".join(f"{name} IS NOT DISTINCT FROM ?" for name in names)
            yield f"UPDATE {HOUSE}.granted SET ended = now() WHERE ended IS NULL AND {where}", row


def _policy(found: re.Match[str]) -> Iterator[Statement]:
    values = [f"{_word(found['kind'])}_POLICY", *_parts(found["name"]), found["body"]]
    yield f"INSERT INTO {HOUSE}.policies VALUES (?, ?, ?, ?, ?)", values


def _used(found: re.Match[str]) -> Iterator[Statement]:
    kind = "ROW_ACCESS_POLICY" if found["rows"] else "MASKING_POLICY"
    column = name_of(exp.to_column(found["column"], dialect="snowflake").this) if found["column"] else None
    values = [kind, *_parts(found["policy"]), found["domain"].upper(), *_parts(found["on"]), column]
    yield f"INSERT INTO {HOUSE}.policy_uses VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", values


_KINDS: tuple[tuple[re.Pattern[str], Callable[[re.Match[str]], Iterator[Statement]]], ...] = (
    (_GRANTED, _granted),
    (_POLICY, _policy),
    (_USED, _used),
)
