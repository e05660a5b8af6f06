"""The forms of a database's address: for psycopg, for SQLAlchemy, and for showing."""

import re
from urllib.parse import parse_qs, urlsplit

from governance.errors import ConfigurationError

_SCHEME = re.compile(r"^postgres(?:ql)?(?:\+\w+)?://")


def plain_url(url: str) -> str:
    """The address as libpq takes it: `postgresql://…`, a SQLAlchemy driver name removed.

    Raises:
        ConfigurationError: it is no PostgreSQL URL.
    """
    if not _SCHEME.match(url):
        raise ConfigurationError(
            f"not a PostgreSQL URL: it starts with {url.partition(':')[0][:20]!r}",
            platform="inventory",
            operation="GOVERNANCE_DATABASE_URL",
            remedy="write it as postgresql://user:password@host:5432/database",
        )
    return _SCHEME.sub("postgresql://", url, count=1)


def sqlalchemy_url(url: str) -> str:
    """The address as SQLAlchemy takes it, with psycopg 3 as the driver."""
    return _SCHEME.sub("postgresql+psycopg://", plain_url(url), count=1)


def shown_url(url: str) -> str:
    """Host and database only, for messages; empty for an empty address."""
    if not url:
        return ""
    parts = urlsplit(url)
    host = parts.hostname or next(iter(parse_qs(parts.query).get("host", [])), "local socket")
    return f"{parts.path.lstrip('/') or 'default database'} at {host}{f':{parts.port}' if parts.port else ''}"
