"""The sync engine without Dagster against the bare floor, each in a process of its own; imports are not counted."""

from collections.abc import Callable

import psycopg

from bench.processes import Figures, replay, script
from resources.inventory.server import ensure_database

FLOOR_FIRST, ENGINE_FIRST = "floor, first load", "engine, first load"
FLOOR_AGAIN, ENGINE_AGAIN = "floor, nothing changed", "engine, nothing changed"
PAIRS = {ENGINE_FIRST: (FLOOR_FIRST, 2.5), ENGINE_AGAIN: (FLOOR_AGAIN, 6.0)}
"""The floor's way beside each of ours, and how many times faster ours has to be."""
MOST_WAL_MB = 1.0


def run(base: str, tables: int, rounds: int, log: Callable[[str], None]) -> list[dict[str, Figures]]:
    """The rounds; `base` is the URL of an embedded server's maintenance database.

    A round loads both, then runs both again with nothing changed; `wal_mb` is what the server logged meanwhile, and
    `rows` how many of ours it inserted, updated or deleted.
    """
    with replay(tables) as endpoint:
        return [_round(base, f"{tables}_{number}", endpoint, tables, log) for number in range(rounds)]


def _round(base: str, name: str, endpoint: str, tables: int, log: Callable[[str], None]) -> dict[str, Figures]:
    floor, ours = ensure_database(base, f"floor_{name}"), ensure_database(base, f"engine_{name}")
    ways = {
        FLOOR_FIRST: ("bench.floor", "--endpoint", endpoint, "--url", floor),
        ENGINE_FIRST: ("bench.engine", "--endpoint", endpoint, "--url", ours, "--migrate"),
        FLOOR_AGAIN: ("bench.floor", "--endpoint", endpoint, "--url", floor, "--keep"),
        ENGINE_AGAIN: ("bench.engine", "--endpoint", endpoint, "--url", ours),
    }
    out = {}
    for way, command in ways.items():
        with psycopg.connect(base, autocommit=True) as server:
            before = _logged(server)
            written = _written(ours)
            figures = script(*command)
            out[way] = {**figures, "wal_mb": (_logged(server) - before) / 1e6}
            if way in PAIRS:
                out[way]["rows"] = _written(ours) - written
        log(f"{tables:>7,} tables  {way:<50} {figures['wall_s']:7.2f} s {figures['cpu_s']:7.2f} CPU-s")
    return out


def _logged(server: psycopg.Connection) -> float:
    """Bytes of WAL so far."""
    row = server.execute("SELECT pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0')").fetchone()
    assert row is not None
    return float(row[0])


def _written(url: str) -> float:
    """Rows of datasets, columns and tags, of now and of the past, that were written so far."""
    with psycopg.connect(url) as connection:
        row = connection.execute(
            "SELECT coalesce(sum(n_tup_ins + n_tup_upd + n_tup_del), 0)::float8 FROM pg_stat_user_tables"
            " WHERE schemaname = 'inventory' AND relname ~ '^dataset'"
        ).fetchone()
    assert row is not None
    return float(row[0])
