"""The one way a source is synced: list its scopes, read the wanted ones in parallel, hand each to the inventory.

No Dagster here: the same generator serves the asset, the estate job and tests. What happened is committed with the
data, scope by scope; the outcomes it yields are for showing.
"""

import threading
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from typing import Protocol

from assets.integrations.boundary import settled
from assets.integrations.collector import resting_collector
from assets.integrations.pace import kept_pace
from assets.integrations.pages import Pages
from assets.integrations.tokens import basis_of, read_tokens
from assets.integrations.translation import Translation
from governance.estate import Source
from governance.listing import Presence, Reason, Scope, ScopeListing, Status
from governance.loss_guard import LossGuard
from resources.inventory.database import Inventory
from resources.inventory.outcomes import (
    COUNTS,
    KnownScope,
    ScopeOutcome,
    SourceBusy,
    SourceIdentity,
    SyncMode,
    SyncSummary,
)
from resources.inventory.sync import SourceSync, inventory_sync
from resources.inventory.tokens import Token, Unmoved
from resources.source import Reader

BUSY_POLL_SECONDS = 0.5


class Progress(Protocol):
    """Who is told how a sync gets on. Called from several threads."""

    def on_scopes(self, source: str, total: int) -> None:
        """So many scopes will be read."""

    def on_datasets(self, source: str, count: int) -> None:
        """So many more datasets have been read."""

    def on_scope(self, source: str, scope: str, status: Status) -> None:
        """A scope is done."""

    def on_skipped(self, source: str, count: int) -> None:
        """So many scopes are done without having been read: their change token did not move."""


class Silent:
    """Tells nobody."""

    def on_scopes(self, source: str, total: int) -> None:
        """Nothing."""

    def on_datasets(self, source: str, count: int) -> None:
        """Nothing."""

    def on_scope(self, source: str, scope: str, status: Status) -> None:
        """Nothing."""

    def on_skipped(self, source: str, count: int) -> None:
        """Nothing."""


@dataclass(frozen=True)
class SyncRequest:
    """What to sync and how.

    Args:
        source: the source as the estate declares it.
        run_id: the Dagster run; recorded with every change.
        actor: who asked, such as `schedule:lake_schedule` or `cli:ana`.
        scopes: names of the wanted scopes; None for the whole source.
        resume_from: runs whose finished scopes need not be read again.
        accept_loss: whether this run may delete past the loss guard.
        threads: scopes read at once.
        busy_wait_seconds: how long to wait for another run that holds the source.
        guard: bounds of what one listing may delete.
        full: list every scope, whatever its change token says.
        full_listing_interval: how long after its last complete listing a scope may be passed over because its change
            token did not move; zero: never.
    """

    source: Source
    run_id: str
    actor: str
    scopes: tuple[str, ...] | None = None
    resume_from: tuple[str, ...] = ()
    accept_loss: bool = False
    threads: int = 4
    busy_wait_seconds: float = 0.0
    guard: LossGuard = field(default_factory=LossGuard)
    full: bool = False
    full_listing_interval: timedelta = timedelta(0)


@dataclass(frozen=True)
class SourceListed:
    """The beginning of a sync: the scopes that the source has now."""

    present: tuple[str, ...]


@dataclass(frozen=True)
class SourceSynced:
    """The end of a sync: the summary as stored, and the scopes that the source has no more."""

    summary: SyncSummary
    gone: tuple[str, ...]


SyncStep = SourceListed | ScopeOutcome | SourceSynced


def sync_source(request: SyncRequest, reader: Reader, inventory: Inventory, progress: Progress) -> Iterator[SyncStep]:
    """Syncs one source; yields its scopes first, each scope's outcome when it is committed, and the summary last.

    Raises:
        GovernanceError: the scopes themselves could not be listed, or another run holds the source. The sync's row
            then says so, and nothing was deleted.
    """
    identity = SourceIdentity(request.source.name, request.source.platform)
    mode: SyncMode = "source" if request.scopes is None else "scopes"
    with ExitStack() as stack:
        stack.enter_context(resting_collector())
        sync = _opened(
            stack,
            request,
            lambda: inventory_sync(inventory, identity, request.run_id, request.actor, mode, request.guard),
        )
        stack.enter_context(kept_pace(reader.meter, inventory, request.source.name, request.run_id, request.threads))
        translation = stack.enter_context(Translation())
        known = sync.known_scopes()
        if reader.translates_apart and request.scopes is None and not known:
            # the first sync of this source: by the time its scopes are listed there is somebody to translate them
            translation.start()
        listing = reader.scopes(request.source.names)
        sync.record_scopes(listing)
        yield SourceListed(tuple(s.name for s in listing.scopes))
        gone = yield from _settle_missing(request, reader, sync, listing, known)
        finished = sync.finished(request.resume_from) if request.resume_from else set()
        wanted = [s for s in listing.scopes if _is_wanted(s.name, request.scopes) and s.name not in finished]
        progress.on_scopes(request.source.name, len(wanted))
        tokens = _tokens(request, reader, known, wanted)
        unmoved = _unmoved(request, sync, tokens)
        read = partial(_read_scopes, request, reader, sync, tokens=tokens, translation=translation, progress=progress)
        yield from read([s for s in wanted if s.name not in unmoved])
        if unmoved and sync.has_unsure:
            # what one scope misses may be in another one, of which the token need not tell
            yield from read([s for s in wanted if s.name in unmoved])
        elif unmoved:
            yield from sync.skip_scopes(list(unmoved.values()))
            progress.on_skipped(request.source.name, len(unmoved))
        yield SourceSynced(sync.finish(reader.still_has), gone)


def _opened(
    stack: ExitStack, request: SyncRequest, opened: Callable[[], AbstractContextManager[SourceSync]]
) -> SourceSync:
    """The open sync; waits a while for another run of the same source, whose work is soon done."""
    deadline = time.monotonic() + request.busy_wait_seconds
    while True:
        try:
            return stack.enter_context(opened())
        except SourceBusy:
            if time.monotonic() > deadline:
                raise
            time.sleep(BUSY_POLL_SECONDS)


def _is_wanted(name: str, scopes: tuple[str, ...] | None) -> bool:
    return scopes is None or name in scopes


def _settle_missing(
    request: SyncRequest, reader: Reader, sync: SourceSync, listing: ScopeListing, before: dict[str, KnownScope]
) -> Generator[ScopeOutcome, None, tuple[str, ...]]:
    """What becomes of scopes known before and not listed now: hidden by filters, gone for certain, or unknown.

    Yields the outcomes of those that are neither; returns those that are gone.
    """
    shown = {s.name for s in listing.scopes}
    known = {n: k for n, k in before.items() if k.state == "present" and n not in shown}
    missing = [n for n in known if _is_wanted(n, request.scopes)]
    hidden = set(listing.hidden)
    if out_of_scope := [n for n in missing if n in hidden]:
        sync.hide_scopes(out_of_scope)
    gone: dict[str, list[str]] = {}
    for name in missing:
        if name in hidden:
            continue
        presence = reader.presence(known[name].scope)
        if presence is Presence.ABSENT:
            gone.setdefault("absent from the listing, and the platform says so when asked", []).append(name)
        elif presence is Presence.UNKNOWN and request.accept_loss and request.scopes is not None:
            gone.setdefault(f"absent from the listing; accepted by {request.actor}", []).append(name)
        else:
            yield sync.fail_scope(known[name].scope, _not_listed(request, name, presence))
    dropped: list[str] = []
    for evidence, names in gone.items():
        held = sync.drop_scopes(names, evidence, request.accept_loss)
        if not held:
            dropped += names
            continue
        for name in names:
            lost = known[name].datasets
            counts = {**dict.fromkeys(COUNTS, 0), "held": lost}
            yield ScopeOutcome(name, Status.PARTIAL, held, counts, {}, {}, 0.0, held=lost, changed=False)
    return tuple(dropped)


def _not_listed(request: SyncRequest, name: str, presence: Presence) -> Reason:
    """A scope that left the listing without evidence that it is gone."""
    answers = presence is Presence.PRESENT
    found = "it still answers when asked for" if answers else "the platform cannot say if it is gone"
    accept = f"; if it is really gone: governance sync {request.source.name} --scope '{name}' --accept-loss"
    return Reason(
        "scope_not_listed",
        f"{name} is no longer listed, but {found}; nothing of it was deleted",
        operation=f"{request.source.platform}:scopes",
        remedy=f"check that the reader may still list it{'' if answers else accept}",
    )


def _tokens(
    request: SyncRequest, reader: Reader, before: dict[str, KnownScope], wanted: Sequence[Scope]
) -> dict[str, Token]:
    """The change tokens of the wanted scopes, read before any is listed; none where tokens are not used."""
    if not request.full_listing_interval:
        return {}
    asked, source = list(wanted), request.source
    if reader.listing_tells_token:
        known = before if _may_pass_over(request) else {}
        asked = [s for s in wanted if s.name in known and known[s.name].has_token]
    unasked = {s.name: Token("", basis_of(source, s)) for s in wanted}
    return unasked | read_tokens(source, reader, asked, request.threads)


def _may_pass_over(request: SyncRequest) -> bool:
    """Not where somebody named the scopes, or wants all of them listed."""
    return not request.full and request.scopes is None


def _unmoved(request: SyncRequest, sync: SourceSync, tokens: dict[str, Token]) -> dict[str, Unmoved]:
    return sync.unmoved(tokens, request.full_listing_interval) if tokens and _may_pass_over(request) else {}


def _read_scopes(
    request: SyncRequest,
    reader: Reader,
    sync: SourceSync,
    wanted: Sequence[Scope],
    tokens: dict[str, Token],
    translation: Translation,
    progress: Progress,
) -> Iterator[ScopeOutcome]:
    name = request.source.name

    def count(datasets: int, pages: int) -> None:
        progress.on_datasets(name, datasets)

    def read(scope: Scope) -> ScopeOutcome:
        return sync.write_scope(
            scope,
            Pages(reader, request.source, scope, stop, translation),
            request.source.names,
            accept_loss=request.accept_loss,
            progress=count,
            token=tokens.get(scope.name),
        )

    def one(scope: Scope) -> ScopeOutcome:
        return settled(partial(read, scope), partial(sync.fail_scope, scope), source=name, scope=scope.name)

    stop = threading.Event()
    pool = ThreadPoolExecutor(max_workers=max(1, request.threads), thread_name_prefix=f"sync-{name}")
    try:
        running: list[Future[ScopeOutcome]] = [pool.submit(one, scope) for scope in wanted]
        for future in as_completed(running):
            outcome = future.result()
            progress.on_scope(name, outcome.scope, outcome.status)
            yield outcome
    finally:
        # after a signal or an error the scopes that are being read end with the page they are at
        stop.set()
        pool.shutdown(wait=True, cancel_futures=True)
