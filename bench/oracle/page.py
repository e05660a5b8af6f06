"""docs/oracle.md: what was compared, and each difference with its reason."""

from collections.abc import Mapping, Sequence

from bench.oracle.comparison import Comparison
from bench.oracle.explanations import EXPLANATIONS
from bench.oracle.facts import Fact
from bench.processes import ROOT
from bench.tables import table

PAGE = ROOT / "docs" / "oracle.md"
_KINDS = ("dataset", "field", "type", "comment", "partition key", "owner", "tag")
_NAMES = {"glue": "The lake: AWS Glue and Lake Formation", "snowflake": "The warehouse: Snowflake"}
_HEAD = """# The same facts as an independent reader

DataHub {version} and this project read the same two servers of the [sandbox](sandbox.md). Every dataset, field path,
type, comment, partition key, owner and tag that DataHub writes is looked for in the inventory. Names and values are
compared in one case, since DataHub lowers Snowflake's, names without quotation marks, types without blanks.
`python -m bench.oracle --write` does it again and writes this page; it ends with 1 where
a difference has no explanation.
"""


def page(found: Mapping[str, Comparison], version: str) -> str:
    """The whole page."""
    parts = [_HEAD.format(version=version)]
    for platform, outcome in found.items():
        parts += [f"## {_NAMES[platform]}", _counts(outcome), _differences(platform, outcome)]
    return "\n\n".join(part.strip() for part in parts if part) + "\n"


def _counts(outcome: Comparison) -> str:
    differing = {
        kind: sum(fact.what == kind for facts in outcome.explained.values() for fact in facts) for kind in _KINDS
    }
    missing = {kind: sum(fact.what == kind for fact in outcome.unexplained) for kind in _KINDS}
    rows = [
        [k, outcome.told.get(k, 0), outcome.same.get(k, 0), differing[k], missing[k], outcome.ours_alone.get(k, 0)]
        for k in _KINDS
    ]
    return table(("fact", "DataHub has", "the same here", "explained", "unexplained", "here alone"), rows)


def _differences(platform: str, outcome: Comparison) -> str:
    rows = [
        [e.name, len(facts), _shown(facts), e.reason]
        for e in EXPLANATIONS[platform]
        if (facts := outcome.explained.get(e.name))
    ]
    return table(("difference", "facts", "for example", "why"), rows, words=4) if rows else ""


def _shown(facts: Sequence[Fact]) -> str:
    fact = facts[0]
    where = f"`{fact.dataset}`" + (f" `{fact.path}`" if fact.path else "")
    return f"{where}: {fact.what}" + (f" `{fact.value}`" if fact.value else "")
