"""View text as Athena writes it into Glue: SQL and columns as JSON, in base64, in a comment."""

import base64
import json
from collections.abc import Sequence


def presto_view(sql: str, database: str, columns: Sequence[tuple[str, str]]) -> str:
    """The ViewOriginalText of an Athena view."""
    told = {
        "originalSql": sql,
        "catalog": "awsdatacatalog",
        "schema": database,
        "columns": [{"name": name, "type": of} for name, of in columns],
    }
    return f"/* Presto View: {base64.b64encode(json.dumps(told).encode()).decode()} */"
