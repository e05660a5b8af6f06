"""What an export says of itself: which files, how many rows, of which moment."""

from datetime import datetime

import msgspec

from governance.export.tables import FORMAT_VERSION, Field

NAME = "manifest.json"


class ExportedFile(msgspec.Struct, frozen=True):
    """One file of an export.

    Args:
        name: inside the directory.
        rows: rows, lines or events.
        bytes: its size.
        sha256: of its content, in hexadecimal.
        fields: of a table; empty for events.
    """

    name: str
    rows: int
    bytes: int
    sha256: str
    fields: tuple[Field, ...] = ()


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """A finished export: written last, so that a directory without it is none.

    Args:
        format: parquet, jsonl or openlineage.
        moment: all files show the inventory at this moment.
        since: only what changed at or after this; None for everything.
        next_since: what to ask for next to miss nothing: earlier than `moment` where syncs were under way.
        source: the only source in it; None for all.
        files: all but the manifest itself.
    """

    format: str
    moment: datetime
    since: datetime | None
    next_since: datetime
    source: str | None
    files: tuple[ExportedFile, ...]
    format_version: int = FORMAT_VERSION

    def json(self) -> bytes:
        """Indented JSON, one line feed at the end."""
        return msgspec.json.format(msgspec.json.encode(self), indent=2) + b"\n"

    @classmethod
    def of(cls, text: bytes) -> "Manifest":
        """A manifest from its JSON.

        Raises:
            msgspec.DecodeError: it is none.
        """
        return msgspec.json.decode(text, type=cls)
