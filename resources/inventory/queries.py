"""What people and programs ask of the inventory; read-only, by the stable views."""

from typing import TYPE_CHECKING

from resources.inventory.outcomes import SyncSummary

if TYPE_CHECKING:
    from resources.inventory.database import Inventory


class InventoryQueries:
    """Queries on one inventory; each takes a connection of its pool for as long as it runs."""

    def __init__(self, inventory: "Inventory") -> None:
        self._inventory = inventory

    def quarantined(self, source: str) -> int:
        """How many records of this source wait in quarantine."""
        raise NotImplementedError("in the next commit")

    def sync_of_run(self, run_id: str, source: str) -> SyncSummary | None:
        """The last sync of this source by this run."""
        raise NotImplementedError("in the next commit")
