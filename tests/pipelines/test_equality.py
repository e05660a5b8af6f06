"""After a sync, SQL on the inventory says what the sandbox says of itself; a second sync writes nothing."""

from collections.abc import Iterator
from typing import Any

import msgspec
import pytest

from governance.listing import Status
from governance.model import Dataset
from resources.inventory.database import Inventory
from tests.fixtures.estate import SandboxSource, sandbox_source

PLATFORMS = ("atlas", "databricks", "glue", "purview", "snowflake")
DATASET = (
    "qualified_name", "namespace", "kind", "container", "name", "comment", "owner", "owner_kind", "format", "location",
    "row_count", "size_bytes", "properties",
)  # fmt: skip
COLUMN = ("path", "ordinal", "native_type", "type", "nullable", "comment", "partition_key", "properties")
TAG = ("path", "tag", "value", "kind", "inherited", "origin", "confidence")


@pytest.fixture(scope="module", params=[pytest.param(p, marks=pytest.mark.xdist_group(f"sync-{p}")) for p in PLATFORMS])
def source(request: pytest.FixtureRequest) -> Iterator[SandboxSource]:
    with sandbox_source(request.param) as one:
        yield one


def rows(inventory: Inventory, query: str, *values: Any) -> list[tuple[Any, ...]]:
    with inventory.connection() as connection:
        return connection.execute(query, values).fetchall()  # type: ignore[call-overload,no-any-return]


def test_the_inventory_is_the_account(source: SandboxSource, inventory: Inventory) -> None:
    synced = source.sync(inventory)
    assert synced.summary.status == "complete", synced.summary.reasons
    account = list(source.served.face.account())
    name = source.name

    found = rows(inventory, f"SELECT {','.join(DATASET)} FROM inventory.datasets WHERE source = %s", name)
    wanted = [tuple(msgspec.to_builtins(getattr(d, f)) for f in DATASET) for d in account]
    assert sorted(found, key=repr) == sorted(wanted, key=repr)

    select = "SELECT namespace, qualified_name, {} FROM inventory.{} WHERE source = %s"
    found = rows(inventory, select.format(",".join(COLUMN), "columns"), name)
    assert sorted(found, key=repr) == sorted(expected_rows_of(account, "columns", COLUMN), key=repr)
    found = rows(inventory, select.format(",".join(TAG), "tags"), name)
    assert sorted(found, key=repr) == sorted(expected_rows_of(account, "tags", TAG), key=repr)

    changes = rows(inventory, "SELECT qualified_name, path, change, field FROM inventory.changes")
    assert sorted(changes) == sorted((d.qualified_name, "", "created", "") for d in account)


def expected_rows_of(account: list[Dataset], part: str, fields: tuple[str, ...]) -> list[tuple[Any, ...]]:
    return [
        (d.namespace, d.qualified_name, *(msgspec.to_builtins(getattr(one, f)) for f in fields))
        for d in account
        for one in getattr(d, part)
    ]


def test_a_second_sync_touches_nothing(source: SandboxSource, inventory: Inventory) -> None:
    source.sync(inventory)
    physical = "SELECT ctid::text, xmin::text FROM inventory.{} ORDER BY ctid"
    tables = ("dataset", "dataset_column", "dataset_tag")
    before = {t: rows(inventory, physical.format(t)) for t in tables}
    changes = rows(inventory, "SELECT count(*), max(change_id) FROM inventory.changes")
    again = source.sync(inventory)
    assert all(o.status is Status.COMPLETE and not o.changed for o in again.outcomes.values())
    assert {t: rows(inventory, physical.format(t)) for t in tables} == before
    assert rows(inventory, "SELECT count(*), max(change_id) FROM inventory.changes") == changes


def test_losing_everything_deletes_nothing(source: SandboxSource, inventory: Inventory) -> None:
    source.sync(inventory)
    count = "SELECT count(*) FROM inventory.datasets WHERE state = 'present'"
    before = rows(inventory, count)
    source.faults({"action": "lose"})
    try:
        lost = source.sync(inventory)
    finally:
        source.faults()
    assert lost.summary.status != "complete" and lost.summary.reasons
    assert rows(inventory, count) == before
    assert rows(inventory, "SELECT count(*) FROM inventory.changes WHERE change = 'deleted'") == [(0,)]
    assert source.sync(inventory).summary.status == "complete"
    assert rows(inventory, count) == before
