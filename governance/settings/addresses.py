"""Addresses in settings: checked, but kept as they were written, since parsing may change the spelling.

All take empty text as None, which is how an environment variable says "not set".
"""

from typing import Annotated, Any
from urllib.parse import urlsplit

from pydantic import BeforeValidator, HttpUrl, TypeAdapter

_HTTP: TypeAdapter[HttpUrl] = TypeAdapter(HttpUrl)


def _web(value: Any) -> Any:
    if not value:
        return None
    _HTTP.validate_python(value)
    return value


def _postgres(value: Any) -> Any:
    """Pydantic's own PostgresDsn refuses `postgresql://user@/name?host=/socket/directory`."""
    if not value:
        return None
    if urlsplit(str(value)).scheme not in ("postgresql", "postgres"):
        raise ValueError("not a postgresql:// URL")
    return value


def _redis(value: Any) -> Any:
    if not value:
        return None
    if urlsplit(str(value)).scheme not in ("redis", "rediss"):
        raise ValueError("not a redis:// or rediss:// URL")
    return value


WebAddress = Annotated[str | None, BeforeValidator(_web)]
"""An http or https URL."""

PostgresAddress = Annotated[str | None, BeforeValidator(_postgres)]
"""A `postgresql://` URL, by TCP or by socket directory."""

BrokerAddress = Annotated[str | None, BeforeValidator(_redis)]
"""A `redis://` or `rediss://` URL."""
