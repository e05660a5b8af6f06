"""Lists the policy store's roles and policies, page by page to the end."""

from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from governance.errors import PermissionDenied, ProtocolError
from resources.purview.client_errors import PLATFORM, role_remedy
from resources.purview.client_session import Session

POLICIES = "purview:metadataPolicies"
ROLES = "purview:metadataRoles"
ROLE = "Collection administrator"

Json = Mapping[str, Any]


def roles(session: Session) -> Iterator[Any]:
    """Every role of the account, with the actions that it allows."""
    return _values(session, ROLES, "/metadataRoles")


def policies(session: Session) -> Iterator[Any]:
    """The policies that this identity may see, one a collection."""
    return _values(session, POLICIES, "/metadataPolicies")


def _values(session: Session, operation: str, path: str) -> Iterator[Any]:
    query: dict[str, str] = {}
    seen: set[str] = set()
    while True:
        try:
            answer = session.policies(operation, path, **query)
        except PermissionDenied as error:
            error.remedy = role_remedy(role=ROLE)
            raise
        values = answer.get("values") if isinstance(answer, dict) else None
        if not isinstance(values, list):
            raise _wrong("the answer holds no list of values", operation, "check endpoint")
        session.meter.add(pages=1)
        yield from values
        link = str(answer.get("nextLink") or "")
        if not link:
            return
        if link in seen:
            raise _wrong("the pages never end: a next page is named again and again", operation, "try again later")
        seen.add(link)
        # its address is not followed: a token of ours goes to the account's own address only
        query = {k: v for k, v in parse_qsl(urlsplit(link).query) if k != "api-version"}
        if not query:
            raise _wrong("a next page is named without a token", operation, "try again later")


def _wrong(message: str, operation: str, remedy: str) -> ProtocolError:
    remedy = f"{remedy}; if it stays, report it to Microsoft"
    return ProtocolError(message, platform=PLATFORM, operation=operation, remedy=remedy)
