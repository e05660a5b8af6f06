"""A process that translates, seen from the one that reads and writes."""

import fcntl
import os
import subprocess
import sys
import threading
from collections import deque
from concurrent.futures import Future
from contextlib import suppress
from pathlib import Path

import msgspec
import structlog

from assets.integrations.frames import read_frame, write_frame
from assets.integrations.translator_process import Answer
from governance.listing import Untranslated

_COMMAND = [sys.executable, "-m", "assets.integrations.translator_process"]
_GRACE_SECONDS = 5.0
_PIPE_BYTES = 1 << 20
"""An answer for a page is half of that; a pipe as it comes holds an eighth of one, and each wakes somebody up."""

_QUOTA = Path("/sys/fs/cgroup/cpu.max")
"""Where Linux says so in a container; the root group of a machine has no such file."""

_ANSWERS: msgspec.msgpack.Decoder[Answer] = msgspec.msgpack.Decoder(Answer)

log = structlog.get_logger(__name__)


def processors(quota: Path = _QUOTA) -> float:
    """How many this process may use: those that the system lets it run on, or the part of them that a container has.

    Args:
        quota: `cpu.max` of the control group: microseconds of processor time in a period, or `max`, and the period.
    """
    there = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    try:
        share, period = quota.read_text().split()
    except (OSError, ValueError):
        return there
    return min(there, int(share) / int(period)) if share.isdecimal() and period.isdecimal() else there


class Translator:
    """Started once; gives answers in the order of what is asked. Safe to use from several threads.

    The process ends with its standard input, so that it cannot outlive this one, however this one ends.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._receiver: threading.Thread | None = None
        self._is_ready = self._is_over = False
        self._asked: deque[Future[Answer]] = deque()

    def start(self) -> None:
        """Starts the process, unless it was; a system that refuses is told of in the log, and nobody answers then."""
        with self._lock:
            if self._process is not None or self._is_over:
                return
            try:
                self._process = subprocess.Popen(_COMMAND, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
            except OSError as error:
                self._is_over = True
                log.warning("translator.refused", error=str(error), note="this process translates as well")
                return
            _widen(self._process)
            serve = self._receive
            self._receiver = threading.Thread(target=serve, args=[self._process], name="translator", daemon=True)
            self._receiver.start()

    def ask(self, records: Untranslated) -> Future[Answer] | None:
        """Its answer to come; None where it is not there, or not yet. An answer of None: it cannot tell."""
        with self._lock:
            process = self._process
            if process is None or process.stdin is None or not self._is_ready or self._is_over:
                return None
            answer: Future[Answer] = Future()
            try:
                write_frame(process.stdin, msgspec.msgpack.encode(records))
            except OSError:
                return None
            self._asked.append(answer)
            return answer

    def _receive(self, process: "subprocess.Popen[bytes]") -> None:
        """Gives out what comes back, to the end; whoever still waits then has to do without."""
        assert process.stdout is not None
        if read_frame(process.stdout) is not None:
            self._is_ready = True
            while (body := read_frame(process.stdout)) is not None:
                with self._lock:
                    answer = self._asked.popleft()
                answer.set_result(_ANSWERS.decode(body))
        with self._lock:
            was_closed, self._is_over = self._is_over, True
            left = list(self._asked)
            self._asked.clear()
        if not was_closed:
            log.warning("translator.ended", pid=process.pid, note="this process translates as well")
        for answer in left:
            answer.set_result(None)

    def close(self) -> None:
        """Ends the process; one that does not end by itself is killed."""
        with self._lock:
            self._is_over, process, receiver = True, self._process, self._receiver
        if process is None or receiver is None or process.stdin is None or process.stdout is None:
            return
        with suppress(OSError):
            process.stdin.close()
        try:
            process.wait(_GRACE_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        receiver.join()
        process.stdout.close()


def _widen(process: "subprocess.Popen[bytes]") -> None:
    """Makes both pipes wider, where the system lets us."""
    size = getattr(fcntl, "F_SETPIPE_SZ", None)
    for pipe in (process.stdin, process.stdout):
        if size is not None and pipe is not None:
            with suppress(OSError):
                fcntl.fcntl(pipe.fileno(), size, _PIPE_BYTES)
