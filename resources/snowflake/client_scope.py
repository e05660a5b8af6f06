"""One scope of Snowflake read to its end: ordered streams of tables, columns, texts and tags merged by name."""

from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from typing import Any

import msgspec

from governance.errors import NotFound, PermissionDenied, RecordError
from governance.listing import Page, Quarantined, Reason
from governance.model import Column, Dataset, Tag
from resources.snowflake import client_queries as queries
from resources.snowflake import translate, translate_tags
from resources.snowflake.client import Client, Row

PAGE = 200
_SHOWN_KEYS = {"PRIMARY KEY": "PRIMARY", "UNIQUE": "UNIQUE", "FOREIGN KEY": "IMPORTED"}
_SHOWN_TEXTS = {"materialized_view": "MATERIALIZED VIEWS", "dynamic_table": "DYNAMIC TABLES"}


def tag_grants(role: str) -> str:
    """The statements that let a role read tags."""
    return (
        f"GRANT DATABASE ROLE SNOWFLAKE.GOVERNANCE_VIEWER TO ROLE {queries.quoted(role)}; or, for all of ACCOUNT_USAGE,"
        f" GRANT IMPORTED PRIVILEGES ON DATABASE SNOWFLAKE TO ROLE {queries.quoted(role)}"
    )


class Ordered:
    """Rows in the order of one label, handed out group by group; holds one row beyond the group."""

    def __init__(self, rows: Iterator[Row], label: str) -> None:
        self._rows, self._label = rows, label
        self._next: Row | None = None
        self._begun = False

    def while_(self, test: Callable[[Row], bool]) -> list[Row]:
        """The next rows as long as they pass the test."""
        if not self._begun:
            self._begun, self._next = True, next(self._rows, None)
        found = []
        while self._next is not None and test(self._next):
            found.append(self._next)
            self._next = next(self._rows, None)
        return found

    def take(self, name: str) -> list[Row]:
        """The rows of this name; those before it belong to what was dropped meanwhile, and are skipped."""
        self.while_(lambda row: str(row[self._label]) < name)
        return self.while_(lambda row: bool(row[self._label] == name))


class ScopeReading:
    """The reading of one schema, as far as include globs can match in it."""

    def __init__(self, client: Client, database: str, schema: str, include: Sequence[str] = ()) -> None:
        self.client, self.database, self.schema = client, database, schema
        self._spans = queries.spans(include, translate.qualified(database, schema))
        self._columns = Ordered(self._rows(queries.columns), "table_name")
        self._views = Ordered(self._rows(queries.views), "table_name")
        self._parts = Ordered(self._rows(queries.type_parts), "object_name")
        self._shown: dict[str, dict[str, Row]] = {}
        self._tags: Ordered | None = None
        self._inherited: translate_tags.Level = {}
        self._keys: dict[str, dict[str, Any]] = {}
        self._reasons: list[Reason] = []

    def _rows(self, ask: Callable[[Client, str, str, queries.Span], Iterator[list[Row]]]) -> Iterator[Row]:
        """The rows by name; asked for when the first is wanted, and in parts where Snowflake wants that."""
        for wanted in self._spans:
            answers = queries.narrowed(wanted, lambda span: ask(self.client, self.database, self.schema, span))
            for _, portions in answers:
                for portion in portions:
                    yield from portion

    def pages(self) -> Iterator[Page]:
        """First the schema with its tags, then its relations by name.

        Raises:
            NotFound: the schema is not there, or the role may not see it.
        """
        found = queries.schemata(self.client, self.database, self.schema)
        if not found:
            raise NotFound(
                f"the schema {translate.qualified(self.database, self.schema)} is gone, or hidden from the role",
                platform=translate.PLATFORM,
                operation="snowflake:SCHEMATA",
                remedy=f"GRANT USAGE ON SCHEMA {queries.quoted(self.database, self.schema)}"
                f" TO ROLE {queries.quoted(queries.current_role(self.client))}",
            )
        own = self._open_tags()
        self._read_keys()
        notes = translate_tags.LAG if self._tags else {}
        container = translate.schema(found[0], self.database, own)
        yield Page(containers=(container,), reasons=tuple(self._reasons), notes=dict(notes))
        self._reasons.clear()
        tables = self._rows(queries.tables)
        while rows := list(islice(tables, PAGE)):
            yield self._page(rows)

    def _page(self, rows: list[Row]) -> Page:
        datasets, unclear = [], []
        for row in rows:
            try:
                datasets.append(self._dataset(row))
            except RecordError as error:
                name = row.get("table_name")
                known = translate.qualified(self.database, self.schema, str(name)) if name else None
                unclear.append(Quarantined(known, error.message, msgspec.to_builtins(row)))
        reasons, self._reasons = tuple(self._reasons), []
        unread = () if self._tags else ("tags",)
        return Page(datasets=tuple(datasets), quarantined=tuple(unclear), reasons=reasons, unread=unread)

    def _dataset(self, row: Row) -> Dataset:
        name = str(row.get("table_name") or "")
        columns = self._columns_of(name)
        tags: tuple[Tag, ...] = ()
        if self._tags:
            full = translate.qualified(self.database, self.schema, name)
            tags = translate_tags.relation(self._tags.take(name), self._inherited, full, columns)
        extra = {**self._keys.get(name, {}), **self._text(name, translate.kind_of(row))}
        return translate.dataset(row, (self.database, self.schema), columns, tags, extra)

    def _columns_of(self, name: str) -> tuple[Column, ...]:
        """The columns; where one has a structured type, its parts too."""
        rows = self._columns.take(name)
        typed = any(r["dtd_identifier"] and str(r["data_type"]).upper() in translate.STRUCTURED for r in rows)
        return translate.columns(rows, translate.type_parts(self._parts.take(name)) if typed else None)

    def _text(self, name: str, kind: str) -> dict[str, Any]:
        """A view's text and what else only its own listing says."""
        if kind == "view":
            found = self._views.take(name)
            text = found[0]["view_definition"] if found else None
            secure = {"secure": True} if found and str(found[0]["is_secure"]).upper() in ("YES", "TRUE") else {}
            return ({"view_text": str(text)} if text else {}) | secure
        if kind not in _SHOWN_TEXTS:
            return {}
        if kind not in self._shown:
            rows = self._show(_SHOWN_TEXTS[kind])
            self._shown[kind] = {str(row["name"]): row for row in rows}
        row = self._shown[kind].get(name, {})
        said = {"view_text": row.get("text"), "target_lag": row.get("target_lag")}
        return {word: str(value) for word, value in said.items() if value}

    def _open_tags(self) -> tuple[Tag, ...]:
        """Begins the stream of tags; the schema's own come back. Without the right: a reason."""
        try:
            portions = queries.tag_references(self.client, self.database, self.schema)
        except PermissionDenied as error:
            remedy = tag_grants(queries.current_role(self.client))
            message = f"tags were not read: {error.message}"
            self._reasons.append(Reason(error.code, message, error.operation, remedy))
            return ()
        self._tags = Ordered((row for portion in portions for row in portion), "object_name")
        above = self._tags.while_(lambda row: int(row["level"]) == 0)
        self._inherited, own = translate_tags.containers(above, self.database, self.schema)
        return own

    def _read_keys(self) -> None:
        kinds = queries.constraint_kinds(self.client, self.database, self.schema)
        for word in sorted(kinds & set(_SHOWN_KEYS)):
            kind = _SHOWN_KEYS[word]
            for table, found in translate.keys(kind, self._show(f"{kind} KEYS")).items():
                self._keys.setdefault(table, {}).update(found)

    def _show(self, what: str) -> list[Row]:
        rows = queries.show(self.client, what, self.database, self.schema)
        if len(rows) >= queries.SHOW_CAP:
            message = f"SHOW {what} was cut at {queries.SHOW_CAP} rows: the rest is not known"
            self._reasons.append(Reason("listing_cut", message, f"snowflake:SHOW {what}", "split the schema"))
        return rows
