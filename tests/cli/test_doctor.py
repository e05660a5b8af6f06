"""`governance doctor` says what is wrong with each source and what to ask for, and one bad source hides no other."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
import yaml

from sandbox.serving import Company, Served, running
from tests.cli.conftest import CommandLine


@pytest.fixture(scope="module")
def lake() -> Iterator[Served]:
    with running(Company(), ["glue"]) as served:
        yield served["glue"]


@pytest.fixture
def connection(lake: Served, monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, Any]]:
    for name, value in lake.face.secrets().items():
        monkeypatch.setenv(name, value)
    yield lake.face.connection(lake.url)
    requests.delete(f"{lake.url}/_sandbox/faults", timeout=10)


def probes(governance: CommandLine, code: int, **connections: dict[str, Any]) -> dict[str, list[dict[str, Any]]]:
    """What doctor finds on these Glue sources, by source; it ends with `code`, and never with a traceback."""
    sources = [{"name": name, "platform": "glue", "connection": c} for name, c in connections.items()]
    Path("estate.yaml").write_text(yaml.safe_dump({"version": 1, "sources": sources}), encoding="utf-8")
    outcome = governance("doctor", "--json")
    assert "Traceback" not in outcome.err
    assert outcome.code == code
    found: dict[str, list[dict[str, Any]]] = {}
    for check in json.loads(outcome.out)["checks"]:
        found.setdefault(check["subject"], []).append(check)
    assert list(found) == ["settings", "database", *connections]
    return found


def test_a_source_in_order_passes_beside_one_that_is_not(governance: CommandLine, connection: dict[str, Any]) -> None:
    absent = connection | {"access_key_id": {"env": "NOBODY_SET_THIS"}}
    found = probes(governance, 1, good=connection, bad=absent)
    assert found["good"]
    assert all(p["ok"] for p in found["good"])
    (problem,) = found["bad"]
    assert not problem["ok"]
    assert "NOBODY_SET_THIS is not set" in problem["detail"]
    assert "export NOBODY_SET_THIS" in problem["remedy"]


def test_the_database_that_does_not_run_is_said_and_not_started(
    governance: CommandLine, connection: dict[str, Any], home: Path
) -> None:
    (server,) = probes(governance, 1, good=connection)["database"]
    assert not server["ok"]
    assert server["remedy"] == "start it with `governance up`"
    assert not home.exists()


def test_a_database_of_ones_own_that_is_unreachable_is_named_without_its_password(
    governance: CommandLine, connection: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GOVERNANCE_DATABASE_URL", "postgresql://ana:hunter2@127.0.0.1:9/inventory")
    (server,) = probes(governance, 1, good=connection)["database"]
    assert not server["ok"]
    assert "inventory at 127.0.0.1:9" in server["remedy"]
    assert "hunter2" not in json.dumps(server)


def test_an_unreachable_host(governance: CommandLine, connection: dict[str, Any]) -> None:
    last = probes(governance, 1, far=connection | {"endpoint_url": "http://127.0.0.1:9"})["far"][-1]
    assert not last["ok"]
    assert "127.0.0.1:9" in last["detail"] + last["remedy"]


def test_wrong_credentials(governance: CommandLine, connection: dict[str, Any], tmp_path: Path) -> None:
    (tmp_path / "key").write_text("AKIAWRONG")
    last = probes(governance, 1, wrong=connection | {"access_key_id": {"file": str(tmp_path / "key")}})["wrong"][-1]
    assert not last["ok"]
    assert last["remedy"]
    assert "AKIAWRONG" not in json.dumps(last)


def test_a_server_that_speaks_no_tls(governance: CommandLine, connection: dict[str, Any], lake: Served) -> None:
    last = probes(governance, 1, tls=connection | {"endpoint_url": lake.url.replace("http:", "https:")})["tls"][-1]
    assert not last["ok"]
    assert "ssl" in last["detail"].lower() or "tls" in last["detail"].lower()


def test_a_missing_privilege_comes_with_its_grant(
    governance: CommandLine, connection: dict[str, Any], lake: Served
) -> None:
    rule = {"action": "fail", "match": "AWSGlue.GetTables", "status": 403}
    requests.post(f"{lake.url}/_sandbox/faults", json=[rule], timeout=10).raise_for_status()
    found = probes(governance, 1, lake=connection)["lake"]
    (denied,) = [p for p in found if not p["ok"]]
    assert "glue:GetTables" in denied["missing"] + denied["name"]
    assert "glue:GetTables" in denied["remedy"]


def test_people_get_marks_and_the_fix(governance: CommandLine, connection: dict[str, Any]) -> None:
    Path("estate.yaml").write_text(
        yaml.safe_dump({"version": 1, "sources": [{"name": "lake", "platform": "glue", "connection": connection}]})
    )
    outcome = governance("doctor")
    assert outcome.code == 1
    assert "✗ server  the embedded PostgreSQL does not run" in outcome.out
    assert "fix: start it with `governance up`" in outcome.out
    assert "✓" in outcome.out.partition("\nlake\n")[2]
