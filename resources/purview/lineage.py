"""What feeds what, from Purview's processes and from links between its assets."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from governance.errors import GovernanceError, PermissionDenied
from governance.filters import NameFilter
from governance.listing import FactPage, Probe, Reason, Scope, ScopeListing
from resources.calls import CallPolicy, Meter
from resources.facets import FactReader
from resources.purview import client_collections, client_search
from resources.purview.client_entities import BATCH, Batch, Entities
from resources.purview.client_errors import role_remedy
from resources.purview.client_session import Connection, Session
from resources.purview.resource import PurviewResource
from resources.purview.translate_lineage import (
    Asset,
    Flow,
    Found,
    Ref,
    asset_of,
    edges_of,
    flows_of,
    node_of,
    processes_of,
)

_CACHED = 200_000
"""Assets whose names are kept for the edges that follow."""

_SEARCH = "lineage: search/query"
_LAG = "assets come from the search index, which may lag some minutes; their processes do not"

Json = Mapping[str, Any]


def open_reader(resource: PurviewResource) -> "LineageReader":
    """Opens the reader of lineage.

    Raises:
        ConfigurationError: a secret or file is missing, or fields contradict each other.
    """
    return LineageReader(resource.connect(), resource.policy, resource.page_size)


class LineageReader(FactReader):
    """Reads a collection's assets and processes a hundred at a time, with what they are related to.

    There is no list of all lineage, and asking for it asset by asset is a call each. A process that no search shows is
    found through the assets that it reads or writes.
    """

    def __init__(self, connection: Connection, policy: CallPolicy, page_size: int) -> None:
        self.meter = Meter()
        self._session = Session(connection, policy, self.meter)
        self._page_size = page_size
        self._related = Entities(self._session, parts=False)
        self._plain = Entities(self._session, parts=False, relationships=False)
        self._assets: dict[str, Asset | None] = {}

    def close(self) -> None:
        """Gives back the sockets."""
        self._session.close()

    def parts(self, names: NameFilter) -> ScopeListing:
        """Every collection that this identity may read."""
        raw, odd = client_collections.everything(self._session)
        return ScopeListing(tuple(client_collections.scopes_of(raw)), reasons=odd)

    def read(self, part: Scope, names: NameFilter) -> Iterator[FactPage]:
        """The flows of the collection's processes, and from its assets straight to others."""
        read = _Read(part, names)
        found_any = False
        try:
            for found in client_search.assets(self._session, part.name, self._page_size):
                self.meter.add(pages=1)
                found_any = found_any or bool(found.hits)
                guids = [str(h["id"]) for h in found.hits if h.get("id") and not h.get("glossaryType")]
                yield from self._pages(guids, read)
                if found.short is not None:
                    yield FactPage(reasons=(found.short,))
            yield from self._pages(sorted(read.pointed_at - read.processes), read, elsewhere=True)
            # a search leaves out what may not be read without a word: an empty answer is asked about
            if not found_any:
                client_collections.one(self._session, part.name)
        except PermissionDenied as error:
            yield FactPage(reasons=(_denied(error, part),))
            return
        yield FactPage(notes={"index_lag": _LAG})

    def probe(self) -> Iterator[Probe]:
        """Whether processes can be searched; lineage needs no other right than the metadata."""
        try:
            count = client_search.processes(self._session)
        except GovernanceError as error:
            denied = isinstance(error, PermissionDenied)
            yield Probe(_SEARCH, False, error.message, "Data reader" if denied else "", error.remedy)
            return
        yield Probe(_SEARCH, True, f"{count} processes are in the search index")

    def _pages(self, guids: Sequence[str], read: "_Read", *, elsewhere: bool = False) -> Iterator[FactPage]:
        """A page for each bulk read. `elsewhere`: only what turns out to be of this collection is told."""
        for n in range(0, len(guids), BATCH):
            some = guids[n : n + BATCH]
            batch = self._related.read(some, few=True)
            entities = list(batch.entities.values())
            if elsewhere:
                entities = [e for e in entities if e.get("collectionId") == read.part.name]
            flows = list(read.flows(entities))
            found, reasons = Found(), list(_reasons(batch, read.part, "assets"))
            if elsewhere:
                # one of another collection is told there; this one is whole without it
                reasons = [r for r in reasons if r.code != "permission_denied"]
                found.counts["found_by_relationship"] = len(flows)
            self._remember(batch)
            assets = self._named([ref for flow in flows for ref in (*flow.inputs, *flow.outputs)], read, reasons, found)
            nodes = {ref: node_of(asset, read.names) for ref, asset in assets.items()}
            for flow in flows:
                found.counts["processes"] += bool(flow.process)
                edges_of(flow, nodes, found)
            edges = tuple(e for e in found.edges if read.is_wanted(e.upstream, e.downstream))
            yield FactPage(edges, tuple(found.odd), tuple(reasons), counts=dict(found.counts))

    def _named(self, refs: Sequence[Ref], read: "_Read", reasons: list[Reason], found: Found) -> dict[Ref, Asset]:
        """What the references lead to: as they say themselves, as is known already, or as a bulk read tells."""
        wanted = dict.fromkeys(refs)
        # another thread may put an empty one in its place
        cached = self._assets
        known = {ref.guid: cached[ref.guid] for ref in wanted if ref.guid in cached}
        missing = [ref.guid for ref in wanted if ref.guid and ref.guid not in known]
        if missing:
            batch = self._plain.read(missing, few=True)
            reasons += _reasons(batch, read.part, "inputs and outputs of its processes")
            self._remember(batch)
            known |= {guid: asset_of(entity) for guid, entity in batch.entities.items()}
            known |= dict.fromkeys(batch.gone)
        out: dict[Ref, Asset] = {}
        for ref in wanted:
            asset = known.get(ref.guid)
            if asset is None and ref.name and ref.guid not in known:
                asset = Asset(ref.type_name, ref.name)
            if asset is not None:
                out[ref] = asset
            elif ref.guid in known:
                found.counts["ends_gone"] += 1
        return out

    def _remember(self, batch: Batch) -> None:
        if len(self._assets) > _CACHED:
            self._assets = {}
        self._assets |= {guid: asset_of(entity) for guid, entity in batch.entities.items()}


class _Read:
    """One reading of one collection: which processes were met, and which were pointed at."""

    def __init__(self, part: Scope, names: NameFilter) -> None:
        self.part, self.names = part, names
        self.processes: set[str] = set()
        self.pointed_at: set[str] = set()

    def flows(self, entities: Sequence[Json]) -> Iterator[Flow]:
        """The flows of these entities that are there."""
        for entity in entities:
            if entity.get("status") == "DELETED":
                continue
            self.pointed_at |= processes_of(entity)
            for flow in flows_of(entity):
                if flow.process:
                    self.processes.add(str(entity.get("guid")))
                yield flow

    def is_wanted(self, *ends: str) -> bool:
        """Whether the filter leaves one of the ends in."""
        return any(self.names.matches(end) for end in ends)


def _reasons(batch: Batch, part: Scope, what: str) -> Iterator[Reason]:
    """Why what came of a bulk read is not all of it."""
    for denied in list(batch.denied.values())[:1]:
        yield _denied(denied, part, f"{len(batch.denied)} {what} may not be read: ")
    for broken in list(batch.broken.values())[:1]:
        message = f"collection {part.name}: {len(batch.broken)} {what} cannot be read: {broken.message}"
        yield Reason(broken.code, message, broken.operation, "run it again; if it stays, report it to Microsoft")


def _denied(error: PermissionDenied, part: Scope, what: str = "") -> Reason:
    friendly = str(part.detail.get("friendly_name") or "")
    remedy = role_remedy() if what else role_remedy(part.name, friendly)
    return Reason(error.code, f"collection {part.name}: {what}{error.message}", error.operation, remedy)
