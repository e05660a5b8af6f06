"""Snowflake as a Dagster resource, and its reader: probes, scopes, presence and change tokens."""

import hashlib
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from pydantic import Field

from governance.errors import ConfigurationError, PermissionDenied
from governance.filters import NameFilter
from governance.listing import Page, Presence, Probe, Reason, Scope, ScopeListing
from governance.pace import PaceLimits
from resources.secret import Secret
from resources.snowflake import translate
from resources.source import Reader, SourceResource

if TYPE_CHECKING:
    from resources.snowflake.client import Client

SYSTEM_DATABASE = "SNOWFLAKE"


class SnowflakeResource(SourceResource):
    """One Snowflake account, as one user and role. Exactly one of `password`, `private_key` and `token`."""

    platform: ClassVar[str] = translate.PLATFORM
    dagster_kinds: ClassVar[frozenset[str]] = frozenset({"snowflake"})
    # a warehouse runs 8 statements at once (MAX_CONCURRENCY_LEVEL) and queues the others
    pace: ClassVar[PaceLimits] = PaceLimits(at_once=8, buckets=(("snowflake:login", "login"),))

    account: str = Field(description="Account identifier, such as `myorg-account1`.")
    user: str = Field(default="", description="The user; an OAuth token may do without.")
    password: Secret | None = Field(default=None, description="The user's password.")
    private_key: Secret | None = Field(default=None, description="PKCS 8 private key in PEM form.")
    private_key_passphrase: Secret | None = Field(default=None, description="Opens an encrypted private key.")
    token: Secret | None = Field(default=None, description="OAuth access token, with `authenticator: oauth`.")
    authenticator: Literal["", "oauth"] = Field(default="", description="`oauth` with `token`; else not needed.")
    role: str | None = Field(default=None, description="The role to read with; default: the user's own.")
    warehouse: str | None = Field(default=None, description="Runs the queries on INFORMATION_SCHEMA.")
    databases: list[str] = Field(default=[], description="Only these databases, by exact name; default: all.")
    host: str | None = Field(default=None, description="Host name where it does not follow from the account.")
    port: int | None = Field(default=None, ge=1, le=65535, description="Port; default 443.")
    protocol: Literal["https", "http"] = Field(default="https", description="`http` for a server on loopback only.")
    query_texts: int = Field(
        default=0, ge=0, le=20, description="Commonest SQL texts kept with a table's usage, by day and user."
    )
    lineage_days: int = Field(
        default=30, ge=1, le=365, description="Days back for which lineage is read from access and load history."
    )

    def reader(self) -> "SnowflakeReader":
        """Opens a reader; it logs in with its first query."""
        return SnowflakeReader(self.connect(), tuple(self.databases))

    def connect(self) -> "Client":
        """A client, which logs in with its first query.

        Raises:
            ConfigurationError: a secret is missing, or fields contradict each other.
        """
        from resources.snowflake.client import Client

        address = {"host": self.host, "port": self.port, "role": self.role, "warehouse": self.warehouse}
        options = {
            "account": self.account,
            "user": self.user,
            "protocol": self.protocol,
            **{name: value for name, value in address.items() if value is not None},
            **self._credentials(),
        }
        return Client(options, self.policy)

    def _credentials(self) -> dict[str, Any]:
        given = [n for n in ("password", "private_key", "token") if getattr(self, n) is not None]
        at = f"sources.{self.source}.connection"
        if len(given) != 1:
            raise self._misconfigured(
                f"of password, private_key and token {' and '.join(given) or 'none'} is given",
                at,
                "give exactly one of them; Snowflake advises a key pair",
            )
        if self.authenticator == "oauth" and self.token is None:
            raise self._misconfigured("authenticator is oauth, but there is no token", f"{at}.token", "add `token`")
        if self.token is not None:
            return {"authenticator": "oauth", "token": self.token.reveal(f"{at}.token")}
        if not self.user:
            raise self._misconfigured("there is no user", f"{at}.user", "add `user`")
        if self.password is not None:
            return {"password": self.password.reveal(f"{at}.password")}
        from resources.snowflake.client import key_bytes

        assert self.private_key is not None
        lock = self.private_key_passphrase
        phrase = lock.reveal(f"{at}.private_key_passphrase") if lock else None
        return {"private_key": key_bytes(self.private_key.reveal(f"{at}.private_key"), phrase, f"{at}.private_key")}

    def _misconfigured(self, message: str, operation: str, remedy: str) -> ConfigurationError:
        return ConfigurationError(message, platform=self.platform, operation=operation, remedy=remedy)


class SnowflakeReader(Reader):
    """Reads one account. The scope is a schema, named `DATABASE.SCHEMA`."""

    def __init__(self, client: "Client", databases: tuple[str, ...]) -> None:
        self.client, self.meter = client, client.caller.meter
        self._databases = databases

    def close(self) -> None:
        """Ends the sessions."""
        self.client.close()

    def probe(self) -> Iterator[Probe]:
        """Login, role, warehouse, each database, and ACCOUNT_USAGE."""
        from resources.snowflake.client_probe import probes

        yield from probes(self.client, self._databases)

    def scopes(self, names: NameFilter) -> ScopeListing:
        """The schemas of every database that the role sees, but for Snowflake's own."""
        from resources.snowflake import client_queries as queries

        found = {str(row["name"]): row for row in queries.databases(self.client)}
        wanted = self._databases or tuple(name for name in found if name != SYSTEM_DATABASE)
        reasons = [self._unseen(name) for name in wanted if name not in found]
        if not wanted:
            reasons.append(self._unseen(None))
        scopes: list[Scope] = []
        hidden: list[str] = []
        for database in sorted(name for name in wanted if name in found):
            try:
                rows = queries.schemata(self.client, database)
            except PermissionDenied as error:
                reasons.append(Reason(error.code, error.message, error.operation, self._usage(database)))
                continue
            for row in rows:
                name = translate.qualified(database, str(row["schema_name"]))
                if names.may_match_under(f"{name}."):
                    scopes.append(Scope(name, "schema"))
                else:
                    hidden.append(name)
        return ScopeListing(
            scopes=tuple(scopes),
            hidden=tuple(hidden),
            containers=tuple(translate.database(found[name]) for name in sorted(wanted) if name in found),
            reasons=tuple(reasons),
        )

    def _usage(self, database: str) -> str:
        from resources.snowflake.client_probe import usage_grants
        from resources.snowflake.client_queries import current_role

        return usage_grants(database, current_role(self.client))

    def _unseen(self, database: str | None) -> Reason:
        what = f"the database {database} is not there, or hidden from the role" if database else "no database is seen"
        return Reason(
            PermissionDenied("").code, what, "snowflake:SHOW DATABASES", self._usage(database or "<database>")
        )

    def read(self, scope: Scope, names: NameFilter) -> Iterator[Page]:
        """The schema's relations by name. How an include glob begins is pushed down; the rest of it is the caller's."""
        from resources.snowflake.client_scope import ScopeReading

        database, schema = _parts(scope)
        yield from ScopeReading(self.client, database, schema, names.include).pages()

    def presence(self, scope: Scope) -> Presence:
        """Absent only where ACCOUNT_USAGE has seen the schema dropped: what is hidden from a role looks the same."""
        from resources.snowflake import client_queries as queries

        database, schema = _parts(scope)
        try:
            if queries.schemata(self.client, database, schema):
                return Presence.PRESENT
        except PermissionDenied:
            pass  # the database is gone or hidden; ACCOUNT_USAGE knows which
        try:
            known = queries.dropped(self.client, database, schema)
        except PermissionDenied:
            return Presence.UNKNOWN
        gone = bool(known) and all(translate.when(row["deleted"]) is not None for row in known)
        return Presence.ABSENT if gone else Presence.UNKNOWN

    def change_tokens(self, scopes: Sequence[Scope], *, whole: bool = False) -> Iterator[tuple[str, str]]:
        """Number of relations and time of the last DDL, one query a database.

        Tags are not in it; a whole token has a digest of them, from one more query a database, as late as the view is.
        """
        by_database: dict[str, dict[str, str]] = {}
        for scope in scopes:
            database, schema = _parts(scope)
            by_database.setdefault(database, {})[schema] = scope.name
        for database, names in by_database.items():
            told = dict.fromkeys(names.values(), "0:-")
            for row in self._changes(database, names):
                name = names.pop(str(row["table_schema"]), None)
                if name is not None:
                    changed = translate.when(row["changed"])
                    told[name] = f"{row['relations']}:{changed.isoformat() if changed else '-'}"
            tags = self._tag_digests(database, list(told)) if whole else {}
            yield from ((name, token + tags.get(name, "")) for name, token in told.items())

    def token_groups(self, scopes: Sequence[Scope]) -> Sequence[Sequence[Scope]]:
        """By database: one query tells the tokens of all its schemas."""
        groups: dict[str, list[Scope]] = {}
        for scope in scopes:
            groups.setdefault(_parts(scope)[0], []).append(scope)
        return list(groups.values())

    def _tag_digests(self, database: str, names: Sequence[str]) -> dict[str, str]:
        """A digest of the tags in each of these schemas and of those above it."""
        from resources.snowflake import client_queries as queries

        sums: dict[str | None, int] = {}
        for rows in queries.all_tag_references(self.client, database):
            for row in rows:
                text = repr(sorted(row.items())).encode(errors="surrogatepass")
                home = None if row["home"] is None else str(row["home"])
                number = int.from_bytes(hashlib.blake2b(text, digest_size=8).digest(), "little")
                sums[home] = sums.get(home, 0) + number
        by_schema = {name: sums.get(None, 0) + sums.get(translate.parts_of(name)[1], 0) for name in names}
        return {name: f":{total % 2**64:016x}" for name, total in by_schema.items()}

    def _changes(self, database: str, names: dict[str, str]) -> list[dict[str, Any]]:
        from resources.snowflake import client_queries as queries
        from resources.snowflake.client_errors import TooMuchData

        try:
            return queries.changes(self.client, database)
        except TooMuchData:
            return [row for schema in names for row in queries.changes(self.client, database, schema)]


def _parts(scope: Scope) -> tuple[str, str]:
    parts = translate.parts_of(scope.name)
    if len(parts) != 2:
        raise ConfigurationError(
            f"{scope.name} is no schema",
            platform=translate.PLATFORM,
            operation="scope",
            remedy="name a scope as DATABASE.SCHEMA; a part with a dot goes in double quotes",
        )
    return parts[0], parts[1]
