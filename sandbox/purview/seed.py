"""Fills a running server over Purview's own REST: collections, classifications, terms, assets fifty at a time."""

import json
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import requests

from sandbox.purview import estate, flows
from sandbox.purview.assets import BUSINESS, LOYALTY, OTHERS, Asset, Given
from sandbox.purview.assignments import ASSIGNED, Assigned
from sandbox.purview.identity import AUDIENCE, CURATOR, SECRETS, TENANT
from sandbox.purview.policies import policy

Json = Any

BATCH = 50
_ELSEWHERE = {"/account/": "2019-11-01-preview", "/policyStore/": "2021-07-01-preview"}
"""Where paths that are none of the Data Map's start, with their api-version."""


class Curator:
    """The collection administrator's session."""

    def __init__(self, url: str, ca: Path) -> None:
        self.url = url
        self._session = requests.Session()
        # a bundle named in the environment would otherwise win over this one
        self._session.trust_env = False
        self._session.verify = str(ca)
        form = {"grant_type": "client_credentials", "client_id": CURATOR, "client_secret": SECRETS[CURATOR]}
        answer = self._session.post(
            f"{url}/{TENANT}/oauth2/v2.0/token", data={**form, "scope": f"{AUDIENCE}/.default"}, timeout=30
        )
        answer.raise_for_status()
        self._session.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"

    def send(self, method: str, path: str, body: Json = None, **query: str | Sequence[str]) -> Json:
        """One call; `path` starts behind `/datamap/api` unless it is the account's or the policy store's.

        Raises:
            requests.HTTPError: the server refuses; its words are in the message.
        """
        prefix, version = next(
            (("", version) for start, version in _ELSEWHERE.items() if path.startswith(start)),
            ("/datamap/api", "2023-09-01"),
        )
        address = f"{self.url}{prefix}{path}"
        params: dict[str, str | Sequence[str]] = {"api-version": version, **query}
        answer = self._session.request(method, address, params=params, json=body, timeout=60)
        if not answer.ok:
            raise requests.HTTPError(f"{method} {path}: {answer.status_code} {answer.text[:500]}", response=answer)
        return answer.json() if answer.content else None

    def close(self) -> None:
        """Gives back the sockets."""
        self._session.close()


def fill(url: str, ca: Path, scale: int) -> None:
    """Makes the estate."""
    curator = Curator(url, ca)
    try:
        for name, friendly, parent, description in estate.COLLECTIONS:
            body = {"friendlyName": friendly, "parentCollection": {"referenceName": parent}}
            body |= {"description": description} if description else {}
            curator.send("PUT", f"/account/collections/{name}", body)
        for name, assigned in ASSIGNED.items():
            assign(curator, name, assigned)
        curator.send("POST", "/atlas/v2/types/typedefs", _types())
        guids = put(curator, [*estate.datasets(scale), *OTHERS, *flows.FOLDERS])
        connect(curator, {name: (type_name, guid) for (type_name, name), guid in guids.items()})
        _assign_terms(curator, guids, scale)
    finally:
        curator.close()


def assign(curator: Curator, collection: str, assigned: Assigned) -> None:
    """Gives the roles on a collection, and takes those that others have there."""
    found = curator.send("GET", "/policyStore/metadataPolicies", collectionName=collection)["values"][0]
    parent = found["properties"].get("parentCollectionName")
    wanted = policy(collection, parent, assigned.users, assigned.groups, restricted=assigned.restricted)
    curator.send("PUT", f"/policyStore/metadataPolicies/{found['id']}", {**found, "properties": wanted["properties"]})


def put(curator: Curator, assets: Sequence[Asset]) -> dict[tuple[str, str], str]:
    """Creates the assets and moves them into their collections; answers guids by type and qualified name."""
    guids: dict[tuple[str, str], str] = {}
    for batch in _batches(assets, BATCH):
        entities: list[Json] = []
        referred: dict[str, Json] = {}
        numbers = iter(range(1, 1_000_000))
        for asset in batch:
            entities.append(_entity(asset, numbers, referred))
        out = curator.send("POST", "/atlas/v2/entity/bulk", {"entities": entities, "referredEntities": referred})
        for asset, entity in zip(batch, entities, strict=True):
            guids[asset.type_name, asset.qualified_name] = out["guidAssignments"][entity["guid"]]
    for collection in dict.fromkeys(a.collection for a in assets):
        here = [guids[a.type_name, a.qualified_name] for a in assets if a.collection == collection]
        for some in _batches(here, BATCH):
            curator.send("POST", "/entity/moveTo", {"entityGuids": some}, collectionId=collection)
    return guids


def connect(curator: Curator, assets: dict[str, tuple[str, str]]) -> None:
    """Creates the processes in their collections, and the links between assets; `assets` are by qualified name."""

    def ends(names: Iterable[str]) -> list[Json]:
        return [{"typeName": assets[name][0], "guid": assets[name][1]} for name in names]

    entities = [
        {
            "typeName": one.type_name,
            "guid": f"-{n}",
            "attributes": {
                "qualifiedName": one.qualified_name,
                "name": one.name,
                "columnMapping": flows.column_mapping(one),
                "inputs": ends(one.inputs),
                "outputs": ends(one.outputs),
            },
        }
        for n, one in enumerate(flows.PROCESSES, 1)
    ]
    made = curator.send("POST", "/atlas/v2/entity/bulk", {"entities": entities})["guidAssignments"]
    for collection in dict.fromkeys(p.collection for p in flows.PROCESSES):
        here = [made[f"-{n}"] for n, p in enumerate(flows.PROCESSES, 1) if p.collection == collection]
        curator.send("POST", "/entity/moveTo", {"entityGuids": here}, collectionId=collection)
    for source, sink, pairs in flows.LINKS:
        end1, end2 = ends((source, sink))
        mapping = {"columnMapping": json.dumps(flows.pairs_of(pairs))}
        link = {"typeName": flows.DIRECT, "end1": end1, "end2": end2, "attributes": mapping}
        curator.send("POST", "/atlas/v2/relationship", link)


def _entity(asset: Asset, numbers: Iterator[int], referred: dict[str, Json]) -> Json:
    """The asset as it is posted; its columns and schema go into `referred`."""
    refs = []
    for field in asset.fields:
        guid = f"-{next(numbers)}"
        attributes = {
            "qualifiedName": f"{asset.qualified_name}#{field.name}",
            "name": field.name,
            "description": field.comment,
            **asset.write(field.type).attributes,
        }
        type_name = asset.column_type
        referred[guid] = {"typeName": type_name, "guid": guid, "attributes": attributes}
        if field.sensitive:
            name = estate.SENSITIVE[field.sensitive]
            referred[guid]["classifications"] = [{"typeName": name, "source": "DataScan"}]
        refs.append({"guid": guid, "typeName": type_name})
    ties: Json = {"columns": refs} if refs else {}
    if refs and asset.shape != "columns":
        guid = f"-{next(numbers)}"
        attributes = {"qualifiedName": f"{asset.qualified_name}#__tabular_schema", "name": "tabular_schema"}
        referred[guid] = {
            "typeName": "tabular_schema",
            "guid": guid,
            "attributes": attributes,
            "relationshipAttributes": ties,
        }
        schema = {"guid": guid, "typeName": "tabular_schema"}
        ties = {asset.shape: [schema] if asset.shape == "attachedSchema" else schema}
    out: Json = {
        "typeName": asset.type_name,
        "guid": f"-{next(numbers)}",
        "attributes": {
            "qualifiedName": asset.qualified_name,
            "name": asset.name,
            "description": asset.description,
            "userDescription": asset.said,
            "owner": asset.owner,
            **asset.attributes,
            **({"size": asset.size_bytes} if asset.size_bytes is not None else {}),
        },
        "relationshipAttributes": ties,
        "labels": list(asset.labels),
        "classifications": [_classification(one) for one in asset.classifications],
        "customAttributes": asset.custom,
        "businessAttributes": asset.business,
    }
    if asset.contacts:
        out["contacts"] = {
            kind: [{"id": who, "info": info} for who, info in some] for kind, some in asset.contacts.items()
        }
    return out


def _classification(one: Given) -> Json:
    attributes = {} if one.confidence is None else {"confidence": one.confidence}
    return {"typeName": one.name, "source": one.source, "attributes": attributes}


def _types() -> Json:
    confidence = {"name": "confidence", "typeName": "float", "isOptional": True}
    custom = [
        {"name": name, "attributeDefs": [confidence] if name == LOYALTY else []}
        for name in estate.CUSTOM_CLASSIFICATIONS
    ]
    everywhere = {"applicableEntityTypes": '["DataSet"]'}
    fields = [
        {"name": "steward", "typeName": "string", "isOptional": True, "options": {**everywhere, "maxStrLength": "200"}},
        {"name": "reviewed", "typeName": "boolean", "isOptional": True, "options": everywhere},
    ]
    return {
        "classificationDefs": custom,
        "businessMetadataDefs": [{"name": BUSINESS, "attributeDefs": fields}],
    }


def _assign_terms(curator: Curator, guids: dict[tuple[str, str], str], scale: int) -> None:
    glossary = curator.send("POST", "/atlas/v2/glossary", {"name": estate.GLOSSARY})
    anchor = {"glossaryGuid": glossary["guid"]}
    for name, text in estate.TERMS.items():
        term = curator.send(
            "POST", "/atlas/v2/glossary/term", {"name": name, "longDescription": text, "anchor": anchor}
        )
        assets = [a for a in estate.datasets(scale) if name in a.terms]
        for some in _batches([{"guid": guids[a.type_name, a.qualified_name]} for a in assets], BATCH):
            curator.send("POST", f"/atlas/v2/glossary/terms/{term['guid']}/assignedEntities", some)


def _batches(items: Iterable[Any], size: int) -> Iterator[list[Any]]:
    left = iter(items)
    while batch := list(islice(left, size)):
        yield batch
