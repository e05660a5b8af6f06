"""Pages of an AWS listing, to the very end."""

from collections.abc import Callable, Iterator
from typing import Any

from governance.errors import GovernanceError, ProtocolError
from resources.cursors import MOST_RESTARTS, has_expired, named

_MOST_EMPTY = 1_000
"""Empty pages in a row after which a listing is taken for endless; Glue gives a few where it filters."""


def pages(operation: str, key: str, ask: Callable[[dict[str, str]], dict[str, Any]]) -> Iterator[list[Any]]:
    """The lists under `key`, page by page; an empty page with a token is not the end.

    Args:
        operation: for messages.
        key: where an answer has its list.
        ask: makes one call, given `{}` or `{"NextToken": …}`.

    A listing whose token has expired is begun again: its first records then come twice.

    Raises:
        ProtocolError: an answer without a list, a token that came before, or page after page with nothing new under
            ever new tokens. The pages so far have been given.
    """
    token, seen, restarts = "", set[str](), 0
    empty, before = 0, None
    while True:
        try:
            answer = ask({"NextToken": token} if token else {})
        except GovernanceError as error:
            if not has_expired(error, token) or restarts == MOST_RESTARTS:
                raise
            restarts, token, seen, before = restarts + 1, "", set(), None
            continue
        page = answer.get(key)
        if not isinstance(page, list):
            # a proxy's answer may be any JSON; an empty catalog says so with an empty list
            raise ProtocolError(
                f"the answer has no {key}",
                platform="glue",
                operation=operation,
                remedy="check endpoint_url: something that is not AWS seems to answer there",
            )
        repeated = bool(page) and page == before
        if not repeated:
            yield page
        token = answer.get("NextToken") or ""
        if not token:
            return
        empty, before = (0 if page else empty + 1), page
        if token in seen or repeated or empty > _MOST_EMPTY:
            raise ProtocolError(
                f"the listing never ends: next token {named(token)} or its page came twice, or nothing but empty pages",
                platform="glue",
                operation=operation,
                remedy="report it to whoever runs this endpoint; what was read until here is kept",
            )
        seen.add(token)
