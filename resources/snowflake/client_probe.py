"""What `governance doctor` asks of Snowflake, and the grants it names."""

from collections.abc import Iterator, Sequence

from governance.errors import GovernanceError, PermissionDenied
from governance.listing import Probe
from resources.snowflake import client_queries as queries
from resources.snowflake.client import Client
from resources.snowflake.client_scope import tag_grants

_VIEWS = {
    "TAG_REFERENCES": ("tags", "GOVERNANCE_VIEWER"),
    "SCHEMATA": ("evidence of dropped schemas", "OBJECT_VIEWER"),
}


def usage_grants(database: str, role: str) -> str:
    """The statements that let a role see what a database holds, without reading any row."""
    to = f"TO ROLE {queries.quoted(role)}"
    at = queries.quoted(database)
    return "; ".join(
        [
            f"GRANT USAGE ON DATABASE {at} {to}",
            f"GRANT USAGE ON ALL SCHEMAS IN DATABASE {at} {to}",
            f"GRANT REFERENCES ON ALL TABLES IN DATABASE {at} {to}",
            f"GRANT REFERENCES ON ALL VIEWS IN DATABASE {at} {to}",
        ]
    )


def probes(client: Client, databases: Sequence[str]) -> Iterator[Probe]:
    """Login, role, warehouse, each database, ACCOUNT_USAGE. Nothing else makes sense without a login."""
    try:
        session = client.rows("session", "SELECT CURRENT_ROLE() AS ROLE, CURRENT_WAREHOUSE() AS WAREHOUSE")[0]
    except GovernanceError as error:
        yield Probe("login", False, error.message, remedy=error.remedy)
        return
    yield Probe("login", True)
    current = str(session["role"] or "<role>")
    yield Probe("role", bool(session["role"]), current, "" if session["role"] else "a role", "set `role`")
    yield _warehouse(session["warehouse"], current)
    yield from _databases(client, current, databases)
    yield from _account_usage(client, current)


def _warehouse(warehouse: object, role: str) -> Probe:
    if warehouse:
        return Probe("warehouse", True, str(warehouse))
    grant = f"set `warehouse`, and GRANT USAGE ON WAREHOUSE <warehouse> TO ROLE {queries.quoted(role)}"
    return Probe("warehouse", False, "the session has no warehouse", "USAGE on a warehouse", grant)


def _databases(client: Client, role: str, wanted: Sequence[str]) -> Iterator[Probe]:
    try:
        seen = [str(row["name"]) for row in queries.databases(client)]
    except GovernanceError as error:
        yield Probe("databases", False, error.message, remedy=error.remedy)
        return
    names = list(wanted) or [name for name in seen if name != "SNOWFLAKE"]
    if not names:
        yield Probe("databases", False, "the role sees none", "USAGE on databases", usage_grants("<database>", role))
    for name in names:
        yield _database(client, name, role, name in seen)


def _database(client: Client, name: str, role: str, seen: bool) -> Probe:
    grants = usage_grants(name, role)
    if not seen:
        return Probe(f"database {name}", False, "not there, or hidden from the role", "USAGE on the database", grants)
    try:
        count = len(queries.schemata(client, name))
    except PermissionDenied as error:
        return Probe(f"database {name}", False, error.message, "USAGE on the database", grants)
    except GovernanceError as error:
        return Probe(f"database {name}", False, error.message, remedy=error.remedy)
    if not count:
        return Probe(f"database {name}", False, "the role sees no schema in it", "USAGE on schemas", grants)
    return Probe(f"database {name}", True, f"{count} schemas")


def _account_usage(client: Client, role: str) -> Iterator[Probe]:
    for view, (purpose, database_role) in _VIEWS.items():
        name = f"ACCOUNT_USAGE.{view}"
        try:
            client.rows(name, f"SELECT 1 FROM SNOWFLAKE.ACCOUNT_USAGE.{view} LIMIT 1")
        except PermissionDenied as error:
            remedy = tag_grants(role).replace("GOVERNANCE_VIEWER", database_role)
            yield Probe(name, False, f"no {purpose}: {error.message}", f"SNOWFLAKE.{database_role}", remedy)
        except GovernanceError as error:
            yield Probe(name, False, error.message, remedy=error.remedy)
        else:
            yield Probe(name, True, f"{purpose}; lags up to 120 min")
