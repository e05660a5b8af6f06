"""The ASGI application: logins and rights are checked here, statements go through the catalogue on to fakesnow."""

import asyncio
import gzip
import json
import logging
import re
import secrets
import warnings
from dataclasses import dataclass, field
from typing import Any

from fakesnow.instance import FakeSnow
from fakesnow.server import query_request, routes, sessions
from fakesnow.transforms import SERVER_VERSION
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import Message

from sandbox.faults import FaultPlan
from sandbox.snowflake.catalogue import Catalogue, Plan
from sandbox.snowflake.logins import ACCOUNT, DENIED, READER, Logins, session_parameters

_ABOUT_SESSION = re.compile(
    r"\s*SELECT\s+(CURRENT_(VERSION|ROLE|WAREHOUSE|ACCOUNT|REGION)\(\))\s*;?\s*$", re.IGNORECASE
)
_SCHEMA_READ = re.compile(r"INFORMATION_SCHEMA\.(TABLES|COLUMNS)\b", re.IGNORECASE)


@dataclass(frozen=True)
class _Session:
    role: str
    warehouse: str | None
    turn: asyncio.Lock = field(default_factory=asyncio.Lock, compare=False)


class Server:
    """One Snowflake account: a fakesnow instance of its own, however many there are in the process.

    With `most_rows` set, a query on INFORMATION_SCHEMA.TABLES or COLUMNS that would give more is refused with
    Snowflake's error 090030.
    """

    def __init__(self, logins: Logins, faults: FaultPlan) -> None:
        self.logins, self.faults = logins, faults
        self.most_rows: int | None = None
        # fakesnow logs every statement that fails, and DuckDB warns of a copy on every one
        logging.getLogger("fakesnow.server").setLevel(logging.CRITICAL)
        warnings.filterwarnings("ignore", message="Arrow output on a DB-API result", category=UserWarning)
        self._instance = FakeSnow()
        self._catalogue = Catalogue(self._instance)
        self._sessions: dict[str, _Session] = {}

    def app(self) -> Starlette:
        """The routes of fakesnow, with our login and our query in front."""
        ours = [
            Route("/session/v1/login-request", self._login, methods=["POST"]),
            Route("/queries/v1/query-request", self._query, methods=["POST"]),
            Route("/telemetry/send", _accepted, methods=["POST"]),
        ]
        paths = {route.path for route in ours}
        return Starlette(routes=[*ours, *(route for route in routes if route.path not in paths)])

    def end_sessions(self) -> None:
        """Forgets every session: clients must log in again."""
        self._sessions.clear()

    async def _login(self, request: Request) -> Response:
        data = session_parameters(_plain(request, await request.body()))
        role = request.query_params.get("roleName")
        if refusal := await run_in_threadpool(self.logins.refusal, data, role):
            return JSONResponse(refusal)
        database = request.query_params.get("databaseName")
        connection = await run_in_threadpool(self._instance.connect, database)
        token = secrets.token_urlsafe(32)
        sessions[token] = connection  # the key is random: sessions of several servers do not meet
        self._sessions[token] = _Session((role or READER).upper(), request.query_params.get("warehouse"))
        settings = [
            {"name": "AUTOCOMMIT", "value": True},
            {"name": "CLIENT_TELEMETRY_ENABLED", "value": False},
            {"name": "CLIENT_STAGE_ARRAY_BINDING_THRESHOLD", "value": 0},
        ]
        said = {
            "token": token,
            "masterToken": token,
            "serverVersion": SERVER_VERSION,
            "parameters": settings,
            "sessionInfo": {"databaseName": database, "schemaName": None, "roleName": role or READER},
        }
        return JSONResponse({"data": said, "code": None, "message": None, "success": True})

    async def _query(self, request: Request) -> Response:
        token = request.headers.get("authorization", "")[17:-1]
        session, connection = self._sessions.get(token), sessions.get(token)
        if session is None or connection is None:
            return _refused("390104", "User must login again to access the service.", "08001")
        body = json.loads(_plain(request, await request.body()))
        sql = str(body["sqlText"])
        if (denied := _denied(session.role, sql)) is not None:
            return denied
        plan = await run_in_threadpool(self._planned, sql, session, connection)
        # a session may ask several things at once; fakesnow's connection takes one after the other
        async with session.turn:
            answer = await query_request(_with_sql(request, body, plan.sql))
        if plan.note is not None and json.loads(bytes(answer.body))["success"]:
            await run_in_threadpool(plan.note)
        return self._within_bounds(sql, answer)

    def _planned(self, sql: str, session: _Session, connection: Any) -> Plan:
        catalogue = self._catalogue
        lost = (f"{db}.{sch}" for db, sch in catalogue.schemas() if self.faults.lost(f"{db}.{sch}"))
        catalogue.lose(lost, self.faults.lost("*"))
        if (asked := _ABOUT_SESSION.match(sql)) is not None:
            # the column is called as it was asked for
            return Plan(f"SELECT '{self._about(asked[2].upper(), session)}' AS \"{asked[1].upper()}\"")
        for word, value in (("WAREHOUSE", session.warehouse), ("ROLE", session.role)):
            said = f"'{value}'" if value else "NULL"
            sql = re.sub(rf"CURRENT_{word}\(\)", said, sql, flags=re.IGNORECASE)
        plan = catalogue.plan(sql, connection.database, connection.schema)
        if DENIED[session.role] and re.match(r"\s*SHOW\s+DATABASES", sql, re.IGNORECASE):
            hidden = ", ".join(f"'{name}'" for name in sorted(DENIED[session.role]))
            return Plan(f'{plan.sql} WHERE "name" NOT IN ({hidden})')
        return plan

    @staticmethod
    def _about(word: str, session: _Session) -> str:
        told = {"ROLE": session.role, "WAREHOUSE": session.warehouse, "VERSION": SERVER_VERSION, "ACCOUNT": ACCOUNT}
        return told.get(word) or "AWS_EU_CENTRAL_1"

    def _within_bounds(self, sql: str, answer: JSONResponse) -> Response:
        if self.most_rows is None or not _SCHEMA_READ.search(sql):
            return answer
        total = (json.loads(bytes(answer.body)).get("data") or {}).get("total", 0)
        if total <= self.most_rows:
            return answer
        too_much = (
            "Information schema query returned too much data. Please repeat query with more selective predicates."
        )
        return _refused("090030", too_much, "22000")


async def _accepted(request: Request) -> Response:
    return JSONResponse({"data": "Log Received", "code": None, "message": None, "success": True})


def _denied(role: str, sql: str) -> Response | None:
    """Snowflake does not tell what is missing from what is forbidden."""
    for database in sorted(DENIED[role]):
        if re.search(rf'(?<!\w)"?{database}"?\."?\w', sql, re.IGNORECASE):
            message = f"SQL compilation error:\nDatabase '{database}' does not exist or not authorized."
            return _refused("002003", message, "02000")
    return None


def _refused(code: str, message: str, state: str) -> Response:
    data = {"errorCode": code, "sqlState": state, "internalError": False, "line": -1, "pos": -1}
    return JSONResponse({"data": data, "code": code, "message": message, "success": False, "headers": None})


def _plain(request: Request, body: bytes) -> bytes:
    return gzip.decompress(body) if request.headers.get("content-encoding") == "gzip" else body


def _with_sql(request: Request, body: dict[str, Any], sql: str) -> Request:
    """The same request with another statement."""
    headers = [(k, v) for k, v in request.scope["headers"] if k != b"content-encoding"]
    changed = json.dumps({**body, "sqlText": sql}).encode()

    async def receive() -> Message:
        return {"type": "http.request", "body": changed, "more_body": False}

    return Request({**request.scope, "headers": headers}, receive)
