"""Collection roles: the contract of facets, and what policies say and do not say."""

import json
from collections.abc import Iterator
from typing import Any, ClassVar

import pytest

from governance.errors import ProtocolError
from governance.listing import FactPage, Quarantined, Reason
from governance.model import Facet, Fact, Grant, Policy
from resources.facets import FactReader
from resources.purview.access import open_reader
from resources.purview.resource import PurviewResource
from resources.purview.translate_access import facts_of, policies_of
from resources.purview.translate_roles import Role, confers_of, role_of
from sandbox.faults import Exchange
from sandbox.purview import assignments
from sandbox.purview.face import Face
from sandbox.purview.identity import LIMITED, READER, SECRETS
from sandbox.purview.policies import policy
from sandbox.serving import Company, Served, running
from tests.contracts.contract import EVERYTHING
from tests.contracts.facet_contract import FacetContract
from tests.contracts.facet_contract import facts_of as all_facts
from tests.sandbox.purview_descriptions import POLICIES, Description, folder

Json = Any

pytestmark = pytest.mark.xdist_group("purview")


class TestPurviewAccess(FacetContract):
    platform = "purview"
    facet: ClassVar[Facet] = "access"
    page_calls = "GET /policyStore/metadataPolicies"


@pytest.fixture(scope="module")
def served() -> Iterator[Served]:
    with running(Company(), ["purview"]) as servers:
        yield servers["purview"]


@pytest.fixture
def face(served: Served, monkeypatch: pytest.MonkeyPatch) -> Iterator[Face]:
    assert isinstance(served.face, Face)
    for name, value in {**served.face.secrets(), "LIMITED_SECRET": SECRETS[LIMITED]}.items():
        monkeypatch.setenv(name, value)
    collections = served.face.server.collections
    before = {k: set(v) for k, v in collections.administrators.items()}
    yield served.face
    served.face.faults.clear()
    served.face.server.collections.administrators = before


@pytest.fixture
def reader(served: Served, face: Face) -> Iterator[FactReader]:
    connection = {"source": "purview", "attempts": 2, **face.connection(served.url)}
    with open_reader(PurviewResource(**connection)) as one:
        yield one


def read(reader: FactReader) -> list[FactPage]:
    (part,) = reader.parts(EVERYTHING).scopes
    return list(reader.read(part, EVERYTHING))


def reasons(pages: list[FactPage]) -> list[Reason]:
    return [r for page in pages for r in page.reasons]


# --- rights ---


def test_an_identity_that_administers_nothing_is_told_the_role_to_ask_for(face: Face, reader: FactReader) -> None:
    face.server.collections.administrators[READER] = set()
    pages = read(reader)
    assert all_facts(pages) == []
    (reason,) = reasons(pages)
    assert reason.code == "permission_denied"
    assert reason.remedy.startswith("assign the role Collection administrator on the root collection")
    failed = [p for p in reader.probe() if not p.ok]
    assert [(p.name, p.missing) for p in failed] == [
        ("access: metadataRoles", "Collection administrator"),
        ("access: metadataPolicies", "Collection administrator"),
    ]
    assert all("Role assignments" in p.remedy for p in failed)


def test_policies_that_are_not_shown_make_the_part_partial(face: Face, reader: FactReader) -> None:
    face.server.collections.administrators[READER] = {"retail"}
    pages = read(reader)
    assert {f.securable for f in all_facts(pages) if isinstance(f, Grant)} == {"retail", "retail-crm"}
    (reason,) = reasons(pages)
    assert reason.message == "the policies of 3 collections are not shown: finance, harbourpine, k7x2qm"
    assert "Collection administrator on collection finance, harbourpine, k7x2qm" in reason.remedy
    assert [p.ok for p in reader.probe()] == [True, False]


def test_roles_that_may_not_be_read_leave_the_documented_ones(face: Face, reader: FactReader) -> None:
    face.faults.replace([{"action": "fail", "match": "metadataRoles", "status": 403}])
    pages = read(reader)
    assert sorted(map(repr, all_facts(pages))) == sorted(map(repr, assignments.account()))
    assert ["what the roles come down to" in r.message for r in reasons(pages)] == [True]


def test_pages_that_never_end_are_an_error(face: Face, reader: FactReader) -> None:
    face.faults.tamper = _same_link
    with pytest.raises(ProtocolError, match="never end"):
        read(reader)


def test_what_is_not_read_is_said(reader: FactReader) -> None:
    pages = read(reader)
    notes = {k: v for page in pages for k, v in page.notes.items()}
    assert "data access policies" in notes["not_read"]
    counts = {k: v for page in pages for k, v in page.counts.items()}
    assert counts == {"policies": 6, "roles": 4}


def _same_link(exchange: Exchange) -> None:
    if "metadataPolicies" in exchange.line:
        exchange.say({**json.loads(exchange.answer), "nextLink": "https://x.example/?skipToken=3"})


# --- translation ---

ROLES = {
    "purviewmetadatarole_builtin_purview-reader": Role("purview-reader", ("describe",)),
    "purviewmetadatarole_builtin_data-curator": Role("data-curator", ("describe", "other")),
}


def translated(*raw: Json) -> tuple[list[Fact], list[Quarantined]]:
    policies = policies_of(raw)
    return list(facts_of(policies, ROLES)), policies.odd


def readers(name: str, parent: str | None, *users: str, **other: Any) -> Json:
    return policy(name, parent, {"purview-reader": users}, **other)


def rule(raw: Json, name: str) -> Json:
    return next(r for r in raw["properties"]["attributeRules"] if r["id"].startswith(name))


def test_a_role_on_the_root_reaches_all_but_what_is_restricted() -> None:
    facts, odd = translated(
        readers("root", None, "ann"),
        readers("a", "root"),
        readers("b", "a", "bea", restricted=True),
        readers("c", "b"),
    )
    assert odd == []
    assert [(f.securable, f.principal, f.inherits) for f in facts if isinstance(f, Grant)] == [
        ("root", "ann", True),
        ("b", "bea", True),
    ]
    # c is below b, where the role of the root ends already
    barriers = [(f.securable, f.policy, f.kind) for f in facts if isinstance(f, Policy)]
    assert barriers == [("b", "purview-reader", "no_inheritance")]


def test_a_rule_that_nothing_permits_grants_nothing() -> None:
    raw = readers("root", None, "ann")
    rule(raw, "permission:")["dnfCondition"] = []
    facts, odd = translated(raw)
    assert facts == []
    assert [q.reason for q in odd] == [
        "no decision of the policy permits what purviewmetadatarole_builtin_purview-reader:root says"
    ]


@pytest.mark.parametrize(
    ("term", "reason"),
    [
        ([{"attributeName": "principal.microsoft.id", "attributeValueExcludedIn": ["x"]}], "excludes values"),
        ([{"attributeName": "principal.microsoft.id", "attributeValueIncludedIn": ["x"]}], "is not understood"),
        ([{"attributeName": "request.time", "attributeValueIncludes": "noon"}], "on request.time is not understood"),
        ([{"attributeName": "principal.microsoft.id", "attributeValueIncludedIn": [None]}], "has no values"),
        ([{"attributeName": "derived.purview.role"}], "has no values"),
        (["what"], "names no attribute"),
        ("what", "names no attribute"),
    ],
)
def test_conditions_that_are_not_understood_are_set_aside_alone(term: Json, reason: str) -> None:
    raw = readers("root", None, "ann")
    rule(raw, "purviewmetadatarole_builtin_purview-reader")["dnfCondition"].append(term)
    facts, odd = translated(raw)
    assert [f.principal for f in facts if isinstance(f, Grant)] == ["ann"]
    assert [(q.name, reason in q.reason) for q in odd] == [("root", True)]


def test_other_effects_and_policies_without_collection_are_set_aside() -> None:
    denying = readers("root", None, "ann")
    denying["properties"]["decisionRules"].append({"effect": "Deny", "dnfCondition": []})
    nameless = {"name": "policy_x", "properties": {"attributeRules": []}}
    facts, odd = translated(denying, nameless)
    assert len(facts) == 1
    assert [q.reason for q in odd] == [
        "the effect of the decision rule of root is Deny: only Permit is known",
        "the policy names no collection",
    ]


def test_a_policy_that_points_at_one_we_cannot_see_is_named() -> None:
    assert policies_of([readers("a", "hidden", "ann")]).unseen() == ["hidden"]


def test_circles_of_collections_end() -> None:
    facts, odd = translated(readers("a", "b", "ann"), readers("b", "a", "bea"))
    assert {(f.securable, f.principal) for f in facts if isinstance(f, Grant)} == {("a", "ann"), ("b", "bea")}
    assert odd == []


@pytest.mark.parametrize(
    ("actions", "expected"),
    [
        (["Microsoft.Purview/accounts/data/read"], ("describe",)),
        (["Microsoft.Purview/accounts/data/read", "Microsoft.Purview/accounts/data/write"], ("describe", "other")),
        (["Microsoft.Purview/accounts/collection/read", "Microsoft.Purview/accounts/collection/write"], ("manage",)),
        (["Microsoft.Purview/accounts/policy/write"], ("other",)),
        ([], ("other",)),
    ],
)
def test_no_role_of_the_catalogue_reads_or_writes_data(actions: list[str], expected: tuple[str, ...]) -> None:
    assert confers_of(actions) == expected


def test_a_role_that_the_account_made_itself_goes_by_its_actions() -> None:
    condition = [[{"attributeName": "request.azure.dataAction", "attributeValueIncludes": "X/accounts/data/read"}]]
    raw = {"id": "custom_1", "name": "Auditor", "properties": {"dnfCondition": condition}}
    assert role_of(raw) == Role("Auditor", ("describe",))


@pytest.mark.skipif(
    folder() is None, reason="Microsoft's descriptions are not here; GOVERNANCE_TEST_PURVIEW_OPENAPI names their folder"
)
def test_microsofts_own_example_is_understood() -> None:
    where = folder()
    assert where is not None
    operations = {o.id: o for o in Description(where / POLICIES, "/policyStore").operations()}
    examples = {
        o: dict(operations[o].examples())[o]["responses"]["200"]["body"]["values"] for o in operations if "List" in o
    }
    roles = {r["id"]: role_of(r) for r in examples["MetadataRoles_List"]}
    policies = policies_of(examples["MetadataPolicy_ListAll"])
    facts = list(facts_of(policies, roles))
    assert policies.odd == [] and policies.unseen() == []
    assert all(isinstance(f, Grant) for f in facts)
    assert {(f.securable, f.privilege, f.confers) for f in facts if isinstance(f, Grant)} == {
        ("mycollection", "collection-administrator", ("manage",)),
        ("myparentcollection", "collection-administrator", ("manage",)),
        ("myparentcollection", "purview-reader", ("describe",)),
        ("myparentcollection", "data-curator", ("describe", "other")),
        ("myparentcollection", "data-source-administrator", ("other",)),
    }
