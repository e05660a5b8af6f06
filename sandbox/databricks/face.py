"""The company's Databricks workspace: the server, its data, and the account of what is in it."""

import math
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from starlette.types import ASGIApp

from governance.model import Dataset, Facet, Fact
from sandbox.databricks import activity, declared_access, estate
from sandbox.databricks.access import READER_CLIENT_ID, READER_CLIENT_SECRET
from sandbox.databricks.answers import error_body
from sandbox.databricks.routes import application
from sandbox.databricks.routes_sql import WAREHOUSE_ID
from sandbox.faults import Rule
from sandbox.serving import Company
from sandbox.serving import Face as BaseFace


class Face(BaseFace):
    """Unity Catalog with the company's estate, read by a service principal."""

    platform = "databricks"
    source = "workspace"

    def __init__(self, company: Company) -> None:
        super().__init__(company)
        self.today = datetime.now(UTC).date()

    def app(self) -> ASGIApp:
        """The stand-in."""
        return application(self.faults, self.today)

    def throttled(self, rule: Rule) -> tuple[int, dict[str, str], bytes]:
        """429 with Retry-After in whole seconds, as Databricks does."""
        headers = {"content-type": "application/json", "retry-after": str(max(1, math.ceil(rule.seconds)))}
        return 429, headers, error_body("REQUEST_LIMIT_EXCEEDED", "Too many requests. Please wait a moment.")

    def failed(self, rule: Rule) -> tuple[int, dict[str, str], bytes]:
        """The error that Databricks words with this status."""
        codes = {
            400: "INVALID_PARAMETER_VALUE",
            401: "401",
            403: "PERMISSION_DENIED",
            404: "RESOURCE_DOES_NOT_EXIST",
            503: "TEMPORARILY_UNAVAILABLE",
            504: "DEADLINE_EXCEEDED",
        }
        body = error_body(codes.get(rule.status, "INTERNAL_ERROR"), "The sandbox was told to fail")
        return rule.status, {"content-type": "application/json"}, body

    def seed(self, url: str) -> None:
        """Fills it through databricks-sdk."""
        from sandbox.databricks.seed import fill

        fill(url, self.company.scale, self.company.seed)

    def connection(self, url: str) -> dict[str, Any]:
        """A service principal, and a warehouse for the tags."""
        return {
            "host": url,
            "client_id": READER_CLIENT_ID,
            "client_secret": {"env": "SANDBOX_DATABRICKS_CLIENT_SECRET"},
            "warehouse_id": WAREHOUSE_ID,
        }

    def secrets(self) -> dict[str, str]:
        """The service principal's secret."""
        return {"SANDBOX_DATABRICKS_CLIENT_SECRET": READER_CLIENT_SECRET}

    def account(self) -> Iterator[Dataset]:
        """Every dataset of the workspace."""
        return estate.account(self.company.scale, self.company.seed)

    def facts(self, facet: Facet) -> Iterator[Fact]:
        """What a reading of the facet finds."""
        catalogs = estate.catalogs(self.company.scale, self.company.seed)
        if facet == "access":
            yield from declared_access.facts(catalogs)
        elif facet == "lineage":
            yield from activity.lineage(self.today)
        else:
            yield from activity.usage(self.today)
