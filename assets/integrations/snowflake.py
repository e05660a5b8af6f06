"""Snowflake: what differs from the other platforms."""

from assets.integrations import Integration

INTEGRATION = Integration(
    platform="snowflake",
    title="Snowflake",
    kinds=frozenset({"snowflake"}),
    scope_word="schema",
    threads=8,
    change_token="count and newest LAST_DDL of the schema's tables, one query a database",
)
