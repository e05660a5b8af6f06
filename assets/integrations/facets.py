"""The one way a facet is synced: list its parts, read them in parallel, hand each to the inventory.

The twin of `sync.py` for access, lineage and usage; no Dagster here either.
"""

import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import date
from functools import partial

from assets.integrations.boundary import settled
from assets.integrations.pace import kept_pace
from assets.integrations.pages import FactPages
from assets.integrations.sync import BUSY_POLL_SECONDS, Progress
from governance.estate import Source
from governance.listing import Scope
from governance.loss_guard import LossGuard
from governance.model import Facet
from resources.facets import FactReader
from resources.inventory.database import Inventory
from resources.inventory.facts.outcomes import FacetSummary, PartOutcome
from resources.inventory.facts.sync import FactSync, fact_sync
from resources.inventory.outcomes import SourceBusy, SourceIdentity, SyncMode


@dataclass(frozen=True)
class FacetRequest:
    """Which facet to sync and how.

    Args:
        source: the source as the estate declares it.
        facet: access, lineage or usage.
        run_id: the Dagster run; recorded with every part.
        actor: who asked.
        days: of usage; None for the other facets.
        resume_from: runs whose finished parts need not be read again.
        accept_loss: whether this run may close facts past the loss guard.
        threads: parts read at once.
        busy_wait_seconds: how long to wait for another run that holds the facet.
        guard: bounds of what one reading may close.
    """

    source: Source
    facet: Facet
    run_id: str
    actor: str
    days: tuple[date, ...] | None = None
    resume_from: tuple[str, ...] = ()
    accept_loss: bool = False
    threads: int = 4
    busy_wait_seconds: float = 0.0
    guard: LossGuard = field(default_factory=LossGuard)


def sync_facet(
    request: FacetRequest, reader: FactReader, inventory: Inventory, progress: Progress
) -> Iterator[PartOutcome | FacetSummary]:
    """Syncs one facet of one source; yields each part's outcome when it is committed, and the summary last.

    Raises:
        GovernanceError: the parts themselves could not be listed, or another run holds the facet. The sync's row then
            says so, and nothing was closed.
    """
    with ExitStack() as stack:
        sync = _opened(stack, request, inventory)
        stack.enter_context(kept_pace(reader.meter, inventory, request.source.name, request.run_id, request.threads))
        parts, gone = _parts(request, reader, sync)
        finished = sync.finished(request.resume_from) if request.resume_from else set()
        wanted = [p for p in parts if p.name not in finished]
        progress.on_scopes(request.source.name, len(wanted))
        for name in gone:
            yield sync.drop_part(name, request.accept_loss)
        yield from _read_parts(request, reader, sync, wanted, progress)
        yield sync.finish()


def _opened(stack: ExitStack, request: FacetRequest, inventory: Inventory) -> FactSync:
    """The open sync; waits a while for another run of the same facet, whose work is soon done."""
    identity = SourceIdentity(request.source.name, request.source.platform)
    mode: SyncMode = "scopes" if request.days is not None else "source"
    deadline = time.monotonic() + request.busy_wait_seconds
    while True:
        try:
            return stack.enter_context(
                fact_sync(inventory, identity, request.facet, request.run_id, request.actor, mode, request.guard)
            )
        except SourceBusy:
            if time.monotonic() > deadline:
                raise
            time.sleep(BUSY_POLL_SECONDS)


def _parts(request: FacetRequest, reader: FactReader, sync: FactSync) -> tuple[list[Scope], list[str]]:
    """What to read, and the names of parts that are gone. Days never go: the platform only forgets them."""
    if request.days is not None:
        return [Scope(day.isoformat(), "day") for day in request.days], []
    listing = reader.parts(request.source.names)
    return list(listing.scopes), sync.record_parts(listing)


def _read_parts(
    request: FacetRequest, reader: FactReader, sync: FactSync, wanted: Sequence[Scope], progress: Progress
) -> Iterator[PartOutcome]:
    name = request.source.name

    def count(facts: int) -> None:
        progress.on_datasets(name, facts)

    def read(part: Scope) -> PartOutcome:
        pages = FactPages(reader, request.source, part, stop)
        return sync.write_part(part, pages, accept_loss=request.accept_loss, progress=count)

    def one(part: Scope) -> PartOutcome:
        where = {"source": name, "facet": request.facet, "part": part.name}
        return settled(partial(read, part), partial(sync.fail_part, part), **where)

    stop = threading.Event()
    pool = ThreadPoolExecutor(max_workers=max(1, request.threads), thread_name_prefix=f"{request.facet}-{name}")
    try:
        running: list[Future[PartOutcome]] = [pool.submit(one, part) for part in wanted]
        for future in as_completed(running):
            outcome = future.result()
            progress.on_scope(name, outcome.part, outcome.status)
            yield outcome
    finally:
        # after a signal or an error the parts that are being read end with the page they are at
        stop.set()
        pool.shutdown(wait=True, cancel_futures=True)
