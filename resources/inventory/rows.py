"""Records as lines of PostgreSQL's text COPY.

The lines are made by hand because this is the hot loop of a first load: a sealed dataset that is `plain` holds no
backslash in its JSON, hence none of the signs that COPY would have escaped, and most are.
"""

import re
from collections.abc import Callable, Iterable
from typing import Any

import msgspec

from governance.fingerprint import Sealed, check
from governance.model import Column, Dataset, Tag

DATASET = (
    "id",
    "source_id",
    "scope_id",
    "valid_from",
    "first_seen_at",
    "changed_at",
    "source_updated_at",
    "row_count",
    "size_bytes",
    "column_count",
    "state",
    "hash",
    "namespace",
    "qualified_name",
    "kind",
    "container",
    "name",
    "comment",
    "owner",
    "owner_kind",
    "format",
    "location",
    "properties",
    "native_id",
    "version",
)
COLUMN = (
    "dataset_id",
    "valid_from",
    "ordinal",
    "nullable",
    "partition_key",
    "path",
    "native_type",
    "type",
    "comment",
    "properties",
)
UNTIMED_COLUMN = tuple(name for name in COLUMN if name != "valid_from")
"""A moment for each of twenty columns is a tenth of the work of taking them in; the database's own costs nothing."""
TAG = ("dataset_id", "valid_from", "confidence", "inherited", "path", "tag", "kind", "value", "origin")
CHANGE = ("at", "dataset_id", "sync_id", "source_id", "change", "path", "field", "before", "after")

_SPECIAL = re.compile(r"[\\\t\n\r]")
_ESCAPES = {"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"}
_FLAG = {None: "\\N", True: "t", False: "f"}


def _escape(text: str) -> str:
    return _SPECIAL.sub(lambda m: _ESCAPES[m.group()], text)


def _as_is(text: str) -> str:
    return text


def json_text(value: Any) -> str:
    """Canonical JSON."""
    return msgspec.json.encode(value, order="deterministic").decode()


def shown(value: Any) -> str | None:
    """A value as `inventory.changes` shows it: text as it is, anything else as JSON."""
    return value if value is None or isinstance(value, str) else json_text(value)


class NewRows(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A dataset's rows but for its id, its place and the moment, each behind a NUL, which no stored text holds.

    They can be made before any of the three is known, and anywhere.
    """

    dataset: str
    columns: str
    tags: str

    @classmethod
    def of(cls, sealed: Sealed) -> "NewRows":
        """Those of a dataset.

        Raises:
            RecordError: it cannot be stored.
        """
        dataset = check(sealed)
        return cls(
            dataset_line(dataset, sealed.hash, "\0", sealed.plain),
            "".join(column_lines(dataset.columns, "\0", sealed.plain)),
            "".join(tag_lines(dataset.tags, "\0")) if dataset.tags else "",
        )

    def placed(self, number: int, owner_ids: tuple[int, int], at: str, timed: bool) -> tuple[str, str, str]:
        """The same, whole, for a dataset that is new now.

        Args:
            number: its id.
            owner_ids: of source and scope.
            at: the moment.
            timed: whether the rows of its columns tell it, too (`COLUMN`; else `UNTIMED_COLUMN`).
        """
        head = f"{number}\t{at}\t"
        return (
            f"{number}\t{owner_ids[0]}\t{owner_ids[1]}\t{at}\t{at}\t{at}\t{self.dataset[1:]}",
            self.columns.replace("\0", head if timed else f"{number}\t"),
            self.tags.replace("\0", head),
        )


def dataset_line(dataset: Dataset, hash: bytes, head: str, plain: bool) -> str:
    """A row of `inventory.dataset`, present.

    Args:
        dataset: checked.
        hash: its content hash.
        head: its id, source and scope, and the times of valid from, first seen and changed, each with a tab behind it.
        plain: whether no text in it needs an escape.
    """
    e: Callable[[str], str] = _as_is if plain else _escape
    d, n = dataset, "\\N"
    moment = d.source_updated_at
    return (
        f"{head}{n if moment is None else moment.isoformat()}\t"
        f"{n if d.row_count is None else d.row_count}\t{n if d.size_bytes is None else d.size_bytes}\t"
        f"{len(d.columns)}\tpresent\t\\\\x{hash.hex()}\t{e(d.namespace)}\t{e(d.qualified_name)}\t{e(d.kind)}\t"
        f"{e(d.container)}\t{e(d.name)}\t{n if d.comment is None else e(d.comment)}\t"
        f"{n if d.owner is None else e(d.owner)}\t{n if d.owner_kind is None else e(d.owner_kind)}\t"
        f"{n if d.format is None else e(d.format)}\t{n if d.location is None else e(d.location)}\t"
        f"{e(json_text(d.properties)) if d.properties else '{}'}\t"
        f"{n if d.native_id is None else e(d.native_id)}\t{n if d.version is None else e(d.version)}\n"
    )


def column_lines(columns: Iterable[Column], head: str, plain: bool) -> list[str]:
    """Rows of `inventory.dataset_column`; `head` is the dataset's id and the moment, each with a tab behind it."""
    n, e = "\\N", _escape
    if plain:
        return [
            f"{head}{c.ordinal}\t{_FLAG[c.nullable]}\t{_FLAG[c.partition_key]}\t{c.path}\t{c.native_type}\t{c.type}\t"
            f"{n if c.comment is None else c.comment}\t{json_text(c.properties) if c.properties else n}\n"
            for c in columns
        ]
    return [
        f"{head}{c.ordinal}\t{_FLAG[c.nullable]}\t{_FLAG[c.partition_key]}\t{e(c.path)}\t{e(c.native_type)}\t{e(c.type)}\t"
        f"{n if c.comment is None else e(c.comment)}\t{e(json_text(c.properties)) if c.properties else n}\n"
        for c in columns
    ]


def tag_lines(tags: Iterable[Tag], head: str) -> list[str]:
    """Rows of `inventory.dataset_tag`; `head` as for columns."""
    n, e = "\\N", _escape
    return [
        f"{head}{n if t.confidence is None else t.confidence}\t{_FLAG[t.inherited]}\t{e(t.path)}\t"
        f"{e(t.tag)}\t{e(t.kind)}\t{n if t.value is None else e(t.value)}\t{e(t.origin)}\n"
        for t in tags
    ]


def change_line(
    at: str, number: int, owner_ids: tuple[int, int], change: str, path: str, field: str, before: Any, after: Any
) -> str:
    """A row of `inventory.change`; `owner_ids` are of sync and source."""
    n, was, is_now = "\\N", shown(before), shown(after)
    return (
        f"{at}\t{number}\t{owner_ids[0]}\t{owner_ids[1]}\t{change}\t{_escape(path)}\t{_escape(field)}\t"
        f"{n if was is None else _escape(was)}\t{n if is_now is None else _escape(is_now)}\n"
    )
