"""The Glue reader keeps the contract of every reader, and what is Glue's own."""

from typing import Any, ClassVar

from tests.contracts.contract import ReaderContract


class TestGlue(ReaderContract):
    platform = "glue"
    wrong_credentials: ClassVar[dict[str, Any]] = {
        "access_key_id": {"env": "GLUE_WRONG_KEY"},
        "secret_access_key": {"env": "GLUE_WRONG_SECRET"},
    }
    wrong_secrets: ClassVar[dict[str, str]] = {"GLUE_WRONG_KEY": "AKIANOBODY", "GLUE_WRONG_SECRET": "nothing"}
    page_calls = "AWSGlue.GetTables"
