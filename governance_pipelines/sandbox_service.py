"""The sandbox as seen from outside: started, watched while it fills, told to misbehave, stopped."""

import shutil
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests

from governance.errors import ConfigurationError, Unavailable
from governance_pipelines import processes
from governance_pipelines.bindings import CHECKOUT, Installation
from governance_pipelines.processes import Record
from governance_pipelines.services import free_port
from sandbox.process import Folder

SANDBOX, ATLAS = "sandbox", "atlas"
ATLAS_SERVER = CHECKOUT / "tests" / "servers" / "atlas" / "atlas-server"
PATIENCE_SECONDS = 300.0
ATLAS_PATIENCE_SECONDS = 900.0
"""The first start of a real Atlas lets Maven gather some hundred jars."""
_ATLAS_PORT = 21000


@dataclass(frozen=True)
class Wish:
    """What is asked of the sandbox; None is whatever it already is, or the default."""

    scale: int | None = None
    seed: int | None = None
    platforms: tuple[str, ...] = ()
    real_atlas: bool = False


@dataclass(frozen=True)
class Platform:
    """One served platform."""

    platform: str
    source: str
    url: str
    ca: str | None
    faults: bool
    seeded: bool


def sandbox_platforms(home: Path) -> list[Platform]:
    """The platforms of the running sandbox; empty where it does not run."""
    if processes.running(home, SANDBOX) is None:
        return []
    platforms = Folder(home).read("state").get("platforms", {})
    return [
        Platform(name, p["source"], p["url"], p["ca"], p["faults"], p["seeded"])
        for name, p in sorted(platforms.items())
    ]


def start_sandbox(installation: Installation, wish: Wish, tell: Callable[[str], None]) -> bool:
    """Starts it and waits until it is full.

    Args:
        installation: with its home prepared.
        wish: how it should be; one that runs and is different is started anew.
        tell: is told in words what is still waited for.

    Returns:
        Whether it ran already.

    Raises:
        Unavailable: it ended by itself, or takes too long.
    """
    home = installation.home
    record = processes.running(home, SANDBOX)
    if record is not None and _is_as_wished(home, wish):
        _wait_until_full(home, record, tell)
        return True
    stop_sandbox(home)
    Folder(home).prepare()
    command = [sys.executable, "-m", "sandbox", "--home", str(home)]
    command += ["--scale", str(wish.scale or 1), "--seed", str(7 if wish.seed is None else wish.seed)]
    if wish.platforms:
        command += ["--platforms", *wish.platforms]
    if wish.real_atlas:
        command += ["--elsewhere", f"atlas={_start_atlas(installation, tell)}"]
    record = processes.start(home, SANDBOX, command, installation.marked_environment())
    _wait_until_full(home, record, tell)
    return False


def stop_sandbox(home: Path) -> list[str]:
    """Ends its processes; returns the names of those that ran."""
    return [name for name in (SANDBOX, ATLAS) if processes.stop(home, name)]


def send_faults(home: Path, platform: str | None, rules: Sequence[dict[str, Any]] | None) -> dict[str, Any]:
    """Puts rules in force on a platform's server (an empty list ends them), or reads those in force.

    Args:
        home: the state directory.
        platform: which; None for all.
        rules: see `sandbox.faults`; None only reads.

    Returns:
        The rules in force by platform, each with how often it has struck.

    Raises:
        ConfigurationError: there is no such platform, or the server does not take the rules.
    """
    served = [p for p in sandbox_platforms(home) if platform in (None, p.platform, p.source) and p.faults]
    if not served:
        there = ", ".join(p.platform for p in sandbox_platforms(home) if p.faults)
        raise ConfigurationError(
            f"the sandbox serves no {platform}" if there else "the sandbox does not run",
            platform="sandbox",
            remedy=f"it serves {there}" if there else "start it with `governance sandbox up`",
        )
    out = {}
    for one in served:
        url, verify = f"{one.url}/_sandbox/faults", one.ca or True
        answer = (
            requests.get(url, timeout=10, verify=verify)
            if rules is None
            else requests.post(url, json=list(rules), timeout=10, verify=verify)
        )
        if answer.status_code == 400:
            raise ConfigurationError(answer.json()["error"], platform="sandbox", remedy="correct the rule")
        answer.raise_for_status()
        out[one.platform] = answer.json()
    return out


def _is_as_wished(home: Path, wish: Wish) -> bool:
    state = Folder(home).read("state")
    return (
        wish.scale in (None, state.get("scale"))
        and wish.seed in (None, state.get("seed"))
        and (not wish.platforms or set(wish.platforms) == set(state.get("platforms", {})))
        and (not wish.real_atlas or processes.running(home, ATLAS) is not None)
    )


def _wait_until_full(home: Path, record: Record, tell: Callable[[str], None]) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        state = Folder(home).read("state")
        if state.get("ready") and state.get("pid") == record.pid:
            return
        if not processes.alive(record):
            raise Unavailable(
                f"the sandbox ended by itself:\n{processes.tail(record)}",
                platform="sandbox",
                remedy=f"its whole log is {record.log}",
            )
        empty = [name for name, p in state.get("platforms", {}).items() if not p["seeded"]]
        tell(f"filling {', '.join(empty)}" if empty else "starting its servers")
        time.sleep(0.1)
    raise Unavailable(
        f"the sandbox is not ready after {PATIENCE_SECONDS:.0f} s", platform="sandbox", remedy=f"look into {record.log}"
    )


def _start_atlas(installation: Installation, tell: Callable[[str], None]) -> str:
    """Starts a real, empty Apache Atlas; returns its URL when it is active."""
    from sandbox.atlas.real import why_not

    home = installation.home
    if missing := why_not() if ATLAS_SERVER.exists() else f"{ATLAS_SERVER} is not there: this is no checkout":
        raise ConfigurationError(
            missing, platform="sandbox", operation="--real-atlas", remedy="install it, or leave --real-atlas away"
        )
    data = home / "sandbox" / "atlas"
    shutil.rmtree(data, ignore_errors=True)
    port = _four_free_ports()
    # the log of an earlier run says "ready" too
    (home / "logs" / f"{ATLAS}.log").unlink(missing_ok=True)
    record = processes.start(home, ATLAS, [str(ATLAS_SERVER), str(port), str(data)], installation.marked_environment())
    deadline = time.monotonic() + ATLAS_PATIENCE_SECONDS
    while time.monotonic() < deadline:
        if "ready at" in processes.tail(record, lines=1000):
            return f"http://127.0.0.1:{port}"
        tell("a real Apache Atlas is starting")
        if not processes.alive(record):
            raise Unavailable(
                f"Apache Atlas ended by itself:\n{processes.tail(record)}",
                platform="sandbox",
                remedy=f"its whole log is {record.log}",
            )
        time.sleep(1)
    raise Unavailable(
        f"Apache Atlas is not active after {ATLAS_PATIENCE_SECONDS:.0f} s",
        platform="sandbox",
        remedy=f"look into {record.log}",
    )


def _four_free_ports() -> int:
    """The first of four neighbours, which Atlas, ZooKeeper, Kafka and Solr take."""
    port = _ATLAS_PORT
    while True:
        first = free_port(port, "127.0.0.1")
        if all(free_port(first + n, "127.0.0.1") == first + n for n in (1, 2, 3)):
            return first
        port = first + 4
