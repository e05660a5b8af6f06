"""Reads entities by guid, many in one call, and learns how many the service can take at once."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from governance.errors import GovernanceError, NotFound, PermissionDenied, ProtocolError, Unavailable
from resources.http_errors import Oversized
from resources.purview.client_session import Session

BATCH = 100
"""Guids in one call: the address gets too long for the service above 193."""

_BROKEN = 5
"""Entities of one read that may fail by themselves before the read fails."""

OPERATION = "purview:entity/bulk"
_SCHEMAS = ("tabular_schema", "attachedSchema", "schema")
_GUID = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")

Json = Mapping[str, Any]


@dataclass
class Batch:
    """What came of some guids: entities by guid and those beside them; what is gone, refused, or fails by itself."""

    entities: dict[str, Json] = field(default_factory=dict)
    referred: dict[str, Json] = field(default_factory=dict)
    gone: set[str] = field(default_factory=set)
    denied: dict[str, PermissionDenied] = field(default_factory=dict)
    broken: dict[str, Unavailable] = field(default_factory=dict)
    unread: set[str] = field(default_factory=set)
    """Assets with a schema or a column that was refused or failed: what came of theirs is not all of it."""

    def known(self, guid: str) -> Json | None:
        """The entity, wherever it came from, if it came in full."""
        found = self.entities.get(guid) or self.referred.get(guid)
        return found if found is not None and "attributes" in found else None


class Entities:
    """Bulk reads of one account. The size that worked is kept for the next call.

    Args:
        session: signs and sends.
        most: guids in one call.
        parts: whether what an entity owns, such as columns, comes along.
        relationships: whether an entity's relationships do.
    """

    def __init__(self, session: Session, most: int = BATCH, *, parts: bool = True, relationships: bool = True) -> None:
        self._session = session
        self._extent = {"minExtInfo": str(not parts).lower(), "ignoreRelationships": str(not relationships).lower()}
        # calls for less of each entity may be larger
        extent = f"{'' if parts else ' without parts'}{'' if relationships else ' without relationships'}"
        self._batch = session.paces.batch(OPERATION + extent, most)

    @property
    def size(self) -> int:
        """Guids in the next call."""
        return self._batch.size

    def read(self, guids: Iterable[str], *, few: bool = False) -> Batch:
        """Entities with all that belongs to them.

        Args:
            guids: whose.
            few: there may be so few that all fail by themselves, without the service being at fault.

        Raises:
            GovernanceError: neither a refusal nor an absence of single entities.
        """
        out = Batch()
        self._drain(list(dict.fromkeys(guids)), out)
        if out.broken and not out.entities and not few:
            raise next(iter(out.broken.values()))
        return out

    def _drain(self, todo: list[str], out: Batch) -> None:
        while todo:
            some, todo = todo[: self.size], todo[self.size :]
            todo = self._one_call(some, out) + todo

    def with_columns(self, guids: Iterable[str]) -> tuple[Batch, dict[str, list[Json]]]:
        """Assets, and the column entities of each in the platform's order.

        Columns come along with most assets. Where the answer only refers to them, or to a schema that has them, the
        missing ones are read in bulk as well: never one call an asset.
        """
        batch = self.read(guids)
        assets = dict(batch.entities)
        schemas = {guid: _schemas(entity) for guid, entity in assets.items() if not _refs(entity, "columns")}
        self._complete(batch, (s for some in schemas.values() for s in some), whole=True)
        columns: dict[str, list[str]] = {}
        for guid, entity in assets.items():
            holders = [entity, *(found for s in schemas.get(guid, ()) if (found := batch.known(s)) is not None)]
            columns[guid] = list(dict.fromkeys(c for holder in holders for c in _refs(holder, "columns")))
        self._complete(batch, (c for some in columns.values() for c in some))
        batch.entities = assets
        spoilt = batch.denied.keys() | batch.broken.keys()
        batch.unread = {g for g in assets if not spoilt.isdisjoint([*schemas.get(g, ()), *columns[g]])}
        parts = {
            guid: [found for c in some if (found := batch.known(c)) is not None and found.get("status") != "DELETED"]
            for guid, some in columns.items()
        }
        return batch, parts

    def _complete(self, batch: Batch, guids: Iterable[str], *, whole: bool = False) -> None:
        """Reads what did not come along; `whole`: an entity without its relationships did not, either."""
        missing = [
            guid
            for guid in guids
            if (found := batch.known(guid)) is None or (whole and not found.get("relationshipAttributes"))
        ]
        if not missing:
            return
        more = self.read(missing)
        batch.referred |= {**more.referred, **more.entities}
        batch.gone |= more.gone
        batch.denied |= more.denied
        batch.broken |= more.broken

    def _one_call(self, guids: list[str], out: Batch) -> list[str]:
        """Reads these guids into `out`; answers those that have to be asked for again."""
        try:
            answer = self._ask(guids)
        except (Oversized, ProtocolError):
            if len(guids) == 1:
                raise
            self._batch.too_many(len(guids))
            return guids
        except NotFound as error:
            return self._without_gone(guids, error, out)
        except PermissionDenied as error:
            if len(guids) == 1:
                out.denied[guids[0]] = error
                return []
            return self._apart(guids, out)
        except Unavailable as error:
            # 500 is an entity that the service stumbles over; everything else is the service itself
            if not error.message.startswith("HTTP 500"):
                raise
            if len(guids) == 1:
                return self._broken(guids[0], error, out)
            return self._apart(guids, out)
        out.entities |= {str(e["guid"]): e for e in answer["entities"] if isinstance(e, dict) and "guid" in e}
        out.referred |= answer.get("referredEntities") or {}
        out.gone |= set(guids) - set(out.entities)
        self._batch.went_well(len(guids))
        return []

    def _ask(self, guids: Sequence[str]) -> dict[str, Any]:
        answer = self._session.datamap(
            OPERATION,
            "GET",
            "/atlas/v2/entity/bulk",
            divisible=len(guids) > 1,
            guid=list(guids),
            **self._extent,
        )
        if not isinstance(answer, dict) or not isinstance(answer.get("entities"), list):
            remedy = "check endpoint: this is not how Purview answers"
            text = "the answer holds no list of entities"
            raise ProtocolError(text, platform="purview", operation=OPERATION, remedy=remedy)
        return answer

    def _broken(self, guid: str, error: Unavailable, out: Batch) -> list[str]:
        """Sets one entity aside; where many fail it is not theirs."""
        out.broken[guid] = error
        if len(out.broken) > _BROKEN:
            raise error
        return []

    def _without_gone(self, guids: list[str], error: GovernanceError, out: Batch) -> list[str]:
        """One guid that is no more refuses the whole call; the message names it."""
        named = set(_GUID.findall(error.message)) & set(guids)
        if len(guids) == 1:
            named = set(guids)
        if named:
            out.gone |= named
            return [g for g in guids if g not in named]
        return self._apart(guids, out)

    def _apart(self, guids: list[str], out: Batch) -> list[str]:
        """Halves until those that spoil the call stand alone."""
        middle = len(guids) // 2
        self._drain(guids[:middle], out)
        self._drain(guids[middle:], out)
        return []


def _schemas(entity: Json) -> list[str]:
    return list(dict.fromkeys(guid for name in _SCHEMAS for guid in _refs(entity, name)))


def _refs(entity: Json, name: str) -> list[str]:
    """The guids that a relationship attribute leads to, deleted ones left out."""
    for place in ("relationshipAttributes", "attributes"):
        value = (entity.get(place) or {}).get(name)
        some = value if isinstance(value, list) else [value]
        guids = [
            str(one["guid"])
            for one in some
            if isinstance(one, dict)
            and one.get("guid")
            and "DELETED" not in (one.get("entityStatus"), one.get("relationshipStatus"))
        ]
        if guids:
            return guids
    return []
