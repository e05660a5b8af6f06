"""How the workspace answers: Databricks' own error bodies, and pages with their odd ends."""

import base64
import binascii
import json
import uuid
from collections.abc import Callable, Sequence
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response

Record = dict[str, Any]
Endpoint = Callable[[Request], Response]


class Answer(JSONResponse):
    """JSON in ASCII: a lone surrogate in a comment then passes as it does on the real service."""

    def render(self, content: Any) -> bytes:
        """The body."""
        return json.dumps(content, separators=(",", ":")).encode()


class ApiError(Exception):
    """An answer that is not 2xx."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status, self.code, self.message = status, code, message


def error_body(code: str, message: str) -> bytes:
    """The JSON of an error as Unity Catalog words it."""
    details = [
        {
            "@type": "type.googleapis.com/google.rpc.ErrorInfo",
            "reason": code,
            "domain": "unity-catalog.databricks.com",
            "metadata": {},
        },
        {"@type": "type.googleapis.com/google.rpc.RequestInfo", "request_id": str(uuid.uuid4()), "serving_data": ""},
    ]
    return json.dumps({"error_code": code, "message": message, "details": details}).encode()


def failed(error: ApiError) -> Response:
    """The error as a response."""
    return Response(error_body(error.code, error.message), error.status, media_type="application/json")


def missing_route(request: Request) -> Response:
    """An unknown route is answered in plain text."""
    return PlainTextResponse(f"No API found for '{request.method} {request.url.path}'", 404)


def absent(kind: str, name: str) -> ApiError:
    """The error of a thing that is not there; `kind` is such as `TABLE`."""
    return ApiError(404, f"{kind}_DOES_NOT_EXIST", f"{kind.capitalize().replace('_', ' ')} '{name}' does not exist.")


def invalid(message: str) -> ApiError:
    """The error of a bad argument."""
    return ApiError(400, "INVALID_PARAMETER_VALUE", message)


def page(
    request: Request,
    key: str,
    rows: Sequence[tuple[str, Record]],
    cap: int,
    *,
    demand: bool = False,
    shown: Callable[[Record], Record | None] = lambda record: record,
) -> Response:
    """One page of `rows`, which are pairs of sort key and record in order.

    A page holds at most `cap` whatever is asked for. A full page always has a next token, so that an exact multiple
    ends in an empty page; and the second page of every listing is empty with a next token, as the documentation warns.

    Args:
        request: its `max_results` and `page_token` are read.
        key: where the records stand in the answer.
        rows: everything that is listed.
        cap: the server's page size.
        demand: whether a call without `max_results` is rejected.
        shown: a record as the caller may see it, None where it may not.
    """
    limit = _limit(request, cap, demand)
    after, number = _opened(request.query_params.get("page_token"))
    if number == 1:
        return Answer({key: [], "next_page_token": _token(after, 2)})
    found: list[Record] = []
    last = after
    for name, record in rows:
        if len(found) < limit and (name > after or not number) and (visible := shown(record)) is not None:
            found.append(visible)
            last = name
    out: Record = {key: found}
    if len(found) >= limit:
        out["next_page_token"] = _token(last, number + 1)
    return Answer(out)


def _limit(request: Request, cap: int, demand: bool) -> int:
    text = request.query_params.get("max_results")
    if text is None:
        if demand:
            raise ApiError(400, "INVALID_PARAMETER_VALUE", "UC-PGRQD: set max_results, unpaginated calls are rejected.")
        return cap
    if not text.lstrip("-").isdigit():
        raise invalid(f"max_results '{text}' is not a number.")
    if int(text) < 0:
        raise invalid("max_results must not be negative.")
    return min(int(text) or cap, cap)


def _token(after: str, number: int) -> str:
    return base64.urlsafe_b64encode(json.dumps([after, number]).encode()).decode()


def _opened(token: str | None) -> tuple[str, int]:
    if not token:
        return "", 0
    try:
        after, number = json.loads(base64.urlsafe_b64decode(token))
    except (ValueError, binascii.Error) as error:
        raise invalid("The page token is not one of this server's.") from error
    return str(after), int(number)
