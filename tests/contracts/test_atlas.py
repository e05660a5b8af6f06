"""Apache Atlas' reader against the stand-in, and against a real server where one is given."""

from typing import Any

from tests.contracts.contract import ReaderContract


class TestAtlas(ReaderContract):
    platform = "atlas"
    wrong_credentials = {"username": "admin", "password": {"env": "TEST_ATLAS_WRONG"}}
    wrong_secrets = {"TEST_ATLAS_WRONG": "not the password"}
    page_calls = "entity/bulk"

    def external_connection(self, url: str) -> dict[str, Any]:
        return {"url": url, "username": "admin", "password": {"env": "GOVERNANCE_TEST_ATLAS_PASSWORD"}}
