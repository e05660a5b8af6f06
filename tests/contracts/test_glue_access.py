"""Glue's and Lake Formation's access keeps the facets' contract; what is missing is a reason, never an empty answer."""

import json
from collections.abc import Iterator
from typing import Any, ClassVar

import pytest

from governance.errors import ProtocolError
from governance.filters import NameFilter
from governance.listing import FactPage, Probe, Reason, Scope
from governance.model import Grant, Policy
from resources.facets import FactReader, open_facet
from sandbox.faults import Exchange
from sandbox.glue.gate import ACCOUNT, EXTERNAL_ID, PARTNER, READER_ROLE
from sandbox.serving import Company, Served, running
from tests.contracts.contract import EVERYTHING
from tests.contracts.facet_contract import FacetContract, counted, facts_of
from tests.fixtures.glue import ALL_KEYS, resource
from tests.fixtures.glue_account import Account

RESTRICTED: dict[str, Any] = {
    "access_key_id": {"env": "GLUE_RESTRICTED_KEY"},
    "secret_access_key": {"env": "GLUE_RESTRICTED_SECRET"},
}


class TestGlueAccess(FacetContract):
    platform = "glue"
    facet = "access"
    page_calls: ClassVar[str] = "/ListPermissions"


@pytest.fixture(scope="module")
def lake() -> Iterator[Served]:
    with pytest.MonkeyPatch.context() as patch, running(Company(), ["glue"]) as served:
        for name, value in {**served["glue"].face.secrets(), **ALL_KEYS}.items():
            patch.setenv(name, value)
        yield served["glue"]


@pytest.fixture(autouse=True)
def well_behaved(request: pytest.FixtureRequest) -> Iterator[None]:
    yield
    if "lake" in request.fixturenames:
        request.getfixturevalue("lake").face.faults.clear()


def opened(served: Served, **other: Any) -> FactReader:
    return open_facet(resource(served, **other), "access")


def pages(reader: FactReader, names: NameFilter = EVERYTHING) -> dict[str, list[FactPage]]:
    """The pages of each part."""
    return {part.name: list(reader.read(part, names)) for part in reader.parts(names).scopes}


def reasons(found: list[FactPage]) -> list[Reason]:
    return [reason for page in found for reason in page.reasons]


def lacking(probes: Iterator[Probe]) -> dict[str, str]:
    return {p.missing: p.remedy for p in probes if not p.ok}


# --- rights ---


def test_without_lake_formation_only_the_resource_policy_is_read(lake: Served) -> None:
    with opened(lake, lake_formation=False) as reader:
        found = pages(reader)
        assert list(found) == ["resource_policy"]
        assert {f.origin for f in facts_of(found["resource_policy"])} == {"resource policy"}
        assert [p.name for p in reader.probe()] == ["access: glue:GetResourcePolicies"]


def test_who_has_no_right_in_lake_formation_gets_reasons_and_the_policy(lake: Served) -> None:
    with opened(lake, **RESTRICTED) as reader:
        found = pages(reader)
        missing = lacking(reader.probe())
    named = {part: [r.operation for r in reasons(found[part])] for part in found}
    assert named == {
        "permissions": ["lakeformation:ListPermissions"],
        "cell_filters": ["lakeformation:ListDataCellsFilter"],
        "settings": ["lakeformation:GetDataLakeSettings"],
        "resource_policy": [],
    }
    assert facts_of(found["resource_policy"]) and not facts_of(found["permissions"])
    assert json.loads(missing["lakeformation:ListPermissions"].partition(": ")[2]) == {
        "Effect": "Allow",
        "Action": ["lakeformation:ListPermissions"],
        "Resource": ["*"],
    }


@pytest.mark.parametrize(
    ("denied", "call", "parts"),
    [
        ("glue:GetResourcePolicies", "GetResourcePolicies", {"resource_policy"}),
        ("lakeformation:ListDataCellsFilter", "/ListDataCellsFilter", {"cell_filters"}),
        ("lakeformation:ListLFTagExpressions", "/ListLFTagExpressions", {"permissions"}),
        # without the settings nobody can tell whether all permissions are shown
        ("lakeformation:GetDataLakeSettings", "/GetDataLakeSettings", {"settings", "permissions", "cell_filters"}),
    ],
)
def test_one_denied_call_makes_its_own_part_partial(lake: Served, denied: str, call: str, parts: set[str]) -> None:
    with opened(lake, attempts=1) as reader:
        whole = pages(reader)
    lake.face.faults.replace([{"action": "fail", "match": call, "status": 403}])
    with opened(lake, attempts=1) as reader:
        found = pages(reader)
    assert {part for part in found if reasons(found[part])} == parts
    assert {r.operation for part in parts for r in reasons(found[part])} == {denied}
    for part in set(found) - parts:
        assert facts_of(found[part]) == facts_of(whole[part])


def test_a_named_expression_that_cannot_be_read_leaves_out_only_what_is_given_on_it(lake: Served) -> None:
    with opened(lake) as reader:
        whole = facts_of(pages(reader)["permissions"])
    lake.face.faults.replace([{"action": "fail", "match": "/ListLFTagExpressions", "status": 403}])
    with opened(lake, attempts=1) as reader:
        found = facts_of(pages(reader)["permissions"])
    assert [f for f in whole if f not in found] == [
        f for f in whole if isinstance(f, Grant) and f.securable_kind == "lf_tag_policy_database"
    ]


def test_who_is_no_administrator_is_told_that_more_may_be_hidden(lake: Served) -> None:
    account = Account(lake.url)
    settings = account.lake.get_data_lake_settings()["DataLakeSettings"]
    account.lake.put_data_lake_settings(DataLakeSettings={**settings, "ReadOnlyAdmins": []})
    try:
        with opened(lake) as reader:
            found, missing = pages(reader), lacking(reader.probe())
    finally:
        account.lake.put_data_lake_settings(DataLakeSettings=settings)
    assert facts_of(found["permissions"]) == []
    for part in ("permissions", "cell_filters"):
        (reason,) = reasons(found[part])
        assert (reason.code, reason.operation) == ("permission_denied", "lakeformation:ListPermissions")
        assert "user/governance is no data lake administrator" in reason.message
    assert "read-only administrators" in missing["ReadOnlyAdmins"]
    assert reasons(found["settings"]) == []


def test_a_session_of_an_administrators_role_sees_all(lake: Served) -> None:
    with opened(lake, role_arn=READER_ROLE, external_id=EXTERNAL_ID) as reader:
        found = pages(reader)
    assert [r for part in found.values() for r in reasons(part)] == []


def test_another_accounts_policy_is_unknown_not_empty(lake: Served) -> None:
    with opened(lake, catalog_id=PARTNER) as reader:
        found = pages(reader)
    (reason,) = reasons(found["resource_policy"])
    assert reason.operation == "glue:GetResourcePolicies" and "role_arn" in reason.remedy
    assert facts_of(found["resource_policy"]) == []


# --- what is read ---


def test_all_pages_are_read(lake: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    with opened(lake) as reader:
        whole = pages(reader)
    monkeypatch.setattr("resources.glue.client_permissions.PAGE", 4)
    with opened(lake) as reader:
        found = pages(reader)
    assert len(found["permissions"]) > len(whole["permissions"])
    assert [facts_of(found[p]) for p in found] == [facts_of(whole[p]) for p in whole]


def test_permissions_on_filters_that_listings_do_not_show_are_asked_for_by_table(lake: Served) -> None:
    with opened(lake) as reader:
        whole = facts_of(pages(reader)["cell_filters"])
    asked = []

    def without_cells(exchange: Exchange) -> None:
        if "/ListPermissions" in exchange.line:
            asked.append(exchange.asked().get("IncludeRelated"))
            if asked[-1] is None:
                told = exchange.told()
                kept = [p for p in told["PrincipalResourcePermissions"] if "DataCellsFilter" not in p["Resource"]]
                exchange.say({**told, "PrincipalResourcePermissions": kept})

    lake.face.faults.tamper = without_cells
    with opened(lake) as reader:
        found = facts_of(list(reader.read(Scope("cell_filters", "listing"), EVERYTHING)))
    assert asked == [None, "TRUE", "TRUE"]
    assert counted(found) == counted(whole)
    through = {f.limited_by for f in found if isinstance(f, Grant)}
    assert through == {"sales.orders/euro_only", "crm.customers/no_contacts"}


def test_a_filter_of_names_keeps_what_is_above_and_beside(lake: Served) -> None:
    with opened(lake) as reader:
        found = pages(reader, NameFilter(["sales.*"], ["sales.products"]))
    named = {f.securable for part in found.values() for f in facts_of(part) if isinstance(f, Grant | Policy)}
    assert named == {ACCOUNT, "sales", "sales.orders", "sales.daily_sales", "s3://acme-lake/sales", "lf-tag/domain"}


def test_a_permission_of_an_unknown_shape_waits_in_quarantine(lake: Served) -> None:
    with opened(lake) as reader:
        whole = facts_of(pages(reader)["permissions"])
    odd = {"Resource": {"Moon": {"Phase": "full"}}, "Principal": {"DataLakePrincipalIdentifier": "x"}}

    def more(exchange: Exchange) -> None:
        if "/ListPermissions" in exchange.line:
            told = exchange.told()
            exchange.say({**told, "PrincipalResourcePermissions": [odd, *told["PrincipalResourcePermissions"], 7]})

    lake.face.faults.tamper = more
    with opened(lake) as reader:
        found = pages(reader)["permissions"]
    assert facts_of(found) == whole
    told = [(q.reason, q.payload) for page in found for q in page.quarantined]
    assert told == [
        ("permissions on the resource Moon are not known", odd),
        ("the permission is not on one resource", 7),
    ]


def test_settings_that_are_not_there_are_no_empty_settings(lake: Served) -> None:
    def nothing(exchange: Exchange) -> None:
        if "/GetDataLakeSettings" in exchange.line:
            exchange.say({})

    lake.face.faults.tamper = nothing
    with opened(lake) as reader, pytest.raises(ProtocolError):
        list(reader.read(Scope("settings", "listing"), EVERYTHING))
