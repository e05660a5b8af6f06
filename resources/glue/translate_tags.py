"""Lake Formation tags of a table and its columns: what is assigned, and what comes from above."""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec

from governance.model import Column, Tag
from governance.types import path_part

Values = dict[str, str]

_TOP = re.compile(r'"(?:[^"]|"")*"|[^.\[\]{}"]+')
"""The path of a whole column, as opposed to a field below one."""


class Assigned(msgspec.Struct, frozen=True):
    """Tags on a table and on its columns by name, as an answer of Lake Formation has them."""

    table: Values = {}
    columns: dict[str, Values] = {}


UNASSIGNED = Assigned()
"""Of a table that has no tags of its own."""


def values_of(pairs: Any) -> Values:
    """Key to value of a list of tags; several values of one key, which a policy may have, are joined."""
    return {
        str(p["TagKey"]): ",".join(str(v) for v in p.get("TagValues") or ())
        for p in (pairs if isinstance(pairs, Sequence) else ())
        if isinstance(p, Mapping) and p.get("TagKey")
    }


def assigned_of(answer: Mapping[str, Any]) -> Assigned:
    """The tags of one table in an answer of GetResourceLFTags or SearchTablesByLFTags.

    An answer may repeat on each level what it inherits. Only what differs from above is kept: a tag set to the very
    value it would inherit cannot be told apart in all answers, and counts as inherited in each.
    """
    above = values_of(answer.get("LFTagOnDatabase"))
    on_table = values_of(answer.get("LFTagsOnTable"))
    effective, columns = {**above, **on_table}, {}
    for told in answer.get("LFTagsOnColumns") or ():
        if isinstance(told, Mapping) and told.get("Name"):
            own = _differing(values_of(told.get("LFTags")), effective)
            if own:
                columns[str(told["Name"])] = own
    return Assigned(_differing(on_table, above), columns)


def _differing(values: Values, above: Values) -> Values:
    return {k: v for k, v in values.items() if above.get(k) != v}


def database_tags(values: Values) -> tuple[Tag, ...]:
    """A database's own tags."""
    return tuple(Tag(k, "tag", "", v) for k, v in sorted(values.items()))


def table_tags(
    database: str, table: str, above: Values, assigned: Assigned, columns: Iterable[Column]
) -> tuple[Tag, ...]:
    """The tags of a table and its top-level columns, each with the table or database it comes from."""
    origin_of = dict.fromkeys(above, database)
    on_table = _below(above, assigned.table)
    tags = [_tag("", k, v, origin_of.get(k, "") if same else "") for k, (v, same) in on_table.items()]
    effective = {k: v for k, (v, _) in on_table.items()}
    origins = {k: database if same else f"{database}.{table}" for k, (_, same) in on_table.items()}
    if effective or assigned.columns:
        present = {c.path for c in columns}
        named = {path_part(name): values for name, values in assigned.columns.items()}
        tops = {p for p in present if _TOP.fullmatch(p)} if effective else set(named) & present
        for path in sorted(tops):
            on_column = _below(effective, named.get(path, {}))
            tags += [_tag(path, k, v, origins[k] if same else "") for k, (v, same) in on_column.items()]
    return tuple(sorted(tags, key=lambda t: (t.path, t.kind, t.tag, t.origin)))


def _below(above: Values, own: Values) -> dict[str, tuple[str, bool]]:
    """Key to value and whether it is inherited; a key of one's own hides the one above."""
    out = {k: (v, True) for k, v in above.items()}
    for key, value in own.items():
        out[key] = (value, above.get(key) == value)
    return out


def _tag(path: str, key: str, value: str, origin: str) -> Tag:
    return Tag(key, "tag", path, value, bool(origin), origin)
