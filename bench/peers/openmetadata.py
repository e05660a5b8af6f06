"""OpenMetadata's Glue source on an endpoint, run by its own topology runner without its server."""

from pathlib import Path

from bench.peers.install import OPENMETADATA
from bench.processes import ROOT, Figures, environment, timed

_RUNNER = ROOT / "bench" / "peers" / "openmetadata_runner.py"


def run(endpoint: str, folder: Path, *, known: Path | None = None, keep: Path | None = None) -> Figures:
    """What one run into its own file sink cost.

    Args:
        endpoint: of Glue.
        folder: for its log and its file; made where it is not there.
        known: fingerprints that an earlier run kept: what its server would tell it, so that nothing is new.
        keep: where to write the fingerprints of this run.
    """
    folder.mkdir(parents=True, exist_ok=True)
    options = ["--endpoint", endpoint, "--out", str(folder / "openmetadata.json")]
    options += ["--known", str(known)] if known else []
    options += ["--keep", str(keep)] if keep else []
    command = [OPENMETADATA.executable("python"), str(_RUNNER), *options]
    return timed(command, environment(AWS_EC2_METADATA_DISABLED="true"), folder / "openmetadata.log")
