"""Syncs in processes that can be killed: a server process that forks a child for each, and how to reach it."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from governance.model import Facet
from resources.inventory.database import Inventory
from tests.fixtures.estate import SandboxSource

ROOT = Path(__file__).resolve().parents[2]


class Syncing:
    """The process whose children sync."""

    def __init__(self, env: Mapping[str, str] | None = None) -> None:
        command = [sys.executable, "-m", "tests.faults.syncing"]
        self.process = subprocess.Popen(
            command,
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, **(env or {})},
        )
        assert self._line() == "ready"

    def start(self, source: SandboxSource, inventory: Inventory, patience: float = 30) -> int:
        """The id of a child that syncs; it waits so many seconds for another run of the source to end."""
        return self._start({"connection": dict(source.source().connection)}, inventory, patience)

    def start_facet(self, facet: Facet, number: int, seconds: float, inventory: Inventory, patience: float = 30) -> int:
        """The id of a child that syncs an edition of a facet, whose pages take so long."""
        return self._start({"edition": [facet, number, seconds]}, inventory, patience)

    def _start(self, what: dict[str, Any], inventory: Inventory, patience: float) -> int:
        request = {**what, "database": inventory.url, "patience": patience}
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(request) + "\n")
        self.process.stdin.flush()
        return int(self._line())

    def ended(self) -> int:
        return int(self._line())

    def undisturbed(self, source: SandboxSource, inventory: Inventory) -> float:
        """Seconds of a sync that runs to its end."""
        begun = time.monotonic()
        self.start(source, inventory)
        assert self.ended() == 0
        return time.monotonic() - begun

    def _line(self) -> str:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line, f"the process that syncs ended with {self.process.poll()}"
        return line.strip()

    def signal(self, child: int, number: int = signal.SIGKILL) -> None:
        """Sends it to the child, unless that has ended: its id may be another process's by then."""
        if self.lives(child):
            os.kill(child, number)

    def lives(self, child: int) -> bool:
        """Whether the child has not ended yet."""
        try:
            status = Path(f"/proc/{child}/stat").read_text(encoding="utf-8")
        except OSError:
            return False
        return status.rpartition(")")[2].split()[1] == str(self.process.pid)


@contextmanager
def running(env: Mapping[str, str] | None = None) -> Iterator[Syncing]:
    """The process, with these environment variables too; ended at the end."""
    one = Syncing(env)
    try:
        yield one
    finally:
        assert one.process.stdin is not None and one.process.stdout is not None
        one.process.stdin.close()
        one.process.wait(timeout=30)
        one.process.stdout.close()
