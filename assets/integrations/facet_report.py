"""A facet's outcome as people look at it in the Dagster UI: numbers it plots, tables, reasons, column lineage."""

from collections.abc import Sequence

import dagster as dg

from assets.integrations.report import Metadata, chart, pace_table, table
from resources.calls import Meter
from resources.inventory.database import Inventory
from resources.inventory.facts.outcomes import FacetSummary, PartOutcome
from resources.inventory.facts.queries import FactQueries

MOST_COLUMNS = 200
"""Columns whose lineage one materialization shows; the view `inventory.lineage` has them all."""


def facet_metadata(
    summary: FacetSummary, outcomes: Sequence[PartOutcome], meter: Meter, inventory: Inventory, rows: int
) -> Metadata:
    """What a facet's materialization shows."""
    seconds = (summary.ended_at - summary.started_at).total_seconds() if summary.ended_at else 0.0
    queries, calls = FactQueries(inventory), meter.snapshot()
    return {
        "status": dg.MetadataValue.text(summary.status),
        "found": dg.MetadataValue.md(chart(summary.kinds, "facts")),
        "preview": _preview(queries, summary, rows),
        "parts": _parts_table(outcomes),
        "reasons": part_reasons([o for o in outcomes if o.reasons]),
        "parts_read": dg.MetadataValue.int(summary.parts),
        "seconds": dg.MetadataValue.float(round(seconds, 3)),
        **{name: dg.MetadataValue.int(count) for name, count in sorted(summary.counts.items())},
        "calls": dg.MetadataValue.int(int(calls["calls"])),
        "throttles": dg.MetadataValue.int(int(calls["throttled"])),
        "pace": pace_table(meter.paces.learned()),
        **(_column_lineage(queries, summary.source) if summary.facet == "lineage" else {}),
    }


def part_reasons(outcomes: Sequence[PartOutcome]) -> dg.MetadataValue:
    """Part, reason and fix, at most fifty rows."""
    rows = [(o.part, str(o.status), r.message, r.code, r.remedy) for o in outcomes for r in o.reasons]
    return table(("part", "status", "reason", "code", "fix"), rows[:50])


def _parts_table(outcomes: Sequence[PartOutcome]) -> dg.MetadataValue:
    rows = [
        (o.part, str(o.status), o.counts["facts"], o.counts["created"], o.counts["closed"], o.counts["quarantined"])
        for o in sorted(outcomes, key=lambda o: o.part)
    ]
    return table(("part", "status", "facts", "began", "ended", "quarantined"), rows[:200])


def _preview(queries: FactQueries, summary: FacetSummary, rows: int) -> dg.MetadataValue:
    header, found = queries.preview(summary.source, summary.facet, rows)
    return table(header, found)


def _column_lineage(queries: FactQueries, source: str) -> dict[str, dg.MetadataValue]:
    """Dagster's own column lineage, with `dataset.column` for a column."""
    edges = queries.column_lineage(source, MOST_COLUMNS)
    if not edges:
        return {}
    upstream = dg.AssetKey([source, "metadata"])
    lineage = dg.TableColumnLineage(
        {
            below: [dg.TableColumnDep(asset_key=upstream, column_name=above) for above in above_all]
            for below, above_all in edges.items()
        }
    )
    schema = dg.TableSchema([dg.TableColumn(name) for name in edges])
    return {
        "dagster/column_schema": dg.MetadataValue.table_schema(schema),
        "dagster/column_lineage": dg.MetadataValue.column_lineage(lineage),
    }
