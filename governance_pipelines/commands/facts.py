"""`governance readers`, `lineage` and `usage`: what the inventory knows of access, flow and use."""

import json
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import msgspec
from rich.markup import escape
from rich.table import Table

from governance.errors import ConfigurationError
from governance_pipelines.bindings import installation
from governance_pipelines.commands.moments import moment
from governance_pipelines.display import console

if TYPE_CHECKING:
    from resources.inventory.facts.queries import FactQueries


def run_readers(name: str, column: str, as_json: bool) -> int:
    """Who can read a dataset or one of its columns, by which way, and what still stands between."""
    with _queries() as queries:
        source, plain = _placed(queries, name)
        rows = queries.readers(source, plain, column)
    header = ("who", "by way of", "sees through", "masked by", "still lacks")
    shown = [
        (
            f"{r.principal_kind} {r.principal}",
            " → ".join(r.via[1:]),
            ", ".join(r.limited_by),
            ", ".join(r.masked_by),
            ", ".join(r.lacking),
        )
        for r in rows
    ]
    return _say(rows, header, shown, as_json, "nobody is known to; has SOURCE/access been materialized?")


def run_lineage(name: str, column: str, down: bool, as_json: bool) -> int:
    """What feeds a dataset or column, or what it feeds, to the very ends."""
    with _queries() as queries:
        source, plain = _placed(queries, name)
        rows = queries.lineage_of(source, plain, column, "downstream" if down else "upstream")
    shown = [
        (
            f"{r.upstream_source}:{r.upstream}",
            r.upstream_path,
            f"{r.downstream_source}:{r.downstream}",
            r.downstream_path,
            f"{r.process_kind} {r.process}".strip(),
            r.origin,
        )
        for r in rows
    ]
    header = ("from", "column", "to", "column", "by", "told by")
    return _say(rows, header, shown, as_json, "no edge is known; has SOURCE/lineage been materialized?")


def run_usage(name: str, since: str | None, as_json: bool) -> int:
    """Who used a dataset, and how often."""
    until = datetime.now(UTC).date()
    begin = moment(since, datetime.now().astimezone(), "--since").date() if since else until - timedelta(days=30)
    with _queries() as queries:
        source, plain = _placed(queries, name)
        rows = queries.usage_of(source, plain, begin, until)
    shown = [(r.principal, r.reads, r.writes, r.days, r.first_day, r.last_day) for r in rows]
    header = ("who", "reads", "writes", "days", "first", "last")
    return _say(rows, header, shown, as_json, "no use is known; has SOURCE/usage been materialized for these days?")


@contextmanager
def _queries() -> Iterator["FactQueries"]:
    """The inventory's queries, for as long as a command runs."""
    from resources.inventory.facts.queries import FactQueries

    with installation().inventory_resource().open() as inventory:
        yield FactQueries(inventory)


def _placed(queries: "FactQueries", name: str) -> tuple[str, str]:
    """Source and qualified name of `SOURCE:NAME`, or of a name that one source has."""
    source, colon, rest = name.partition(":")
    if colon and not rest.startswith("//") and source in queries.sources_of(rest):
        return source, rest
    found = queries.sources_of(name)
    if len(found) == 1:
        return found[0], name
    if not found:
        raise ConfigurationError(
            f"no dataset is called {name}", operation="NAME", remedy="find it: governance search …"
        )
    raise ConfigurationError(
        f"{name} is in {', '.join(found)}", operation="NAME", remedy=f"say which: {found[0]}:{name}"
    )


def _say(
    rows: Sequence[msgspec.Struct], header: Sequence[str], shown: Sequence[Sequence[Any]], as_json: bool, none: str
) -> int:
    if as_json:
        sys.stdout.write(json.dumps([msgspec.to_builtins(r) for r in rows], indent=2, ensure_ascii=False) + "\n")
        return 0
    out = console()
    if not rows:
        out.print(none, markup=False)
        return 0
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in header:
        table.add_column(name, overflow="fold")
    for row in shown:
        table.add_row(*(escape(str(v)) for v in row))
    out.print(table)
    return 0
