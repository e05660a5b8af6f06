"""Purview's metadata policies to grants: who has which role on which collection. No network, no SDK.

A policy belongs to one collection. Its attribute rules say who has a role there, or point at the rules of the
collection above; its decision rules say which of that is permitted. Who has what is therefore followed along the rules,
and not read off their names.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from governance.errors import RecordError
from governance.listing import Quarantined
from governance.model import Grant, Policy, PrincipalKind
from resources.purview.translate_roles import Role, Term, role_named, term_of

ORIGIN = "metadataPolicies"
NO_INHERITANCE = "no_inheritance"
"""The kind of a Policy that says which role's grants above a collection do not reach it."""

_COLLECTION = "resource.purview.collection"
_PERMISSION = "derived.purview.permission"
_ROLE = "derived.purview.role"
_PRINCIPALS: dict[str, PrincipalKind] = {
    # users, service principals and managed identities alike: the policy does not tell which
    "principal.microsoft.id": "unknown",
    "principal.microsoft.groups": "group",
    "principal.microsoft.groups.id": "group",
}

Json = Mapping[str, Any]


@dataclass(frozen=True)
class Given:
    """One principal with one role."""

    role: str
    principal: str
    kind: PrincipalKind


@dataclass
class Rule:
    """An attribute rule of a collection's policy: whom it names itself, and the rules it points at."""

    collection: str
    given: list[Given] = field(default_factory=list)
    points_at: list[str] = field(default_factory=list)


@dataclass
class Policies:
    """What was understood of all the policies.

    Attributes:
        parents: each collection that has a policy, and the one above it.
        rules: by id.
        permits: the rules that each collection's decisions permit.
        odd: what could not be understood.
    """

    parents: dict[str, str | None] = field(default_factory=dict)
    rules: dict[str, Rule] = field(default_factory=dict)
    permits: dict[str, list[str]] = field(default_factory=dict)
    odd: list[Quarantined] = field(default_factory=list)

    def reached(self, collection: str) -> frozenset[str]:
        """The rules that a collection's decisions lead to, those of collections above among them."""
        todo, seen = list(self.permits.get(collection, ())), set[str]()
        while todo:
            rule = todo.pop()
            if rule not in seen:
                seen.add(rule)
                todo += self.rules[rule].points_at if rule in self.rules else ()
        return frozenset(seen)

    def unseen(self) -> list[str]:
        """Collections whose rules others point at, but whose policy is not among these."""
        named = {target for rule in self.rules.values() for target in rule.points_at if target not in self.rules}
        return sorted({c for target in named if (c := target.partition(":")[2]) and c not in self.parents})


def policies_of(raw: Iterable[Json]) -> Policies:
    """All policies together, since the rules of one point at those of another."""
    out = Policies()
    for one in raw:
        properties = _mapping(one.get("properties"))
        collection = _mapping(properties.get("collection")).get("referenceName")
        if not isinstance(collection, str) or not collection:
            out.odd.append(Quarantined(_text(one.get("name")), "the policy names no collection", dict(one)))
            continue
        out.parents[collection] = _text(properties.get("parentCollectionName"))
        for rule in _each(properties.get("attributeRules")):
            _add_rule(out, collection, rule)
        for rule in _each(properties.get("decisionRules")):
            _add_decision(out, collection, rule)
    return out


def facts_of(policies: Policies, roles: Mapping[str, Role]) -> Iterator[Grant | Policy]:
    """Each role as it was given, and where it is not inherited; `policies.odd` grows by what nothing permits."""
    reached = {collection: policies.reached(collection) for collection in policies.parents}
    children: dict[str, list[str]] = {}
    for collection, parent in policies.parents.items():
        children.setdefault(parent or "", []).append(collection)
    barred: set[tuple[str, str]] = set()
    for name, rule in policies.rules.items():
        if rule.given and name not in reached[rule.collection]:
            payload = {"collection": rule.collection, "rule": name}
            odd = Quarantined(rule.collection, f"no decision of the policy permits what {name} says", payload)
            policies.odd.append(odd)
            continue
        for one in rule.given:
            yield _grant(rule.collection, one, roles)
        for role in {one.role for one in rule.given}:
            barred |= {(c, role) for c in _stops(name, rule.collection, reached, children)}
    for collection, role in sorted(barred):
        yield Policy(
            policy=role_named(role, roles).name,
            kind=NO_INHERITANCE,
            securable=collection,
            securable_kind="collection",
            inherits=True,
            origin=ORIGIN,
        )


def _grant(collection: str, given: Given, roles: Mapping[str, Role]) -> Grant:
    role = role_named(given.role, roles)
    return Grant(
        securable=collection,
        securable_kind="collection",
        principal=given.principal,
        principal_kind=given.kind,
        privilege=role.name,
        confers=role.confers,
        # a role on a collection reaches its assets; a collection below that does not take it says so itself
        inherits=True,
        origin=ORIGIN,
    )


def _stops(
    rule: str, collection: str, reached: Mapping[str, frozenset[str]], children: Mapping[str, Sequence[str]]
) -> Iterator[str]:
    """The first collections on the way down that a rule does not reach."""
    todo, seen = list(children.get(collection, ())), {collection}
    while todo:
        one = todo.pop()
        if one in seen:
            continue
        seen.add(one)
        if rule in reached[one]:
            todo += children.get(one, ())
        else:
            yield one


def _add_rule(out: Policies, collection: str, raw: Json) -> None:
    name = _text(raw.get("id")) or _text(raw.get("name"))
    if name is None:
        out.odd.append(Quarantined(collection, "a rule has no id", {"collection": collection, "rule": dict(raw)}))
        return
    rule = out.rules.setdefault(name, Rule(collection))
    for term in _understood(out, collection, name, raw):
        if set(term) == {_PERMISSION}:
            rule.points_at += sorted(term[_PERMISSION])
            continue
        kinds = set(term) & set(_PRINCIPALS)
        if len(kinds) != 1 or set(term) - kinds != {_ROLE} or len(term[_ROLE]) != 1:
            _refuse(out, collection, name, term)
            continue
        (attribute,), (role,) = kinds, term[_ROLE]
        rule.given += [Given(role, who, _PRINCIPALS[attribute]) for who in sorted(term[attribute])]


def _add_decision(out: Policies, collection: str, raw: Json) -> None:
    name = f"decision rule of {collection}"
    if str(raw.get("effect")).lower() != "permit":
        reason = f"the effect of the {name} is {raw.get('effect')}: only Permit is known"
        out.odd.append(Quarantined(collection, reason, {"collection": collection, "rule": dict(raw)}))
        return
    for term in _understood(out, collection, name, raw):
        if set(term) == {_COLLECTION, _PERMISSION} and term[_COLLECTION] == {collection}:
            out.permits.setdefault(collection, []).extend(sorted(term[_PERMISSION]))
        else:
            _refuse(out, collection, name, term)


def _understood(out: Policies, collection: str, name: str, raw: Json) -> Iterator[Term]:
    """The terms of a rule, each of which is enough by itself; what cannot be read is set aside."""
    if raw.get("cnfCondition"):
        _refuse(out, collection, name, {"cnfCondition": frozenset()})
    for given in raw.get("dnfCondition") or ():
        try:
            yield term_of(given)
        except RecordError as error:
            payload = {"collection": collection, "rule": name, "condition": given}
            out.odd.append(Quarantined(collection, f"{name}: {error.message}", payload))


def _refuse(out: Policies, collection: str, name: str, term: Term) -> None:
    payload = {"collection": collection, "rule": name, "condition": {k: sorted(v) for k, v in term.items()}}
    reason = f"{name}: a condition on {', '.join(sorted(term)) or 'nothing'} is not understood"
    out.odd.append(Quarantined(collection, reason, payload))


def _each(value: Any) -> Iterator[Json]:
    return (one for one in (value if isinstance(value, list) else ()) if isinstance(one, Mapping))


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None


def _mapping(value: Any) -> Json:
    return value if isinstance(value, Mapping) else {}
