"""Starts a real Apache Atlas and waits for it, where Java 17 and Maven are to be had.

    server = start(Path("tests/servers/atlas/atlas-server"), data_directory)
    fill(server.url)            # from sandbox.atlas.face: the same estate as the stand-in's
    server.stop()

The first start gathers the server with Maven (about 330 MB); it takes 1 GB of memory and is up 15 to 60 s later.
"""

import os
import shutil
import socket
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path

_LOG = "atlas-server.log"
_PORTS_TOGETHER = 4


class NotStarted(RuntimeError):
    """The server did not come up; the message has the end of its log."""


@dataclass
class RealServer:
    """A running server; its process leads a session of its own, so it outlives whoever started it."""

    url: str
    log: Path
    process: subprocess.Popen[bytes] = field(repr=False)

    def stop(self) -> None:
        """Ends the server and waits for it."""
        self.process.terminate()
        try:
            self.process.wait(30)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait(10)


def why_not() -> str:
    """What this machine lacks to run it; empty where nothing."""
    home = os.environ.get("JAVA_HOME")
    java = f"{home}/bin/java" if home else shutil.which("java")
    if java is None or not Path(java).exists():
        return "no java: a real Apache Atlas needs a Java 17 JDK"
    said = subprocess.run([java, "-version"], capture_output=True, text=True, timeout=60, check=False).stderr
    if 'version "17' not in said:
        return f"Java 17 is needed for a real Apache Atlas, {java} is another version"
    return "" if shutil.which("mvn") else "no mvn: Maven gathers Apache Atlas"


def start(script: Path, data: Path, *, port: int = 0, timeout: float = 900) -> RealServer:
    """Starts the server and waits until it answers.

    Args:
        script: the launcher, `tests/servers/atlas/atlas-server` of the checkout.
        data: where it keeps its data; a directory that has some is continued.
        port: its port, with the three after it; 0 takes free ones.
        timeout: seconds, the gathering included.

    Raises:
        NotStarted: it ended, or did not answer in time.
    """
    data.mkdir(parents=True, exist_ok=True)
    port, log = port or _free_ports(), data / _LOG
    with log.open("wb") as out:
        process = subprocess.Popen(
            [str(script.resolve()), str(port), str(data.resolve())],
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    server = RealServer(f"http://127.0.0.1:{port}", log, process)
    until = time.monotonic() + timeout
    while b"ready at" not in log.read_bytes():
        if process.poll() is not None:
            raise NotStarted(f"Apache Atlas ended with {process.returncode}: {_end_of(log)}")
        if time.monotonic() > until:
            server.stop()
            raise NotStarted(f"Apache Atlas did not answer within {timeout:.0f} s: {_end_of(log)}")
        time.sleep(0.2)
    return server


def _end_of(log: Path) -> str:
    return log.read_text(errors="replace")[-1500:].strip()


def _free_ports() -> int:
    """The first of four free ports in a row."""
    while True:
        with socket.socket() as first:
            first.bind(("127.0.0.1", 0))
            port = int(first.getsockname()[1])
        if port <= 65535 - _PORTS_TOGETHER and all(_is_free(p) for p in range(port, port + _PORTS_TOGETHER)):
            return port


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
