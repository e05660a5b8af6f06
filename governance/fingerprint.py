"""The content hash by which a dataset is known to be unchanged, and the checks before one is stored.

`seal` runs on every dataset of every listing; `check` only on those that are new or different: what has the hash of a
stored dataset was checked when that one was.
"""

from collections import Counter
from datetime import datetime
from hashlib import sha256
from typing import Any

import msgspec

from governance.errors import RecordError
from governance.model import Dataset
from governance.text import clean, is_clean

LONGEST_NAME = 2000
"""Bytes of namespace and qualified name together; an index entry of PostgreSQL holds no more than 2,700."""
LARGEST = 32 * 2**20
"""Bytes of a dataset's canonical JSON."""

_BIGINT = 2**63
_encoder = msgspec.json.Encoder(order="deterministic")
_decoder = msgspec.json.Decoder(Dataset)


class Sealed(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A dataset as its canonical JSON, and what is counted of it: one object, where the records are a hundred.

    Args:
        body: the canonical JSON of it as it is stored: cleaned where it had to be.
        hash: 16 bytes over the body.
        cleaned: whether NUL or lone surrogates were replaced.
        plain: whether no text in it needs an escape in COPY.
        kind: the dataset's.
        columns: how many it has.
        tags: how many it has.
        unknown_types: how many of its columns have a type that is not understood.
    """

    body: bytes
    hash: bytes
    cleaned: bool
    plain: bool
    kind: str
    columns: int
    tags: int
    unknown_types: int


def seal(dataset: Dataset) -> Sealed:
    """The dataset with its content hash.

    Raises:
        RecordError: its identity is missing, unclean or too long, it has no list of columns or tags, or it cannot be
            written as JSON.
    """
    cleaned = False
    body = _encoded(dataset)
    # most have no backslash, and a single sign is looked for many times faster than several
    plain = body is not None and b"\\" not in body
    if body is None or (not plain and b"\\u0000" in body):
        tidy = _cleaned(dataset)
        cleaned = tidy is not dataset
        dataset, body = tidy, _encoded(tidy)
        if body is None:
            raise RecordError("it holds text that cannot be encoded")
        plain = b"\\" not in body
    _check_identity(dataset)
    columns, tags = dataset.columns, dataset.tags
    if not isinstance(columns, list | tuple) or not isinstance(tags, list | tuple):
        raise RecordError("its columns or its tags are no list")
    unknown = sum(c.type == "unknown" for c in columns) if b'"type":"unknown"' in body else 0
    # of the digests in the standard library the fastest one, where processors help with it
    digest = sha256(body).digest()[:16]
    return Sealed(body, digest, cleaned, plain, dataset.kind, len(columns), len(tags), unknown)


def check(sealed: Sealed) -> Dataset:
    """The dataset, once it is sure that PostgreSQL takes every value of it.

    Raises:
        RecordError: a value has the wrong type or is out of range, or two columns have one path.
    """
    if len(sealed.body) > LARGEST:
        raise RecordError(f"it is larger than {LARGEST >> 20} MiB: {len(sealed.body)} bytes")
    dataset = decoded(sealed)
    for name in ("name", "kind", "container"):
        if not getattr(dataset, name):
            raise RecordError(f"it has no {name}")
    for name in ("row_count", "size_bytes"):
        value = getattr(dataset, name)
        if value is not None and not -_BIGINT <= value < _BIGINT:
            raise RecordError(f"{name} is out of range: {value}")
    if dataset.source_updated_at is not None and dataset.source_updated_at.tzinfo is None:
        raise RecordError("source_updated_at has no time zone")
    _check_columns(dataset)
    return dataset


def decoded(sealed: Sealed) -> Dataset:
    """The dataset as its canonical JSON says it: what a store gives back, to compare with.

    Raises:
        RecordError: a value has the wrong type or is out of range.
    """
    try:
        return _decoder.decode(sealed.body)
    except (msgspec.DecodeError, RecursionError) as error:
        raise RecordError(f"a value has the wrong type or is out of range: {error}") from error


def _check_identity(dataset: Dataset) -> None:
    name, namespace = dataset.qualified_name, dataset.namespace
    if not isinstance(name, str) or not isinstance(namespace, str) or not name or not namespace:
        raise RecordError("it has no qualified name" if not name else "its qualified name or namespace is no text")
    if len(name) + len(namespace) > LONGEST_NAME // 4 and len(name.encode()) + len(namespace.encode()) > LONGEST_NAME:
        raise RecordError(f"its qualified name is longer than {LONGEST_NAME} bytes")


def _check_columns(dataset: Dataset) -> None:
    if not dataset.columns:
        return
    paths = {c.path for c in dataset.columns}
    if len(paths) < len(dataset.columns):
        twice = Counter(c.path for c in dataset.columns).most_common(1)[0][0]
        raise RecordError(f"two columns have the path {twice!r}")
    if "" in paths:
        raise RecordError("a column has no path")


def _encoded(dataset: Dataset) -> bytes | None:
    """Canonical JSON; None where a lone surrogate stands in the way."""
    try:
        return _encoder.encode(dataset)
    except UnicodeEncodeError:
        return None
    except (TypeError, ValueError, OverflowError, RecursionError) as error:
        raise RecordError(f"it cannot be written as JSON: {error}") from error


def _cleaned(dataset: Dataset) -> Dataset:
    for part in (dataset.qualified_name, dataset.namespace):
        if isinstance(part, str) and not is_clean(part):
            raise RecordError("its qualified name holds NUL or a lone surrogate")
    try:
        plain: Any = msgspec.to_builtins(dataset, builtin_types=(datetime,))
        tidy = clean(plain)
        return dataset if tidy is plain else msgspec.convert(tidy, Dataset)
    except (msgspec.ValidationError, TypeError, ValueError, OverflowError, RecursionError) as error:
        raise RecordError(f"it cannot be cleaned of NUL and lone surrogates: {error}") from error
