"""The storage locations that Atlas' names of files and folders hold."""

_STORAGE = frozenset("s3 s3a s3n hdfs webhdfs viewfs abfs abfss wasb wasbs adl gs o3fs ofs file".split())
"""Schemes of addresses of files."""

_WITH_CONTAINER = frozenset({"abfs", "abfss", "wasb", "wasbs"})
"""Schemes whose addresses have an @ of their own: `abfss://container@account…`."""


def address_in(qualified_name: str) -> str | None:
    """The address of files in a qualified name, without the cluster or namespace that hooks put behind it.

    None where the name is no address: a table's, a topic's.
    """
    scheme, separator, rest = qualified_name.partition("://")
    if not separator or scheme not in _STORAGE:
        return None
    authority, slash, path = rest.partition("/")
    if slash:
        return f"{scheme}://{authority}/{_without_cluster(path)}"
    if scheme in _WITH_CONTAINER and authority.count("@") < 2:
        return qualified_name
    return f"{scheme}://{_without_cluster(authority)}"


def _without_cluster(text: str) -> str:
    before, at, after = text.rpartition("@")
    return before if at and "/" not in after else text
