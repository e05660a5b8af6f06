"""An inventory with 60 days behind it, written by the real write path: `write_scope`, scope by scope, day by day.

Only the clock is not real. In the database that is loaded, a schema before `pg_catalog` in the search path holds
`now()` and `clock_timestamp()` that are so many days behind; it is gone when the load is done. Every row, index and
partition is therefore what 61 syncs would have left, those of sixty days ago first.

Each day one scope in ten is listed whole and every tenth dataset in it differs, which is 1 % of the estate.
"""

import uuid
from collections.abc import Iterator
from typing import Literal

import msgspec
import psycopg

from governance.filters import NameFilter
from governance.listing import Page, Quarantined, Scope, ScopeListing
from governance.loss_guard import LossGuard
from governance.model import Column, Container, Dataset, Tag
from resources.inventory.database import Inventory
from resources.inventory.outcomes import SourceIdentity
from resources.inventory.sync import SourceSync, inventory_sync

SOURCE = SourceIdentity("lake", "glue")
PER_SCOPE, COLUMNS, DAYS = 250, 20, 60
TURNS = 10
"""A scope is listed every so many days, and every so many of its datasets then differ."""
RARE = 500
"""So many datasets to one whose comment holds a word of its own group."""
_PAGE = 100
_TYPES = ("bigint", "string", "decimal(18,2)", "timestamp", "double")
_EVERYTHING = NameFilter()
_BELIEVING = LossGuard(ratio=1.0, minimum=0)

_CLOCK = """
CREATE SCHEMA bench_clock;
CREATE TABLE bench_clock.behind (days int NOT NULL);
INSERT INTO bench_clock.behind VALUES (0);
CREATE FUNCTION bench_clock.clock_timestamp() RETURNS timestamptz LANGUAGE sql VOLATILE AS
  'SELECT pg_catalog.clock_timestamp() - make_interval(days => days) FROM bench_clock.behind';
CREATE FUNCTION bench_clock.now() RETURNS timestamptz LANGUAGE sql STABLE AS
  'SELECT pg_catalog.now() - make_interval(days => days) FROM bench_clock.behind';
"""


def scope_name(number: int) -> str:
    """The name of a scope."""
    return f"db_{number:05d}"


def dataset_name(scope: int, number: int) -> str:
    """The qualified name of a dataset."""
    return f"{scope_name(scope)}.table_{scope * PER_SCOPE + number:07d}"


def dataset(scope: int, number: int, version: int) -> Dataset:
    """A dataset as it is after so many changes; each gives one column another type and the table another comment."""
    absolute = scope * PER_SCOPE + number
    columns = tuple(
        Column(
            path=f"col_{k:03d}",
            ordinal=k + 1,
            native_type=_TYPES[(absolute + k) % len(_TYPES)],
            type=_TYPES[(absolute + k) % len(_TYPES)],
            comment=f"column {k} of table {absolute}",
            partition_key=k == COLUMNS - 1,
        )
        for k in range(COLUMNS)
    )
    if version:
        kept = columns[version % COLUMNS]
        changed = msgspec.structs.replace(kept, native_type=f"varchar({version})", type=f"varchar({version})")
        columns = (*columns[: version % COLUMNS], changed, *columns[version % COLUMNS + 1 :])
    return Dataset(
        qualified_name=dataset_name(scope, number),
        kind="table",
        container=scope_name(scope),
        name=f"table_{absolute:07d}",
        comment=f"synthetic table, version {version}, group{absolute // RARE}",
        owner=f"team_{absolute % 7}",
        format="parquet",
        location=f"s3://lake/{scope_name(scope)}/{absolute}/",
        properties={"classification": "parquet", "recordCount": str(absolute)},
        columns=columns,
        tags=(Tag("sensitivity", "tag", value="low"), Tag("pii", "tag", path="col_001", value="email")),
    )


def pages(scope: int, versions: dict[int, int]) -> Iterator[Page]:
    """The scope's listing, with the versions of those of its datasets that are not as they were at first."""
    for start in range(0, PER_SCOPE, _PAGE):
        numbers = range(start, min(start + _PAGE, PER_SCOPE))
        odd = (Quarantined(f"{scope_name(scope)}.odd", "no name", {"scope": scope}),) if not start else ()
        yield Page(tuple(dataset(scope, n, versions.get(n, 0)) for n in numbers), quarantined=odd)


def _listing(scopes: range) -> ScopeListing:
    containers = tuple(Container(scope_name(s), "database", scope_name(s)) for s in scopes)
    return ScopeListing(tuple(Scope(scope_name(s), "database") for s in scopes), containers=containers)


def write(sync: SourceSync, scope: int, listed: Iterator[Page]) -> None:
    """One scope's transaction."""
    sync.write_scope(Scope(scope_name(scope), "database"), listed, _EVERYTHING)


def one_sync(
    inventory: Inventory,
    scopes: dict[int, dict[int, int]],
    everything: range | None = None,
    listed: dict[int, list[Page]] | None = None,
) -> None:
    """A sync of these scopes, each with the versions of its datasets.

    Args:
        inventory: written to.
        scopes: versions by scope.
        everything: all scopes, for a sync of the whole source.
        listed: pages that were made beforehand.
    """
    mode: Literal["scopes", "source"] = "scopes" if everything is None else "source"
    with inventory_sync(inventory, SOURCE, str(uuid.uuid4()), "bench", mode, _BELIEVING) as sync:
        if everything is not None:
            sync.record_scopes(_listing(everything))
        for scope, versions in scopes.items():
            write(sync, scope, iter((listed or {}).get(scope) or pages(scope, versions)))
        sync.finish()


def versions_on(day: int, scope: int) -> dict[int, int]:
    """Version of each dataset of the scope that has changed by then; days count from 1."""
    due = [d for d in range(1, day + 1) if d % TURNS == scope % TURNS]
    return {n: d for d in due for n in range(PER_SCOPE) if n % TURNS == d // TURNS % TURNS}


def load(url: str, datasets: int, days: int = DAYS) -> None:
    """Fills an empty, migrated inventory: a first load, then so many days, then what autovacuum would have done."""
    scopes = range(max(1, datasets // PER_SCOPE))
    name = psycopg.conninfo.conninfo_to_dict(url)["dbname"]
    with psycopg.connect(url, autocommit=True) as admin:
        admin.execute(_CLOCK.encode())
        admin.execute(f'ALTER DATABASE "{name}" SET search_path = bench_clock, pg_catalog, public'.encode())
        with Inventory(url) as inventory:
            for day in range(days + 1):
                admin.execute("UPDATE bench_clock.behind SET days = %s", [days + 1 - day])
                if day == 0:
                    one_sync(inventory, {scope: {} for scope in scopes}, everything=scopes)
                else:
                    due = [s for s in scopes if s % TURNS == day % TURNS]
                    one_sync(inventory, {scope: versions_on(day, scope) for scope in due})
        admin.execute(f'ALTER DATABASE "{name}" RESET search_path'.encode())
        admin.execute("DROP SCHEMA bench_clock CASCADE")
        admin.execute("VACUUM (ANALYZE)")
