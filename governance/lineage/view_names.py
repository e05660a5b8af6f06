"""How the names in a view's text become qualified names of its source: dialect, defaults and spelling by platform."""

from collections.abc import Mapping
from typing import Any

import msgspec

_ABOVE = ("catalogs", "databases", "dbs", "schemas")
_KINDS = ("tables", "views")
_DIALECTS = {
    "mssql": "tsql",
    "https": "tsql",
    "snowflake": "snowflake",
    "databricks": "databricks",
}


class ViewNames(msgspec.Struct, frozen=True):
    """What a view's text is read with.

    Args:
        qualified_name: of the view itself.
        dialect: of its text.
        catalog: what names of two parts are in; empty where the platform's names have two parts.
        schema: what names of one part are in.
        prefix: what the platform writes before names.
        suffix: what it writes behind them, such as `@cluster`.
        separator: between the parts of a name.
        levels: the words before each part of a name, where the platform writes `databases/D/schemas/S/tables/T`.
    """

    qualified_name: str
    dialect: str
    catalog: str = ""
    schema: str = ""
    prefix: str = ""
    suffix: str = ""
    separator: str = "."
    levels: tuple[str, ...] = ()

    def stored(self, name: str) -> tuple[str, ...]:
        """The spellings under which the inventory may know a table that the text names, likeliest first."""
        parts = name.split(".")
        if self.levels and len(parts) == len(self.levels) + 1:
            above = "".join(f"{word}/{part}/" for word, part in zip(self.levels, parts, strict=False))
            return tuple(f"{self.prefix}{above}{kind}/{parts[-1]}" for kind in _KINDS)
        plain = name.replace(".", self.separator) if self.separator != "." else name
        own = f"{self.prefix}{plain}{self.suffix}"
        return (own,) if own == name else (own, name)


def view_names(platform: str, qualified_name: str, container: str, properties: Mapping[str, Any]) -> ViewNames:
    """How a view of this platform is read.

    Args:
        platform: the platform word.
        qualified_name: of the view.
        container: of its schema, as the inventory has it.
        properties: the view's; `view_dialect` wins over the platform's own.
    """
    dialect = str(properties.get("view_dialect") or "")
    if platform == "snowflake":
        catalog, _, schema = container.partition(".")
        return ViewNames(qualified_name, dialect or "snowflake", catalog, schema)
    if platform == "databricks":
        catalog, _, schema = container.partition(".")
        return ViewNames(qualified_name, dialect or "databricks", catalog, schema)
    if platform == "glue":
        return ViewNames(qualified_name, dialect or "hive", schema=container)
    if "://" in qualified_name:
        return _of_address(qualified_name, dialect)
    name, at, cluster = qualified_name.rpartition("@")
    schema = (name if at else qualified_name).rpartition(".")[0]
    return ViewNames(qualified_name, dialect or "hive", schema=schema, suffix=f"@{cluster}" if at else "")


def _of_address(qualified_name: str, dialect: str) -> ViewNames:
    """`mssql://server/database/schema/view`, or with a word before each name: its siblings lie beside it."""
    scheme, _, rest = qualified_name.partition("://")
    dialect = dialect or _DIALECTS.get(scheme, "hive")
    segments = rest.split("/")
    if len(segments) > 6 and segments[-6] in _ABOVE and segments[-4] in _ABOVE and segments[-2] in _KINDS:
        return ViewNames(
            qualified_name,
            dialect,
            segments[-5],
            segments[-3],
            prefix=f"{scheme}://{'/'.join(segments[:-6])}/",
            levels=(segments[-6], segments[-4]),
        )
    server, *parts = segments
    catalog, schema = (["", "", *parts[:-1]])[-2:]
    return ViewNames(
        qualified_name,
        dialect,
        catalog,
        schema,
        prefix=f"{scheme}://{server}/",
        separator="/",
    )
