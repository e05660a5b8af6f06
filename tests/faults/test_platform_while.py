"""Cases 17 and 24: what changes while a source is being read: an asset's place, and who we are to the platform."""

import threading
from collections import Counter
from collections.abc import Callable, Iterator

import pytest
import requests

from governance.listing import Status
from resources.inventory.database import Inventory
from sandbox.faults import Exchange
from tests.faults.oracle import Facts, assert_equal, facts
from tests.fixtures.estate import SandboxSource, sandbox_source
from tests.fixtures.misbehaving import Misbehaving, on, reasons
from tests.pipelines.test_edits_purview import SHOP, Account, open_account

STATE = "SELECT state, container FROM inventory.datasets WHERE qualified_name LIKE '%/gift_cards'"


def once(act: Callable[[], object], after: int = 0) -> Callable[[Exchange], None]:
    """Does it at one call, the first or a later one; the server's answer is older than what it does."""
    lock, seen = threading.Lock(), iter(range(10**9))

    def at(exchange: Exchange) -> None:
        with lock:
            if next(seen) == after:
                act()

    return at


# --- 24: a token that ends in the middle ---


@on("databricks", "purview")
@pytest.mark.parametrize("after", [1, pytest.param(4, marks=pytest.mark.faults)])
def test_a_token_that_ends_in_the_middle_is_renewed(source: Misbehaving, inventory: Inventory, after: int) -> None:
    ended: list[object] = []
    source.tamper(source.pages, once(lambda: ended.append(end_tokens(source)), after))
    result = source.sync(inventory)
    assert ended and result.summary.status == "complete", result.summary.reasons
    assert_equal(facts(inventory), source.undisturbed)


def end_tokens(source: Misbehaving) -> object:
    """Every token that the platform gave so far is refused from now on."""
    if source.platform == "databricks":
        return requests.delete(f"{source.served.url}/_sandbox/tokens", timeout=10).json()
    return source.served.face.server.identity.revoke()  # type: ignore[attr-defined]


@on("databricks", "purview")
def test_a_token_that_stays_refused_ends_in_a_reason(source: Misbehaving, inventory: Inventory) -> None:
    assert source.sync(inventory).summary.status == "complete"
    source.faults({"action": "fail", "match": source.pages, "status": 401})
    result = source.sync(inventory)
    odd = [o for o in result.outcomes.values() if o.status is not Status.COMPLETE]
    assert odd and "authentication_error" in reasons(result), reasons(result)
    assert not any(o.changed for o in odd)
    # asked again once, with a new token, and not more often
    assert source.served.face.faults.listed()[0]["struck"] <= 2 * len(odd)
    source.recovers(inventory)


# --- 17: an asset that moves from one collection to another while both are being read ---


@pytest.fixture
def moving() -> Iterator[tuple[SandboxSource, Account, str]]:
    """A Purview account of its own, its curator, and an asset that is about to move."""
    with sandbox_source("purview") as purview:
        account = open_account(purview)
        guid = account.put("azure_sql_table", f"{SHOP}/gift_cards", {"name": "gift_cards"})
        yield purview, account, guid
        account.curator.close()


@pytest.mark.xdist_group("sync-purview")
@pytest.mark.parametrize("after", [0, *(pytest.param(n, marks=pytest.mark.faults) for n in range(1, 10))])
@pytest.mark.parametrize("way", [("retail-sales", "finance"), ("finance", "retail-sales")], ids=["there", "back"])
def test_an_asset_that_moves_while_it_is_read(
    way: tuple[str, str],
    after: int,
    moving: tuple[SandboxSource, Account, str],
    inventory: Inventory,
    empty: Callable[[], Inventory],
) -> None:
    purview, account, guid = moving
    account.move(guid, way[0])
    assert purview.sync(inventory).summary.status == "complete"
    act = once(lambda: account.move(guid, way[1]), after)

    def meanwhile(exchange: Exchange) -> None:
        if "search/query" in exchange.line:
            act(exchange)

    purview.served.face.faults.tamper = meanwhile
    assert purview.sync(inventory, threads=1, full=True).summary.status == "complete"
    purview.served.face.faults.clear()
    with inventory.connection() as conn:
        seen = conn.execute(STATE).fetchall()
    print(f"moved in call {after}: {seen}")
    assert len(seen) == 1 and seen[0][0] == "present", "it is one asset, wherever it was seen, and never gone"
    assert purview.sync(inventory, full=True).summary.status == "complete"
    with empty() as other:
        assert purview.sync(other).summary.status == "complete"
        assert_equal(facts(inventory)._replace(history=Counter(), changes=Counter()), now_of(other))
    with inventory.connection() as conn:
        assert conn.execute(STATE).fetchall() == [("present", way[1])]


def now_of(inventory: Inventory) -> Facts:
    return facts(inventory)._replace(history=Counter(), changes=Counter())
