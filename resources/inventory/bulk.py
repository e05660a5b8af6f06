"""Many rows into one table, by COPY."""

from collections.abc import Sequence

import psycopg
from psycopg import sql

_LINES = 500


def copy(conn: psycopg.Connection, table: str, columns: Sequence[str], lines: Sequence[str]) -> None:
    """Sends the lines into a table of the schema; nothing where there are none."""
    if not lines:
        return
    statement = sql.SQL("COPY {} ({}) FROM STDIN").format(
        sql.Identifier(*table.split(".")), sql.SQL(", ").join(map(sql.Identifier, columns))
    )
    with conn.cursor() as cursor, cursor.copy(statement) as stream:
        for start in range(0, len(lines), _LINES):
            stream.write("".join(lines[start : start + _LINES]))
