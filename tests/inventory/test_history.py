"""Random lives of a source: after every sync the inventory equals it, and any earlier moment can be asked for."""

from datetime import UTC, timedelta
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from governance.diff import Diff, diff, longest_rise, parent_path
from governance.filters import NameFilter
from governance.model import Column, Dataset, Tag
from resources.inventory.database import Inventory
from tests.inventory.estate import changes, held, in_any_order, last_change, rows, sync

TEXT = st.sampled_from(["", "a", "b", "tab\t", "line\n", "back\\slash", "\\N", "ü🙂", '"q"'])
MAYBE = st.none() | TEXT
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.sampled_from([0.5, 1e22, -2.0]) | TEXT,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(TEXT, inner, max_size=2),
    max_leaves=4,
)
PROPERTIES = st.dictionaries(TEXT, JSON, max_size=2)
PATHS = ["a", "b", "c", "d", "s", "s.x", "s.y", "s.x.z", "l[].k", '"dotted.name"', '"dotted.name".x']


@st.composite
def columns(draw: Any) -> tuple[Column, ...]:
    paths = draw(st.lists(st.sampled_from(PATHS), unique=True, max_size=6))
    return tuple(
        Column(
            path,
            n + 1,
            draw(st.sampled_from(["int", "text"])),
            "string",
            draw(st.none() | st.booleans()),
            draw(MAYBE),
            draw(st.booleans()),
            draw(PROPERTIES),
        )
        for n, path in enumerate(paths)
    )


TAGS = st.lists(
    st.builds(
        Tag,
        tag=st.sampled_from(["pii", "tier"]),
        kind=st.sampled_from(["tag", "classification"]),
        path=st.sampled_from(["", "a", "s.x"]),
        value=MAYBE,
        inherited=st.booleans(),
        origin=st.sampled_from(["", "up"]),
        confidence=st.none() | st.sampled_from([0.25, 1.0]),
    ),
    max_size=4,
).map(tuple)


def datasets(name: str) -> st.SearchStrategy[Dataset]:
    return st.builds(
        Dataset,
        qualified_name=st.just(f"sales.{name}"),
        kind=st.sampled_from(["table", "view"]),
        container=st.sampled_from(["sales", "Sales"]),
        name=st.just(name),
        comment=MAYBE,
        owner=MAYBE,
        format=MAYBE,
        location=MAYBE,
        row_count=st.none() | st.integers(-(2**63), 2**63 - 1),
        properties=PROPERTIES,
        columns=columns(),
        tags=TAGS,
        version=st.none() | st.sampled_from(["1", "2"]),
        source_updated_at=st.none() | st.datetimes(timezones=st.just(UTC)),
    )


def applied(old: Dataset, new: Dataset, found: Diff) -> Dataset:
    """The old dataset after the row operations."""
    kept = [c for c in old.columns if c.path not in found.closed_columns]
    kept_tags = [
        t for t in old.tags if not any((k.path, k.kind, k.tag) == (t.path, t.kind, t.tag) for k in found.closed_tags)
    ]
    base = new if found.row else old
    return replace(base, columns=(*kept, *found.opened_columns), tags=(*kept_tags, *found.opened_tags))


@given(datasets("t"), datasets("t"))
def test_the_operations_of_a_diff_give_the_new_from_the_old(old: Dataset, new: Dataset) -> None:
    found = diff(old, new)
    assert in_any_order(applied(old, new, found)) == in_any_order(new)
    assert diff(old, old) == Diff()
    for change in found.changes:
        assert change.before != change.after or change.change != "updated"
    assert len({(c.path, c.field) for c in found.changes if not c.field.startswith("tag:")}) == len(
        [c for c in found.changes if not c.field.startswith("tag:")]
    )


@given(st.lists(st.integers(0, 20), unique=True, max_size=9))
def test_the_longest_rise_is_the_longest(numbers: list[int]) -> None:
    from itertools import combinations

    found = longest_rise(numbers)
    assert found == sorted(found)
    for size in range(len(found) + 1, len(numbers) + 1):
        assert not any(list(c) == sorted(c) for c in combinations(numbers, size))


def test_parents_of_paths() -> None:
    wanted = {
        "a": "",
        "a.b": "a",
        "items[].sku": "items",
        "m{}.v": "m",
        "m{}[].v.w": "m{}[].v",
        '"a.b"': "",
        '"a.b".c': '"a.b"',
        '"q""."[].c': '"q""."',
        'x."y.z"': "x",
    }
    assert {path: parent_path(path) for path in wanted} == wanted


NAMES = ["t1", "t2", "T2"]
LISTINGS = st.lists(
    st.tuples(
        st.fixed_dictionaries({n: st.none() | datasets(n) for n in NAMES}), st.booleans(), st.sampled_from(["", "*2"])
    ),
    min_size=1,
    max_size=6,
)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(life=LISTINGS)
def test_every_moment_of_a_random_life_can_be_asked_for(inventory: Inventory, life: list[Any]) -> None:
    clear(inventory)
    moments, last = [], 0
    stored: dict[str, tuple[str, Dataset]] = {}
    for listed, repeat, exclude in life:
        names = NameFilter(exclude=[exclude] if exclude else [])
        shown = {d.qualified_name: d for d in listed.values() if d is not None}
        for _ in range(2 if repeat else 1):
            last = last_change(inventory)
            sync(inventory, *shown.values(), names=names, accept_loss=True)
        if repeat:
            assert changes(inventory, last) == []
        stored = {
            **{n: ("out_of_scope", d) for n, (_, d) in stored.items() if not names.matches(n)},
            **{n: ("present", d) for n, d in shown.items() if names.matches(n)},
        }
        now = {name: value for (_, name), value in held(inventory).items()}
        assert now == {n: (s, in_any_order(d)) for n, (s, d) in stored.items()}
        at = rows(inventory, "SELECT clock_timestamp() AS at")[0]["at"]
        moments.append((at, datasets_view(inventory), held(inventory)))
    for at, view, records in moments:
        assert held(inventory, at) == records
        assert rows(inventory, "SELECT * FROM inventory.datasets_as_of(%s) ORDER BY dataset_id", at) == view
    before_all = moments[0][0] - timedelta(days=1)
    assert held(inventory, before_all) == {}


def datasets_view(inventory: Inventory) -> list[dict[str, Any]]:
    return rows(inventory, "SELECT * FROM inventory.datasets ORDER BY dataset_id")


def clear(inventory: Inventory) -> None:
    tables = ("dataset", "dataset_column", "dataset_tag", "dataset_history", "dataset_column_history")
    names = ", ".join(f"inventory.{t}" for t in (*tables, "dataset_tag_history", "change", "sync_scope", "scope"))
    with inventory.connection() as conn:
        conn.execute(f"TRUNCATE {names} CASCADE".encode())
