"""Microsoft Purview: what differs from the other platforms."""

from assets.integrations import Integration

INTEGRATION = Integration(
    platform="purview",
    title="Microsoft Purview",
    kinds=frozenset({"azure", "purview"}),
    scope_word="collection",
    threads=4,
    change_token="count and newest update time of the collection's assets in the search index",
)
