"""`governance sandbox …`: the sandbox's servers alone."""

import json
import sys
from collections.abc import Sequence
from typing import Any

from governance.errors import ConfigurationError
from governance_pipelines.bindings import Installation, installation, sandbox_estate
from governance_pipelines.display import console, step
from governance_pipelines.home import only_one, prepare_home
from governance_pipelines.sandbox_service import (
    Wish,
    sandbox_platforms,
    send_faults,
    start_sandbox,
    stop_sandbox,
)


def run_up(scale: int | None, seed: int | None, platforms: Sequence[str], real_atlas: bool) -> int:
    """Starts the servers and waits until they are full."""
    out, here = console(), installation()
    _must_exist(platforms)
    with only_one(here.home):
        prepare_home(here)
        with step(out, "Sandbox") as this:
            already = start_sandbox(here, Wish(scale, seed, tuple(platforms), real_atlas), this.tell)
            this.detail = described(here, already)
    out.print(f"Its estate: {sandbox_estate(here.home)}", markup=False)
    return 0


def _must_exist(platforms: Sequence[str]) -> None:
    from sandbox.serving import Company, faces

    try:
        faces(Company(), platforms)
    except ValueError as error:
        raise ConfigurationError(str(error), platform="sandbox", operation="--platform") from error


def described(here: Installation, already: bool) -> str:
    """What the sandbox serves, in words."""
    names = ", ".join(p.platform for p in sandbox_platforms(here.home))
    return f"{names}{' (ran already)' if already else ''}"


def run_down() -> int:
    """Stops the servers."""
    out, here = console(), installation()
    with only_one(here.home):
        stopped = stop_sandbox(here.home)
    out.print("stopped the sandbox" if stopped else "the sandbox did not run", markup=False)
    return 0


def run_estate() -> int:
    """Prints the generated estate."""
    path = sandbox_estate(installation().home)
    if not path.exists():
        raise ConfigurationError(
            "the sandbox has no estate yet", platform="sandbox", remedy="start it with `governance sandbox up`"
        )
    sys.stdout.write(path.read_text(encoding="utf-8"))
    return 0


def run_fault(platform: str, rule: dict[str, Any]) -> int:
    """Adds a rule to those in force on one server."""
    home = installation().home
    before = next(iter(send_faults(home, platform, None).values()))
    send_faults(home, platform, [*before, rule])
    console().print(f"{platform} will {rule['action']}; `governance sandbox clear` ends it", markup=False)
    return 0


def run_clear(platform: str | None) -> int:
    """Ends all rules."""
    cleared = send_faults(installation().home, platform, [])
    console().print(f"no faults on {', '.join(cleared)}", markup=False)
    return 0


def run_faults() -> int:
    """Prints the rules in force."""
    sys.stdout.write(json.dumps(send_faults(installation().home, None, None), indent=2) + "\n")
    return 0
