"""Commands that are timed, and servers that run beside them for as long as a block does."""

import json
import os
import re
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil

ROOT = Path(__file__).resolve().parents[1]
STATE = ROOT / ".bench"
"""Environments of the peers, logs and results of the last run; not in git."""

PER_DATABASE = 250
COLUMNS = 20
PATIENCE = 1800
Figures = dict[str, float]


def timed(command: Sequence[str], environment: Mapping[str, str], log: Path) -> Figures:
    """Wall s, CPU s and peak RSS in MB of one whole process, start-up included.

    Raises:
        SystemExit: it failed; the end of its log is in the message.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    at = log.stat().st_size if log.exists() else 0
    with tempfile.NamedTemporaryFile() as out:
        measure = [sys.executable, "-I", "-S", str(ROOT / "bench" / "measure.py"), out.name, str(log), *command]
        code = _ended(subprocess.Popen(measure, env=dict(environment), cwd=ROOT, start_new_session=True))
        if code:
            said = log.read_bytes()[at:].decode(errors="replace")
            raise SystemExit(f"{' '.join(command)} ended with {code}:\n{said[-4000:]}")
        figures: Figures = json.loads(Path(out.name).read_bytes())
    return figures


def _ended(process: "subprocess.Popen[bytes]") -> int:
    """The exit code; after half an hour, or where we are stopped, the process and what it started are ended."""
    try:
        return process.wait(timeout=PATIENCE)
    except BaseException as reason:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        if isinstance(reason, subprocess.TimeoutExpired):
            return -signal.SIGKILL
        raise


def script(module: str, *arguments: str) -> Figures:
    """What a bench script prints on its last line."""
    command = [sys.executable, "-m", module, *arguments]
    out = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)
    if out.returncode:
        raise SystemExit(f"{module} failed:\n{out.stdout[-2000:]}{out.stderr[-4000:]}")
    figures: Figures = json.loads(out.stdout.strip().splitlines()[-1])
    return figures


@contextmanager
def serving(module: str, *arguments: str) -> Iterator[str]:
    """The address of a server that prints `port N` on its first line, until the block ends."""
    command = [sys.executable, "-m", module, *arguments]
    server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT)
    try:
        assert server.stdout is not None
        line = server.stdout.readline()
        found = re.search(r"port (\d+)", line)
        if found is None:
            raise SystemExit(f"{module} did not start: {line}")
        yield f"http://127.0.0.1:{found[1]}"
    finally:
        server.terminate()
        server.wait(timeout=30)


@contextmanager
def replay(tables: int, *options: str) -> Iterator[str]:
    """The address of a Glue endpoint with so many tables of 20 columns, rendered beforehand."""
    per = min(PER_DATABASE, tables)
    sizes = ("--databases", str(max(1, tables // per)), "--tables", str(per), "--columns", str(COLUMNS))
    with serving("bench.glue_replay", *sizes, *options) as address:
        yield address


def cpu_of(pid: int) -> float:
    """CPU seconds of a server so far: its own, and those of its children, living or ended."""
    process = psutil.Process(pid)
    total = 0.0
    for child in process.children():
        # one that ends meanwhile is in its parent's figures
        with suppress(psutil.NoSuchProcess):
            times = child.cpu_times()
            total += times.user + times.system
    own = process.cpu_times()
    return float(total + own.user + own.system + own.children_user + own.children_system)


def environment(**more: str) -> dict[str, str]:
    """This process's environment without anything that means us or a cloud account, and with `more`."""
    ours = ("GOVERNANCE_", "DAGSTER_", "AWS_", "DATAHUB_", "PYTHON", "VIRTUAL_ENV")
    return {name: value for name, value in os.environ.items() if not name.startswith(ours)} | more
