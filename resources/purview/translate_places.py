"""Storage addresses in the spelling that other platforms use, so that one place has one name."""

import re

_AZURE = re.compile(r"https?://(?P<host>[^/@]+\.(?P<service>dfs|blob)\.[^/@]+)/(?P<container>[^/]+)(?P<rest>/.*)?")
_STORAGE = re.compile(r"(abfss?|wasbs?|adl|s3[an]?|gs|hdfs)://[^/]+.*")
_SCHEMES = {"dfs": "abfss", "blob": "wasbs"}


def place_of(address: str) -> str | None:
    """Where an address of storage leads; None where it is none.

    `https://ACCOUNT.dfs.core.windows.net/CONTAINER/PATH` is `abfss://CONTAINER@ACCOUNT.dfs.core.windows.net/PATH`, and
    blob storage is `wasbs://` in the same way. A resource set, whose last parts are patterns such as `{Year}`, lies in
    the folder above them.
    """
    azure = _AZURE.fullmatch(address)
    if azure is not None:
        scheme = _SCHEMES[azure["service"]]
        address = f"{scheme}://{azure['container']}@{azure['host']}{azure['rest'] or ''}"
    elif not _STORAGE.fullmatch(address):
        return None
    scheme, _, path = address.partition("://")
    root, *parts = path.rstrip("/").split("/")
    fixed = next((n for n, part in enumerate(parts) if re.search(r"\{[^}]*\}", part)), len(parts))
    return f"{scheme}://{'/'.join([root, *parts[:fixed]])}"
