"""`governance up` and `down`: what is started is found again and ended, whatever happened meanwhile."""

import json
import os
import signal
import socket
import subprocess
from pathlib import Path

import psutil
import pytest
import requests

from tests.cli.conftest import GOVERNANCE, Installed, left_of

pytestmark = [pytest.mark.xdist_group("services"), pytest.mark.timeout(900)]

ESTATE = """version: 1
sources:
  - name: lake
    platform: glue
    connection: {region: eu-west-1, endpoint_url: "http://127.0.0.1:9"}
"""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def own(installed: Installed, tmp_path: Path) -> Installed:
    """An installation with an estate of its own: no sandbox."""
    (tmp_path / "estate.yaml").write_text(ESTATE, encoding="utf-8")
    return installed


def pids(home: Path) -> dict[str, int]:
    return {p.stem: json.loads(p.read_text())["pid"] for p in (home / "run").glob("*.json")}


def test_a_life_with_crashes(own: Installed) -> None:
    """One installation through all of it: a start takes seconds, so the parts share it."""
    port = free_port()
    with socket.create_server(("127.0.0.1", port)):
        up = own("up", "--no-sync", "--port", str(port))
        assert up.code == 0, up.out + up.err
    status = json.loads(own("status", "--json").out)
    assert all(status["running"][name] for name in ("webserver", "daemon", "code-server", "PostgreSQL"))
    assert f"{port} was in use" in up.out
    assert status["address"] in up.out
    assert not status["address"].endswith(f":{port}")
    assert requests.get(f"{status['address']}/server_info", timeout=20).json()["dagster_webserver_version"]

    before = pids(own.home)
    assert set(before) == {"code-server", "webserver", "daemon"}
    again = own("up", "--no-sync", "--port", str(port))
    assert again.code == 0
    assert "all ran already" in again.out
    assert pids(own.home) == before

    plain_dagster_commands_find_it(own)

    os.kill(before["daemon"], signal.SIGKILL)
    assert own("up", "--no-sync").code == 0
    after = pids(own.home)
    assert after["daemon"] != before["daemon"]
    assert after["webserver"] == before["webserver"]

    # its child server is not struck by the kill, and would go on for a while
    os.kill(after["code-server"], signal.SIGKILL)
    down = own("down")
    assert down.code == 0
    assert {"stopped webserver", "stopped daemon", "stopped PostgreSQL"} <= set(down.out.splitlines())
    assert left_of(own.home) == []
    assert own("down").out.strip() == "nothing was running"


def plain_dagster_commands_find_it(own: Installed) -> None:
    assert f"export GOVERNANCE_HOME={own.home}" in own("env").out
    done = subprocess.run(
        ["bash", "-c", f'eval "$({GOVERNANCE} env)" && cd / && {GOVERNANCE.with_name("dagster")} instance info'],
        env=dict(own.environment),
        cwd=own.home.parent,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    assert "PostgresEventLogStorage" in done.stdout


def test_in_the_foreground_sigterm_ends_everything(own: Installed) -> None:
    command = [str(GOVERNANCE), "up", "--no-sync", "--foreground", "--port", str(free_port())]
    with subprocess.Popen(
        command, env=dict(own.environment), cwd=own.home.parent, stdout=subprocess.PIPE, text=True
    ) as attached:
        assert attached.stdout is not None
        for line in attached.stdout:
            if line.startswith("Web UI"):
                break
        assert set(pids(own.home)) == {"code-server", "webserver", "daemon"}
        assert attached.poll() is None
        attached.terminate()
        assert "stopped PostgreSQL" in attached.stdout.read()
    assert attached.returncode == 0
    assert left_of(own.home) == []


def test_a_pid_that_belongs_to_another_process_now_is_never_killed(own: Installed) -> None:
    with subprocess.Popen(["sleep", "60"]) as stranger:
        run = own.home / "run"
        run.mkdir(parents=True)
        record = {"name": "webserver", "pid": stranger.pid, "started": 1.0, "port": 3000, "log": "x"}
        (run / "webserver.json").write_text(json.dumps(record))
        assert own("down").out.strip() == "nothing was running"
        assert psutil.pid_exists(stranger.pid) and stranger.poll() is None
        stranger.kill()
