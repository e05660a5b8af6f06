"""The read API: typed rows out of the stable views."""

from datetime import UTC, datetime

import psycopg
import pytest

from governance.errors import ConfigurationError
from governance.listing import Page, Quarantined
from resources.inventory import schema
from resources.inventory.database import Inventory
from tests.inventory.estate import column, paged, rows, sync, sync_pages, table, tag


@pytest.mark.parametrize("view", sorted(schema.metadata.tables))
def test_the_tables_in_code_are_the_views_of_the_database(inventory: Inventory, view: str) -> None:
    with psycopg.connect(inventory.url) as conn:
        described = conn.execute(f"SELECT * FROM {view} LIMIT 0".encode()).description
    assert described is not None
    assert [c.name for c in described] == [c.name for c in schema.metadata.tables[view].columns]


@pytest.fixture
def filled(inventory: Inventory) -> Inventory:
    sync(
        inventory,
        table("orders", column("id"), comment="All orders, ünïcode", tags=(tag("pii"),)),
        table("order_items"),
    )
    odd = Quarantined("sales.odd", "no columns", {"Name": "odd"})
    changed = (table("orders", column("id"), column("customer_email"), comment="Every order"), table("order_items"))
    sync_pages(inventory, iter([Page(changed, quarantined=(odd,))]), run="second")
    return inventory


def test_sources_scopes_runs_and_kinds(filled: Inventory) -> None:
    asked = filled.queries()
    (source,) = asked.sources()
    assert (source.source, source.platform, source.datasets, source.columns, source.scopes) == ("lake", "glue", 2, 4, 1)
    assert source.last_complete_sync_at is not None
    (scope,) = asked.scope_status("lake")
    assert (scope.scope, scope.datasets, scope.last_status) == ("sales", 2, "complete")
    assert [r.run_id for r in asked.runs("lake")] == ["second", "run"]
    assert asked.runs("other") == [] and len(asked.runs(limit=1)) == 1
    assert asked.counts_by_kind("lake") == {"table": 2} and asked.counts_by_kind("lake", "other") == {}
    summary = asked.sync_of_run("second", "lake")
    assert summary is not None and summary.status == "complete" and summary.counts["updated"] == 1
    assert summary.changes == 3 and summary.datasets == 2 and summary.columns == 4
    assert asked.sync_of_run("third", "lake") is None


def test_history_and_diff(filled: Inventory) -> None:
    asked = filled.queries()
    wanted = [
        ("", "created", ""),
        ("", "updated", "comment"),
        ("customer_email", "created", ""),
        ("", "deleted", "tag:pii"),
    ]
    assert [(c.path, c.change, c.field) for c in asked.history("sales.orders")] == wanted
    assert list(asked.history("sales.orders", "other")) == [] and list(asked.history("sales.Orders")) == []
    since = rows(filled, "SELECT started_at FROM inventory.sync_runs ORDER BY sync_id DESC LIMIT 1")[0]["started_at"]
    assert [c.run_id for c in asked.diff(since)] == ["second"] * 3
    assert len(list(asked.diff(datetime(2020, 1, 1, tzinfo=UTC), since))) == 2
    with_some = asked.diff(datetime(2020, 1, 1, tzinfo=UTC))
    next(with_some)
    with_some.close()  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("orders", ["sales.orders"]),
        ("order", ["sales.order_items", "sales.orders"]),
        ("ITEMS", ["sales.order_items"]),
        ("sales.order_i", ["sales.order_items"]),
        ("every ord", ["sales.orders"]),
        ("every items", []),
        ("'; DROP TABLE x; -- \\ & | ! ( :*", []),
        ("\x00 %", []),
        ("", []),
    ],
)
def test_search_finds_words_and_prefixes(filled: Inventory, text: str, names: list[str]) -> None:
    assert sorted(f.qualified_name for f in filled.queries().search(text)) == names


def test_quarantine_and_preview(filled: Inventory) -> None:
    asked = filled.queries()
    (waiting,) = asked.quarantine("lake")
    assert (waiting.name, waiting.scope, waiting.attempts, waiting.payload) == (
        "sales.odd",
        "sales",
        1,
        {"Name": "odd"},
    )
    assert asked.quarantined("lake") == 1 and list(asked.quarantine("other")) == []
    first, second = asked.preview("lake", 5)
    assert (first.qualified_name, first.columns) == ("sales.orders", 2)
    assert second.qualified_name == "sales.order_items" and len(asked.preview("lake", 1, "sales")) == 1


def test_a_listener_is_told_of_a_scope_that_changed(inventory: Inventory) -> None:
    with psycopg.connect(inventory.url, autocommit=True) as listener:
        listener.execute("LISTEN inventory_changes")
        sync_pages(inventory, paged([table("a")]))
        (told,) = listener.notifies(timeout=5, stop_after=1)
        assert '"change_id": 1' in told.payload and "sales" not in told.payload
        sync_pages(inventory, paged([table("a")]))
        assert list(listener.notifies(timeout=0.2)) == []


def test_a_view_as_a_frame(filled: Inventory) -> None:
    asked = filled.queries()
    found = asked.frame("columns", source="lake")
    by_table = found.groupby("qualified_name")["path"].apply(sorted).to_dict()
    assert by_table["sales.orders"] == ["customer_email", "id"]
    assert asked.frame("columns", source="other").empty and list(asked.frame("columns", source="other").columns)
    assert len(asked.frame("changes", limit=2)) == 2


def test_a_frame_of_no_view_names_the_views(filled: Inventory) -> None:
    with pytest.raises(ConfigurationError, match="no view 'tables'") as raised:
        filled.queries().frame("tables")
    assert "datasets" in raised.value.remedy
