"""What one scope no longer shows and no other showed, where a dataset's name does not tell its scope.

It may have gone from a scope that was yet to be read to one that had been, or to one that this sync does not read. So a
platform that can be asked for a dataset by its own id is asked before anything is deleted.
"""

from array import array
from collections.abc import Callable, Collection, Iterator, Sequence
from typing import NamedTuple

import psycopg

from resources.inventory import closing, ledger
from resources.inventory.scope_entry import Place
from resources.inventory.scope_write import recount
from resources.inventory.tokens import Token

StillHas = Callable[[Sequence[str]], Collection[str] | None]
"""Those of some native ids that the platform still has; None where it cannot be asked."""

_AT_ONCE = 5_000
_EVIDENCE = "not in a complete listing of its scope or another"
_NATIVE_IDS = """
SELECT id, native_id FROM inventory.dataset
WHERE id = ANY(%s) AND scope_id = %s AND state <> 'deleted' AND native_id IS NOT NULL
"""


class Unseen(NamedTuple):
    """The ids of what is gone, how many the platform still has, and how that is known."""

    gone: "array[int]"
    kept: int
    evidence: str


def native_ids(conn: psycopg.Connection, scope_id: int, ids: Sequence[int]) -> dict[int, str]:
    """The platform's own ids of those that the scope still has, where they have one."""
    return {number: native for number, native in conn.execute(_NATIVE_IDS, [list(ids), scope_id])}


def asked_about(ids: "array[int]", native_ids: Callable[["array[int]"], dict[int, str]], still_has: StillHas) -> Unseen:
    """What came of asking the platform.

    Args:
        ids: of the datasets.
        native_ids: gives the platform's own ids of some of them.
        still_has: asks the platform.

    Raises:
        GovernanceError: it could not be asked.
    """
    gone, kept, was_asked = array("q"), 0, False
    for part in _parts(ids):
        named = native_ids(part)
        found = still_has(list(named.values())) if named else None
        there = {number for number, native in named.items() if found is not None and native in found}
        gone.extend(number for number in part if number not in there)
        kept += len(there)
        was_asked |= found is not None
    return Unseen(gone, kept, f"{_EVIDENCE}; the platform says so when asked" if was_asked else _EVIDENCE)


def delete(conn: psycopg.Connection, place: Place, unseen: Unseen, token: Token | None) -> None:
    """Deletes what is gone, and settles the scope.

    Args:
        conn: in a transaction of the sync.
        place: ids and timestamp.
        unseen: of the scope.
        token: what was said of the scope before it was listed; it does not tell of what the scope has and did not show.
    """
    conn.execute("SET LOCAL enable_seqscan = off")
    sync = (place.sync_id, place.source_id)
    deleted = closing.delete(conn, unseen.gone, place.scope_id, place.at, sync, unseen.evidence)
    recount(conn, place.scope_id)
    ledger.settle_scope(conn, place, deleted, None if unseen.kept else token, unseen.kept)


def _parts(ids: "array[int]") -> Iterator["array[int]"]:
    for start in range(0, len(ids), _AT_ONCE):
        yield ids[start : start + _AT_ONCE]
