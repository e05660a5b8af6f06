"""The platforms there are: each folder of `resources/` whose resource.py holds a SourceResource of that name.

No SDK is imported here: a platform's resource imports its client only when a reader is opened.
"""

import importlib
import pkgutil
from collections.abc import Mapping, Sequence
from functools import cache, partial
from pathlib import Path
from typing import Any, get_args

from pydantic import ValidationError

import resources
from governance.estate import ConnectionCheck, FieldError, FieldSpec, Source, connection_errors
from resources.secret import Secret
from resources.source import SourceResource

_OURS = frozenset({"source"})
"""Fields of a resource that the estate gives outside of `connection`."""


@cache
def resource_classes() -> Mapping[str, type[SourceResource]]:
    """The resource of every platform, by platform word."""
    found = {}
    for folder in pkgutil.iter_modules(resources.__path__):
        if folder.ispkg and any((Path(base) / folder.name / "resource.py").exists() for base in resources.__path__):
            module = importlib.import_module(f"resources.{folder.name}.resource")
            for value in vars(module).values():
                if isinstance(value, type) and getattr(value, "platform", None) == folder.name:
                    found[folder.name] = value
    return found


def connection_checks() -> Mapping[str, ConnectionCheck]:
    """What checks a `connection` of estate.yaml, by platform word."""
    return {platform: partial(_errors, platform, of) for platform, of in resource_classes().items()}


def source_resource(source: Source) -> SourceResource:
    """The resource of a source that `load_estate` let through."""
    return resource_classes()[source.platform](source=source.name, **source.connection)


def field_specs(of: type[SourceResource]) -> dict[str, FieldSpec]:
    """Every field that a connection may have."""
    return {
        name: FieldSpec(required=field.is_required(), secret=_is_secret(field.annotation))
        for name, field in of.model_fields.items()
        if name not in _OURS
    }


def _is_secret(annotation: Any) -> bool:
    return annotation is Secret or Secret in get_args(annotation)


def _errors(platform: str, of: type[SourceResource], connection: Mapping[str, Any]) -> Sequence[FieldError]:
    """Unknown keys, missing fields and literal secrets first; types only where those are right.

    Dagster ignores an unknown key of a resource's configuration without a word.
    """
    errors = connection_errors(connection, field_specs(of), env_prefix=platform)
    if errors:
        return errors
    try:
        of(source="checked", **{name: value for name, value in connection.items() if value is not None})
    except ValidationError as error:
        # never the input: a value may be a secret in the wrong place
        return [
            FieldError(tuple(e["loc"]), _plain(e["msg"]))
            for e in error.errors(include_input=False, include_url=False, include_context=False)
        ]
    return []


def _plain(message: str) -> str:
    """Pydantic's message as the estate's other messages are written."""
    text = message.removeprefix("Value error, ").replace("Input should be", "should be", 1)
    return text[:1].lower() + text[1:]
