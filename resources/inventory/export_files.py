"""The files of an export: written under a hidden name, counted and hashed when they are whole."""

import gzip
import hashlib
import os
from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, BinaryIO, Self

from governance.errors import ConfigurationError
from governance.export.manifest import ExportedFile
from governance.export.tables import Field, arrow_schema, json_line

if TYPE_CHECKING:
    pass

PARTIAL = ".partial"
ROW_GROUP_ROWS = 65_536
ROW_GROUP_BYTES = 64 * 2**20
"""A row group ends at the first of both, so that neither writing nor reading one takes much memory."""


class Sink(ABC):
    """A file that takes rows until it is left; an error inside leaves it without its name.

    Args:
        output: the directory.
        name: of the finished file.
        fields: of a row; none for events.
    """

    def __init__(self, output: Path, name: str, fields: Sequence[Field] = ()) -> None:
        self.name, self.fields, self.count = name, tuple(fields), 0
        self.path = output / f".{name}{PARTIAL}"

    def __enter__(self) -> Self:
        """The open file."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Writes what is left, where there was no error."""
        self.close(error is None)

    @abstractmethod
    def write(self, rows: Sequence[Sequence[Any]]) -> None:
        """Takes a batch."""

    @abstractmethod
    def close(self, whole: bool) -> None:
        """Ends the file."""

    def file(self) -> ExportedFile:
        """What the manifest says of it, once it is closed."""
        with self.path.open("rb") as content:
            digest = hashlib.file_digest(content, "sha256").hexdigest()
        return ExportedFile(self.name, self.count, self.path.stat().st_size, digest, self.fields)


class Parquet(Sink):
    """A Parquet file, compressed with zstd."""

    def __init__(self, output: Path, table: str, fields: Sequence[Field], about: str) -> None:
        super().__init__(output, f"{table}.parquet", fields)
        try:
            import pyarrow.parquet
        except ImportError as error:
            raise ConfigurationError(
                "Parquet files need pyarrow, which is not installed",
                platform="inventory",
                operation="export",
                remedy="pip install 'governance-pipelines[export]', or choose --format jsonl",
            ) from error
        self._arrow = pyarrow
        self._schema = arrow_schema(fields, about)
        self._writer = pyarrow.parquet.ParquetWriter(self.path, self._schema, compression="zstd")
        self._batches: list[pyarrow.RecordBatch] = []
        self._rows = self._bytes = 0

    def write(self, rows: Sequence[Sequence[Any]]) -> None:
        """Takes a batch; a row group is written when enough have come."""
        columns = zip(*rows, strict=True)
        arrays = [self._arrow.array(column, f.type) for column, f in zip(columns, self._schema, strict=True)]
        batch = self._arrow.record_batch(arrays, schema=self._schema)
        self._batches.append(batch)
        self._rows += len(rows)
        self._bytes += batch.nbytes
        if self._rows >= ROW_GROUP_ROWS or self._bytes >= ROW_GROUP_BYTES:
            self._flush()

    def _flush(self) -> None:
        if self._batches:
            self._writer.write_table(self._arrow.Table.from_batches(self._batches), row_group_size=ROW_GROUP_ROWS)
        self.count += self._rows
        self._batches, self._rows, self._bytes = [], 0, 0

    def close(self, whole: bool) -> None:
        """Writes the last row group and the footer."""
        try:
            if whole:
                self._flush()
        finally:
            self._writer.close()


class Lines(Sink):
    """A file of lines, gzipped where asked for; the same content gives the same bytes."""

    def __init__(self, output: Path, name: str, fields: Sequence[Field], compressed: bool) -> None:
        super().__init__(output, f"{name}.gz" if compressed else name, fields)
        self._raw = self.path.open("wb")
        self._out: BinaryIO | gzip.GzipFile = self._raw
        if compressed:
            self._out = gzip.GzipFile("", "wb", 6, self._raw, mtime=0)

    def lines(self, lines: Iterable[bytes]) -> None:
        """Takes lines that end with a line feed."""
        for line in lines:
            self._out.write(line)
            self.count += 1

    def write(self, rows: Sequence[Sequence[Any]]) -> None:
        """Takes a batch of rows, each an encoded line."""
        self.lines(line for row in rows for line in row)

    def close(self, whole: bool) -> None:
        """Ends the compressed stream, then the file."""
        self._out.close()
        self._raw.close()


class JsonLines(Lines):
    """One JSON object a line."""

    def __init__(self, output: Path, table: str, fields: Sequence[Field], compressed: bool) -> None:
        super().__init__(output, f"{table}.jsonl", fields, compressed)
        self._line = json_line(fields)

    def write(self, rows: Sequence[Sequence[Any]]) -> None:
        """Takes a batch."""
        self.lines(map(self._line, rows))


def make(path: Path, content: bytes) -> None:
    """A small file, whole or not at all."""
    partial = path.with_name(f".{path.name}{PARTIAL}")
    partial.write_bytes(content)
    os.replace(partial, path)
