"""The Purview reader keeps the contract of every reader, and what is Purview's own."""

from typing import Any, ClassVar

from tests.contracts.contract import ReaderContract


class TestPurview(ReaderContract):
    platform = "purview"
    wrong_credentials: ClassVar[dict[str, Any]] = {"client_secret": {"env": "PURVIEW_WRONG_SECRET"}}
    wrong_secrets: ClassVar[dict[str, str]] = {"PURVIEW_WRONG_SECRET": "nothing~of~the~kind"}
    page_calls = "POST /datamap/api/search/query"
