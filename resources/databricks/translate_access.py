"""Unity Catalog's privileges, owners, filters, masks, policies and groups to the inventory's facts; pure."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from governance.errors import RecordError
from governance.model import Confers, Grant, Membership, Policy, PrincipalKind
from governance.text import clean
from governance.types import path_part
from resources.databricks.translate import Json, owner_kind, qualified

ORIGIN = "unity catalog"
EVERYBODY = "account users"
"""The group that everybody in the account is in, which no directory lists."""
OWNER = "OWNER"
"""Our word for ownership, which Unity Catalog has no privilege for."""

_CONTAINERS = frozenset({"catalog", "schema"})
_CONFERS: dict[str, tuple[Confers, ...]] = {
    "USE CATALOG": ("use",),
    "USE SCHEMA": ("use",),
    "USAGE": ("use",),
    "BROWSE": ("describe",),
    "SELECT": ("read",),
    "MODIFY": ("write",),
    "MANAGE": ("manage",),
}
# what these let do to one kind of object only: on a container they would make readers of tables of those who are none
_CONFERS_ON: dict[tuple[str, str], tuple[Confers, ...]] = {
    ("ALL PRIVILEGES", "catalog"): ("use", "read", "write", "describe"),
    ("ALL PRIVILEGES", "schema"): ("use", "read", "write", "describe"),
    ("ALL PRIVILEGES", "table"): ("read", "write", "describe"),
    ("ALL PRIVILEGES", "volume"): ("read", "write", "describe"),
    ("ALL PRIVILEGES", "model"): ("read", "write", "describe"),
    ("ALL PRIVILEGES", "function"): ("use", "describe"),
    ("READ VOLUME", "volume"): ("read",),
    ("WRITE VOLUME", "volume"): ("write",),
    ("EXECUTE", "function"): ("use",),
    ("EXECUTE", "model"): ("read",),
    (OWNER, "catalog"): ("manage", "use"),
    (OWNER, "schema"): ("manage", "use"),
    (OWNER, "function"): ("manage", "use"),
}
_POLICIES = {"POLICY_TYPE_COLUMN_MASK": "tag_mask", "POLICY_TYPE_ROW_FILTER": "tag_filter"}
_TAGGED = re.compile(r"has_?tag\s*\(\s*'([^']+)'\s*\)", re.IGNORECASE)
_TAG_IS = re.compile(r"has_?tag_?value\s*\(\s*'([^']+)'\s*,\s*'([^']*)'\s*\)", re.IGNORECASE)
_AND = re.compile(r"\s+and\s+", re.IGNORECASE)


def privileges(kind: str, place: str, assignment: Any) -> Iterator[Grant]:
    """The grants of one entry of a permissions answer.

    Raises:
        RecordError: it names nobody.
    """
    if not isinstance(assignment, Mapping):
        raise _broken("the entry is no JSON object")
    principal = assignment.get("principal") or assignment.get("principal_id")
    for word in assignment.get("privileges") or ():
        yield grant(kind, place, principal, word)


def grant(kind: str, place: str, principal: Any, word: Any) -> Grant:
    """One privilege as it was given.

    Raises:
        RecordError: it says not to whom, or not what.
    """
    if not isinstance(word, str) or not word:
        raise _broken("an entry names no privilege")
    who, of = _principal(principal)
    # one server writes USE CATALOG, another USE_CATALOG
    privilege = clean(word).replace("_", " ").upper()
    confers = _CONFERS_ON.get((privilege, kind)) or _CONFERS.get(privilege, ("other",))
    return Grant(
        securable=place,
        securable_kind=kind,
        principal=who,
        principal_kind=of,
        privilege=privilege,
        confers=confers,
        inherits=kind in _CONTAINERS,
        origin=ORIGIN,
    )


def owner(kind: str, place: str, raw: Json) -> Grant | None:
    """What the owner of an object has by that: all on the object itself; of what lies in it, to manage it."""
    if not raw.get("owner"):
        return None
    who, of = _principal(raw["owner"])
    return Grant(
        securable=place,
        securable_kind=kind,
        principal=who,
        principal_kind=of,
        privilege=OWNER,
        confers=_CONFERS_ON.get((OWNER, kind), ("manage", "read", "write")),
        grantable=True,
        inherits=kind in _CONTAINERS,
        origin=ORIGIN,
    )


def table_policies(place: str, raw: Json) -> Iterator[Policy]:
    """The row filter and the column masks in a table's record.

    Raises:
        RecordError: one of them names no function.
    """
    if found := raw.get("row_filter"):
        yield _filter(place, _text(found, "function_name"), found.get("input_column_names") or ())
    for column in raw.get("columns") or ():
        if mask := column.get("mask"):
            name = _text(column, "name")
            yield _mask(place, name, _text(mask, "function_name"), mask.get("using_column_names") or ())


def filter_row(row: Json) -> tuple[str, Policy]:
    """Table and policy of a row of `information_schema.row_filters`, whose columns two releases name differently.

    Raises:
        RecordError: a column is missing.
    """
    place = _place(row)
    return place, _filter(place, _function(row, "filter"), _listed(row, "filter_col_usage", "target_columns"))


def mask_row(row: Json) -> tuple[str, Policy]:
    """Table and policy of a row of `information_schema.column_masks`.

    Raises:
        RecordError: a column is missing.
    """
    place = _place(row)
    columns = _listed(row, "mask_col_usage", "using_columns")
    return place, _mask(place, _text(row, "column_name"), _function(row, "mask"), columns)


def policies(kind: str, place: str, raw: Any) -> Iterator[Policy]:
    """The ABAC policy in one entry of a catalog's, schema's or table's.

    Where its conditions are tags that must all be there, they are its `tag_condition`; any other is kept as text only.

    Raises:
        RecordError: it has no name.
    """
    if not isinstance(raw, Mapping):
        raise _broken("the policy is no JSON object")
    raw = clean(raw)
    word = str(raw.get("policy_type") or "")
    condition = _condition(raw, word)
    to = tuple(map(str, raw.get("to_principals") or ()))
    yield Policy(
        policy=_text(raw, "name"),
        kind="abac" if condition is None else _POLICIES[word],
        securable=place,
        securable_kind=kind,
        expression=_worded(raw),
        applies_to=() if EVERYBODY in to else to,
        exempt=tuple(map(str, raw.get("except_principals") or ())),
        inherits=kind in _CONTAINERS,
        tag_condition=condition or {},
        origin="abac",
    )


def membership(group: str, member: str, kind: PrincipalKind) -> Membership:
    """One member of a group."""
    return Membership(clean(member), kind, clean(group), "group", origin="scim")


def principal_kind(name: str) -> PrincipalKind:
    """What a principal is, by the form of its name."""
    if name == EVERYBODY:
        return "public"
    kinds: dict[str | None, PrincipalKind] = {"service_principal": "service", "user": "user", "group": "group"}
    return kinds[owner_kind(name)]


def _principal(name: Any) -> tuple[str, PrincipalKind]:
    if isinstance(name, int) and not isinstance(name, bool):
        # a principal that was deleted has lost its name
        return str(name), "unknown"
    if not isinstance(name, str) or not name:
        raise _broken("an entry names no principal")
    return clean(name), principal_kind(name)


def _condition(raw: Json, word: str) -> dict[str, tuple[str, ...]] | None:
    """Tags that must all be there, with their values; None where the conditions are more than that."""
    if word not in _POLICIES:
        return None
    matches = {
        str(m.get("alias")): m.get("condition") for m in raw.get("match_columns") or () if isinstance(m, Mapping)
    }
    texts = [raw.get("when_condition")]
    if word == "POLICY_TYPE_COLUMN_MASK":
        texts.append(matches.pop(str((raw.get("column_mask") or {}).get("on_column")), None))
    if matches:
        # further columns have to match, whose tags say nothing of this one
        return None
    found: dict[str, tuple[str, ...]] = {}
    for text in _AND.split(" AND ".join(str(t) for t in texts if t)):
        if not text.strip() or text.strip().lower() == "true":
            continue
        if plain := _TAGGED.fullmatch(text.strip()):
            found.setdefault(plain[1], ())
        elif valued := _TAG_IS.fullmatch(text.strip()):
            found[valued[1]] = (valued[2],)
        else:
            return None
    return found


def _worded(raw: Json) -> str:
    """The policy in words near to its SQL."""
    said = []
    for field, verb in (("column_mask", "mask"), ("row_filter", "filter by")):
        if isinstance(found := raw.get(field), Mapping):
            on = f" on {found['on_column']}" if found.get("on_column") else ""
            said.append(f"{verb} {found.get('function_name')}{on}")
    said += [
        f"where {m.get('alias')}: {m.get('condition')}"
        for m in raw.get("match_columns") or ()
        if isinstance(m, Mapping)
    ]
    if raw.get("when_condition"):
        said.append(f"when {raw['when_condition']}")
    return "; ".join(said) or str(raw.get("policy_type") or "")


def _filter(place: str, function: str, columns: Any) -> Policy:
    expression = f"{function}({', '.join(map(str, columns))})"
    return Policy(clean(function), "row_filter", place, "table", "", clean(expression), origin=ORIGIN)


def _mask(place: str, column: str, function: str, more: Any) -> Policy:
    path = path_part(clean(column))
    expression = f"{function}({', '.join(map(str, (column, *more)))})"
    return Policy(clean(function), "column_mask", place, "table", path, clean(expression), origin=ORIGIN)


def _place(row: Json) -> str:
    words = (("catalog_name", "table_catalog"), ("schema_name", "table_schema"), ("table_name",))
    return qualified(*(clean(_first(row, *names)) for names in words))


def _function(row: Json, word: str) -> str:
    parts = [row.get(f"{word}_{part}") for part in ("catalog", "schema")]
    name = _first(row, f"{word}_name")
    return ".".join([*(str(p) for p in parts if p), name]) if "." not in name else name


def _listed(row: Json, *names: str) -> list[str]:
    text = next((str(row[n]) for n in names if row.get(n)), "")
    return [part.strip() for part in text.strip("[]").split(",") if part.strip()]


def _first(row: Json, *names: str) -> str:
    for name in names:
        if isinstance(value := row.get(name), str) and value:
            return value
    raise _broken(f"{names[0]} is missing")


def _text(raw: Json, key: str) -> str:
    value = raw.get(key) if isinstance(raw, Mapping) else None
    if not isinstance(value, str) or not value:
        raise _broken(f"{key} is missing")
    return value


def _broken(message: str) -> RecordError:
    return RecordError(message, platform="databricks", operation="translate")
