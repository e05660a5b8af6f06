"""Microsoft's published API descriptions (OpenAPI 2) as something to check requests and responses against."""

import json
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import jsonschema

Json = Any

ROOT = Path(__file__).resolve().parents[2]
_BELOW = "specification/purview/data-plane"
DATAMAP = f"{_BELOW}/Azure.Analytics.Purview.DataMap/stable/2023-09-01/purviewdatamap.json"
ACCOUNT = f"{_BELOW}/Azure.Analytics.Purview.Account/preview/2023-10-01-preview/account.json"
POLICIES = f"{_BELOW}/Azure.Analytics.Purview.MetadataPolicies/preview/2021-07-01-preview/purviewMetadataPolicy.json"

BEYOND = {
    "AttributeMatcher": {"fromRule"},
    "SearchResultValue": {"collectionId"},
    "SuggestResultValue": {"collectionId"},
    "AtlasClassification": {"source", "sourceDetails", "propagate"},
    "AtlasAttributeDef": {"searchWeight", "displayName"},
    "AtlasRelationshipDef": {"propagateTags"},
    "AtlasRelationshipAttributeDef": {"relationshipTypeName", "isLegacyAttribute", "searchWeight"},
    "AtlasEntityDef": {"businessAttributeDefs"},
    "AtlasTypeDef": {"businessAttributeDefs", "propagateTags"},
    "AtlasClassificationDef": {"subTypes", "superTypes", "entityTypes"},
}
"""What the stand-in tells beyond the stable description; the service does so too, or a later description has it."""


MORE_VALUES = {"TypeCategory": ["BUSINESS_METADATA"]}
"""Values that an enumeration lacks though Microsoft's own examples have them."""


def folder() -> Path | None:
    """Where the descriptions are, None where they are not."""
    given = os.environ.get("GOVERNANCE_TEST_PURVIEW_OPENAPI")
    path = Path(given) if given else ROOT.parent / "shared" / "purview-openapi"
    return path if (path / DATAMAP).exists() else None


@dataclass(frozen=True)
class Operation:
    """One operation of a description."""

    api: "Description"
    id: str
    method: str
    path: str
    raw: Json

    @property
    def address(self) -> str:
        """The path on the server, with its parameters in braces."""
        return self.api.prefix + self.path

    def examples(self) -> Iterator[tuple[str, Json]]:
        """Name and content of each published example."""
        for one in self.raw.get("x-ms-examples", {}).values():
            path = self.api.file.parent / one["$ref"]
            yield path.stem, json.loads(path.read_text(encoding="utf-8"))

    def parameters(self) -> Iterator[Json]:
        """The parameters, references resolved."""
        for one in self.raw.get("parameters", ()):
            yield self.api.document["parameters"][one["$ref"].rpartition("/")[2]] if "$ref" in one else one

    def check(self, status: int, body: Json) -> None:
        """Fails where this answer is not one that the description allows."""
        described = self.raw["responses"].get(str(status)) or (
            self.raw["responses"]["default"] if status >= 400 else None
        )
        assert described is not None, f"{self.id}: status {status} is not described"
        schema = described.get("schema")
        if schema is None:
            assert body is None, f"{self.id}: a body where none is described"
            return
        self.api.validate(schema, body, self.id)


class Description:
    """One description. `prefix` is where its paths are on the server."""

    def __init__(self, file: Path, prefix: str) -> None:
        self.file, self.prefix = file, prefix
        self.document: Json = json.loads(file.read_text(encoding="utf-8"))

    def operations(self) -> Iterator[Operation]:
        """All operations."""
        for path, methods in self.document["paths"].items():
            for method, raw in methods.items():
                if method != "parameters":
                    yield Operation(self, raw["operationId"], method.upper(), path, raw)

    @cached_property
    def _definitions(self) -> Json:
        return {name: _strict(name, schema) for name, schema in self.document["definitions"].items()}

    def validate(self, schema: Json, value: Json, what: str) -> None:
        """Fails with the place and the rule that the value breaks."""
        whole = {**_nullable(schema), "definitions": self._definitions}
        errors = sorted(jsonschema.Draft4Validator(whole).iter_errors(value), key=lambda e: list(map(str, e.path)))
        assert not errors, f"{what}: " + "; ".join(
            f"{'/'.join(map(str, e.path))}: {e.message[:200]}" for e in errors[:5]
        )


def _strict(name: str, schema: Json) -> Json:
    """Unknown properties are mistakes, those of BEYOND excepted."""
    out = _nullable(schema)
    if name in MORE_VALUES:
        out["enum"] = [*out["enum"], *MORE_VALUES[name]]
    if "properties" in out and "additionalProperties" not in out:
        out["additionalProperties"] = False
        out["properties"] = {**out["properties"], **{more: {} for more in BEYOND.get(name, ())}}
    return out


def _nullable(schema: Json) -> Json:
    """The schema with null allowed for each property: Microsoft's own examples are full of nulls."""
    if isinstance(schema, list):
        return [_nullable(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    out = {k: _nullable(v) for k, v in schema.items()}
    if isinstance(schema.get("properties"), dict):
        out["properties"] = {k: {"anyOf": [{"type": "null"}, _nullable(v)]} for k, v in schema["properties"].items()}
    return out


def descriptions() -> list[Description]:
    """Data Map, account and policy store, or none where the descriptions are absent."""
    where = folder()
    if where is None:
        return []
    places = ((DATAMAP, "/datamap/api"), (ACCOUNT, "/account"), (POLICIES, "/policyStore"))
    return [Description(where / file, prefix) for file, prefix in places if (where / file).exists()]


GUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
