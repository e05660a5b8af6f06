"""Grants, roles and policies of an account, one statement a kind of fact."""

from collections.abc import Callable, Iterator

import msgspec

from governance.errors import PermissionDenied, RecordError
from governance.filters import NameFilter
from governance.listing import FactPage, Quarantined
from governance.model import Fact, Grant, Policy
from resources.snowflake import client_account_usage as account_usage
from resources.snowflake import client_queries as queries
from resources.snowflake import translate_access as translate
from resources.snowflake.client import Client, Row

_HOME = account_usage.HOME
# one grant by several grantors is one grant
_GRANTED = (
    "SELECT PRIVILEGE, GRANTED_ON, NAME, TABLE_CATALOG, TABLE_SCHEMA, GRANTED_TO, GRANTEE_NAME,"
    f" MAX(IFF(GRANT_OPTION, 1, 0)) AS GRANTABLE FROM {_HOME}.GRANTS_TO_ROLES WHERE DELETED_ON IS NULL AND {{where}}"
    " GROUP BY PRIVILEGE, GRANTED_ON, NAME, TABLE_CATALOG, TABLE_SCHEMA, GRANTED_TO, GRANTEE_NAME"
)
_IS_MEMBERSHIP = "GRANTED_ON IN ('ROLE', 'DATABASE_ROLE', 'APPLICATION_ROLE') AND PRIVILEGE = 'USAGE'"
_MEMBERS = f"SELECT DISTINCT ROLE, GRANTEE_NAME FROM {_HOME}.GRANTS_TO_USERS WHERE DELETED_ON IS NULL"
_POLICIES = (
    "SELECT r.POLICY_DB, r.POLICY_SCHEMA, r.POLICY_NAME, r.POLICY_KIND, r.REF_DATABASE_NAME, r.REF_SCHEMA_NAME,"
    " r.REF_ENTITY_NAME, r.REF_ENTITY_DOMAIN, r.REF_COLUMN_NAME, r.TAG_NAME,"
    f" COALESCE(m.POLICY_BODY, f.POLICY_BODY) AS BODY FROM {_HOME}.POLICY_REFERENCES r"
    f" LEFT JOIN {_HOME}.MASKING_POLICIES m ON m.POLICY_CATALOG = r.POLICY_DB AND m.POLICY_SCHEMA = r.POLICY_SCHEMA"
    " AND m.POLICY_NAME = r.POLICY_NAME AND m.DELETED IS NULL AND r.POLICY_KIND = 'MASKING_POLICY'"
    f" LEFT JOIN {_HOME}.ROW_ACCESS_POLICIES f ON f.POLICY_CATALOG = r.POLICY_DB"
    " AND f.POLICY_SCHEMA = r.POLICY_SCHEMA AND f.POLICY_NAME = r.POLICY_NAME AND f.DELETED IS NULL"
    " AND r.POLICY_KIND = 'ROW_ACCESS_POLICY'"
)

_Translated = Callable[[Row], Iterator[Fact]]


class AccessParts:
    """Reads the parts."""

    def __init__(self, client: Client, databases: tuple[str, ...], system: str) -> None:
        self._client, self._databases, self._system = client, databases, system

    def privileges(self, names: NameFilter) -> Iterator[FactPage]:
        """What roles, and users, were given on objects."""
        sql = _GRANTED.format(where=f"NOT ({_IS_MEMBERSHIP})")
        yield from self._read(names, ("GRANTS_TO_ROLES",), [(sql, translate.grants)])

    def roles(self, names: NameFilter) -> Iterator[FactPage]:
        """Which role, and which user, was given which role."""
        statements: list[tuple[str, _Translated]] = [
            (_GRANTED.format(where=_IS_MEMBERSHIP), translate.role_members),
            (_MEMBERS, translate.user_members),
        ]
        yield from self._read(names, ("GRANTS_TO_ROLES", "GRANTS_TO_USERS"), statements)

    def policies(self, names: NameFilter) -> Iterator[FactPage]:
        """Masks and row access policies, and the tags that carry masks."""
        wanted = self._databases or tuple(
            str(row["name"]) for row in queries.databases(self._client) if row["name"] != self._system
        )
        views = ("POLICY_REFERENCES", "MASKING_POLICIES", "ROW_ACCESS_POLICIES")
        yield from self._read(names, views, [(_POLICIES, lambda row: translate.policies(row, wanted))])

    def _read(
        self, names: NameFilter, views: tuple[str, ...], statements: list[tuple[str, _Translated]]
    ) -> Iterator[FactPage]:
        try:
            for sql, translated in statements:
                for rows in self._client.stream(views[0], sql):
                    yield _page(rows, names, translated)
        except PermissionDenied:
            reasons = tuple(account_usage.missing(self._client, *views))
            if not reasons:
                raise
            yield FactPage(reasons=reasons)
            return
        yield FactPage(notes=account_usage.lag(*views))


def _page(rows: list[Row], names: NameFilter, translated: _Translated) -> FactPage:
    facts: list[Fact] = []
    refused: list[Quarantined] = []
    for row in rows:
        try:
            facts += [fact for fact in translated(row) if _wanted(fact, names)]
        except RecordError as error:
            refused.append(Quarantined(None, error.message, msgspec.to_builtins(row)))
    return FactPage(tuple(facts), tuple(refused))


def _wanted(fact: Fact, names: NameFilter) -> bool:
    """Whether the source governs what it is about; what is no data belongs to nobody's filter."""
    if not isinstance(fact, Grant | Policy):
        return True
    if fact.securable_kind in translate.CONTAINERS:
        return names.may_match_under(f"{fact.securable}.")
    return not translate.is_relation(fact.securable_kind) or names.matches(fact.securable)
