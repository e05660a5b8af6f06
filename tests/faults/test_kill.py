"""kill -9 at random moments of a sync leaves no scope half written, and one more run ends as if nothing had been.

Ten kills while an empty inventory is filled, ten while a filled one takes up edits; the moments come from
GOVERNANCE_TEST_SEED, which is printed.
"""

import json
import os
import random
import signal
import subprocess
import sys
import time
import uuid
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import psycopg
import pytest
from psycopg import sql

from resources.inventory.database import Inventory
from resources.inventory.migrations import migrate
from sandbox.serving import Company
from tests.fixtures.estate import SandboxSource, sandbox_source
from tests.fixtures.glue_account import Account

pytestmark = [pytest.mark.xdist_group("kill"), pytest.mark.timeout(300)]

ROOT = Path(__file__).resolve().parents[2]
SEED = os.environ.get("GOVERNANCE_TEST_SEED", "20261123")
KILLS = 10
SCALE = 2
SLOW = (
    {"action": "slow", "match": "GetTables.*(sales|finance_db)", "seconds": 0.2},
    {"action": "slow", "match": "GetTables", "seconds": 0.4},
)
"""So that the scopes' transactions are spread over the sync."""

Content = dict[str, dict[str, Any]]
"""By scope and qualified name: all that the inventory says of a dataset, columns and tags included."""


class Undisturbed(NamedTuple):
    """What a run that nobody disturbs makes: of the lake as it was, then as it was edited."""

    before: Content
    after: Content
    changes_before: Counter[Any]
    changes_after: Counter[Any]
    seconds: float


class Syncing:
    """The process whose children sync."""

    def __init__(self) -> None:
        command = [sys.executable, "-m", "tests.faults.syncing"]
        self.process = subprocess.Popen(
            command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=dict(os.environ)
        )
        assert self._line() == "ready"

    def start(self, source: SandboxSource, inventory: Inventory) -> int:
        request = {"connection": dict(source.source().connection), "database": inventory.url}
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(request) + "\n")
        self.process.stdin.flush()
        return int(self._line())

    def ended(self) -> int:
        return int(self._line())

    def undisturbed(self, source: SandboxSource, inventory: Inventory) -> float:
        """Seconds of a sync that runs to its end."""
        begun = time.monotonic()
        self.start(source, inventory)
        assert self.ended() == 0
        return time.monotonic() - begun

    def _line(self) -> str:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line, f"the process that syncs ended with {self.process.poll()}"
        return line.strip()


@pytest.fixture(scope="module")
def lake() -> Iterator[SandboxSource]:
    with sandbox_source("glue", Company(scale=SCALE)) as source:
        source.faults(*SLOW)
        yield source


@pytest.fixture(scope="module")
def edited(lake: SandboxSource) -> Iterator[SandboxSource]:
    """The same lake after many edits in every database."""
    with sandbox_source("glue", Company(scale=SCALE)) as source:
        account = Account(source.served.url)
        for n in ("", *(f"_{n}" for n in range(2, SCALE + 1))):
            for database, names in _ALTERED.items():
                for name in names:
                    table = account.table(database + n, name)
                    table["StorageDescriptor"]["Columns"].append({"Name": "added", "Type": "struct<a:int,b:string>"})
                    account.alter(database + n, {**table, "Description": "edited"})
                new = {"Name": "new_one", "StorageDescriptor": {"Columns": [{"Name": "a", "Type": "int"}]}}
                account.glue.create_table(DatabaseName=database + n, TableInput=new)
            account.glue.delete_table(DatabaseName=f"ops{n}", Name="returns")
        source.faults(*SLOW)
        yield source


_ALTERED = {
    "sales": ("stores", "orders", "products"),
    "crm": ("campaigns",),
    "web": ("sessions",),
    "ops": ("shipments",),
}


@pytest.fixture(scope="module")
def syncing(lake: SandboxSource) -> Iterator[Syncing]:
    one = Syncing()
    yield one
    assert one.process.stdin is not None and one.process.stdout is not None
    one.process.stdin.close()
    one.process.wait(timeout=30)
    one.process.stdout.close()


@pytest.fixture(scope="module")
def undisturbed(server_url: str, lake: SandboxSource, edited: SandboxSource, syncing: Syncing) -> Undisturbed:
    """In a database of its own."""
    parts = urlsplit(server_url)
    url = f"postgresql://{parts.netloc}/undisturbed_{uuid.uuid4().hex[:8]}?{parts.query}"
    with psycopg.connect(server_url, autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(urlsplit(url).path.strip("/"))))
    migrate(url)
    with Inventory(url) as inventory:
        seconds = syncing.undisturbed(lake, inventory)
        before, changes = content(inventory), changes_of(inventory)
        syncing.undisturbed(edited, inventory)
        return Undisturbed(before, content(inventory), changes, changes_of(inventory), seconds)


def content(inventory: Inventory) -> Content:
    found: Content = {}
    with inventory.connection() as connection:
        parts: dict[str, list[Any]] = {}
        for view, order in (("columns", "path"), ("tags", "path, kind, tag, origin")):
            query = f"SELECT to_jsonb(v) - 'dataset_id' FROM inventory.{view} v ORDER BY qualified_name, {order}"
            for (row,) in connection.execute(query):
                parts.setdefault(row["qualified_name"], []).append(row)
        query = (
            "SELECT scope, qualified_name, to_jsonb(d) - '{first_seen_at,last_seen_at,changed_at,source_updated_at,"
            "version,dataset_id}'::text[] FROM inventory.datasets d"
        )
        for scope, name, row in connection.execute(query):
            found.setdefault(scope, {})[name] = (row, parts.get(name, []))
    return found


def changes_of(inventory: Inventory) -> Counter[Any]:
    with inventory.connection() as connection:
        query = "SELECT qualified_name, path, change, field, before, after FROM inventory.changes"
        return Counter(connection.execute(query).fetchall())


def killed(
    syncing: Syncing, source: SandboxSource, inventory: Inventory, moments: random.Random, seconds: float
) -> Iterator[float]:
    """Kills syncs at random moments; yields the moment of each kill that met a sync at work, for as long as asked."""
    landed = 0
    for _ in range(5 * KILLS):
        moment = moments.betavariate(2, 1) * seconds  # more of them late, where the transactions are
        child = syncing.start(source, inventory)
        time.sleep(moment)
        # the id of a child that has ended may be another process's by now
        if _is_child(child, syncing):
            os.kill(child, signal.SIGKILL)
        if syncing.ended() == signal.SIGKILL:
            landed += 1
            yield moment
    pytest.fail(f"{landed} kills met a sync at work, none of them half-way or fewer than {KILLS}")


def _is_child(child: int, syncing: Syncing) -> bool:
    try:
        status = Path(f"/proc/{child}/stat").read_text(encoding="utf-8")
    except OSError:
        return False
    return status.rpartition(")")[2].split()[1] == str(syncing.process.pid)


def assert_whole(found: Content, *states: Content) -> Counter[int]:
    """Every scope is as one of these states has it; returns how many are as each."""
    as_in: Counter[int] = Counter()
    for scope in set(found) | {s for state in states for s in state}:
        matching = [n for n, state in enumerate(states) if found.get(scope) == state.get(scope)]
        assert matching, f"{scope} is half written: {_odd(found.get(scope, {}), states[-1].get(scope, {}))}"
        as_in[matching[-1]] += 1
    return as_in


def _odd(found: dict[str, Any], wanted: dict[str, Any]) -> str:
    return f"{sorted(k for k in found.keys() | wanted.keys() if found.get(k) != wanted.get(k))}"


def test_while_an_empty_inventory_is_filled(
    inventory: Inventory, lake: SandboxSource, syncing: Syncing, undisturbed: Undisturbed
) -> None:
    moments, progress = random.Random(f"{SEED} fill"), []
    print(f"GOVERNANCE_TEST_SEED={SEED}, an undisturbed sync takes {undisturbed.seconds:.2f} s")
    for moment in killed(syncing, lake, inventory, moments, undisturbed.seconds):
        as_in = assert_whole(content(inventory), {}, undisturbed.before)
        progress.append((round(moment, 3), as_in[1]))
        assert changes_of(inventory) <= undisturbed.changes_before, "a dataset was created twice"
        if len(progress) >= KILLS and any(0 < scopes < len(undisturbed.before) for _, scopes in progress):
            break
    print("killed after seconds, scopes whole then:", progress)
    syncing.undisturbed(lake, inventory)
    assert content(inventory) == undisturbed.before
    assert changes_of(inventory) == undisturbed.changes_before
    assert_no_run_is_left_open(inventory)


def test_while_a_filled_one_takes_up_edits(
    inventory: Inventory, lake: SandboxSource, edited: SandboxSource, syncing: Syncing, undisturbed: Undisturbed
) -> None:
    moments, progress = random.Random(f"{SEED} edits"), []
    print(f"GOVERNANCE_TEST_SEED={SEED}, an undisturbed sync takes {undisturbed.seconds:.2f} s")
    assert undisturbed.before != undisturbed.after
    syncing.undisturbed(lake, inventory)
    for moment in killed(syncing, edited, inventory, moments, undisturbed.seconds):
        as_in = assert_whole(content(inventory), undisturbed.before, undisturbed.after)
        progress.append((round(moment, 3), as_in[1]))
        assert changes_of(inventory) <= undisturbed.changes_after, "an edit was recorded twice"
        if len(progress) == KILLS:
            break
    print("killed after seconds, scopes edited or unchanged then:", progress)
    syncing.undisturbed(edited, inventory)
    assert content(inventory) == undisturbed.after
    assert changes_of(inventory) == undisturbed.changes_after
    assert_no_run_is_left_open(inventory)


def assert_no_run_is_left_open(inventory: Inventory) -> None:
    """A run that died is closed as failed by the next one, and the audit trail is still one chain."""
    with inventory.connection() as connection:
        statuses = Counter(row[0] for row in connection.execute("SELECT status FROM inventory.sync_runs"))
        assert connection.execute("SELECT inventory.verify_audit()").fetchone() == (None,)
    assert set(statuses) <= {"complete", "failed"} and statuses["complete"] >= 1
