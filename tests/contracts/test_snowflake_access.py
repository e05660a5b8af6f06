"""Who may do what in Snowflake: grants, roles, masks and row access policies, from ACCOUNT_USAGE."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from governance.errors import RecordError
from governance.filters import NameFilter
from governance.model import Fact, Grant, Membership, Policy
from resources.facets import FactReader
from resources.snowflake.translate_access import grants, policies, role_members
from sandbox.serving import Face, Served
from sandbox.snowflake import face as snowflake
from sandbox.snowflake.logins import ANALYST
from tests.contracts.contract import EVERYTHING
from tests.contracts.facet_contract import FacetContract, counted, facts_of

SECURITY = 'GRANT DATABASE ROLE SNOWFLAKE.SECURITY_VIEWER TO ROLE "ANALYST"'
GOVERNANCE = 'GRANT DATABASE ROLE SNOWFLAKE.GOVERNANCE_VIEWER TO ROLE "ANALYST"'
ROW = {
    "privilege": "SELECT",
    "granted_on": "TABLE",
    "name": "T",
    "table_catalog": "D",
    "table_schema": "S",
    "granted_to": "ROLE",
    "grantee_name": "R",
    "grantable": 0,
}


class TestAccess(FacetContract):
    platform = "snowflake"
    facet = "access"
    page_calls = "query-request"

    @pytest.fixture
    def admin(self, face: Face, served: Served) -> Iterator[Callable[..., None]]:
        assert isinstance(face, snowflake.Face)

        def run(*statements: str) -> None:
            assert len(list(face.run(served.url, iter(statements)))) == len(statements)

        yield run

    def test_a_missing_right_is_named_exactly(self, connection: dict[str, Any], face: Face) -> None:
        with self.open(connection, role=ANALYST) as reader:
            pages = {part.name: list(reader.read(part, EVERYTHING)) for part in self.parts(reader, face)}
            probes = list(reader.probe())
        remedies = {name: [r.remedy.split(";")[0] for p in told for r in p.reasons] for name, told in pages.items()}
        assert remedies == {"privileges": [SECURITY], "roles": [SECURITY] * 2, "policies": [GOVERNANCE] * 3}
        assert [fact for told in pages.values() for fact in facts_of(told)] == []
        assert [(p.ok, p.remedy.split(";")[0]) for p in probes] == [(False, SECURITY)] * 2 + [(False, GOVERNANCE)] * 3

    def test_what_is_granted_and_revoked_over_the_wire_comes_and_goes(
        self, reader: FactReader, face: Face, admin: Callable[..., None]
    ) -> None:
        before = counted(self.read_all(reader, face))
        name = 'RETAIL."Raw Zone"."landing ""json"""'
        admin(f"GRANT SELECT, DELETE ON TABLE {name} TO ROLE SALES_LEAD", "GRANT ROLE LOADER TO USER DAI")
        new = (counted(self.read_all(reader, face)) - before).total()
        admin(f"REVOKE SELECT, DELETE ON TABLE {name} FROM ROLE SALES_LEAD", "REVOKE ROLE LOADER FROM USER DAI")
        assert new == 3
        assert counted(self.read_all(reader, face)) == before

    def test_a_filter_leaves_out_what_is_not_governed(self, reader: FactReader, face: Face) -> None:
        found = self.read_all(reader, face, NameFilter(["ANALYTICS.*"]))
        places = {f.securable for f in found if isinstance(f, Grant) and f.securable_kind != "warehouse"}
        assert places
        assert all(place.startswith("ANALYTICS") for place in places)


def only(facts: Iterator[Fact]) -> Any:
    [fact] = facts
    return fact


def test_what_is_no_data_cannot_be_taken_for_it() -> None:
    role = only(grants({**ROW, "privilege": "OWNERSHIP", "granted_on": "ROLE", "table_catalog": None,
                        "table_schema": None, "name": "RETAIL"}))  # fmt: skip
    function = only(grants({**ROW, "privilege": "USAGE", "granted_on": "FUNCTION"}))
    assert (role.securable, role.confers) == ("role RETAIL", ("manage",))
    assert (function.securable, function.confers) == ("function D.S.T", ("use",))


@pytest.mark.parametrize(
    ("given", "name", "kind"),
    [
        ({"granted_to": "ACCOUNT ROLE"}, "R", "role"),
        ({"granted_to": "DATABASE_ROLE"}, "D.R", "role"),
        ({"granted_to": "DATABASE_ROLE", "granted_on": "DATABASE", "table_catalog": None, "name": "E"}, "E.R", "role"),
        ({"granted_to": "USER"}, "R", "user"),
        ({"granted_to": "SHARE"}, "R", "share"),
        ({"granted_to": "APPLICATION"}, "R", "application"),
        ({"granted_to": "something new"}, "R", "unknown"),
        ({"grantee_name": "PUBLIC"}, "PUBLIC", "public"),
    ],
)
def test_whom_it_was_given_to(given: dict[str, Any], name: str, kind: str) -> None:
    grant = only(grants({**ROW, **given}))
    assert (grant.principal, grant.principal_kind) == (name, kind)


def test_a_role_given_to_everybody_has_everybody_as_member() -> None:
    row = {**ROW, "granted_on": "ROLE", "privilege": "USAGE", "table_catalog": None, "grantee_name": "PUBLIC"}
    assert only(role_members(row)) == Membership("PUBLIC", "public", "T", "role", "account_usage.grants_to_roles")


def test_odd_rows_are_record_errors() -> None:
    for label in ("privilege", "granted_on", "name", "granted_to", "grantee_name"):
        with pytest.raises(RecordError):
            list(grants({**ROW, label: None}))
    with pytest.raises(RecordError):
        list(policies({"policy_db": "D"}, ("D",)))


def test_a_column_masked_by_its_tag_is_told_by_the_tag_alone() -> None:
    row = {"policy_db": "G", "policy_schema": "P", "policy_name": "M", "policy_kind": "MASKING_POLICY",
           "ref_database_name": "D", "ref_schema_name": "S", "ref_entity_name": "T", "ref_entity_domain": "TABLE",
           "ref_column_name": "a.b"}  # fmt: skip
    assert list(policies({**row, "tag_name": "PII"}, ("D",))) == []
    direct = only(policies(row, ("D",)))
    assert isinstance(direct, Policy)
    assert (direct.kind, direct.securable, direct.path, direct.expression) == ("column_mask", "D.S.T", '"a.b"', None)
