"""Dagster as people use it: definitions checked, runs launched from the web UI's API, by ticks and by backfill.

`governance up` serves the sandbox's lake with a schedule of every minute; everything goes through the running services.
"""

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

from tests.fixtures.served import DONE, SELECTOR, Served, launch, outcome, serving, until

pytestmark = [pytest.mark.xdist_group("services"), pytest.mark.timeout(600)]


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    settings = {"GOVERNANCE_SYNC__SENSOR_INTERVAL_SECONDS": "30"}
    with serving(tmp_path_factory.mktemp("home"), "glue", settings, schedule="* * * * *") as one:
        yield one


def test_definitions_validate(served: Served) -> None:
    out = served.call("dagster", "definitions", "validate", "-w", "workspace.yaml")
    assert out.returncode == 0, out.stdout + out.stderr
    assert "governance" in out.stdout + out.stderr


def test_dg_check_defs(served: Served) -> None:
    out = served.call("dg", "check", "defs")
    assert out.returncode == 0, out.stdout + out.stderr


def test_a_launch_from_the_web_ui(served: Served) -> None:
    run_id = launch(
        served, "lake_sync", runConfigData=json.dumps({"ops": {"lake__metadata": {"config": {"scopes": ["sales"]}}}})
    )
    assert outcome(served, run_id) == "SUCCESS"
    query = """query($k: AssetKeyInput!) { assetNodeOrError(assetKey: $k) { ... on AssetNode { groupName kinds
        assetMaterializations(limit: 20) { runId partition } assetChecksOrError { ... on AssetChecks { checks { name
        executionForLatestMaterialization { status } } } } } } }"""
    node = served.graphql(query, k={"path": ["lake", "metadata"]})["assetNodeOrError"]
    assert node["groupName"] == "glue" and "glue" in node["kinds"]
    assert {"runId": run_id, "partition": "sales"} in node["assetMaterializations"]
    assert {c["name"] for c in node["assetChecksOrError"]["checks"]} >= {
        "complete",
        "no_sudden_loss",
        "quarantine_empty",
    }


def test_a_whole_sync_then_a_backfill_of_scopes_from_the_command_line(served: Served) -> None:
    assert outcome(served, launch(served, "lake_sync")) == "SUCCESS"
    out = served.call(
        "dagster", "job", "backfill", "-w", "workspace.yaml", "-l", "governance", "-j", "lake_sync",
        "--partitions", "crm,web", "--noprompt",
    )  # fmt: skip
    assert out.returncode == 0, out.stdout + out.stderr
    backfill = re.search(r"Launched backfill job (\S+)|backfill[^\n]*?([a-z]{8})\b", out.stdout + out.stderr)
    assert backfill, out.stdout + out.stderr

    def ended() -> list[dict[str, Any]]:
        runs = [r for r in served.runs() if any(t["key"] == "dagster/backfill" for t in r["tags"])]
        return runs if len(runs) == 2 and all(r["status"] in DONE for r in runs) else []

    runs = until("the backfill's two runs", ended)
    assert {r["status"] for r in runs} == {"SUCCESS"}
    partitions = {t["value"] for r in runs for t in r["tags"] if t["key"] == "dagster/partition"}
    assert partitions == {"crm", "web"}


def partitions_of_lake(served: Served) -> list[str]:
    query = """query($k: AssetKeyInput!) { assetNodeOrError(assetKey: $k) { ... on AssetNode { partitionKeys } } }"""
    return list(served.graphql(query, k={"path": ["lake", "metadata"]})["assetNodeOrError"]["partitionKeys"])


def test_one_partition_in_this_process(served: Served) -> None:
    assert outcome(served, launch(served, "lake_sync")) == "SUCCESS"
    ended = [(r["runId"], r["status"], r["tags"]) for r in served.runs()]
    assert "sales" in partitions_of_lake(served), ended
    out = served.call(
        "dagster", "asset", "materialize", "-m", "governance_pipelines.definitions",
        "--select", 'key:"lake/metadata"', "--partition", "sales",
    )  # fmt: skip
    assert out.returncode == 0, out.stdout + out.stderr


def test_the_change_sensor_ticks(served: Served) -> None:
    query = """query($s: SensorSelector!) { sensorOrError(sensorSelector: $s) { ... on Sensor {
        sensorState { status ticks(limit: 5) { status runIds error { message } } } } } }"""

    def ticks() -> list[dict[str, Any]]:
        state = served.graphql(query, s={**SELECTOR, "sensorName": "lake_changes"})["sensorOrError"]["sensorState"]
        assert state["status"] == "RUNNING"
        return [t for t in state["ticks"] if t["status"] in {"SUCCESS", "SKIPPED", "FAILURE"}]

    assert {t["status"] for t in until("a tick of the change sensor", ticks)} <= {"SUCCESS", "SKIPPED"}


def test_the_schedule_ticks_and_its_run_succeeds(served: Served) -> None:
    def ended() -> list[dict[str, Any]]:
        runs = served.runs(tags=[{"key": "dagster/schedule_name", "value": "lake_schedule"}])
        return [r for r in runs if r["status"] in DONE]

    assert {r["status"] for r in until("a scheduled run", ended)} == {"SUCCESS"}
