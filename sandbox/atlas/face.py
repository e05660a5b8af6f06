"""The sandbox's Apache Atlas: server, estate and account."""

import json
from collections.abc import Iterator
from typing import Any

from starlette.types import ASGIApp

from governance.model import Dataset, Facet, Fact
from sandbox.atlas import account, account_lineage
from sandbox.atlas.engine import Engine
from sandbox.atlas.seed import Seeder
from sandbox.atlas.server import Gate, application
from sandbox.faults import Rule
from sandbox.serving import Company
from sandbox.serving import Face as AnyFace

_JSON = {"content-type": "application/json"}
TOKEN = "sandbox-gateway-token"
"""What a gateway in front of Atlas would take for admin."""


class Face(AnyFace):
    """Apache Atlas 2.1 on a port of its own."""

    platform = "atlas"
    source = "atlas"

    def __init__(self, company: Company, *, cap: int = 10_000) -> None:
        super().__init__(company)
        self.engine = Engine(cap=cap, strict_parts=True)
        self.engine.hidden = lambda entity: self.faults.lost(entity.type_name)

    def app(self) -> ASGIApp:
        """The server, without data."""
        return application(self.engine, Gate({TOKEN: "admin"}))

    def throttled(self, rule: Rule) -> tuple[int, dict[str, str], bytes]:
        """What a gateway says: Atlas itself does not throttle."""
        return 429, {"retry-after": str(rule.seconds), "content-type": "text/plain"}, b"Too Many Requests"

    def failed(self, rule: Rule) -> tuple[int, dict[str, str], bytes]:
        """Atlas' error body."""
        body = {"errorCode": f"ATLAS-{rule.status}-00-001", "errorMessage": "Internal server error (sandbox)"}
        return rule.status, _JSON, json.dumps(body).encode()

    def seed(self, url: str) -> None:
        """Fills the server over REST."""
        fill(url, self.company.scale)

    def connection(self, url: str) -> dict[str, Any]:
        """Basic authentication as the user who may only read."""
        return {"url": url, "username": "viewer", "password": {"env": "SANDBOX_ATLAS_PASSWORD"}}

    def secrets(self) -> dict[str, str]:
        """The viewer's password."""
        return {"SANDBOX_ATLAS_PASSWORD": "viewer"}

    def account(self) -> Iterator[Dataset]:
        """What a correct inventory holds."""
        return account.rows(self.company.scale)

    def facts(self, facet: Facet) -> Iterator[Fact]:
        """The edges of its processes. It says nothing of access and usage."""
        return account_lineage.edges(self.company.scale) if facet == "lineage" else iter(())


def fill(url: str, scale: int = 1, auth: tuple[str, str] = ("admin", "admin")) -> None:
    """Puts the estate into the Atlas at this address, the stand-in or a real one."""
    Seeder(url, auth).fill(scale)
