"""The inventory as a Dagster resource."""

import dagster as dg
from pydantic import Field

from resources.inventory.address import plain_url, sqlalchemy_url
from resources.inventory.database import Inventory


class InventoryResource(dg.ConfigurableResource):  # type: ignore[type-arg]
    """Where the inventory is; it is opened by whoever uses it."""

    url: str = Field(repr=False, description="PostgreSQL URL of the inventory's database.")
    pool_size: int = Field(default=8, ge=1, le=200, description="Connections that one process holds at most.")
    connect_timeout_seconds: float = Field(default=10, ge=1, description="Longest wait for a connection.")
    statement_timeout_seconds: float = Field(default=600, ge=0, description="Longest statement; 0: no limit.")
    lock_timeout_seconds: float = Field(default=120, ge=0, description="Longest wait for a lock; 0: no limit.")

    def open(self) -> Inventory:
        """The inventory; nothing is connected before the first use.

        Raises:
            ConfigurationError: the URL is none of PostgreSQL's.
        """
        return Inventory(
            self.url,
            pool_size=self.pool_size,
            connect_timeout=self.connect_timeout_seconds,
            statement_timeout=self.statement_timeout_seconds,
            lock_timeout=self.lock_timeout_seconds,
        )

    def plain_url(self) -> str:
        """The URL for psycopg and libpq."""
        return plain_url(self.url)

    def sqlalchemy_url(self) -> str:
        """The URL for SQLAlchemy, with psycopg 3."""
        return sqlalchemy_url(self.url)
