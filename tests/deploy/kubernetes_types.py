"""Kubernetes' types as its own client declares them: strict, so that a misspelt key is found."""

import re
from collections.abc import Mapping
from typing import Any

from dagster_k8s.models import k8s_model_from_dict, k8s_snake_case_dict
from kubernetes.client import models

KINDS = {
    "v1": "V1",
    "apps/v1": "V1",
    "batch/v1": "V1",
    "rbac.authorization.k8s.io/v1": "V1",
}


def assert_is_kubernetes(manifest: Mapping[str, Any]) -> None:
    """Raises where a key is unknown, a required one is missing, or a value is of another type."""
    model = getattr(models, KINDS[manifest["apiVersion"]] + manifest["kind"])
    k8s_model_from_dict(model, k8s_snake_case_dict(model, _said(manifest)))


def _said(value: Any) -> Any:
    """Without the keys that have no value: the server drops them too."""
    if isinstance(value, Mapping):
        return {key: _said(one) for key, one in value.items() if one is not None}
    return [_said(one) for one in value] if isinstance(value, list) else value


def _definitions() -> dict[str, Any]:
    named: dict[str, Any] = {}
    for name in dir(models):
        model = getattr(models, name)
        if match := re.fullmatch(r"(V1)([A-Z]\w+)", name):
            schema = _object(model)
            for group in ("core", "apps", "batch", "networking", "rbac"):
                named[f"io.k8s.api.{group}.v1.{match[2]}"] = schema
            named[f"io.k8s.apimachinery.pkg.apis.meta.v1.{match[2]}"] = schema
    return named


def _object(model: Any) -> dict[str, Any]:
    keys = {model.attribute_map[name]: _schema(kind) for name, kind in model.openapi_types.items()}
    return {"type": "object", "properties": keys, "additionalProperties": False}


def _schema(kind: str) -> dict[str, Any]:
    if match := re.fullmatch(r"list\[(.*)\]", kind):
        return {"type": ["array", "null"], "items": _schema(match[1])}
    if match := re.fullmatch(r"dict[\[(]\w+, ?(.*)[\])]", kind):
        return {"type": ["object", "null"], "additionalProperties": _schema(match[1])}
    plain = {"str": "string", "int": "integer", "bool": "boolean", "float": "number"}
    if kind in plain:
        return {"type": [plain[kind], "null"]}
    if kind in ("object", "datetime") or not kind.startswith("V1"):
        return {}
    return {"$ref": f"#/definitions/io.k8s.api.core.v1.{kind.removeprefix('V1')}"}


DEFINITIONS: dict[str, Any] = _definitions()
