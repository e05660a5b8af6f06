"""Whole processes side by side on one endpoint: `governance sync`, DataHub, OpenMetadata, start-up included.

A round runs every way once, ours between the peers', so that whatever else the machine does strikes all of them; a
ratio is taken within a round. PostgreSQL is up before, as the peers' servers would be; its CPU is shown beside ours.
The endpoint answers from memory. DataHub's server is a stub that answers at once, OpenMetadata's is left out.
"""

import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from bench.installation import Bench, installed
from bench.peers import datahub, openmetadata
from bench.peers.install import DATAHUB, OPENMETADATA
from bench.processes import Figures, replay, serving

OURS_FIRST = "governance sync, first load"
OURS_FULL = "governance sync, nothing changed, full listing"
OURS_TOKENS = "governance sync, nothing changed, change tokens"
DATAHUB_REST = "DataHub into its server's stub"
DATAHUB_AGAIN = "DataHub into its server's stub, second run"
DATAHUB_BLACKHOLE = "DataHub into its blackhole sink"
OPENMETADATA_FIRST = "OpenMetadata into a file"
OPENMETADATA_AGAIN = "OpenMetadata into a file, nothing changed"


@dataclass(frozen=True)
class Target:
    """How many times faster than a peer one of our ways has to be, by tables."""

    ours: str
    peer: str
    times: dict[int, float]


TARGETS = (
    Target(OURS_FIRST, DATAHUB_REST, {5_000: 10, 20_000: 20}),
    Target(OURS_FIRST, DATAHUB_BLACKHOLE, {5_000: 5, 20_000: 12}),
    Target(OURS_FIRST, OPENMETADATA_FIRST, {5_000: 5, 20_000: 10}),
    Target(OURS_TOKENS, DATAHUB_AGAIN, {20_000: 25}),
)

_DATAHUB = (DATAHUB_REST, DATAHUB_AGAIN, DATAHUB_BLACKHOLE)
_OPENMETADATA = (OPENMETADATA_FIRST, OPENMETADATA_AGAIN)


def _ways(bench: Bench, endpoint: str, stub: str, folder: Path) -> dict[str, Callable[[], Figures]]:
    """In the order in which a round runs them."""
    glue = datahub.glue("us-east-1", "bench-key", "bench-secret")
    here = {"AWS_ENDPOINT_URL": endpoint}
    fingerprints = folder / "fingerprints.json"
    return {
        OURS_FIRST: lambda: bench.governance("sync"),
        DATAHUB_REST: lambda: datahub.run(glue, datahub.rest(stub), folder, here),
        OURS_FULL: lambda: bench.governance("sync", "--full"),
        OPENMETADATA_FIRST: lambda: openmetadata.run(endpoint, folder, keep=fingerprints),
        OURS_TOKENS: lambda: bench.governance("sync"),
        DATAHUB_BLACKHOLE: lambda: datahub.run(glue, datahub.blackhole(), folder, here),
        OPENMETADATA_AGAIN: lambda: openmetadata.run(endpoint, folder, known=fingerprints),
        DATAHUB_AGAIN: lambda: datahub.run(glue, datahub.rest(stub), folder, here),
    }


def one_round(
    endpoint: str, stub: str, tables: int, absent: set[str], log: Callable[[str], None]
) -> dict[str, Figures]:
    """Every way once, on a new installation.

    Raises:
        SystemExit: a way failed, or ours did not store every table.
    """
    left_out = {*(_DATAHUB if DATAHUB.name in absent else ()), *(_OPENMETADATA if OPENMETADATA.name in absent else ())}
    out = {}
    with installed(endpoint) as bench, tempfile.TemporaryDirectory(prefix="bench-peers-") as folder:
        for way, run in _ways(bench, endpoint, stub, Path(folder)).items():
            if way in left_out:
                continue
            out[way] = run()
            log(f"{tables:>7,} tables  {way:<50} {out[way]['wall_s']:7.1f} s {out[way]['cpu_s']:7.1f} CPU-s")
        stored = bench.value("SELECT count(*) FROM inventory.datasets WHERE state = 'present'")
    if stored != tables:
        raise SystemExit(f"{stored} datasets are in the inventory, not {tables}")
    return out


def run(tables: int, rounds: int, absent: set[str], log: Callable[[str], None]) -> list[dict[str, Figures]]:
    """The rounds at one size; `absent` are the peers that cannot be run."""
    with replay(tables) as endpoint, serving("bench.peers.gms_stub") as stub:
        return [one_round(endpoint, stub, tables, absent, log) for _ in range(rounds)]
