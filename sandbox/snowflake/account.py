"""The account of the estate: the datasets that a correct inventory holds, from the declarations alone."""

import re
from collections.abc import Iterator
from typing import Any

from governance.model import Column, Dataset, LineageEdge
from sandbox.company.fields import Field, columns, path_part
from sandbox.snowflake import relations as rel
from sandbox.snowflake.estate import containers, relations
from sandbox.snowflake.relations import Col, Relation
from sandbox.snowflake.views import BYTES_A_ROW


def account(scale: int) -> Iterator[Dataset]:
    """The datasets that a correct inventory holds."""
    tagged = {(db, s): tags for db, s, _, _, tags in containers(scale)}
    for one in relations(scale):
        name = rel.dotted(one.database, one.schema, one.name)
        above = [
            (one.database, tagged[one.database, ""]),
            (rel.dotted(one.database, one.schema), tagged[one.database, one.schema]),
            (name, dict(one.tags)),
        ]
        tags = rel.effective(above)
        for column in one.columns:
            path = path_part(column.name)
            tags += rel.effective([*above, (f"{name}.{path}", dict(column.tags))], path)
        stored = one.kind not in ("view", "materialized_view", "external_table")
        rows = _row_count(one)
        yield Dataset(
            qualified_name=name,
            kind=one.kind,
            container=rel.dotted(one.database, one.schema),
            name=one.name,
            comment=one.comment,
            owner=one.owner,
            owner_kind="role",
            format="iceberg" if one.kind == "iceberg_table" else None,
            row_count=rows if stored else None,
            size_bytes=rows * BYTES_A_ROW if stored else None,
            properties=_properties(one),
            columns=tuple(row for n, c in enumerate(one.columns, 1) for row in _rows(c, n)),
            tags=tuple(sorted(tags, key=lambda t: (t.path, t.kind, t.tag, t.origin))),
        )


def dependencies(scale: int) -> Iterator[LineageEdge]:
    """What views and dynamic tables are made of, as their declarations say."""
    for one in relations(scale):
        for place in re.findall(r"FROM (\S+)", one.select):
            name = rel.dotted(one.database, one.schema, one.name)
            upstream, kind = place.replace('"', ""), one.kind.replace("_", " ")
            yield LineageEdge(
                upstream, name, process=name, process_kind=kind, origin="account_usage.object_dependencies"
            )


def _rows(col: Col, place: int) -> Iterator[Column]:
    """The column's row, and those of a structured type's fields."""
    yield Column(path_part(col.name), place, col.native, col.type, col.nullable, col.comment)
    if col.structured:
        yield from columns((Field(col.name, col.structured),), rel.native)[1:]


def _row_count(one: Relation) -> int:
    """Rows inserted; a dynamic table holds its source's."""
    if one.kind == "dynamic_table":
        return next(len(o.rows) for o in relations(1) if o.name == "DAILY_SALES")
    return len(one.rows)


def _properties(one: Relation) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if one.kind not in ("view", "materialized_view"):
        found["retention_days"] = 1
    if one.transient:
        found["transient"] = True
    if one.secure:
        found["secure"] = True
    if one.cluster_by:
        found["clustering_key"] = f"LINEAR({', '.join(one.cluster_by)})"
        found["auto_clustering"] = True
    if one.select:
        found["view_text"] = rel.create(one)
    if one.target_lag:
        found["target_lag"] = one.target_lag
    if one.primary_key:
        found["primary_key"] = {"name": f"PK_{one.name}", "columns": list(one.primary_key)}
    if one.unique:
        found["unique_keys"] = [{"name": f"UQ_{one.name}", "columns": list(one.unique)}]
    if one.foreign_keys:
        found["foreign_keys"] = [
            {
                "name": k.name,
                "columns": list(k.columns),
                "references": rel.dotted(*k.to),
                "referenced_columns": list(k.to_columns),
            }
            for k in one.foreign_keys
        ]
    return found
