"""Permissions, filters, settings and policies of odd shapes, as grants and policies."""

import json
from collections import Counter
from typing import Any

import pytest

from governance.errors import RecordError
from governance.filters import NameFilter
from governance.model import Fact, Grant, Policy
from resources.glue.translate_access import Catalog, facts_of
from resources.glue.translate_cells import filter_of
from resources.glue.translate_names import location_of, principal_of
from resources.glue.translate_policy import facts_of_statement, statements_of
from resources.glue.translate_settings import grants_of_settings, notes_of

OURS, THEIRS = "111111111111", "222222222222"
CATALOG = Catalog("eu-west-1", OURS)
ARN = f"arn:aws:glue:eu-west-1:{OURS}"


def given(resource: dict[str, Any], *privileges: str, catalog: Catalog = CATALOG, **more: Any) -> list[Grant]:
    entry = {
        "Principal": {"DataLakePrincipalIdentifier": f"arn:aws:iam::{OURS}:role/r"},
        "Resource": resource,
        "Permissions": list(privileges or ("SELECT",)),
        **more,
    }
    return [fact for fact in facts_of(entry, catalog) if isinstance(fact, Grant)]


@pytest.mark.parametrize(
    ("written", "name", "kind"),
    [
        ("IAM_ALLOWED_PRINCIPALS", "IAM_ALLOWED_PRINCIPALS", "public"),
        ("*", "*", "public"),
        (OURS, OURS, "account"),
        (f"arn:aws:iam::{OURS}:root", OURS, "account"),
        (f"{OURS}:IAMPrincipals", f"{OURS}:IAMPrincipals", "account"),
        (f"arn:aws:iam::{OURS}:role/service/etl", None, "role"),
        (f"arn:aws-cn:iam::{OURS}:user/ana", None, "user"),
        (f"arn:aws:iam::{OURS}:group/all", None, "group"),
        (f"arn:aws:iam::{OURS}:saml-provider/okta:user/ana@x", None, "user"),
        (f"arn:aws:iam::{OURS}:saml-provider/okta:group/analysts", None, "group"),
        (f"arn:aws:iam::{OURS}:saml-provider/okta", None, "unknown"),
        ("arn:aws:identitystore:::group/9067-12", None, "group"),
        (f"arn:aws:quicksight:us-east-1:{OURS}:user/default/ana", None, "user"),
        (f"arn:aws:organizations::{OURS}:organization/o-1", None, "group"),
        (f"arn:aws:organizations::{OURS}:ou/o-1/ou-2", None, "group"),
        (f"arn:aws:sts::{OURS}:assumed-role/r/session", None, "role"),
        ("redshift.amazonaws.com", None, "service"),
        ("somebody", None, "unknown"),
    ],
)
def test_principals(written: str, name: str | None, kind: str) -> None:
    assert principal_of(written) == (name or written, kind)


def test_all_tables_of_a_database_come_in_two_spellings() -> None:
    for resource in (
        {"Table": {"DatabaseName": "sales", "TableWildcard": {}}},
        {"Table": {"DatabaseName": "sales", "Name": "ALL_TABLES", "TableWildcard": {}}},
        {"TableWithColumns": {"DatabaseName": "sales", "Name": "ALL_TABLES", "ColumnWildcard": {}}},
    ):
        (grant,) = given(resource)
        assert (grant.securable, grant.securable_kind, grant.inherits, grant.path) == ("sales", "database", True, "")


def test_all_is_reading_where_it_is_on_tables_only() -> None:
    assert "read" in given({"Table": {"DatabaseName": "d", "Name": "t"}}, "ALL")[0].confers
    assert "read" in given({"Table": {"DatabaseName": "d", "TableWildcard": {}}}, "ALL")[0].confers
    assert given({"Database": {"Name": "d"}}, "ALL")[0].confers == ("manage", "describe")
    assert given({"Catalog": {}}, "ALL")[0].confers == ("manage", "describe")
    (super_user,) = given({"Catalog": {"Id": f"{OURS}:warehouse"}}, "SUPER_USER")
    assert (super_user.securable, super_user.inherits) == (f"{OURS}:warehouse", True)
    assert "read" in super_user.confers


def test_what_may_only_be_given_on_is_kept() -> None:
    grants = given({"Database": {"Name": "d"}}, "DESCRIBE", PermissionsWithGrantOption=["ALTER"])
    assert [(g.privilege, g.grantable) for g in grants] == [("ALTER", True), ("DESCRIBE", False)]


def test_columns_are_paths() -> None:
    names = ["a.b", "plain", '"address"."city"', '"quoted"']
    grants = given({"TableWithColumns": {"DatabaseName": "d", "Name": "t", "ColumnNames": names}})
    assert [g.path for g in grants] == sorted(['"a.b"', "plain", "address.city", '"""quoted"""'])
    left_out = {"ExcludedColumnNames": ["z", "a.b"]}
    (grant,) = given({"TableWithColumns": {"DatabaseName": "d", "Name": "t", "ColumnWildcard": left_out}})
    assert (grant.path, grant.except_paths) == ("", ('"a.b"', "z"))


def test_another_catalogs_resources_are_named_by_their_arns() -> None:
    table = {"CatalogId": THEIRS, "DatabaseName": "d", "Name": "t"}
    assert given({"Table": table})[0].securable == f"arn:aws:glue:eu-west-1:{THEIRS}:table/d/t"
    assert given({"Table": {**table, "CatalogId": OURS}})[0].securable == "d.t"
    assert given({"Table": table}, catalog=Catalog("eu-west-1", OURS, NameFilter(["d.*"]))) == []


def test_tags_and_conditions() -> None:
    pairs = [{"TagKey": "domain", "TagValues": ["b", "a"]}, {"TagKey": "pii", "TagValues": ["*"]}]
    (grant,) = given({"LFTagPolicy": {"ResourceType": "TABLE", "Expression": pairs}})
    assert (grant.securable, grant.inherits, grant.tag_condition) == (OURS, True, {"domain": ("a", "b"), "pii": ()})
    (tag,) = given({"LFTag": {"TagKey": "domain", "TagValues": ["*"]}}, "ASSOCIATE")
    assert (tag.securable, tag.tag_condition, tag.inherits) == ("lf-tag/domain", {}, False)
    entry = {
        "Principal": {"DataLakePrincipalIdentifier": "x"},
        "Resource": {"Database": {"Name": "d"}},
        "Permissions": ["DESCRIBE"],
        "Condition": {"Expression": 'context.team == "a"'},
    }
    conditional, policy = facts_of(entry, CATALOG)
    assert isinstance(conditional, Grant) and isinstance(policy, Policy)
    assert (policy.kind, policy.expression, policy.applies_to) == ("abac", 'context.team == "a"', ("x",))
    assert conditional.limited_by == policy.policy


def test_a_privilege_that_is_not_known_is_kept_and_lets_nobody_read() -> None:
    (grant,) = given({"Database": {"Name": "d"}}, "TELEPORT")
    assert (grant.privilege, grant.confers) == ("TELEPORT", ("other",))


@pytest.mark.parametrize(
    "resource",
    [
        {},
        {"Moon": {}},
        {"Database": {}, "Table": {}},
        {"Database": {"Name": 7}},
        {"Table": {"DatabaseName": "d"}},
        {"TableWithColumns": {"DatabaseName": "d", "Name": "t"}},
        {"LFTagPolicy": {"ResourceType": "TABLE"}},
        {"LFTagPolicy": {"ResourceType": "TABLE", "Expression": [{"TagKey": "a"}]}},
        {"DataLocation": {}},
        {"Catalog": "x"},
    ],
)
def test_what_is_not_understood_is_said(resource: dict[str, Any]) -> None:
    with pytest.raises(RecordError):
        given(resource)


def test_what_has_no_principal_or_no_list_of_privileges_is_said() -> None:
    odd: list[dict[str, Any]] = [{"Principal": {}}, {"Permissions": "SELECT"}, {"PermissionsWithGrantOption": [7]}]
    for more in odd:
        with pytest.raises(RecordError):
            given({"Database": {"Name": "d"}}, **more)


def test_cell_filters() -> None:
    told = {"TableCatalogId": OURS, "DatabaseName": "d", "TableName": "t", "Name": "f", "ColumnWildcard": {}}
    found = filter_of({**told, "RowFilter": {"FilterExpression": "a > 1"}}, CATALOG)
    assert found == ("d.t/f", "d.t", "a > 1", ("",), ())
    assert filter_of(told, Catalog("eu-west-1", OURS, NameFilter(["other.*"]))) is None
    for odd in (7, {}, {**told, "Name": ""}, {k: v for k, v in told.items() if k != "ColumnWildcard"}):
        with pytest.raises(RecordError):
            filter_of(odd, CATALOG)


def test_settings() -> None:
    settings = {
        "DataLakeAdmins": [{"DataLakePrincipalIdentifier": f"arn:aws:iam::{OURS}:user/a"}],
        "CreateTableDefaultPermissions": [
            {"Principal": {"DataLakePrincipalIdentifier": "IAM_ALLOWED_PRINCIPALS"}, "Permissions": ["ALL"]}
        ],
        "AllowExternalDataFiltering": True,
        "ExternalDataFilteringAllowList": [{"DataLakePrincipalIdentifier": THEIRS}],
    }
    admin, default = grants_of_settings(settings, OURS)
    assert (admin.privilege, admin.confers, admin.inherits) == ("DataLakeAdmin", ("manage", "describe"), True)
    # the default of tables yet to be made lets nobody read one that is there
    assert (default.privilege, default.confers, default.inherits) == (
        "CreateTableDefaultPermissions: ALL",
        ("other",),
        False,
    )
    assert notes_of(settings) == {"external_data_filtering": THEIRS}
    with pytest.raises(RecordError):
        list(grants_of_settings({"ReadOnlyAdmins": [{}]}, OURS))


# --- resource policies ---


def statement(**other: Any) -> tuple[list[Fact], Counter[str]]:
    counts: Counter[str] = Counter()
    told = {"Effect": "Allow", "Principal": "*", "Action": "glue:GetTable", "Resource": "*", **other}
    told = {k: v for k, v in told.items() if v is not None}
    return list(facts_of_statement(told, CATALOG, counts)), counts


def grants(found: tuple[list[Fact], Counter[str]]) -> list[Grant]:
    return [fact for fact in found[0] if isinstance(fact, Grant)]


@pytest.mark.parametrize(
    ("arn", "effect", "securable", "kind", "inherits"),
    [
        ("*", "Allow", OURS, "catalog", True),
        (f"{ARN}:catalog", "Allow", OURS, "catalog", False),
        (f"{ARN}:catalog", "Deny", OURS, "catalog", True),
        (f"{ARN}:database/sales", "Allow", "sales", "database", False),
        (f"{ARN}:database/sales", "Deny", "sales", "database", True),
        (f"{ARN}:database/*", "Allow", OURS, "any_database", False),
        (f"{ARN}:table/sales/*", "Allow", "sales", "database", True),
        (f"{ARN}:table/*/*", "Allow", OURS, "any_table", True),
        (f"{ARN}:table/*", "Allow", OURS, "any_table", True),
        (f"{ARN}:table/sales/orders", "Deny", "sales.orders", "table", False),
        ("arn:aws:glue:*:*:table/sales/orders", "Allow", "sales.orders", "table", False),
        (f"{ARN}:table/sales/ord*", "Allow", f"{ARN}:table/sales/ord*", "pattern", False),
        (f"{ARN}:userDefinedFunction/d/f", "Allow", f"{ARN}:userDefinedFunction/d/f", "pattern", False),
        ("arn:aws:s3:::b", "Allow", "arn:aws:s3:::b", "pattern", False),
    ],
)
def test_resources_of_a_policy(arn: str, effect: str, securable: str, kind: str, inherits: bool) -> None:
    found = statement(Resource=arn, Effect=effect)
    (grant,) = grants(found)
    assert (grant.securable, grant.securable_kind, grant.inherits, grant.denies) == (
        securable,
        kind,
        inherits,
        effect == "Deny",
    )
    assert found[1]["unmapped_resources"] == (kind == "pattern")


@pytest.mark.parametrize(
    ("action", "effect", "condition", "confers"),
    [
        ("glue:GetTable", "Allow", None, ("describe",)),
        ("glue:Get*", "Allow", None, ("describe",)),
        ("glue:SearchTables", "Allow", None, ("describe",)),
        ("glue:*", "Allow", None, ("manage", "describe")),
        ("glue:DeleteTable", "Allow", None, ("other",)),
        ("GLUE:gettables", "Deny", None, ("read", "describe")),
        ("*", "Deny", None, ("read", "describe")),
        ("glue:GetTable", "Deny", {"Bool": {"aws:SecureTransport": "false"}}, ("other",)),
        ("glue:DeleteTable", "Deny", None, ("other",)),
        ("glue:GetDatabase", "Deny", None, ("other",)),
    ],
)
def test_actions_of_a_policy(action: str, effect: str, condition: Any, confers: tuple[str, ...]) -> None:
    found = statement(Action=action, Effect=effect, Condition=condition)
    (grant,) = grants(found)
    assert grant.confers == confers
    (policy,) = [fact.policy for fact in found[0] if isinstance(fact, Policy)]
    assert grant.limited_by == (policy if condition else None)


def test_what_is_meant_by_its_contrary_stays_a_policy() -> None:
    for key, value in (("NotPrincipal", {"AWS": OURS}), ("NotAction", "glue:*"), ("NotResource", "*")):
        left_out = {key.removeprefix("Not"): None, key: value}
        found = statement(Effect="Deny", **left_out)
        assert grants(found) == [] and found[1]["unmapped_statements"] == 1
        (policy,) = found[0]
        assert isinstance(policy, Policy) and json.loads(policy.expression or "")[key] == value
    assert [p.exempt for p in statement(NotPrincipal={"AWS": OURS}, Principal=None)[0] if isinstance(p, Policy)] == [
        (OURS,)
    ]


def test_a_policy_of_no_known_shape_is_said() -> None:
    for text in (None, "", "[]", '{"Version": "2012-10-17"}', '{"Statement": 7}'):
        with pytest.raises(RecordError):
            statements_of(text)
    assert statements_of('{"Statement": {"Effect": "Allow"}}') == [{"Effect": "Allow"}]
    for odd in ({"Effect": "Perhaps"}, {"Action": 7}, {"Principal": {"AWS": [1]}}):
        with pytest.raises(RecordError):
            statement(**odd)


def test_locations() -> None:
    assert location_of("arn:aws:s3:::lake/sales") == "s3://lake/sales"
    assert location_of("arn:aws-cn:s3:::lake") == "s3://lake"
    assert location_of("s3://lake") == "s3://lake"
