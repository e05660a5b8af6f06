"""Records that are recognised by their fingerprint come to the same inventory as if they had been translated again."""

import hashlib
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from governance.listing import Page, Scope
from governance.model import Dataset
from resources.inventory.database import Inventory
from resources.inventory.outcomes import ScopeOutcome
from resources.inventory.sync import SourceIdentity
from tests.inventory.estate import column, rows, sync_pages, table, tag

PLAIN, KNOWN = SourceIdentity("plain", "glue"), SourceIdentity("known", "glue")


@dataclass
class Records:
    """Pages of two records each, with fingerprints; `translated` are the names of those that were not passed over."""

    datasets: Sequence[Dataset]
    unread: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        self.translated: list[str] = []

    def __iter__(self) -> Iterator[Page]:
        return self.remembering(lambda marks: (), lambda: False)

    def remembering(
        self, recognised: Callable[[Sequence[bytes]], Collection[bytes]], looks_new: Callable[[], bool]
    ) -> Iterator[Page]:
        for start in range(0, max(1, len(self.datasets)), 2):
            page = self.datasets[start : start + 2]
            marks = [hashlib.sha256(msgspec.json.encode(d)).digest()[:16] for d in page]
            known = () if self.unread else recognised(marks)
            rest = [(d, m) for d, m in zip(page, marks, strict=True) if m not in known]
            self.translated += (d.name for d, _ in rest)
            yield Page(
                tuple(d for d, _ in rest),
                unread=self.unread,
                passed_over=tuple(m for m in marks if m in known),
                fingerprints=tuple(m for _, m in rest),
            )


def listed(inventory: Inventory, *datasets: Dataset, **options: Any) -> tuple[ScopeOutcome, list[str]]:
    """The outcome of one listing, and what had to be translated."""
    records = Records(datasets, options.pop("unread", ()))
    return sync_pages(inventory, records, **options)[0], records.translated


ORDERS = table("orders", column("id", 1, "bigint"), column("odd", 2, "unknown"), tags=(tag("pii"),))
STORES = table("stores")
VIEW = table("recent", kind="view")


def test_what_was_stored_is_passed_over_and_counted_the_same(inventory: Inventory) -> None:
    first, translated = listed(inventory, ORDERS, STORES, VIEW)
    assert translated == ["orders", "stores", "recent"]
    again, translated = listed(inventory, ORDERS, STORES, VIEW)
    assert translated == []
    assert again.counts == first.counts | {"created": 0, "changes": 0, "unchanged": 3}
    assert again.kinds == first.kinds == {"table": 2, "view": 1}
    assert (again.counts["columns"], again.counts["tags"], again.counts["unknown_types"]) == (6, 1, 1)


def test_a_record_that_moved_is_translated_and_recognised_from_then_on(inventory: Inventory) -> None:
    listed(inventory, ORDERS, STORES)
    edited = msgspec.structs.replace(STORES, comment="All shops")
    outcome, translated = listed(inventory, ORDERS, edited)
    assert translated == ["stores"]
    assert (outcome.counts["updated"], outcome.counts["unchanged"]) == (1, 1)
    assert listed(inventory, ORDERS, edited)[1] == []
    outcome, translated = listed(inventory, ORDERS, STORES)
    assert (translated, outcome.counts["updated"]) == (["stores"], 1)


def test_what_is_gone_is_deleted_and_comes_back_by_translation(inventory: Inventory) -> None:
    listed(inventory, ORDERS, STORES, VIEW)
    outcome, translated = listed(inventory, ORDERS, VIEW)
    assert (translated, outcome.counts["deleted"]) == ([], 1)
    outcome, translated = listed(inventory, ORDERS, STORES, VIEW)
    assert (translated, outcome.counts["restored"]) == (["stores"], 1)
    assert listed(inventory, ORDERS, STORES, VIEW)[1] == []


def test_a_record_that_moved_to_another_scope_is_not_recognised_there(inventory: Inventory) -> None:
    listed(inventory, ORDERS, STORES)
    elsewhere = Scope("archive", "database")
    outcome, translated = listed(inventory, STORES, scope=elsewhere)
    assert translated == ["stores"]
    assert outcome.counts["touched"] == 1


def test_where_a_facet_could_not_be_read_nothing_is_recognised_afterwards(inventory: Inventory) -> None:
    """What is stored then is not what the record says: it has the tags of before."""
    listed(inventory, ORDERS)
    untagged = msgspec.structs.replace(ORDERS, comment="New", tags=())
    assert listed(inventory, untagged, unread=("tags",))[1] == ["orders"]
    assert [r["tag"] for r in rows(inventory, "SELECT tag FROM inventory.tags")] == ["pii"]
    outcome, translated = listed(inventory, untagged)
    assert (translated, outcome.counts["updated"]) == (["orders"], 1)
    assert rows(inventory, "SELECT tag FROM inventory.tags") == []


def test_a_record_that_had_to_be_cleaned_is_counted_each_time(inventory: Inventory) -> None:
    dirty = msgspec.structs.replace(ORDERS, comment="a\x00b")
    for _ in range(2):
        outcome, translated = listed(inventory, dirty)
        assert (translated, outcome.counts["cleaned"]) == (["orders"], 1)


def test_nothing_is_written_where_all_is_recognised(inventory: Inventory) -> None:
    listed(inventory, ORDERS, STORES, VIEW)
    tables = ("dataset", "dataset_column", "dataset_tag", "change", "fingerprint")
    marks = " UNION ALL ".join(f"SELECT '{t}' AS t, ctid::text, xmin::text FROM inventory.{t}" for t in tables)
    before = rows(inventory, marks)
    listed(inventory, ORDERS, STORES, VIEW)
    assert rows(inventory, marks) == before


one_version = st.builds(
    lambda name, comment, wide, tagged: table(
        name,
        *(column(f"c{n}", n) for n in range(1, wide + 1)),
        comment=comment,
        tags=(tag("pii"),) if tagged else (),
    ),
    st.sampled_from(["a", "b", "c", "d"]),
    st.sampled_from([None, "x", "y"]),
    st.integers(1, 3),
    st.booleans(),
)
histories = st.lists(st.lists(one_version, max_size=5, unique_by=lambda d: d.name), min_size=2, max_size=6)
SAME = (
    "SELECT qualified_name, comment, state, kind FROM inventory.datasets WHERE source = %s ORDER BY 1",
    "SELECT qualified_name, path, ordinal, type FROM inventory.columns WHERE source = %s ORDER BY 1, 2",
    "SELECT qualified_name, path, tag FROM inventory.tags WHERE source = %s ORDER BY 1, 2, 3",
    "SELECT qualified_name, path, change, field, before, after FROM inventory.changes WHERE source = %s"
    " ORDER BY qualified_name, change_id",
)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(history=histories, run=st.uuids())
@pytest.mark.timeout(300)
def test_any_history_comes_to_the_same_with_and_without(inventory: Inventory, history: Any, run: Any) -> None:
    plain, known = (SourceIdentity(f"{s.name}_{run.hex}", s.platform) for s in (PLAIN, KNOWN))
    for datasets in history:
        told = sync_pages(inventory, iter(list(Records(datasets))), source=plain, accept_loss=True)[0]
        outcome, _ = listed(inventory, *datasets, source=known, accept_loss=True)
        assert (outcome.counts, outcome.kinds, outcome.status) == (told.counts, told.kinds, told.status)
    for query in SAME:
        assert rows(inventory, query, known.name) == rows(inventory, query, plain.name)
