"""How each platform reads the names in its SQL: what it stores, and when two names are the same."""

from collections.abc import Callable

import msgspec
from sqlglot import exp


def _as_written(name: str) -> str:
    return name


class Naming(msgspec.Struct, frozen=True):
    """The rules of names of one dialect.

    `parser` is sqlglot's word for it. `table` and `column` turn an unquoted name into the stored one; `fold_quoted`
    says that quotes do not keep the case. `key` is equal for names that the platform takes for the same.
    `own_catalogs` are catalog names that mean the platform itself and are no part of a qualified name.
    `lateral_alias`: an item of the select list may use an alias to its left. `using_first`: a star shows the columns of
    USING first. `implicit_recursion`: a WITH may refer to itself without the word RECURSIVE. `cast_keeps_name`: the
    column `CAST(a AS t)` is called `a`.
    """

    parser: str
    table: Callable[[str], str]
    column: Callable[[str], str]
    key: Callable[[str], str]
    fold_quoted: bool = True
    own_catalogs: frozenset[str] = frozenset()
    lateral_alias: bool = False
    using_first: bool = True
    implicit_recursion: bool = False
    cast_keeps_name: bool = False

    def table_name(self, identifier: exp.Expr) -> str:
        """The stored name of a part of a table's name."""
        return self._stored(identifier, self.table)

    def column_name(self, identifier: exp.Expr) -> str:
        """The stored name of a column or field."""
        return self._stored(identifier, self.column)

    def _stored(self, identifier: exp.Expr, fold: Callable[[str], str]) -> str:
        quoted = isinstance(identifier, exp.Identifier) and identifier.args.get("quoted")
        name = identifier.name if quoted and not self.fold_quoted else fold(identifier.name)
        return f"#{name}" if identifier.args.get("temporary") else name


_SNOWFLAKE = Naming(
    "snowflake",
    table=str.upper,
    column=str.upper,
    key=_as_written,
    fold_quoted=False,
    lateral_alias=True,
    using_first=False,
    implicit_recursion=True,
)
_SPARK = Naming(
    "spark",
    table=str.lower,
    column=_as_written,
    key=str.lower,
    own_catalogs=frozenset({"spark_catalog"}),
    lateral_alias=True,
    cast_keeps_name=True,
)
_TRINO = Naming("trino", str.lower, str.lower, str.lower, own_catalogs=frozenset({"awsdatacatalog"}))

DIALECTS: dict[str, Naming] = {
    "snowflake": _SNOWFLAKE,
    "databricks": msgspec.structs.replace(_SPARK, parser="databricks"),
    "spark": _SPARK,
    "hive": Naming("hive", str.lower, str.lower, str.lower, own_catalogs=frozenset({"awsdatacatalog"})),
    "trino": _TRINO,
    "presto": _TRINO,
    "athena": _TRINO,
    "tsql": Naming("tsql", _as_written, _as_written, str.lower, implicit_recursion=True),
}


def qualified(table: exp.Table, naming: Naming, catalog: str, schema: str) -> tuple[str, ...]:
    """The stored parts of a table's name, filled up from the left with the defaults that are not empty.

    Without a default catalog the platform's names have two parts, and its own catalog's name is left out.
    """
    parts = tuple(naming.table_name(part) for part in table.parts)
    if len(parts) == 2 and table.args.get("catalog") is not None:  # tsql `db..table`
        parts = (parts[0], schema or "dbo", parts[1])
    if not catalog and len(parts) == 3 and parts[0].lower() in naming.own_catalogs:
        return parts[1:]
    if len(parts) == 1 and schema:
        parts = (schema, *parts)
    if len(parts) == 2 and catalog:
        parts = (catalog, *parts)
    return parts
