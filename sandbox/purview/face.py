"""The company's Purview account: the server, its data, and the account of what is in it."""

import json
import shutil
import tempfile
import uuid
import weakref
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from starlette.types import ASGIApp

from governance.model import Dataset, Facet, Fact
from sandbox.atlas.engine import Engine
from sandbox.faults import Rule
from sandbox.purview import assignments, certificates, estate, flows, model
from sandbox.purview.identity import READER, SECRETS, TENANT
from sandbox.purview.server import Server
from sandbox.serving import Company
from sandbox.serving import Face as BaseFace


class Face(BaseFace):
    """Purview over https, with a certificate authority made when it starts.

    Attributes:
        server: what a test reaches into: token life and revocation, readers' rights, rate, lag of the search index.
    """

    platform = "purview"
    source = "purview"

    def __init__(self, company: Company) -> None:
        super().__init__(company)
        self.server = Server(Engine(models=model.models()), self.faults.lost)
        self._files: certificates.Files | None = None

    def app(self) -> ASGIApp:
        """Identity, account and Data Map on one port."""
        return self.server.application()

    def tls(self) -> tuple[Path, Path]:
        """Microsoft's SDKs refuse plain http."""
        files = self._certificates()
        return files.certificate, files.key

    @property
    def ca(self) -> Path:
        """The certificate of the authority to trust."""
        return self._certificates().ca

    def _certificates(self) -> certificates.Files:
        if self._files is None:
            folder = Path(tempfile.mkdtemp(prefix="purview-ca-"))
            weakref.finalize(self, shutil.rmtree, folder, ignore_errors=True)
            self._files = certificates.make(folder)
        return self._files

    def throttled(self, rule: Rule) -> tuple[int, dict[str, str], bytes]:
        """429 with Retry-After."""
        body = {"error": {"code": "TooManyRequests", "message": "Rate limit exceeded"}}
        return _answer(429, body, {"Retry-After": f"{rule.seconds:g}"})

    def failed(self, rule: Rule) -> tuple[int, dict[str, str], bytes]:
        """The Data Map's error with this status; 401 and 403 are the gateway's."""
        if rule.status in (401, 403):
            message = "Not authorized to access account" if rule.status == 403 else "The access token is not valid"
            return _answer(rule.status, {"error": {"code": "Unauthorized", "message": message}})
        body = {
            "requestId": str(uuid.uuid4()),
            "errorCode": f"ATLAS-{rule.status}-00-001",
            "errorMessage": "The sandbox was told to fail",
        }
        return _answer(rule.status, body)

    def seed(self, url: str) -> None:
        """Fills it over REST as the collection administrator."""
        from sandbox.purview.seed import fill

        fill(url, self.ca, self.company.scale)

    def connection(self, url: str) -> dict[str, Any]:
        """A service principal that is data reader and collection administrator on the root collection."""
        return {
            "endpoint": url,
            "authority": url,
            "ca_bundle": str(self.ca),
            "tenant_id": TENANT,
            "client_id": READER,
            "client_secret": {"env": "SANDBOX_PURVIEW_CLIENT_SECRET"},
        }

    def secrets(self) -> dict[str, str]:
        """The reader's secret."""
        return {"SANDBOX_PURVIEW_CLIENT_SECRET": SECRETS[READER]}

    def account(self) -> Iterator[Dataset]:
        """Every dataset of every collection."""
        return estate.account(self.company.scale)

    def facts(self, facet: Facet) -> Iterator[Fact]:
        """Roles on collections; what processes and links say of lineage."""
        return {"access": assignments.account, "lineage": flows.account}.get(facet, lambda: iter(()))()


def _answer(
    status: int, body: dict[str, Any], headers: dict[str, str] | None = None
) -> tuple[int, dict[str, str], bytes]:
    return status, {"content-type": "application/json", **(headers or {})}, json.dumps(body).encode()
