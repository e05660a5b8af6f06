"""A page of GetTables as records, given all that decides what becomes of them as plain data."""

from collections.abc import Iterable, Iterator
from typing import Any

import msgspec

from governance.listing import Quarantined
from governance.model import Column, Dataset, Tag
from resources.glue.translate import translated
from resources.glue.translate_names import arn_of
from resources.glue.translate_record import TableRecord
from resources.glue.translate_tags import UNASSIGNED, Assigned, Values, table_tags


class Context(msgspec.Struct, frozen=True):
    """What is known beside the records.

    Args:
        database: the name the tables were asked for by.
        region: where the catalog is.
        account: whose it is, where the records do not say.
        above: the database's LF-tags; None where none are read.
        tables: the LF-tags assigned to tables and their columns, by table; those that have none are absent.
    """

    database: str
    region: str
    account: str | None = None
    above: Values | None = None
    tables: dict[str, Assigned] = {}

    def arn(self, table: TableRecord) -> str | None:
        """A table's ARN."""
        account = table.catalog_id or self.account
        name = f"{table.database_name}/{table.name}"
        return arn_of(self.region, str(account), "table", name) if account else None

    def tags(self, table: str, columns: tuple[Column, ...]) -> tuple[Tag, ...]:
        """A table's tags and those of its columns."""
        if self.above is None:
            return ()
        return table_tags(self.database, table, self.above, self.tables.get(table, UNASSIGNED), columns)


def datasets_of(context: dict[str, Any], records: Iterable[bytes]) -> Iterator[Dataset | Quarantined]:
    """The tables in their order; `context` is a `Context` as plain data."""
    known = msgspec.convert(context, Context)
    return translated(records, known.database, known.arn, known.tags)
