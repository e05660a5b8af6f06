"""Dagster as people use it: definitions checked, runs launched from the web UI's API, by ticks and by backfill.

`governance up` serves the sandbox's lake with a schedule of every minute; everything goes through the running services.
"""

import json
import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
import yaml

pytestmark = [pytest.mark.xdist_group("services"), pytest.mark.timeout(600)]

ROOT = Path(__file__).resolve().parents[2]
BIN = Path(sys.executable).parent
SELECTOR = {"repositoryLocationName": "governance", "repositoryName": "__repository__"}
DONE = {"SUCCESS", "FAILURE", "CANCELED"}


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Served:
    """A running installation."""

    def __init__(self, home: Path) -> None:
        self.env = {**os.environ, "GOVERNANCE_HOME": str(home), "PYTHONWARNINGS": "ignore"}
        self.url = f"http://127.0.0.1:{free_port()}"

    def call(self, *command: str, timeout: float = 240) -> subprocess.CompletedProcess[str]:
        """Runs a program of the environment from the checkout."""
        return subprocess.run(
            [str(BIN / command[0]), *command[1:]],
            cwd=ROOT,
            env=self.env,
            capture_output=True,
            text=True,
            timeout=timeout,
        )

    def enter(self) -> None:
        """Takes over what `governance env` prints, as a shell would."""
        out = self.call("governance", "env")
        assert out.returncode == 0, out.stderr
        for line in out.stdout.splitlines():
            if found := re.match(r"export (\w+)=(.*)", line):
                self.env[found[1]] = found[2].strip("'\"")

    def graphql(self, query: str, **variables: Any) -> Any:
        answer = requests.post(f"{self.url}/graphql", json={"query": query, "variables": variables}, timeout=60).json()
        assert "errors" not in answer, answer["errors"]
        return answer["data"]

    def runs(self, **where: Any) -> list[dict[str, Any]]:
        query = """query($f: RunsFilter) { runsOrError(filter: $f, limit: 50) {
            ... on Runs { results { runId status tags { key value } } } ... on PythonError { message } } }"""
        found: list[dict[str, Any]] = self.graphql(query, f=where)["runsOrError"]["results"]
        return found


def until(what: str, found: Callable[[], Any], seconds: float = 150) -> Any:
    """Waits for a truthy answer."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if answer := found():
            return answer
        time.sleep(1)
    pytest.fail(f"{what} did not happen within {seconds:.0f} s")


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    home = tmp_path_factory.mktemp("home")
    one = Served(home)
    try:
        out = one.call("governance", "sandbox", "up", "--platform", "glue")
        assert out.returncode == 0, out.stdout + out.stderr
        declared = yaml.safe_load((home / "sandbox" / "estate.yaml").read_text())
        lake = next(s for s in declared["sources"] if s["platform"] == "glue")
        estate = home / "estate.yaml"
        estate.write_text(yaml.safe_dump({"version": 1, "sources": [{**lake, "schedule": "* * * * *"}]}))
        one.env["GOVERNANCE_ESTATE"] = str(estate)
        one.env["GOVERNANCE_SYNC__SENSOR_INTERVAL_SECONDS"] = "30"
        out = one.call("governance", "up", "--no-sync", "--port", one.url.rpartition(":")[2])
        assert out.returncode == 0, out.stdout + out.stderr
        one.enter()
        yield one
    finally:
        out = one.call("governance", "down")
        assert out.returncode == 0, out.stdout + out.stderr


def test_definitions_validate(served: Served) -> None:
    out = served.call("dagster", "definitions", "validate", "-w", "workspace.yaml")
    assert out.returncode == 0, out.stdout + out.stderr
    assert "governance" in out.stdout + out.stderr


def test_dg_check_defs(served: Served) -> None:
    out = served.call("dg", "check", "defs")
    assert out.returncode == 0, out.stdout + out.stderr


def launch(served: Served, **more: Any) -> str:
    query = """mutation($p: ExecutionParams!) { launchPipelineExecution(executionParams: $p) { __typename
        ... on LaunchRunSuccess { run { runId } } ... on PythonError { message }
        ... on RunConfigValidationInvalid { errors { message } } } }"""
    params = {"selector": {**SELECTOR, "pipelineName": "lake_sync"}, "mode": "default", **more}
    launched = served.graphql(query, p=params)["launchPipelineExecution"]
    assert launched["__typename"] == "LaunchRunSuccess", launched
    return str(launched["run"]["runId"])


def outcome(served: Served, run_id: str) -> str:
    ended = until(f"the end of {run_id}", lambda: [r for r in served.runs(runIds=[run_id]) if r["status"] in DONE])
    return str(ended[0]["status"])


def test_a_launch_from_the_web_ui(served: Served) -> None:
    run_id = launch(served, runConfigData=json.dumps({"ops": {"lake__metadata": {"config": {"scopes": ["sales"]}}}}))
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
    assert outcome(served, launch(served)) == "SUCCESS"
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
    assert outcome(served, launch(served)) == "SUCCESS"
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
