"""What lineage from text comes back with: edges, and what could not be followed.

As OpenLineage tells them apart, an edge is `direct` where a value (or, between datasets, a row) of the upstream may
reach the downstream, and `indirect` where it only decides which rows or which value come out: filters, join conditions,
grouping, order, windows, conditions of CASE. Both paths empty is the edge between two datasets. What decides rows has
an edge from its column to the empty path: it acts on every row. A place that both feeds and decides a column has the
direct edge only. COUNT(*) and constants have no column upstream. Indirect edges from a dataset to itself are left out.
"""

import msgspec

from governance.model import LineageEdge


class Unresolved(msgspec.Struct, frozen=True, omit_defaults=True):
    """What could not be followed, so that a missing edge is never silent.

    `code` is one of `CODES`, `subject` the name it is about (an identifier, never text of the query), `line` and
    `column` are 1-based, 0 where the place is not known.
    """

    code: str
    reason: str
    subject: str = ""
    line: int = 0
    column: int = 0


CODES = {
    "ambiguous_column": "more than one source may have this column",
    "body_only": "the head of the statement is not understood; its query was read alone",
    "columns_differ": "the numbers of columns of two sides differ",
    "dynamic_source": "the source is no table that the text names",
    "not_a_text": "the view's text could not be decoded",
    "not_followed": "the statement has a form that is not understood",
    "no_target": "nothing says what the query writes to",
    "star_without_schema": "the columns behind a star are not known",
    "target_columns_unknown": "the columns of the target are not known, and the text does not name them",
    "too_deep": "the text is nested deeper than can be parsed",
    "too_large": "the text is larger than the limit",
    "unknown_column": "no source has this column",
    "unknown_dialect": "no rules for this SQL dialect",
    "unknown_source": "no source has this name",
    "unnamed_column": "the output column has no name that the text tells",
    "unparsable": "the text is no SQL that can be parsed",
    "unsupported": "this kind of statement is not followed",
}


class SqlLineage(msgspec.Struct, frozen=True):
    """The lineage of one text: edges in a stable order, without repetition."""

    edges: tuple[LineageEdge, ...] = ()
    unresolved: tuple[Unresolved, ...] = ()
