"""What must hold of a source's rows in the inventory: each rule a name, a query and one expectation."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from great_expectations.expectations.expectation import Expectation

DATASETS = "SELECT * FROM inventory.datasets WHERE source = '{source}' AND state = 'present'"
COLUMNS = "SELECT * FROM inventory.columns WHERE source = '{source}'"


@dataclass(frozen=True)
class Rule:
    """One check on the inventory's rows of a source.

    Args:
        name: the asset check's name.
        description: what a person reads beside it.
        query: the rows it judges; `{source}` stands for the source's name, which is lower_snake.
        expectation: makes the expectation; called where Great Expectations may be imported.
        critical: whether a failure is an error rather than a warning.
    """

    name: str
    description: str
    query: str
    expectation: Callable[[], "Expectation"]
    critical: bool = True


def _names_unique() -> "Expectation":
    from great_expectations.expectations.core import ExpectCompoundColumnsToBeUnique

    return ExpectCompoundColumnsToBeUnique(column_list=["namespace", "qualified_name"])


def _kinds_known() -> "Expectation":
    from great_expectations.expectations.core import ExpectColumnValuesToNotBeNull

    return ExpectColumnValuesToNotBeNull(column="kind")


def _rows_plausible() -> "Expectation":
    from great_expectations.expectations.core import ExpectColumnValuesToBeBetween

    return ExpectColumnValuesToBeBetween(column="row_count", min_value=0)


def _types_understood() -> "Expectation":
    from great_expectations.expectations.core import ExpectColumnValuesToNotMatchRegex

    return ExpectColumnValuesToNotMatchRegex(column="type", regex="unknown", mostly=0.99)


def _owned() -> "Expectation":
    from great_expectations.expectations.core import ExpectColumnValuesToNotBeNull

    return ExpectColumnValuesToNotBeNull(column="owner", mostly=0.5)


RULES = (
    Rule("names_unique", "No two datasets of the source share an identity.", DATASETS, _names_unique),
    Rule("kinds_known", "Every dataset has a kind.", DATASETS, _kinds_known),
    Rule("row_counts_plausible", "No stored row count is negative.", DATASETS, _rows_plausible),
    Rule(
        "types_understood",
        "At least 99 % of the columns have a type that could be parsed.",
        COLUMNS,
        _types_understood,
        False,
    ),
    Rule("owned", "At least half of the datasets have an owner.", DATASETS, _owned, False),
)
