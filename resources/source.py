"""The contract that every platform keeps: a `SourceResource` opens a `Reader`, and a Reader lists and reads scopes."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from types import TracebackType
from typing import ClassVar, Self

import dagster as dg
from pydantic import Field

from governance.filters import NameFilter
from governance.listing import Page, Presence, Probe, Scope, ScopeListing
from governance.pace import PaceLimits
from resources.calls import CallPolicy, Meter


@dataclass(frozen=True)
class Memory:
    """What is remembered of a scope's records.

    Args:
        basis: of all else that decides what becomes of a record: filters, connection, our code. Part of a fingerprint.
        recognised: those of these fingerprints whose datasets are stored just as their records would be translated.
    """

    basis: str
    recognised: Callable[[Sequence[bytes]], Collection[bytes]]


class Reader(ABC):
    """One open connection to one source. Used by several threads at once: `read` of different scopes in parallel.

    Nothing here swallows an error: what fails raises a GovernanceError, and what is merely missing (a privilege for
    tags, say) is a Reason on the page, so that the listing becomes partial.
    """

    meter: Meter

    listing_tells_token: ClassVar[bool] = False
    """Whether a token costs about as much as a listing, which puts it on its last page: then it is asked for only where
    one is stored to compare it with."""

    translates_apart: ClassVar[bool] = False
    """Whether `read_changed` may leave its records untranslated, for another process."""

    @abstractmethod
    def probe(self) -> Iterator[Probe]:
        """What `governance doctor` shows: reachable, authenticated, each privilege with the grant to ask for.

        Changes nothing on the platform. Stops after the first probe without which the others make no sense.
        """

    @abstractmethod
    def scopes(self, names: NameFilter) -> ScopeListing:
        """The scopes of the source; those that `names` excludes as a whole are listed as hidden."""

    @abstractmethod
    def read(self, scope: Scope, names: NameFilter) -> Iterator[Page]:
        """The scope's datasets page by page, in the platform's own order, to the very end.

        Filters are pushed down where the platform can; what still comes through is filtered by the caller. An error
        after some pages is raised: the caller keeps those pages and calls the listing partial.
        """

    def read_changed(self, scope: Scope, names: NameFilter, memory: Memory) -> Iterator[Page]:
        """As `read`, but a record that is recognised may be passed over, by its fingerprint on the page.

        Only where a record can be told from its bytes at far less cost than it is translated; else it is `read`.
        """
        return self.read(scope, names)

    @abstractmethod
    def presence(self, scope: Scope) -> Presence:
        """Asks directly for a scope that the listing no longer shows. ABSENT only on positive evidence."""

    def still_has(self, native_ids: Sequence[str]) -> Collection[str] | None:
        """Those of these datasets, by the platform's own ids, that it still has, though no listing showed them.

        Only where a dataset can go from scope to scope: it may go from one that is yet to be read to one that has been.
        What cannot be known of is among them. None: the platform has no such question.
        """
        return None

    @abstractmethod
    def change_tokens(self, scopes: Sequence[Scope], *, whole: bool = False) -> Iterator[tuple[str, str]]:
        """Pairs of scope name and an opaque token that moves when the scope's metadata may have changed.

        The cheapest way the platform has; a scope for which there is none is left out. Used by the change sensor, and
        by a sync to pass over what did not change.

        Args:
            scopes: whose tokens; those of one token group, or any.
            whole: for a sync: also what costs more to ask, such as tags, as long as a listing costs several times that.
        """

    def token_groups(self, scopes: Sequence[Scope]) -> Sequence[Sequence[Scope]]:
        """The scopes in groups whose tokens are asked for together; the groups are asked in parallel."""
        return [[scope] for scope in scopes]

    def close(self) -> None:
        """Gives back sockets and sessions."""
        return

    def __enter__(self) -> Self:
        """The reader itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Closes the reader."""
        self.close()


class SourceResource(dg.ConfigurableResource):  # type: ignore[type-arg]
    """What every source's resource has: its name in the estate and the bounds of its calls.

    The fields of a subclass are the fields of `connection` in estate.yaml. The platform's SDK is imported when a
    reader is opened, never when the code location loads.
    """

    platform: ClassVar[str]
    """The platform word; also the folder's name."""

    dagster_kinds: ClassVar[frozenset[str]] = frozenset()
    """Extra kinds for the asset's badge in the UI."""

    pace: ClassVar[PaceLimits] = PaceLimits()
    """What the platform documents of how hard it may be asked."""

    source: str = Field(description="Name of the source in estate.yaml.")
    attempts: int = Field(default=6, ge=1, le=20, description="Tries of one call before it fails.")
    deadline_seconds: float = Field(default=300.0, gt=0, description="Total time of one call with its retries.")
    read_timeout_seconds: float = Field(default=60.0, gt=0, description="Longest wait for an answer.")
    connect_timeout_seconds: float = Field(default=10.0, gt=0, description="Longest wait for a connection.")
    calls_per_second: float | None = Field(
        default=None, gt=0, description="Calls a second at most; absent: what the platform documents, if it does."
    )
    calls_at_once: int | None = Field(
        default=None, ge=1, le=64, description="Calls at once at most, where their number is learned; absent: 8."
    )

    @property
    def policy(self) -> CallPolicy:
        """The bounds as the Caller takes them."""
        return CallPolicy(
            attempts=self.attempts,
            deadline=self.deadline_seconds,
            read_timeout=self.read_timeout_seconds,
            connect_timeout=self.connect_timeout_seconds,
            pace=self._pace_limits(),
        )

    def _pace_limits(self) -> PaceLimits:
        """The platform's limits, or this source's own in their place."""
        limits = self.pace
        if self.calls_per_second is not None:
            limits = replace(limits, per_second=self.calls_per_second)
        if self.calls_at_once is not None and limits.at_once is not None:
            limits = replace(limits, at_once=self.calls_at_once)
        return limits

    @abstractmethod
    def reader(self) -> Reader:
        """Opens a reader.

        Raises:
            ConfigurationError: a secret is missing, or the fields contradict each other.
        """
