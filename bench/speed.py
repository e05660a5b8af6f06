"""Whole processes side by side on one endpoint: `governance sync`, DataHub, OpenMetadata, start-up included.

A round runs every way once, ours between the peers', so that whatever else the machine does strikes all of them; a
ratio is taken within a round. PostgreSQL is up before, as the peers' servers would be; its CPU is shown beside ours.
The endpoint answers from memory. DataHub's server is a stub that answers at once, OpenMetadata's is left out.
"""

import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from bench.installation import SOURCE, Bench, installed
from bench.peers import datahub, openmetadata
from bench.peers.install import DATAHUB, OPENMETADATA
from bench.processes import Figures, replay, script, serving

OURS_FIRST = "governance sync, first load"
OURS_FULL = "governance sync, nothing changed, full listing"
OURS_TOKENS = "governance sync, nothing changed, change tokens"
ENGINE_TOKENS = "engine alone, nothing changed, change tokens"
OURS = (OURS_FIRST, OURS_FULL, OURS_TOKENS, ENGINE_TOKENS)
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
    Target(ENGINE_TOKENS, DATAHUB_AGAIN, {20_000: 100}),
)

AT_SIZES = {DATAHUB_AGAIN: range(20_000, 10**9), OPENMETADATA_AGAIN: range(20_000)}
"""Second runs of the peers take minutes and are measured at one size each: DataHub's where it is asked for."""

_PEERS = {
    DATAHUB.name: (DATAHUB_REST, DATAHUB_AGAIN, DATAHUB_BLACKHOLE),
    OPENMETADATA.name: (OPENMETADATA_FIRST, OPENMETADATA_AGAIN),
}


def _ways(bench: Bench, endpoint: str, stub: str, folder: Path) -> dict[str, Callable[[], Figures]]:
    """In the order in which a round runs them."""
    glue = datahub.glue("us-east-1", "bench-key", "bench-secret")
    here = {"AWS_ENDPOINT_URL": endpoint}
    fingerprints = folder / "fingerprints.json"
    engine = ("bench.engine", "--endpoint", endpoint, "--url", bench.url, "--source", SOURCE, "--tokens")
    return {
        OURS_FIRST: lambda: bench.governance("sync"),
        DATAHUB_REST: lambda: datahub.run(glue, datahub.rest(stub), folder, here),
        OURS_FULL: lambda: bench.governance("sync", "--full"),
        OPENMETADATA_FIRST: lambda: openmetadata.run(endpoint, folder, keep=fingerprints),
        OURS_TOKENS: lambda: bench.governance("sync"),
        ENGINE_TOKENS: lambda: _second(*engine),
        DATAHUB_BLACKHOLE: lambda: datahub.run(glue, datahub.blackhole(), folder, here),
        OPENMETADATA_AGAIN: lambda: openmetadata.run(endpoint, folder, known=fingerprints),
        DATAHUB_AGAIN: lambda: datahub.run(glue, datahub.rest(stub), folder, here),
    }


def _second(*command: str) -> Figures:
    """A script run twice: the connection is not that of `governance sync`, so that its first run lists everything."""
    script(*command)
    return script(*command)


def one_round(
    endpoint: str, stub: str, tables: int, absent: dict[str, str], log: Callable[[str], None]
) -> dict[str, Figures]:
    """Every way once, on a new installation; a peer that fails joins `absent` and is left alone from then on.

    Raises:
        SystemExit: one of ours failed, or did not store every table.
    """
    out = {}
    with installed(endpoint) as bench, tempfile.TemporaryDirectory(prefix="bench-peers-") as folder:
        for way, run in _ways(bench, endpoint, stub, Path(folder)).items():
            peer = next((name for name, ways in _PEERS.items() if way in ways), None)
            if peer in absent or tables not in AT_SIZES.get(way, range(10**9)):
                continue
            try:
                out[way] = run()
            except SystemExit as failure:
                if peer is None:
                    raise
                absent[peer] = f"At {tables:,} tables: {' '.join(str(failure).split())[-300:]}"
                log(f"{tables:>7,} tables  {way:<50} failed: {absent[peer]}")
                continue
            log(f"{tables:>7,} tables  {way:<50} {out[way]['wall_s']:7.1f} s {out[way]['cpu_s']:7.1f} CPU-s")
        stored = bench.value("SELECT count(*) FROM inventory.datasets WHERE state = 'present'")
    if stored != tables:
        raise SystemExit(f"{stored} datasets are in the inventory, not {tables}")
    return out


def run(tables: int, rounds: int, absent: dict[str, str], log: Callable[[str], None]) -> list[dict[str, Figures]]:
    """The rounds at one size, each with the ways that all of them have; `absent` says why a peer cannot be run."""
    with replay(tables) as endpoint, serving("bench.peers.gms_stub") as stub:
        found = [one_round(endpoint, stub, tables, absent, log) for _ in range(rounds)]
    return [{way: figures for way, figures in one.items() if all(way in other for other in found)} for one in found]
