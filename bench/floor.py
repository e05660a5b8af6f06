"""The floor: Glue endpoint -> rows -> PostgreSQL with nothing in between, as a script to be timed.

One boto3 paginator per thread feeds a COPY into staging, then one anti-join merge, one delete of what is gone, one
commit. No records, no nested types, no history, no changes, no audit.
"""

import argparse
import json
import queue
import resource
import threading
import time
from typing import Any

import boto3
import psycopg
from botocore.config import Config

ASSET = ("source", "db", "name", "kind", "description", "owner", "location", "properties")
COLUMN = ("source", "db", "tbl", "name", "ordinal", "type", "comment")
TABLES = {"floor_asset": (ASSET, 3), "floor_column": (COLUMN, 4)}
DDL = """
DROP TABLE IF EXISTS floor_column, floor_asset;
CREATE TABLE floor_asset (source text, db text, name text, kind text NOT NULL, description text, owner text,
  location text, properties jsonb, PRIMARY KEY (source, db, name));
CREATE TABLE floor_column (source text, db text, tbl text, name text, ordinal int NOT NULL, type text NOT NULL,
  comment text, PRIMARY KEY (source, db, tbl, name));
"""


def read(endpoint: str, threads: int, pages: "queue.Queue[list[dict[str, Any]] | None]") -> None:
    """Puts every page of every database on the queue, then one None for each thread."""
    glue: Any = boto3.client(
        "glue",
        endpoint_url=endpoint,
        region_name="us-east-1",
        aws_access_key_id="bench",
        aws_secret_access_key="bench",
        config=Config(max_pool_connections=threads),
    )
    todo: queue.SimpleQueue[str] = queue.SimpleQueue()
    for page in glue.get_paginator("get_databases").paginate():
        for database in page["DatabaseList"]:
            todo.put(database["Name"])

    def work() -> None:
        try:
            while not todo.empty():
                for page in glue.get_paginator("get_tables").paginate(DatabaseName=todo.get_nowait()):
                    pages.put(page["TableList"])
        finally:
            pages.put(None)

    for _ in range(threads):
        threading.Thread(target=work, daemon=True).start()


def rows(table: dict[str, Any]) -> tuple[tuple[Any, ...], list[tuple[Any, ...]]]:
    """The asset row and the column rows of one table."""
    storage, db, name = table["StorageDescriptor"], table["DatabaseName"], table["Name"]
    properties = json.dumps(table.get("Parameters") or {})
    asset = (
        *("glue", db, name, table["TableType"], table.get("Description"), table.get("Owner")),
        storage.get("Location"),
        properties,
    )
    columns = storage["Columns"] + table.get("PartitionKeys", [])
    return asset, [("glue", db, name, c["Name"], k, c["Type"], c.get("Comment")) for k, c in enumerate(columns)]


def copy(cursor: psycopg.Cursor[Any], name: str, data: list[tuple[Any, ...]]) -> None:
    """COPY into the staging table of `name`; empties `data`."""
    with cursor.copy(f"COPY stage_{name} ({','.join(TABLES[name][0])}) FROM STDIN") as to:
        for row in data:
            to.write_row(row)
    data.clear()


def merge(cursor: psycopg.Cursor[Any], name: str) -> int:
    """Rows written: what is new or different; what is gone is deleted."""
    columns, keys = TABLES[name]
    same = " AND ".join(f"t.{k}=s.{k}" for k in columns[:keys])
    values = columns[keys:]
    old, new = (",".join(f"{p}.{c}" for c in values) for p in "ts")
    cursor.execute(f"ANALYZE stage_{name}")
    cursor.execute(
        f"INSERT INTO {name} SELECT s.* FROM stage_{name} s LEFT JOIN {name} t ON {same} "
        f"WHERE t.source IS NULL OR ({old}) IS DISTINCT FROM ({new}) "
        f"ON CONFLICT ({','.join(columns[:keys])}) DO UPDATE SET {','.join(f'{c}=EXCLUDED.{c}' for c in values)}"
    )
    written = cursor.rowcount
    cursor.execute(f"DELETE FROM {name} t WHERE NOT EXISTS (SELECT 1 FROM stage_{name} s WHERE {same})")
    return written


def run(endpoint: str, url: str, threads: int, reset: bool) -> dict[str, float]:
    """One load; the figures of it."""
    with psycopg.connect(url) as connection, connection.cursor() as cursor:
        if reset:
            cursor.execute(DDL)
            connection.commit()
        cpu, wall = time.process_time(), time.perf_counter()
        pages: queue.Queue[list[dict[str, Any]] | None] = queue.Queue(maxsize=64)
        for name in TABLES:
            cursor.execute(f"CREATE TEMP TABLE stage_{name} (LIKE {name}) ON COMMIT DROP")
        threading.Thread(target=read, args=(endpoint, threads, pages), daemon=True).start()
        assets: list[tuple[Any, ...]] = []
        columns: list[tuple[Any, ...]] = []
        live = threads
        while live:
            page = pages.get()
            if page is None:
                live -= 1
                continue
            for table in page:
                asset, below = rows(table)
                assets.append(asset)
                columns.extend(below)
            if len(columns) > 20_000:
                copy(cursor, "floor_asset", assets)
                copy(cursor, "floor_column", columns)
        copy(cursor, "floor_asset", assets)
        copy(cursor, "floor_column", columns)
        written = sum(merge(cursor, name) for name in TABLES)
        connection.commit()
        return {
            "wall_s": time.perf_counter() - wall,
            "cpu_s": time.process_time() - cpu,
            "rss_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
            "rows_written": written,
        }


if __name__ == "__main__":
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--endpoint", required=True)
    options.add_argument("--url", required=True)
    options.add_argument("--threads", type=int, default=2)
    options.add_argument("--keep", action="store_true", help="keep the target: the unchanged case")
    given = options.parse_args()
    print(json.dumps(run(given.endpoint, given.url, given.threads, not given.keep)))
