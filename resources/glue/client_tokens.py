"""Change tokens of Glue: a digest of each table's record as the service sent it.

The lean listings of GetTables give names and types of tables only, and a federated table has no version of its own: so
whole pages are read, but their records are not parsed. The token is of the records, not of the pages they came on.
"""

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import msgspec

_UNPARSED: ContextVar[bool] = ContextVar("unparsed", default=False)
_OPERATION = "GetTablesResponse"
BODY = "Body"
"""Where in `ResponseMetadata` our parser leaves the bytes of an answer of GetTables."""


class _Page(msgspec.Struct):
    """An answer of GetTables whose records stay bytes."""

    TableList: list[msgspec.Raw]
    NextToken: str | None = None


_PAGE = msgspec.json.Decoder(_Page)


@contextmanager
def unparsed_tables() -> Iterator[None]:
    """Lets our parser hand out the records of GetTables as bytes, in this thread."""
    mark = _UNPARSED.set(True)
    try:
        yield
    finally:
        _UNPARSED.reset(mark)


def has_tables(shape: Any) -> bool:
    """Whether an answer of this shape is one of GetTables."""
    return getattr(shape, "name", "") == _OPERATION


def unparsed(body: bytes, shape: Any) -> dict[str, Any] | None:
    """The answer with its records as bytes; None where it is to be parsed as usual."""
    if not _UNPARSED.get() or not has_tables(shape):
        return None
    try:
        page = _PAGE.decode(body)
    except msgspec.DecodeError:
        return None
    return {"TableList": page.TableList, "NextToken": page.NextToken}


class TableDigest:
    """A digest of a database's tables, whatever the order they come in and the pages they come on."""

    def __init__(self) -> None:
        self._count, self._sum, self._tags = 0, 0, ""
        self._is_whole = False

    def add(self, records: Iterable[Any]) -> None:
        """Takes the records of a page, as bytes or parsed."""
        for record in records:
            body = record if isinstance(record, msgspec.Raw) else _canonical(record)
            # of the digests in the standard library the fastest one, where processors help with it
            self._sum += int.from_bytes(hashlib.sha256(body).digest(), "little")
            self._count += 1

    def add_answer(self, answer: Mapping[str, Any]) -> None:
        """Takes an answer of GetTables that was parsed."""
        self._is_whole = not answer.get("NextToken")
        body = answer.get("ResponseMetadata", {}).get(BODY)
        try:
            self.add(answer.get("TableList") or () if body is None else _PAGE.decode(body).TableList)
        except msgspec.DecodeError:
            self.add(answer.get("TableList") or ())

    def add_tags(self, tags: object) -> None:
        """Takes the tags of the database and of its tables."""
        self._tags = hashlib.sha256(_canonical(tags)).hexdigest()[:16]

    @property
    def final(self) -> str:
        """The token once the last answer was taken; empty before."""
        return self.token if self._is_whole else ""

    @property
    def token(self) -> str:
        """How many, the sum of their digests, and a digest of the tags."""
        return f"{self._count}:{self._sum % 2**128:032x}:{self._tags}"


def _canonical(record: Any) -> bytes:
    try:
        return msgspec.json.encode(record, order="deterministic", enc_hook=str)
    except UnicodeEncodeError:
        # a lone surrogate, which is no text to msgspec
        return json.dumps(record, sort_keys=True, default=str).encode("ascii")
