"""Rows of ACCOUNT_USAGE.TAG_REFERENCES to tags. Pure.

The view knows a tag only where it was set; Snowflake lets it hold for everything below. Of the same tag, the nearest
level wins: column, relation, schema, database, account. What comes from above is `inherited`, with the level's
qualified name as `origin`.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from governance.errors import RecordError
from governance.model import Column, Tag
from governance.types import path_part
from resources.snowflake.translate import PLATFORM, qualified

SOURCE = "account_usage.tag_references"
LAG = {"tags_lag": "up to 120 min"}

Row = dict[str, Any]
Level = Mapping[str, Tag]
"""Tags by name, as they arrive at one level."""


def _tag(row: Row, path: str = "") -> Tag:
    """The tag where it was set."""
    if not row.get("tag_name"):
        raise RecordError("a tag reference has no tag name", platform=PLATFORM, operation="TAG_REFERENCES")
    parts = (row.get("tag_database"), row.get("tag_schema"), row["tag_name"])
    value = row.get("tag_value")
    propagated = str(row.get("apply_method")).upper() == "PROPAGATED"
    return Tag(
        tag=qualified(*(str(p) for p in parts if p)),
        kind="tag",
        path=path,
        value=None if value is None else str(value),
        inherited=propagated,
        origin="propagation" if propagated else SOURCE,
    )


def containers(rows: Iterable[Row], database: str, schema: str) -> tuple[Level, tuple[Tag, ...]]:
    """What the schema's relations inherit, and the schema's own tags, from the rows of the levels above relations."""
    levels: dict[str, dict[str, Tag]] = {"ACCOUNT": {}, "DATABASE": {}, "SCHEMA": {}}
    for row in rows:
        tag = _tag(row)
        levels[str(row["domain"]).upper()][tag.tag] = tag
    above = _below({}, levels["ACCOUNT"], "account")
    above = _below(above, levels["DATABASE"], qualified(database))
    own = sorted({**above, **levels["SCHEMA"]}.values(), key=_order)
    return _below(above, levels["SCHEMA"], qualified(database, schema)), tuple(own)


def _below(above: Level, own: Level, origin: str) -> dict[str, Tag]:
    """The tags as they hold for what lies below a level."""
    passed = {n: Tag(t.tag, "tag", "", t.value, inherited=True, origin=origin) for n, t in own.items()}
    return {**above, **passed}


def relation(rows: Sequence[Row], above: Level, name: str, columns: Sequence[Column]) -> tuple[Tag, ...]:
    """The tags of a relation and of its columns.

    Args:
        rows: references to the relation and its columns.
        above: what it inherits.
        name: its qualified name.
        columns: its columns; inside semi-structured ones nothing can be tagged.
    """
    on_relation = {t.tag: t for t in (_tag(row) for row in rows if not row.get("column_name"))}
    on_columns: dict[str, dict[str, Tag]] = {}
    for row in rows:
        if row.get("column_name"):
            path = path_part(str(row["column_name"]))
            tag = _tag(row, path)
            on_columns.setdefault(path, {})[tag.tag] = tag
    found = list({**above, **on_relation}.values())
    passed = _below(above, on_relation, name)
    if passed or on_columns:
        for path in _top_level(columns):
            inherited = {n: Tag(t.tag, "tag", path, t.value, True, t.origin) for n, t in passed.items()}
            found += {**inherited, **on_columns.get(path, {})}.values()
    return tuple(sorted(found, key=_order))


def _top_level(columns: Sequence[Column]) -> Iterable[str]:
    """Paths of the columns themselves; a structured type's fields follow theirs."""
    parent = None
    for column in columns:
        if parent is None or not column.path.startswith((f"{parent}.", f"{parent}[", f"{parent}{{")):
            parent = column.path
            yield parent


def _order(tag: Tag) -> tuple[str, str, str, str]:
    return (tag.path, tag.kind, tag.tag, tag.origin)
