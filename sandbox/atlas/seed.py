"""Puts the declared estate into a running Atlas over its REST API: the stand-in and a real server alike."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import requests

from sandbox.atlas import estate
from sandbox.atlas.account import native_rdbms
from sandbox.atlas.declarations import Asset, ColumnFlow, Flow, Mark, Parent
from sandbox.atlas.flows import COLUMN_TYPES, flows
from sandbox.company.fields import Field, Plain, hive

Json = dict[str, Any]

_TIMEOUT = 120
_BACK = {
    ("hive_table", "columns"): ("table", "hive_table_columns"),
    ("hive_table", "partitionKeys"): ("table", "hive_table_partitionkeys"),
    ("rdbms_table", "columns"): ("table", "rdbms_table_columns"),
    ("retail_feature_table", "feature_columns"): ("feature_table", "retail_feature_table_features"),
}
"""A column's own reference to its table, which Atlas' models demand, by the table's type and attribute."""

_PARENTS = {"aws_s3_pseudo_dir": "bucket"}
"""What a dataset's reference to its parent is called, where not `db`."""

_QUERIES = {"hive_column_lineage": "query", "spark_column_lineage": "process"}
"""What a column process' reference to its process is called."""

_TOGETHER = 10
"""Assets in one request; a real server creates about 100 entities a second."""


class Seeder:
    """Fills one server. Running it twice changes nothing."""

    def __init__(self, url: str, auth: tuple[str, str]) -> None:
        self.base = f"{url}/api/atlas/v2"
        self.session = requests.Session()
        self.session.auth = auth
        self.guids: dict[tuple[str, str], str] = {}
        """By type and qualified name."""

    def fill(self, scale: int) -> None:
        """Types, glossary, assets, processes, and then what stewards add."""
        self._types()
        terms = self._glossary()
        assets = [a for a in estate.assets(scale) if not a.deleted or not self._known(a)]
        self._parents(assets)
        self._assets(assets)
        declared = [f for f in flows(scale) if not f.deleted or not self._known(f)]
        self._flows(declared)
        for asset in assets:
            self._steward(asset, terms)
        all_of_it: list[Asset | Flow] = [*assets, *declared]
        gone = [self.guids[one.type_name, one.qualified_name] for one in all_of_it if one.deleted]
        if gone:
            self._call("DELETE", "/entity/bulk", params={"guid": gone})

    def _call(self, method: str, path: str, *, fine: Sequence[str] = (), **kwargs: Any) -> Any:
        """The answer's JSON; None for an empty one, or for an error code in `fine`."""
        answer = self.session.request(method, self.base + path, timeout=_TIMEOUT, **kwargs)
        if answer.status_code >= 400:
            code = answer.json().get("errorCode") if "json" in answer.headers.get("content-type", "") else ""
            if code in fine:
                return None
            raise RuntimeError(f"{method} {path} answered {answer.status_code}: {answer.text[:500]}")
        return answer.json() if answer.content else None

    def _types(self) -> None:
        if self._call("POST", "/types/typedefs", json=estate.TYPES, fine=("ATLAS-409-00-001",)) is None:
            self._call("PUT", "/types/typedefs", json=estate.TYPES)

    def _glossary(self) -> dict[str, str]:
        """Guids of the terms by name."""
        known = {g["name"]: g for g in self._call("GET", "/glossary")}
        glossary = known.get(estate.GLOSSARY) or self._call("POST", "/glossary", json={"name": estate.GLOSSARY})
        terms = {t["displayText"]: t["termGuid"] for t in glossary.get("terms", ())}
        for name, text in estate.TERMS.items():
            if name not in terms:
                term = {"name": name, "shortDescription": text, "anchor": {"glossaryGuid": glossary["guid"]}}
                terms[name] = self._call("POST", "/glossary/term", json=term)["guid"]
        return terms

    # --- entities ---

    def _known(self, asset: Asset | Flow) -> bool:
        """Whether the server has had an entity of this name, deleted or not."""
        named = {"attributeName": "qualifiedName", "operator": "eq", "attributeValue": asset.qualified_name}
        found = self._call("POST", "/search/basic", json={"typeName": asset.type_name, "entityFilters": named})
        return bool(found.get("entities"))

    def _upsert(self, entities: list[Json]) -> None:
        assigned = self._call("POST", "/entity/bulk", json={"entities": entities})["guidAssignments"]
        for entity in entities:
            key = entity["typeName"], entity["attributes"]["qualifiedName"]
            self.guids[key] = assigned.get(entity["guid"], entity["guid"])

    def _parents(self, assets: Iterable[Asset]) -> None:
        for parent in {p.qualified_name: p for a in assets for p in _line(a.parent)}.values():
            entity = _entity(parent.type_name, parent.qualified_name, parent.name, parent.attributes, "-1")
            if parent.inside:
                entity["relationshipAttributes"] = {"instance": self._reference(parent.inside)}
            self._upsert([entity])

    def _reference(self, parent: Parent) -> Json:
        return {"guid": self.guids[parent.type_name, parent.qualified_name], "typeName": parent.type_name}

    def _assets(self, assets: Sequence[Asset]) -> None:
        new = [a for a in assets if (a.type_name, a.qualified_name) not in self.guids]
        for first in range(0, len(new), _TOGETHER):
            entities: list[Json] = []
            for asset in new[first : first + _TOGETHER]:
                self._add(asset, entities)
            self._upsert(entities)

    def _add(self, asset: Asset, entities: list[Json]) -> None:
        """The asset's entity and those of its parts, with provisional guids."""
        entity = _entity(asset.type_name, asset.qualified_name, asset.name, asset.attributes, f"-{len(entities) + 1}")
        entities.append(entity)
        references: Json = {}
        if asset.parent:
            references[_PARENTS.get(asset.type_name, "db")] = self._reference(asset.parent)
        if asset.storage:
            sd = {"qualifiedName": f"{asset.qualified_name}_storage", "table": _pointer(entity), **asset.storage}
            entities.append({"typeName": "hive_storagedesc", "guid": f"-{len(entities) + 1}", "attributes": sd})
            references["sd"] = _pointer(entities[-1])
        for name, fields in _parts(asset).items():
            references[name] = []
            for position, field in enumerate(fields):
                entities.append(_column(asset, field, position, f"-{len(entities) + 1}"))
                references[name].append(_pointer(entities[-1]))
                back, relationship = _BACK[asset.type_name, name]
                entities[-1]["relationshipAttributes"] = {back: {**_pointer(entity), "relationshipType": relationship}}
        entity["relationshipAttributes"] = references

    def _flows(self, flows: Iterable[Flow]) -> None:
        """The processes; each comes with the column processes that are a part of it."""
        by_name = {name: (type_name, guid) for (type_name, name), guid in self.guids.items()}

        def ends(inputs: Iterable[str], outputs: Iterable[str]) -> Json:
            named = (("inputs", inputs), ("outputs", outputs))
            return {e: [dict(zip(("typeName", "guid"), by_name[n], strict=True)) for n in names] for e, names in named}

        for flow in flows:
            whole = _entity(flow.type_name, flow.qualified_name, flow.name, flow.attributes, "-1")
            whole["attributes"] |= ends(flow.inputs, flow.outputs)
            entities = [whole]
            for n, one in enumerate(flow.columns, 2):
                entities.append(_column_process(flow, one, f"-{n}", _pointer(whole)))
                named = [_column_name(*c) for c in one.inputs], [_column_name(*one.output)]
                entities[-1]["attributes"] |= ends(*named)
            self._upsert(entities)

    # --- what stewards add ---

    def _steward(self, asset: Asset, terms: dict[str, str]) -> None:
        guid = self.guids[asset.type_name, asset.qualified_name]
        self._classify(guid, asset.marks)
        for field in asset.fields:
            marks = estate.marks_of(field)
            if marks and not asset.deleted:
                self._classify(self.guids[_column_type(asset), _column_name(asset.qualified_name, field.name)], marks)
        for term in asset.terms:
            if not any(e["guid"] == guid for e in self._assigned(terms[term])):
                self._call("POST", f"/glossary/terms/{terms[term]}/assignedEntities", json=[{"guid": guid}])
        if asset.labels:
            self._call("POST", f"/entity/guid/{guid}/labels", json=list(asset.labels))
        if asset.business:
            path = f"/entity/guid/{guid}/businessmetadata"
            self._call("POST", path, params={"isOverwrite": "true"}, json=asset.business)

    def _classify(self, guid: str, marks: Sequence[Mark]) -> None:
        for mark in marks:
            given = {"typeName": mark.name, "attributes": mark.attributes, "propagate": mark.propagate}
            # 01A: it has the classification already
            self._call("POST", f"/entity/guid/{guid}/classifications", json=[given], fine=("ATLAS-400-00-01A",))

    def _assigned(self, term: str) -> Any:
        return self._call("GET", f"/glossary/terms/{term}/assignedEntities") or []


def _entity(type_name: str, qualified_name: str, name: str, attributes: Json, guid: str) -> Json:
    return {
        "typeName": type_name,
        "guid": guid,
        "attributes": {"qualifiedName": qualified_name, "name": name, **attributes},
    }


def _pointer(entity: Json) -> Json:
    return {"guid": entity["guid"], "typeName": entity["typeName"]}


def _line(parent: Parent | None) -> Iterator[Parent]:
    """The outermost first."""
    if parent is not None:
        yield from _line(parent.inside)
        yield parent


def _parts(asset: Asset) -> dict[str, list[Field]]:
    if not asset.fields:
        return {}
    if asset.type_name == "hive_table":
        plain, keys = [f for f in asset.fields if not f.partition], [f for f in asset.fields if f.partition]
        return {"columns": plain, "partitionKeys": keys} if keys else {"columns": plain}
    return {"feature_columns" if asset.type_name == "retail_feature_table" else "columns": list(asset.fields)}


def _column_type(asset: Asset) -> str:
    return {"hive_table": "hive_column", "rdbms_table": "rdbms_column"}.get(asset.type_name, "retail_feature")


def _column_name(dataset: str, field: str) -> str:
    table, _, cluster = dataset.partition("@")
    return f"{table}.{field}@{cluster}" if cluster else f"{table}#{field}"


def _column_process(flow: Flow, one: ColumnFlow, guid: str, whole: Json) -> Json:
    type_name = COLUMN_TYPES[flow.type_name]
    said = {"depenendencyType": one.dependency, "expression": one.expression}
    attributes = said if type_name == "hive_column_lineage" else {}
    column = one.output[1]
    entity = _entity(type_name, f"{flow.qualified_name}:{column}", f"{flow.name}:{column}", attributes, guid)
    entity["relationshipAttributes"] = {_QUERIES[type_name]: whole}
    return entity


def _column(asset: Asset, field: Field, position: int, guid: str) -> Json:
    type_name = _column_type(asset)
    attributes: Json = {}
    if type_name == "hive_column":
        attributes = {"type": hive(field.type), "comment": field.comment, "position": position}
    elif type_name == "rdbms_column":
        text = native_rdbms(field.type)
        attributes = {"data_type": text, "isNullable": field.nullable, "comment": field.comment}
        if field.type == Plain("string"):
            attributes |= {"data_type": "VARCHAR", "length": 255}
    else:
        attributes = {"data_type": hive(field.type), "position": position, "description": field.comment}
    return _entity(type_name, _column_name(asset.qualified_name, field.name), field.name, attributes, guid)
