"""docs/inventory.md says what the database's own comments say, and every query on the pages runs on it."""

import re
from typing import Any

import pytest

from resources.inventory.database import Inventory
from tests.docs.pages import Page

PAGE = Page("docs/inventory.md")
_COLUMNS = """
SELECT c.relname, a.attname, col_description(c.oid, a.attnum)
FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
WHERE c.relnamespace = 'inventory'::regnamespace AND c.relkind = 'v' AND a.attnum > 0
ORDER BY c.relname, a.attnum
"""
_FUNCTIONS = """
SELECT proname FROM pg_proc
WHERE pronamespace = 'inventory'::regnamespace AND has_function_privilege('governance_reader', oid, 'EXECUTE')
  AND obj_description(oid, 'pg_proc') IS NOT NULL
"""


def rows(inventory: Inventory, query: Any) -> list[tuple[Any, ...]]:
    with inventory.connection() as connection:
        return connection.execute(query).fetchall()


def test_every_view_and_column_is_described(inventory: Inventory) -> None:
    views: dict[str, list[tuple[str, str]]] = {}
    for view, column, meaning in rows(inventory, _COLUMNS):
        assert meaning, f"{view}.{column} has no comment"
        views.setdefault(view, []).append((f"`{column}`", meaning))
    assert "datasets" in views
    for view, columns in views.items():
        assert [(row[0], row[2]) for row in PAGE.rows(f"inventory.{view}")] == columns, view


def test_no_view_is_described_that_is_not_there(inventory: Inventory) -> None:
    real = {view for view, _, _ in rows(inventory, _COLUMNS)}
    assert set(re.findall(r"^### inventory\.(\w+)$", PAGE.text, re.MULTILINE)) == real


def test_every_function_is_described(inventory: Inventory) -> None:
    names = {name for (name,) in rows(inventory, _FUNCTIONS)}
    assert {"datasets_as_of", "columns_as_of", "verify_audit"} <= names
    assert [name for name in sorted(names) if f"inventory.{name}" not in PAGE.text] == []


def queries() -> list[Any]:
    found = []
    for name in ("README.md", "docs/inventory.md", "docs/operations.md"):
        for number, text in enumerate(Page(name).blocks("sql"), 1):
            if text.lstrip().upper().startswith("SELECT"):
                found.append(pytest.param(text, id=f"{name}-{number}"))
    return found


@pytest.mark.parametrize("query", queries())
def test_queries_run(query: str, inventory: Inventory) -> None:
    """As the reader that they are written for."""
    with inventory.connection() as connection:
        connection.execute("SET LOCAL ROLE governance_reader")
        assert connection.execute(query).description
