"""Who may do what in the lake: what Lake Formation and Glue are told, and beside it the facts that it makes."""

import json
from collections.abc import Iterator
from typing import Any

import msgspec

from governance.model import Confers, Fact, Grant, Policy, PrincipalKind
from sandbox.glue.gate import ACCOUNT, PARTNER, READER_ROLE, READER_USER, REGION

Who = tuple[str, PrincipalKind]
Words = tuple[Confers, ...]

READ: Words = ("read",)
LOOK: Words = ("describe",)
OTHER: Words = ("other",)
ALL: Words = ("read", "write", "manage", "describe")


def role(name: str) -> Who:
    """A role of the company's account."""
    return f"arn:aws:iam::{ACCOUNT}:role/{name}", "role"


ANALYST, ENGINEER, MARKETING, AUDITOR = (role(n) for n in ("analyst", "engineer", "marketing", "auditor"))
STEWARD, CLERK, CONTRACTOR, ADMIN = (role(n) for n in ("steward", "store-clerk", "contractor", "lake-admin"))
ANA: Who = (f"arn:aws:iam::{ACCOUNT}:user/ana", "user")
FINANCE: Who = (f"arn:aws:iam::{ACCOUNT}:saml-provider/okta:group/finance", "group")
PARTNER_ACCOUNT: Who = (PARTNER, "account")
HOLDING: Who = (f"arn:aws:organizations::{PARTNER}:organization/o-harbourpine", "group")
EVERYBODY: Who = ("IAM_ALLOWED_PRINCIPALS", "public")


class Given(msgspec.Struct, frozen=True):
    """One permission: `resource` as Lake Formation is told, the rest as a correct inventory has it."""

    to: Who
    resource: dict[str, Any]
    privileges: dict[str, Words]
    on: str
    kind: str
    grantable: tuple[str, ...] = ()
    paths: tuple[str, ...] = ("",)
    except_paths: tuple[str, ...] = ()
    inherits: bool = False
    limited_by: str | None = None
    tags: dict[str, tuple[str, ...]] = {}


class Filter(msgspec.Struct, frozen=True):
    """One data cells filter: what CreateDataCellsFilter takes, and how it reads."""

    database: str
    table: str
    name: str
    told: dict[str, Any]
    expression: str

    @property
    def policy(self) -> str:
        """Its name in the inventory."""
        return f"{self.database}.{self.table}/{self.name}"

    @property
    def resource(self) -> dict[str, Any]:
        """What it is given as."""
        return {
            "DataCellsFilter": {
                "TableCatalogId": ACCOUNT,
                "DatabaseName": self.database,
                "TableName": self.table,
                "Name": self.name,
            }
        }


class Statement(msgspec.Struct, frozen=True):
    """One statement of the resource policy; a resource is its ARN, and then name, kind and whether it reaches below."""

    sid: str
    effect: str
    to: tuple[tuple[str, Who], ...]
    actions: dict[str, Words]
    resources: dict[str, tuple[str, str, bool]]
    condition: dict[str, Any] = {}

    def told(self) -> dict[str, Any]:
        """As the policy has it."""
        return {
            "Sid": self.sid,
            "Effect": self.effect,
            "Principal": {"AWS": [written for written, _ in self.to]},
            "Action": list(self.actions),
            "Resource": list(self.resources),
            **({"Condition": self.condition} if self.condition else {}),
        }


def _columns(database: str, name: str, **which: Any) -> dict[str, Any]:
    return {"TableWithColumns": {"DatabaseName": database, "Name": name, **which}}


def _table(database: str, name: str) -> dict[str, Any]:
    return {"Table": {"DatabaseName": database, "Name": name}}


EXPRESSIONS = {"sales_or_crm": {"domain": ["crm", "sales"]}}
FILTERS = (
    Filter(
        "sales",
        "orders",
        "euro_only",
        {"RowFilter": {"FilterExpression": "currency = 'EUR'"}, "ColumnNames": ["order_id", "ordered_at", "total"]},
        "columns order_id, ordered_at, total of rows where currency = 'EUR'",
    ),
    Filter(
        "crm",
        "customers",
        "no_contacts",
        {"RowFilter": {"AllRowsWildcard": {}}, "ColumnWildcard": {"ExcludedColumnNames": ["phone", "email"]}},
        "all columns but email, phone of all rows",
    ),
)
EURO_ONLY, NO_CONTACTS = FILTERS
_FINANCE_TAGS = [
    {"TagKey": "domain", "TagValues": ["finance"]},
    {"TagKey": "sensitivity", "TagValues": ["restricted", "confidential"]},
]
GIVEN = (
    Given(ENGINEER, {"Catalog": {}}, {"CREATE_DATABASE": OTHER}, ACCOUNT, "catalog"),
    Given(ANALYST, {"Database": {"Name": "sales"}}, {"DESCRIBE": LOOK, "CREATE_TABLE": OTHER}, "sales", "database"),
    Given(ANALYST, _table("sales", "orders"), {"SELECT": READ, "DESCRIBE": LOOK}, "sales.orders", "table", ("SELECT",)),
    Given(
        ENGINEER,
        {"Table": {"DatabaseName": "ops", "TableWildcard": {}}},
        {"ALL": ALL},
        "ops",
        "database",
        inherits=True,
    ),
    Given(
        ANA,
        _columns("crm", "customers", ColumnNames=["customer_id", "created_at"]),
        {"SELECT": READ},
        "crm.customers",
        "table",
        paths=("created_at", "customer_id"),
    ),
    Given(
        MARKETING,
        _columns("crm", "customers", ColumnWildcard={"ExcludedColumnNames": ["phone", "birth_date"]}),
        {"SELECT": READ},
        "crm.customers",
        "table",
        except_paths=("birth_date", "phone"),
    ),
    Given(FINANCE, _columns("sales", "daily_sales", ColumnWildcard={}), {"SELECT": READ}, "sales.daily_sales", "table"),
    Given(
        CONTRACTOR,
        {"Table": {"DatabaseName": "crm", "TableWildcard": {}}},
        {"SELECT": READ},
        "crm",
        "database",
        inherits=True,
    ),
    Given(EVERYBODY, {"Database": {"Name": "web"}}, {"ALL": ("manage", "describe")}, "web", "database"),
    Given(EVERYBODY, _table("web", "web_events"), {"ALL": ALL}, "web.web_events", "table"),
    Given(
        ANALYST,
        {"DataLocation": {"ResourceArn": "arn:aws:s3:::acme-lake/sales"}},
        {"DATA_LOCATION_ACCESS": OTHER},
        "s3://acme-lake/sales",
        "data_location",
    ),
    Given(
        STEWARD,
        {"LFTag": {"TagKey": "domain", "TagValues": ["sales", "crm"]}},
        {"ASSOCIATE": OTHER, "DESCRIBE": LOOK},
        "lf-tag/domain",
        "lf_tag",
        tags={"domain": ("crm", "sales")},
    ),
    Given(
        AUDITOR,
        {"LFTagPolicy": {"ResourceType": "TABLE", "Expression": _FINANCE_TAGS}},
        {"SELECT": READ},
        ACCOUNT,
        "lf_tag_policy_table",
        inherits=True,
        tags={"domain": ("finance",), "sensitivity": ("confidential", "restricted")},
    ),
    Given(
        AUDITOR,
        {"LFTagPolicy": {"ResourceType": "DATABASE", "ExpressionName": "sales_or_crm"}},
        {"DESCRIBE": LOOK},
        ACCOUNT,
        "lf_tag_policy_database",
        tags={"domain": ("crm", "sales")},
    ),
    Given(
        PARTNER_ACCOUNT,
        _table("sales", "products"),
        {"SELECT": READ, "DESCRIBE": LOOK},
        "sales.products",
        "table",
        ("DESCRIBE", "SELECT"),
    ),
    Given(HOLDING, {"Database": {"Name": "ops"}}, {"DESCRIBE": LOOK}, "ops", "database"),
    Given(
        CLERK,
        EURO_ONLY.resource,
        {"SELECT": READ},
        "sales.orders",
        "table",
        paths=("order_id", "ordered_at", "total"),
        limited_by=EURO_ONLY.policy,
    ),
    Given(
        ANA,
        NO_CONTACTS.resource,
        {"SELECT": READ},
        "crm.customers",
        "table",
        except_paths=("email", "phone"),
        limited_by=NO_CONTACTS.policy,
    ),
)
SETTINGS = {
    "DataLakeAdmins": [ADMIN[0]],
    "ReadOnlyAdmins": [READER_USER, READER_ROLE],
    "CreateDatabaseDefaultPermissions": [EVERYBODY[0]],
}
"""Principals by what the settings make of them; the defaults give them ALL."""

_GLUE = f"arn:aws:glue:{REGION}:{ACCOUNT}"
STATEMENTS = (
    Statement(
        "PartnerLooks",
        "Allow",
        ((f"arn:aws:iam::{PARTNER}:root", PARTNER_ACCOUNT),),
        {"glue:GetDatabase": LOOK, "glue:GetTable*": LOOK},
        {
            f"{_GLUE}:catalog": (ACCOUNT, "catalog", False),
            f"{_GLUE}:database/sales": ("sales", "database", False),
            f"{_GLUE}:table/sales/products": ("sales.products", "table", False),
        },
    ),
    Statement(
        "ContractorsNever",
        "Deny",
        ((CONTRACTOR[0], CONTRACTOR),),
        {"glue:*": ("read", "describe")},
        {f"{_GLUE}:database/crm": ("crm", "database", True), f"{_GLUE}:table/crm/*": ("crm", "database", True)},
    ),
    Statement(
        "OnlyFromTheOffice",
        "Deny",
        (("*", ("*", "public")),),
        {"glue:DeleteTable": OTHER},
        {"*": (ACCOUNT, "catalog", True)},
        {"NotIpAddress": {"aws:SourceIp": "203.0.113.0/24"}},
    ),
)


def settings() -> dict[str, Any]:
    """What PutDataLakeSettings takes."""
    out: dict[str, Any] = {k: [_principal(p) for p in v] for k, v in SETTINGS.items() if k.endswith("Admins")}
    defaults = SETTINGS["CreateDatabaseDefaultPermissions"]
    out["CreateDatabaseDefaultPermissions"] = [{"Principal": _principal(p), "Permissions": ["ALL"]} for p in defaults]
    return {**out, "CreateTableDefaultPermissions": [], "AllowExternalDataFiltering": False}


def _principal(name: str) -> dict[str, str]:
    return {"DataLakePrincipalIdentifier": name}


def facts() -> Iterator[Fact]:
    """Every fact that a correct reader finds."""
    for given in GIVEN:
        yield from _given(given)
    for one in FILTERS:
        holders = sorted({g.to[0] for g in GIVEN if g.limited_by == one.policy})
        table = f"{one.database}.{one.table}"
        yield Policy(one.policy, "cell_filter", table, "table", "", one.expression, tuple(holders),
                     origin="lake formation")  # fmt: skip
    yield from _settings()
    for statement in STATEMENTS:
        yield from _of_statement(statement)


def _given(given: Given) -> Iterator[Grant]:
    for privilege, confers in given.privileges.items():
        for path in given.paths:
            yield Grant(
                given.on,
                given.kind,
                *given.to,
                privilege,
                confers,
                path,
                privilege in given.grantable,
                given.inherits,
                given.except_paths,
                given.limited_by,
                given.tags,
                origin="lake formation",
            )


def _settings() -> Iterator[Grant]:
    kinds: dict[str, PrincipalKind] = {READER_USER: "user", READER_ROLE: "role", **dict([ADMIN, EVERYBODY])}
    told: dict[str, tuple[str, Words, bool]] = {
        "DataLakeAdmins": ("DataLakeAdmin", ("manage", "describe"), True),
        "ReadOnlyAdmins": ("ReadOnlyAdmin", LOOK, True),
        "CreateDatabaseDefaultPermissions": ("CreateDatabaseDefaultPermissions: ALL", OTHER, False),
    }
    for key, principals in SETTINGS.items():
        privilege, confers, inherits = told[key]
        for name in principals:
            yield Grant(ACCOUNT, "catalog", name, kinds[name], privilege, confers, inherits=inherits,
                        origin="data lake settings")  # fmt: skip


def _of_statement(statement: Statement) -> Iterator[Fact]:
    policy = f"resource policy {statement.sid}"
    text = json.dumps(statement.told(), sort_keys=True, ensure_ascii=False)
    yield Policy(policy, "resource_policy", ACCOUNT, "catalog", "", text, tuple(who[0] for _, who in statement.to),
                 inherits=True, origin="resource policy")  # fmt: skip
    for name, kind, inherits in statement.resources.values():
        for action, confers in statement.actions.items():
            for _, who in statement.to:
                yield Grant(name, kind, *who, action, confers, inherits=inherits, origin="resource policy",
                            limited_by=policy if statement.condition else None,
                            denies=statement.effect == "Deny")  # fmt: skip
