"""Unknown is not empty: losses that are not believed, pages that fail, records that cannot be understood."""

from collections.abc import Iterator
from typing import Any

import pytest
from msgspec.structs import replace

from governance.errors import PermissionDenied, Throttled
from governance.listing import Page, Quarantined, Reason, Status
from governance.loss_guard import LossGuard
from governance.model import Dataset
from resources.inventory.database import Inventory
from tests.inventory.estate import changes, column, last_change, paged, rows, sync, sync_pages, table, tag, value

TEN = [table(f"t{n}") for n in range(10)]


def state(inventory: Inventory) -> dict[str, str]:
    return {r["name"]: r["state"] for r in rows(inventory, "SELECT name, state FROM inventory.datasets")}


def failing(pages: Iterator[Page], after: int, error: Exception) -> Iterator[Page]:
    for n, page in enumerate(pages):
        if n == after:
            raise error
        yield page


@pytest.mark.parametrize(
    ("known", "lost", "listed", "code"),
    [
        (0, 0, 0, None),
        (10, 0, 10, None),
        (10, 2, 8, None),
        (10, 3, 7, "sudden_loss"),
        (15, 3, 12, None),
        (15, 4, 11, "sudden_loss"),
        (2, 1, 1, None),
        (2, 2, 0, "empty_listing"),
        (1, 1, 0, "empty_listing"),
        (2, 2, 5, None),
    ],
)
def test_the_guard_holds_what_is_not_to_be_believed(known: int, lost: int, listed: int, code: str | None) -> None:
    reason = LossGuard().holds(known, lost, listed, source="lake", scope="two words")
    assert (reason.code if reason else None) == code
    if reason:
        assert "governance sync lake --scope 'two words' --accept-loss" in reason.remedy
        assert str(known) in reason.message


@pytest.mark.parametrize("listed", [0, 7])
def test_a_sudden_loss_deletes_nothing_until_it_is_accepted(inventory: Inventory, listed: int) -> None:
    sync(inventory, *TEN)
    last = last_change(inventory)
    edited = [replace(d, comment="new") for d in TEN[:listed]]
    outcome, summary = sync_pages(inventory, paged(edited))
    assert outcome.status is Status.PARTIAL and outcome.held == 10 - listed and summary.status == "partial"
    assert "--accept-loss" in outcome.reasons[0].remedy and "--accept-loss" in summary.reasons[0]
    assert set(state(inventory).values()) == {"present"}
    assert len(changes(inventory, last)) == listed
    outcome = sync(inventory, *edited, accept_loss=True)
    assert outcome.status is Status.COMPLETE and outcome.counts["deleted"] == 10 - listed
    assert list(state(inventory).values()).count("deleted") == 10 - listed


@pytest.mark.parametrize("error", [Throttled("slow down"), PermissionDenied("no")])
def test_an_error_after_some_pages_keeps_them_and_deletes_nothing(inventory: Inventory, error: Exception) -> None:
    sync(inventory, *TEN)
    last = last_change(inventory)
    edited = [replace(d, comment="new") for d in TEN]
    outcome, summary = sync_pages(inventory, failing(paged(edited), 2, error))
    assert outcome.status is Status.PARTIAL and summary.status == "partial"
    assert outcome.reasons == (Reason.of(error),)  # type: ignore[arg-type]
    assert [c[0] for c in changes(inventory, last)] == [d.qualified_name for d in TEN[:4]]
    assert set(state(inventory).values()) == {"present"}


def test_an_error_before_any_page_writes_nothing_but_itself(inventory: Inventory) -> None:
    sync(inventory, *TEN)
    before = value(inventory, "SELECT max(last_seen_at) FROM inventory.datasets")
    outcome, summary = sync_pages(inventory, failing(paged(TEN), 0, PermissionDenied("denied", remedy="grant it")))
    assert outcome.status is Status.FAILED and summary.status == "failed"
    assert summary.reasons == ("sales: denied Fix: grant it",)
    assert value(inventory, "SELECT max(last_seen_at) FROM inventory.datasets") == before
    assert value(inventory, "SELECT last_status FROM inventory.scopes") == "failed"


def test_any_other_error_rolls_the_scope_back(inventory: Inventory) -> None:
    sync(inventory, *TEN[:5])
    with pytest.raises(ZeroDivisionError):
        sync_pages(inventory, failing(paged(TEN), 4, ZeroDivisionError("a defect")))
    assert len(state(inventory)) == 5
    run = rows(inventory, "SELECT status, reasons FROM inventory.sync_runs ORDER BY sync_id")[-1]
    assert run["status"] == "failed" and "a defect" in run["reasons"][0]["message"]


def test_a_reason_on_a_page_makes_it_partial(inventory: Inventory) -> None:
    sync(inventory, *TEN)
    reason = Reason("permission_denied", "tags are denied", remedy="GRANT")
    pages = [Page(tuple(TEN[:9]), reasons=(reason, reason), notes={"lag": "2 h"})]
    outcome, _ = sync_pages(inventory, iter(pages))
    assert outcome.status is Status.PARTIAL and outcome.reasons == (reason,) and outcome.notes == {"lag": "2 h"}
    assert state(inventory)["t9"] == "present"
    row = rows(inventory, "SELECT reasons, notes FROM inventory.sync_scopes ORDER BY sync_id")[-1]
    assert row["reasons"][0]["remedy"] == "GRANT" and row["notes"] == {"lag": "2 h"}


BAD: list[tuple[Any, str]] = [
    (replace(table("bad"), columns=(column("a"), column("a"))), "two columns"),
    (replace(table("bad"), row_count=2**63), "row_count"),
    (replace(table("bad"), columns=(column("a", 2**31),)), "ordinal"),
    (replace(table("bad"), comment=5), "wrong type"),
    (replace(table("bad"), properties={"x": object()}), "JSON"),
    (replace(table("bad"), name=""), "no name"),
    (replace(table("bad"), container=""), "no container"),
    (replace(table("bad"), qualified_name="sales.bad" + "x" * 3000), "longer than"),
    (replace(table("bad"), qualified_name="sales.\x00bad"), "NUL"),
    (replace(table("bad"), qualified_name=""), "no qualified name"),
]


@pytest.mark.parametrize(("bad", "reason"), BAD)
def test_a_record_that_cannot_be_stored_waits_in_quarantine(inventory: Inventory, bad: Dataset, reason: str) -> None:
    outcome = sync(inventory, *TEN, bad)
    assert outcome.counts["datasets"] == 10 and outcome.counts["quarantined"] == 1
    assert len(state(inventory)) == 10
    row = rows(inventory, "SELECT * FROM inventory.quarantine")[0]
    assert reason in row["reason"] and row["attempts"] == 1 and row["payload"] and row["run_id"] == "run"
    sync(inventory, *TEN, bad, run="again")
    row = rows(inventory, "SELECT * FROM inventory.quarantine")[0]
    assert row["attempts"] == 2 and row["run_id"] == "again"
    assert inventory.queries().quarantined("lake") == 1
    good = sync(inventory, *TEN, table("bad"))
    assert good.status is Status.COMPLETE
    assert rows(inventory, "SELECT * FROM inventory.quarantine") == []


def test_a_known_dataset_that_became_illegible_is_not_gone(inventory: Inventory) -> None:
    sync(inventory, *TEN)
    last = last_change(inventory)
    bad = replace(TEN[0], columns=(column("a"), column("a")))
    outcome, _ = sync_pages(inventory, iter([Page((bad, *TEN[1:]), quarantined=())]))
    assert outcome.status is Status.COMPLETE and changes(inventory, last) == []
    odd = Quarantined("sales.t1", "no columns", {"Name": "t1", "x": "\ud800\x00"})
    outcome, _ = sync_pages(inventory, iter([Page((TEN[0], *TEN[2:]), quarantined=(odd,))]))
    assert outcome.status is Status.COMPLETE and changes(inventory, last) == []
    # two namespaces under one name: the legible one is stored all the same
    volume = replace(TEN[1], namespace="volume", kind="volume")
    pages = [Page((TEN[0],), quarantined=(odd,)), *paged([*TEN[2:], volume])]
    outcome, _ = sync_pages(inventory, iter(pages))
    assert outcome.counts["created"] == 1 and outcome.counts["duplicates"] == 0


def test_a_record_without_a_name_holds_all_deletions_back(inventory: Inventory) -> None:
    sync(inventory, *TEN)
    outcome, _ = sync_pages(
        inventory, iter([Page(tuple(TEN[1:]), quarantined=(Quarantined(None, "garbage", b"\xff"),))])
    )
    assert outcome.status is Status.PARTIAL and [r.code for r in outcome.reasons] == ["unnamed_record"]
    assert state(inventory)["t0"] == "present"


def test_a_huge_payload_is_cut_off_with_a_mark(inventory: Inventory) -> None:
    odd = Quarantined("sales.big", "too big", {"x": "y" * 1_000_000})
    sync_pages(inventory, iter([Page(tuple(TEN), quarantined=(odd,))]))
    payload = value(inventory, "SELECT payload FROM inventory.quarantine")
    assert payload["truncated"] > 1_000_000 and len(payload["beginning"]) == 65536


def test_nul_and_lone_surrogates_are_cleaned_and_counted(inventory: Inventory) -> None:
    dirty = table(
        "dirty",
        column("a", comment="x\x00y"),
        comment="\ud83d lone",
        properties={"k\x00": ["\udfff", {"deep": "\x00"}]},
        tags=(tag("t", value="\x00"),),
    )
    outcome = sync(inventory, dirty, table("clean"))
    assert outcome.counts["cleaned"] == 1 and outcome.counts["created"] == 2
    row = rows(inventory, "SELECT comment, properties FROM inventory.datasets WHERE name = 'dirty'")[0]
    assert row == {"comment": "� lone", "properties": {"k�": ["�", {"deep": "�"}]}}
    assert value(inventory, "SELECT comment FROM inventory.columns WHERE path = 'a'") == "x�y"
    assert sync(inventory, dirty, table("clean")).counts["unchanged"] == 2


def test_types_that_could_not_be_parsed_are_counted(inventory: Inventory) -> None:
    outcome = sync(inventory, table("t", column("a", 1, "unknown", native_type="frob<x"), column("b", 2)))
    assert outcome.counts["unknown_types"] == 1 and outcome.status is Status.COMPLETE
