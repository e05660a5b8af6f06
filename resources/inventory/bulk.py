"""Records as lines of PostgreSQL's text COPY, and the sending of them.

The lines are made by hand because this is the hot loop of a first load: a sealed dataset that is `plain` holds no
backslash in its JSON, hence none of the signs that COPY would have escaped, and most are.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

import msgspec
import psycopg
from psycopg import sql

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
TAG = ("dataset_id", "valid_from", "confidence", "inherited", "path", "tag", "kind", "value", "origin")
CHANGE = ("at", "dataset_id", "sync_id", "source_id", "change", "path", "field", "before", "after")

_SPECIAL = re.compile(r"[\\\t\n\r]")
_ESCAPES = {"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"}
_FLAG = {None: "\\N", True: "t", False: "f"}
_LINES = 500


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


class NewRows(NamedTuple):
    """The rows of a dataset that is not stored yet, but for its id and the moment: a few strings, ready to be sent.

    Args:
        dataset: its row from behind the id on.
        columns: those of its columns, each behind a NUL, which no stored text holds.
        tags: those of its tags, likewise.
    """

    dataset: str
    columns: str
    tags: str

    @classmethod
    def of(cls, dataset: Dataset, hash: bytes, owner_ids: tuple[int, int], at: str, plain: bool) -> "NewRows":
        """Those of a dataset that is listed for the first time at this moment."""
        return cls(
            dataset_line(dataset, hash, owner_ids, (at, at, at), plain),
            "".join(column_lines(dataset.columns, "\0", plain)),
            "".join(tag_lines(dataset.tags, "\0")) if dataset.tags else "",
        )

    def numbered(self, number: int, at: str) -> "NewRows":
        """The same, whole."""
        head = f"{number}\t{at}\t"
        return NewRows(f"{number}{self.dataset}", self.columns.replace("\0", head), self.tags.replace("\0", head))


def dataset_line(
    dataset: Dataset, hash: bytes, owner_ids: tuple[int, int], times: tuple[str, str, str], plain: bool
) -> str:
    """A row of `inventory.dataset`, present.

    Args:
        dataset: checked.
        hash: its content hash.
        number: its id.
        owner_ids: of source and scope.
        times: valid from, first seen, changed.
        plain: whether no text in it needs an escape.
    """
    e: Callable[[str], str] = _as_is if plain else _escape
    d, n = dataset, "\\N"
    moment = d.source_updated_at
    return (
        f"\t{owner_ids[0]}\t{owner_ids[1]}\t{times[0]}\t{times[1]}\t{times[2]}\t"
        f"{n if moment is None else moment.isoformat()}\t"
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


def copy(conn: psycopg.Connection, table: str, columns: Sequence[str], lines: Sequence[str]) -> None:
    """Sends the lines into a table of the schema; nothing where there are none."""
    if not lines:
        return
    statement = sql.SQL("COPY {} ({}) FROM STDIN").format(
        sql.Identifier(*table.split(".")), sql.SQL(", ").join(map(sql.Identifier, columns))
    )
    with conn.cursor() as cursor, cursor.copy(statement) as stream:
        for start in range(0, len(lines), _LINES):
            stream.write("".join(lines[start : start + _LINES]))
