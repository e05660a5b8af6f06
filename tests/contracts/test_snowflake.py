"""The Snowflake reader against the sandbox's fakesnow, or an account named by GOVERNANCE_TEST_SNOWFLAKE_URL."""

import os
from typing import Any, ClassVar

from tests.contracts.contract import ReaderContract


class TestSnowflakeReader(ReaderContract):
    platform = "snowflake"
    wrong_credentials: ClassVar[dict[str, Any]] = {"password": {"env": "TEST_SNOWFLAKE_WRONG"}}
    wrong_secrets: ClassVar[dict[str, str]] = {"TEST_SNOWFLAKE_WRONG": "not the password"}
    page_calls = "query-request"

    def external_connection(self, url: str) -> dict[str, Any]:
        """`url` is the host; the rest comes from GOVERNANCE_TEST_SNOWFLAKE_{ACCOUNT,USER,PASSWORD,ROLE,WAREHOUSE}."""
        given = {n: os.environ.get(f"GOVERNANCE_TEST_SNOWFLAKE_{n.upper()}") for n in ("account", "role", "warehouse")}
        return {
            **{name: value for name, value in given.items() if value},
            "host": url.removeprefix("https://").rstrip("/"),
            "user": os.environ.get("GOVERNANCE_TEST_SNOWFLAKE_USER", ""),
            "password": {"env": "GOVERNANCE_TEST_SNOWFLAKE_PASSWORD"},
        }
