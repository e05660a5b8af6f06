"""The collections of an account: what every reader takes as its scopes."""

from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import parse_qs, quote, urlsplit

from governance.errors import ProtocolError
from governance.listing import Reason, Scope
from resources.purview.client_errors import PLATFORM
from resources.purview.client_search import rows
from resources.purview.client_session import Session
from resources.purview.translate import parent_of

COLLECTIONS = "purview:collections"

Json = Mapping[str, Any]


def one(session: Session, name: str) -> Any:
    """A collection by its reference name.

    Raises:
        NotFound: there is none.
        PermissionDenied: this identity may not read it.
    """
    return session.account(f"{COLLECTIONS}/{{name}}", f"/collections/{quote(name, safe='')}")


def everything(session: Session) -> tuple[dict[str, Json], tuple[Reason, ...]]:
    """All collections that this identity may read, by name, and why some of them could not be understood."""
    found: dict[str, Json] = {}
    odd: list[Reason] = []
    token: dict[str, str] = {}
    tokens: set[str] = set()
    while True:
        answer = session.account(COLLECTIONS, "/collections", **token)
        for raw in rows(answer):
            name = raw.get("name") if isinstance(raw, dict) else None
            if isinstance(name, str) and name:
                found[name] = raw
            else:
                odd.append(Reason("record_error", "a collection has no name", COLLECTIONS))
        token = _skip_token(answer.get("nextLink"))
        if not token:
            return found, tuple(odd)
        if token["$skipToken"] in tokens:
            raise ProtocolError(
                "the list of collections names the same next page again and again",
                platform=PLATFORM,
                operation=COLLECTIONS,
                remedy="try again later; if it stays, report it to Microsoft",
            )
        tokens.add(token["$skipToken"])


def scopes_of(raw: Mapping[str, Json]) -> Iterator[Scope]:
    """The collections as scopes, with their friendly names and what is above them."""
    friendly = {name: str(c.get("friendlyName") or name) for name, c in raw.items()}
    for name, collection in raw.items():
        detail = {"friendly_name": friendly[name], "path": _path(name, raw, friendly), "raw": dict(collection)}
        yield Scope(name, "collection", detail)


def _skip_token(link: Any) -> dict[str, str]:
    """The next page's token. Its address is not followed: a token of ours goes to the account's own address only."""
    query = {k.lower(): v[0] for k, v in parse_qs(urlsplit(str(link or "")).query).items()}
    value = query.get("$skiptoken")
    if link and not value:
        raise ProtocolError(
            "the list of collections names a next page without a token", platform=PLATFORM, operation=COLLECTIONS
        )
    return {"$skipToken": value} if value else {}


def _path(name: str, raw: Mapping[str, Json], friendly: Mapping[str, str]) -> list[str]:
    """The friendly names above a collection, from the root; those that may not be read by their reference names."""
    out: list[str] = []
    seen = {name}
    above = parent_of(raw[name])
    while above is not None and above not in seen:
        seen.add(above)
        out.append(friendly.get(above, above))
        above = parent_of(raw[above]) if above in raw else None
    return out[::-1]
