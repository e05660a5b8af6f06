"""AWS Glue Data Catalog: what differs from the other platforms."""

from assets.integrations import Integration

INTEGRATION = Integration(
    platform="glue",
    title="AWS Glue Data Catalog",
    kinds=frozenset({"aws", "glue"}),
    scope_word="database",
    threads=3,
    change_token="count, newest UpdateTime and a digest of versions of the database's tables",
)
