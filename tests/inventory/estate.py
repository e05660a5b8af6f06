"""A small estate in plain records, and short words for syncing it and for asking what the inventory holds."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import msgspec
import psycopg
from psycopg.rows import dict_row

from governance.filters import NameFilter
from governance.listing import Page, Scope, ScopeListing
from governance.loss_guard import LossGuard
from governance.model import Column, Dataset, Tag
from resources.inventory.database import Inventory
from resources.inventory.sync import ScopeOutcome, SourceIdentity, SyncSummary, inventory_sync

LAKE = SourceIdentity("lake", "glue")
SALES = Scope("sales", "database")
EVERYTHING = NameFilter()
GUARD = LossGuard()


def column(path: str, ordinal: int = 1, type: str = "string", **other: Any) -> Column:
    return Column(path, ordinal, other.pop("native_type", type), type, **other)


def table(name: str, *columns: Column, scope: str = "sales", **other: Any) -> Dataset:
    own = columns or (column("id", 1, "bigint"), column("note", 2))
    return Dataset(f"{scope}.{name}", other.pop("kind", "table"), scope, name, columns=own, **other)


def tag(name: str, path: str = "", value: str | None = None, **other: Any) -> Tag:
    return Tag(name, other.pop("kind", "tag"), path, value, **other)


def paged(datasets: Iterable[Dataset], size: int = 2) -> Iterator[Page]:
    """The datasets in pages; one empty page where there are none."""
    batch: list[Dataset] = []
    pages = 0
    for dataset in datasets:
        batch.append(dataset)
        if len(batch) == size:
            yield Page(tuple(batch))
            batch, pages = [], pages + 1
    if batch or not pages:
        yield Page(tuple(batch))


def sync_pages(
    inventory: Inventory,
    pages: Iterable[Page],
    scope: Scope = SALES,
    *,
    names: NameFilter = EVERYTHING,
    accept_loss: bool = False,
    run: str = "run",
    source: SourceIdentity = LAKE,
    guard: LossGuard = GUARD,
) -> tuple[ScopeOutcome, SyncSummary]:
    with inventory_sync(inventory, source, run, "test", "source", guard) as sync:
        sync.record_scopes(ScopeListing((scope,)))
        outcome = sync.write_scope(scope, pages, names, accept_loss=accept_loss)
        return outcome, sync.finish()


def sync(inventory: Inventory, *datasets: Dataset, **options: Any) -> ScopeOutcome:
    """One complete listing of one scope."""
    return sync_pages(inventory, paged(datasets), **options)[0]


def sync_scopes(inventory: Inventory, *listed: tuple[Scope, Sequence[Dataset]], run: str = "run") -> SyncSummary:
    """One sync of several scopes, in the given order."""
    with inventory_sync(inventory, LAKE, run, "test", "source", GUARD) as open_sync:
        open_sync.record_scopes(ScopeListing(tuple(scope for scope, _ in listed)))
        for scope, datasets in listed:
            open_sync.write_scope(scope, paged(datasets), EVERYTHING)
        return open_sync.finish()


def rows(inventory: Inventory, query: str, *values: Any) -> list[dict[str, Any]]:
    with psycopg.connect(inventory.url, row_factory=dict_row) as conn:
        return conn.execute(query.encode(), values).fetchall()


def value(inventory: Inventory, query: str, *values: Any) -> Any:
    return next(iter(rows(inventory, query, *values)[0].values()))


def changes(inventory: Inventory, after: int = 0) -> list[tuple[Any, ...]]:
    """(name, path, change, field, before, after), oldest first."""
    found = rows(inventory, "SELECT * FROM inventory.changes WHERE change_id > %s ORDER BY change_id", after)
    return [(r["qualified_name"], r["path"], r["change"], r["field"], r["before"], r["after"]) for r in found]


def last_change(inventory: Inventory) -> int:
    return int(value(inventory, "SELECT coalesce(max(change_id), 0) FROM inventory.changes"))


def held(inventory: Inventory, at: Any = None) -> dict[tuple[str, str], tuple[str, Dataset]]:
    """State and record of every dataset that is not deleted, rebuilt from the views, now or as of a moment."""
    source = "inventory.{0}" if at is None else "inventory.{0}_as_of(%s)"
    values = [] if at is None else [at]
    columns: dict[int, list[Column]] = {}
    for r in rows(inventory, f"SELECT * FROM {source.format('columns')}", *values):
        columns.setdefault(r["dataset_id"], []).append(_record(Column, r))
    tags: dict[int, list[Tag]] = {}
    for r in rows(inventory, f"SELECT * FROM {source.format('tags')}", *values):
        tags.setdefault(r["dataset_id"], []).append(_record(Tag, r))
    out = {}
    for r in rows(inventory, f"SELECT * FROM {source.format('datasets')} WHERE state <> 'deleted'", *values):
        own = sorted(columns.pop(r["dataset_id"], []), key=lambda c: c.path)
        assert r["column_count"] == len(own)
        own_tags = sorted(tags.pop(r["dataset_id"], []), key=repr)
        dataset = _record(Dataset, {**r, "columns": tuple(own), "tags": tuple(own_tags)})
        out[r["namespace"], r["qualified_name"]] = (r["state"], dataset)
    assert not columns and not tags, "rows of datasets that are gone"
    return out


def in_any_order(dataset: Dataset) -> Dataset:
    return msgspec.structs.replace(
        dataset,
        columns=tuple(sorted(dataset.columns, key=lambda c: c.path)),
        tags=tuple(sorted(dataset.tags, key=repr)),
    )


def _record(kind: Any, row: Mapping[str, Any]) -> Any:
    return kind(**{name: row[name] for name in kind.__struct_fields__})
