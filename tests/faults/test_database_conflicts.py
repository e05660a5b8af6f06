"""Case 8: a transaction that is the victim of a deadlock, and one that cannot be serialized."""

import threading
import time
from urllib.parse import quote

import psycopg
import pytest

from resources.inventory.database import Inventory
from tests.faults.oracle import Undisturbed, assert_books_kept, assert_equal, facts
from tests.faults.test_database_connections import meanwhile
from tests.fixtures.estate import SandboxSource

pytestmark = [pytest.mark.xdist_group("faults"), pytest.mark.timeout(300)]

_WAITS = """
SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'governance'
  AND pg_blocking_pids(pid) @> ARRAY[pg_backend_pid()]
"""
_READS = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND classid = 0x676F77 AND objid = %s AND granted"


def wait_for(conn: psycopg.Connection, query: str, *values: int) -> None:
    until = time.monotonic() + 20
    while conn.execute(query, values).fetchone() == (0,):  # type: ignore[arg-type]
        assert time.monotonic() < until, "the sync never came there"
        time.sleep(0.01)


def scope_and_dataset(conn: psycopg.Connection) -> tuple[int, int]:
    """Of a dataset that the second sync edits."""
    row = conn.execute("SELECT scope_id, id FROM inventory.dataset WHERE qualified_name = 'sales.orders'").fetchone()
    assert row is not None
    return row[0], row[1]


def test_the_victim_of_a_deadlock_is_done_again(
    inventory: Inventory, before: SandboxSource, after: SandboxSource, undisturbed: Undisturbed
) -> None:
    before.sync(inventory)

    def lock_the_other_way_round(over: threading.Event) -> None:
        with psycopg.connect(inventory.url) as conn:
            scope, dataset = scope_and_dataset(conn)
            # so that it is the sync that finds the deadlock, and gives way
            conn.execute("SET deadlock_timeout = '60s'")
            conn.execute("UPDATE inventory.scope SET name = name WHERE id = %s", [scope])
            ready.set()
            wait_for(conn, _WAITS)
            conn.execute("UPDATE inventory.dataset SET name = name WHERE id = %s", [dataset])

    ready = threading.Event()
    with meanwhile(lock_the_other_way_round):
        assert ready.wait(10)
        assert after.sync(inventory).summary.status == "complete"
    assert_equal(facts(inventory), undisturbed.second)
    assert_books_kept(inventory)
    with psycopg.connect(inventory.url) as conn:
        query = "SELECT pg_stat_force_next_flush(), deadlocks FROM pg_stat_database WHERE datname = current_database()"
        row = conn.execute(query).fetchone()
    assert row is not None and row[1] == 1


def test_a_transaction_that_cannot_be_serialized_is_done_again(
    inventory: Inventory, slow: None, before: SandboxSource, after: SandboxSource, undisturbed: Undisturbed
) -> None:
    before.sync(inventory)
    struck = threading.Event()

    def change_what_it_has_read(over: threading.Event) -> None:
        with psycopg.connect(inventory.url, autocommit=True) as conn:
            scope, _ = scope_and_dataset(conn)
            wait_for(conn, _READS, scope)
            conn.execute("UPDATE inventory.scope SET name = name WHERE id = %s", [scope])
            struck.set()

    options = quote("-c default_transaction_isolation=repeatable\\ read")
    with Inventory(f"{inventory.url}&options={options}") as strict, meanwhile(change_what_it_has_read):
        with strict.connection() as conn:
            assert conn.execute("SHOW transaction_isolation").fetchone() == ("repeatable read",)
        synced = after.sync(strict)
    assert struck.is_set() and synced.summary.status == "complete"
    assert_equal(facts(inventory), undisturbed.second)
    assert_books_kept(inventory)
