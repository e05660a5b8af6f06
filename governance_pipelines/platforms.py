"""The platforms there are: each folder of `resources/` with a resource.py, which holds a SourceResource of that name.

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
_STORE = "inventory"
"""The one folder of `resources/` with a resource that is no platform's."""


@cache
def platform_words() -> tuple[str, ...]:
    """Every platform's word."""
    return tuple(
        folder.name
        for folder in pkgutil.iter_modules(resources.__path__)
        if folder.name != _STORE
        and any((Path(base) / folder.name / "resource.py").exists() for base in resources.__path__)
    )


@cache
def resource_class(platform: str) -> type[SourceResource]:
    """The resource of one platform; those that an estate does not name are not imported."""
    module = importlib.import_module(f"resources.{platform}.resource")
    found: type[SourceResource] = next(
        value
        for value in vars(module).values()
        if isinstance(value, type) and getattr(value, "platform", None) == platform
    )
    return found


def resource_classes() -> Mapping[str, type[SourceResource]]:
    """The resource of every platform, by platform word."""
    return {platform: resource_class(platform) for platform in platform_words()}


def connection_checks() -> Mapping[str, ConnectionCheck]:
    """What checks a `connection` of estate.yaml, by platform word."""
    return {platform: partial(_errors, platform) for platform in platform_words()}


def source_resource(source: Source) -> SourceResource:
    """The resource of a source that `load_estate` let through."""
    return resource_class(source.platform)(source=source.name, **source.connection)


def field_specs(of: type[SourceResource]) -> dict[str, FieldSpec]:
    """Every field that a connection may have."""
    return {
        name: FieldSpec(required=field.is_required(), secret=_is_secret(field.annotation))
        for name, field in of.model_fields.items()
        if name not in _OURS
    }


def _is_secret(annotation: Any) -> bool:
    return annotation is Secret or Secret in get_args(annotation)


def _errors(platform: str, connection: Mapping[str, Any]) -> Sequence[FieldError]:
    """Unknown keys, missing fields and literal secrets first; types only where those are right.

    Dagster ignores an unknown key of a resource's configuration without a word.
    """
    of = resource_class(platform)
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
