"""The inventory rows that must come of the declared Atlas estate: a second opinion on engine and reader."""

import json
from collections.abc import Iterator
from typing import Any

import msgspec

from governance.model import Column, Dataset, Tag
from sandbox.atlas import estate
from sandbox.atlas.declarations import Asset, Mark
from sandbox.atlas.flows import flows
from sandbox.atlas.standard import STANDARD
from sandbox.company.fields import Plain, Type, columns, hive, path_part

_DEFAULTS: dict[str, Any] = {"int": 0, "long": 0, "boolean": False, "float": 0.0}
_SAID_ELSEWHERE = {"qualifiedName", "name", "owner", "location", "viewOriginalText", "path"}
_WORDS = {"viewOriginalText": "view_text"}
_RDBMS = {"bigint": "BIGINT", "int": "INTEGER", "date": "DATE", "float": "REAL", "string": "VARCHAR(255)"}


def rows(scale: int) -> Iterator[Dataset]:
    """The dataset of every asset that is not deleted."""
    everything = list(estate.assets(scale))
    reached = _propagated(everything, scale)
    for asset in everything:
        if not asset.deleted:
            yield _dataset(asset, reached.get(asset.qualified_name, []))


def _dataset(asset: Asset, reached: list[tuple[str, Mark]]) -> Dataset:
    attributes = asset.attributes
    parameters = attributes.get("parameters", {})
    return Dataset(
        qualified_name=asset.qualified_name,
        kind=asset.kind,
        container=asset.parent.qualified_name if asset.parent else asset.type_name,
        name=asset.name,
        namespace=asset.type_name,
        comment=attributes.get("comment") or attributes.get("description"),
        owner=attributes.get("owner"),
        format=asset.format,
        location=asset.storage.get("location") or attributes.get("location") or asset.place,
        row_count=int(parameters["numRows"]) if "numRows" in parameters else None,
        size_bytes=int(parameters["totalSize"]) if "totalSize" in parameters else None,
        properties=_properties(asset),
        columns=_columns(asset),
        tags=_tags(asset, reached),
    )


def _properties(asset: Asset) -> dict[str, Any]:
    """Every attribute of the type that is no column of the inventory; a number or flag never given reads zero."""
    out: dict[str, Any] = {"status": "ACTIVE"}
    for name, type_name in _attributes(asset.type_name).items():
        value = asset.attributes.get(name, _DEFAULTS.get(type_name))
        if value not in (None, [], {}) and name not in _SAID_ELSEWHERE and name not in ("comment", "description"):
            out[name] = value
    if "comment" in asset.attributes and "description" in asset.attributes:
        out["description"] = asset.attributes["description"]
    for name, word in _WORDS.items():
        if name in asset.attributes:
            out[word] = asset.attributes[name]
    if asset.storage:
        storage = {"storedAsSubDirectories": False, "numBuckets": 0, **asset.storage}
        out["storage"] = {k: v for k, v in storage.items() if k != "location"}
    return {**out, **asset.business}


def _attributes(type_name: str) -> dict[str, str]:
    """Attribute types by name, inherited ones too, as the models declare them."""
    known = {d["name"]: d for d in [*STANDARD["entityDefs"], *estate.TYPES["entityDefs"]]}
    out: dict[str, str] = {}
    for parent in known[type_name]["superTypes"]:
        out |= _attributes(parent)
    return out | {a["name"]: a["typeName"] for a in known[type_name]["attributeDefs"]}


# --- columns ---


def _columns(asset: Asset) -> tuple[Column, ...]:
    if asset.type_name == "rdbms_table":
        # the model keeps a set of columns and no positions
        ordered = sorted(asset.fields, key=lambda f: f.name)
        fields = tuple(msgspec.structs.replace(f, type=_relational(f.type)) for f in ordered)
        return columns(fields, lambda of: native_rdbms(of))
    return tuple(msgspec.structs.replace(row, nullable=None) for row in columns(asset.fields, hive))


def _relational(of: Type) -> Type:
    return Plain("varchar(255)") if of == Plain("string") else of


def native_rdbms(of: Type) -> str:
    """A type as the point-of-sale database writes it."""
    if isinstance(of, Plain):
        return _RDBMS.get(of.word, of.word.upper())
    raise TypeError(f"no relational column holds {of}")


# --- tags ---


def _tags(asset: Asset, reached: list[tuple[str, Mark]]) -> tuple[Tag, ...]:
    tags = [_tag(mark) for mark in asset.marks]
    tags += [_tag(mark, origin=origin) for origin, mark in reached]
    tags += [Tag(term, "term", origin=f"{term}@{estate.GLOSSARY}") for term in asset.terms]
    tags += [Tag(label, "label") for label in asset.labels]
    for field in asset.fields:
        tags += [_tag(mark, path=path_part(field.name)) for mark in estate.marks_of(field)]
    return tuple(sorted(tags, key=lambda t: (t.path, t.kind, t.tag, t.origin)))


def _tag(mark: Mark, *, path: str = "", origin: str = "") -> Tag:
    value = json.dumps(mark.attributes, ensure_ascii=False, sort_keys=True) if mark.attributes else None
    confidence = mark.attributes.get("confidence")
    return Tag(mark.name, "classification", path, value, bool(origin), origin, confidence)


def _propagated(everything: list[Asset], scale: int) -> dict[str, list[tuple[str, Mark]]]:
    """Classifications that reach a dataset through processes, with the dataset they come from."""
    after: dict[str, set[str]] = {}
    for flow in flows(scale):
        for name in () if flow.deleted else flow.inputs:
            after.setdefault(name, set()).update(flow.outputs)
    reached: dict[str, list[tuple[str, Mark]]] = {}
    for asset in everything:
        todo, seen = [asset.qualified_name], {asset.qualified_name}
        for name in todo:
            new = after.get(name, set()) - seen
            seen |= new
            todo += sorted(new)
        for mark in asset.marks:
            if mark.propagate:
                for name in todo[1:]:
                    reached.setdefault(name, []).append((asset.qualified_name, mark))
    return reached
