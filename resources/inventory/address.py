"""The forms of a database's address: for psycopg, for SQLAlchemy, and for showing."""

import re
from urllib.parse import parse_qs, urlencode, urlsplit

from governance.errors import ConfigurationError

_SCHEME = re.compile(r"^postgres(?:ql)?(?:\+\w+)?://")


def plain_url(url: str) -> str:
    """The address as libpq takes it: `postgresql://…`, a SQLAlchemy driver name removed.

    Where it names several servers, the one that can be written is meant, unless it says otherwise.

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
    plain = _SCHEME.sub("postgresql://", url, count=1)
    parts = urlsplit(plain)
    if "," in parts.netloc.rpartition("@")[2] and "target_session_attrs=" not in parts.query:
        plain += f"{'&' if parts.query else '?'}target_session_attrs=read-write"
    return plain


def sqlalchemy_url(url: str) -> str:
    """The address as SQLAlchemy takes it, with psycopg 3 as the driver."""
    plain = plain_url(url)
    parts = urlsplit(plain)
    who, at, hosts = parts.netloc.rpartition("@")
    if "," in hosts:
        # SQLAlchemy reads one host there, and several from the query
        several = urlencode([("host", host) for host in hosts.split(",")])
        plain = f"postgresql://{who}{at}{parts.path}?{several}&{parts.query}"
    return _SCHEME.sub("postgresql+psycopg://", plain, count=1)


def shown_url(url: str) -> str:
    """Host and database only, for messages; empty for an empty address."""
    if not url:
        return ""
    parts = urlsplit(url)
    # not parts.port: an address may name several servers
    host = parts.netloc.rpartition("@")[2] or next(iter(parse_qs(parts.query).get("host", [])), "local socket")
    return f"{parts.path.lstrip('/') or 'default database'} at {host}"
