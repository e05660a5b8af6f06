"""Lake Formation's permissions as grants: one for each privilege, principal and securable. Pure."""

import hashlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from governance.errors import RecordError
from governance.filters import NameFilter
from governance.model import Confers, Grant, Policy
from resources.glue.translate_names import arn_of, column_path, location_of, principal_of

Json = Mapping[str, Any]
Condition = dict[str, tuple[str, ...]]
"""Tag to the values it may have; none: any."""

ORIGIN = "lake formation"
OPERATION = "lakeformation:ListPermissions"
_ALL_TABLES = "ALL_TABLES"
_EVERYTHING: tuple[Confers, ...] = ("read", "write", "manage", "describe")
_OTHER: tuple[Confers, ...] = ("other",)
_CONFERS: dict[str, tuple[Confers, ...]] = {
    "ALL": ("manage", "describe"),
    "SUPER_USER": _EVERYTHING,
    "SELECT": ("read",),
    "INSERT": ("write",),
    "DELETE": ("write",),
    "DESCRIBE": ("describe",),
    "EXECUTE": ("use",),
    # of the description of tables, or of what is yet to be made: nobody reads data with them
    "ALTER": _OTHER,
    "DROP": _OTHER,
    "CREATE_CATALOG": _OTHER,
    "CREATE_DATABASE": _OTHER,
    "CREATE_TABLE": _OTHER,
    "DATA_LOCATION_ACCESS": _OTHER,
    "CREATE_LF_TAG": _OTHER,
    "CREATE_LF_TAG_EXPRESSION": _OTHER,
    "ASSOCIATE": _OTHER,
    "GRANT_WITH_LF_TAG_EXPRESSION": _OTHER,
}
KNOWN = frozenset(_CONFERS)
"""The privileges that are understood; any other is kept, as conferring something `other`."""


class Securable(NamedTuple):
    """What privileges are given on, in the inventory's words."""

    name: str
    kind: str
    inherits: bool = False
    paths: tuple[str, ...] = ("",)
    except_paths: tuple[str, ...] = ()
    limited_by: str | None = None
    tags: Condition = {}


@dataclass(frozen=True)
class Catalog:
    """Whose permissions these are.

    Args:
        region: of the catalog.
        id: of the catalog: its account.
        names: which datasets are governed.
        expressions: the condition that a named LF-tag expression stands for.
    """

    region: str
    id: str
    names: NameFilter = field(default_factory=NameFilter)
    expressions: Callable[[str], Condition] = lambda name: {}

    def database(self, raw: Json, name: str) -> str | None:
        """A database's qualified name, its ARN where it is another catalog's; None where it is not governed."""
        if self._is_foreign(raw):
            return self._arn(raw, "database", name)
        return name if self.names.may_match_under(f"{name}.") else None

    def table(self, raw: Json, database: str, name: str) -> str | None:
        """A table's qualified name, its ARN where it is another catalog's; None where it is not governed."""
        if self._is_foreign(raw):
            return self._arn(raw, "table", f"{database}/{name}")
        qualified_name = f"{database}.{name}"
        return qualified_name if self.names.matches(qualified_name) else None

    def _is_foreign(self, raw: Json) -> bool:
        return str(raw.get("CatalogId") or self.id) != self.id

    def _arn(self, raw: Json, kind: str, name: str) -> str | None:
        arn = arn_of(self.region, str(raw["CatalogId"]), kind, name)
        return arn if self.names.matches(arn) else None


def facts_of(entry: Any, catalog: Catalog) -> tuple[Grant | Policy, ...]:
    """One entry of ListPermissions; nothing where what it is about is not governed.

    Raises:
        RecordError: it is not of a shape that is known.
    """
    kind, resource = resource_of(entry)
    securable = _READ[kind](resource, catalog)
    return () if securable is None else grants_on(entry, securable)


def resource_of(entry: Any) -> tuple[str, Json]:
    """The kind of what an entry is about, such as `Table`, and what says which.

    Raises:
        RecordError: there is not exactly one, or its kind is not known.
    """
    resource = entry.get("Resource") if isinstance(entry, dict) else None
    if not isinstance(resource, dict) or len(resource) != 1:
        raise _odd("the permission is not on one resource")
    ((kind, inner),) = resource.items()
    if kind not in _READ or not isinstance(inner, dict):
        raise _odd(f"permissions on the resource {kind} are not known")
    return kind, inner


def grants_on(entry: Json, securable: Securable) -> tuple[Grant | Policy, ...]:
    """The privileges that an entry gives on this.

    Raises:
        RecordError: it has no principal, or its privileges are no texts.
    """
    given = (entry.get("Principal") or {}).get("DataLakePrincipalIdentifier")
    if not isinstance(given, str) or not given:
        raise _odd("the permission has no principal")
    may, may_give = _words(entry, "Permissions"), _words(entry, "PermissionsWithGrantOption")
    who, policies = principal_of(given), tuple(_condition(entry, securable, given))
    grants = (
        Grant(
            securable=securable.name,
            securable_kind=securable.kind,
            principal=who.name,
            principal_kind=who.kind,
            privilege=privilege,
            confers=_confers(privilege, securable),
            path=path,
            grantable=privilege in may_give,
            inherits=securable.inherits or privilege == "SUPER_USER",
            except_paths=securable.except_paths,
            limited_by=securable.limited_by or (policies[0].policy if policies else None),
            tag_condition=securable.tags,
            origin=ORIGIN,
        )
        for privilege in sorted({*may, *may_give})
        for path in securable.paths
    )
    return (*grants, *policies)


def condition_of(pairs: Any) -> Condition:
    """The tags that an LF-tag expression asks for: all of them, each with one of its values.

    Raises:
        RecordError: it is no list of tags with values.
    """
    out: Condition = {}
    for pair in pairs if isinstance(pairs, list) else ():
        key, values = (pair.get("TagKey"), pair.get("TagValues")) if isinstance(pair, dict) else (None, None)
        if not isinstance(key, str) or not isinstance(values, list):
            raise _odd("the LF-tag expression has a tag without key or values")
        out[key] = () if "*" in values else tuple(sorted(str(v) for v in values))
    if not out:
        raise _odd("the LF-tag expression names no tag")
    return out


def columns_of(raw: Json) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Paths of the columns that are named, and of those left out; the first is `("",)` for all columns.

    Raises:
        RecordError: neither is told.
    """
    names, wildcard = raw.get("ColumnNames"), raw.get("ColumnWildcard")
    if isinstance(names, list) and names:
        return tuple(sorted(column_path(str(n)) for n in names)), ()
    if not isinstance(wildcard, dict):
        raise _odd("the columns are neither named nor all of them")
    return ("",), tuple(sorted(column_path(str(n)) for n in wildcard.get("ExcludedColumnNames") or ()))


def _condition(entry: Json, securable: Securable, principal: str) -> Iterator[Policy]:
    """A condition on whoever asks, as a policy through which alone the grant holds."""
    text = (entry.get("Condition") or {}).get("Expression")
    if text:
        digest = hashlib.sha256(str(text).encode("utf-8", "replace")).hexdigest()[:12]
        yield Policy(
            policy=f"condition {digest}",
            kind="abac",
            securable=securable.name,
            securable_kind=securable.kind,
            expression=str(text),
            applies_to=(principal,),
            inherits=securable.inherits,
            tag_condition=securable.tags,
            origin=ORIGIN,
        )


def _words(entry: Json, key: str) -> list[str]:
    words = entry.get(key) or []
    if not isinstance(words, list) or not all(isinstance(w, str) and w for w in words):
        raise _odd(f"{key} is no list of privileges")
    return words


def _confers(privilege: str, securable: Securable) -> tuple[Confers, ...]:
    if privilege == "ALL" and (securable.kind == "table" or securable.inherits):
        return _EVERYTHING
    return _CONFERS.get(privilege, _OTHER)


def _name(raw: Json, key: str) -> str:
    value = raw.get(key)
    if not isinstance(value, str) or not value:
        raise _odd(f"the resource has no {key}")
    return value


def _catalog(raw: Json, catalog: Catalog) -> Securable:
    return Securable(str(raw.get("Id") or catalog.id), "catalog")


def _database(raw: Json, catalog: Catalog) -> Securable | None:
    name = catalog.database(raw, _name(raw, "Name"))
    return None if name is None else Securable(name, "database")


def _table(raw: Json, catalog: Catalog) -> Securable | None:
    database = _name(raw, "DatabaseName")
    if raw.get("TableWildcard") is not None or raw.get("Name") == _ALL_TABLES:
        name = catalog.database(raw, database)
        return None if name is None else Securable(name, "database", inherits=True)
    name = catalog.table(raw, database, _name(raw, "Name"))
    return None if name is None else Securable(name, "table")


def _columns(raw: Json, catalog: Catalog) -> Securable | None:
    paths, left_out = columns_of(raw)
    securable = _table(raw, catalog)
    return None if securable is None else securable._replace(paths=paths, except_paths=left_out)


def _tag_policy(raw: Json, catalog: Catalog) -> Securable:
    expression = raw.get("ExpressionName")
    tags = catalog.expressions(str(expression)) if expression else condition_of(raw.get("Expression"))
    of = _name(raw, "ResourceType").lower()
    name = str(raw.get("CatalogId") or catalog.id)
    return Securable(name, f"lf_tag_policy_{of}", inherits=of == "table", tags=tags)


def _tag(raw: Json, catalog: Catalog) -> Securable:
    tags = condition_of([raw])
    return Securable(f"lf-tag/{_name(raw, 'TagKey')}", "lf_tag", tags={k: v for k, v in tags.items() if v})


def _function(raw: Json, catalog: Catalog) -> Securable | None:
    database = _name(raw, "DatabaseName")
    if catalog.database(raw, database) is None:
        return None
    own = str(raw.get("CatalogId") or catalog.id)
    return Securable(arn_of(catalog.region, own, "userDefinedFunction", f"{database}/{raw.get('Name') or '*'}"),
                     "function")  # fmt: skip


def _any_resource(raw: Json, catalog: Catalog) -> Securable:
    of = _name(raw, "ResourceType").lower()
    return Securable(str(raw.get("CatalogId") or catalog.id), f"any_{of}", inherits=of == "table")


def _cells(raw: Json, catalog: Catalog) -> Securable | None:
    """Permissions on cell filters are read with the filters, which alone say which columns they show."""
    return None


def _odd(message: str) -> RecordError:
    return RecordError(message, platform="glue", operation=OPERATION)


_READ: dict[str, Callable[[Json, Catalog], Securable | None]] = {
    "Catalog": _catalog,
    "Database": _database,
    "Table": _table,
    "TableWithColumns": _columns,
    "DataLocation": lambda raw, _: Securable(location_of(_name(raw, "ResourceArn")), "data_location"),
    "DataCellsFilter": _cells,
    "LFTag": _tag,
    "LFTagPolicy": _tag_policy,
    "LFTagExpression": lambda raw, _: Securable(f"lf-tag-expression/{_name(raw, 'Name')}", "lf_tag_expression"),
    "RLSPolicy": lambda raw, _: Securable(f"rls-policy/{_name(raw, 'Name')}", "rls_policy"),
    "UserDefinedFunction": _function,
    "AnyResource": _any_resource,
}
