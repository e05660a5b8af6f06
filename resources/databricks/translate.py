"""Unity Catalog's records to the inventory's; pure.

Identity is `catalog.schema.name` as the platform writes it; a part that holds a dot or a backtick stands in backticks,
so that two different objects never share a name. Records of datasets come in `cleaned`.
"""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import orjson

from governance.errors import RecordError
from governance.model import Column, Container, Dataset, Tag
from governance.text import clean, is_clean
from governance.types import columns_of

Json = Mapping[str, Any]
Tags = Mapping[str, tuple[Tag, ...]]
"""Tags by namespace and name of a dataset: `relation:orders`; of a container `catalog:main`, `schema:main.sales`."""

KINDS = {"MANAGED": "table", "EXTERNAL": "external_table", "FOREIGN": "foreign_table"}
_ROWS, _BYTES = "spark.sql.statistics.numRows", "spark.sql.statistics.totalSize"
# these move with every commit of data: as content they would make each write to a table a change of its metadata
_RESTLESS = frozenset({"delta.lastCommitTimestamp", "delta.lastUpdateVersion"})
_KEPT = (
    "row_filter",
    "view_dependencies",
    "table_constraints",
    "pipeline_id",
    "storage_credential_name",
    "sql_path",
    "access_point",
    "encryption_details",
)
_UUID = re.compile(r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}", re.IGNORECASE)


_NAMES = ("catalog_name", "schema_name", "name")


def qualified(*parts: str) -> str:
    """The parts as one name, such as `main.sales.orders`."""
    return ".".join(f"`{p.replace('`', '``')}`" if "." in p or "`" in p else p for p in parts)


def cleaned(records: list[Any]) -> list[Any]:
    """The records of a page with what no store takes replaced; nearly always there is nothing of that."""
    try:
        if b"\\u0000" not in orjson.dumps(records):
            return records
    except (orjson.JSONEncodeError, RecursionError):
        pass
    return [_cleaned(record) for record in records]


def _cleaned(record: Any) -> Any:
    """A record without the names that had to be cleaned: two names must not become one, nor one another."""
    tidy = clean(record)
    if tidy is not record and isinstance(record, dict):
        for field in _NAMES:
            if isinstance(name := record.get(field), str) and not is_clean(name):
                tidy[f"illegible {field}"] = tidy.pop(field)
    return tidy


def container(raw: Json, kind: str, tags: Tags) -> Container:
    """A catalog or a schema.

    Raises:
        RecordError: it has no name.
    """
    raw = clean(raw)
    above = (_name(raw, "catalog_name"),) if kind == "schema" else ()
    name = _name(raw, "name")
    full = qualified(*above, name)
    fields = ("catalog_type", "isolation_mode", "connection_name", "provider_name", "share_name", "options")
    properties = {f: raw[f] for f in fields if raw.get(f)}
    if raw.get("properties"):
        properties["parameters"] = raw["properties"]
    return Container(
        qualified_name=full,
        kind=kind,
        name=name,
        parent=qualified(*above) if above else None,
        comment=_text(raw, "comment"),
        owner=_text(raw, "owner"),
        owner_kind=owner_kind(_text(raw, "owner")),
        location=_text(raw, "storage_location") or _text(raw, "storage_root"),
        properties=properties,
        tags=tags.get(f"{kind}:{full}", ()),
        native_id=_text(raw, "schema_id") or _text(raw, "id"),
    )


def table(raw: Json, tags: Tags) -> Dataset:
    """A table or view of any kind; a kind that is not known keeps the platform's word.

    Raises:
        RecordError: it has no name or no kind.
    """
    word = _name(raw, "table_type")
    form = _text(raw, "data_source_format")
    parameters = dict(_object(raw, "properties"))
    counts = {key: _count(parameters.pop(key, None)) for key in (_ROWS, _BYTES)}
    parameters = {k: v for k, v in parameters.items() if k not in _RESTLESS}
    properties: dict[str, Any] = {"parameters": parameters} if parameters else {}
    if raw.get("view_definition"):
        properties["view_text"] = raw["view_definition"]
    properties |= {field: raw[field] for field in _KEPT if raw.get(field)}
    kind = "iceberg_table" if form == "ICEBERG" and word == "MANAGED" else KINDS.get(word, word.lower())
    return Dataset(
        **_common(raw, "relation", "table_id", tags),
        kind=kind,
        format=form,
        row_count=counts[_ROWS],
        size_bytes=counts[_BYTES],
        properties=properties,
        columns=_columns(raw),
    )


def volume(raw: Json, tags: Tags) -> Dataset:
    """A volume.

    Raises:
        RecordError: it has no name.
    """
    fields = ("volume_type", "access_point", "encryption_details")
    properties = {f: raw[f] for f in fields if raw.get(f)}
    return Dataset(**_common(raw, "volume", "volume_id", tags), kind="volume", properties=properties)


def function(raw: Json, tags: Tags) -> Dataset:
    """A function, with what it takes and gives back.

    Raises:
        RecordError: it has no name.
    """
    properties: dict[str, Any] = {"language": raw.get("external_language") or raw.get("routine_body")}
    for source, target in (("input_params", "input_parameters"), ("return_params", "return_columns")):
        if found := [_parameter(p) for p in _objects(_object(raw, source), "parameters")]:
            properties[target] = found
    properties["return_type"] = raw.get("full_data_type") or raw.get("data_type")
    for field in ("routine_definition", "is_deterministic", "sql_data_access", "security_type", "routine_dependencies"):
        properties[field] = raw.get(field)
    properties = {key: value for key, value in properties.items() if value not in (None, "")}
    return Dataset(**_common(raw, "function", "function_id", tags), kind="function", properties=properties)


def model(raw: Json, tags: Tags) -> Dataset:
    """A registered model with its aliases.

    Raises:
        RecordError: it has no name.
    """
    aliases = {str(a.get("alias_name")): a.get("version_num") for a in _objects(raw, "aliases")}
    properties = {"aliases": aliases} if aliases else {}
    return Dataset(**_common(raw, "model", "id", tags), kind="model", properties=properties)


def owner_kind(owner: str | None) -> str | None:
    """What an owner is, by its form: application id, e-mail address, or the name of a group."""
    if owner is None:
        return None
    return "service_principal" if _UUID.fullmatch(owner) else "user" if "@" in owner else "group"


def place(raw: Any) -> str | None:
    """The qualified name of a record that may be broken, where even that much is legible."""
    parts = [raw.get(f) for f in _NAMES] if isinstance(raw, Mapping) else [None]
    return qualified(*parts) if all(isinstance(p, str) and p for p in parts) else None


def _common(raw: Json, namespace: str, id_field: str, tags: Tags) -> dict[str, Any]:
    """The fields that every dataset has."""
    above = (_name(raw, "catalog_name"), _name(raw, "schema_name"))
    name, updated = _name(raw, "name"), raw.get("updated_at")
    return {
        "qualified_name": qualified(*above, name),
        "namespace": namespace,
        "container": qualified(*above),
        "name": name,
        "comment": _text(raw, "comment"),
        "owner": _text(raw, "owner"),
        "owner_kind": owner_kind(_text(raw, "owner")),
        "location": _text(raw, "storage_location"),
        "tags": tags.get(f"{namespace}:{name}", ()),
        "native_id": _text(raw, id_field) or _text(raw, "full_name"),
        "version": None if updated is None else str(updated),
        "source_updated_at": _moment(updated),
    }


def _columns(raw: Json) -> tuple[Column, ...]:
    found = _objects(raw, "columns")
    placed = sorted(enumerate(found), key=lambda pair: (_position(pair[1], pair[0]), pair[0]))
    rows: list[Column] = []
    for ordinal, (_, column) in enumerate(placed, 1):
        nullable = column.get("nullable")
        rows += columns_of(
            _name(column, "name"),
            _text(column, "type_text") or _text(column, "type_name") or "",
            ordinal,
            # the API's documentation: absent means true
            nullable=nullable if isinstance(nullable, bool) else True,
            comment=_text(column, "comment"),
            partition_key=column.get("partition_index") is not None,
            properties={"mask": column["mask"]} if column.get("mask") else None,
            dialect="spark",
        )
    paths = {row.path for row in rows}
    if len(paths) < len(rows):
        raise _broken("two columns have the same name")
    return tuple(rows)


def _position(column: Json, index: int) -> int:
    position = column.get("position")
    return position if isinstance(position, int) else index


def _parameter(raw: Json) -> dict[str, Any]:
    """A parameter of a function, reduced to what a reader wants to know."""
    out = {"name": raw.get("name"), "type": raw.get("type_text") or raw.get("type_name")}
    out |= {"default": raw.get("parameter_default"), "comment": raw.get("comment")}
    return {key: value for key, value in out.items() if value is not None}


def _object(raw: Json, key: str) -> Json:
    value = raw.get(key)
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise _broken(f"{key} is no JSON object")
    return value


def _objects(raw: Json, key: str) -> list[Json]:
    value = raw.get(key)
    if value is None:
        return []
    if not isinstance(value, list) or not all(isinstance(v, Mapping) for v in value):
        raise _broken(f"{key} is no list of objects")
    return value


def _name(raw: Json, key: str) -> str:
    value = raw.get(key)
    if not isinstance(value, str) or not value:
        raise _broken(f"{key} is missing")
    return value


def _text(raw: Json, key: str) -> str | None:
    value = raw.get(key)
    return str(value) if value not in (None, "") else None


def _count(value: Any) -> int | None:
    text = str(value)
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else None


def _moment(value: Any) -> datetime | None:
    """Milliseconds since the epoch; None where they are none."""
    try:
        return datetime.fromtimestamp(value / 1000, UTC)
    except (TypeError, ValueError, OverflowError, OSError):
        return None


def _broken(message: str) -> RecordError:
    return RecordError(message, platform="databricks", operation="translate")
