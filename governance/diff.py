"""What differs between two readings of one dataset: change rows for people, row operations for the store. Pure.

A created or deleted column is one change: the fields and tags below it are implied. A column that merely moved along
because another came or went is rewritten without a change; `ordinal` is a change of those that overtook a sibling.
"""

import re
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Literal

import msgspec

from governance.model import Column, Dataset, Tag

ChangeKind = Literal["created", "updated", "deleted", "restored"]

DATASET_FIELDS = (
    "kind",
    "container",
    "name",
    "comment",
    "owner",
    "owner_kind",
    "format",
    "location",
    "row_count",
    "size_bytes",
)
COLUMN_FIELDS = ("native_type", "type", "nullable", "comment", "partition_key")
TAG_FIELDS = ("value", "inherited", "origin", "confidence")

_PARTS = re.compile(r'"(?:[^"]|"")*"|[^".]+|\.|"')
_ELEMENT = re.compile(r"(?:\[\]|\{\})+$")


class Change(msgspec.Struct, frozen=True):
    """A change as `inventory.changes` shows it; values are plain JSON."""

    path: str
    change: ChangeKind
    field: str
    before: Any = None
    after: Any = None


class TagKey(msgspec.Struct, frozen=True):
    """What tags are replaced by: all rows of one name and kind at one path."""

    path: str
    kind: str
    tag: str


class Diff(msgspec.Struct, frozen=True):
    """How to get from the old dataset to the new one.

    Args:
        changes: for people; empty where only identifiers and clocks moved.
        row: whether any field of the dataset itself differs, identifiers and clocks too.
        closed_columns: paths whose stored rows end.
        opened_columns: columns that are stored anew, under the same paths or others.
        closed_tags: keys whose stored rows end, all of them.
        opened_tags: tags that are stored anew.
    """

    changes: tuple[Change, ...] = ()
    row: bool = False
    closed_columns: tuple[str, ...] = ()
    opened_columns: tuple[Column, ...] = ()
    closed_tags: tuple[TagKey, ...] = ()
    opened_tags: tuple[Tag, ...] = ()

    @property
    def is_empty(self) -> bool:
        """Whether nothing differs but, at most, the order in which it was listed."""
        return not (self.row or self.closed_columns or self.opened_columns or self.closed_tags or self.opened_tags)


def diff(old: Dataset, new: Dataset) -> Diff:
    """What differs. Both must have unique column paths; their identity is not compared."""
    columns = _ColumnDiff(old.columns, new.columns)
    tag_changes, closed_tags, opened_tags = _diff_tags(old.tags, new.tags, columns.implies)
    own = tuple(_diff_fields(old, new))
    silent = any(getattr(old, f) != getattr(new, f) for f in ("native_id", "version", "source_updated_at"))
    return Diff(
        changes=(*own, *columns.changes(), *tag_changes),
        row=bool(own) or silent,
        closed_columns=columns.closed,
        opened_columns=columns.opened,
        closed_tags=closed_tags,
        opened_tags=opened_tags,
    )


def parent_path(path: str) -> str:
    """The path of the field that a nested field lies in; empty for a top-level column."""
    last, at = -1, 0
    for part in _PARTS.findall(path):
        if part == ".":
            last = at
        at += len(part)
    return _ELEMENT.sub("", path[:last]) if last > 0 else ""


def _diff_fields(old: Dataset, new: Dataset) -> Iterator[Change]:
    for field in DATASET_FIELDS:
        before, after = getattr(old, field), getattr(new, field)
        if before != after:
            yield Change("", "updated", field, before, after)
    yield from _diff_properties("", old.properties, new.properties)


def _diff_properties(path: str, old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[Change]:
    if old or new:
        before = {k: v for k, v in old.items() if k not in new or not _same(new[k], v)}
        after = {k: v for k, v in new.items() if k not in old or not _same(old[k], v)}
        if before or after:
            yield Change(path, "updated", "properties", before, after)


def _same(one: Any, other: Any) -> bool:
    """Equal as JSON: true is not 1, but 1 is 1.0."""
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(_same(v, other[k]) for k, v in one.items())
    if isinstance(one, list | tuple) and isinstance(other, list | tuple):
        return len(one) == len(other) and all(map(_same, one, other))
    return isinstance(one, bool) == isinstance(other, bool) and bool(one == other)


class _ColumnDiff:
    """The columns' part, by path."""

    def __init__(self, old: Sequence[Column], new: Sequence[Column]) -> None:
        self.old = {c.path: c for c in old}
        self.new = {c.path: c for c in new}
        self.came = self.new.keys() - self.old.keys()
        self.went = self.old.keys() - self.new.keys()
        differing = [p for p, c in self.new.items() if p in self.old and self.old[p] != c]
        self.closed = (*(p for p in self.old if p in self.went), *differing)
        kept = set(differing)
        self.opened = tuple(c for p, c in self.new.items() if p in self.came or p in kept)
        self.differing = differing

    def implies(self, path: str) -> bool:
        """Whether a column that came or went speaks for what is at this path."""
        while path:
            if path in self.came or path in self.went:
                return True
            path = parent_path(path)
        return False

    def changes(self) -> Iterator[Change]:
        for path in self.old:
            if path in self.went and not self.implies(parent_path(path)):
                yield Change(path, "deleted", "")
        for path in self.new:
            if path in self.came and not self.implies(parent_path(path)):
                yield Change(path, "created", "")
        moved = self._moved() if any(self.old[p].ordinal != self.new[p].ordinal for p in self.differing) else set()
        for path in self.differing:
            before, after = self.old[path], self.new[path]
            for field in COLUMN_FIELDS:
                if getattr(before, field) != getattr(after, field):
                    yield Change(path, "updated", field, getattr(before, field), getattr(after, field))
            if path in moved:
                yield Change(path, "updated", "ordinal", before.ordinal, after.ordinal)
            yield from _diff_properties(path, before.properties, after.properties)

    def _moved(self) -> set[str]:
        """The fewest columns whose moving explains the new order of those that stayed."""
        families: dict[str, list[str]] = defaultdict(list)
        for path in self.old.keys() & self.new.keys():
            families[parent_path(path)].append(path)
        moved: set[str] = set()
        for family in families.values():
            before = sorted(family, key=lambda p: (self.old[p].ordinal, p))
            rank = {p: n for n, p in enumerate(before)}
            after = sorted(family, key=lambda p: (self.new[p].ordinal, p))
            moved |= set(family) - {before[n] for n in longest_rise([rank[p] for p in after])}
        return {p for p in moved if self.old[p].ordinal != self.new[p].ordinal}


def longest_rise(numbers: Sequence[int]) -> list[int]:
    """A longest strictly rising subsequence (patience sorting)."""
    tails: list[int] = []
    tail_at: list[int] = []
    before: list[int] = []
    for n, number in enumerate(numbers):
        pile = bisect_left(tails, number)
        before.append(tail_at[pile - 1] if pile else -1)
        if pile == len(tails):
            tails.append(number)
            tail_at.append(n)
        else:
            tails[pile], tail_at[pile] = number, n
    out, at = [], tail_at[-1] if tail_at else -1
    while at >= 0:
        out.append(numbers[at])
        at = before[at]
    return out[::-1]


def _by_key(tags: Iterable[Tag]) -> dict[TagKey, list[Tag]]:
    out: dict[TagKey, list[Tag]] = defaultdict(list)
    for tag in tags:
        out[TagKey(tag.path, tag.kind, tag.tag)].append(tag)
    return out


def _diff_tags(
    old: Sequence[Tag], new: Sequence[Tag], implied: Any
) -> tuple[list[Change], tuple[TagKey, ...], tuple[Tag, ...]]:
    if old == new:
        return [], (), ()
    before, after = _by_key(old), _by_key(new)
    changes: list[Change] = []
    closed: list[TagKey] = []
    opened: list[Tag] = []
    for key in {**before, **after}:
        was, is_now = before.get(key, []), after.get(key, [])
        if sorted(was, key=_order) == sorted(is_now, key=_order):
            continue
        if was:
            closed.append(key)
        opened += is_now
        if not implied(key.path):
            changes += _tag_changes(key, was, is_now)
    return changes, tuple(closed), tuple(opened)


def _order(tag: Tag) -> str:
    return repr(tag)


def _tag_changes(key: TagKey, was: list[Tag], is_now: list[Tag]) -> Iterator[Change]:
    field = f"tag:{key.tag}"
    if len(was) == len(is_now) == 1:
        one, other = was[0], is_now[0]
        if one.value != other.value:
            yield Change(key.path, "updated", field, one.value, other.value)
            return
        names = [f for f in TAG_FIELDS if getattr(one, f) != getattr(other, f)]
        yield Change(
            key.path, "updated", field, {f: getattr(one, f) for f in names}, {f: getattr(other, f) for f in names}
        )
        return
    gone, come = list(was), []
    for tag in is_now:
        if tag in gone:
            gone.remove(tag)
        else:
            come.append(tag)
    yield from (Change(key.path, "deleted", field, tag.value, None) for tag in gone)
    yield from (Change(key.path, "created", field, None, tag.value) for tag in come)
