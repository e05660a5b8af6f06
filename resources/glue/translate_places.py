"""What the sources and targets of a job's graph are: tables, locations, or names of other systems. Pure."""

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from resources.glue.translate_flow import Place

Json = Mapping[str, Any]

_ELSEWHERE = {"DirectJDBCSource", "SnowflakeSource", "SnowflakeTarget"}
"""Their Database and Table are another system's."""


def places_of(kind: str, node: Json, counts: Counter[str]) -> tuple[Place, ...]:
    """What a source reads or a target writes; a path or name that depends on something else is counted.

    Args:
        kind: the node's type, such as `S3CatalogSource`.
        node: what it says.
        counts: takes `unresolved_paths`.
    """
    found = [*_tables(kind, node), *_locations(node, counts)]
    if not found:
        found = [Place(name, "external") for name in _external(kind, node)]
    return tuple(dict.fromkeys(found))


def table_of(database: Any, table: Any) -> Place | None:
    """A table of the Data Catalog, which folds names to lower case; None where they are no names."""
    if not (isinstance(database, str) and isinstance(table, str) and database and table):
        return None
    return Place(f"{database}.{table}".lower(), "dataset")


def location_of(path: Any, counts: Counter[str]) -> Place | None:
    """A storage location, up to the folder where wildcards begin; None where it is not told, which is counted."""
    if not isinstance(path, str) or "://" not in path or re.search(r"[${}]", path):
        counts["unresolved_paths"] += 1
        return None
    fixed, wild, _ = re.sub(r"[*?\[].*", "*", path, count=1, flags=re.DOTALL).partition("*")
    return Place(fixed.rpartition("/")[0] + "/" if wild else fixed, "location")


def _tables(kind: str, node: Json) -> Iterator[Place]:
    policy = node.get("SchemaChangePolicy")
    data = node.get("Data")
    pairs = [(node.get("Database"), node.get("Table"))] if kind not in _ELSEWHERE else []
    if isinstance(policy, dict) and policy.get("EnableUpdateCatalog"):
        pairs.append((policy.get("Database"), policy.get("Table")))
    if kind.startswith("AmazonRedshift") and isinstance(data, dict):
        pairs.append((_value(data.get("CatalogDatabase")), _value(data.get("CatalogTable"))))
    yield from (place for place in (table_of(*pair) for pair in pairs) if place is not None)


def _locations(node: Json, counts: Counter[str]) -> Iterator[Place]:
    paths = node.get("Paths")
    given = [*(paths if isinstance(paths, list) else ()), *([node["Path"]] if "Path" in node else ())]
    yield from (place for place in (location_of(path, counts) for path in given) if place is not None)


def _external(kind: str, node: Json) -> Iterator[str]:
    """Names in other systems, each behind the word for the system."""
    data = node.get("Data") if isinstance(node.get("Data"), dict) else {}
    options = node.get("StreamingOptions") or node.get("ConnectionOptions") or {}
    assert isinstance(data, dict)
    if kind.startswith("Snowflake"):
        yield from _named("snowflake", ".", data.get("Database"), data.get("Schema"), data.get("Table"))
    elif kind.startswith("AmazonRedshift"):
        yield from _named("redshift", ".", _value(data.get("Schema")), _value(data.get("Table")))
    elif kind == "DirectJDBCSource":
        yield from _named(str(node.get("ConnectionName")), ".", node.get("Database"), node.get("Table"))
    elif "Kinesis" in kind:
        yield from _named("kinesis", "", options.get("StreamArn") or options.get("StreamName"))
    elif "Kafka" in kind:
        yield from _named("kafka", "", options.get("TopicName"))
    elif "DynamoDB" in kind:
        yield from _named("dynamodb", "", options.get("DynamodbTableArn"))
    elif kind.startswith("ConnectorData"):
        name = data.get("dbtable") or data.get("ENTITY_NAME") or data.get("tableName")
        yield from _named(str(node.get("ConnectionType")), "", name)
    else:
        yield from _named(str(node.get("ConnectionName")), ".", node.get("SchemaName") or None,
                          node.get("ConnectionTable"))  # fmt: skip


def _named(system: str, separator: str, *parts: Any) -> Iterator[str]:
    names = [p for p in parts if isinstance(p, str) and p]
    if names and parts[-1] in names:
        yield f"{system}:{separator.join(names)}"


def _value(option: Any) -> Any:
    return option.get("Value") if isinstance(option, dict) else option
