"""Pages as AWS gives them, and records without what is null."""

import base64
import binascii
import json
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

from sandbox.glue.gate import Refused

Json = dict[str, Any]


def page(names: Sequence[str], query: Json, largest: int = 100) -> tuple[Sequence[str], str | None]:
    """The page that MaxResults and NextToken ask for; the token names the last one given, as a cursor does."""
    size = query.get("MaxResults") or largest
    if not isinstance(size, int) or not 1 <= size <= largest:
        raise Refused(400, "InvalidInputException", f"MaxResults must be between 1 and {largest}")
    last = after(query.get("NextToken"))
    start = next((n for n, name in enumerate(names) if last is None or name > last), len(names))
    found = names[start : start + size]
    return found, token(found[-1]) if start + size < len(names) else None


def token(last: str) -> str:
    """A token that goes on after this name."""
    return base64.urlsafe_b64encode(json.dumps({"after": last}).encode()).decode()


def after(given: str | None) -> str | None:
    """The name that a token goes on after; None at the beginning."""
    if not given:
        return None
    try:
        return str(json.loads(base64.urlsafe_b64decode(given))["after"])
    except (ValueError, binascii.Error, KeyError, TypeError) as error:
        raise Refused(400, "InvalidInputException", "The pagination token is invalid") from error


def answer(key: str, items: list[Json], next_token: str | None) -> Json:
    """A page of a listing."""
    return {key: items, **({"NextToken": next_token} if next_token else {})}


def plain(told: Json) -> Json:
    """Times as epoch seconds, and nothing that is null: AWS leaves it out."""
    return dict(_rendered(told))


def _rendered(told: Json) -> Iterator[tuple[str, Any]]:
    for key, value in told.items():
        if isinstance(value, datetime):
            yield key, round((value if value.tzinfo else value.replace(tzinfo=UTC)).timestamp(), 3)
        elif value is not None:
            yield key, value
