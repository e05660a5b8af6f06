"""Asset checks on what the inventory holds of a source; the first users of the rules, contracts follow."""

from collections.abc import Iterator

import dagster as dg

from assets.integrations.metadata import SourceAsset
from assets.quality.expectations import Judge, Verdict
from assets.quality.rules import RULES, Rule


def inventory_checks(this: SourceAsset) -> dg.AssetChecksDefinition:
    """All rules on one source, judged in one step so that Great Expectations is loaded once."""
    specs = [dg.AssetCheckSpec(rule.name, asset=this.key, description=rule.description) for rule in RULES]

    @dg.multi_asset_check(
        specs=specs, name=f"{this.source.name}_inventory_checks", can_subset=True, required_resource_keys={"inventory"}
    )
    def checks(context: dg.AssetCheckExecutionContext) -> Iterator[dg.AssetCheckResult]:
        wanted = {key.name for key in context.selected_asset_check_keys}
        judge = Judge(context.resources.inventory.sqlalchemy_url())
        for rule in RULES:
            if rule.name in wanted:
                verdict = judge.verdict(rule.name, rule.query.format(source=this.source.name), rule.expectation())
                yield _result(this, rule, verdict)

    return checks


def _result(this: SourceAsset, rule: Rule, verdict: Verdict) -> dg.AssetCheckResult:
    metadata: dict[str, dg.MetadataValue] = {}
    if verdict.rows is not None:
        metadata["rows"] = dg.MetadataValue.int(verdict.rows)
    if verdict.unexpected is not None:
        metadata["unexpected"] = dg.MetadataValue.int(verdict.unexpected)
    if verdict.unexpected_percent is not None:
        metadata["unexpected_percent"] = dg.MetadataValue.float(verdict.unexpected_percent)
    if verdict.observed:
        metadata["observed"] = dg.MetadataValue.text(verdict.observed)
    if verdict.samples:
        metadata["samples"] = dg.MetadataValue.text(", ".join(verdict.samples))
    return dg.AssetCheckResult(
        asset_key=this.key,
        check_name=rule.name,
        passed=verdict.passed,
        severity=dg.AssetCheckSeverity.ERROR if rule.critical else dg.AssetCheckSeverity.WARN,
        description=rule.description,
        metadata=metadata,
    )
