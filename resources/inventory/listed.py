"""Listed datasets that were sealed and made into rows elsewhere: plain data that may come from another process."""

import msgspec

from governance.errors import RecordError
from governance.fingerprint import Sealed, seal
from governance.listing import Page
from governance.model import Dataset
from resources.inventory.rows import NewRows


class Listed(msgspec.Struct, array_like=True, gc=False):
    """A dataset as a scope's transaction takes it, should it be new; `record` is the fingerprint of its record."""

    namespace: str
    qualified_name: str
    sealed: Sealed
    rows: NewRows
    record: bytes = b""


class ListedPage(Page, frozen=True):
    """A page some of whose datasets are ready."""

    listed: tuple[Listed, ...] = ()


def listed(found: object) -> Listed | None:
    """What was translated, ready; None where that is no dataset that can be stored."""
    if not isinstance(found, Dataset):
        return None
    try:
        sealed = seal(found)
        return Listed(found.namespace, found.qualified_name, sealed, NewRows.of(sealed))
    except RecordError:
        return None
