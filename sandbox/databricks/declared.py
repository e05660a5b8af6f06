"""How the workspace's estate is declared, what the API takes for it, and the inventory records that must come of it."""

import json
import re
from collections.abc import Iterator
from typing import Any

import msgspec

from governance.model import Dataset, Tag
from sandbox.company.fields import Array, Field, Map, Plain, Struct, Type, columns, path_part

Tags = dict[str, str]


class Owner(msgspec.Struct, frozen=True):
    """Who owns something, and what that is: `user`, `group` or `service_principal`."""

    name: str
    kind: str = "group"


TEAM = Owner("data_platform")


class Table(msgspec.Struct, frozen=True):
    """Anything that is selected from. `partitions` names columns; `masks` and `column_tags` are by column."""

    name: str
    fields: tuple[Field, ...]
    type: str = "MANAGED"
    format: str | None = "DELTA"
    location: str | None = None
    comment: str | None = None
    owner: Owner = TEAM
    properties: dict[str, str] = {}
    rows: int | None = None
    size_bytes: int | None = None
    partitions: tuple[str, ...] = ()
    view_text: str | None = None
    reads: tuple[str, ...] = ()
    masks: dict[str, dict[str, Any]] = {}
    row_filter: dict[str, Any] | None = None
    pipeline_id: str | None = None
    tags: Tags = {}
    column_tags: dict[str, Tags] = {}


class Volume(msgspec.Struct, frozen=True):
    """A volume."""

    name: str
    location: str
    external: bool = False
    comment: str | None = None
    owner: Owner = TEAM
    tags: Tags = {}


class Function(msgspec.Struct, frozen=True):
    """A function; `inputs` are pairs of name and type."""

    name: str
    inputs: tuple[tuple[str, str], ...]
    returns: str
    body: str
    language: str = "SQL"
    comment: str | None = None
    owner: Owner = TEAM


class Model(msgspec.Struct, frozen=True):
    """A registered model with so many versions."""

    name: str
    location: str
    comment: str | None = None
    owner: Owner = TEAM
    versions: int = 1
    aliases: dict[str, int] = {}


class Schema(msgspec.Struct, frozen=True):
    """A schema and what lies in it."""

    name: str
    comment: str | None = None
    owner: str = "data_platform"
    properties: dict[str, str] = {}
    tags: Tags = {}
    tables: tuple[Table, ...] = ()
    volumes: tuple[Volume, ...] = ()
    functions: tuple[Function, ...] = ()
    models: tuple[Model, ...] = ()


class Catalog(msgspec.Struct, frozen=True):
    """A catalog with its schemas."""

    name: str
    comment: str | None = None
    owner: str = "data_platform"
    properties: dict[str, str] = {}
    tags: Tags = {}
    schemas: tuple[Schema, ...] = ()


def spark(of: Type) -> str:
    """The type as Unity Catalog writes it in `type_text`."""
    match of:
        case Struct(fields):
            return f"struct<{','.join(f'{_quoted(f.name)}:{spark(f.type)}' for f in fields)}>"
        case Array(element):
            return f"array<{spark(element)}>"
        case Map(key, value):
            return f"map<{spark(key)},{spark(value)}>"
        case Plain(word):
            return word


def table_body(catalog: str, schema: str, table: Table) -> dict[str, Any]:
    """What POST /tables takes."""
    statistics = {"spark.sql.statistics.numRows": table.rows, "spark.sql.statistics.totalSize": table.size_bytes}
    body = {
        "catalog_name": catalog,
        "schema_name": schema,
        "name": table.name,
        "table_type": table.type,
        "data_source_format": table.format,
        "storage_location": table.location,
        "comment": table.comment,
        "owner": table.owner.name,
        "properties": {**table.properties, **{k: str(v) for k, v in statistics.items() if v is not None}},
        "columns": [_column(table, f, n) for n, f in enumerate(table.fields)],
        "view_definition": table.view_text,
        "row_filter": table.row_filter,
        "pipeline_id": table.pipeline_id,
    }
    if table.reads:
        body["view_dependencies"] = {"dependencies": [{"table": {"table_full_name": name}} for name in table.reads]}
    return {key: value for key, value in body.items() if value is not None}


def function_body(catalog: str, schema: str, function: Function) -> dict[str, Any]:
    """What POST /functions takes."""
    external = function.language != "SQL"
    inputs = [
        {"name": name, "type_text": of, "type_name": _type_name(of), "type_json": json.dumps(of), "position": n}
        for n, (name, of) in enumerate(function.inputs)
    ]
    info = {
        "catalog_name": catalog,
        "schema_name": schema,
        "name": function.name,
        "comment": function.comment,
        "owner": function.owner.name,
        "input_params": {"parameters": inputs},
        "data_type": _type_name(function.returns),
        "full_data_type": function.returns,
        "routine_body": "EXTERNAL" if external else "SQL",
        "external_language": function.language if external else None,
        "routine_definition": function.body,
        "parameter_style": "S",
        "is_deterministic": True,
        "sql_data_access": "NO_SQL" if external else "CONTAINS_SQL",
        "is_null_call": False,
        "security_type": "DEFINER",
        "specific_name": function.name,
    }
    return {"function_info": {key: value for key, value in info.items() if value is not None}}


def datasets(catalog: str, schema: Schema) -> Iterator[Dataset]:
    """The inventory's records of everything in a schema."""
    above = f"{catalog}.{schema.name}"
    yield from (_table(above, table) for table in schema.tables)
    for volume in schema.volumes:
        yield Dataset(
            qualified_name=f"{above}.{volume.name}",
            namespace="volume",
            kind="volume",
            container=above,
            name=volume.name,
            comment=volume.comment,
            owner=volume.owner.name,
            owner_kind=volume.owner.kind,
            location=volume.location,
            properties={"volume_type": "EXTERNAL" if volume.external else "MANAGED"},
            tags=_tags({"": volume.tags}),
        )
    yield from (_function(above, function) for function in schema.functions)
    for model in schema.models:
        yield Dataset(
            qualified_name=f"{above}.{model.name}",
            namespace="model",
            kind="model",
            container=above,
            name=model.name,
            comment=model.comment,
            owner=model.owner.name,
            owner_kind=model.owner.kind,
            location=model.location,
            properties={"aliases": model.aliases} if model.aliases else {},
        )


def _table(above: str, table: Table) -> Dataset:
    kinds = {"MANAGED": "table", "EXTERNAL": "external_table", "FOREIGN": "foreign_table"}
    properties: dict[str, Any] = {}
    if table.properties:
        properties["parameters"] = table.properties
    if table.view_text:
        properties["view_text"] = table.view_text
    if table.row_filter:
        properties["row_filter"] = table.row_filter
    if table.pipeline_id:
        properties["pipeline_id"] = table.pipeline_id
    fields = tuple(msgspec.structs.replace(f, partition=f.name in table.partitions) for f in table.fields)
    masked = {path_part(name): mask for name, mask in table.masks.items()}
    return Dataset(
        qualified_name=f"{above}.{table.name}",
        kind="iceberg_table" if table.format == "ICEBERG" else kinds.get(table.type, table.type.lower()),
        container=above,
        name=table.name,
        comment=table.comment,
        owner=table.owner.name,
        owner_kind=table.owner.kind,
        format=table.format,
        location=table.location,
        row_count=table.rows,
        size_bytes=table.size_bytes,
        properties=properties,
        columns=tuple(
            msgspec.structs.replace(c, properties={"mask": masked[c.path]}) if c.path in masked else c
            for c in columns(fields, spark)
        ),
        tags=_tags({"": table.tags, **{path_part(c): tags for c, tags in table.column_tags.items()}}),
    )


def _function(above: str, function: Function) -> Dataset:
    return Dataset(
        qualified_name=f"{above}.{function.name}",
        namespace="function",
        kind="function",
        container=above,
        name=function.name,
        comment=function.comment,
        owner=function.owner.name,
        owner_kind=function.owner.kind,
        properties={
            "language": function.language,
            "input_parameters": [{"name": name, "type": of} for name, of in function.inputs],
            "return_type": function.returns,
            "routine_definition": function.body,
            "is_deterministic": True,
            "sql_data_access": "CONTAINS_SQL" if function.language == "SQL" else "NO_SQL",
            "security_type": "DEFINER",
        },
    )


def _tags(by_path: dict[str, Tags]) -> tuple[Tag, ...]:
    found = [Tag(tag, "tag", path, value or None) for path, tags in by_path.items() for tag, value in tags.items()]
    return tuple(sorted(found, key=lambda t: (t.path, t.kind, t.tag, t.origin)))


def _column(table: Table, field: Field, position: int) -> dict[str, Any]:
    text = spark(field.type)
    body: dict[str, Any] = {
        "name": field.name,
        "type_text": text,
        "type_json": json.dumps(
            {"name": field.name, "type": _type_json(field.type), "nullable": field.nullable, "metadata": {}}
        ),
        "type_name": _type_name(text),
        "position": position,
        "nullable": field.nullable,
    }
    if sized := re.fullmatch(r"decimal\((\d+),(\d+)\)", text):
        body |= {"type_precision": int(sized[1]), "type_scale": int(sized[2])}
    if field.comment is not None:
        body["comment"] = field.comment
    if field.name in table.partitions:
        body["partition_index"] = table.partitions.index(field.name)
    if field.name in table.masks:
        body["mask"] = table.masks[field.name]
    return body


def _type_name(text: str) -> str:
    word = re.split(r"[(<]", text)[0].upper()
    return {"BIGINT": "LONG", "SMALLINT": "SHORT", "TINYINT": "BYTE", "VARCHAR": "STRING"}.get(word, word)


def _type_json(of: Type) -> Any:
    """Spark's JSON of a type."""
    match of:
        case Struct(fields):
            parts = [{"name": f.name, "type": _type_json(f.type), "nullable": True, "metadata": {}} for f in fields]
            return {"type": "struct", "fields": parts}
        case Array(element):
            return {"type": "array", "elementType": _type_json(element), "containsNull": True}
        case Map(key, value):
            return {
                "type": "map",
                "keyType": _type_json(key),
                "valueType": _type_json(value),
                "valueContainsNull": True,
            }
        case Plain(word):
            return {"bigint": "long", "int": "integer"}.get(word, word)


def _quoted(name: str) -> str:
    return name if re.fullmatch(r"\w+", name) else "`" + name.replace("`", "``") + "`"
