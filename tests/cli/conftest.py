"""The command line in this process, and as a process of its own, on a state directory of the test's."""

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

from governance_pipelines.bindings import SERVICE_OF

GOVERNANCE = Path(sys.executable).parent / "governance"


@dataclass(frozen=True)
class Outcome:
    code: int
    out: str
    err: str


class CommandLine:
    """`governance …` in this process: as `main()` runs it, exit code and both streams caught."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
        self._patch, self._streams = monkeypatch, capfd

    def __call__(self, *arguments: str) -> Outcome:
        from governance_pipelines.cli import main

        self._patch.setattr(sys, "argv", ["governance", *arguments])
        self._streams.readouterr()
        with pytest.raises(SystemExit) as ended:
            main()
        out, err = self._streams.readouterr()
        return Outcome(int(ended.value.code or 0), out, err)


def clean_environment() -> dict[str, str]:
    return {k: v for k, v in os.environ.items() if not k.startswith(("GOVERNANCE_", "DAGSTER_"))}


def left_of(home: Path) -> list[str]:
    """Command lines of the processes that still belong to this state directory."""
    found = []
    for process in psutil.process_iter():
        try:
            ours = process.environ().get(SERVICE_OF) == str(home) or str(home) in " ".join(process.cmdline())
            if ours and process.status() != psutil.STATUS_ZOMBIE:
                found.append(" ".join(process.cmdline()))
        except psutil.Error:
            continue
    return found


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A state directory; the environment and the current directory know no other installation."""
    for name in set(os.environ) - set(clean_environment()):
        monkeypatch.delenv(name)
    home = tmp_path / "home"
    monkeypatch.setenv("GOVERNANCE_HOME", str(home))
    monkeypatch.chdir(tmp_path)
    return home


@pytest.fixture
def governance(home: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> CommandLine:
    return CommandLine(monkeypatch, capfd)


class Installed:
    """`governance …` as a process of its own, on one state directory."""

    def __init__(self, home: Path, **variables: str) -> None:
        self.home = home
        self.environment: Mapping[str, str] = {**clean_environment(), "GOVERNANCE_HOME": str(home), **variables}

    def __call__(self, *arguments: str, timeout: float = 240) -> Outcome:
        done = subprocess.run(
            [str(GOVERNANCE), *arguments],
            env=dict(self.environment),
            cwd=self.home.parent,
            capture_output=True,
            text=True,
            timeout=timeout,
            stdin=subprocess.DEVNULL,
        )
        return Outcome(done.returncode, done.stdout, done.stderr)


@pytest.fixture
def installed(tmp_path: Path) -> Iterator[Installed]:
    """Whatever the test starts is ended with it."""
    this = Installed(tmp_path / "home")
    yield this
    this("down")
