"""`governance up`, `down` and `env`."""

import shlex
import signal
import sys
import time
from collections.abc import Sequence
from types import FrameType

from rich.console import Console
from rich.markup import escape

from governance_pipelines import processes
from governance_pipelines.bindings import Installation, installation
from governance_pipelines.commands.sandbox import described
from governance_pipelines.commands.sync import EXIT, synced, worst
from governance_pipelines.display import console, step, summary
from governance_pipelines.home import only_one, prepare_database, prepare_home
from governance_pipelines.processes import Record
from governance_pipelines.sandbox_service import Wish, start_sandbox, stop_sandbox
from governance_pipelines.services import (
    WEB,
    start_services,
    stop_services,
    wait_until_ready,
    web_address,
)


def run_up(sync: bool, port: int | None, foreground: bool, scale: int | None, seed: int | None) -> int:
    """Starts everything, syncs, and stays attached where asked."""
    ended = _end_on_signals() if foreground else Ended()
    out, here = console(), installation()
    if not here.sandboxed:
        here.estate()
    try:
        with only_one(here.home):
            records = _start(here, out, port, Wish(scale, seed))
        code = _first_sync(here, out) if sync and not ended.is_set() else 0
        _closing_words(here, out, foreground)
        if foreground:
            code = _stay(records, out, ended)
        return code
    finally:
        if foreground:
            run_down()


def _start(here: Installation, out: Console, port: int | None, wish: Wish) -> list[Record]:
    """Every service, ready."""
    prepare_home(here)
    with step(out, "PostgreSQL") as this:
        this.detail = prepare_database(here)
    if here.sandboxed:
        with step(out, "Sandbox") as this:
            already = start_sandbox(here, wish, this.tell)
            this.detail = described(here, already)
    with step(out, "Estate") as this:
        sources = here.estate().sources
        this.detail = ", ".join(s.name for s in sources)
    here.enter()
    with step(out, "Dagster") as this:
        this.tell("starting")
        records, running = start_services(here, port)
        wait_until_ready(here, records, this.tell)
        this.detail = "web UI, daemon and code server"
        if running:
            this.detail += (
                " (all ran already)" if len(running) == len(records) else f" ({', '.join(running)} ran already)"
            )
    _say_where_the_port_went(here, out, port)
    return records


def _say_where_the_port_went(here: Installation, out: Console, port: int | None) -> None:
    record, wanted = processes.running(here.home, WEB), port or here.settings.web.port
    if record is not None and record.port != wanted:
        out.print(f"  the web UI is on port {record.port}: {wanted} was in use when it started", markup=False)


def _first_sync(here: Installation, out: Console) -> int:
    results = synced(here, out)
    summary(out, results)
    address = web_address(here.home)
    if address is not None and worst(results) != "failed":
        from governance_pipelines.facet_jobs import FACTS_JOB
        from governance_pipelines.jobs import CHECKS_JOB
        from governance_pipelines.launch import submit

        for job in (CHECKS_JOB, FACTS_JOB):
            submit(address, job)
        out.print("\nChecks, access and lineage are queued; they show in the web UI within a minute.", markup=False)
    return EXIT[worst(results)]


def _closing_words(here: Installation, out: Console, foreground: bool) -> None:
    out.print()
    out.print(f"Web UI     [bold]{web_address(here.home)}[/]")
    out.print(f"Inventory  {escape(_without_password(here.inventory_url))}")
    if not foreground:
        out.print("Stop it    governance down", markup=False)


def _without_password(url: str) -> str:
    from urllib.parse import urlsplit, urlunsplit

    parts = urlsplit(url)
    if not parts.password:
        return url
    return urlunsplit(parts._replace(netloc=parts.netloc.replace(f":{parts.password}@", ":***@")))


class Ended:
    """A flag that a signal handler may set: an Event's lock is not re-entrant, and its set() within wait() hangs."""

    def __init__(self) -> None:
        self._set = False

    def set(self) -> None:
        """Ends the waiting."""
        self._set = True

    def is_set(self) -> bool:
        """Whether a signal has come."""
        return self._set

    def wait(self, seconds: float) -> bool:
        """Waits until it is set, at most so long; whether it is."""
        until = time.monotonic() + seconds
        while not self._set and time.monotonic() < until:
            time.sleep(0.1)
        return self._set


def _end_on_signals() -> Ended:
    """Set by SIGTERM, and by SIGINT once everything is up; SIGTERM before that ends the start."""
    ended = Ended()

    def end(number: int, frame: FrameType | None) -> None:
        ended.set()

    signal.signal(signal.SIGTERM, end)
    signal.signal(signal.SIGINT, end)
    return ended


def _stay(records: Sequence[Record], out: Console, ended: Ended) -> int:
    """Waits for a signal, or for a service to end by itself."""
    while not ended.wait(1.0):
        for record in records:
            if not processes.alive(record):
                out.print(f"[red]✗[/] the {record.name} ended by itself:\n{escape(processes.tail(record))}")
                return 1
    return 0


def run_down() -> int:
    """Stops everything of this state directory and says what."""
    from resources.inventory.server import server_running, stop_server

    out, here = console(), installation()
    stopped: list[str] = []
    with only_one(here.home):
        stopped += stop_services(here.home)
        stopped += stop_sandbox(here.home)
        if server_running(here.home):
            stop_server(here.home)
            stopped.append("PostgreSQL")
        stopped += processes.stop_rest(here.home)
    for name in stopped:
        out.print(f"stopped {name}", markup=False)
    if not stopped:
        out.print("nothing was running", markup=False)
    return 0


def run_env() -> int:
    """Export lines for a shell."""
    here = installation()
    prepare_home(here)
    for name, value in here.environment().items():
        sys.stdout.write(f"export {name}={shlex.quote(value)}\n")
    return 0
