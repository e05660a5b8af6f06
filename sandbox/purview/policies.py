"""The policy store: one metadata policy a collection, made with it, and the account's roles."""

import threading
import uuid
from typing import Any

from sandbox.purview.collections import ACCOUNT, Collections, Refused
from sandbox.purview.identity import CURATOR, LIMITED, READER

Json = dict[str, Any]

PAGE = 3
"""Policies in one answer; small, so that the paging shows."""

ROLE = "purviewmetadatarole_builtin_"
ROLES: dict[str, tuple[str, tuple[str, ...]]] = {
    "collection-administrator": ("Collection Administrator", ("collection/read", "collection/write")),
    "data-source-administrator": ("Data Source Administrator", ("scan/read", "scan/write", "collection/read")),
    "data-curator": ("Data Curator", ("data/read", "data/write", "collection/read")),
    "purview-reader": ("Purview Reader", ("data/read", "collection/read")),
}
"""Friendly name and actions by the role's name."""

FIRST: dict[str, dict[str, tuple[str, ...]]] = {
    ACCOUNT: {"collection-administrator": (CURATOR, READER), "data-curator": (CURATOR,), "purview-reader": (READER,)},
}
"""Who has which role before anybody assigns any: the account's makers, on the root."""

_READING = ("purview-reader", "data-curator")


class Policies:
    """The policies of an account's collections; what is put here changes the rights there."""

    def __init__(self, collections: Collections) -> None:
        self.collections = collections
        self._lock = threading.RLock()
        self._put: dict[str, Json] = {}

    def roles(self, client: str) -> Json:
        """GET /metadataRoles."""
        self._administered(client)
        return {"values": [_role(name, friendly, actions) for name, (friendly, actions) in ROLES.items()]}

    def listed(self, client: str, base: str, query: dict[str, str]) -> Json:
        """GET /metadataPolicies: those of the collections that the client administers, a page at a time."""
        names = self._administered(client)
        wanted = query.get("collectionName")
        if wanted is not None:
            self._must_know(wanted)
            names = [n for n in names if n == wanted]
        first = _offset(query.get("skipToken"))
        out: Json = {"values": [self._policy(n) for n in names[first : first + PAGE]]}
        if first + PAGE < len(names):
            version = query.get("api-version", "")
            out["nextLink"] = f"{base}/policyStore/metadataPolicies?api-version={version}&skipToken={first + PAGE}"
        return out

    def one(self, client: str, policy: str) -> Json:
        """GET /metadataPolicies/{policyId}."""
        return self._policy(self._of(client, policy))

    def put(self, client: str, policy: str, given: Json) -> Json:
        """PUT /metadataPolicies/{policyId}: the rules as given, and the rights that follow."""
        name = self._of(client, policy)
        properties = given.get("properties")
        if not isinstance(properties, dict) or not properties.get("decisionRules"):
            raise Refused(400, "InvalidPolicy", "A policy needs properties with decisionRules")
        with self._lock:
            version = self._policy(name)["version"] + 1
            self._put[name] = {
                "name": f"policy_{name}",
                "id": policy,
                "version": version,
                "properties": {
                    **properties,
                    "decisionRules": [{"kind": "decisionrule", **r} for r in properties["decisionRules"]],
                    "attributeRules": [{"kind": "attributerule", **r} for r in properties.get("attributeRules", ())],
                },
            }
            self._enforce(name)
            return self._put[name]

    def _policy(self, name: str) -> Json:
        with self._lock:
            return self._put.get(name) or policy(name, self.collections.parent(name), FIRST.get(name, {}))

    def _of(self, client: str, identifier: str) -> str:
        for name in self.collections.names():
            if policy_id(name) == identifier:
                if name not in self._administered(client):
                    break
                return name
        else:
            raise Refused(404, "PolicyNotFound", f"Policy {identifier} is not found")
        raise _unauthorized()

    def _administered(self, client: str) -> list[str]:
        names = [n for n in self.collections.names() if self.collections.administers(client, n)]
        if not names:
            raise _unauthorized()
        return names

    def _must_know(self, name: str) -> None:
        if not self.collections.known(name):
            raise Refused(404, "CollectionNotFound", f"Collection {name} is not found")

    def _enforce(self, name: str) -> None:
        """The rights of the account's clients as the policy has them now."""
        rules = {r["id"]: r["dnfCondition"] for r in self._put[name]["properties"]["attributeRules"]}
        parent = self.collections.parent(name)
        known = {READER, CURATOR, LIMITED}
        held = {role: _principals(rules.get(f"{ROLE}{role}:{name}", ())) & known for role in ROLES}
        permission = rules.get(f"permission:{name}", ())
        self.collections.set_rights(
            name,
            readers=set().union(*(held[role] for role in _READING)),
            administrators=held["collection-administrator"],
            restricted=parent is not None and not any(_points_at(term, f"permission:{parent}") for term in permission),
        )


def policy_id(name: str) -> str:
    """The id of a collection's policy."""
    return str(uuid.uuid5(uuid.NAMESPACE_URL, f"policy_{name}"))


def policy(
    name: str,
    parent: str | None,
    users: dict[str, tuple[str, ...]],
    groups: dict[str, tuple[str, ...]] | None = None,
    *,
    restricted: bool = False,
) -> Json:
    """The policy of a collection on which these have these roles, as the service writes it.

    Args:
        name: the collection's reference name.
        parent: that of the one above.
        users: object ids of users and applications by role.
        groups: object ids of groups by role.
        restricted: whether only administrators are inherited from above.
    """
    groups = groups or {}
    roles = [r for r in ROLES if users.get(r) or groups.get(r) or (r == "collection-administrator" and parent)]
    rules = [_rule(r, name, parent, users.get(r, ()), groups.get(r, ()), restricted) for r in roles]
    terms = [[_match("derived.purview.permission", f"{ROLE}{r}:{name}", rule=True)] for r in roles]
    if parent is not None and not restricted:
        terms.append([_match("derived.purview.permission", f"permission:{parent}", rule=True)])
    permission = f"permission:{name}"
    decision = [
        [_match("resource.purview.collection", name), _match("derived.purview.permission", permission, rule=True)]
    ]
    return {
        "name": f"policy_{name}",
        "id": policy_id(name),
        "version": 1,
        "properties": {
            "description": "",
            "decisionRules": [{"kind": "decisionrule", "effect": "Permit", "dnfCondition": decision}],
            "attributeRules": [
                *rules,
                {"kind": "attributerule", "id": permission, "name": permission, "dnfCondition": terms},
            ],
            "collection": {"type": "CollectionReference", "referenceName": name},
            **({"parentCollectionName": parent} if parent else {}),
        },
    }


def _rule(
    role: str, name: str, parent: str | None, users: tuple[str, ...], groups: tuple[str, ...], restricted: bool
) -> Json:
    of_role = _match("derived.purview.role", f"{ROLE}{role}", rule=True)
    terms = [
        [{"attributeName": attribute, "attributeValueIncludedIn": list(some)}, of_role]
        for attribute, some in (("principal.microsoft.id", users), ("principal.microsoft.groups", groups))
        if some
    ]
    if parent and (role == "collection-administrator" or not restricted):
        terms.append([_match("derived.purview.permission", f"{ROLE}{role}:{parent}", rule=True)])
    identifier = f"{ROLE}{role}:{name}"
    return {"kind": "attributerule", "id": identifier, "name": identifier, "dnfCondition": terms}


def _match(attribute: str, value: str, *, rule: bool = False) -> Json:
    out = {"attributeName": attribute, "attributeValueIncludes": value}
    return {"fromRule": value, **out} if rule else out


def _principals(terms: Any) -> set[str]:
    return {
        who
        for term in terms
        for one in term
        if one.get("attributeName") == "principal.microsoft.id"
        for who in one.get("attributeValueIncludedIn") or ()
    }


def _points_at(term: Any, rule: str) -> bool:
    return any(one.get("attributeValueIncludes") == rule for one in term)


def _role(name: str, friendly: str, actions: tuple[str, ...]) -> Json:
    condition = {
        "attributeName": "request.azure.dataAction",
        "attributeValueIncludedIn": [f"Microsoft.Purview/accounts/{a}" for a in actions],
    }
    properties = {"provisioningState": "Provisioned", "roleType": "BuiltIn", "friendlyName": friendly, "version": 1}
    return {
        "id": f"{ROLE}{name}",
        "name": name,
        "type": "Microsoft.Purview/role",
        "properties": {**properties, "cnfCondition": [[condition]]},
    }


def _offset(token: str | None) -> int:
    if token is None:
        return 0
    if not token.isdecimal():
        raise Refused(400, "InvalidToken", "The skip token is not valid")
    return int(token)


def _unauthorized() -> Refused:
    return Refused(403, "Unauthorized", "Not authorized: the caller is no collection administrator")
