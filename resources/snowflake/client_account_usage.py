"""SNOWFLAKE.ACCOUNT_USAGE: which database role shows which view, how late each is, and what to say of a hidden one."""

from collections.abc import Iterator

from governance.errors import GovernanceError, PermissionDenied
from governance.listing import Probe, Reason
from resources.snowflake.client import Client
from resources.snowflake.client_queries import current_role, quoted

HOME = "SNOWFLAKE.ACCOUNT_USAGE"
GOVERNANCE, SECURITY, OBJECT, USAGE = "GOVERNANCE_VIEWER", "SECURITY_VIEWER", "OBJECT_VIEWER", "USAGE_VIEWER"
_VIEWS = {
    "ACCESS_HISTORY": (GOVERNANCE, "up to 3 h"),
    "QUERY_HISTORY": (GOVERNANCE, "up to 45 min"),
    "POLICY_REFERENCES": (GOVERNANCE, "up to 120 min"),
    "MASKING_POLICIES": (GOVERNANCE, "up to 120 min"),
    "ROW_ACCESS_POLICIES": (GOVERNANCE, "up to 120 min"),
    "GRANTS_TO_ROLES": (SECURITY, "up to 120 min"),
    "GRANTS_TO_USERS": (SECURITY, "up to 120 min"),
    "OBJECT_DEPENDENCIES": (OBJECT, "up to 3 h"),
    "COPY_HISTORY": (USAGE, "up to 2 h"),
}
"""By view: the least database role that may select from it, and its documented lag."""

ENTERPRISE = "ACCESS_HISTORY wants Enterprise Edition or higher"


def lag(*views: str) -> dict[str, str]:
    """Notes on how late these views are."""
    return {f"{view.lower()}_lag": _VIEWS[view][1] for view in views}


def grant(view: str, role: str) -> str:
    """The statement that lets a role read the view."""
    return (
        f"GRANT DATABASE ROLE SNOWFLAKE.{_VIEWS[view][0]} TO ROLE {quoted(role)}; or, for all of ACCOUNT_USAGE,"
        f" GRANT IMPORTED PRIVILEGES ON DATABASE SNOWFLAKE TO ROLE {quoted(role)}"
    )


def denied(client: Client, view: str) -> PermissionDenied | None:
    """What Snowflake answers where it hides the view from the role; None where it can be read."""
    try:
        client.rows(f"ACCOUNT_USAGE.{view}", f"SELECT 1 FROM {HOME}.{view} LIMIT 1")
    except PermissionDenied as error:
        return error
    return None


def missing(client: Client, *views: str) -> Iterator[Reason]:
    """A reason for each of these views that the role does not see: Snowflake does not say which of a statement's."""
    for view in views:
        if (error := denied(client, view)) is not None:
            edition = f", or the account lacks it: {ENTERPRISE}" if view == "ACCESS_HISTORY" else ""
            message = f"ACCOUNT_USAGE.{view} is hidden from the role{edition}: {error.message}"
            yield Reason(error.code, message, error.operation, grant(view, current_role(client)))


def probes(client: Client, facet: str, *views: str) -> Iterator[Probe]:
    """A line of `governance doctor` for each view that the facet reads."""
    for view in views:
        name = f"{facet}: ACCOUNT_USAGE.{view}"
        try:
            error = denied(client, view)
        except GovernanceError as other:
            yield Probe(name, False, other.message, remedy=other.remedy)
            continue
        if error is None:
            yield Probe(name, True, f"lags {_VIEWS[view][1]}")
        else:
            remedy = grant(view, current_role(client))
            yield Probe(name, False, error.message, f"SNOWFLAKE.{_VIEWS[view][0]}", remedy)
