"""Great Expectations, as little of it as is needed: one query, one expectation, one verdict.

It is imported here only when a check runs: the import costs seconds and 200 MB (measured), which no code-location load
and no sync should pay.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from governance.errors import Terminal

if TYPE_CHECKING:
    from great_expectations.expectations.expectation import Expectation


@dataclass(frozen=True)
class Verdict:
    """What an expectation found. Percentages are 0 to 100; None where the expectation counts nothing."""

    passed: bool
    rows: int | None
    unexpected: int | None
    unexpected_percent: float | None
    observed: str
    samples: tuple[str, ...]


class Judge:
    """One ephemeral Great Expectations context on one PostgreSQL database."""

    def __init__(self, url: str) -> None:
        os.environ.setdefault("GX_ANALYTICS_ENABLED", "false")  # read by Great Expectations when it is imported
        import great_expectations as gx
        from great_expectations.data_context.types.base import ProgressBarsConfig

        self._context = gx.get_context(mode="ephemeral")
        self._context.variables.progress_bars = ProgressBarsConfig(globally=False)
        # not add_postgres: it refuses a URL without a host, which the embedded server's socket has
        self._database = self._context.data_sources.add_sql("inventory", connection_string=url)

    def verdict(self, name: str, query: str, expectation: "Expectation") -> Verdict:
        """Judges the rows of a query inside the database.

        Raises:
            Terminal: the expectation could not be evaluated; that is no failed check.
        """
        batch = self._database.add_query_asset(name, query=query).add_batch_definition_whole_table("all").get_batch()
        outcome = batch.validate(expectation, result_format="SUMMARY")
        if broken := _exceptions(outcome.exception_info):
            raise Terminal(f"{name} could not be evaluated: {broken}", platform="inventory", operation=name)
        result: Mapping[str, Any] = outcome.result or {}
        return Verdict(
            passed=bool(outcome.success),
            rows=result.get("element_count"),
            unexpected=result.get("unexpected_count"),
            unexpected_percent=result.get("unexpected_percent"),
            observed=str(result.get("observed_value", "")),
            samples=tuple(str(v) for v in (result.get("partial_unexpected_list") or ())[:5]),
        )


def _exceptions(info: Mapping[str, Any] | None) -> str:
    """The message of a raised exception, whichever of the two shapes it comes in (great_expectations#10849)."""
    for part in (info or {}, *(v for v in (info or {}).values() if isinstance(v, Mapping))):
        if part.get("raised_exception"):
            return str(part.get("exception_message"))
    return ""
