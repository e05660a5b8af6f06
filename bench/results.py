"""What was measured, kept part by part: each with the figures, the moment, the machine and the command.

A part that is measured again takes the place of its last measuring, and leaves the others alone. So the parts of one
page may be measured one after the other, when the machine is free for them; the page says when and where each was.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bench.processes import ROOT, STATE

Results = dict[str, Any]
"""By part: `facts` about the measuring, `figures`, and under `absent` the peers that were not measured, with why."""

KEPT = ROOT / "bench" / "results.json"
"""Of the parts at their own sizes; what docs/performance.md is written from."""
QUICK = STATE / "results.json"
"""Of the last quick look."""


def read(path: Path) -> Results:
    """All parts in that file; none where there is no file yet."""
    if not path.exists():
        return {}
    results: Results = json.loads(path.read_bytes())
    return results


def keep(path: Path, part: str, facts: Mapping[str, str], figures: Any, absent: Mapping[str, str]) -> Results:
    """Puts one part in its place in the file, and gives all that are there now."""
    new = {"facts": dict(facts), "figures": figures, "absent": dict(absent)}
    text = json.dumps({**read(path), part: new}, indent=1)
    path.parent.mkdir(exist_ok=True)
    path.write_text(text + "\n", encoding="utf-8")
    return read(path)
