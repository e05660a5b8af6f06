"""Who has which role on which of the company's collections, and the grants that must come of it."""

from collections.abc import Iterator

import msgspec

from governance.model import Confers, Grant, Policy, PrincipalKind
from sandbox.purview.assets import ANNA, BEN, CHLOE
from sandbox.purview.collections import ACCOUNT
from sandbox.purview.estate import COLLECTIONS
from sandbox.purview.identity import CURATOR, LIMITED, READER

STEWARDS, ANALYSTS, PEOPLE_TEAM = (f"5e0c1d7a-8b1f-4b57-9f0a-c7d0a1b2e30{n}" for n in range(3))
"""Groups."""

ADMINISTRATOR, SOURCES = "collection-administrator", "data-source-administrator"
CURATES, READS = "data-curator", "purview-reader"


class Assigned(msgspec.Struct, frozen=True):
    """The roles on one collection; `restricted`: only administrators are inherited from above."""

    users: dict[str, tuple[str, ...]]
    groups: dict[str, tuple[str, ...]] = {}
    restricted: bool = False


ASSIGNED = {
    ACCOUNT: Assigned(
        {ADMINISTRATOR: (ANNA, CURATOR, READER), SOURCES: (CURATOR,), CURATES: (BEN, CURATOR), READS: (READER,)},
        {READS: (ANALYSTS,)},
    ),
    "retail": Assigned({READS: (CHLOE, LIMITED)}, {CURATES: (STEWARDS,)}),
    "retail-crm": Assigned({CURATES: (CHLOE,)}),
    "k7x2qm": Assigned({CURATES: (CURATOR,), READS: (READER,)}, {READS: (PEOPLE_TEAM,)}, restricted=True),
}
"""By reference name; on all others nobody was given a role."""

_CONFERS: dict[str, tuple[Confers, ...]] = {
    ADMINISTRATOR: ("manage",),
    SOURCES: ("other",),
    CURATES: ("describe", "other"),
    READS: ("describe",),
}
_ORIGIN = "metadataPolicies"


def account() -> Iterator[Grant | Policy]:
    """Every role as given, and what does not come down to the restricted collections."""
    for collection, assigned in ASSIGNED.items():
        for role, users in assigned.users.items():
            for user in users:
                yield _grant(collection, user, "unknown", role)
        for role, groups in assigned.groups.items():
            for group in groups:
                yield _grant(collection, group, "group", role)
        if assigned.restricted:
            above = {role for name in _above(collection) if name in ASSIGNED for role in _roles(ASSIGNED[name])}
            for role in sorted(above - {ADMINISTRATOR}):
                yield Policy(role, "no_inheritance", collection, "collection", inherits=True, origin=_ORIGIN)


def _grant(collection: str, principal: str, kind: PrincipalKind, role: str) -> Grant:
    return Grant(
        securable=collection,
        securable_kind="collection",
        principal=principal,
        principal_kind=kind,
        privilege=role,
        confers=_CONFERS[role],
        inherits=True,
        origin=_ORIGIN,
    )


def _roles(assigned: Assigned) -> set[str]:
    return {*assigned.users, *assigned.groups}


def _above(collection: str) -> Iterator[str]:
    parents = {name: parent for name, _, parent, _ in COLLECTIONS}
    while collection in parents:
        collection = parents[collection]
        yield collection
