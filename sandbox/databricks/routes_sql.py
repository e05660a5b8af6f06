"""SQL warehouses and statements over `information_schema`: what the catalog says of itself, as tables.

A statement is read with sqlglot, its tables are filled from the store, and SQLite runs it.
"""

import sqlite3
import uuid
from typing import Any

import sqlglot
from sqlglot import exp
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from sandbox.databricks.access import Principal
from sandbox.databricks.answers import ApiError, invalid
from sandbox.databricks.relations import INFORMATION, Relation
from sandbox.databricks.store import Store

WAREHOUSE_ID = "a1b2c3d4e5f60718"
_CHUNK = 25
"""Rows of a result chunk; Databricks cuts by bytes."""

Rows = list[tuple[str | None, ...]]
System = dict[tuple[str, str], Relation]


class Refused(Exception):
    """A statement on what is not there, or not for the caller."""


def sql_routes(store: Store, system: System) -> list[Route]:
    """Warehouses, statements and their chunks, over information_schema and the platform's own tables."""
    done: dict[str, Rows] = {}

    async def warehouse(request: Request) -> Response:
        if request.path_params["id"] != WAREHOUSE_ID:
            raise ApiError(404, "RESOURCE_DOES_NOT_EXIST", f"No warehouse with id {request.path_params['id']}")
        return JSONResponse({"id": WAREHOUSE_ID, "name": "governance", "state": "RUNNING", "cluster_size": "2X-Small"})

    async def execute(request: Request) -> Response:
        body = await request.json()
        if body.get("warehouse_id") != WAREHOUSE_ID:
            raise invalid(f"{body.get('warehouse_id')} is not a valid endpoint id.")
        key = str(uuid.uuid4())
        try:
            names, rows = _run(store, system, request, str(body.get("statement", "")), body.get("parameters") or ())
        except Refused as error:
            wrong = {"error_code": "BAD_REQUEST", "message": str(error)}
            return JSONResponse({"statement_id": key, "status": {"state": "FAILED", "error": wrong}})
        except (sqlglot.errors.SqlglotError, sqlite3.Error) as error:
            wrong = {"error_code": "BAD_REQUEST", "message": f"[PARSE_SYNTAX_ERROR] {error} SQLSTATE: 42601"}
            return JSONResponse({"statement_id": key, "status": {"state": "FAILED", "error": wrong}})
        done[key] = rows
        count = max(1, -(-len(rows) // _CHUNK))
        manifest = {
            "format": "JSON_ARRAY",
            "schema": {
                "column_count": len(names),
                "columns": [
                    {"name": n, "position": i, "type_name": "STRING", "type_text": "STRING"}
                    for i, n in enumerate(names)
                ],
            },
            "total_chunk_count": count,
            "total_row_count": len(rows),
            "truncated": False,
        }
        return JSONResponse(
            {
                "statement_id": key,
                "status": {"state": "SUCCEEDED"},
                "manifest": manifest,
                "result": _chunk(rows, 0, key),
            }
        )

    async def chunk(request: Request) -> Response:
        key, index = request.path_params["id"], request.path_params["index"]
        if key not in done:
            raise ApiError(404, "NOT_FOUND", f"The statement {key} was not found.")
        return JSONResponse(_chunk(done[key], index, key))

    return [
        Route("/api/2.0/sql/warehouses/{id}", warehouse, methods=["GET"]),
        Route("/api/2.0/sql/statements", execute, methods=["POST"]),
        Route("/api/2.0/sql/statements/{id}/result/chunks/{index:int}", chunk, methods=["GET"]),
    ]


def _chunk(rows: Rows, index: int, key: str) -> dict[str, Any]:
    part = rows[index * _CHUNK : (index + 1) * _CHUNK]
    out: dict[str, Any] = {
        "chunk_index": index,
        "row_offset": index * _CHUNK,
        "row_count": len(part),
        "data_array": part,
    }
    if (index + 1) * _CHUNK < len(rows):
        out["next_chunk_index"] = index + 1
        out["next_chunk_internal_link"] = f"/api/2.0/sql/statements/{key}/result/chunks/{index + 1}"
    return out


def _run(store: Store, system: System, request: Request, statement: str, parameters: Any) -> tuple[list[str], Rows]:
    """Column names and rows of a statement."""
    tree = sqlglot.parse_one(statement, read="databricks")
    who = request.state.principal
    with sqlite3.connect(":memory:") as database:
        for number, table in enumerate(tree.find_all(exp.Table)):
            relation = _relation(store, system, who, table)
            database.execute(f"CREATE TABLE t{number} ({', '.join(relation.columns)})")
            marks = ", ".join("?" * len(relation.columns))
            database.executemany(f"INSERT INTO t{number} VALUES ({marks})", relation.rows(store, who, table.catalog))
            table.replace(exp.to_table(f"t{number}", alias=table.alias or None))
        # a placeholder is `:name` in both dialects
        cursor = database.execute(tree.sql("sqlite"), {p["name"]: p.get("value") for p in parameters})
        names = [d[0] for d in cursor.description]
        return names, [tuple(None if v is None else str(v) for v in row) for row in cursor.fetchall()]


def _relation(store: Store, system: System, who: Principal, table: exp.Table) -> Relation:
    """The relation that a statement names, if the caller may read it."""
    catalog, schema, view = table.catalog, table.db, table.name
    if schema == "information_schema" and view in INFORMATION:
        store.get("catalog", catalog)
        held = store.grants.held(who, store.chain("catalog", catalog))
        if not who.admin and not held & {"USE_CATALOG", "ALL_PRIVILEGES"}:
            raise ApiError(403, "PERMISSION_DENIED", f"User does not have USE CATALOG on Catalog '{catalog}'.")
        return INFORMATION[view]
    name = f"{catalog}.{schema}.{view}"
    if catalog != "system" or (schema, view) not in system or name not in store.records["table"]:
        text = f"[TABLE_OR_VIEW_NOT_FOUND] The table or view {table.sql('databricks')} cannot be found. SQLSTATE: 42P01"
        raise Refused(text)
    for word, kind, place in (
        ("USE CATALOG", "catalog", catalog),
        ("USE SCHEMA", "schema", f"{catalog}.{schema}"),
        ("SELECT", "table", name),
    ):
        if not who.admin and word.replace(" ", "_") not in store.grants.held(who, store.chain(kind, place)):
            what = f"User does not have {word} on {kind.capitalize()} '{place}'."
            raise Refused(f"[INSUFFICIENT_PERMISSIONS] Insufficient privileges: {what} SQLSTATE: 42501")
    return system[schema, view]
