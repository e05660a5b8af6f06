"""Which of a database's table records are stored already as they are, by fingerprints of record and tags."""

import hashlib
from collections.abc import Sequence

import msgspec

from resources.glue.client_tags import LakeTags
from resources.glue.client_tokens import Record, name_of
from resources.glue.translate_tags import Values
from resources.source import Memory

Sifted = tuple[tuple[bytes, ...], list[tuple[Record, bytes]]]
"""The fingerprints of the records that are recognised, and the others, each with its own."""


class Marks:
    """Fingerprints of one database's tables.

    Args:
        memory: what is remembered of them; None: nothing is recognised, and nothing gets a fingerprint.
        database: its name.
        above: the database's tags.
        tags: those of the tables, where they are read.
    """

    def __init__(self, memory: Memory | None, database: str, above: Values, tags: LakeTags | None) -> None:
        self._memory, self._database, self._tags = memory, database, tags
        self._basis = msgspec.json.encode([memory.basis if memory else "", database, above], order="deterministic")

    def sifted(self, records: Sequence[Record], digests: Sequence[bytes]) -> Sifted:
        """The records of a page, given their digests."""
        if self._memory is None or (self._tags is not None and not self._tags.are_searched):
            return (), [(record, b"") for record in records]
        marks = [self._mark(record, digest) for record, digest in zip(records, digests, strict=True)]
        known = self._memory.recognised(marks)
        rest = [(record, mark) for record, mark in zip(records, marks, strict=True) if mark not in known]
        return tuple(mark for mark in marks if mark in known), rest

    def _mark(self, record: Record, digest: bytes) -> bytes:
        if self._tags is None:
            return hashlib.sha256(digest + self._basis).digest()[:16]
        assigned = self._tags.of_table(self._database, name_of(record) or "")
        told = msgspec.json.encode(assigned, order="deterministic")
        return hashlib.sha256(digest + self._basis + told).digest()[:16]
