"""A database whose clock can be set: what the inventory asks the time of is a function of ours.

The system's own functions are found behind those of the schema `skew`, so that every statement, the functions of the
schema `inventory` included, sees the skewed time.
"""

from datetime import timedelta
from urllib.parse import quote

import psycopg

from resources.inventory.database import Inventory

_CLOCK = """
CREATE SCHEMA skew;
CREATE TABLE skew.clock (ahead interval NOT NULL);
INSERT INTO skew.clock VALUES ('0');
CREATE FUNCTION skew.clock_timestamp() RETURNS timestamptz LANGUAGE sql VOLATILE AS
    'SELECT pg_catalog.clock_timestamp() + ahead FROM skew.clock';
CREATE FUNCTION skew.now() RETURNS timestamptz LANGUAGE sql VOLATILE AS
    'SELECT pg_catalog.now() + ahead FROM skew.clock';
"""


class SkewedClock:
    """The clock of one database; `url` leads to the database as its users see it."""

    def __init__(self, inventory: Inventory) -> None:
        self.plain = inventory.url
        self.url = f"{inventory.url}&options={quote('-c search_path=skew,pg_catalog')}"
        self.ahead = timedelta()
        with psycopg.connect(self.plain) as conn:
            conn.execute(_CLOCK.encode())

    def step(self, by: timedelta) -> None:
        """Moves the clock on, or back."""
        self.ahead += by
        with psycopg.connect(self.plain) as conn:
            conn.execute("UPDATE skew.clock SET ahead = %s", [self.ahead])
