"""Purview's roles, and the conditions in which roles and policies are written. No network, no SDK."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from governance.errors import RecordError
from governance.model import Confers

BUILT_IN: dict[str, tuple[str, ...]] = {
    "collection-administrator": ("collection/read", "collection/write"),
    "data-curator": ("data/read", "data/write", "collection/read"),
    "data-share-contributor": ("share/read", "share/write"),
    "data-source-administrator": ("scan/read", "scan/write", "collection/read"),
    "purview-reader": ("data/read", "collection/read"),
}
"""The documented actions of the roles that every account has, for where the list of roles may not be read."""

_ACTION = "request.azure.dataaction"

Json = Mapping[str, Any]
Term = Mapping[str, frozenset[str]]


@dataclass(frozen=True)
class Role:
    """A role's word, and what it comes down to."""

    name: str
    confers: tuple[Confers, ...]


def role_of(raw: Json) -> Role:
    """A role, from the actions that its conditions name.

    Raises:
        RecordError: it has no id or name.
    """
    name = raw.get("name")
    if not isinstance(name, str) or not name or not isinstance(raw.get("id"), str):
        raise RecordError("a role has no id or no name", platform="purview")
    properties = _mapping(raw.get("properties"))
    actions: set[str] = set()
    for which in ("cnfCondition", "dnfCondition"):
        for term in _conditions(properties.get(which)):
            for attribute, values in term.items():
                actions |= {v.lower() for v in values} if attribute.lower() == _ACTION else set()
    return Role(name, confers_of(actions))


def confers_of(actions: Iterable[str]) -> tuple[Confers, ...]:
    """What actions come down to. They are on what the catalogue knows: none of them reads or writes data."""
    found: set[Confers] = set()
    for action in actions:
        what = action.lower().rpartition("accounts/")[2]
        if what == "data/read":
            found.add("describe")
        elif what == "collection/write":
            found.add("manage")
        elif what != "collection/read":
            found.add("other")
    return tuple(word for word in ("describe", "manage", "other") if word in found) or ("other",)


def role_named(role: str, roles: Mapping[str, Role]) -> Role:
    """The role as the account lists it; one that it does not list by the last part of its id."""
    name = role.rpartition("_")[2] or role
    return roles.get(role) or Role(name, confers_of(f"accounts/{a}" for a in BUILT_IN.get(name, ())))


def term_of(given: Any) -> dict[str, frozenset[str]]:
    """A term of a condition: the values that each attribute may have, all of which must hold.

    Raises:
        RecordError: it excludes values, or is not built as described.
    """
    out: dict[str, frozenset[str]] = {}
    for one in given if isinstance(given, list) else [given]:
        if not isinstance(one, Mapping) or not isinstance(one.get("attributeName"), str):
            raise RecordError("a condition names no attribute", platform="purview")
        if one.get("attributeValueExcludes") or one.get("attributeValueExcludedIn"):
            raise RecordError("a condition excludes values", platform="purview")
        several, single = one.get("attributeValueIncludedIn"), one.get("attributeValueIncludes")
        given_values = several if isinstance(several, list) else [single]
        values = [v for v in given_values if isinstance(v, str) and v]
        if len(values) < len(given_values):
            raise RecordError("a condition has no values", platform="purview")
        name = str(one["attributeName"])
        if name in out:
            raise RecordError(f"a condition names {name} twice", platform="purview")
        out[name] = frozenset(values)
    return out


def _conditions(value: Any) -> Iterator[Term]:
    """The conditions of a role that can be read, whichever way they are joined."""
    for some in value if isinstance(value, list) else ():
        try:
            yield term_of(some)
        except RecordError:
            yield {_ACTION: frozenset(("unknown",))}


def _mapping(value: Any) -> Json:
    return value if isinstance(value, Mapping) else {}
