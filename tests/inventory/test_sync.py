"""What one listing does to the inventory: first load, nothing changed, every kind of edit, deletion and return."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from msgspec.structs import replace

from governance.errors import Unavailable
from governance.filters import NameFilter
from governance.listing import Page, Reason, Scope, ScopeListing, Status
from governance.model import Container, Dataset
from resources.inventory.database import Inventory
from resources.inventory.sync import inventory_sync
from resources.inventory.tokens import Token
from tests.inventory.estate import (
    EVERYTHING,
    GUARD,
    LAKE,
    SALES,
    changes,
    column,
    held,
    in_any_order,
    last_change,
    paged,
    rows,
    sync,
    sync_pages,
    sync_scopes,
    table,
    tag,
    value,
)

ORDERS = table(
    "orders",
    column("id", 1, "bigint", nullable=False),
    column("total", 2, "decimal(12,2)", comment='in "euro"\twith\ttabs,\nlines and \\N 🙂'),
    column("items", 3, "array<struct<sku:string,n:int>>"),
    column("items[].sku", 1),
    column("items[].n", 2, "int"),
    column("day", 4, "date", partition_key=True, properties={"transform": "identity"}),
    comment="Orders",
    owner="ana",
    owner_kind="user",
    format="parquet",
    location="s3://shop/orders/",
    row_count=7,
    size_bytes=2**40,
    properties={"a": {"b": [1, 2.5, None, True]}, "path": "C:\\tmp"},
    tags=(
        tag("pii", value="no"),
        tag("money", "total", kind="classification", inherited=True, origin="x", confidence=0.5),
    ),
    native_id="arn:1",
    version="3",
    source_updated_at=datetime(2026, 1, 2, 3, 4, 5, 678, tzinfo=UTC),
)
ESTATE = (ORDERS, table("customers"), table("Customers", comment="another one"), table('odd."name" ✓'))


def row_versions(inventory: Inventory) -> list[tuple[Any, ...]]:
    """Where every row of the current tables lies and which transaction wrote it."""
    out = []
    for name in ("dataset", "dataset_column", "dataset_tag"):
        found = rows(
            inventory, f"SELECT ctid::text AS at, xmin::text AS by, xmax::text AS locked FROM inventory.{name}"
        )
        out += [(name, r["at"], r["by"], r["locked"]) for r in found]
    return sorted(out)


def test_a_first_load_stores_every_value(inventory: Inventory) -> None:
    outcome, summary = sync_pages(inventory, paged(ESTATE))
    assert outcome.status is Status.COMPLETE and summary.status == "complete"
    stored = held(inventory)
    assert {k: v[1] for k, v in stored.items()} == {("relation", d.qualified_name): in_any_order(d) for d in ESTATE}
    assert {v[0] for v in stored.values()} == {"present"}
    assert outcome.counts["created"] == outcome.counts["datasets"] == 4
    assert outcome.counts["columns"] == 12 and outcome.counts["tags"] == 2
    assert outcome.kinds == {"table": 4}
    assert changes(inventory) == [(d.qualified_name, "", "created", "", None, None) for d in ESTATE]
    assert rows(inventory, "SELECT datasets, columns FROM inventory.sources") == [{"datasets": 4, "columns": 12}]
    for name in ("dataset", "dataset_column", "dataset_tag"):
        assert value(inventory, f"SELECT count(*) FROM inventory.{name}_history") == 0


def test_an_unchanged_listing_writes_no_dataset_row(inventory: Inventory) -> None:
    sync(inventory, *ESTATE)
    before, last = row_versions(inventory), last_change(inventory)
    seen = value(inventory, "SELECT min(last_seen_at) FROM inventory.datasets")
    outcome = sync(inventory, *ESTATE, run="again")
    assert outcome.counts["unchanged"] == 4 and not outcome.changed
    assert row_versions(inventory) == before
    assert changes(inventory, last) == []
    assert value(inventory, "SELECT min(last_seen_at) FROM inventory.datasets") > seen


@pytest.mark.parametrize(
    ("edit", "expected"),
    [
        ({"comment": "x"}, [("", "updated", "comment", "Orders", "x")]),
        ({"comment": None}, [("", "updated", "comment", "Orders", None)]),
        (
            {"owner": "bob", "owner_kind": "role"},
            [("", "updated", "owner", "ana", "bob"), ("", "updated", "owner_kind", "user", "role")],
        ),
        ({"kind": "view"}, [("", "updated", "kind", "table", "view")]),
        ({"row_count": 8}, [("", "updated", "row_count", "7", "8")]),
        ({"size_bytes": None}, [("", "updated", "size_bytes", str(2**40), None)]),
        ({"format": "iceberg"}, [("", "updated", "format", "parquet", "iceberg")]),
        ({"location": "s3://b/"}, [("", "updated", "location", "s3://shop/orders/", "s3://b/")]),
        (
            {"properties": {"a": {"b": [1, 2.5, None, 1]}, "path": "C:\\tmp", "new": 1}},
            [("", "updated", "properties", '{"a":{"b":[1,2.5,null,true]}}', '{"a":{"b":[1,2.5,null,1]},"new":1}')],
        ),
        ({"version": "4", "native_id": "arn:2", "source_updated_at": None}, []),
        ({"tags": ORDERS.tags[1:]}, [("", "deleted", "tag:pii", "no", None)]),
        ({"tags": (*ORDERS.tags, tag("tier", value="gold"))}, [("", "created", "tag:tier", None, "gold")]),
        ({"tags": (tag("pii", value="yes"), ORDERS.tags[1])}, [("", "updated", "tag:pii", "no", "yes")]),
        (
            {"tags": (ORDERS.tags[0], replace(ORDERS.tags[1], confidence=0.9))},
            [("total", "updated", "tag:money", '{"confidence":0.5}', '{"confidence":0.9}')],
        ),
    ],
)
def test_an_edit_of_a_dataset_gives_exactly_its_changes(
    inventory: Inventory, edit: dict[str, Any], expected: list[tuple[Any, ...]]
) -> None:
    sync(inventory, *ESTATE)
    last = last_change(inventory)
    edited = replace(ORDERS, **edit)
    outcome = sync(inventory, edited, *ESTATE[1:])
    assert changes(inventory, last) == [("sales.orders", *e) for e in expected]
    assert held(inventory)["relation", "sales.orders"] == ("present", in_any_order(edited))
    assert outcome.counts["updated" if expected else "touched"] == 1 and outcome.counts["unchanged"] == 3
    assert sync(inventory, edited, *ESTATE[1:]).counts["unchanged"] == 4


def with_columns(*columns: Any) -> Dataset:
    return replace(ORDERS, columns=columns)


C = {c.path: c for c in ORDERS.columns}


@pytest.mark.parametrize(
    ("edited", "expected"),
    [
        (with_columns(*ORDERS.columns, column("new", 5)), [("new", "created", "", None, None)]),
        (
            with_columns(C["id"], C["total"], replace(C["day"], ordinal=3)),
            [("items", "deleted", "", None, None)],
        ),
        (
            with_columns(*ORDERS.columns, column("s", 5, "struct<a:int>"), column("s.a", 1, "int")),
            [("s", "created", "", None, None)],
        ),
        (
            with_columns(
                column("first"),
                *(replace(c, ordinal=c.ordinal + 1) if "." not in c.path else c for c in ORDERS.columns),
            ),
            [("first", "created", "", None, None)],
        ),
        (
            with_columns(
                *(
                    replace(c, ordinal={"id": 4, "total": 1, "items": 2, "day": 3}.get(c.path, c.ordinal))
                    for c in ORDERS.columns
                )
            ),
            [("id", "updated", "ordinal", "1", "4")],
        ),
        (
            with_columns(*(c for c in ORDERS.columns if c.path != "items[].n")),
            [("items[].n", "deleted", "", None, None)],
        ),
        (
            with_columns(
                *(
                    replace(c, native_type="INT8", type="bigint", nullable=True) if c.path == "items[].n" else c
                    for c in ORDERS.columns
                )
            ),
            [
                ("items[].n", "updated", "native_type", "int", "INT8"),
                ("items[].n", "updated", "type", "int", "bigint"),
                ("items[].n", "updated", "nullable", None, "true"),
            ],
        ),
        (
            with_columns(
                *(
                    replace(c, partition_key=False, comment="c", properties={}) if c.path == "day" else c
                    for c in ORDERS.columns
                )
            ),
            [
                ("day", "updated", "comment", None, "c"),
                ("day", "updated", "partition_key", "true", "false"),
                ("day", "updated", "properties", '{"transform":"identity"}', "{}"),
            ],
        ),
    ],
)
def test_an_edit_of_columns_gives_exactly_its_changes(
    inventory: Inventory, edited: Dataset, expected: list[tuple[Any, ...]]
) -> None:
    sync(inventory, *ESTATE)
    last = last_change(inventory)
    sync(inventory, edited, *ESTATE[1:])
    assert changes(inventory, last) == [("sales.orders", *e) for e in expected]
    assert held(inventory)["relation", "sales.orders"] == ("present", in_any_order(edited))


def test_a_rename_in_case_only_is_one_gone_and_one_come(inventory: Inventory) -> None:
    sync(inventory, table("a"), table("b"), table("c"), table("d"))
    last = last_change(inventory)
    sync(inventory, table("A"), table("b"), table("c"), table("d"))
    assert sorted(changes(inventory, last)) == [
        ("sales.A", "", "created", "", None, None),
        ("sales.a", "", "deleted", "", None, None),
    ]


def test_a_deleted_dataset_keeps_its_row_and_comes_back(inventory: Inventory) -> None:
    sync(inventory, *ESTATE)
    first = rows(inventory, "SELECT * FROM inventory.datasets WHERE name = 'orders'")[0]
    last = last_change(inventory)
    outcome = sync(inventory, *ESTATE[1:])
    assert outcome.status is Status.COMPLETE and outcome.counts["deleted"] == 1
    assert changes(inventory, last) == [("sales.orders", "", "deleted", "", None, None)]
    gone = rows(inventory, "SELECT * FROM inventory.datasets WHERE name = 'orders'")[0]
    assert gone["state"] == "deleted" and gone["gone_evidence"] and gone["comment"] == "Orders"
    assert gone["last_seen_at"] == first["last_seen_at"] and gone["first_seen_at"] == first["first_seen_at"]
    assert value(inventory, "SELECT count(*) FROM inventory.columns WHERE qualified_name = 'sales.orders'") == 0
    last = last_change(inventory)
    assert sync(inventory, *ESTATE[1:]).counts["deleted"] == 0
    outcome = sync(inventory, *ESTATE)
    assert outcome.counts["restored"] == 1
    assert changes(inventory, last) == [("sales.orders", "", "restored", "", None, None)]
    back = rows(inventory, "SELECT * FROM inventory.datasets WHERE name = 'orders'")[0]
    assert back["state"] == "present" and back["gone_evidence"] is None
    assert (back["dataset_id"], back["first_seen_at"]) == (first["dataset_id"], first["first_seen_at"])
    assert held(inventory)["relation", "sales.orders"][1] == in_any_order(ORDERS)


def test_what_the_filters_hide_is_out_of_scope_not_deleted(inventory: Inventory) -> None:
    sync(inventory, *ESTATE)
    last = last_change(inventory)
    narrow = NameFilter(exclude=["*ustomers"])
    for listed in (ESTATE, (ORDERS, ESTATE[3])):
        outcome = sync(inventory, *listed, names=narrow)
        assert outcome.status is Status.COMPLETE and outcome.counts["deleted"] == 0
    assert sorted(changes(inventory, last)) == [
        (f"sales.{n}", "", "updated", "state", "present", "out_of_scope") for n in ("Customers", "customers")
    ]
    last = last_change(inventory)
    assert sync(inventory, *ESTATE).counts["updated"] == 2
    assert sorted(c[3:] for c in changes(inventory, last)) == [("state", "out_of_scope", "present")] * 2


def test_a_scope_that_the_filters_hide_and_one_that_is_gone(inventory: Inventory) -> None:
    sync_scopes(inventory, *((Scope(n, "database"), [table("t", scope=n), table("u", scope=n)]) for n in "abcde"))
    last = last_change(inventory)
    with inventory_sync(inventory, LAKE, "run2", "test", "source", GUARD) as open_sync:
        open_sync.hide_scopes(["a"])
        assert open_sync.drop_scopes(["b"], "asked: not found") == ()
        held_back = open_sync.drop_scopes(["c", "d", "e"], "asked: not found")
        assert [r.code for r in held_back] == ["sudden_scope_loss"]
        summary = open_sync.finish()
    assert summary.status == "partial"
    assert summary.statuses == {"a": "complete", "b": "complete", "c": "partial", "d": "partial", "e": "partial"}
    states = rows(inventory, "SELECT qualified_name, state, gone_evidence FROM inventory.datasets ORDER BY 1")
    assert [(r["qualified_name"], r["state"]) for r in states][:4] == [
        ("a.t", "out_of_scope"),
        ("a.u", "out_of_scope"),
        ("b.t", "deleted"),
        ("b.u", "deleted"),
    ]
    assert states[2]["gone_evidence"] == "asked: not found"
    assert {r["state"] for r in states[4:]} == {"present"}
    assert len(changes(inventory, last)) == 4
    with inventory_sync(inventory, LAKE, "run3", "test", "source", GUARD) as open_sync:
        assert open_sync.drop_scopes(["c", "d", "e"], "asked", accept_loss=True) == ()
        known = open_sync.known_scopes()
        assert {n: k.state for n, k in known.items()} == {
            "a": "out_of_scope",
            "b": "deleted",
            "c": "deleted",
            "d": "deleted",
            "e": "deleted",
        }
        open_sync.finish()


@pytest.mark.parametrize("order", ["a first", "b first"])
def test_a_dataset_that_moves_between_scopes_is_an_update(inventory: Inventory, order: str) -> None:
    """As in Purview, where a qualified name says nothing about the collection."""
    a, b = Scope("finance", "collection"), Scope("shop", "collection")
    asset = Dataset("mssql://host/db/t", "table", "finance", "t", columns=(column("id"),))
    others = [Dataset(f"mssql://host/db/{n}", "table", "finance", str(n)) for n in range(3)]
    sync_scopes(inventory, (a, [asset, *others]), (b, []))
    last = last_change(inventory)
    moved = replace(asset, container="shop")
    listed = [(a, others), (b, [moved])]
    sync_scopes(inventory, *(listed if order == "a first" else listed[::-1]))
    assert changes(inventory, last) == [(asset.qualified_name, "", "updated", "container", "finance", "shop")]
    found = rows(inventory, "SELECT scope, datasets FROM inventory.scopes ORDER BY 1")
    assert found == [{"scope": "finance", "datasets": 3}, {"scope": "shop", "datasets": 1}]
    # and one that no other scope has is gone at the end of the sync
    summary = sync_scopes(inventory, (a, others[1:]), (b, [moved]))
    assert summary.counts["deleted"] == 1
    assert changes(inventory, last)[1:] == [(others[0].qualified_name, "", "deleted", "", None, None)]


FINANCE, SHOP = Scope("finance", "collection"), Scope("shop", "collection")


def assets(count: int) -> list[Dataset]:
    """Assets whose names say nothing of their collection, each with an id of the platform."""
    return [Dataset(f"x://{n}", "table", "finance", str(n), native_id=f"guid-{n}") for n in range(count)]


def test_what_no_scope_shows_and_the_platform_still_has_is_kept(inventory: Inventory) -> None:
    """An asset that moves from a collection that is yet to be read to one that has been is in neither listing."""
    sync_scopes(inventory, (FINANCE, assets(30)), (SHOP, []))
    last, asked = last_change(inventory), list[str]()

    def still_has(guids: Sequence[str]) -> set[str]:
        asked.extend(guids)
        return {"guid-0", "guid-1"}

    with inventory_sync(inventory, LAKE, "moving", "test", "source", GUARD) as open_sync:
        open_sync.record_scopes(ScopeListing((FINANCE, SHOP)))
        open_sync.write_scope(SHOP, paged([]), EVERYTHING)
        open_sync.write_scope(FINANCE, paged(assets(30)[3:]), EVERYTHING, token=Token("t", "b"))
        summary = open_sync.finish(still_has)
        assert not open_sync.unmoved({"finance": Token("t", "b")}, timedelta(days=1))
    assert sorted(asked) == ["guid-0", "guid-1", "guid-2"]
    assert summary.status == "complete" and summary.counts["deleted"] == 1
    assert changes(inventory, last) == [("x://2", "", "deleted", "", None, None)]
    (gone,) = rows(inventory, "SELECT gone_evidence FROM inventory.datasets WHERE state = 'deleted'")
    assert gone["gone_evidence"].endswith("the platform says so when asked")
    told = rows(inventory, "SELECT scope, notes FROM inventory.sync_scopes ORDER BY sync_id DESC, scope LIMIT 2")
    assert told[0]["notes"]["elsewhere"].startswith("2 datasets") and told[1]["notes"] == {}
    # the next sync sees where they went
    moved = [replace(d, container="shop") for d in assets(2)]
    sync_scopes(inventory, (FINANCE, assets(30)[3:]), (SHOP, moved))
    assert [c[2:4] for c in changes(inventory, last)[1:]] == [("updated", "container")] * 2


def test_what_cannot_be_asked_about_is_kept_for_the_next_sync(inventory: Inventory) -> None:
    sync_scopes(inventory, (FINANCE, assets(5)), (SHOP, []))

    def still_has(guids: Sequence[str]) -> set[str]:
        raise Unavailable("HTTP 503", platform="purview", operation="purview:entity/bulk")

    with inventory_sync(inventory, LAKE, "unsure", "test", "source", GUARD) as open_sync:
        open_sync.write_scope(FINANCE, paged(assets(5)[1:]), EVERYTHING)
        summary = open_sync.finish(still_has)
    assert summary.status == "partial" and summary.counts["deleted"] == 0 and "HTTP 503" in summary.reasons[0]
    assert value(inventory, "SELECT state FROM inventory.datasets WHERE name = '0'") == "present"
    with inventory_sync(inventory, LAKE, "again", "test", "source", GUARD) as open_sync:
        assert not open_sync.finished(["unsure"])
        open_sync.write_scope(FINANCE, paged(assets(5)[1:]), EVERYTHING)
        summary = open_sync.finish(lambda guids: ())
    assert summary.status == "complete" and summary.counts["deleted"] == 1


def test_a_scope_whose_deletions_wait_is_not_finished(inventory: Inventory) -> None:
    a, b = Scope("finance", "collection"), Scope("shop", "collection")
    assets = [Dataset(f"x://{n}", "table", "finance", str(n)) for n in range(5)]
    sync_scopes(inventory, (a, assets), (b, []))
    with pytest.raises(RuntimeError, match="killed"):
        with inventory_sync(inventory, LAKE, "dies", "test", "source", GUARD) as open_sync:
            open_sync.write_scope(a, paged(assets[1:]), EVERYTHING)
            open_sync.write_scope(b, paged([]), EVERYTHING)
            raise RuntimeError("killed")
    with inventory_sync(inventory, LAKE, "dies", "test", "source", GUARD) as open_sync:
        assert open_sync.finished(["dies"]) == {"shop"}
        open_sync.finish()


def test_facets_that_could_not_be_read_stay_as_known(inventory: Inventory) -> None:
    sync(inventory, *ESTATE)
    before, last = row_versions(inventory), last_change(inventory)
    blind = [replace(d, tags=()) for d in ESTATE]
    reason = Reason("permission_denied", "tags may not be read")
    outcome, _ = sync_pages(inventory, iter([Page(tuple(blind), reasons=(reason,), unread=("tags",))]))
    assert outcome.status is Status.PARTIAL and outcome.counts["unchanged"] == 4
    assert changes(inventory, last) == []
    assert [v[:3] for v in row_versions(inventory)] == [v[:3] for v in before]
    blind[0] = replace(blind[0], comment="seen all the same")
    sync_pages(inventory, iter([Page(tuple(blind), reasons=(reason,), unread=("tags",))]))
    assert [c[3] for c in changes(inventory, last)] == ["comment"]
    assert len(held(inventory)["relation", "sales.orders"][1].tags) == 2


def test_a_duplicated_page_has_one_effect(inventory: Inventory) -> None:
    pages = [Page(ESTATE[:2]), Page(ESTATE[1:3]), Page(ESTATE[:2]), Page(ESTATE[3:])]
    outcome, _ = sync_pages(inventory, iter(pages))
    assert outcome.counts["datasets"] == 4 and outcome.counts["duplicates"] == 3
    assert len(changes(inventory)) == 4
    # one is missing, one comes twice: the number of records alone would hide the loss
    outcome, _ = sync_pages(inventory, iter([Page(ESTATE[:3]), Page(ESTATE[:1])]))
    assert outcome.counts["deleted"] == 1 and outcome.counts["duplicates"] == 1


def test_namespaces_part_what_shares_a_name(inventory: Inventory) -> None:
    volume = replace(table("t"), namespace="volume", kind="volume", columns=())
    outcome = sync(inventory, table("t"), volume)
    assert outcome.counts["created"] == 2
    assert sync(inventory, volume, table("t")).counts["unchanged"] == 2


def test_containers_come_change_and_go(inventory: Inventory) -> None:
    one = Container("sales", "database", "sales", comment="a", tags=(tag("t"),), properties={"k": "v\x00"})
    sync_pages(inventory, iter([Page(ESTATE, (one,))]))
    query = "SELECT comment, state, tags, properties FROM inventory.containers WHERE qualified_name = 'sales'"
    assert rows(inventory, query) == [
        {"comment": "a", "state": "present", "tags": [{"tag": "t", "kind": "tag"}], "properties": {"k": "v�"}}
    ]
    sync_pages(inventory, iter([Page(ESTATE, (replace(one, comment="b"),))]))
    assert rows(inventory, query)[0]["comment"] == "b"
    sync_pages(inventory, iter([Page(ESTATE)]))
    assert rows(inventory, query)[0]["state"] == "deleted"


def test_five_thousand_columns(inventory: Inventory) -> None:
    wide = table("wide", *(column(f"c{n}", n + 1) for n in range(5000)))
    assert sync(inventory, wide).counts["columns"] == 5000
    edited = replace(wide, columns=(column("first"), *(replace(c, ordinal=c.ordinal + 1) for c in wide.columns)))
    last = last_change(inventory)
    sync(inventory, edited)
    assert changes(inventory, last) == [("sales.wide", "first", "created", "", None, None)]
    assert held(inventory)["relation", "sales.wide"][1] == in_any_order(edited)


def test_what_a_listing_of_scopes_leaves_out_is_a_reason_of_the_sync(inventory: Inventory) -> None:
    with inventory_sync(inventory, LAKE, "run", "test", "source", GUARD) as open_sync:
        open_sync.record_scopes(ScopeListing((SALES,), reasons=(Reason("permission_denied", "catalog x is denied"),)))
        open_sync.write_scope(SALES, paged(ESTATE), EVERYTHING)
        summary = open_sync.finish()
    assert summary.status == "partial" and summary.reasons == ("catalog x is denied",)
    assert value(inventory, "SELECT last_complete_sync_at FROM inventory.sources") is None
