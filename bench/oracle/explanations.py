"""Why some of what DataHub says is not in the inventory as it stands; each is shown on docs/oracle.md."""

from bench.oracle.comparison import Explanation
from bench.oracle.facts import Fact


def _is_of_link(fact: Fact, beside: frozenset[Fact]) -> bool:
    return fact.dataset == "crm.customer_scores" and fact.what in ("field", "type")


def _is_shorter(fact: Fact, beside: frozenset[Fact]) -> bool:
    """Whether the inventory has the same type with more to it."""
    mine = [other.value for other in beside if other.what == "type"]
    return fact.what == "type" and any(value.startswith(f"{fact.value}(") for value in mine)


EXPLANATIONS: dict[str, tuple[Explanation, ...]] = {
    "glue": (
        Explanation(
            "columns of a resource link",
            "The link leads to a table of another account. DataHub asks for that table and shows its columns as those "
            "of the link. The inventory keeps the link with its target, and an edge of lineage from the one to the "
            "other; the columns are those of a source that reads the other account.",
            _is_of_link,
        ),
    ),
    "snowflake": (
        Explanation(
            "a type without its parameters",
            "DataHub leaves out the precision of times and binaries, and what a structured type consists of. The "
            "inventory keeps the whole type, and a row for each field inside.",
            _is_shorter,
        ),
    ),
}
"""By platform; the first that holds explains."""
