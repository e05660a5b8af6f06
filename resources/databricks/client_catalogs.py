"""The catalogs and schemas of a workspace that are the company's own."""

from typing import Any

from resources.databricks.client_session import Workspace

# the platform's own: what these hold is not the company's, or only describes the rest
_OWN_SCHEMA = "information_schema"
_OWN_CATALOGS = frozenset({"SYSTEM_CATALOG", "INTERNAL_CATALOG"})
SYSTEM = "system"
"""The catalog of the system tables."""


def catalogs(workspace: Workspace) -> list[dict[str, Any]]:
    """Every catalog that may be seen, but the platform's own.

    Raises:
        GovernanceError: they cannot be listed.
    """
    pages = workspace.pages("/catalogs", "catalogs", include_browse=True)
    found = [c for page in pages for c in page if isinstance(c, dict) and isinstance(c.get("name"), str)]
    return [c for c in found if c.get("catalog_type") not in _OWN_CATALOGS]


def schemas(workspace: Workspace, catalog: str) -> list[dict[str, Any]]:
    """Every schema of a catalog that may be seen, but the platform's own.

    Raises:
        GovernanceError: they cannot be listed.
    """
    pages = workspace.pages("/schemas", "schemas", catalog_name=catalog, include_browse=True)
    found = [s for page in pages for s in page if isinstance(s, dict) and isinstance(s.get("name"), str)]
    return [{**s, "catalog_name": catalog} for s in found if s["name"] != _OWN_SCHEMA]
