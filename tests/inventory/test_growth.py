"""What is asked by its key reads no more of a large inventory: counted in blocks, so that no clock is asked."""

import random
from collections.abc import Iterator

import psycopg
import pytest

from bench.growth_facets import load_facets, role
from bench.growth_load import DAYS, dataset_name, load, scope_name
from bench.growth_views import Key, by_key, unasked
from resources.inventory.database import Inventory

SCOPES, NUMBER = 2, 11
SUMS = {"sources": "it adds up the scopes of a source"}
_MORE = {
    "scope": {"name": "name || '_' || n", "written_at": "NULL"},
    "part": {"name": "name || '_' || n"},
    "container": {"qualified_name": "qualified_name || '_' || n"},
    "membership": {
        "role": "role || '_' || n",
        "member": "member || '_' || n",
        "hash": "decode(md5(hash::text || n), 'hex')",
    },
    "policy": {"securable": "securable || '_' || n", "hash": "decode(md5(hash::text || n), 'hex')"},
    "privilege": {"securable": "securable || '_' || n", "hash": "decode(md5(hash::text || n), 'hex')"},
}
"""What every copy of a row has of its own."""
_WAITING = """
INSERT INTO inventory.quarantined
    (source_id, {owner}, fingerprint, reason, payload, sync_id, first_seen_at, last_seen_at)
SELECT p.source_id, p.id, '\\x00', 'odd', '{{}}', (SELECT max(id) FROM inventory.sync_run), now(), now()
FROM inventory.{table} p ON CONFLICT DO NOTHING
"""


def enlarge(conn: psycopg.Connection, times: int) -> None:
    """So many times as many scopes and parts, each with a record in quarantine, and as many facts of access."""
    for table, own in _MORE.items():
        columns = [
            row[0]
            for row in conn.execute(
                "SELECT attname FROM pg_attribute WHERE attrelid = ('inventory.' || %s)::regclass"
                " AND attnum > 0 AND NOT attisdropped AND attidentity = ''",
                [table],
            )
        ]
        taken = ", ".join(own.get(column, column) for column in columns)
        conn.execute(
            f"INSERT INTO inventory.{table} ({', '.join(columns)})"
            f" SELECT {taken} FROM inventory.{table}, generate_series({times * 100 + 1}, {times * 101 - 1}) n".encode()
        )
    for table, owner in (("scope", "scope_id"), ("part", "part_id")):
        conn.execute(_WAITING.format(table=table, owner=owner).encode())
    conn.execute("ANALYZE")


def blocks(conn: psycopg.Connection) -> dict[str, int]:
    """How many blocks each view and function reads for its key."""
    key = Key("lake", scope_name(1), dataset_name(1, NUMBER), DAYS, random.Random(7), role(1))
    out = {}
    for name, asked in by_key().items():
        query, values = asked(conn, key)
        explained = f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {query}".encode()
        conn.execute(explained, values)
        row = conn.execute(explained, values).fetchone()
        assert row is not None
        plan = row[0][0]["Plan"]
        out[name] = plan["Shared Hit Blocks"] + plan["Shared Read Blocks"]
    return out


@pytest.fixture
def estate(database_url: str) -> Iterator[psycopg.Connection]:
    load(database_url, SCOPES * 250, days=2)
    with Inventory(database_url) as inventory:
        load_facets(inventory, range(SCOPES))
    with psycopg.connect(database_url, autocommit=True) as conn:
        enlarge(conn, 30)
        yield conn


def test_a_key_costs_the_same_in_a_large_inventory(estate: psycopg.Connection) -> None:
    assert unasked(estate) == []
    small = blocks(estate)
    enlarge(estate, 10)
    large = blocks(estate)
    # an index has a level more
    grown = {name: (small[name], n) for name, n in large.items() if n > 1.5 * small[name] + 5 and name not in SUMS}
    assert grown == {}
