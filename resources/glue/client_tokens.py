"""Tables by their records as the service sent them: change tokens, and fingerprints of what need not be parsed again.

The lean listings of GetTables give names and types of tables only, and a federated table has no version of its own: so
whole pages are read, but a record is parsed only where something is to be learned from it. A token is of the records,
not of the pages they came on.
"""

import hashlib
import json
from collections.abc import Iterable
from typing import Any

import msgspec

Record = Any
"""A table's record: `msgspec.Raw`, its bytes, or parsed where the answer could not be taken apart."""


class _Named(msgspec.Struct):
    """As much of a record as tells its name."""

    Name: str = ""


class _Page(msgspec.Struct):
    """An answer of GetTables whose records stay bytes."""

    TableList: list[msgspec.Raw]
    NextToken: str | None = None


_NAMED, _PAGE = msgspec.json.Decoder(_Named), msgspec.json.Decoder(_Page)


def unparsed(body: bytes, shape: Any) -> dict[str, Any] | None:
    """An answer of GetTables with its records as bytes; None where it is another one, or is to be parsed as usual."""
    if getattr(shape, "name", "") != "GetTablesResponse":
        return None
    try:
        body.decode()
        page = _PAGE.decode(body)
    except (UnicodeDecodeError, msgspec.DecodeError, RecursionError):
        return None
    return {"TableList": page.TableList, "NextToken": page.NextToken}


def digest_of(record: Record) -> bytes:
    """Of the record's bytes, or of its canonical ones where it comes parsed."""
    # of the digests in the standard library the fastest one, where processors help with it
    return hashlib.sha256(record if isinstance(record, msgspec.Raw) else _canonical(record)).digest()


def name_of(record: Record) -> str | None:
    """The table's name; None where the record has none."""
    try:
        name = _NAMED.decode(record).Name if isinstance(record, msgspec.Raw) else record.get("Name")
    except (msgspec.DecodeError, RecursionError, AttributeError):
        return None
    return name if isinstance(name, str) and name else None


class TableDigest:
    """A digest of a database's tables, whatever the order they come in and the pages they come on."""

    def __init__(self) -> None:
        self._count, self._sum, self._tags = 0, 0, ""
        self.is_whole = False
        """Whether the last answer was the last one of the listing."""

    def add(self, digests: Iterable[bytes]) -> None:
        """Takes the digests of some records."""
        for digest in digests:
            self._sum += int.from_bytes(digest, "little")
            self._count += 1

    def add_tags(self, tags: object) -> None:
        """Takes the tags of the database and of its tables."""
        self._tags = hashlib.sha256(_canonical(tags)).hexdigest()[:16]

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
