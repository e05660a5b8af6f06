"""The inventory rows that a correct reader makes of the lake: a second opinion, written from the declarations alone."""

from collections.abc import Iterator
from typing import Any

import msgspec

from governance.model import Column, Dataset, Tag
from sandbox.company.fields import columns, hive, path_part
from sandbox.glue.estate import Database, Table, databases, location
from sandbox.glue.formats import format_of
from sandbox.glue.inputs import classified, glue_type


def dataset(database: Database, table: Table) -> Dataset:
    """The row that a correct inventory holds for this table."""
    rows = tuple(_row(c) for c in columns(table.fields, hive))
    return Dataset(
        qualified_name=f"{database.name}.{table.name}",
        kind=table.kind,
        container=database.name,
        name=table.name,
        comment=table.comment,
        owner=table.owner,
        owner_kind="user" if table.owner else None,
        format=table.format,
        location=location(database, table),
        row_count=table.rows,
        size_bytes=table.size_bytes,
        properties=_properties(table),
        columns=rows,
        tags=_tags(database, table),
    )


def _row(column: Column) -> Column:
    # Glue knows no nullability, and comments only on whole columns
    return msgspec.structs.replace(column, nullable=None)


def _properties(table: Table) -> dict[str, Any]:
    out: dict[str, Any] = {"table_type": glue_type(table)} if table.kind != "resource_link" else {}
    if table.format is not None:
        form = format_of(table.format)
        out |= {
            "input_format": form.input_format,
            "output_format": form.output_format,
            "serde": {"library": form.serde},
        }
    parameters = {**table.parameters, **classified(table)}
    if parameters:
        out["parameters"] = parameters
    if table.sql is not None:
        out |= {"view_text": table.sql, "view_dialect": "presto", "view_catalog": "awsdatacatalog"}
    if table.target is not None:
        out["target"] = dict(zip(("catalog_id", "database", "name"), table.target, strict=True))
    return out


def _tags(database: Database, table: Table) -> tuple[Tag, ...]:
    """Assigned tags, and those that a table has of its database and a column of its table."""
    tags = [Tag(k, "tag", "", v) for k, v in table.tags.items()]
    above = {k: (v, database.name) for k, v in database.tags.items() if k not in table.tags}
    tags += [Tag(k, "tag", "", v, True, origin) for k, (v, origin) in above.items()]
    above |= {k: (v, f"{database.name}.{table.name}") for k, v in table.tags.items()}
    for field in table.fields:
        path = path_part(field.name)
        tags += [Tag("pii", "tag", path, field.sensitive.lower())] if field.sensitive else []
        tags += [Tag(k, "tag", path, v, True, origin) for k, (v, origin) in above.items()]
    return tuple(sorted(tags, key=lambda t: (t.path, t.kind, t.tag, t.origin)))


def account(scale: int, seed: int) -> Iterator[Dataset]:
    """Every dataset of the account."""
    for database in databases(scale, seed):
        for table in database.tables:
            yield dataset(database, table)
