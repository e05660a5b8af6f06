"""Calls Apache Atlas with its own SDK, and reads its scopes.

The SDK's models drop every field they do not know, and its errors keep neither status nor headers. So its calls are
made through `call_api` with the answer's plain JSON, over a session that raises by status before the SDK looks.
"""

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any

import msgspec
from apache_atlas.client.base_client import AtlasClient
from apache_atlas.client.discovery import DiscoveryClient
from apache_atlas.client.entity import EntityClient
from apache_atlas.client.typedef import TypeDefClient
from apache_atlas.exceptions import AtlasServiceException
from apache_atlas.utils import API, BASE_URI, HTTPMethod, HTTPStatus

from governance.errors import DeadlineExceeded, GovernanceError, NotFound
from resources.atlas.translate_types import TypeModel
from resources.calls import Caller, CallPolicy
from resources.http import Batches, RestSession
from resources.http_errors import Damaged, Oversized

Json = Mapping[str, Any]

MOST_HITS = 10_000
"""How many hits one search of Atlas can reach (`atlas.search.maxlimit`)."""

BULK = "atlas:entity/bulk"

HIDDEN = "-1"
"""The guid that Atlas shows of an entity which the caller may not read."""

_TOGETHER = 100
"""Guids in one bulk call: some 300 make the address too long for the server."""

_CREATED, _MODIFIED = "__timestamp", "__modificationTimestamp"
_VERSION = API(BASE_URI + "admin/version", HTTPMethod.GET, HTTPStatus.OK)
_SESSION = API(BASE_URI + "admin/session", HTTPMethod.GET, HTTPStatus.OK)
_NONE: Json = {}


class Atlas:
    """One server.

    Args:
        url: its address without `/api/atlas`; a path in front, as a gateway has one, is kept.
        session: signs, bounds and classifies.
        policy: retries.
        page_size: hits of one search page.
    """

    def __init__(self, url: str, session: RestSession, policy: CallPolicy, page_size: int) -> None:
        self.sdk = AtlasClient(url, session.auth)
        self.sdk.session = session
        # the SDK joins addresses as a browser does: without the slash a gateway's path is lost
        self.sdk.host = url.rstrip("/") + "/"
        self.session = session
        self.caller = Caller("atlas", self._classify, policy)
        self.page_size = min(page_size, MOST_HITS)
        self.batches = Batches(self.caller.paces.batch(BULK, _TOGETHER))

    def _classify(self, error: Exception, operation: str) -> GovernanceError | None:
        if not isinstance(error, AtlasServiceException):
            return None
        return Damaged(
            f"the answer is not what Atlas answers: {self.session.redacted(str(error))[:300]}",
            platform="atlas",
            operation=operation,
            remedy="check that the address is Atlas itself and not a log-in page",
        )

    def _call(self, operation: str, api: Any, params: Any = None, body: Any = None) -> Any:
        return self.caller(operation, lambda: self.sdk.call_api(api, dict, params, body))

    # --- types ---

    def version(self) -> Json:
        """Name and version of the server; anyone who may log in may ask."""
        return self._call("atlas:version", _VERSION) or _NONE

    @cached_property
    def types(self) -> TypeModel:
        """The server's type system, read once."""
        return TypeModel(self._call("atlas:typedefs", TypeDefClient.GET_ALL_TYPE_DEFS) or _NONE)

    def has_type(self, name: str) -> bool:
        """Whether an entity type of this name exists."""
        api = API(TypeDefClient.GET_BY_NAME_TEMPLATE, HTTPMethod.GET, HTTPStatus.OK)
        try:
            self._call("atlas:entitydef", api.format_path({"path_type": "entitydef", "name": name}))
        except NotFound:
            return False
        return True

    # --- search ---

    def _search(self, parameters: Json) -> Json:
        return self._call("atlas:search", DiscoveryClient.FACETED_SEARCH, None, parameters) or _NONE

    def headers(self, type_name: str) -> Iterator[list[Json]]:
        """The headers of a type's own entities that are not deleted, page by page, oldest first.

        One that the caller may not read comes without attributes and with the guid `HIDDEN`.
        A page starts at the creation time where the last one ended and not at an offset: so no search goes past the
        10,000 hits that Atlas gives, and an entity deleted meanwhile moves no other one out of sight.

        Raises:
            Oversized: more entities than one search can reach were created in the same millisecond. Nothing is left
                out without a word.
        """
        low, offset, seen = 0, 0, set[str]()
        while True:
            limit = min(self.page_size, MOST_HITS - offset)
            if limit <= 0:
                raise _out_of_reach(type_name, offset)
            answer = self._search(_page(type_name, low, offset, limit))
            hits: list[Json] = answer.get("entities") or []
            count = _count(answer)
            if not hits and count is not None and count > offset:
                raise _out_of_reach(type_name, offset)
            fresh = [h for h in hits if str(h.get("guid")) not in seen]
            if fresh:
                yield fresh
            if count is None and not fresh and len(hits) < limit:
                return
            if not hits or (count is not None and count <= offset + len(hits)):
                return
            last = max(_created(h) for h in hits)
            if last > low:
                low, offset = last, 0
                seen = {str(h.get("guid")) for h in hits if _created(h) == last}
            else:
                offset += len(hits)
                seen |= {str(h.get("guid")) for h in hits}

    def samples(self, type_names: Iterable[str]) -> list[Json]:
        """The header of one entity of each of these types that has any: what a user may read goes by type mostly."""
        found: list[Json] = []
        for name in type_names:
            asked = {"typeName": name, "includeSubTypes": False, "excludeDeletedEntities": True, "limit": 1}
            found += self._search(asked).get("entities") or []
        return found

    def identity(self) -> Json:
        """Who calls, in which groups, and whether they may create and update entities."""
        return self._call("atlas:admin/session", _SESSION) or _NONE

    def change_token(self, type_name: str) -> str:
        """How many entities a type has and when the last one was changed, the deleted ones too."""
        answer = self._search(
            {
                "typeName": type_name,
                "includeSubTypes": False,
                "attributes": [_MODIFIED],
                "sortBy": _MODIFIED,
                "sortOrder": "DESCENDING",
                "limit": 1,
            }
        )
        newest = [(h.get("attributes") or _NONE).get(_MODIFIED) for h in answer.get("entities") or ()]
        return f"{answer.get('approximateCount', 0)}:{newest[0] if newest else 0}"

    def header_digest(self, type_name: str) -> str:
        """A digest of the headers of a type's entities: names, classifications, labels, terms."""
        total = 0
        for headers in self.headers(type_name):
            for header in headers:
                text = msgspec.json.encode(header, order="deterministic")
                total += int.from_bytes(hashlib.blake2b(text, digest_size=16).digest(), "little")
        return f"{total % 2**128:032x}"

    # --- entities ---

    def entities(self, guids: Sequence[str], *, names_only: bool = False, alone: bool = False) -> Iterator[Json]:
        """The answers of bulk gets over all these entities: `entities` and `referredEntities`.

        One that has been purged meanwhile is left out.

        Args:
            guids: whose.
            names_only: without relationships and parts.
            alone: with relationships, without parts.
        """
        for answers in self.batches.fetch(guids, lambda some: self._bulk(some, names_only, alone)):
            yield from answers

    def _bulk(self, guids: Sequence[str], names_only: bool, alone: bool) -> list[Json]:
        params = {
            "guid": list(guids),
            "minExtInfo": str(names_only or alone).lower(),
            "ignoreRelationships": str(names_only).lower(),
        }
        try:
            return [self.caller(BULK, lambda: self._get_bulk(params))]
        except NotFound:
            # one unknown guid fails the whole call
            if len(guids) == 1:
                return []
            half = len(guids) // 2
            return [*self._bulk(guids[:half], names_only, alone), *self._bulk(guids[half:], names_only, alone)]

    def _get_bulk(self, params: dict[str, Any]) -> Json:
        """One bulk call. What a smaller one may avoid is Oversized, and not tried again as it is."""
        try:
            answer: Json = self.sdk.call_api(EntityClient.GET_ENTITIES_BY_GUIDS, dict, params) or _NONE
            return answer
        except (DeadlineExceeded, Damaged, AtlasServiceException) as raised:
            if len(params["guid"]) == 1:
                raise
            told = self._classify(raised, BULK) if isinstance(raised, AtlasServiceException) else raised
            raise Oversized(str(told), platform="atlas", operation=BULK) from raised

    def close(self) -> None:
        """Gives back the sockets."""
        self.session.close()


def _out_of_reach(type_name: str, reached: int) -> Oversized:
    return Oversized(
        f"more than {reached} {type_name} were created in the same millisecond, and the search shows no more of them",
        platform="atlas",
        operation="atlas:search",
        remedy="raise atlas.search.maxlimit on the server",
    )


def _page(type_name: str, low: int, offset: int, limit: int) -> Json:
    since = {"attributeName": _CREATED, "operator": "gte", "attributeValue": str(low)}
    return {
        "typeName": type_name,
        "includeSubTypes": False,
        "excludeDeletedEntities": True,
        "attributes": [_CREATED],
        "sortBy": _CREATED,
        "sortOrder": "ASCENDING",
        "limit": limit,
        "offset": offset,
        **({"entityFilters": {"condition": "AND", "criterion": [since]}} if low else {}),
    }


def _count(answer: Json) -> int | None:
    """How many hits there are, where the server knows; a short page says nothing, since limits are cut silently."""
    count = answer.get("approximateCount")
    return count if isinstance(count, int) and count >= 0 else None


def _created(header: Json) -> int:
    value = (header.get("attributes") or _NONE).get(_CREATED)
    return value if isinstance(value, int) else 0
