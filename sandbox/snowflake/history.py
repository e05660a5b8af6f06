"""ACCESS_HISTORY, QUERY_HISTORY and COPY_HISTORY as Snowflake fills them, as statements that fill the sandbox's."""

import json
from collections.abc import Iterator, Mapping
from datetime import date, timedelta
from typing import Any

from sandbox.snowflake.activity import BYTES_A_QUERY, DAYS, FLOWS, LOADS, Flow, Name, Run, runs
from sandbox.snowflake.relations import q, text

HOME = "SNOWFLAKE.ACCOUNT_USAGE"
_VIEWS = {"Recent Orders", "CONTACTS", "Margin"}


def statements(today: date) -> Iterator[str]:
    """The two views as tables, and what ran on the days before this one."""
    yield (
        f"CREATE TABLE {HOME}.ACCESS_HISTORY (QUERY_ID VARCHAR, QUERY_START_TIME TIMESTAMP_LTZ, USER_NAME VARCHAR,"
        " DIRECT_OBJECTS_ACCESSED ARRAY, BASE_OBJECTS_ACCESSED ARRAY, OBJECTS_MODIFIED ARRAY,"
        " PARENT_QUERY_ID VARCHAR, ROOT_QUERY_ID VARCHAR)"
    )
    yield (
        f"CREATE TABLE {HOME}.QUERY_HISTORY (QUERY_ID VARCHAR, QUERY_TEXT VARCHAR, USER_NAME VARCHAR,"
        " ROLE_NAME VARCHAR, START_TIME TIMESTAMP_LTZ, ROWS_PRODUCED NUMBER, BYTES_SCANNED NUMBER)"
    )
    for flow, ran in _by_flow(today):
        times = ", ".join(f"({text(run.key)}, {_moment(run)})" for run in ran)
        lists = ", ".join(f"PARSE_JSON({text(json.dumps(one))})" for one in _lists(flow))
        yield (
            f"INSERT INTO {HOME}.ACCESS_HISTORY SELECT column1, column2, {text(flow.who)}, {lists}, NULL, NULL"
            f" FROM VALUES {times}"
        )
        role = text(f"{flow.who}_ROLE")
        yield (
            f"INSERT INTO {HOME}.QUERY_HISTORY SELECT column1, {text(flow.text)}, {text(flow.who)}, {role}, column2,"
            f" {flow.rows}, {BYTES_A_QUERY} FROM VALUES {times}"
        )

    yield from _loads(today)


def _loads(today: date) -> Iterator[str]:
    """COPY_HISTORY; a load that failed is in it too."""
    yield (
        f"CREATE TABLE {HOME}.COPY_HISTORY (FILE_NAME VARCHAR, STAGE_LOCATION VARCHAR, LAST_LOAD_TIME TIMESTAMP_LTZ,"
        " STATUS VARCHAR, TABLE_NAME VARCHAR, TABLE_SCHEMA_NAME VARCHAR, TABLE_CATALOG_NAME VARCHAR,"
        " PIPE_CATALOG_NAME VARCHAR, PIPE_SCHEMA_NAME VARCHAR, PIPE_NAME VARCHAR)"
    )
    rows = [
        (f"part-{ago}", load.stage, f"{today - timedelta(days=ago)} 01:00:00", "Loaded", *reversed(load.to), *load.pipe)
        for load in LOADS
        for ago in range(DAYS, 0, -1)
    ]
    rows.append(("bad", "s3://acme-landing/bad/", f"{today - timedelta(days=1)} 01:00:00", "Load failed", "ORDERS",
                 "SALES", "RETAIL"))  # fmt: skip
    values = ", ".join(f"({', '.join([*map(text, row), *['NULL'] * (10 - len(row))])})" for row in rows)
    yield f"INSERT INTO {HOME}.COPY_HISTORY VALUES {values}"


def _by_flow(today: date) -> Iterator[tuple[Flow, list[Run]]]:
    """Statements that repeat no list for each run are soon run."""
    found: dict[int, list[Run]] = {}
    for run in runs(today):
        found.setdefault(FLOWS.index(run.flow), []).append(run)
    return ((FLOWS[place], ran) for place, ran in found.items())


def _moment(run: Run) -> str:
    return text(run.at.strftime("%Y-%m-%d %H:%M:%S"))


def _lists(flow: Flow) -> Iterator[list[Mapping[str, Any]]]:
    """What it names, what lies beneath, and what it modifies."""
    read: list[Mapping[str, Any]] = [_object(name, columns) for name, columns in flow.direct.items()]
    if flow.stage:
        read.append({"objectDomain": "Stage", "objectId": 77, "objectName": flow.stage, "stageKind": "Internal Named"})
    yield read
    base = flow.direct if flow.base is None else flow.base
    yield [_object(name, columns) for name, columns in base.items()]
    yield [{**_named(flow.writes), "columns": list(_modified(flow))}] if flow.writes else []


def _modified(flow: Flow) -> Iterator[Mapping[str, Any]]:
    for column, sources in flow.sources.items():
        told = [{**_named(name), "columnName": c} for name, c in sources]
        yield {"columnId": 1, "columnName": column, "directSources": told, "baseSources": told}


def _object(name: Name, columns: tuple[str, ...]) -> dict[str, Any]:
    return {**_named(name), "columns": [{"columnId": n, "columnName": c} for n, c in enumerate(columns, 1)]}


def _named(name: Name) -> dict[str, Any]:
    """Snowflake quotes parts as SQL needs them."""
    domain = "View" if name[2] in _VIEWS else "Table"
    return {"objectDomain": domain, "objectId": 1, "objectName": ".".join(q(p) for p in name)}
