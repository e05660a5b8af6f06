"""Statements on a SQL warehouse: rows to the very end, and what a statement that failed means to us."""

import re
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from datetime import date
from typing import Any

from governance.errors import GovernanceError, NotFound, PermissionDenied, ProtocolError, Terminal, Unavailable
from resources.databricks.client_errors import PLATFORM, grant_for
from resources.databricks.client_session import STATEMENTS, Json, Workspace

_DENIED = re.compile(r"INSUFFICIENT_PERMISSIONS|PERMISSION_DENIED|SQLSTATE: 42501|\bdoes not have [A-Z_ ]+ on\b")
_CUT = re.compile(r"inline byte limit exceeded|result (set )?is too large|RESULT_TOO_LARGE", re.IGNORECASE)
_ABSENT = re.compile(r"TABLE_OR_VIEW_NOT_FOUND|SCHEMA_NOT_FOUND|NO_SUCH_CATALOG|SQLSTATE: (42P01|42704)")

Parameters = Mapping[str, str | date]


class ResultCut(ProtocolError):
    """A result is longer than a statement may give; the rest can be had by asking for less at once."""


class TooSlow(Unavailable):
    """A statement ran longer than a call may, and was ended; less at once may pass."""


class Warehouse:
    """Runs SELECT statements on the connection's warehouse, which is started where it rests."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace

    @property
    def is_given(self) -> bool:
        """Whether the connection names a warehouse."""
        return self._workspace.connection.warehouse_id is not None

    def rows(self, statement: str, parameters: Parameters) -> Iterator[list[Any]]:
        """The rows of a SELECT.

        Raises:
            GovernanceError: it failed, or its result was cut.
        """
        answer = self._run(statement, parameters)
        yield from self._chunks(answer)

    def records(self, statement: str, parameters: Parameters) -> Iterator[Json]:
        """The rows by column name in lower case, for relations whose columns differ from release to release.

        Raises:
            GovernanceError: it failed, or its result was cut.
        """
        answer = self._run(statement, parameters)
        columns = ((answer.get("manifest") or {}).get("schema") or {}).get("columns") or ()
        names = [str(c.get("name", "")).lower() for c in columns]
        for row in self._chunks(answer):
            yield dict(zip(names, row, strict=True))

    def _run(self, statement: str, parameters: Parameters) -> Json:
        body = {
            "warehouse_id": self._workspace.connection.warehouse_id,
            "statement": statement,
            "parameters": [_parameter(name, value) for name, value in parameters.items()],
            "wait_timeout": "30s",
            "on_wait_timeout": "CONTINUE",
            "disposition": "INLINE",
            "format": "JSON_ARRAY",
        }
        answer = self._finished(self._workspace.post(STATEMENTS, body))
        if (answer.get("manifest") or {}).get("truncated"):
            raise _cut()
        return answer

    def _chunks(self, answer: Json) -> Iterator[list[Any]]:
        result = answer.get("result") or {}
        while True:
            yield from result.get("data_array") or []
            link = result.get("next_chunk_internal_link")
            if not link:
                return
            result = self._workspace.get(str(link), base="")

    def _finished(self, answer: Json) -> Json:
        """The statement's answer once it has run.

        Raises:
            GovernanceError: it failed, or takes longer than a call may.
        """
        until = time.monotonic() + self._workspace.policy.deadline
        while (state := (answer.get("status") or {}).get("state")) in ("PENDING", "RUNNING"):
            if time.monotonic() > until:
                self._ended(str(answer["statement_id"]))
                raise TooSlow("the warehouse takes too long", platform=PLATFORM, operation=STATEMENTS)
            time.sleep(1.0)
            answer = self._workspace.get(f"{STATEMENTS}/{answer['statement_id']}", base="")
        if state != "SUCCEEDED":
            said = ((answer.get("status") or {}).get("error") or {}).get("message") or f"the statement ended as {state}"
            raise _failed(str(said), self._workspace.grantee)
        return answer

    def _ended(self, statement: str) -> None:
        """Ends a statement that nobody waits for any more, which would go on at the warehouse's cost."""
        with suppress(GovernanceError):
            self._workspace.post(f"{STATEMENTS}/{statement}/cancel", {})


def _parameter(name: str, value: str | date) -> dict[str, str]:
    if isinstance(value, date):
        return {"name": name, "value": value.isoformat(), "type": "DATE"}
    return {"name": name, "value": value, "type": "STRING"}


def _failed(said: str, grantee: str) -> GovernanceError:
    """The error of a statement that ended badly, from what the warehouse says."""
    text = said if len(said) <= 500 else f"{said[:500]}…"
    if _CUT.search(said):
        return _cut()
    if _DENIED.search(said):
        return PermissionDenied(text, platform=PLATFORM, operation=STATEMENTS, remedy=grant_for(said, grantee))
    if _ABSENT.search(said):
        return NotFound(text, platform=PLATFORM, operation=STATEMENTS)
    return Terminal(text, platform=PLATFORM, operation=STATEMENTS, remedy="check the warehouse")


def _cut() -> ResultCut:
    return ResultCut(
        "the result was cut at the size that a statement may give",
        platform=PLATFORM,
        operation=f"POST {STATEMENTS}",
        remedy="narrow what this source reads with include",
    )
