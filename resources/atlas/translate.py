"""Atlas' entities as records of the inventory. Pure: answers of the API in, records out."""

import json
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

import msgspec

from governance.errors import RecordError
from governance.listing import Quarantined
from governance.model import Container, Dataset, Tag
from governance.text import clean, is_clean
from resources.atlas.translate_columns import columns_of_entity
from resources.atlas.translate_places import address_in
from resources.atlas.translate_types import TypeModel, active

Json = Mapping[str, Any]

_HIVE_KINDS = {
    "EXTERNAL_TABLE": "external_table",
    "EXTERNAL": "external_table",
    "VIRTUAL_VIEW": "view",
    "VIEW": "view",
    "MATERIALIZED_VIEW": "materialized_view",
}
_FILE_SETS = frozenset(
    "fs_path hdfs_path aws_s3_pseudo_dir aws_s3_object aws_s3_v2_directory aws_s3_v2_object adls_gen2_directory "
    "adls_gen2_blob gcp_storage_virtual_directory gcp_storage_object ozone_key".split()
)
_TABLES = {"hive_table", "rdbms_table", "spark_table", "hbase_table"}
_SAID_ELSEWHERE = frozenset({"qualifiedName", "name", "owner", "location", "viewOriginalText"})
_FORMATS = ("parquet", "orc", "avro", "json", "csv", "sequencefile", "rcfile", "text")


class Named(msgspec.Struct, frozen=True):
    """What is known of an entity that others refer to."""

    qualified_name: str
    type_name: str
    entity: Json = {}


Names = Mapping[str, Named]
"""By guid."""

MALFORMED = (RecordError, KeyError, TypeError, AttributeError, ValueError)
"""What an entity raises that is not of Atlas' shape."""


class Translator:
    """Translates the entities of one server.

    Args:
        types: its type definitions.
    """

    def __init__(self, types: TypeModel) -> None:
        self.types = types

    def referred(self, entity: Json, parts: Mapping[str, Json]) -> set[str]:
        """The guids whose names the entity's record needs: parents, sources of classifications, terms."""
        relations = _object(entity, "relationshipAttributes")
        guids = set(self.parent_guids(entity))
        guids |= {str(t["guid"]) for t in active(relations.get("meanings"))}
        for one in (entity, *(parts[g] for g in self.part_guids(entity) if g in parts)):
            guids |= {str(c["entityGuid"]) for c in _classifications(one) if c.get("entityGuid") != one.get("guid")}
            guids |= {str(t["guid"]) for t in active(_object(one, "relationshipAttributes").get("meanings"))}
        return guids

    def parent_guids(self, entity: Json) -> list[str]:
        """The guids of what the entity is in."""
        return [str(p["guid"]) for p in self._parents(entity)]

    def part_guids(self, entity: Json) -> list[str]:
        """The guids of the columns and of the storage description."""
        relations = _object(entity, "relationshipAttributes")
        name = str(entity.get("typeName"))
        wanted = (*self.types.column_attributes(name), *self.types.storage_attributes(name))
        return [str(r["guid"]) for a in wanted for r in active(relations.get(a)) if r.get("guid")]

    def records(
        self, entities: Iterable[Json], parts: Mapping[str, Json], names: Names
    ) -> tuple[tuple[Dataset, ...], dict[str, Container], tuple[Quarantined, ...]]:
        """The records of these entities, what they are in by name, and those that could not be understood."""
        datasets: list[Dataset] = []
        containers: dict[str, Container] = {}
        odd: list[Quarantined] = []
        for entity in entities:
            try:
                dataset, around = self.dataset(entity, parts, names), self.containers(entity, names)
                datasets.append(dataset)
                containers |= {c.qualified_name: c for c in around}
            except MALFORMED as error:
                odd.append(self.quarantined(entity, _why(error)))
        return tuple(datasets), containers, tuple(odd)

    def quarantined(self, entity: Any, why: str) -> Quarantined:
        """An entity that could not be understood."""
        attributes = entity.get("attributes") if isinstance(entity, dict) else None
        name = attributes.get("qualifiedName") if isinstance(attributes, dict) else None
        legible = name if isinstance(name, str) and is_clean(name) else None
        return Quarantined(legible, why, clean(json.loads(json.dumps(entity))))

    def dataset(self, entity: Json, parts: Mapping[str, Json], names: Names) -> Dataset:
        """One entity.

        Args:
            entity: as the server answered it, with its relationships.
            parts: the owned entities that came with it, by guid.
            names: the entities it refers to.

        Raises:
            RecordError: it has no qualified name, or is not of Atlas' shape.
        """
        qualified_name = _identity(entity)
        entity = clean(entity)
        attributes, type_name = _object(entity, "attributes"), str(entity.get("typeName"))
        storage = self._storage(entity, parts)
        parameters = _object(attributes, "parameters")
        kind = kind_of(type_name, attributes)
        columns, marks = columns_of_entity(self.types, entity, parts)
        tags = [*self._tags(entity, "", names)]
        for path, part in marks:
            tags += self._tags(part, path, names)
        return Dataset(
            qualified_name=qualified_name,
            kind=kind,
            container=self._container(entity, names) or type_name,
            name=_text(attributes.get("name")) or qualified_name,
            namespace=type_name,
            comment=_text(attributes.get("comment")) or _text(attributes.get("description")),
            owner=_text(attributes.get("owner")),
            format=_text(attributes.get("provider")) or _format(storage),
            location=self._location(storage, attributes) or self._address(type_name, qualified_name),
            row_count=_count(parameters.get("numRows")),
            size_bytes=_count(parameters.get("totalSize")),
            properties=self._properties(entity, storage),
            columns=columns,
            tags=tuple(sorted(set(tags), key=lambda t: (t.path, t.kind, t.tag, t.origin))),
            native_id=_text(entity.get("guid")),
            version=str(entity.get("lastModifiedTS") or entity.get("updateTime") or entity.get("version") or ""),
            source_updated_at=_latest([entity, *(part for _, part in marks)]),
        )

    # --- what it is in ---

    def _parents(self, entity: Json) -> list[Json]:
        relations = _object(entity, "relationshipAttributes")
        wanted = self.types.parent_attributes(str(entity.get("typeName")))
        return [r for a in wanted for r in active(relations.get(a)) if r.get("guid")]

    def _container(self, entity: Json, names: Names) -> str | None:
        parents = [names[str(p["guid"])] for p in self._parents(entity) if str(p["guid"]) in names]
        return parents[0].qualified_name if parents else None

    def containers(self, entity: Json, names: Names) -> list[Container]:
        """What the entity is in, as records of their own."""
        parents = (names[str(p["guid"])] for p in self._parents(entity) if str(p["guid"]) in names)
        return [self._container_of(p) for p in parents]

    def _container_of(self, parent: Named) -> Container:
        attributes = _object(parent.entity, "attributes")
        return Container(
            qualified_name=parent.qualified_name,
            kind=parent.type_name,
            name=_text(attributes.get("name")) or parent.qualified_name,
            comment=_text(attributes.get("comment")) or _text(attributes.get("description")),
            owner=_text(attributes.get("owner")),
            location=_text(attributes.get("location")),
            properties=self._properties(parent.entity, {}),
            tags=tuple(_labels(parent.entity, "")),
            native_id=_text(parent.entity.get("guid")),
        )

    # --- properties ---

    @staticmethod
    def _location(storage: Json, attributes: Json) -> str | None:
        return _text(storage.get("location")) or _text(attributes.get("location")) or _text(attributes.get("path"))

    def _address(self, type_name: str, qualified_name: str) -> str | None:
        """The address in the name of a file or folder; what has columns is no file."""
        return None if self.types.column_attributes(type_name) else address_in(qualified_name)

    def _storage(self, entity: Json, parts: Mapping[str, Json]) -> Json:
        relations = _object(entity, "relationshipAttributes")
        for attribute in self.types.storage_attributes(str(entity.get("typeName"))):
            for reference in active(relations.get(attribute)):
                part = parts.get(str(reference.get("guid")))
                if part is not None:
                    return self._plain(part, frozenset({"qualifiedName"}))
        return {}

    def _plain(self, entity: Json, without: frozenset[str]) -> dict[str, Any]:
        """The plain attributes that were said: Atlas shows a date never given as 0, and some lists as empty."""
        type_name = str(entity.get("typeName"))
        types, references = self.types.attribute_types(type_name), self.types.reference_names(type_name)
        return {
            name: value
            for name, value in _object(entity, "attributes").items()
            if value not in (None, [], {})
            and name not in references
            and name not in without
            and not (value == 0 and types.get(name) == "date")
        }

    def _properties(self, entity: Json, storage: Json) -> dict[str, Any]:
        attributes = _object(entity, "attributes")
        said = {"comment"} if attributes.get("comment") else {"comment", "description"}
        said |= {"path"} if not storage.get("location") and not attributes.get("location") else set()
        out = {"status": entity.get("status"), **self._plain(entity, _SAID_ELSEWHERE | said)}
        if _text(attributes.get("viewOriginalText")):
            out["view_text"] = attributes["viewOriginalText"]
        rest = {k: v for k, v in storage.items() if k != "location"}
        if rest:
            out["storage"] = rest
        if entity.get("customAttributes"):
            out["custom_attributes"] = entity["customAttributes"]
        return {**out, **_object(entity, "businessAttributes")}

    # --- tags ---

    def _tags(self, entity: Json, path: str, names: Names) -> list[Tag]:
        tags = [_classification(c, path, str(entity.get("guid")), names) for c in _classifications(entity)]
        for term in active(_object(entity, "relationshipAttributes").get("meanings")):
            known = names.get(str(term.get("guid")))
            name = _text(term.get("displayText")) or str(term.get("guid"))
            tags.append(Tag(name, "term", path, origin=known.qualified_name if known else ""))
        return [*tags, *_labels(entity, path)]


def _why(error: Exception) -> str:
    return error.message if isinstance(error, RecordError) else f"not of Atlas' shape: {type(error).__name__}: {error}"


def kind_of(type_name: str, attributes: Json) -> str:
    """The inventory's word for what an entity is; the Atlas type's own name where there is none."""
    if type_name in _TABLES:
        said = attributes.get("type") if type_name == "rdbms_table" else attributes.get("tableType")
        return _HIVE_KINDS.get(str(said).upper(), "table")
    if type_name in _FILE_SETS:
        return "file_set"
    return "topic" if type_name == "kafka_topic" else type_name


def _identity(entity: Any) -> str:
    """The qualified name; two names must not become one by cleaning, so it has to be clean as it is."""
    if not isinstance(entity, dict):
        raise RecordError("the entity is not a JSON object", platform="atlas", operation="entity/bulk")
    name = _text(_object(entity, "attributes").get("qualifiedName"))
    if name is None:
        raise RecordError("the entity has no qualifiedName", platform="atlas", operation="entity/bulk")
    if not is_clean(name):
        raise RecordError("the qualifiedName is no valid text", platform="atlas", operation="entity/bulk")
    return name


def _classification(one: Json, path: str, guid: str, names: Names) -> Tag:
    attributes = {k: v for k, v in _object(one, "attributes").items() if v is not None}
    source = str(one.get("entityGuid") or guid)
    inherited = source != guid
    known = names.get(source)
    confidence = attributes.get("confidence")
    sure = isinstance(confidence, int | float) and not isinstance(confidence, bool) and 0 <= confidence <= 1
    return Tag(
        tag=str(one["typeName"]),
        kind="classification",
        path=path,
        value=json.dumps(attributes, ensure_ascii=False, sort_keys=True) if attributes else None,
        inherited=inherited,
        origin=(known.qualified_name if known else source) if inherited else "",
        confidence=float(confidence) if sure and confidence is not None else None,
    )


def _labels(entity: Json, path: str) -> list[Tag]:
    return [Tag(str(label), "label", path) for label in entity.get("labels") or ()]


def _classifications(entity: Json) -> list[Json]:
    return [c for c in entity.get("classifications") or () if isinstance(c, dict) and c.get("typeName")]


def _object(raw: Json, key: str) -> Json:
    """The object under this key; nothing where Atlas leaves it out.

    Raises:
        RecordError: something else is there.
    """
    value = raw.get(key)
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise RecordError(f"{key} is not a JSON object", platform="atlas", operation="entity/bulk")
    return value


def _latest(entities: list[Json]) -> datetime | None:
    """When the table or one of its columns was last changed."""
    times = [t for e in entities if isinstance(t := e.get("updateTime") or e.get("lastModifiedTS"), int)]
    try:
        return datetime.fromtimestamp(max(times) / 1000, UTC) if times else None
    except (OverflowError, OSError, ValueError):
        return None


def _format(storage: Json) -> str | None:
    """The file format that an input format's class name means; the class name where it is not known."""
    said = _text(storage.get("inputFormat"))
    if said is None:
        return None
    return next((f for f in _FORMATS if f in said.rpartition(".")[2].lower()), said)


def _count(value: Any) -> int | None:
    text = str(value)
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else None


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None
