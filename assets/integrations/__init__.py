"""The syncs: one asset a source, partitioned by scope. What differs between platforms is one small file each."""

import importlib
import pkgutil
from typing import NamedTuple


class Integration(NamedTuple):
    """How a platform shows in Dagster and how hard its sources may be read.

    Args:
        platform: the platform word; also the asset group.
        title: what people call it.
        kinds: badges of the asset in the UI.
        scope_word: what a scope is called there.
        threads: scopes read at once; bounded by what the platform's documentation allows.
        change_token: how the change sensor learns of a change, in words.
    """

    platform: str
    title: str
    kinds: frozenset[str]
    scope_word: str
    threads: int
    change_token: str


def integration_of(platform: str) -> Integration:
    """The integration of a platform, found by the name of its file.

    Raises:
        KeyError: there is no such file.
    """
    if platform not in {m.name for m in pkgutil.iter_modules(__path__)}:
        raise KeyError(platform)
    integration = importlib.import_module(f"{__name__}.{platform}").INTEGRATION
    assert isinstance(integration, Integration)
    return integration
