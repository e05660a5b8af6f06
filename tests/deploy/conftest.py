"""A sandbox account where every call takes its time, and what the inventory says of it when nothing disturbs a sync."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any
from uuid import uuid4

import pytest

from resources.inventory.database import Inventory
from resources.inventory.migrations import migrate
from resources.inventory.server import ensure_database
from tests.fixtures.celery import inventory_content, lakes
from tests.fixtures.estate import SandboxSource, sandbox_source

CALL_SECONDS = 0.1
SOURCES = 6

Content = dict[str, list[tuple[Any, ...]]]


@pytest.fixture
def databases(server_url: str) -> tuple[str, str]:
    """URLs of an inventory with its schema, and of a database for Dagster."""
    name = f"celery_{uuid4().hex[:8]}"
    inventory = ensure_database(server_url, name)
    migrate(inventory)
    return inventory, ensure_database(server_url, f"{name}_dagster")


@pytest.fixture(scope="module")
def account() -> Iterator[SandboxSource]:
    """The company's lake."""
    with sandbox_source("glue") as source:
        yield source


@pytest.fixture(scope="module")
def slow(account: SandboxSource) -> SandboxSource:
    """The same, 100 ms a call."""
    account.faults({"action": "slow", "seconds": CALL_SECONDS})
    return account


@pytest.fixture(scope="module")
def undisturbed(account: SandboxSource, server_url: str) -> Content:
    """What syncs without Dagster, one after the other, make of the same estate."""
    url = ensure_database(server_url, f"undisturbed_{uuid4().hex[:8]}")
    migrate(url)
    account.faults()
    with Inventory(url) as inventory:
        for declared in lakes(account.served, SOURCES):
            source = replace(account.source(), name=declared["name"])
            assert account.sync(inventory, source=source).summary.status == "complete"
    return inventory_content(url)
