"""What our inventory says of a source, as facts, out of its public views."""

from collections.abc import Iterator

import psycopg

from bench.oracle.facts import Fact

_DATASETS = """
SELECT qualified_name, comment, owner FROM inventory.datasets WHERE source = %s AND state = 'present'
"""
_COLUMNS = """
SELECT c.qualified_name, c.path, c.native_type, c.comment, c.partition_key FROM inventory.columns c
JOIN inventory.datasets d USING (source, qualified_name) WHERE c.source = %s AND d.state = 'present'
"""
_TAGS = "SELECT qualified_name, path, tag, value FROM inventory.tags WHERE source = %s"


def facts_of(conn: psycopg.Connection, source: str) -> Iterator[Fact]:
    """Every dataset, field, type, comment, partition key, owner and tag of the source."""
    for name, comment, owner in conn.execute(_DATASETS, [source]):
        yield Fact(name, "", "dataset")
        if comment:
            yield Fact(name, "", "comment", comment)
        if owner:
            yield Fact(name, "", "owner", owner)
    for name, path, native, comment, partition_key in conn.execute(_COLUMNS, [source]):
        yield Fact(name, path, "field")
        yield Fact(name, path, "type", native)
        if comment:
            yield Fact(name, path, "comment", comment)
        if partition_key:
            yield Fact(name, path, "partition key")
    for name, path, tag, value in conn.execute(_TAGS, [source]):
        yield Fact(name, path, "tag", tag if value is None else f"{tag}={value}")
