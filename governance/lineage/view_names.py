"""How the names in a view's text become qualified names of its source: dialect, defaults and spelling by platform."""

from collections.abc import Mapping
from typing import Any

import msgspec


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
    """

    qualified_name: str
    dialect: str
    catalog: str = ""
    schema: str = ""
    prefix: str = ""
    suffix: str = ""
    separator: str = "."

    def stored(self, name: str) -> tuple[str, ...]:
        """The spellings under which the inventory may know a table that the text names, likeliest first."""
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
    """`mssql://server/database/schema/view`: its siblings lie under the same server."""
    scheme, _, rest = qualified_name.partition("://")
    server, *parts = rest.split("/")
    catalog, schema = (["", "", *parts[:-1]])[-2:]
    return ViewNames(
        qualified_name,
        dialect or ("tsql" if scheme in ("mssql", "https") else "hive"),
        catalog,
        schema,
        prefix=f"{scheme}://{server}/",
        separator="/",
    )
