"""Cases 18 to 21: answers that are damaged, huge or deep, and single records that no store or reader takes."""

import json
import random
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from governance.listing import Status
from resources.inventory.database import Inventory
from sandbox.faults import Exchange, Tamper
from tests.faults.oracle import Facts, assert_equal, facts
from tests.fixtures.misbehaving import Misbehaving, on, reasons

ROOT = Path(__file__).resolve().parents[2]
RECORDS = {
    "atlas": ("entity/bulk", "entities"),
    "databricks": ("unity-catalog/tables\\?", "tables"),
    "glue": ("AWSGlue.GetTables", "TableList"),
    "purview": ("entity/bulk", "entities"),
}
"""What matches the calls that bring records, and where an answer has them."""

DIRT = {"nul": "\x00", "surrogate": "\ud83e"}


def rows(inventory: Inventory, query: str) -> list[tuple[Any, ...]]:
    with inventory.connection() as connection:
        return connection.execute(query).fetchall()


def soiled(value: Any, dirt: str) -> Any:
    """Every text below this, keys left out, with something in its middle that jsonb or UTF-8 refuses."""
    if isinstance(value, str):
        return f"{value[:1]}{dirt}{value[1:]}"
    if isinstance(value, list):
        return [soiled(one, dirt) for one in value]
    return {k: soiled(v, dirt) for k, v in value.items()} if isinstance(value, dict) else value


def soiling(key: str, turn: int, dirt: str) -> Tamper:
    """Soils one field of each record: the one whose turn it is."""

    def spoil(exchange: Exchange) -> None:
        answer = exchange.told()
        for record in answer.get(key) or ():
            inner = record.get("attributes", record)
            fields = sorted(name for name, value in inner.items() if '"' in json.dumps(value))
            if fields:
                name = fields[turn % len(fields)]
                inner[name] = soiled(inner[name], dirt)
        exchange.say(answer)

    return spoil


@on(*RECORDS)
@pytest.mark.parametrize("rounds", [2, pytest.param(16, marks=pytest.mark.faults)])
def test_text_that_no_store_takes_in_every_field_in_turn(
    source: Misbehaving, inventory: Inventory, rounds: int, chance: random.Random
) -> None:
    """Each record is cleaned or quarantined, and nothing is deleted because its name cannot be read any more."""
    assert source.sync(inventory).summary.status == "complete"
    (match, key), seen = RECORDS[source.platform], 0
    for turn in chance.sample(range(16), rounds):
        dirt = chance.choice(list(DIRT))
        source.tamper(match, soiling(key, turn, DIRT[dirt]))
        result = source.sync(inventory)
        where = f"{dirt} in field {turn}"
        assert "internal_error" not in reasons(result), (where, result.summary.reasons)
        assert all(o.status is not Status.FAILED for o in result.outcomes.values()), (where, result.summary.reasons)
        gone = rows(inventory, "SELECT qualified_name, gone_evidence FROM inventory.dataset WHERE state <> 'present'")
        assert gone == [], where
        marked = "SELECT count(*) FROM inventory.datasets d WHERE to_jsonb(d)::text LIKE '%\ufffd%'"
        kept = "SELECT count(*) FROM inventory.quarantine"
        seen += rows(inventory, marked)[0][0] + rows(inventory, kept)[0][0]
    assert seen > 0
    source.calm()
    assert source.sync(inventory).summary.status == "complete"
    now = facts(inventory).now
    ghosts = Counter({row: n for row, n in now.items() if "\ufffd" in row and '"state": "deleted"' in row})
    assert_equal(Facts(now - ghosts, *source.undisturbed[1:]), source.undisturbed)


LONG = pytest.mark.faults
POISON = [{"name": 7, "Name": 7, "attributes": 7}, *(pytest.param(p, marks=LONG) for p in ("no record", None, [], 42))]
DAMAGE = {"atlas": "search/basic", "databricks": "unity-catalog/tables", "glue": "GetTables", "purview": "search/query"}
SNOWFLAKES = "queries/v1/query-request"


@on()
@pytest.mark.parametrize("action", ["gzip", *(pytest.param(a, marks=LONG) for a in ("garble", "page", "cut"))])
def test_a_damaged_answer_is_tried_again(source: Misbehaving, inventory: Inventory, action: str) -> None:
    match = DAMAGE.get(source.platform, SNOWFLAKES)
    source.faults({"action": action, "match": match, "times": 1, "after": 2})
    result = source.sync(inventory)
    assert result.summary.status == "complete", result.summary.reasons
    assert source.served.face.faults.listed()[0]["struck"] == 1
    assert_equal(facts(inventory), source.undisturbed)


@pytest.mark.faults
@on()
@pytest.mark.parametrize("action", ["garble", "page", "gzip", "cut"])
def test_an_answer_that_stays_damaged_is_no_empty_one(source: Misbehaving, inventory: Inventory, action: str) -> None:
    assert source.sync(inventory).summary.status == "complete"
    match = DAMAGE.get(source.platform, SNOWFLAKES)
    source.faults({"action": action, "match": match, "after": 6 if source.platform == "snowflake" else 0})
    result = source.bounded(inventory, {"circuit_failures": 2}, attempts=2)
    assert result.summary.status in ("partial", "failed") and "internal_error" not in reasons(result)
    assert not any(o.changed for o in result.outcomes.values())
    source.recovers(inventory)


@on()
def test_json_that_is_nested_too_deep(source: Misbehaving, inventory: Inventory) -> None:
    match = DAMAGE.get(source.platform, SNOWFLAKES)
    after = 6 if source.platform == "snowflake" else 0
    source.faults({"action": "deep", "match": match, "size": 200_000, "after": after})
    result = source.bounded(inventory, {"circuit_failures": 1}, attempts=1, threads=1)
    assert "internal_error" not in reasons(result) and result.summary.status in ("partial", "failed")
    source.recovers(inventory)


@on(*RECORDS)
@pytest.mark.parametrize("poison", POISON)
def test_a_poison_record_is_set_aside_and_the_others_are_read(
    source: Misbehaving, inventory: Inventory, poison: Any
) -> None:
    match, key = RECORDS[source.platform]

    def add(exchange: Exchange) -> None:
        answer = exchange.told()
        if answer.get(key):
            answer[key].append(poison)
        exchange.say(answer)

    source.tamper(match, add)
    result = source.sync(inventory)
    assert "internal_error" not in reasons(result), result.summary.reasons
    found = {row[0] for row in rows(inventory, "SELECT qualified_name FROM inventory.datasets")}
    assert found == {d.qualified_name for d in source.served.face.account()}
    payloads = rows(inventory, "SELECT reason, attempts FROM inventory.quarantine")
    if source.platform != "purview":
        # Purview is asked for guids: what was not asked for is no record of ours
        assert payloads and all(reason and attempts >= 1 for reason, attempts in payloads)
    source.recovers(inventory)


# --- huge answers, in a process of their own whose memory is measured ---

MEASURED = """
import json, resource, sys
from governance.errors import GovernanceError
from governance.filters import NameFilter
from governance.listing import Scope
from governance_pipelines.platforms import resource_class
platform, connection, url = sys.argv[1], json.loads(sys.argv[2]), sys.argv[3]
import requests
said = ""
with resource_class(platform)(source="s", **connection).reader() as reader:
    scopes = reader.scopes(NameFilter()).scopes
    list(reader.read(scopes[0], NameFilter()))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    rule = [{"action": "huge", "match": sys.argv[4], "size": 200_000_000}]
    requests.post(f"{url}/_sandbox/faults", json=rule, verify=False, timeout=10)
    try:
        for scope in scopes:
            list(reader.read(scope, NameFilter()))
    except GovernanceError as error:
        said = str(error)
    print(json.dumps([before, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, said]))
"""


@pytest.mark.faults
@on()
def test_an_answer_of_200_megabytes_takes_no_such_memory(source: Misbehaving, inventory: Inventory) -> None:
    match = {"purview": "search/query"}.get(source.platform, DAMAGE.get(source.platform, SNOWFLAKES))
    fields = json.dumps({**source.source().connection, "attempts": 2})
    command = [sys.executable, "-W", "ignore", "-c", MEASURED, source.platform, fields, source.served.url, match]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    before, after, said = json.loads(done.stdout.splitlines()[-1])
    assert "has more than 67108864 bytes" in said and "Fix:" in said, said
    assert after - before < 180_000, f"{(after - before) // 1024} MiB more"
    source.recovers(inventory)


@pytest.mark.faults
@on("glue", "databricks")
def test_a_table_with_50000_columns(source: Misbehaving, inventory: Inventory) -> None:
    match, key = RECORDS[source.platform]
    done: list[str] = []

    def widen(exchange: Exchange) -> None:
        answer = exchange.told()
        if answer.get(key) and not done:
            record = answer[key][0]
            done.append(str(record.get("Name") or record.get("name")))
            if source.platform == "glue":
                columns = [{"Name": f"c{n}", "Type": "string"} for n in range(50_000)]
                record["StorageDescriptor"] = {**record.get("StorageDescriptor", {}), "Columns": columns}
            else:
                record["columns"] = [{"name": f"c{n}", "type_text": "int", "position": n} for n in range(50_000)]
        exchange.say(answer)

    source.tamper(match, widen)
    result = source.sync(inventory)
    assert result.summary.status == "complete", result.summary.reasons
    ((most,),) = rows(inventory, "SELECT max(column_count) FROM inventory.datasets")
    assert most >= 50_000
    source.recovers(inventory, history=True)
