"""Glue's resource policies: each statement as a policy, and as grants where it names to whom and on what. Pure.

A resource policy decides over descriptions only. Who may not see a table's description cannot read it through the
catalog either: so a Deny takes reading away, while an Allow does not give it.
"""

import hashlib
import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from fnmatch import fnmatchcase
from typing import Any

from governance.errors import RecordError
from governance.model import Confers, Fact, Grant, Policy
from resources.glue.translate_access import Catalog, Securable
from resources.glue.translate_names import Principal, principal_of

Json = Mapping[str, Any]

ORIGIN = "resource policy"
OPERATION = "glue:GetResourcePolicies"
_GLUE = re.compile(r"arn:[a-z*-]+:glue:[^:]*:([^:]*):([A-Za-z]+)(?:/(.*))?")
_LOOKS = ("get", "batchget", "list", "search")


def statements_of(text: Any) -> list[Json]:
    """The statements of a policy.

    Raises:
        RecordError: it is no policy.
    """
    try:
        told = json.loads(text)
    except (TypeError, ValueError, RecursionError) as error:
        raise _odd("the resource policy is not JSON") from error
    found = told.get("Statement") if isinstance(told, dict) else None
    if isinstance(found, dict):
        return [found]
    if not isinstance(found, list):
        raise _odd("the resource policy has no statements")
    return found


def facts_of_statement(statement: Any, catalog: Catalog, counts: Counter[str]) -> Iterator[Fact]:
    """The statement as a policy, and the grants that it makes; what cannot be told as grants is counted.

    Raises:
        RecordError: it is not of a shape that is known.
    """
    if not isinstance(statement, dict) or statement.get("Effect") not in ("Allow", "Deny"):
        raise _odd("the statement is no JSON object with an Effect")
    principals = _principals(statement.get("Principal"))
    policy = _policy(statement, catalog, principals)
    yield policy
    if not statement.keys() >= {"Principal", "Action", "Resource"}:
        # NotPrincipal, NotAction, NotResource: all others, whoever they are
        counts["unmapped_statements"] += 1
        return
    denies, conditional = statement["Effect"] == "Deny", bool(statement.get("Condition"))
    for arn in _texts(statement["Resource"], "Resource"):
        securable = _securable(arn, catalog, denies=denies)
        if securable is None:
            continue
        counts["unmapped_resources"] += int(securable.kind == "pattern")
        for action in _texts(statement["Action"], "Action"):
            for who in principals:
                yield Grant(
                    securable=securable.name,
                    securable_kind=securable.kind,
                    principal=who.name,
                    principal_kind=who.kind,
                    privilege=action,
                    confers=_confers(action, denies=denies, conditional=conditional),
                    inherits=securable.inherits,
                    limited_by=policy.policy if conditional else None,
                    denies=denies,
                    origin=ORIGIN,
                )


def _policy(statement: Json, catalog: Catalog, principals: list[Principal]) -> Policy:
    text = json.dumps(statement, sort_keys=True, ensure_ascii=False)
    name = statement.get("Sid") or hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()[:12]
    return Policy(
        policy=f"resource policy {name}",
        kind="resource_policy",
        securable=catalog.id,
        securable_kind="catalog",
        expression=text,
        applies_to=tuple(who.name for who in principals),
        exempt=tuple(who.name for who in _principals(statement.get("NotPrincipal"))),
        inherits=True,
        origin=ORIGIN,
    )


def _principals(given: Any) -> list[Principal]:
    """Who is named, in the order of the statement."""
    if given is None:
        return []
    groups = given.values() if isinstance(given, dict) else [given]
    return [principal_of(name) for group in groups for name in _texts(group, "Principal")]


def _texts(given: Any, key: str) -> list[str]:
    found = [given] if isinstance(given, str) else given
    if not isinstance(found, list) or not all(isinstance(t, str) and t for t in found):
        raise _odd(f"{key} of the statement is no text and no list of texts")
    return found


def _securable(arn: str, catalog: Catalog, *, denies: bool) -> Securable | None:
    """What an ARN stands for; None where it is not governed.

    To read a table one needs the catalog, its database and the table: what is denied on one is denied below it.
    """
    if arn == "*":
        return Securable(catalog.id, "catalog", inherits=True)
    match = _GLUE.fullmatch(arn)
    if match is None:
        return Securable(arn, "pattern")
    account, kind, name = match.group(1), match.group(2), match.group(3) or ""
    owner = {"CatalogId": catalog.id if account in ("", "*") else account}
    database, _, table = name.partition("/")
    if kind == "catalog" and not name and owner["CatalogId"] == catalog.id:
        return Securable(catalog.id, "catalog", inherits=denies)
    if kind == "table" and database == "*" and table in ("", "*"):
        return Securable(owner["CatalogId"], "any_table", inherits=True)
    if kind == "database" and name == "*":
        return Securable(owner["CatalogId"], "any_database", inherits=denies)
    if kind not in ("database", "table") or re.search(r"[*?$]", database + ("" if table == "*" else table)):
        return Securable(arn, "pattern")
    if kind == "table" and table != "*":
        return _named(catalog.table(owner, database, table), "table", inherits=False)
    return _named(catalog.database(owner, database), "database", inherits=denies or kind == "table")


def _named(name: str | None, kind: str, *, inherits: bool) -> Securable | None:
    return None if name is None else Securable(name, kind, inherits)


def _confers(action: str, *, denies: bool, conditional: bool) -> tuple[Confers, ...]:
    pattern = action.lower()
    of_tables = fnmatchcase("glue:gettable", pattern) or fnmatchcase("glue:gettables", pattern)
    if denies:
        # a condition cannot be judged here: what holds only sometimes takes nothing away
        return ("read", "describe") if of_tables and not conditional else ("other",)
    if pattern in ("*", "glue:*"):
        return ("manage", "describe")
    looks = pattern.startswith("glue:") and pattern[5:].startswith(_LOOKS)
    return ("describe",) if of_tables or looks else ("other",)


def _odd(message: str) -> RecordError:
    return RecordError(message, platform="glue", operation=OPERATION)
