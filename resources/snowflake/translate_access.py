"""Rows of GRANTS_TO_ROLES, GRANTS_TO_USERS and POLICY_REFERENCES to facts; pure.

In Snowflake nothing is inherited from a container: a role needs USAGE on the database and on the schema besides the
privilege on the table. A mask that a tag carries holds in the whole account, which is no container here: it is given
for each database.
"""

from collections.abc import Iterator, Sequence
from typing import Any

from governance.errors import RecordError
from governance.model import Confers, Grant, Membership, Policy, PrincipalKind
from governance.types import path_part
from resources.snowflake.translate import PLATFORM, qualified

CONTAINERS = frozenset({"database", "schema"})
EVERYBODY = "PUBLIC"
"""The role that every user and role has, without a row that says so."""

_ROLES, _USERS = "account_usage.grants_to_roles", "account_usage.grants_to_users"
_REFERENCES = "account_usage.policy_references"
_ON_RELATIONS: dict[str, tuple[Confers, ...]] = {
    "SELECT": ("read",),
    "INSERT": ("write",),
    "UPDATE": ("write",),
    "DELETE": ("write",),
    "TRUNCATE": ("write",),
    "REFERENCES": ("describe",),
    "OWNERSHIP": ("manage", "read", "write"),
}
_ON_CONTAINERS: dict[str, tuple[Confers, ...]] = {
    "USAGE": ("use",),
    "MONITOR": ("describe",),
    "OWNERSHIP": ("manage", "use"),
}
_ON_OTHERS: dict[str, tuple[Confers, ...]] = {"USAGE": ("use",), "OWNERSHIP": ("manage",), "MANAGE GRANTS": ("manage",)}
_KINDS: dict[str, PrincipalKind] = {
    "ROLE": "role",
    "ACCOUNT ROLE": "role",
    "DATABASE_ROLE": "role",
    "APPLICATION_ROLE": "role",
    "INSTANCE_ROLE": "role",
    "USER": "user",
    "APPLICATION": "application",
    "SHARE": "share",
}
_POLICIES = {"MASKING_POLICY": "column_mask", "ROW_ACCESS_POLICY": "row_filter"}

Row = dict[str, Any]


def is_relation(kind: str) -> bool:
    """Whether a securable of this kind is selected from."""
    return kind.endswith(("table", "view"))


def grants(row: Row) -> Iterator[Grant]:
    """One privilege as it was given.

    Raises:
        RecordError: it says not what, on what, or to whom.
    """
    kind, privilege = _said(row, "granted_on").lower().replace("_", " "), _said(row, "privilege").upper()
    who, of = _grantee(row)
    by_kind = _ON_RELATIONS if is_relation(kind) else _ON_CONTAINERS if kind in CONTAINERS else _ON_OTHERS
    yield Grant(
        securable=_securable(kind, row),
        securable_kind=kind,
        principal=who,
        principal_kind=of,
        privilege=privilege,
        confers=by_kind.get(privilege, ("other",)),
        grantable=bool(row.get("grantable")),
        origin=_ROLES,
    )


def _securable(kind: str, row: Row) -> str:
    """The name; with the kind before it where it is no data: a role may be named as a database."""
    parts = (row.get("table_catalog"), row.get("table_schema"), _said(row, "name"))
    name = qualified(*(str(p) for p in (parts if kind not in ("database", "account") else parts[2:]) if p))
    if kind in CONTAINERS or is_relation(kind):
        return name
    return f"{kind} {name}"


def role_members(row: Row) -> Iterator[Membership]:
    """A role that was given to a role or a user."""
    who, of = _grantee(row)
    name = _said(row, "name")
    if row.get("granted_on") != "ROLE" and row.get("table_catalog"):
        name = qualified(str(row["table_catalog"]), name)
    yield Membership(who, of, name, _role_kind(name), _ROLES)


def user_members(row: Row) -> Iterator[Membership]:
    """A role that was given to a user."""
    role = _said(row, "role")
    yield Membership(_said(row, "grantee_name"), "user", role, _role_kind(role), _USERS)


def _grantee(row: Row) -> tuple[str, PrincipalKind]:
    """Whom it was given to. A database role has rights in its own database only, which its row names otherwise."""
    name, word = _said(row, "grantee_name"), _said(row, "granted_to").upper()
    kind = _KINDS.get(word, "unknown")
    if word == "DATABASE_ROLE" and "." not in name:
        home = row.get("table_catalog") or (row.get("name") if row.get("granted_on") == "DATABASE" else None)
        name = qualified(str(home), name) if home else name
    return name, _role_kind(name) if kind == "role" else kind


def _role_kind(name: str) -> PrincipalKind:
    return "public" if name == EVERYBODY else "role"


def policies(row: Row, databases: Sequence[str]) -> Iterator[Policy]:
    """A policy where it was set. A column that has its mask from a tag is told by the tag's own row.

    Args:
        row: of POLICY_REFERENCES, with the policy's BODY.
        databases: where a tag's mask reaches.

    Raises:
        RecordError: it says not which policy, or on what.
    """
    policy = qualified(*(_said(row, f"policy_{part}") for part in ("db", "schema", "name")))
    place = [str(row[f"ref_{part}_name"]) for part in ("database", "schema") if row.get(f"ref_{part}_name")]
    name = qualified(*place, _said(row, "ref_entity_name"))
    domain, word = _said(row, "ref_entity_domain").lower().replace("_", " "), _said(row, "policy_kind").upper()
    body = str(row["body"]) if row.get("body") else None
    if domain == "tag":
        for database in databases:
            yield Policy(
                policy, "tag_mask", qualified(database), "database", expression=body, inherits=True,
                tag_condition={name: ()}, origin=_REFERENCES,
            )  # fmt: skip
    elif not row.get("tag_name"):
        column = row.get("ref_column_name") if word != "ROW_ACCESS_POLICY" else None
        path = path_part(str(column)) if column else ""
        yield Policy(policy, _POLICIES.get(word, word.lower()), name, domain, path, body, origin=_REFERENCES)


def _said(row: Row, label: str) -> str:
    value = row.get(label)
    if not isinstance(value, str) or not value:
        raise RecordError(f"the row has no {label}", platform=PLATFORM, operation="ACCOUNT_USAGE")
    return value
