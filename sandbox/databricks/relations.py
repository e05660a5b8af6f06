"""The relations that statements are run on: how each is named, what columns it has, and its rows for one caller."""

from collections.abc import Callable, Iterator

import msgspec

from sandbox.databricks.access import Principal
from sandbox.databricks.answers import Record
from sandbox.databricks.store import Store

Row = tuple[object, ...]


class Relation(msgspec.Struct, frozen=True):
    """One relation; `rows` is called with the store, the caller and, for information_schema, the catalog."""

    columns: tuple[str, ...]
    rows: Callable[[Store, Principal, str], Iterator[Row]]


_PLACE = ("catalog_name", "schema_name", "table_name")
_GRANT = ("privilege_type", "is_grantable", "inherited_from")


def _tags(kind: str, columns: tuple[str, ...]) -> Relation:
    parts = len(columns)

    def rows(store: Store, who: Principal, catalog: str) -> Iterator[Row]:
        for (entity, name), tags in sorted(store.tags.items()):
            if entity == f"{kind}s" and name.split(".")[0] == catalog:
                for tag in tags.values():
                    yield (*name.split(".", parts - 1), tag["tag_key"], tag["tag_value"])

    return Relation((*columns, "tag_name", "tag_value"), rows)


def _privileges(word: str, columns: tuple[str, ...]) -> Relation:
    """Given and inherited privileges; all to owners and admins, to others their own only."""

    def rows(store: Store, who: Principal, catalog: str) -> Iterator[Row]:
        for name, record in sorted(store.records[word].items()):
            if name.split(".")[0] != catalog:
                continue
            everybody = store.sees_all(who, word, name)
            place = [record[f] for f in ("catalog_name", "schema_name") if f in record] + [record["name"]]
            for depth, (level, above) in enumerate(store.chain(word, name)):
                source = level.upper() if depth else "NONE"
                for grantee, held in store.grants.on((level, above)).items():
                    if everybody or grantee in who.identities:
                        yield from ((record["owner"], grantee, *place, p.replace("_", " "), "NO", source) for p in held)

    return Relation(("grantor", "grantee", *columns, *_GRANT), rows)


def _tables(store: Store, who: Principal, catalog: str) -> Iterator[Row]:
    for record in _of(store, catalog):
        yield tuple(record.get(f) for f in ("catalog_name", "schema_name", "name", "table_type", "owner", "comment"))


def _row_filters(store: Store, who: Principal, catalog: str) -> Iterator[Row]:
    for record in _of(store, catalog):
        if found := record.get("row_filter"):
            function = found["function_name"].split(".")
            yield (*_place(record), *function, ",".join(found.get("input_column_names") or ()))


def _column_masks(store: Store, who: Principal, catalog: str) -> Iterator[Row]:
    for record in _of(store, catalog):
        for column in record.get("columns") or ():
            if mask := column.get("mask"):
                more = ",".join(mask.get("using_column_names") or ()) or None
                yield (*_place(record), column["name"], *mask["function_name"].split("."), more)


def _of(store: Store, catalog: str) -> Iterator[Record]:
    yield from (r for r in store.records["table"].values() if r["catalog_name"] == catalog)


def _place(record: Record) -> tuple[str, ...]:
    return record["catalog_name"], record["schema_name"], record["name"]


def _parts(word: str) -> tuple[str, ...]:
    return tuple(f"{word}_{part}" for part in ("catalog", "schema", "name"))


INFORMATION: dict[str, Relation] = {
    "catalog_tags": _tags("catalog", _PLACE[:1]),
    "schema_tags": _tags("schema", _PLACE[:2]),
    "table_tags": _tags("table", _PLACE),
    "column_tags": _tags("column", (*_PLACE, "column_name")),
    "volume_tags": _tags("volume", (*_PLACE[:2], "volume_name")),
    "tables": Relation((*_parts("table"), "table_type", "table_owner", "comment"), _tables),
    "catalog_privileges": _privileges("catalog", _PLACE[:1]),
    "schema_privileges": _privileges("schema", _PLACE[:2]),
    "table_privileges": _privileges("table", _parts("table")),
    "volume_privileges": _privileges("volume", _parts("volume")),
    "routine_privileges": _privileges("function", _parts("routine")),
    "row_filters": Relation((*_PLACE, *_parts("filter"), "filter_col_usage"), _row_filters),
    "column_masks": Relation((*_PLACE, "column_name", *_parts("mask"), "mask_col_usage"), _column_masks),
}
