"""Purview's collections and assets to the inventory's records. No network, no SDK.

Everything a steward or a scan said is kept: what has no field of its own is in `properties` under the platform's word.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from governance.errors import RecordError
from governance.model import Container, Dataset
from resources.purview.translate_columns import columns_of_asset
from resources.purview.translate_places import place_of
from resources.purview.translate_tags import classifications_of, labels_of, sorted_tags, terms_of

Json = Mapping[str, Any]

_NO_DATASETS = {
    "Glossary terms",
    "Data pipelines",
    "Stored procedures",
    "Folders",
    "Dashboards",
    "Reports",
    "Servers",
    "Databases",
    "Schemas",
    "Workspaces",
    "Storage accounts",
}
_NO_DATASET = re.compile(
    r"(?:.*_)?(column|field|schema|process|activity|pipeline|procedure|server|db|database|account|container|service|"
    r"workspace|instance|namespace|folder|directory|bucket|share|filesystem|report|dashboard|tile|term|glossary|category)"
)
_KINDS = (
    ("materialized_view", "materialized_view"),
    ("external_table", "external_table"),
    ("view", "view"),
    ("table", "table"),
    ("resource_set", "file_set"),
    ("path", "file"),
    ("file", "file"),
    ("object", "file"),
    ("topic", "topic"),
    ("dataset", "dataset"),
)
_KIND_OF_OBJECT = {"Tables": "table", "Files": "file", "Resource sets": "file_set", "Datasets": "dataset"}

_COMMENTS = ("userDescription", "description", "comment")
_SIZES = ("size", "sizeInBytes", "fileSize")
_PLACES = ("location", "url")
_VIEW_TEXTS = ("viewStatement", "viewExpandedText", "viewDefinition", "viewOriginalText")
_SAID_ELSEWHERE = {"qualifiedName", "name", *_SIZES, *_VIEW_TEXTS}


def kind_of(type_name: str, object_type: str) -> str | None:
    """What kind of dataset an asset is, None where it is none (a server, a folder, a report, a pipeline, a term).

    A type that nobody here has heard of counts as a dataset of its own last word: better shown than lost.
    """
    if object_type in _NO_DATASETS or _NO_DATASET.fullmatch(type_name.lower()):
        return None
    for ending, kind in _KINDS:
        if type_name == ending or type_name.endswith(f"_{ending}"):
            return kind
    return _KIND_OF_OBJECT.get(object_type) or type_name.rpartition("_")[2].lower()


def container_of(raw: Json, path: Sequence[str]) -> Container:
    """A collection. `path` is the friendly names above it, from the root.

    Raises:
        RecordError: it has no name.
    """
    name = raw.get("name")
    if not isinstance(name, str) or not name:
        raise RecordError("a collection has no name", platform="purview")
    properties: dict[str, Any] = {"path": [*path, str(raw.get("friendlyName") or name)]}
    if raw.get("domain"):
        properties["domain"] = raw["domain"]
    return Container(
        qualified_name=name,
        kind="collection",
        name=str(raw.get("friendlyName") or name),
        parent=parent_of(raw),
        comment=_text(raw.get("description")),
        properties=properties,
    )


def parent_of(raw: Json) -> str | None:
    """The reference name of the collection above."""
    parent = raw.get("parentCollection")
    return _text(parent.get("referenceName")) if isinstance(parent, Mapping) else None


def dataset_of(hit: Json, entity: Json, parts: Sequence[Json], collection: str) -> Dataset:
    """An asset as a dataset.

    Args:
        hit: what the search said of it.
        entity: the entity itself.
        parts: its column entities, in the platform's order.
        collection: the reference name of the collection it was found in.

    Raises:
        RecordError: it has no type, no qualified name, or is no dataset.
    """
    attributes = _mapping(entity.get("attributes"))
    type_name, qualified = _text(entity.get("typeName")), _text(attributes.get("qualifiedName"))
    if type_name is None or qualified is None:
        missing = "typeName" if type_name is None else "qualifiedName"
        raise RecordError(f"the asset {entity.get('guid')} has no {missing}", platform="purview")
    kind = kind_of(type_name, str(hit.get("objectType") or ""))
    if kind is None:
        raise RecordError(f"{qualified} is a {type_name}, which is no dataset", platform="purview")
    contacts = contacts_of(entity)
    owner = next((c["id"] for c in contacts.get("Owner", ()) if c.get("id")), None)
    columns, column_tags = columns_of_asset(type_name, parts)
    tags = [*classifications_of(entity), *terms_of(entity), *labels_of(entity), *column_tags]
    return Dataset(
        qualified_name=qualified,
        kind=kind,
        container=collection,
        name=_text(attributes.get("name")) or _text(hit.get("name")) or qualified,
        namespace=type_name,
        comment=_first(attributes, _COMMENTS),
        owner=owner or _text(attributes.get("owner")),
        owner_kind="user" if owner else None,
        location=_location(attributes, qualified, kind),
        size_bytes=_size(attributes),
        properties=dict(_properties(hit, entity, attributes, contacts)),
        columns=columns,
        tags=sorted_tags(tags),
        native_id=_text(entity.get("guid")),
        version=_text(entity.get("lastModifiedTS")) or _version(entity.get("version")),
        source_updated_at=instant(entity.get("updateTime") or hit.get("updateTime")),
    )


def contacts_of(entity: Json) -> dict[str, list[dict[str, str]]]:
    """The contacts by kind (`Owner`, `Expert`), each with Entra object id and what was said of them."""
    out = {}
    for kind, some in sorted(_mapping(entity.get("contacts")).items()):
        kept = [
            {"id": str(one.get("id") or ""), "info": str(one.get("info") or "")}
            for one in (some if isinstance(some, list) else ())
            if isinstance(one, Mapping)
        ]
        if kept:
            out[str(kind)] = kept
    return out


def instant(milliseconds: Any) -> datetime | None:
    """A moment from milliseconds since 1970; None where there is none, 0 included."""
    if isinstance(milliseconds, bool) or not isinstance(milliseconds, int | float) or milliseconds <= 0:
        return None
    try:
        return datetime.fromtimestamp(milliseconds / 1000, UTC)
    except (OverflowError, OSError, ValueError):
        return None


def _properties(hit: Json, entity: Json, attributes: Json, contacts: Json) -> Iterator[tuple[str, Any]]:
    """Attributes that have no field of their own; what people added; business metadata under its own name."""
    comment = next((n for n in _COMMENTS if _text(attributes.get(n))), "")
    owned = bool(contacts.get("Owner"))
    for name, value in attributes.items():
        if name in _SAID_ELSEWHERE or name == comment or value in (None, "", [], {}) or _is_reference(value):
            continue
        # a time that was never set reads 0
        if (name == "owner" and not owned) or (value == 0 and name.endswith("Time")):
            continue
        yield str(name), value
    view = _first(attributes, _VIEW_TEXTS)
    if view:
        yield "view_text", view
    for name, value in (
        ("object_type", hit.get("objectType")),
        ("asset_type", hit.get("assetType")),
        ("contacts", contacts),
        ("custom_attributes", entity.get("customAttributes")),
    ):
        if value:
            yield name, value
    yield from _mapping(entity.get("businessAttributes")).items()


def _is_reference(value: Any) -> bool:
    """Whether a value only points at other entities."""
    one = value[0] if isinstance(value, list) and value else value
    return isinstance(one, Mapping) and "guid" in one and "typeName" in one


def _location(attributes: Json, qualified: str, kind: str) -> str | None:
    told = _first(attributes, _PLACES)
    if told is None and kind in ("file", "file_set"):
        return place_of(qualified)
    return told and (place_of(told) or told)


def _size(attributes: Json) -> int | None:
    for name in _SIZES:
        value = attributes.get(name)
        if isinstance(value, int | float) and not isinstance(value, bool) and value >= 0:
            return int(value)
        if isinstance(value, str) and re.fullmatch(r"\d{1,18}", value):
            return int(value)
    return None


def _version(value: Any) -> str | None:
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else None


def _first(attributes: Json, names: Sequence[str]) -> str | None:
    return next((text for name in names if (text := _text(attributes.get(name)))), None)


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None


def _mapping(value: Any) -> Json:
    return value if isinstance(value, Mapping) else {}
