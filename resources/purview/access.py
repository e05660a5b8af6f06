"""Who has which role on which collection, from Purview's metadata policies."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from governance.errors import GovernanceError, PermissionDenied, RecordError
from governance.filters import NameFilter
from governance.listing import FactPage, Probe, Quarantined, Reason, Scope, ScopeListing
from resources.calls import CallPolicy, Meter
from resources.facets import FactReader
from resources.purview import client_collections, client_policies
from resources.purview.client_errors import role_remedy
from resources.purview.client_policies import POLICIES, ROLE, ROLES
from resources.purview.client_session import Connection, Session
from resources.purview.resource import PurviewResource
from resources.purview.translate_access import Policies, facts_of, policies_of
from resources.purview.translate_roles import Role, role_of

PAGE = 1000
_SHOWN = 5
_ABOUT = {
    "not_read": "data access policies (data owner, self-service, DevOps): their store has no published description",
    "principals": "Entra ID object ids; members of groups are known to Entra ID only",
}

Json = Mapping[str, Any]


def open_reader(resource: PurviewResource) -> "PolicyReader":
    """Opens the reader of collection roles.

    Raises:
        ConfigurationError: a secret or file is missing, or fields contradict each other.
    """
    return PolicyReader(resource.connect(), resource.policy)


class PolicyReader(FactReader):
    """Reads all policies together: the rules of a collection point at those of the collection above."""

    def __init__(self, connection: Connection, policy: CallPolicy) -> None:
        self.meter = Meter()
        self._session = Session(connection, policy, self.meter)

    def close(self) -> None:
        """Gives back the sockets."""
        self._session.close()

    def parts(self, names: NameFilter) -> ScopeListing:
        """One part: an account has few policies, and one list call gives them all."""
        return ScopeListing((Scope("collection roles", "policies"),))

    def read(self, part: Scope, names: NameFilter) -> Iterator[FactPage]:
        """Grants by role and collection; collections are no part of qualified names, so that none is left out."""
        try:
            raw = list(client_policies.policies(self._session))
        except PermissionDenied as error:
            yield FactPage(reasons=(Reason.of(error),))
            return
        found = policies_of(one for one in raw if isinstance(one, dict))
        odd = [Quarantined(None, "a policy is no object", {"policy": one}) for one in raw if not isinstance(one, dict)]
        roles, role_page = self._roles()
        facts = list(facts_of(found, roles))
        for n in range(0, len(facts), PAGE):
            yield FactPage(tuple(facts[n : n + PAGE]))
        yield role_page
        yield FactPage(
            quarantined=(*odd, *found.odd),
            reasons=self._unseen(found),
            notes=_ABOUT,
            counts={"policies": len(found.parents)},
        )

    def probe(self) -> Iterator[Probe]:
        """Both lists, and whether the policies of all collections that may be read are among them."""
        for operation, listed in ((ROLES, client_policies.roles), (POLICIES, client_policies.policies)):
            name = f"access: {operation.partition(':')[2]}"
            try:
                raw = [one for one in listed(self._session) if isinstance(one, dict)]
                reasons = self._unseen(policies_of(raw)) if operation == POLICIES else ()
            except GovernanceError as error:
                yield Probe(name, False, error.message, *_missing(error))
                continue
            if reasons:
                yield Probe(name, False, reasons[0].message, ROLE, reasons[0].remedy)
            else:
                yield Probe(name, True, f"{len(raw)} read")

    def _roles(self) -> tuple[dict[str, Role], FactPage]:
        """The roles by id, and what stood in the way of knowing them."""
        found: dict[str, Role] = {}
        odd: list[Quarantined] = []
        try:
            for raw in client_policies.roles(self._session):
                try:
                    found[str(raw["id"])] = role_of(raw)
                except (RecordError, KeyError, TypeError, AttributeError):
                    odd.append(Quarantined(None, "a role has no id or no name", {"role": raw}))
        except PermissionDenied as error:
            message = f"what the roles come down to is not known: {error.message}"
            return found, FactPage(reasons=(Reason(error.code, message, error.operation, error.remedy),))
        return found, FactPage(quarantined=tuple(odd), counts={"roles": len(found)})

    def _unseen(self, found: Policies) -> tuple[Reason, ...]:
        """Collections whose policy is not shown to us: who has a role there, or from above, is not known."""
        collections, odd = client_collections.everything(self._session)
        unseen = sorted((collections.keys() - found.parents.keys()) | set(found.unseen()))
        if not unseen:
            return odd
        message = f"the policies of {len(unseen)} collections are not shown: {_listed(unseen)}"
        remedy = role_remedy(_listed(unseen), role=ROLE)
        return (*odd, Reason("permission_denied", message, POLICIES, remedy))


def _listed(names: Sequence[str]) -> str:
    return f"{', '.join(names[:_SHOWN])}{' …' if len(names) > _SHOWN else ''}"


def _missing(error: GovernanceError) -> tuple[str, str]:
    return (ROLE if isinstance(error, PermissionDenied) else "", error.remedy)
