"""The company's AWS account: the server, its data, and the account of what is in it."""

from collections.abc import Callable, Iterator
from typing import Any

from starlette.types import ASGIApp

from governance.model import Dataset, Facet, Fact
from sandbox.faults import Rule
from sandbox.glue import access, jobs
from sandbox.glue.gate import READER_KEY, READER_SECRET, REGION
from sandbox.glue.rows import account
from sandbox.serving import Face as BaseFace


class Face(BaseFace):
    """Glue and Lake Formation with the lake's estate."""

    platform = "glue"
    source = "lake"

    def app(self) -> ASGIApp:
        """Puts moto behind our gate."""
        from sandbox.glue.server import Server

        return Server(self.faults)

    def throttled(self, rule: Rule) -> tuple[int, dict[str, str], bytes]:
        """AWS throttles with 400 and says nothing of when to come back."""
        return _error(400, "ThrottlingException", "Rate exceeded")

    def failed(self, rule: Rule) -> tuple[int, dict[str, str], bytes]:
        """The error that AWS words with this status."""
        code = {403: "AccessDeniedException", 404: "UnknownOperationException", 400: "InvalidInputException"}
        return _error(rule.status, code.get(rule.status, "InternalServiceException"), "The sandbox was told to fail")

    def seed(self, url: str) -> None:
        """Fills it through boto3."""
        from sandbox.glue.seed import fill

        fill(url, self.company.scale, self.company.seed)

    def connection(self, url: str) -> dict[str, Any]:
        """Static keys."""
        return {
            "region": REGION,
            "endpoint_url": url,
            "access_key_id": {"env": "SANDBOX_GLUE_ACCESS_KEY_ID"},
            "secret_access_key": {"env": "SANDBOX_GLUE_SECRET_ACCESS_KEY"},
            "job_scripts": True,
        }

    def secrets(self) -> dict[str, str]:
        """The keys of the reader."""
        return {"SANDBOX_GLUE_ACCESS_KEY_ID": READER_KEY, "SANDBOX_GLUE_SECRET_ACCESS_KEY": READER_SECRET}

    def account(self) -> Iterator[Dataset]:
        """Every dataset of the account's own databases."""
        return account(self.company.scale, self.company.seed)

    def facts(self, facet: Facet) -> Iterator[Fact]:
        """What Lake Formation and Glue were told, and what the jobs declare."""
        told: dict[Facet, Callable[[], Iterator[Fact]]] = {"access": access.facts, "lineage": jobs.edges}
        return told[facet]() if facet in told else iter(())


def _error(status: int, code: str, message: str) -> tuple[int, dict[str, str], bytes]:
    headers = {"content-type": "application/x-amz-json-1.1", "x-amzn-errortype": code}
    return status, headers, f'{{"__type":"{code}","Message":"{message}"}}'.encode()
