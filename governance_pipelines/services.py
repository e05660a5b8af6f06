"""What `governance up` keeps running: code server, web server and daemon, each a process of its own."""

import hashlib
import json
import socket
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import requests
import yaml

from governance.errors import Unavailable
from governance_pipelines import processes
from governance_pipelines.bindings import Installation
from governance_pipelines.processes import Record

CODE, WEB, DAEMON = "code-server", "webserver", "daemon"
SERVICES = (WEB, DAEMON, CODE)
"""In the order in which they are stopped: those who ask before the one that answers."""

LOCATION = "governance"
PATIENCE_SECONDS = 180.0
_PORTS_TRIED = 100

_READY = """{
  workspaceOrError { ... on Workspace { locationEntries {
    name loadStatus
    locationOrLoadError { __typename ... on PythonError { message errorChain { error { message } } } }
  } } }
  instance { daemonHealth { allDaemonStatuses { daemonType required healthy } } }
}"""


def start_services(installation: Installation, port: int | None) -> tuple[list[Record], list[str]]:
    """Starts those that do not run.

    Args:
        installation: with its home and databases prepared.
        port: of the web server; None for the settings' own. The next free one is taken where it is in use.

    Returns:
        The records of all three, and the names of those that ran already.
    """
    home = installation.home
    if _serves(home) != _identity(installation):
        # another estate, database or setting than before, or never ready: the old processes would stay as they are
        stop_services(home)
    already = [name for name in (CODE, WEB, DAEMON) if processes.running(home, name)]
    code = processes.running(home, CODE) or _start_code_server(installation)
    _wait_for_port(code)
    records = [
        code,
        processes.running(home, WEB) or _start_web_server(installation, port),
        processes.running(home, DAEMON) or _start_daemon(installation),
    ]
    return records, already


def stop_services(home: Path) -> list[str]:
    """Ends them; returns the names of those that ran."""
    return [name for name in SERVICES if processes.stop(home, name)]


def web_address(home: Path) -> str | None:
    """The address of the web UI, where it runs."""
    record = processes.running(home, WEB)
    if record is None:
        return None
    return f"http://{_started_host(home)}:{record.port}"


def wait_until_ready(installation: Installation, records: list[Record], tell: Callable[[str], None]) -> None:
    """Waits for the location to be loaded and the daemon to be alive.

    Args:
        installation: whose services they are.
        records: of the processes that must stay alive meanwhile.
        tell: is told in words what is still waited for.

    Raises:
        Unavailable: a process ended, the location does not load, or it takes too long.
    """
    home, deadline = installation.home, time.monotonic() + PATIENCE_SECONDS
    url = f"{web_address(home)}/graphql"
    while True:
        for record in records:
            _must_be_alive(record)
        waiting = _waiting_for(url)
        if not waiting:
            _serving(home).write_text(_identity(installation), encoding="utf-8")
            return
        tell(waiting)
        if time.monotonic() > deadline:
            raise Unavailable(
                f"Dagster is not ready after {PATIENCE_SECONDS:.0f} s; still waiting for {waiting}",
                platform="dagster",
                remedy=f"look into {home / 'logs'}",
            )
        time.sleep(0.25)


def _waiting_for(url: str) -> str:
    """What is not ready yet, in words; empty when all is."""
    try:
        data = requests.post(url, json={"query": _READY}, timeout=20).json()["data"]
    except (requests.RequestException, ValueError, KeyError):
        return "the web server"
    for entry in data["workspaceOrError"].get("locationEntries", []):
        problem = entry["locationOrLoadError"]
        if entry["name"] == LOCATION and entry["loadStatus"] == "LOADED" and problem:
            if problem["__typename"] == "PythonError":
                # the innermost says what is wrong, the outer ones only that something is
                causes = [link["error"]["message"] for link in problem["errorChain"]] or [problem["message"]]
                raise Unavailable(
                    f"the code location does not load: {causes[-1].strip()}",
                    platform="dagster",
                    remedy="correct it, then `governance up` once more",
                )
            return _sick_daemons(data["instance"]["daemonHealth"]["allDaemonStatuses"])
    return "the code location"


def _sick_daemons(statuses: list[Mapping[str, Any]]) -> str:
    sick = sorted(s["daemonType"].lower() for s in statuses if s["required"] and not s["healthy"])
    return f"the daemon ({', '.join(sick)})" if sick else ""


def _must_be_alive(record: Record) -> None:
    if not processes.alive(record):
        raise Unavailable(
            f"the {record.name} ended by itself:\n{processes.tail(record)}",
            platform="dagster",
            remedy=f"its whole log is {record.log}",
        )


def _start_code_server(installation: Installation) -> Record:
    home = installation.home
    port = free_port(_last_port(home, CODE), "127.0.0.1")
    server = {"host": "127.0.0.1", "port": port, "location_name": LOCATION}
    workspace = yaml.safe_dump({"load_from": [{"grpc_server": server}]})
    _workspace(home).write_text(f"# Written by `governance up`.\n{workspace}", encoding="utf-8")
    command = [
        _tool("dagster"),
        *("code-server", "start", "--host", "127.0.0.1", "--port", str(port)),
        *("--module-name", "governance_pipelines.definitions", "--location-name", LOCATION),
        "--use-python-environment-entry-point",
    ]
    return processes.start(home, CODE, command, installation.service_environment(), port)


def _start_web_server(installation: Installation, port: int | None) -> Record:
    web, home = installation.settings.web, installation.home
    taken = free_port(port or web.port, web.host)
    command = [_tool("dagster-webserver"), "-h", web.host, "-p", str(taken), "-w", str(_workspace(home))]
    return processes.start(home, WEB, command, installation.service_environment(), taken)


def _start_daemon(installation: Installation) -> Record:
    command = [_tool("dagster-daemon"), "run", "-w", str(_workspace(installation.home))]
    return processes.start(installation.home, DAEMON, command, installation.service_environment())


def _wait_for_port(record: Record) -> None:
    """A web server that meets no code server shows an error until its next look."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        _must_be_alive(record)
        try:
            socket.create_connection(("127.0.0.1", record.port), timeout=1).close()
            return
        except OSError:
            time.sleep(0.1)
    raise Unavailable(
        f"the {record.name} does not answer after {PATIENCE_SECONDS:.0f} s",
        platform="dagster",
        remedy=f"look into {record.log}",
    )


def free_port(wanted: int, host: str) -> int:
    """This port, or the next that nobody listens on; any free one for 0.

    gRPC shares a port with whoever has it already, and answers would then come from either: hence the look before.

    Raises:
        Unavailable: none of the next hundred is free.
    """
    for port in range(wanted, min(wanted + _PORTS_TRIED, 65_536)) if wanted else (0,):
        with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
            if port and _answers(host, port):
                continue
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((host, port))
            except OSError:
                continue
            return int(probe.getsockname()[1])
    raise Unavailable(
        f"no port from {wanted} to {wanted + _PORTS_TRIED - 1} is free on {host}",
        platform="dagster",
        remedy="name another with --port",
    )


def _answers(host: str, port: int) -> bool:
    try:
        socket.create_connection((_reachable(host), port), timeout=0.5).close()
    except OSError:
        return False
    return True


def _reachable(host: str) -> str:
    """The address under which a server that listens on `host` is reached from here."""
    return {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)


def _last_port(home: Path, name: str) -> int:
    record = processes.record_of(home, name)
    return record.port if record else 0


def _identity(installation: Installation) -> str:
    """A digest of all that the services read when they start; the variables may hold passwords."""
    known = {k: v for k, v in installation.service_environment().items() if k.startswith(("GOVERNANCE_", "DAGSTER_"))}
    estate = installation.estate_path.read_bytes() if installation.estate_path.exists() else b""
    return hashlib.sha256(json.dumps(known, sort_keys=True).encode() + estate).hexdigest()


def _serves(home: Path) -> str:
    try:
        return _serving(home).read_text(encoding="utf-8")
    except FileNotFoundError:
        return ""


def _serving(home: Path) -> Path:
    return home / "run" / "serving"


def _started_host(home: Path) -> str:
    """The host part of the web address, from the command that serves it."""
    record = processes.running(home, WEB)
    words = processes.command_of(record) if record else []
    return _reachable(words[words.index("-h") + 1]) if "-h" in words else "127.0.0.1"


def _workspace(home: Path) -> Path:
    return home / "workspace.yaml"


def _tool(name: str) -> str:
    """A command of the environment that runs us, wherever PATH points."""
    return str(Path(sys.executable).parent / name)
