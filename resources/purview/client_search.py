"""Lists the assets of a collection by search, page by page to the end, and counts what came."""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from governance.errors import GovernanceError, ProtocolError
from governance.listing import Reason
from resources.cursors import MOST_RESTARTS, has_expired, named
from resources.purview.client_session import Session

LIMIT = 1000
"""The most that one answer of the search holds."""

OPERATION = "purview:search/query"

_OF_THE_SEARCH = ("@search.score", "@search.highlights", "@search.text")

Json = Any


@dataclass(frozen=True)
class Found:
    """One page of hits that were not on an earlier one; `short` says why the last page is not the end of it all."""

    hits: Sequence[Mapping[str, Any]]
    short: Reason | None = None


def assets(session: Session, collection: str, limit: int = LIMIT) -> Iterator[Found]:
    """The assets that the search index has in a collection.

    Raises:
        ProtocolError: the pages never end.
        GovernanceError: a page cannot be read.
    """
    token: str | None = None
    tokens: set[str] = set()
    seen: set[str] = set()
    restarts = 0
    while True:
        more = {"continuationToken": token} if token else {}
        # by name, since the order by score is none where all score the same
        body = {"keywords": None, "filter": {"collectionId": collection}, "limit": limit, "orderby": [{"name": "ASC"}]}
        try:
            answer = session.datamap(OPERATION, "POST", "/search/query", body={**body, **more})
        except GovernanceError as error:
            if not has_expired(error, token) or restarts == MOST_RESTARTS:
                raise
            # from its beginning, hits and all: what is told twice counts once
            restarts, token, tokens, seen = restarts + 1, None, set(), set()
            continue
        hits = [h for h in rows(answer) if isinstance(h, dict) and (not h.get("id") or str(h["id"]) not in seen)]
        seen.update(str(h.get("id") or id(h)) for h in hits)
        token = answer.get("continuationToken")
        if not token:
            yield Found(hits, _short(answer, len(seen), collection))
            return
        if token in tokens or not hits:
            raise ProtocolError(
                f"the pages of collection {collection} never end: a page of {len(hits)} new assets names the next one "
                f"{named(token)} again after {len(seen)}",
                platform="purview",
                operation=OPERATION,
                remedy="try again later; if it stays, report it to Microsoft with the request's id",
            )
        tokens.add(token)
        yield Found(hits)


def newest(session: Session, collection: str) -> tuple[int, int]:
    """How many assets the index has in a collection, and when the last of them changed, in milliseconds."""
    order = [{"updateTime": "DESC"}]
    body = {"keywords": None, "filter": {"collectionId": collection}, "limit": 1, "orderby": order}
    answer = session.datamap(OPERATION, "POST", "/search/query", body=body)
    last = max((int(h.get("updateTime") or 0) for h in rows(answer)), default=0)
    return int(answer.get("@search.count") or 0), last


def processes(session: Session) -> int:
    """How many processes the index has that this identity may read."""
    body = {"keywords": None, "filter": {"and": [{"entityType": "Process", "includeSubTypes": True}]}, "limit": 1}
    answer = session.datamap(OPERATION, "POST", "/search/query", body=body)
    return max(len(rows(answer)), int(answer.get("@search.count") or 0))


def digest(session: Session, collection: str) -> str:
    """How many assets the index has in a collection, and a digest of what it tells of them."""
    count, total = 0, 0
    for found in assets(session, collection):
        for hit in found.hits:
            shown = {k: v for k, v in hit.items() if k not in _OF_THE_SEARCH}
            text = msgspec.json.encode(shown, order="deterministic")
            count, total = count + 1, total + int.from_bytes(hashlib.blake2b(text, digest_size=16).digest(), "little")
    return f"{count}:{total % 2**128:032x}"


def rows(answer: Json) -> list[Any]:
    """The hits of an answer.

    Raises:
        ProtocolError: it holds none, not even an empty list.
    """
    value = answer.get("value") if isinstance(answer, dict) else None
    if not isinstance(value, list):
        raise ProtocolError(
            "the answer holds no list of results",
            platform="purview",
            operation=OPERATION,
            remedy="check endpoint: this is not how Purview answers a search",
        )
    return value


def _short(answer: Json, arrived: int, collection: str) -> Reason | None:
    """Why the listing is not complete where the search counted more than it gave."""
    counted = answer.get("@search.count")
    if not isinstance(counted, int) or answer.get("@search.count.approximate") or arrived >= counted:
        return None
    return Reason(
        "search_incomplete",
        f"the search counted {counted} assets in collection {collection} but gave {arrived}",
        OPERATION,
        "run the sync again; assets may have been written while it listed them",
    )
