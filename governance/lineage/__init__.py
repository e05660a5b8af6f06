"""Lineage: edges from SQL text, and the way through several views. Pure: no network, no database."""

from governance.lineage.closure import Path, through
from governance.lineage.context import Table
from governance.lineage.edges import CODES, SqlLineage, Unresolved
from governance.lineage.sql import view_lineage
from governance.lineage.text import Limits, PrestoView, presto_view

__all__ = [
    "CODES",
    "Limits",
    "Path",
    "PrestoView",
    "SqlLineage",
    "Table",
    "Unresolved",
    "presto_view",
    "through",
    "view_lineage",
]
