"""The peers' environments: each peer by name from the package registry, in the versions that its `.txt` file pins."""

import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from bench.processes import STATE


@dataclass(frozen=True)
class Peer:
    """A system to be measured beside ours.

    Args:
        name: of its environment and of its file of pins.
        package: what is installed, with extras.
        distribution: whose version is its version.
    """

    name: str
    package: str
    distribution: str

    @property
    def home(self) -> Path:
        """Its environment."""
        return STATE / self.name

    @property
    def pins(self) -> Path:
        """Exact versions of it and of everything it needs, one `name==version` a line."""
        return Path(__file__).with_name(f"{self.name}.txt")

    @property
    def version(self) -> str:
        """As pinned."""
        lines = self.pins.read_text(encoding="utf-8").splitlines()
        return next(line.partition("==")[2] for line in lines if line.startswith(f"{self.distribution}=="))

    def executable(self, name: str) -> str:
        """The path of one of its commands."""
        return str(self.home / "bin" / name)


DATAHUB = Peer("datahub", "acryl-datahub[datahub-rest,glue,snowflake]", "acryl-datahub")
# dbt-core is held below 1.11 by its pins: later ones need a package whose build downloads a program
OPENMETADATA = Peer("openmetadata", "openmetadata-ingestion[glue]", "openmetadata-ingestion")
PEERS = (DATAHUB, OPENMETADATA)


def install(peer: Peer) -> str | None:
    """Makes the peer's environment, where it is not there yet.

    Returns:
        Why the peer cannot be used, in a line; None where it can.
    """
    mark = peer.home / "installed.txt"
    if mark.exists() and mark.read_bytes() == peer.pins.read_bytes():
        return None
    uv = str(Path(sys.executable).with_name("uv"))
    shutil.rmtree(peer.home, ignore_errors=True)
    peer.home.parent.mkdir(exist_ok=True)
    print(f"installing {peer.distribution} {peer.version} into {peer.home.relative_to(STATE.parent)} …", flush=True)
    python = peer.executable("python")
    made = [uv, "venv", "-q", "-p", sys.executable, str(peer.home)]
    filled = [uv, "pip", "install", "-q", "--compile-bytecode", "-p", python, "-c", str(peer.pins), peer.package]
    for command in (made, filled):
        try:
            out = subprocess.run(command, capture_output=True, text=True, check=False, timeout=1800)
        except (OSError, subprocess.TimeoutExpired) as error:
            return f"{peer.distribution} {peer.version} cannot be installed: {error}"
        if out.returncode:
            said = " ".join(out.stderr.split())
            return f"{peer.distribution} {peer.version} cannot be installed: {said[-300:] or f'exit {out.returncode}'}"
    shutil.copyfile(peer.pins, mark)
    return None


def main() -> int:
    """Installs the peers that are named, all where none is; 1 where one cannot be installed."""
    wanted = sys.argv[1:] or [peer.name for peer in PEERS]
    problems = [problem for peer in PEERS if peer.name in wanted and (problem := install(peer))]
    print("\n".join(problems) or f"{', '.join(wanted)}: installed")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
