"""Who may do what in the workspace: by SQL where that shows everything, else object by object, and never by halves."""

import re
from collections.abc import Callable, Iterator
from typing import Any

import msgspec
import pytest

from governance.filters import NameFilter
from governance.listing import FactPage, Reason, Scope, Status
from governance.model import Confers, Fact, Grant, Membership, Policy
from resources.databricks.resource import DatabricksResource
from resources.databricks.translate_access import grant, policies
from resources.facets import FactReader, open_facet
from sandbox.databricks.access import ADMIN_TOKEN, READER_TOKEN, STRANGER_TOKEN
from sandbox.faults import Exchange
from sandbox.serving import Company, Face, Served, running
from tests.contracts.contract import EVERYTHING
from tests.contracts.facet_contract import FacetContract, counted, facts_of
from tests.fixtures.databricks import api

MAIN = Scope("main", "catalog", {"catalog": "main"})
GROUPS = Scope("groups of the workspace", "groups")


class TestGrantsObjectByObject(FacetContract):
    """The sandbox's reader holds MANAGE: SQL shows it its own grants only, so each object is asked."""

    platform = "databricks"
    facet = "access"
    page_calls = "permissions/|scim"


class TestGrantsBySql(TestGrantsObjectByObject):
    """An admin of the metastore is shown everything by one statement a catalog."""

    page_calls = "sql/statements|scim"

    @pytest.fixture(scope="class")
    @classmethod
    def connection(cls, served: Served) -> Iterator[dict[str, Any]]:
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("T_ADMIN", ADMIN_TOKEN)
            given = served.face.connection(served.url)
            yield {"host": given["host"], "warehouse_id": given["warehouse_id"], "token": {"env": "T_ADMIN"}}

    def test_sql_leaves_only_models_to_be_asked_one_by_one(self, reader: FactReader) -> None:
        pages = list(reader.read(MAIN, EVERYTHING))
        assert sum(page.counts.get("objects_asked", 0) for page in pages) == 2
        assert "sql" not in pages[-1].notes


class TestGrantsWithoutAWarehouse(TestGrantsObjectByObject):
    """No SQL at all: filters and masks come from the tables' own records."""

    @pytest.fixture(scope="class")
    @classmethod
    def connection(cls, served: Served) -> Iterator[dict[str, Any]]:
        with pytest.MonkeyPatch.context() as patch:
            for name, value in served.face.secrets().items():
                patch.setenv(name, value)
            yield {k: v for k, v in served.face.connection(served.url).items() if k != "warehouse_id"}

    def test_a_note_says_how_many_calls_it_took(self, reader: FactReader, face: Face) -> None:
        pages = list(reader.read(MAIN, EVERYTHING))
        asked = sum(page.counts.get("objects_asked", 0) for page in pages)
        objects = [d for d in face.account() if d.qualified_name.startswith("main.")]
        assert asked > len(objects)
        assert pages[-1].notes["grants"] == f"{asked} objects asked one by one"


# --- where something is in the way ---


@pytest.fixture(scope="module")
def served() -> Iterator[Served]:
    with running(Company(), ["databricks"]) as servers:
        yield servers["databricks"]


@pytest.fixture
def face(served: Served) -> Iterator[Face]:
    yield served.face
    served.face.faults.clear()


@pytest.fixture
def opened(served: Served, monkeypatch: pytest.MonkeyPatch) -> Callable[..., FactReader]:
    """Opens the reader with one of the personal tokens."""

    def one(token: str, **fields: Any) -> FactReader:
        monkeypatch.setenv("T_TOKEN", token)
        given = {"source": "w", "host": served.url, "token": {"env": "T_TOKEN"}, **fields}
        return open_facet(DatabricksResource(**given), "access")

    return one


def warehouse(served: Served) -> dict[str, Any]:
    return {"warehouse_id": served.face.connection(served.url)["warehouse_id"]}


def reasons(pages: list[FactPage]) -> list[Reason]:
    return [r for page in pages for r in page.reasons]


@pytest.fixture
def insider(served: Served) -> Iterator[None]:
    """The stranger may use and read catalog `main`, no more."""
    given = ["USE_CATALOG", "USE_SCHEMA", "SELECT"]
    change = {"principal": "stranger@acme.example", "add": given}
    api(served, "PATCH", "/permissions/catalog/main", {"changes": [change]})
    yield
    api(served, "PATCH", "/permissions/catalog/main", {"changes": [{**change, "add": [], "remove": given}]})


@pytest.mark.parametrize("by_sql", [True, False])
def test_whoever_is_shown_its_own_grants_only_gets_the_grant_to_ask_for(
    served: Served, opened: Callable[..., FactReader], insider: None, by_sql: bool
) -> None:
    with opened(STRANGER_TOKEN, **(warehouse(served) if by_sql else {})) as reader:
        pages = list(reader.read(MAIN, EVERYTHING))
        probes = {p.name: p for p in reader.probe()}
    remedy = "GRANT MANAGE ON CATALOG `main` TO `stranger@acme.example`"
    assert remedy in [r.remedy for r in reasons(pages)]
    given = {(g.principal, g.privilege) for g in facts_of(pages) if isinstance(g, Grant) and g.privilege != "OWNER"}
    assert {p for p, _ in given} == {"stranger@acme.example"} | ({"account users"} if by_sql else set())
    assert (probes["access: catalog main"].ok, probes["access: catalog main"].remedy) == (False, remedy)


def test_no_catalog_at_all_is_no_empty_success(opened: Callable[..., FactReader]) -> None:
    with opened(STRANGER_TOKEN) as reader:
        listing = reader.parts(EVERYTHING)
    assert listing.status is Status.PARTIAL
    assert "TO `stranger@acme.example`" in listing.reasons[0].remedy


def test_groups_are_for_workspace_admins(opened: Callable[..., FactReader]) -> None:
    with opened(STRANGER_TOKEN) as reader:
        [page] = reader.read(GROUPS, EVERYTHING)
        [probe] = [p for p in reader.probe() if p.name == "access: groups"]
    assert (page.facts, page.reasons[0].code) == ((), "permission_denied")
    assert page.reasons[0].remedy.startswith("make `stranger@acme.example` a workspace admin")
    assert (probe.ok, probe.missing) == (False, "workspace admin")


def test_a_group_of_the_workspace_alone_is_counted_and_left_out(opened: Callable[..., FactReader]) -> None:
    with opened(READER_TOKEN) as reader:
        pages = list(reader.read(GROUPS, EVERYTHING))
    assert sum(page.counts.get("workspace_groups_left_out", 0) for page in pages) == 1
    members = {(m.member, m.role) for m in facts_of(pages) if isinstance(m, Membership)}
    assert {("data_science", "analysts"), ("analysts", "everyone_who_reads")} <= members
    assert "admins" not in {role for _, role in members}


def test_sql_that_is_refused_gives_way_to_rest(served: Served, face: Face, opened: Callable[..., FactReader]) -> None:
    with opened(ADMIN_TOKEN, **warehouse(served)) as reader:
        expected = counted(facts_of(reader.read(MAIN, EVERYTHING)))
        face.faults.tamper = failing("[TABLE_OR_VIEW_NOT_FOUND] `main`.`information_schema`.`catalog_privileges`.")
        pages = list(reader.read(MAIN, EVERYTHING))
    assert counted(facts_of(pages)) == expected
    assert any("SQL was refused" in page.notes.get("sql", "") for page in pages)
    assert reasons(pages) == []


def failing(message: str) -> Callable[[Exchange], None]:
    def change(exchange: Exchange) -> None:
        if "/sql/statements" in exchange.line:
            error = {"error_code": "BAD_REQUEST", "message": message}
            exchange.say({"statement_id": "s", "status": {"state": "FAILED", "error": error}})

    return change


def test_a_server_without_policies_and_groups_is_a_note(face: Face, opened: Callable[..., FactReader]) -> None:
    def absent(exchange: Exchange) -> None:
        if re.search("/policies/|scim/v2/Groups", exchange.line):
            exchange.answer, exchange.status = b"No API found", 404
            exchange.headers["content-type"] = "text/plain"

    with opened(READER_TOKEN) as reader:
        face.faults.tamper = absent
        pages = list(reader.read(MAIN, EVERYTHING))
        [groups] = reader.read(GROUPS, EVERYTHING)
    assert reasons(pages) == [] and groups.reasons == ()
    assert pages[-1].notes["policies"] == "not available on this server"
    assert groups.notes == {"groups": "no directory of groups on this server"}
    assert {p.kind for p in facts_of(pages) if isinstance(p, Policy)} == {"row_filter", "column_mask"}


def test_what_cannot_be_understood_is_quarantined_and_the_rest_is_read(
    face: Face, opened: Callable[..., FactReader]
) -> None:
    odd = [
        7,
        {"privileges": ["SELECT"]},
        {"principal": "x", "privileges": [None]},
        {"principal_id": 99, "privileges": ["SELECT"]},
    ]

    def spoil(exchange: Exchange) -> None:
        if "/permissions/schema/main.crm" in exchange.line:
            told = exchange.told()
            exchange.say({"privilege_assignments": [*odd, *told["privilege_assignments"]]})
        if "scim/v2/Groups" in exchange.line and "Resources" in exchange.told():
            told = exchange.told()
            members = [{"value": "no such id"}, "nonsense"]
            told["Resources"] += [{"id": "x1"}, {"id": "x2", "displayName": "odd", "members": members}]
            exchange.say({**told, "totalResults": told["totalResults"]})

    with opened(READER_TOKEN) as reader:
        expected = {msgspec.json.encode(f) for p in (MAIN, GROUPS) for f in facts_of(reader.read(p, EVERYTHING))}
        face.faults.tamper = spoil
        pages = [page for p in (MAIN, GROUPS) for page in reader.read(p, EVERYTHING)]
    found = {msgspec.json.encode(f) for f in facts_of(pages)}
    [lost] = [msgspec.json.decode(f) for f in found - expected]
    assert (lost["principal"], lost["principal_kind"], lost["securable"]) == ("99", "unknown", "main.crm")
    assert expected <= found
    assert sorted(q.reason for page in pages for q in page.quarantined) == [
        "a group has no name",
        "a member is nobody that the directory lists",
        "a member is nobody that the directory lists",
        "an entry names no principal",
        "an entry names no privilege",
        "the entry is no JSON object",
    ]


def test_what_is_excluded_is_not_asked_for(opened: Callable[..., FactReader]) -> None:
    names = NameFilter(["main.crm.*"])
    with opened(READER_TOKEN) as reader:
        listing = reader.parts(names)
        found: list[Fact] = [f for p in listing.scopes if p.kind == "catalog" for f in facts_of(reader.read(p, names))]
    assert set(listing.hidden) == {"lakehouse", "Prüfstand"}
    assert {f.securable.split(".")[1] for f in found if isinstance(f, Grant) and "." in f.securable} == {"crm"}


# --- translation ---


@pytest.mark.parametrize(
    ("kind", "word", "means"),
    [
        ("catalog", "USE CATALOG", ("use",)),
        ("catalog", "use_catalog", ("use",)),
        ("catalog", "BROWSE", ("describe",)),
        ("schema", "ALL_PRIVILEGES", ("use", "read", "write", "describe")),
        ("table", "ALL_PRIVILEGES", ("read", "write", "describe")),
        ("table", "MANAGE", ("manage",)),
        # on a container these say nothing of its tables
        ("catalog", "READ_VOLUME", ("other",)),
        ("schema", "EXECUTE", ("other",)),
        ("schema", "A_PRIVILEGE_OF_TOMORROW", ("other",)),
    ],
)
def test_what_a_privilege_comes_down_to(kind: str, word: str, means: tuple[Confers, ...]) -> None:
    assert grant(kind, "c", "g", word).confers == means


@pytest.mark.parametrize(
    ("when", "kind", "condition"),
    [
        (None, "tag_filter", {}),
        ("TRUE", "tag_filter", {}),
        ("hasTag('pii')", "tag_filter", {"pii": ()}),
        ("has_tag_value('a', 'b') and has_tag('c')", "tag_filter", {"a": ("b",), "c": ()}),
        ("NOT has_tag('pii')", "abac", {}),
        ("has_tag('a') OR has_tag('b')", "abac", {}),
    ],
)
def test_conditions_of_policies(when: str | None, kind: str, condition: dict[str, tuple[str, ...]]) -> None:
    raw = {"name": "p", "policy_type": "POLICY_TYPE_ROW_FILTER", "to_principals": ["g"], "when_condition": when}
    [found] = policies("schema", "c.s", raw)
    assert (found.kind, found.tag_condition, found.inherits) == (kind, condition, True)


def test_a_denying_policy_is_kept_as_text() -> None:
    [found] = policies("catalog", "c", {"name": "no", "policy_type": "POLICY_TYPE_DENY", "to_principals": ["g"]})
    assert (found.kind, found.expression, found.applies_to) == ("abac", "POLICY_TYPE_DENY", ("g",))
