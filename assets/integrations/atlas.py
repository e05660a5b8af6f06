"""Apache Atlas: what differs from the other platforms."""

from assets.integrations import Integration

INTEGRATION = Integration(
    platform="atlas",
    title="Apache Atlas",
    kinds=frozenset({"atlas"}),
    scope_word="entity type",
    threads=8,
    change_token="count and newest modification time of the type's entities",
)
