"""The rows of `inventory.changes` applied one after the other, and what a state looks like in their words.

What a row implies (the columns and tags of a dataset or a column that came) is taken from the as-of functions of its
own moment; everything else follows from the rows alone, each of which must find the value it says it replaces.
"""

import json
from datetime import datetime
from typing import Any

import psycopg

from governance.diff import COLUMN_FIELDS, DATASET_FIELDS, parent_path
from governance.model import Column, Dataset, Tag
from resources.inventory.rows import shown
from tests.inventory.estate import in_any_order
from tests.inventory.time_model import State

Fields = dict[str, Any]
"""Of a dataset: `field`; of a column: `(path, field)`; of a tag: `(path, "tag:NAME", kind)`."""


KINDS: dict[str, Any] = {"columns": Column, "tags": Tag}


def recorded(conn: psycopg.Connection[dict[str, Any]], moment: datetime) -> dict[tuple[str, str], State]:
    """What the as-of functions give, by source and name."""
    parts: dict[str, dict[int, list[Any]]] = {"columns": {}, "tags": {}}
    for part, found in parts.items():
        for row in conn.execute(f"SELECT * FROM inventory.{part}_as_of(%s)".encode(), [moment]):
            found.setdefault(row["dataset_id"], []).append(record(KINDS[part], row))
    out: dict[tuple[str, str], State] = {}
    for row in conn.execute("SELECT * FROM inventory.datasets_as_of(%s)", [moment]):
        own = {part: tuple(found.pop(row["dataset_id"], ())) for part, found in parts.items()}
        identity = (row["source"], row["qualified_name"])
        assert identity not in out, "one version at a time"
        assert row["state"] == "deleted" or row["column_count"] == len(own["columns"])
        out[identity] = (row["state"], in_any_order(record(Dataset, {**row, **own})))
    assert parts == {"columns": {}, "tags": {}}, "columns and tags of datasets that were not there"
    return out


def record(kind: Any, row: dict[str, Any]) -> Any:
    return kind(**{name: row[name] for name in kind.__struct_fields__})


def fields(state: str, dataset: Dataset) -> Fields:
    """A state in the words of change rows: text as it is, anything else as JSON, properties by key."""
    out: Fields = {"state": state}
    out |= {name: shown(getattr(dataset, name)) for name in DATASET_FIELDS}
    out["properties"] = dict(dataset.properties)
    for column in dataset.columns:
        out |= {(column.path, name): shown(getattr(column, name)) for name in COLUMN_FIELDS}
        out[column.path, "properties"] = dict(column.properties)
    for tag in dataset.tags:
        out.setdefault((tag.path, f"tag:{tag.tag}"), []).append(tag.value)
    return {key: sorted(value, key=repr) if isinstance(value, list) else value for key, value in out.items()}


def lies_under(path: str, above: str) -> bool:
    """Whether a path is another one, or below it."""
    while path and path != above:
        path = parent_path(path)
    return path == above


class Replay:
    """All datasets, brought forward by their change rows in the order of `change_id`."""

    def __init__(self, conn: psycopg.Connection[dict[str, Any]]) -> None:
        self._conn = conn
        self._now: dict[tuple[str, str], Fields] = {}
        self._last: dict[str, int] = {}
        self._implied: set[tuple[str, str, str]] = set()

    @staticmethod
    def plain(state: tuple[str, Dataset]) -> Fields:
        """A recorded state in the same words."""
        return fields(*state)

    def state(self, source: str) -> dict[str, Fields]:
        """What the source holds after the rows so far."""
        return {name: value for (of, name), value in self._now.items() if of == source}

    def forward(self, source: str, until: datetime) -> None:
        """Applies the rows up to this moment, it included."""
        self._implied.clear()
        query = "SELECT * FROM inventory.changes WHERE source = %s AND change_id > %s AND at <= %s ORDER BY change_id"
        for row in self._conn.execute(query, [source, self._last.get(source, 0), until]).fetchall():
            self._last[source] = row["change_id"]
            self._apply((source, row["qualified_name"]), row)

    def _apply(self, identity: tuple[str, str], row: dict[str, Any]) -> None:
        whole, path = not row["path"] and not row["field"], row["path"]
        if whole and row["change"] == "deleted":
            kept = (*DATASET_FIELDS, "properties")
            self._now[identity] = {"state": "deleted", **{name: self._now[identity][name] for name in kept}}
        elif whole:
            assert row["change"] == ("restored" if identity in self._now else "created")
            self._now[identity] = self._as_of(identity, row["at"])
        elif not row["field"]:
            self._imply(identity, path, row)
        elif not any(lies_under(path, above) for *of, above in self._implied if tuple(of) == identity):
            self._replace(self._now[identity], row)

    def _imply(self, identity: tuple[str, str], path: str, row: dict[str, Any]) -> None:
        """A column came or went: what is at its path and below it is what was recorded."""
        self._implied.add((*identity, path))
        held = {k: v for k, v in self._now[identity].items() if isinstance(k, str) or not lies_under(k[0], path)}
        then = self._as_of(identity, row["at"]).items()
        self._now[identity] = held | {k: v for k, v in then if not isinstance(k, str) and lies_under(k[0], path)}

    def _replace(self, held: Fields, row: dict[str, Any]) -> None:
        key = (row["path"], row["field"]) if row["path"] or row["field"].startswith("tag:") else row["field"]
        before, after = row["before"], row["after"]
        if row["field"] == "properties":
            was, is_now = json.loads(before), json.loads(after)
            assert {k: held[key][k] for k in was} == was
            held[key] = {k: v for k, v in held[key].items() if k not in was} | is_now
        elif row["field"].startswith("tag:"):
            self._replace_tag(held, key, row)
        elif row["field"] != "ordinal":
            assert held[key] == before
            held[key] = after

    @staticmethod
    def _replace_tag(held: Fields, key: Any, row: dict[str, Any]) -> None:
        values = list(held.get(key, ()))
        if row["change"] == "updated" and str(row["before"]).startswith("{"):
            return
        if row["change"] != "created":
            values.remove(row["before"])
        if row["change"] != "deleted":
            values.append(row["after"])
        held[key] = sorted(values, key=repr)
        if not values:
            del held[key]

    def _as_of(self, identity: tuple[str, str], moment: datetime) -> Fields:
        return fields(*recorded(self._conn, moment)[identity])
