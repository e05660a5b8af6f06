"""Runs one command and says what it cost; a small process of its own, so that nothing of its caller's is counted.

python bench/measure.py OUT LOG COMMAND …

The kernel's account of the command and of the children it waited for: wall clock, user and system time, peak of the
resident memory. OUT gets them as JSON. A command's peak starts at the size of the process that forks it, hence no
imports here beyond the standard library's smallest.
"""

import json
import os
import sys
import time


def main(out: str, log: str, command: list[str]) -> int:
    """The command's exit code."""
    said = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    begun = time.perf_counter()
    child = os.fork()
    if child == 0:
        os.dup2(said, 1)
        os.dup2(said, 2)
        os.execvp(command[0], command)
    _, status, usage = os.wait4(child, 0)
    figures = {
        "wall_s": time.perf_counter() - begun,
        "cpu_s": usage.ru_utime + usage.ru_stime,
        "rss_mb": usage.ru_maxrss / 1024,
        "load": os.getloadavg()[0],
    }
    with open(out, "w", encoding="utf-8") as to:
        json.dump(figures, to)
    return os.waitstatus_to_exitcode(status)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2], sys.argv[3:]))
