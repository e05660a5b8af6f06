"""Databricks Unity Catalog: what differs from the other platforms."""

from assets.integrations import Integration

INTEGRATION = Integration(
    platform="databricks",
    title="Databricks Unity Catalog",
    kinds=frozenset({"databricks"}),
    scope_word="schema",
    threads=4,
    change_token="count and newest updated_at of the schema's objects, listed without columns",
)
