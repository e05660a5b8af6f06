"""A source that did not change is passed over by its change tokens; what a token could miss is listed all the same."""

import uuid
from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta
from typing import Any

import msgspec
import pytest

from assets.integrations.sync import Silent, SyncRequest, sync_source
from assets.integrations.tokens import basis_of
from governance.estate import Source
from governance.filters import NameFilter
from governance.listing import Page, Presence, Probe, Scope, ScopeListing, Status
from governance_pipelines.platforms import source_resource
from resources.inventory.database import Inventory
from resources.inventory.outcomes import ScopeOutcome
from resources.source import Reader
from sandbox.purview.face import Face
from sandbox.purview.seed import Curator
from tests.fixtures.estate import TOKENS, SandboxSource, Synced, serve
from tests.fixtures.glue_account import Account

pytestmark = pytest.mark.xdist_group("sync-tokens")

__all__ = ["serve"]
Serve = Callable[[str], SandboxSource]
PLATFORMS = ("atlas", "databricks", "glue", "purview", "snowflake")
FACTS = (
    "SELECT d.qualified_name, d.namespace, d.last_seen_at, t.xmin::text, t.ctid::text FROM inventory.datasets d"
    " JOIN inventory.dataset t ON t.id = d.dataset_id WHERE d.source = %s ORDER BY 1, 2"
)


def facts(inventory: Inventory, source: SandboxSource) -> list[tuple[Any, ...]]:
    with inventory.connection() as connection:
        return connection.execute(FACTS, [source.name]).fetchall()


def skipped(synced: Synced) -> set[str]:
    return {name for name, outcome in synced.outcomes.items() if outcome.counts["skipped"]}


@pytest.mark.parametrize("platform", PLATFORMS)
def test_a_source_that_did_not_change_is_not_listed(serve: Serve, inventory: Inventory, platform: str) -> None:
    source = serve(platform)
    first = source.sync(inventory)
    assert skipped(first) == set()
    before = facts(inventory, source)
    second = source.sync(inventory)
    assert skipped(second) == set(first.outcomes)
    assert {o.status for o in second.outcomes.values()} == {Status.COMPLETE}
    assert second.summary.status == "complete"
    assert second.summary.counts["skipped"] == len(first.outcomes)
    for name, outcome in second.outcomes.items():
        assert outcome.counts["datasets"] == outcome.counts["unchanged"] == first.outcomes[name].counts["datasets"]
        assert "unchanged by token" in outcome.notes["skipped"]
        assert (outcome.changed, outcome.counts["changes"], outcome.counts["pages"]) == (False, 0, 0)
    # the row, its place on disk, and when it was last seen in a listing
    assert facts(inventory, source) == before


@pytest.mark.parametrize("platform", PLATFORMS)
def test_who_asks_for_a_listing_gets_one(serve: Serve, inventory: Inventory, platform: str) -> None:
    source = serve(platform)
    scopes = set(source.sync(inventory).outcomes)
    assert skipped(source.sync(inventory, full=True)) == set()
    one = min(scopes)
    assert skipped(source.sync(inventory, scopes=(one,))) == set()
    assert skipped(source.sync(inventory, full_listing_interval=timedelta(0))) == set()
    assert skipped(source.sync(inventory, full_listing_interval=timedelta(microseconds=1))) == set()
    assert skipped(source.sync(inventory)) == scopes


def test_the_last_complete_sync_moves_and_the_last_listing_does_not(serve: Serve, inventory: Inventory) -> None:
    source = serve("glue")
    moments = "SELECT last_complete_sync_at FROM inventory.sources WHERE source = %s"
    listed = "SELECT scope, last_complete_at FROM inventory.scopes WHERE source = %s ORDER BY 1"
    as_of = "SELECT qualified_name, last_seen_at FROM inventory.datasets_as_of(now()) WHERE source = %s ORDER BY 1"
    seen = []
    for _ in range(2):
        source.sync(inventory)
        with inventory.connection() as connection:
            seen.append([connection.execute(q, [source.name]).fetchall() for q in (moments, listed, as_of)])
    assert seen[0][0] < seen[1][0]
    assert seen[0][1:] == seen[1][1:]


def test_other_filters_list_everything_again(serve: Serve, inventory: Inventory) -> None:
    source = serve("glue")
    source.sync(inventory)
    narrow = source.source(exclude=["*.employees"])
    assert skipped(source.sync(inventory, source=narrow)) == set()
    assert skipped(source.sync(inventory, source=narrow)) != set()
    assert skipped(source.sync(inventory)) == set()


def test_the_basis_of_a_token_is_all_else_that_decides_what_a_listing_brings(serve: Serve) -> None:
    source, scope = serve("glue").source(), Scope("sales", "database", {"Description": "Sales"})
    known = {
        basis_of(source, scope),
        basis_of(source, msgspec.structs.replace(scope, detail={"Description": "Shops"})),
        basis_of(serve("glue").source(include=["sales.*"]), scope),
        basis_of(serve("glue").source(exclude=["sales.*"]), scope),
        basis_of(Source(source.name, "glue", {**source.connection, "lake_formation": False}), scope),
        basis_of(Source(source.name, "atlas", source.connection), scope),
    }
    assert len(known) == 6
    assert basis_of(source, scope) in known


def test_a_listing_that_is_not_complete_leaves_no_token(serve: Serve, inventory: Inventory) -> None:
    source = serve("glue")
    source.sync(inventory)
    source.faults({"action": "fail", "match": "AWSGlue.GetTables", "status": 403})
    assert source.sync(inventory, full=True).summary.status == "failed"
    source.faults()
    # nothing has changed since the complete listing, yet what came between is not passed over
    after = source.sync(inventory)
    assert skipped(after) == set()
    assert after.summary.status == "complete"
    assert skipped(source.sync(inventory)) == set(after.outcomes)


def test_tokens_that_cannot_be_read_mean_a_listing(serve: Serve, inventory: Inventory) -> None:
    source = serve("atlas")
    source.sync(inventory)
    # the first search of all is a token's
    source.faults({"action": "fail", "match": "search/basic", "status": 403, "times": 1})
    again = source.sync(inventory, threads=1)
    assert again.summary.status == "complete"
    assert len(again.outcomes) - len(skipped(again)) == 1


class Edited(Reader):
    """A reader of whose source somebody edits something at the worst moment: when the last page has been read."""

    listing_tells_token = True

    def __init__(self, reader: Reader, edit: Callable[[], None]) -> None:
        self.reader, self.edit, self.meter = reader, edit, reader.meter

    def probe(self) -> Iterator[Probe]:
        return self.reader.probe()

    def scopes(self, names: NameFilter) -> ScopeListing:
        return self.reader.scopes(names)

    def presence(self, scope: Scope) -> Presence:
        return self.reader.presence(scope)

    def change_tokens(self, scopes: Sequence[Scope], *, whole: bool = False) -> Iterator[tuple[str, str]]:
        return self.reader.change_tokens(scopes, whole=whole)

    def token_groups(self, scopes: Sequence[Scope]) -> Sequence[Sequence[Scope]]:
        return self.reader.token_groups(scopes)

    def read(self, scope: Scope, names: NameFilter) -> Iterator[Page]:
        yield from self.reader.read(scope, names)
        if scope.name == "sales":
            self.edit()


def synced_while_edited(source: SandboxSource, inventory: Inventory, edit: Callable[[], None]) -> list[ScopeOutcome]:
    request = SyncRequest(source=source.source(), run_id=str(uuid.uuid4()), actor="test", full=True, **TOKENS)
    with source_resource(source.source()).reader() as reader:
        found = list(sync_source(request, Edited(reader, edit), inventory, Silent()))
    return [one for one in found if isinstance(one, ScopeOutcome)]


def test_an_edit_in_the_middle_of_a_sync_is_seen_by_the_next_one(serve: Serve, inventory: Inventory) -> None:
    source = serve("glue")
    account = Account(source.served.url)
    source.sync(inventory)

    def edit() -> None:
        account.alter("sales", {**account.table("sales", "stores"), "Description": "Edited behind the sync's back"})

    assert {o.status for o in synced_while_edited(source, inventory, edit)} == {Status.COMPLETE}
    comment = "SELECT comment FROM inventory.datasets WHERE source = %s AND qualified_name = 'sales.stores'"
    with inventory.connection() as connection:
        assert connection.execute(comment, [source.name]).fetchone() != ("Edited behind the sync's back",)
    after = source.sync(inventory)
    assert set(after.outcomes) - skipped(after) == {"sales"}
    with inventory.connection() as connection:
        assert connection.execute(comment, [source.name]).fetchone() == ("Edited behind the sync's back",)


def test_what_a_collection_misses_is_looked_for_in_those_that_did_not_change(
    serve: Serve, inventory: Inventory
) -> None:
    """Names of Purview say nothing of their collection: a missing one may have moved to another."""
    source = serve("purview")
    face = source.served.face
    assert isinstance(face, Face)
    first = source.sync(inventory)
    curator = Curator(source.served.url, face.ca)
    found = curator.send("POST", "/search/query", {"filter": {"entityType": "snowflake_view"}})["value"][0]
    curator.send("DELETE", f"/atlas/v2/entity/guid/{found['id']}")
    curator.close()
    second = source.sync(inventory)
    assert set(second.outcomes) == set(first.outcomes)
    assert skipped(second) == set()
    assert second.summary.counts["deleted"] == 1
    assert skipped(source.sync(inventory)) == set(first.outcomes)
