"""Who is who in the company's workspace and who was given what, and the facts that must come of it."""

from collections.abc import Iterator, Sequence
from typing import Any

import msgspec

from governance.model import Confers, Fact, Grant, Membership, Policy, PrincipalKind
from sandbox.company.fields import path_part
from sandbox.databricks.access import READER_CLIENT_ID, READERS
from sandbox.databricks.declared import Catalog, Schema
from sandbox.databricks.estate import LOADER

BO, CLEO, DAI = "bo@acme.example", "cleo@acme.example", "dai@acme.example"
ANA = "ana.lópez@acme.example"
USERS = (ANA, BO, CLEO, DAI)
SERVICES = {LOADER.name: "loader", READER_CLIENT_ID: "governance-reader"}
GROUPS: dict[str, tuple[str, ...]] = {
    READERS: (READER_CLIENT_ID,),
    "data_platform": (ANA, LOADER.name),
    "crm_stewards": (BO,),
    "data_science": (DAI,),
    # a group in a group
    "analysts": (CLEO, "data_science"),
    "everyone_who_reads": ("analysts", "crm_stewards"),
    "store_1": (CLEO,),
}
LOCAL_GROUP = "admins"
"""A group of the workspace alone, which Unity Catalog does not know."""


class Given(msgspec.Struct, frozen=True):
    """Privileges of one principal on one securable, in the API's words."""

    kind: str
    name: str
    principal: str
    privileges: tuple[str, ...]


READER_PRIVILEGES = ("BROWSE", "USE_CATALOG", "USE_SCHEMA", "SELECT", "EXECUTE", "READ_VOLUME", "MANAGE")
SYSTEM_PRIVILEGES = {
    "system": ("USE_CATALOG",),
    "system.access": ("USE_SCHEMA", "SELECT"),
    "system.query": ("USE_SCHEMA", "SELECT"),
}
"""What lets the governance reader read the platform's own tables, which no inventory holds."""
GIVEN = (
    Given("catalog", "main", "everyone_who_reads", ("USE_CATALOG", "BROWSE")),
    Given("catalog", "main", LOADER.name, ("USE_SCHEMA", "CREATE_TABLE")),
    Given("schema", "main.sales", "analysts", ("USE_SCHEMA", "SELECT")),
    Given("schema", "main.sales", LOADER.name, ("SELECT", "MODIFY")),
    Given("schema", "main.crm", "crm_stewards", ("ALL_PRIVILEGES",)),
    Given("schema", "main.crm", "data_science", ("USE_SCHEMA",)),
    Given("table", "main.crm.customers", "data_science", ("SELECT",)),
    Given("table", "main.crm.customers", DAI, ("APPLY_TAG",)),
    Given("table", "main.sales.orders", "store_1", ("SELECT",)),
    Given("volume", "main.landing.clicks", LOADER.name, ("READ_VOLUME", "WRITE_VOLUME")),
    Given("function", "main.governance.mask_email", "account users", ("EXECUTE",)),
    Given("model", "main.sales.churn", "data_science", ("EXECUTE",)),
    Given("catalog", "lakehouse", LOADER.name, ("ALL_PRIVILEGES",)),
    Given("schema", "lakehouse.raw", CLEO, ("USE_SCHEMA", "SELECT")),
    Given("table", "lakehouse.raw.products", "account users", ("SELECT",)),
)


class Abac(msgspec.Struct, frozen=True):
    """An ABAC policy: what the API takes, and what the inventory has of it."""

    kind: str
    on: str
    body: dict[str, Any]
    expression: str
    of: str
    condition: dict[str, tuple[str, ...]] = {}
    applies_to: tuple[str, ...] = ()
    exempt: tuple[str, ...] = ()


POLICIES = (
    Abac(
        "CATALOG",
        "main",
        {
            "name": "mask_pii",
            "policy_type": "POLICY_TYPE_COLUMN_MASK",
            "for_securable_type": "TABLE",
            "to_principals": ["account users"],
            "except_principals": ["crm_stewards"],
            "match_columns": [{"alias": "it", "condition": "has_tag('pii')"}],
            "column_mask": {"function_name": "main.governance.mask_email", "on_column": "it"},
        },
        "mask main.governance.mask_email on it; where it: has_tag('pii')",
        "tag_mask",
        {"pii": ()},
        exempt=("crm_stewards",),
    ),
    Abac(
        "SCHEMA",
        "main.crm",
        {
            "name": "own_region",
            "policy_type": "POLICY_TYPE_ROW_FILTER",
            "for_securable_type": "TABLE",
            "to_principals": ["analysts"],
            "when_condition": "has_tag_value('domain', 'crm') AND has_tag('contains_pii')",
            "row_filter": {"function_name": "main.governance.only_own_store"},
        },
        "filter by main.governance.only_own_store; when has_tag_value('domain', 'crm') AND has_tag('contains_pii')",
        "tag_filter",
        {"domain": ("crm",), "contains_pii": ()},
        applies_to=("analysts",),
    ),
    Abac(
        "CATALOG",
        "lakehouse",
        {
            "name": "either_tag",
            "policy_type": "POLICY_TYPE_ROW_FILTER",
            "for_securable_type": "TABLE",
            "to_principals": ["analysts"],
            "when_condition": "has_tag('pii') OR has_tag('gdpr')",
            "row_filter": {"function_name": "main.governance.only_own_store"},
        },
        "filter by main.governance.only_own_store; when has_tag('pii') OR has_tag('gdpr')",
        # no inventory could tell from tags that must all be there
        "abac",
        applies_to=("analysts",),
    ),
)

_MEANS: dict[str, tuple[Confers, ...]] = {
    "USE_CATALOG": ("use",),
    "USE_SCHEMA": ("use",),
    "BROWSE": ("describe",),
    "SELECT": ("read",),
    "MODIFY": ("write",),
    "MANAGE": ("manage",),
}
_MEANS_ON: dict[tuple[str, str], tuple[Confers, ...]] = {
    ("ALL_PRIVILEGES", "catalog"): ("use", "read", "write", "describe"),
    ("ALL_PRIVILEGES", "schema"): ("use", "read", "write", "describe"),
    ("READ_VOLUME", "volume"): ("read",),
    ("WRITE_VOLUME", "volume"): ("write",),
    ("EXECUTE", "function"): ("use",),
    ("EXECUTE", "model"): ("read",),
}
_OWNS: dict[str, tuple[Confers, ...]] = {
    "catalog": ("manage", "use"),
    "schema": ("manage", "use"),
    "function": ("manage", "use"),
}


def given(catalogs: Sequence[Catalog]) -> Iterator[Given]:
    """Everything that is granted: the declarations, and what lets the governance reader in."""
    yield from GIVEN
    for catalog in catalogs:
        yield Given("catalog", catalog.name, READERS, READER_PRIVILEGES)


def facts(catalogs: Sequence[Catalog]) -> Iterator[Fact]:
    """Grants, owners, members, filters, masks and policies, as a correct reading gives them."""
    for one in given(catalogs):
        for word in one.privileges:
            means = _MEANS_ON.get((word, one.kind)) or _MEANS.get(word, ("other",))
            yield _grant(one.kind, one.name, one.principal, word.replace("_", " "), means)
    for catalog in catalogs:
        yield _owned("catalog", catalog.name, catalog.owner)
        # every catalog is made with a schema of that name, owned by who made it
        yield _owned("schema", f"{catalog.name}.default", "admin@acme.example")
        for schema in catalog.schemas:
            yield from _inside(catalog.name, schema)
    yield from (
        Policy(
            policy=p.body["name"],
            kind=p.of,
            securable=p.on,
            securable_kind=p.kind.lower(),
            expression=p.expression,
            applies_to=p.applies_to,
            exempt=p.exempt,
            inherits=True,
            tag_condition=p.condition,
            origin="abac",
        )
        for p in POLICIES
    )
    for group, members in GROUPS.items():
        yield from (Membership(m, kind_of(m), group, "group", "scim") for m in members)


def kind_of(principal: str) -> PrincipalKind:
    """What a principal is, from the declarations."""
    if principal == "account users":
        return "public"
    if principal in SERVICES:
        return "service"
    return "user" if "@" in principal else "group"


def _inside(catalog: str, schema: Schema) -> Iterator[Fact]:
    above = f"{catalog}.{schema.name}"
    yield _owned("schema", above, schema.owner)
    for table in schema.tables:
        name = f"{above}.{table.name}"
        yield _owned("table", name, table.owner.name)
        if table.row_filter:
            function, columns = table.row_filter["function_name"], table.row_filter["input_column_names"]
            text = f"{function}({', '.join(columns)})"
            yield Policy(function, "row_filter", name, "table", "", text, origin="unity catalog")
        for column, mask in table.masks.items():
            function, columns = mask["function_name"], [column, *mask.get("using_column_names", ())]
            text = f"{function}({', '.join(columns)})"
            yield Policy(function, "column_mask", name, "table", path_part(column), text, origin="unity catalog")
    yield from (_owned("volume", f"{above}.{v.name}", v.owner.name) for v in schema.volumes)
    yield from (_owned("function", f"{above}.{f.name}", f.owner.name) for f in schema.functions)
    yield from (_owned("model", f"{above}.{m.name}", m.owner.name) for m in schema.models)


def _owned(kind: str, name: str, owner: str) -> Grant:
    return _grant(kind, name, owner, "OWNER", _OWNS.get(kind, ("manage", "read", "write")), grantable=True)


def _grant(kind: str, name: str, who: str, word: str, means: tuple[Confers, ...], grantable: bool = False) -> Grant:
    inherits = kind in ("catalog", "schema")
    return Grant(
        name, kind, who, kind_of(who), word, means, grantable=grantable, inherits=inherits, origin="unity catalog"
    )
