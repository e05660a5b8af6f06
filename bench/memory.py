"""The peak of the resident memory of a whole `governance sync`, at a small and at a large estate."""

from collections.abc import Callable

from bench.installation import installed
from bench.processes import Figures, replay

MOST_MB = 300
MOST_GROWTH = 1.10


def run(tables: int, log: Callable[[str], None]) -> dict[str, Figures]:
    """A first load and a second one with nothing changed, both with full listings."""
    out = {}
    with replay(tables) as endpoint, installed(endpoint) as bench:
        for way in ("first load", "nothing changed"):
            out[way] = bench.governance("sync", "--full")
            log(f"{tables:>7,} tables  memory, {way:<42} {out[way]['rss_mb']:7.0f} MB {out[way]['wall_s']:7.1f} s")
    return out
