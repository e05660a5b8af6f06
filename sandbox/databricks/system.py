"""The system tables of lineage and queries, filled from what ran in the workspace, and lineage over REST."""

from collections.abc import Iterator
from datetime import date
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from sandbox.databricks.access import Principal
from sandbox.databricks.activity import Flow, Run, runs
from sandbox.databricks.answers import ApiError, Record, invalid
from sandbox.databricks.relations import Relation, Row
from sandbox.databricks.store import Store

SYSTEM = Principal("System user", "System user", admin=True)
SCHEMAS = {"access": ("table_lineage", "column_lineage"), "query": ("history",)}
_END = ("table_full_name", "table_catalog", "table_schema", "table_name", "path", "type")
_ENTITY = ("account_id", "metastore_id", "workspace_id", "entity_type", "entity_id", "entity_run_id")
_EVENT = ("created_by", "event_time", "event_date", "record_id", "event_id", "statement_id", "entity_metadata")
_SOURCE, _TARGET = tuple(f"source_{f}" for f in _END), tuple(f"target_{f}" for f in _END)
_INFOS = {
    "JOB": ("jobInfos", "job_id"),
    "NOTEBOOK": ("notebookInfos", "notebook_id"),
    "PIPELINE": ("pipelineInfos", "pipeline_id"),
    "DASHBOARD_V3": ("dashboardV3Infos", "dashboard_id"),
}


def found(store: Store) -> None:
    """Creates the platform's own catalog, which listings show to who may use it."""
    place = {"catalog_name": "system", "owner": SYSTEM.name}
    store.create("catalog", {"name": "system", "catalog_type": "SYSTEM_CATALOG", "owner": SYSTEM.name}, SYSTEM)
    for schema, tables in SCHEMAS.items():
        store.create("schema", {**place, "name": schema}, SYSTEM)
        for table in tables:
            store.create("table", {**place, "schema_name": schema, "name": table, "table_type": "MANAGED"}, SYSTEM)


def relations(today: date) -> dict[tuple[str, str], Relation]:
    """The relations by schema and name."""

    def tables(store: Store, who: Principal, catalog: str) -> Iterator[Row]:
        for run in runs(today):
            for n, source in enumerate(run.flow.reads or ("",)):
                yield (*_entity(store, run), *_end(store, source), *_end(store, run.flow.writes), *_event(run, n))

    def columns(store: Store, who: Principal, catalog: str) -> Iterator[Row]:
        for run in runs(today):
            target = _end(store, run.flow.writes)
            pairs = [(s, c, column) for column, sources in run.flow.columns.items() for s, c in sources]
            for n, (source, name, column) in enumerate(pairs):
                yield (*_entity(store, run), *_end(store, source), name, *target, column, *_event(run, n))

    def history(store: Store, who: Principal, catalog: str) -> Iterator[Row]:
        for run in runs(today):
            if run.flow.text:
                yield f"s-{run.key}", run.flow.who, run.flow.text, _time(run)

    return {
        ("access", "table_lineage"): Relation((*_ENTITY, *_SOURCE, *_TARGET, *_EVENT), tables),
        ("access", "column_lineage"): Relation(
            (*_ENTITY, *_SOURCE, "source_column_name", *_TARGET, "target_column_name", *_EVENT), columns
        ),
        ("query", "history"): Relation(("statement_id", "executed_by", "statement_text", "start_time"), history),
    }


def lineage_routes(store: Store, today: date) -> list[Route]:
    """Lineage of one table, or of one column, as the lineage API tells it."""

    async def tables(request: Request) -> Response:
        name, _ = await _asked(request, store, "table_name")
        up: dict[str, Record] = {}
        down: dict[str, Record] = {}
        for run in runs(today):
            if run.flow.writes == name:
                for source in run.flow.reads:
                    _joined(up.setdefault(source, _info(source)), run.flow)
            if name in run.flow.reads:
                target = run.flow.writes
                _joined(down.setdefault(target, _info(target) if target else {}), run.flow)
        told = {"upstreams": list(up.values()), "downstreams": [one for one in down.values() if one]}
        return JSONResponse({key: ends for key, ends in told.items() if ends})

    async def columns(request: Request) -> Response:
        name, column = await _asked(request, store, "column_name")
        up = {pair for run in runs(today) if run.flow.writes == name for pair in run.flow.columns.get(column, ())}
        found = [{**_info(source)["tableInfo"], "name": c, "table_name": _parts(source)[2]} for source, c in sorted(up)]
        return JSONResponse({"upstream_cols": found} if found else {})

    return [
        Route("/api/2.0/lineage-tracking/table-lineage", tables, methods=["GET"]),
        Route("/api/2.0/lineage-tracking/column-lineage", columns, methods=["GET"]),
    ]


async def _asked(request: Request, store: Store, field: str) -> tuple[str, str]:
    """Table and column that a call asks for, if the caller may see the table."""
    given = await request.json() if await request.body() else dict(request.query_params)
    if not given.get("table_name") or not given.get(field):
        raise invalid(f"Missing required field: {field}")
    name, who = str(given["table_name"]), request.state.principal
    held = store.grants.held(who, store.chain("table", name))
    if not (who.admin or held & {"BROWSE", "SELECT", "MANAGE", "ALL_PRIVILEGES"}):
        raise ApiError(403, "PERMISSION_DENIED", f"User does not have BROWSE on Table '{name}'.")
    return name, str(given[field])


def _info(source: str) -> Record:
    if ":/" in source:
        return {"fileInfo": {"path": source, "has_permission": True}}
    catalog, schema, name = _parts(source)
    info = {"name": name, "catalog_name": catalog, "schema_name": schema, "table_type": "TABLE"}
    return {"tableInfo": info}


def _joined(record: Record, flow: Flow) -> None:
    """Adds what ran the flow to an upstream's record."""
    if flow.entity is None:
        return
    field, key = _INFOS[flow.entity[0]]
    have: list[Any] = record.setdefault(field, [])
    if all(one[key] != flow.entity[1] for one in have):
        have.append({"workspace_id": 1, key: flow.entity[1]})


def _entity(store: Store, run: Run) -> Row:
    word, key = run.flow.entity or (None, None)
    return "acme", store.metastore_id, "1", word, key, run.key if word else None


def _end(store: Store, name: str) -> Row:
    """A source or target: a table with its storage, a path, or nothing."""
    if not name:
        return (None,) * 6
    if ":/" in name:
        return None, None, None, None, name, "PATH"
    record = store.records["table"].get(name, {})
    word = record.get("table_type", "TABLE")
    kind = word if word in ("VIEW", "MATERIALIZED_VIEW", "STREAMING_TABLE") else "TABLE"
    return name, *_parts(name), record.get("storage_location"), kind


def _event(run: Run, n: int) -> Row:
    statement = f"s-{run.key}" if run.flow.text or (run.flow.entity or ("",))[0] == "DASHBOARD_V3" else None
    return run.flow.who, _time(run), run.at.date().isoformat(), f"r-{run.key}-{n}", f"e-{run.key}", statement, None


def _time(run: Run) -> str:
    return run.at.strftime("%Y-%m-%dT%H:%M:%S.000Z")


def _parts(name: str) -> tuple[str, str, str]:
    catalog, schema, table = name.split(".", 2)
    return catalog, schema, table
