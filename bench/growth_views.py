"""The key of every view and function of schema `inventory`, and the query that asks for it."""

import random
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, NamedTuple

import psycopg


class Key(NamedTuple):
    """What one asking looks for."""

    source: str
    scope: str
    name: str
    days_ago: int
    draw: random.Random
    role: str


Asked = Callable[[psycopg.Connection, Key], tuple[str, list[Any]]]

BY_NAME = ("datasets", "columns", "tags", "changes", "dataset_versions", "column_versions", "tag_versions", "usage")
MOMENTS = {
    "datasets_as_of": "qualified_name=name",
    "columns_as_of": "qualified_name=name",
    "tags_as_of": "qualified_name=name",
    "grants_as_of": "securable=name",
    "memberships_as_of": "role",
    "policies_as_of": "securable=name",
    "lineage_as_of": "downstream=name",
}
ANSWERS = {"readers": "", "lineage_of": "", "lineage_of, a column": "col_001"}
"""Questions about one dataset, with the column that is asked for."""
_OTHERS = {
    "sources": "source",
    "scopes": "source scope",
    "containers": "source qualified_name=scope",
    "grants": "source securable=name",
    "grant_versions": "source securable=scope",
    "memberships": "source role",
    "membership_versions": "source role",
    "policies": "source securable=name",
    "policy_versions": "source securable=name",
    "lineage": "source downstream=name",
    "lineage_versions": "source downstream=name",
    "facets": "source part=scope",
    "horizons": "",
    "pace": "source",
    "quarantine": "source scope",
}


def by_key() -> dict[str, Asked]:
    """One asking for each view and each function of a moment, by its name."""
    asked: dict[str, Asked] = {view: partial(_where, view, "source qualified_name=name") for view in BY_NAME}
    asked |= {view: partial(_where, view, key) for view, key in _OTHERS.items()}
    asked |= {f"{name}(…)": partial(_as_of, name, key) for name, key in MOMENTS.items()}
    asked |= {f"{name}(…)": partial(_answer, name.partition(",")[0], path) for name, path in ANSWERS.items()}
    return asked | {"sync_runs": _sync_runs, "sync_scopes": _sync_scopes, "audit": _audit}


def unasked(conn: psycopg.Connection) -> list[str]:
    """The views that nothing is known of here, for the report to say so."""
    there = conn.execute("SELECT viewname FROM pg_views WHERE schemaname = 'inventory'").fetchall()
    return sorted({row[0] for row in there} - set(by_key()))


def _where(view: str, key: str, _: psycopg.Connection, of: Key) -> tuple[str, list[Any]]:
    """`key` is columns, each with the field of Key that it is compared with where that is not called the same."""
    condition, values = _condition(key, of)
    return f"SELECT * FROM inventory.{view}{condition}", values


def _as_of(function: str, key: str, _: psycopg.Connection, of: Key) -> tuple[str, list[Any]]:
    condition, values = _condition(f"source {key}", of)
    moment = datetime.now(UTC) - timedelta(days=of.days_ago)
    return f"SELECT * FROM inventory.{function}(%s){condition}", [moment, *values]


def _answer(function: str, path: str, _: psycopg.Connection, of: Key) -> tuple[str, list[Any]]:
    return f"SELECT * FROM inventory.{function}(%s, %s, %s)", [of.source, of.name, path]


def _condition(key: str, of: Key) -> tuple[str, list[Any]]:
    pairs = [part.partition("=") for part in key.split()]
    condition = " AND ".join(f"{column} = %s" for column, _, _ in pairs)
    return f" WHERE {condition}" if condition else "", [getattr(of, f or c) for c, _, f in pairs]


def _sync_runs(conn: psycopg.Connection, of: Key) -> tuple[str, list[Any]]:
    runs = conn.execute("SELECT run_id FROM inventory.sync_runs ORDER BY sync_id").fetchall()
    return "SELECT * FROM inventory.sync_runs WHERE run_id = %s", [of.draw.choice(runs)[0]]


def _sync_scopes(conn: psycopg.Connection, of: Key) -> tuple[str, list[Any]]:
    runs = conn.execute("SELECT run_id FROM inventory.sync_runs ORDER BY sync_id").fetchall()
    query = "SELECT * FROM inventory.sync_scopes WHERE run_id = %s AND scope = %s"
    return query, [of.draw.choice(runs)[0], of.scope]


def _audit(conn: psycopg.Connection, of: Key) -> tuple[str, list[Any]]:
    row = conn.execute("SELECT max(seq) FROM inventory.audit").fetchone()
    return "SELECT * FROM inventory.audit WHERE seq = %s", [of.draw.randint(1, row[0] if row else 1)]
