"""Catalogs, schemas and what lies in them: list, get, create, alter, delete, model versions, and table summaries.

Two things are wider than Databricks' REST API, because the workspace runs no SQL DDL: tables of any kind can be
created, and PATCH of a table takes what `ALTER TABLE` would change.
"""

import fnmatch
from collections.abc import Iterator
from functools import partial
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from sandbox.databricks.access import Principal
from sandbox.databricks.answers import Answer, ApiError, Record, absent, page
from sandbox.databricks.store import INSIDE_A_SCHEMA, KINDS, Kind, Store
from sandbox.faults import FaultPlan

BASE = "/api/2.1/unity-catalog"
_WIDE = 10_000
_PAGES = {"catalog": 100, "schema": 100, "volume": _WIDE, "function": 100, "model": _WIDE}
_DETAILS = ("view_dependencies", "table_constraints")
_READS = {"table": "SELECT", "volume": "READ_VOLUME", "function": "EXECUTE", "model": "EXECUTE"}
_BROWSED = frozenset(
    "name catalog_name schema_name full_name table_type data_source_format comment owner created_at updated_at "
    "table_id volume_id function_id id volume_type".split()
)


def object_routes(store: Store, faults: FaultPlan, table_page: int) -> list[Route]:
    """The routes of every kind."""
    shelf = Shelf(store, faults, {**_PAGES, "table": table_page})
    routes = [
        Route(f"{BASE}/table-summaries", shelf.summaries, methods=["GET"]),
        Route(f"{BASE}/models/versions", shelf.new_version, methods=["POST"]),
        Route(f"{BASE}/models/{{name:path}}/versions", shelf.list_versions, methods=["GET"]),
        Route(f"{BASE}/models/{{name:path}}/versions/{{number:int}}", shelf.one_version, methods=["GET", "DELETE"]),
    ]
    for kind in KINDS.values():
        path = f"{BASE}/{kind.collection}"
        routes += [
            Route(path, partial(shelf.listed, kind), methods=["GET"]),
            Route(path, partial(shelf.created, kind), methods=["POST"]),
            Route(f"{path}/{{name:path}}", partial(shelf.one, kind), methods=["GET", "PATCH", "DELETE"]),
        ]
    return routes


class Shelf:
    """The handlers, over one store."""

    def __init__(self, store: Store, faults: FaultPlan, pages: dict[str, int]) -> None:
        self.store, self.faults, self.pages = store, faults, pages

    async def listed(self, kind: Kind, request: Request) -> Response:
        """One page of a kind, of what the caller may see."""
        who, query = request.state.principal, request.query_params
        above = ".".join(str(query[f]) for f in ("catalog_name", "schema_name") if f in query)
        if kind.parent and above.count(".") != {"catalog": 0, "schema": 1}[kind.parent]:
            raise ApiError(400, "INVALID_PARAMETER_VALUE", f"Missing required parameters to list {kind.collection}.")
        if kind.parent:
            self.store.get(kind.parent, above)
            self._enter(who, kind.parent, above)
        demand = kind.word in ("catalog", "schema", "table", "function")
        rows = list(self._of(kind, above))
        shown = partial(self._shown, kind, request)
        return page(request, kind.listed, rows, self.pages[kind.word], demand=demand, shown=shown)

    async def created(self, kind: Kind, request: Request) -> Response:
        """A new one."""
        who, body = request.state.principal, await _body(request)
        body = body.get("function_info", body) if kind.word == "function" else body
        self._manage(who)
        return Answer(self.store.create(kind.word, body, who))

    async def one(self, kind: Kind, request: Request) -> Response:
        """Get, alter, delete."""
        who, name = request.state.principal, request.path_params["name"]
        if kind.word == "table" and name.endswith("/exists"):
            return Answer({"table_exists": name.removesuffix("/exists") in self.store.records["table"]})
        if request.method == "GET":
            record = self.store.get(kind.word, name)
            if kind.parent:
                self._enter(who, kind.parent, name.rpartition(".")[0])
            held = self.store.grants.held(who, self.store.chain(kind.word, name))
            if not self._full(kind, record, who, held):
                if "BROWSE" not in held:
                    raise _denied(f"User does not have {_READS.get(kind.word, 'BROWSE')} on {kind.word} '{name}'.")
                record = {f: v for f, v in record.items() if f in _BROWSED} | {"browse_only": True}
            return Answer(record)
        self._manage(who)
        if request.method == "PATCH":
            return Answer(self.store.update(kind.word, name, await _body(request), who))
        self.store.delete(kind.word, name, request.query_params.get("force") == "true")
        return Answer({})

    async def summaries(self, request: Request) -> Response:
        """Names and types of a catalog's tables."""
        query, catalog = request.query_params, request.query_params.get("catalog_name", "")
        self.store.get("catalog", catalog)
        self._enter(request.state.principal, "catalog", catalog)
        wanted = query.get("schema_name_pattern", "%").replace("%", "*").replace("_", "?")
        rows = [
            (name, {"full_name": name, "table_type": record["table_type"]})
            for name, record in sorted(self.store.records["table"].items())
            if record["catalog_name"] == catalog
            and fnmatch.fnmatchcase(record["schema_name"], wanted)
            and not self._lost(record)
        ]
        return page(request, "tables", rows, _WIDE)

    async def new_version(self, request: Request) -> Response:
        """A further version of a registered model."""
        body, who = await _body(request), request.state.principal
        self._manage(who)
        name = ".".join(str(body.get(f)) for f in ("catalog_name", "schema_name", "model_name"))
        self.store.get("model", name)
        have = self.store.versions.setdefault(name, {})
        now = self.store.now()
        given = ("model_name", "catalog_name", "schema_name", "source", "run_id", "comment")
        version: Record = {field: body[field] for field in given if field in body}
        version |= {
            "version": max(have, default=0) + 1,
            "status": "READY",
            "created_at": now,
            "created_by": who.name,
            "updated_at": now,
            "updated_by": who.name,
            "id": f"{name}/{len(have) + 1}",
        }
        have[version["version"]] = version
        return Answer(version)

    async def list_versions(self, request: Request) -> Response:
        """Versions of a model, newest last."""
        name = request.path_params["name"]
        self.store.get("model", name)
        rows = [(f"{number:012}", version) for number, version in sorted(self.store.versions.get(name, {}).items())]
        return page(request, "model_versions", rows, 1_000)

    async def one_version(self, request: Request) -> Response:
        """Get or delete a version."""
        name, number = request.path_params["name"], request.path_params["number"]
        self.store.get("model", name)
        have = self.store.versions.get(name, {})
        if number not in have:
            raise absent("MODEL_VERSION", f"{name}/{number}")
        if request.method == "DELETE":
            self._manage(request.state.principal)
            del have[number]
            return Answer({})
        return Answer(have[number])

    def _of(self, kind: Kind, above: str) -> Iterator[tuple[str, Record]]:
        """What of a kind lies directly in `above`, in order of name, without what the sandbox was told to lose."""
        records = self.store.records[kind.word]
        for name in sorted(records):
            record = records[name]
            inside = ".".join(record[f] for f in ("catalog_name", "schema_name")[: above.count(".") + 1] if above)
            if inside == above and not self._lost(record, kind):
                yield name, record

    def _lost(self, record: Record, kind: Kind | None = None) -> bool:
        word = kind.word if kind else "table"
        if word == "schema":
            return self.faults.lost(record["full_name"])
        scope = f"{record.get('catalog_name', '')}.{record.get('schema_name', '')}"
        return self.faults.lost(scope if word in INSIDE_A_SCHEMA else f"{record['name']}.*")

    def _shown(self, kind: Kind, request: Request, record: Record) -> Record | None:
        """The record as this caller may see it in a listing; None where it may not."""
        who, query = request.state.principal, request.query_params
        held = self.store.grants.held(who, self.store.chain(kind.word, record["full_name"]))
        if self._full(kind, record, who, held):
            hidden: set[str] = set(_DETAILS)
        elif "BROWSE" in held and query.get("include_browse") == "true":
            return {f: v for f, v in record.items() if f in _BROWSED} | {"browse_only": True}
        else:
            return None
        for flag, fields in (
            ("omit_columns", ("columns",)),
            ("omit_properties", ("properties",)),
            ("omit_username", ("owner", "created_by", "updated_by")),
        ):
            if query.get(flag) == "true":
                hidden.update(fields)
        return {f: v for f, v in record.items() if f not in hidden}

    def _full(self, kind: Kind, record: Record, who: Principal, held: set[str]) -> bool:
        if who.admin or record.get("owner") in who.identities or held & {"ALL_PRIVILEGES", "MANAGE"}:
            return True
        if kind.word == "catalog":
            return "USE_CATALOG" in held
        if kind.word == "schema":
            return "USE_SCHEMA" in held
        return _READS[kind.word] in held

    def _enter(self, who: Principal, word: str, name: str) -> None:
        """Listing what lies in a catalog or schema needs USE on it and on what is above, or BROWSE."""
        held = self.store.grants.held(who, self.store.chain(word, name))
        if who.admin or held & {"BROWSE", "ALL_PRIVILEGES", "MANAGE"}:
            return
        catalog = name.split(".")[0]
        if "USE_CATALOG" not in held and self.store.get("catalog", catalog)["owner"] not in who.identities:
            raise _denied(f"User does not have USE CATALOG on Catalog '{catalog}'.")
        if word == "schema" and "USE_SCHEMA" not in held and self.store.get(word, name)["owner"] not in who.identities:
            raise _denied(f"User does not have USE SCHEMA on Schema '{name}'.")

    def _manage(self, who: Principal) -> None:
        if not who.admin:
            raise _denied(f"User '{who.name}' is not an owner of the securable.")


def _denied(message: str) -> ApiError:
    return ApiError(403, "PERMISSION_DENIED", message)


async def _body(request: Request) -> dict[str, Any]:
    body = await request.json()
    if not isinstance(body, dict):
        raise ApiError(400, "MALFORMED_REQUEST", "Could not parse request object: an object is expected.")
    return body
