"""Runs one command and says what it cost; a small process of its own, so that nothing of its caller's is counted.

python bench/measure.py OUT LOG COMMAND …

The kernel's account of the command and of the children it waited for: wall clock, user and system time, peak of the
resident memory. OUT gets them as JSON. To the command's peak those of all that it started are added, whenever they
were reached; they are looked at five times a second. A command's peak starts at the size of the process that forks it,
hence no imports here beyond the standard library's smallest.
"""

import json
import os
import sys
import threading
import time

_LOOK_SECONDS = 0.2


def children(process: int) -> list[int]:
    """The processes that the threads of this one have started, as far as they are still there."""
    found = []
    try:
        for thread in os.listdir(f"/proc/{process}/task"):
            with open(f"/proc/{process}/task/{thread}/children", encoding="ascii") as told:
                found += map(int, told.read().split())
    except OSError:
        # it ended meanwhile
        pass
    return found


def peak(process: int) -> int:
    """KiB that were resident at most so far; 0 where it is gone."""
    try:
        with open(f"/proc/{process}/status", encoding="ascii", errors="replace") as told:
            return next((int(line.split()[1]) for line in told if line.startswith("VmHWM")), 0)
    except OSError:
        return 0


def watch(process: int, peaks: dict[int, int], over: threading.Event) -> None:
    """Keeps the peaks of all that comes from this process, until it is over."""
    while not over.wait(_LOOK_SECONDS):
        todo = children(process)
        while todo:
            one = todo.pop()
            peaks[one] = max(peaks.get(one, 0), peak(one))
            todo += children(one)


def main(out: str, log: str, command: list[str]) -> int:
    """The command's exit code."""
    said = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    begun = time.perf_counter()
    child = os.fork()
    if child == 0:
        os.dup2(said, 1)
        os.dup2(said, 2)
        os.execvp(command[0], command)
    peaks: dict[int, int] = {}
    over = threading.Event()
    threading.Thread(target=watch, args=[child, peaks, over], daemon=True).start()
    _, status, usage = os.wait4(child, 0)
    wall = time.perf_counter() - begun
    over.set()
    figures = {
        "wall_s": wall,
        "cpu_s": usage.ru_utime + usage.ru_stime,
        "rss_mb": (usage.ru_maxrss + sum(peaks.values())) / 1024,
        "load": os.getloadavg()[0],
    }
    with open(out, "w", encoding="utf-8") as to:
        json.dump(figures, to)
    return os.waitstatus_to_exitcode(status)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2], sys.argv[3:]))
