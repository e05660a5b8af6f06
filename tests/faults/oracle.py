"""What an inventory says, in a normal form without ids and times: equal after a fault and after an undisturbed run."""

from collections import Counter
from typing import Any, NamedTuple

from resources.inventory.database import Inventory

_NOW = {
    "datasets": "dataset_id,first_seen_at,last_seen_at,changed_at,source_updated_at,version",
    "columns": "dataset_id",
    "tags": "dataset_id",
    "scopes": "last_complete_at,written_at,token,token_basis",
    "containers": "first_seen_at,changed_at",
    "quarantine": "run_id,first_seen_at,last_seen_at,attempts",
}
"""Each view and the columns that differ from run to run."""

_HISTORY = {
    "dataset_history": (
        "h.id",
        "id,source_id,scope_id,valid_from,valid_to,first_seen_at,last_seen_at,changed_at,source_updated_at,version",
    ),
    "dataset_column_history": ("h.dataset_id", "dataset_id,valid_from,valid_to"),
    "dataset_tag_history": ("h.dataset_id", "dataset_id,valid_from,valid_to"),
}
"""Each table of ended versions, the dataset's id in it, and the columns that differ from run to run."""

_CLOSED_TWICE = """
SELECT action, details->>'sync_id' FROM inventory.audit_entry WHERE action LIKE '%.ended' GROUP BY 1, 2
HAVING count(*) > 1
"""


class Facts(NamedTuple):
    """All rows of now, of the history, and of the changes; how often each is there."""

    now: Counter[str]
    history: Counter[str]
    changes: Counter[Any]


class Undisturbed(NamedTuple):
    """What the inventory says after a run that nobody disturbs, and after a second one, of the edited lake."""

    first: Facts
    second: Facts


def facts(inventory: Inventory) -> Facts:
    """What the inventory says."""
    now: Counter[str] = Counter()
    history: Counter[str] = Counter()
    with inventory.connection() as conn:
        for view, without in _NOW.items():
            query = f"SELECT (to_jsonb(v) - '{{{without}}}'::text[])::text FROM inventory.{view} v"
            now.update(f"{view} {row}" for (row,) in conn.execute(query))  # type: ignore[arg-type]
        for table, (number, without) in _HISTORY.items():
            query = (
                f"SELECT d.qualified_name, (to_jsonb(h) - '{{{without}}}'::text[])::text FROM inventory.{table} h"
                f" JOIN inventory.dataset d ON d.id = {number}"
            )
            history.update(f"{table} {name} {row}" for name, row in conn.execute(query))  # type: ignore[arg-type]
        changes = Counter(
            conn.execute("SELECT qualified_name, path, change, field, before, after FROM inventory.changes").fetchall()
        )
    return Facts(now, history, changes)


def assert_equal(found: Facts, wanted: Facts) -> None:
    """Shows what is too much and what is missing."""
    for name, has, should in zip(Facts._fields, found, wanted, strict=True):
        extra, missing = list((has - should).elements()), list((should - has).elements())
        assert not extra and not missing, (
            f"{name}: {len(extra)} too many {extra[:3]}, {len(missing)} lost {missing[:3]}"
        )


def assert_books_kept(inventory: Inventory, ended: set[str] | None = None) -> None:
    """No run is left open or closed twice, and the audit trail is one chain.

    Args:
        inventory: looked at.
        ended: the statuses that its runs may have.
    """
    with inventory.connection() as conn:
        statuses = {row[0] for row in conn.execute("SELECT status FROM inventory.sync_runs")}
        assert conn.execute("SELECT inventory.verify_audit()").fetchone() == (None,)
        assert conn.execute(_CLOSED_TWICE).fetchall() == []
    assert statuses <= (ended or {"complete"}), statuses
