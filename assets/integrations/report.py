"""Outcomes as people look at them in the Dagster UI: numbers it plots over time, tables, a chart, the reasons."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

import dagster as dg

from governance.listing import Status
from governance.pace import Learned
from resources.calls import Meter
from resources.inventory.database import Inventory
from resources.inventory.outcomes import ScopeOutcome, SyncSummary

PREVIEW = ("dataset", "kind", "columns", "owner", "comment", "changed_at")
PLOTTED = (
    "datasets", "columns", "tags", "created", "updated", "deleted", "restored", "out_of_scope", "unchanged",
    "quarantined", "cleaned", "unknown_types", "pages", "held",
)  # fmt: skip
BAR = 24
"""Characters of the longest bar of a chart."""

Metadata = dict[str, dg.MetadataValue]


def scope_metadata(outcome: ScopeOutcome, inventory: Inventory, source: str, rows: int) -> Metadata:
    """What a scope's materialization shows: its figures, kinds, reasons and first datasets."""
    return {
        "status": dg.MetadataValue.text(str(outcome.status)),
        **({"reasons": _reasons(outcome)} if outcome.reasons else {}),
        **{f"note_{name}": dg.MetadataValue.text(text) for name, text in outcome.notes.items()},
        "kinds": dg.MetadataValue.md(chart(outcome.kinds)),
        "preview": preview_table(inventory, source, rows, outcome.scope),
        "seconds": dg.MetadataValue.float(round(outcome.seconds, 3)),
        **_figures(outcome.counts),
    }


def told(outcome: ScopeOutcome) -> str:
    """The outcome in a line: how it ended, and what there was of that."""
    counts = ", ".join(f"{count:,} {name.replace('_', ' ')}" for name, count in outcome.counts.items() if count)
    return f"{outcome.status}: {counts or 'nothing there'}"


def source_metadata(summary: SyncSummary, meter: Meter, inventory: Inventory, source: str, rows: int) -> Metadata:
    """What the source's own materialization shows: sums over its scopes, calls, kinds, recent changes."""
    seconds = (summary.ended_at - summary.started_at).total_seconds() if summary.ended_at else 0.0
    calls = meter.snapshot()
    return {
        "status": dg.MetadataValue.text(summary.status),
        "kinds": dg.MetadataValue.md(chart(inventory.queries().counts_by_kind(source))),
        "preview": preview_table(inventory, source, rows, None),
        "latest_changes": _changes_table(inventory, source, rows),
        "scopes": dg.MetadataValue.int(summary.scopes),
        "scopes_skipped": dg.MetadataValue.int(summary.counts.get("skipped", 0)),
        "scopes_complete": dg.MetadataValue.int(sum(s == Status.COMPLETE for s in summary.statuses.values())),
        "seconds": dg.MetadataValue.float(round(seconds, 3)),
        "changes": dg.MetadataValue.int(summary.changes),
        **_figures(summary.counts),
        "calls": dg.MetadataValue.int(int(calls["calls"])),
        "throttles": dg.MetadataValue.int(int(calls["throttled"])),
        "retries": dg.MetadataValue.int(int(calls["retries"])),
        "seconds_in_calls": dg.MetadataValue.float(float(calls["seconds"])),
        "pace": pace_table(meter.paces.learned()),
    }


def pace_table(learned: Sequence[Learned]) -> dg.MetadataValue:
    """What the run knows of how hard the source may be asked; the next one begins with it."""
    header = ("bucket", "kind", "value", "bound", "calls", "throttled", "ms a call")
    return table(
        header,
        [
            (
                one.bucket,
                one.kind,
                rounded(one.value, "not bounded"),
                rounded(one.bound, "none"),
                one.calls,
                one.throttled,
                rounded(one.latency_ms, ""),
            )
            for one in learned
        ],
    )


def rounded(value: float | None, without: str) -> str:
    """A figure of a pace in words that people compare; `without` where there is none."""
    return without if value is None else f"{value:.3g}"


def _figures(counts: Mapping[str, int]) -> Metadata:
    return {name: dg.MetadataValue.int(counts.get(name, 0)) for name in PLOTTED}


def chart(counts: Mapping[str, int], of: str = "datasets") -> str:
    """A horizontal bar chart in Markdown, largest first; `of` says of what so many there are."""
    if not counts:
        return "*nothing listed*"
    largest = max(counts.values())
    lines = [
        f"| {name} | {count:,} | `{'█' * max(1, round(BAR * count / largest))}` |"
        for name, count in sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    ]
    return "\n".join([f"| kind | {of} | |", "|---|--:|---|", *lines])


def _reasons(outcome: ScopeOutcome) -> dg.MetadataValue:
    return table(("reason", "code", "fix"), [(r.message, r.code, r.remedy) for r in outcome.reasons])


def preview_table(inventory: Inventory, source: str, rows: int, scope: str | None) -> dg.MetadataValue:
    """The datasets that changed last."""
    found = inventory.queries().preview(source, scope=scope, limit=rows)
    return table(
        PREVIEW,
        [(r.qualified_name, r.kind, r.columns, r.owner or "", _short(r.comment), _moment(r.changed_at)) for r in found],
    )


def _changes_table(inventory: Inventory, source: str, rows: int) -> dg.MetadataValue:
    found = inventory.queries().latest_changes(source, limit=rows)
    return table(
        ("at", "dataset", "path", "change", "field", "before", "after"),
        [
            (_moment(c.at), c.qualified_name, c.path, c.change, c.field, _short(c.before), _short(c.after))
            for c in found
        ],
    )


def table(columns: Sequence[str], rows: Sequence[Sequence[object]]) -> dg.MetadataValue:
    """A metadata table; its columns are shown even where it is empty."""
    records = [
        dg.TableRecord({n: v if isinstance(v, int | float) else str(v) for n, v in zip(columns, row, strict=True)})
        for row in rows
    ]
    whole = [all(isinstance(row[n], int) for row in rows) and bool(rows) for n in range(len(columns))]
    schema = dg.TableSchema([dg.TableColumn(name, "int" if whole[n] else "string") for n, name in enumerate(columns)])
    return dg.MetadataValue.table(records=records, schema=schema)


def _moment(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S")


def _short(value: object, length: int = 120) -> str:
    text = "" if value is None else str(value)
    return text if len(text) <= length else f"{text[: length - 1]}…"
