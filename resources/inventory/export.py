"""The inventory written into a directory in an open form: every file from one snapshot, streamed, in flat memory.

`PARTS` is the one list of what is exported. A view joins by a line in it.
"""

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any, Literal, Protocol

import msgspec
import psycopg
from psycopg import sql
from psycopg.rows import tuple_row
from sqlalchemy import ARRAY, BigInteger, Boolean, Date, DateTime, Double, Integer, Table, Text
from sqlalchemy.dialects.postgresql import JSONB

from governance.errors import ConfigurationError
from governance.export.manifest import NAME, ExportedFile, Manifest
from governance.export.openlineage import Namespaces
from governance.export.tables import Field, Kind
from resources.inventory import retention
from resources.inventory import schema as views
from resources.inventory.database import Inventory
from resources.inventory.export_files import PARTIAL, JsonLines, Parquet, Sink, make

Format = Literal["parquet", "jsonl", "openlineage"]
FORMATS: tuple[Format, ...] = ("parquet", "jsonl", "openlineage")
BATCH = 5000

_KINDS: tuple[tuple[type, Kind], ...] = (
    (ARRAY, "texts"),
    (JSONB, "json"),
    (DateTime, "timestamp"),
    (Date, "date"),
    (BigInteger, "int64"),
    (Integer, "int32"),
    (Double, "float64"),
    (Boolean, "bool"),
    (Text, "text"),
)


class Part(msgspec.Struct, frozen=True):
    """An exported view.

    Args:
        view: its columns.
        about: one row per what.
        as_of: `function` where `<view>_as_of` gives an earlier moment; else the column that dates a row; empty where
            there is only now.
        since: the condition on a row that changed since `%(since)s`; empty for every row.
        versions: the view of its versions, for what ended since; empty where a change is told otherwise.
    """

    view: Table
    about: str
    as_of: str = "function"
    since: str = "valid_from >= %(since)s"
    versions: str = ""


_OF_CHANGED = "dataset_id IN (SELECT dataset_id FROM {datasets} WHERE changed_at >= %(since)s)"
PARTS: tuple[Part, ...] = (
    Part(views.sources, "source, as it is now", as_of="", since=""),
    Part(views.datasets, "dataset, those that are gone too", since="changed_at >= %(since)s"),
    Part(views.columns, "named field at any depth of a dataset that is not deleted", since=_OF_CHANGED),
    Part(views.tags, "tag, classification, term or label on a dataset or a column", since=_OF_CHANGED),
    Part(views.grants, "privilege", versions="grant_versions"),
    Part(views.memberships, "member of a role or group", versions="membership_versions"),
    Part(views.policies, "row filter, column mask, cell filter or resource policy", versions="policy_versions"),
    Part(views.lineage, "edge", versions="lineage_versions"),
    Part(views.usage, "dataset, principal and day", as_of="read_at", since="read_at >= %(since)s"),
    Part(views.changes, "change", as_of="at", since="at >= %(since)s"),
)


class Progress(Protocol):
    """Who is told how an export gets on."""

    def begin(self, name: str, number: int, total: int) -> None:
        """The file of this name is next."""

    def rows(self, count: int) -> None:
        """So many more rows are in it."""


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """What to export.

    Args:
        format: in which form.
        output: the directory; made where it is missing.
        since: only what changed at or after this.
        as_of: as it was at this moment; None for now.
        source: only this one.
        overwrite: whether an earlier export in the directory is replaced.
        gzip: whether lines and events are compressed.
        namespaces: of OpenLineage, by source, where they differ from `platform://source`.
    """

    format: Format
    output: Path
    since: datetime | None = None
    as_of: datetime | None = None
    source: str | None = None
    overwrite: bool = False
    gzip: bool = False
    namespaces: Mapping[str, str] = {}


class Reader:
    """The snapshot that all files are written from.

    Args:
        conn: in a transaction that reads one snapshot.
        request: which rows.
    """

    def __init__(self, conn: psycopg.Connection[Any], request: Request) -> None:
        self.conn, self.request = conn, request
        self.values: dict[str, Any] = {"since": request.since, "as_of": request.as_of, "source": request.source}

    def relation(self, view: str) -> sql.Composable:
        """The view, or its function at the moment that is asked for."""
        if self.request.as_of is None:
            return sql.Identifier(views.SCHEMA, view)
        return sql.SQL("{}(%(as_of)s)").format(sql.Identifier(views.SCHEMA, f"{view}_as_of"))

    def query(self, part: Part) -> sql.Composed:
        """The rows of one part, JSON as text."""
        conditions: list[sql.Composable] = []
        if self.request.source is not None:
            conditions.append(sql.SQL("source = %(source)s"))
        if self.request.since is not None and part.since:
            conditions.append(sql.SQL(part.since).format(datasets=self.relation("datasets")))
        dated = part.as_of if part.as_of not in ("", "function") else ""
        if self.request.as_of is not None and dated:
            conditions.append(sql.SQL("{} <= %(as_of)s").format(sql.Identifier(dated)))
        name = part.view.name
        relation = self.relation(name) if part.as_of == "function" else sql.Identifier(views.SCHEMA, name)
        order = sql.SQL(" ORDER BY change_id") if name == "changes" else sql.SQL("")
        return _select(fields_of(part.view), relation, conditions) + order

    def ended(self, part: Part) -> sql.Composed:
        """The versions of one part that ended since, with `valid_to`."""
        conditions: list[sql.Composable] = [sql.SQL("valid_to >= %(since)s")]
        if self.request.source is not None:
            conditions.append(sql.SQL("source = %(source)s"))
        if self.request.as_of is not None:
            conditions.append(sql.SQL("valid_to <= %(as_of)s"))
        return _select(ended_fields(part), sql.Identifier(views.SCHEMA, part.versions), conditions)

    def stream(self, query: sql.Composed) -> Iterator[list[tuple[Any, ...]]]:
        """The rows in batches, by a cursor on the server."""
        name = f"export_{id(query)}"
        with self.conn.cursor(name=name, binary=True, row_factory=tuple_row) as cursor:
            cursor.execute(query, self.values)
            while rows := cursor.fetchmany(BATCH):
                yield rows

    def namespaces(self) -> Namespaces:
        """Names of datasets for OpenLineage."""
        platforms = self.conn.execute("SELECT source, platform FROM inventory.sources").fetchall()
        return Namespaces(dict(platforms), self.request.namespaces)


def fields_of(view: Table) -> tuple[Field, ...]:
    """A view's columns as fields of a file."""
    return tuple(Field(str(c.name), next(kind for of, kind in _KINDS if isinstance(c.type, of))) for c in view.columns)


def ended_fields(part: Part) -> tuple[Field, ...]:
    """The fields of `<view>_ended`: those of the view that a version has, and when it ended."""
    own = tuple(f for f in fields_of(part.view) if f.name != "inherited_from")
    return (*own, Field("valid_to", "timestamp"))


def export(inventory: Inventory, request: Request, progress: Progress) -> Manifest:
    """Writes the inventory into the directory; until all is written, what was there before stays.

    Raises:
        ConfigurationError: the directory is not empty, there is no such source, or a moment is out of range.
        GovernanceError: the database failed.
        OSError: the directory cannot be written.
    """
    earlier = _prepare(request)
    try:
        with _snapshot(inventory) as conn:
            moment, next_since = _moments(conn, request)
            _check(conn, request, moment)
            files = tuple(_written(Reader(conn, request), progress))
        manifest = Manifest(
            format=request.format,
            moment=moment,
            since=request.since,
            next_since=next_since,
            source=request.source,
            files=files,
        )
        _put_in_place(request.output, manifest, earlier)
    finally:
        for left in request.output.glob(f".*{PARTIAL}"):
            left.unlink()
    return manifest


def _written(reader: Reader, progress: Progress) -> Iterator[ExportedFile]:
    request = reader.request
    if request.format == "openlineage":
        from resources.inventory.export_events import write_events

        yield from write_events(reader, progress)
        return
    jobs: list[tuple[str, str, Sequence[Field], sql.Composed]] = []
    for part in PARTS:
        jobs.append((part.view.name, f"One row per {part.about}.", fields_of(part.view), reader.query(part)))
        if request.since is not None and part.versions:
            about = f"One row per {part.about} that ended since."
            jobs.append((f"{part.view.name}_ended", about, ended_fields(part), reader.ended(part)))
    for number, (name, about, fields, query) in enumerate(jobs, 1):
        sink: Sink
        if request.format == "parquet":
            sink = Parquet(request.output, name, fields, about)
        else:
            sink = JsonLines(request.output, name, fields, request.gzip)
        progress.begin(name, number, len(jobs))
        with sink:
            for rows in reader.stream(query):
                sink.write(rows)
                progress.rows(len(rows))
        yield sink.file()


def _select(fields: Sequence[Field], relation: sql.Composable, conditions: Sequence[sql.Composable]) -> sql.Composed:
    chosen = [
        sql.SQL("{}::text").format(sql.Identifier(f.name)) if f.kind == "json" else sql.Identifier(f.name)
        for f in fields
    ]
    where = sql.SQL(" WHERE ") + sql.SQL(" AND ").join(conditions) if conditions else sql.SQL("")
    return sql.SQL("SELECT {} FROM {}").format(sql.SQL(", ").join(chosen), relation) + where


@contextmanager
def _snapshot(inventory: Inventory) -> Iterator[psycopg.Connection[Any]]:
    """A transaction of its own that sees one moment, however long it takes, and writes nothing."""
    with inventory.dedicated() as conn:
        # an old snapshot does not see a new horizon: nothing may be pruned as long as it reads
        row = conn.execute("SELECT pg_try_advisory_lock_shared(hashtext(%s))", [retention.LOCK]).fetchone()
        if row is None or not row[0]:
            raise retention.PruneBusy(
                "a pruning is under way", platform="inventory", operation="export", remedy="wait for it to end"
            )
        conn.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        conn.read_only = True
        with conn.transaction():
            for setting in (
                "TimeZone = 'UTC'",
                "statement_timeout = 0",
                "idle_in_transaction_session_timeout = 0",
                "cursor_tuple_fraction = 1",
            ):
                conn.execute(f"SET LOCAL {setting}".encode())
            yield conn


def _moments(conn: psycopg.Connection[Any], request: Request) -> tuple[datetime, datetime]:
    """What moment the files show, and from when to ask next: what a running sync holds shows only later."""
    row = conn.execute(
        "SELECT now(), least(now(), (SELECT min(started_at) FROM inventory.sync_runs WHERE status = 'running'))"
    ).fetchone()
    assert row is not None
    return (request.as_of, min(request.as_of, row[1])) if request.as_of is not None else (row[0], row[1])


def _check(conn: psycopg.Connection[Any], request: Request, moment: datetime) -> None:
    now = conn.execute("SELECT now()").fetchone()
    if now is not None and moment > now[0]:
        raise _wrong(f"{moment:%Y-%m-%d %H:%M:%S %Z} is still to come", "name a moment that is past, or leave it out")
    if request.since is not None and request.since > moment:
        raise _wrong("what changed since then is asked for a moment before it", "let --since come before --as-of")
    if request.since is not None:
        retention.refuse_pruned(conn, request.since, "history", "changes")
    known = [row[0] for row in conn.execute("SELECT source FROM inventory.sources ORDER BY source")]
    for name in {request.source, *request.namespaces} - {None, *known}:
        raise _wrong(f"the inventory has no source {name}", f"ask for one of {', '.join(known) or 'none: sync first'}")


def _prepare(request: Request) -> frozenset[str]:
    """Makes the directory; returns the names of the files of the export that this one replaces."""
    if request.output.exists() and not request.output.is_dir():
        raise _wrong(f"{request.output} is no directory", "name another")
    request.output.mkdir(parents=True, exist_ok=True)
    if not any(request.output.iterdir()):
        return frozenset()
    if not request.overwrite:
        raise _wrong(f"{request.output} is not empty", "name another directory, or add --overwrite")
    manifest = request.output / NAME
    if not manifest.exists():
        return frozenset()
    try:
        return frozenset(f.name for f in Manifest.of(manifest.read_bytes()).files)
    except msgspec.DecodeError as error:
        raise _wrong(f"{manifest} is not of an export: {error}", "name another directory") from error


def _put_in_place(output: Path, manifest: Manifest, earlier: frozenset[str]) -> None:
    """The manifest goes first and comes last: a directory that has one has all of its files."""
    ours = {f.name for f in manifest.files}
    (output / NAME).unlink(missing_ok=True)
    for name in earlier - ours:
        # a name in a file is no licence to leave the directory
        (output / Path(name).name).unlink(missing_ok=True)
    for name in ours:
        os.replace(output / f".{name}{PARTIAL}", output / name)
    make(output / NAME, manifest.json())


def _wrong(what: str, remedy: str) -> ConfigurationError:
    return ConfigurationError(what, platform="inventory", operation="export", remedy=remedy)
