"""What Atlas hides from a user, and whom to ask for it.

A search shows that an entity exists which the user may not read, with the guid -1 and no attributes; a bulk get that
names one of them is refused as a whole.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from governance.errors import PermissionDenied
from governance.listing import Reason
from resources.atlas.client import HIDDEN, Atlas

Json = Mapping[str, Any]

_TOGETHER = 100
_ENOUGH = 10
"""So many entities of a type refused and none given: the rest of the type is not asked for."""


def grant(privilege: str) -> str:
    """How to give a privilege."""
    return (
        f"give the user {privilege}: in Apache Ranger a policy on the Atlas service, else the simple authorizer's file"
    )


def shown(headers: Iterable[Json]) -> list[str]:
    """The guids of those entities that the caller may read."""
    return [guid for header in headers if (guid := str(header.get("guid"))) != HIDDEN]


def hidden_types(headers: Iterable[Json]) -> str:
    """A word on the types of those that the caller may not read; empty where there is none."""
    types = sorted({str(h.get("typeName")) for h in headers if str(h.get("guid")) == HIDDEN})
    return f"hidden from this user: entities of {', '.join(types)}" if types else ""


def hidden_reason(type_name: str) -> Reason:
    """Entities of this type were hidden."""
    return Reason(
        "permission_denied",
        f"Atlas hides entities of the type {type_name} from this user: that they exist is all it shows",
        "atlas:search",
        grant(f"entity-read on all entities of the type {type_name}"),
    )


class Readable:
    """Bulk gets of entities that others refer to, of which some may be refused. Called from several threads."""

    def __init__(self, atlas: Atlas) -> None:
        self.atlas = atlas
        self.refused: dict[str, str] = {}
        """The type by guid, or "" where it is not known."""
        self._given: Counter[str] = Counter()

    def get(self, guids: Sequence[str], type_name: str = "", *, names_only: bool = False) -> list[Json]:
        """Those entities that may be read; the others are in `refused` then, and are asked for no second time.

        Args:
            guids: whose.
            type_name: their type, where all have the same.
            names_only: without relationships.
        """
        asked = [guid for guid in guids if guid not in self.refused]
        found: list[Json] = []
        for first in range(0, len(asked), _TOGETHER):
            found += self._some(asked[first : first + _TOGETHER], type_name, names_only)
        return found

    def _some(self, guids: Sequence[str], type_name: str, names_only: bool) -> list[Json]:
        """One that may not be read refuses the whole call, so that it is looked for by halves."""
        if self._is_closed(type_name):
            self.refused |= dict.fromkeys(guids, type_name)
            return []
        try:
            answers = list(self.atlas.entities(guids, names_only=names_only, alone=not names_only))
        except PermissionDenied:
            if len(guids) == 1:
                self.refused[guids[0]] = type_name
                return []
            half = len(guids) // 2
            return [*self._some(guids[:half], type_name, names_only), *self._some(guids[half:], type_name, names_only)]
        self._given[type_name] += 1
        return [entity for answer in answers for entity in answer.get("entities") or ()]

    def _is_closed(self, type_name: str) -> bool:
        refused = list(self.refused.values()).count(type_name)
        return bool(type_name) and refused >= _ENOUGH and not self._given[type_name]

    def reason(self, what: str) -> Reason:
        """Some were refused; `what` is not known for that."""
        listed = ", ".join(sorted(filter(None, set(self.refused.values()))))
        return Reason(
            "permission_denied",
            f"entities that others refer to may not be read{f' ({listed})' if listed else ''}: {what}",
            "atlas:entity/bulk",
            grant(f"entity-read on all entities{f' of the types {listed}' if listed else ''}"),
        )
