"""Long-lived processes of an installation: started apart from the terminal, found again, and ended for certain.

A process is known by its record on disk (pid and start time: a pid that the system gave to another is never touched),
and by a variable in its environment, which finds those whose record was never written and what they started themselves.
"""

import os
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import msgspec
import psutil

from governance_pipelines.bindings import SERVICE_OF

_SAME_START_SECONDS = 2.0
"""A start time is derived from the boot time, which moves a little when the clock is corrected."""


class Record(msgspec.Struct, frozen=True):
    """A process that was started: `started` is its start time in seconds since 1970, `port` 0 where it has none."""

    name: str
    pid: int
    started: float
    port: int
    log: str


def start(home: Path, name: str, command: Sequence[str], environment: Mapping[str, str], port: int = 0) -> Record:
    """Starts a process in a session of its own, its output appended to a log, and writes its record."""
    log = home / "logs" / f"{name}.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as out, _interruptible():
        child = subprocess.Popen(
            list(command),
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            env=dict(environment),
            # not the state directory itself: Python would take its `sandbox/` for the package of that name
            cwd=log.parent,
        )
    record = Record(name, child.pid, psutil.Process(child.pid).create_time(), port, str(log))
    path = _path(home, name)
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_suffix(".new")
    draft.write_bytes(msgspec.json.encode(record))
    draft.replace(path)
    return record


@contextmanager
def _interruptible() -> Iterator[None]:
    """Children inherit an ignored SIGINT, and Dagster treats SIGTERM as SIGINT: it could then not be ended.

    A shell ignores SIGINT for what it starts with `&`. A handler, unlike that, is back to the default after exec.
    """
    ignored = signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    if ignored:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    finally:
        if ignored:
            signal.signal(signal.SIGINT, signal.SIG_IGN)


def record_of(home: Path, name: str) -> Record | None:
    """The last record of this name, whether it runs or not."""
    try:
        return msgspec.json.decode(_path(home, name).read_bytes(), type=Record)
    except (FileNotFoundError, msgspec.DecodeError):
        return None


def alive(record: Record | None) -> bool:
    """Whether this very process runs."""
    return record is not None and _process(record) is not None


def running(home: Path, name: str) -> Record | None:
    """The record of this name, where its process runs."""
    record = record_of(home, name)
    return record if alive(record) else None


def _process(record: Record) -> psutil.Process | None:
    try:
        process = psutil.Process(record.pid)
        if process.status() == psutil.STATUS_ZOMBIE:
            return None
        return process if abs(process.create_time() - record.started) < _SAME_START_SECONDS else None
    except psutil.NoSuchProcess:
        return None


def command_of(record: Record) -> list[str]:
    """Its command line; empty where it does not run any more."""
    process = _process(record)
    try:
        return process.cmdline() if process else []
    except psutil.Error:
        return []


def stop(home: Path, name: str, patience: float = 15.0) -> bool:
    """Ends the process and everything in its group; returns whether there was anything to end."""
    record = record_of(home, name)
    found = alive(record)
    if record is not None and found:
        end([record.pid], patience)
    _path(home, name).unlink(missing_ok=True)
    return found


def stop_rest(home: Path, patience: float = 5.0) -> list[str]:
    """Ends whatever else was started for this installation, such as runs; returns what it was."""
    left = _marked(home)
    names = sorted({_name(p) for p in left})
    end([p.pid for p in left], patience)
    return names


def end(pids: Sequence[int], patience: float) -> None:
    """SIGTERM to each process and the group it leads, then SIGKILL to what is left after `patience` seconds."""
    members = [p for pid in pids for p in _group(pid)]
    _signal(members, signal.SIGTERM)
    deadline = time.monotonic() + patience
    while (left := [p for p in members if _exists(p)]) and time.monotonic() < deadline:
        _reap(left)
        time.sleep(0.05)
    _signal(left, signal.SIGKILL)
    while left := [p for p in left if _exists(p)]:
        _reap(left)
        time.sleep(0.05)


def _group(pid: int) -> list[psutil.Process]:
    """The process, its descendants and the other members of the session it leads."""
    found: dict[int, psutil.Process] = {}
    try:
        head = psutil.Process(pid)
        found = {p.pid: p for p in (head, *head.children(recursive=True))}
    except psutil.NoSuchProcess:
        return []
    for process in psutil.process_iter():
        try:
            if os.getpgid(process.pid) == pid:
                found.setdefault(process.pid, process)
        except ProcessLookupError:
            continue
    return list(found.values())


def _signal(processes: Sequence[psutil.Process], number: int) -> None:
    for process in processes:
        try:
            # psutil checks the start time first: a pid that was given to another process is not signalled
            process.send_signal(number)
        except psutil.NoSuchProcess:
            continue


def _exists(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def _reap(processes: Sequence[psutil.Process]) -> None:
    """Takes the exit status of those that are children of this process."""
    for process in processes:
        try:
            os.waitpid(process.pid, os.WNOHANG)
        except ChildProcessError:
            continue


def _marked(home: Path) -> list[psutil.Process]:
    """The processes that carry this installation's mark, this one and its ancestors excepted."""
    here = psutil.Process()
    spared = {here.pid, *(p.pid for p in here.parents())}
    found = []
    for process in psutil.process_iter():
        try:
            if process.pid not in spared and process.environ().get(SERVICE_OF) == str(home):
                found.append(process)
        except psutil.Error:
            continue
    return [p for p in found if _exists(p)]


def _name(process: psutil.Process) -> str:
    try:
        words = [Path(w).name for w in process.cmdline()[:4] if not w.startswith("-")]
        return " ".join(words[:3]) or process.name()
    except psutil.Error:
        return f"process {process.pid}"


def tail(record: Record, lines: int = 15) -> str:
    """The end of its log."""
    try:
        text = Path(record.log).read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        return ""
    return "\n".join(text.splitlines()[-lines:])


def _path(home: Path, name: str) -> Path:
    return home / "run" / f"{name}.json"
