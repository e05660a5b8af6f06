"""The sandbox as a process: it fills, keeps its ports, guards its secrets, misbehaves, and ends."""

import json
import signal
import socket
from pathlib import Path

import psutil
import pytest
import requests
import yaml

from tests.cli.conftest import Installed, left_of

pytestmark = [pytest.mark.xdist_group("services"), pytest.mark.timeout(900)]


def state(home: Path) -> dict[str, object]:
    return dict(json.loads((home / "sandbox" / "state.json").read_text()))


def test_a_life_of_the_sandbox(installed: Installed) -> None:
    home = installed.home
    up = installed("sandbox", "up", "--platform", "glue", "--seed", "11")
    assert up.code == 0, up.err
    assert "glue" in up.out
    before = state(home)
    assert before["ready"] is True
    assert before["seed"] == 11

    again = installed("sandbox", "up")
    assert again.code == 0
    assert "ran already" in again.out
    assert state(home)["pid"] == before["pid"]

    psutil.Process(int(str(before["pid"]))).send_signal(signal.SIGKILL)
    revived = installed("sandbox", "up", "--platform", "glue")
    assert revived.code == 0
    after = state(home)
    assert after["pid"] != before["pid"]
    assert after["platforms"]["glue"]["url"] == before["platforms"]["glue"]["url"]  # type: ignore[index]

    down = installed("sandbox", "down")
    assert down.out.strip() == "stopped the sandbox"
    assert left_of(home) == []
    assert installed("sandbox", "down").out.strip() == "the sandbox did not run"


def test_its_estate_needs_no_environment_and_its_secrets_are_its_owners(installed: Installed) -> None:
    assert installed("sandbox", "up", "--platform", "glue").code == 0
    printed = yaml.safe_load(installed("sandbox", "estate").out)
    (lake,) = printed["sources"]
    assert (lake["name"], lake["platform"], lake["schedule"]) == ("lake", "glue", "0 * * * *")
    references = [v for v in lake["connection"].values() if isinstance(v, dict)]
    assert references
    for reference in references:
        path = Path(reference["file"])
        assert path.stat().st_mode & 0o777 == 0o600
        assert path.read_text()


def test_a_port_that_was_taken_meanwhile_is_replaced(installed: Installed) -> None:
    assert installed("sandbox", "up", "--platform", "glue").code == 0
    port = int(str(state(installed.home)["platforms"]["glue"]["url"]).rpartition(":")[2])  # type: ignore[index]
    assert installed("sandbox", "down").code == 0
    with socket.create_server(("127.0.0.1", port)):
        assert installed("sandbox", "up", "--platform", "glue").code == 0
        url = state(installed.home)["platforms"]["glue"]["url"]  # type: ignore[index]
        assert not str(url).endswith(f":{port}")


def test_it_misbehaves_as_told_and_recovers(installed: Installed) -> None:
    assert installed("sandbox", "up", "--platform", "glue").code == 0
    assert (
        installed("sandbox", "fault", "lake", "fail", "--match", "/anything", "--status", "503", "--times", "1").code
        == 0
    )
    url = state(installed.home)["platforms"]["glue"]["url"]  # type: ignore[index]
    assert requests.get(f"{url}/anything", timeout=10).status_code == 503
    (rule,) = json.loads(installed("sandbox", "faults").out)["glue"]
    assert (rule["action"], rule["struck"]) == ("fail", 1)
    assert installed("sandbox", "clear").code == 0
    assert json.loads(installed("sandbox", "faults").out) == {"glue": []}

    wrong = installed("sandbox", "fault", "lake", "explode")
    assert wrong.code == 2
    assert "explode" in wrong.err
    absent = installed("sandbox", "fault", "oracle", "slow")
    assert absent.code == 2
    assert "it serves glue" in absent.err


def test_a_server_with_an_authority_of_its_own_is_trusted_by_us_and_by_its_estate(installed: Installed) -> None:
    up = installed("sandbox", "up", "--platform", "purview", "--platform", "glue")
    assert up.code == 0, up.err
    (ca,) = [
        Path(s["connection"]["ca_bundle"])
        for s in yaml.safe_load(installed("sandbox", "estate").out)["sources"]
        if s["platform"] == "purview"
    ]
    assert ca.parent == installed.home / "sandbox"
    url = state(installed.home)["platforms"]["purview"]["url"]  # type: ignore[index]
    assert requests.get(f"{url}/_sandbox/faults", timeout=10, verify=str(ca)).json() == []

    faults = installed("sandbox", "faults")
    assert faults.code == 0, faults.err
    assert json.loads(faults.out) == {"glue": [], "purview": []}
    told = installed("sandbox", "fault", "purview", "fail", "--status", "503")
    assert told.code == 0, told.err
    (rule,) = json.loads(installed("sandbox", "faults").out)["purview"]
    assert (rule["action"], rule["status"]) == ("fail", 503)
    cleared = installed("sandbox", "clear")
    assert cleared.code == 0, cleared.err
    assert requests.get(f"{url}/_sandbox/faults", timeout=10, verify=str(ca)).json() == []

    assert installed("sandbox", "down").code == 0
    assert installed("sandbox", "up", "--platform", "purview").code == 0
    url = state(installed.home)["platforms"]["purview"]["url"]  # type: ignore[index]
    assert requests.get(f"{url}/_sandbox/faults", timeout=10, verify=str(ca)).status_code == 200


def test_an_unknown_platform_is_said_and_leaves_nothing(installed: Installed) -> None:
    outcome = installed("sandbox", "up", "--platform", "oracle")
    assert outcome.code == 2
    assert "no such platform in the sandbox: oracle" in outcome.err
    assert left_of(installed.home) == []
