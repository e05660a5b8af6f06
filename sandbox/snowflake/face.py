"""The sandbox's Snowflake account as a server: logins, throttling, errors, and the estate in it."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import chain
from typing import Any
from urllib.parse import urlsplit

from starlette.types import ASGIApp

from governance.model import Dataset, Facet, Fact
from sandbox import serving
from sandbox.faults import Rule
from sandbox.snowflake import account, activity, declared_access, estate, history
from sandbox.snowflake.logins import ACCOUNT, READER, USER, Logins


class Face(serving.Face):
    """fakesnow behind Snowflake's manners. `server` is there once `app` was called."""

    platform = "snowflake"
    source = "warehouse"

    def __init__(self, company: serving.Company) -> None:
        super().__init__(company)
        self.logins = Logins()
        self.today = datetime.now(UTC).date()

    def app(self) -> ASGIApp:
        """A Snowflake account without data; fakesnow takes seconds to import, so only here."""
        from sandbox.snowflake.server import Server

        self.server = Server(self.logins, self.faults)
        return self.server.app()

    def throttled(self, rule: Rule) -> tuple[int, dict[str, str], bytes]:
        """HTTP 429; Snowflake's front door says no more than that."""
        return self._said(rule, 429, "429", "Too many requests")

    def failed(self, rule: Rule) -> tuple[int, dict[str, str], bytes]:
        """The status with Snowflake's envelope around it."""
        return self._said(rule, rule.status, "000603", "SQL execution internal error: processing aborted")

    def _said(self, rule: Rule, status: int, code: str, message: str) -> tuple[int, dict[str, str], bytes]:
        body = {"data": None, "code": code, "message": message, "success": False, "headers": None}
        headers = {"content-type": "application/json"}
        if rule.seconds:
            headers["retry-after"] = f"{rule.seconds:g}"
        return status, headers, json.dumps(body).encode()

    def connection(self, url: str) -> dict[str, Any]:
        """By password; the key pair and the token work as well."""
        return {
            "account": ACCOUNT,
            "user": USER,
            "password": {"env": "SANDBOX_SNOWFLAKE_PASSWORD"},
            "role": READER,
            "warehouse": "GOVERNANCE_WH",
            **self.address(url),
        }

    def address(self, url: str) -> dict[str, Any]:
        """Protocol, host and port, which Snowflake's SDK takes one by one."""
        parts = urlsplit(url)
        return {"host": parts.hostname, "port": parts.port, "protocol": parts.scheme}

    def secrets(self) -> dict[str, str]:
        """The password."""
        return {"SANDBOX_SNOWFLAKE_PASSWORD": self.logins.password}

    def seed(self, url: str) -> None:
        """Sends the estate's statements, as an administrator would."""
        made = (estate.statements(self.company.scale), declared_access.statements(), history.statements(self.today))
        for _ in self.run(url, chain.from_iterable(made)):
            pass

    def run(self, url: str, statements: Iterator[str]) -> Iterator[str]:
        """Runs statements over the wire, for the estate and for edits on the platform's side; yields each when done."""
        import snowflake.connector

        with snowflake.connector.connect(
            account=ACCOUNT,
            user=USER,
            password=self.logins.password,
            role=READER,
            login_timeout=30,
            network_timeout=60,
            platform_detection_timeout_seconds=0,
            **self.address(url),
        ) as connection:
            cursor = connection.cursor()
            for statement in statements:
                cursor.execute(statement)
                yield statement

    def account(self) -> Iterator[Dataset]:
        """From the declarations."""
        return account.account(self.company.scale)

    def facts(self, facet: Facet) -> Iterator[Fact]:
        """From the declarations."""
        if facet == "access":
            yield from declared_access.facts(self.company.scale)
        elif facet == "lineage":
            yield from account.dependencies(self.company.scale)
            yield from activity.lineage()
        elif facet == "usage":
            yield from activity.usage(self.today)
