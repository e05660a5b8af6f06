"""Settings of the database reach PostgreSQL itself, by way of the installation."""

from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from governance.errors import DeadlineExceeded
from governance_pipelines.bindings import Installation
from resources.inventory.database import Inventory
from tests.fixtures.installation import installed


@pytest.fixture
def here(tmp_path: Path, database_url: str) -> Iterator[Installation]:
    settings = {
        "database__statement_timeout_seconds": "1.5",
        "database__lock_timeout_seconds": "0.2",
        "database__connect_timeout_seconds": "7",
        "database__pool_size": "2",
    }
    with installed(tmp_path, database_url, tmp_path / "estate.yaml", **settings) as here:
        yield here


def limits(conn: psycopg.Connection) -> tuple[str, str]:
    names = ("statement_timeout", "lock_timeout")
    statement, lock = (conn.execute("SELECT current_setting(%s)", [name]).fetchone() for name in names)
    assert statement is not None and lock is not None
    return statement[0], lock[0]


def test_every_connection_has_them(here: Installation) -> None:
    with here.inventory_resource().open() as inventory:
        assert (inventory.pool_size, inventory.connect_timeout) == (2, 7)
        with inventory.connection() as pooled:
            assert limits(pooled) == ("1500ms", "200ms")
        with inventory.dedicated() as own:
            assert limits(own) == ("1500ms", "200ms")


def test_a_statement_and_a_wait_end_and_name_the_setting(here: Installation) -> None:
    with here.inventory_resource().open() as inventory:
        with pytest.raises(DeadlineExceeded) as slow, inventory.connection() as conn:
            conn.execute("SELECT pg_sleep(30)")
        assert "GOVERNANCE_DATABASE__STATEMENT_TIMEOUT_SECONDS" in slow.value.remedy
        with psycopg.connect(here.inventory_url) as other:
            other.execute("LOCK TABLE inventory.audit_head IN ACCESS EXCLUSIVE MODE")
            with pytest.raises(DeadlineExceeded) as waited, inventory.connection() as conn:
                conn.execute("SELECT * FROM inventory.audit_head")
        assert "GOVERNANCE_DATABASE__LOCK_TIMEOUT_SECONDS" in waited.value.remedy


def test_options_in_the_address_win_and_the_others_stay(database_url: str) -> None:
    url = f"{database_url}&options=-c%20lock_timeout%3D9s%20-c%20work_mem%3D5MB"
    with Inventory(url, statement_timeout=0) as inventory, inventory.connection() as conn:
        assert limits(conn) == ("0", "9s")
        assert conn.execute("SHOW work_mem").fetchone() == ("5MB",)
