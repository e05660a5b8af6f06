"""Change tokens of scopes: what a platform said of a scope just before its last complete listing.

A token is written by the transaction that writes the scope's rows, and taken away by every listing that is not
complete: while a scope has a token, its rows are what a complete listing under that token showed.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

import msgspec
import psycopg

from governance.listing import Status
from resources.inventory.outcomes import COUNTS, ScopeOutcome
from resources.inventory.rows import json_text


class Token(msgspec.Struct, frozen=True):
    """A scope's token, and a digest of everything else that decides what a listing of it brings.

    Args:
        text: what the platform said; empty where it said nothing.
        basis: of filters, connection, the scope's own record and our code.
    """

    text: str
    basis: str


class Unmoved(msgspec.Struct, frozen=True):
    """A scope whose token is the stored one: its facts are those of its listing at `listed_at`."""

    name: str
    scope_id: int
    datasets: int
    columns: int
    listed_at: datetime

    @property
    def outcome(self) -> ScopeOutcome:
        """As a sync records it: complete, without having been listed."""
        counts = {
            **dict.fromkeys(COUNTS, 0),
            "datasets": self.datasets,
            "columns": self.columns,
            "unchanged": self.datasets,
            "skipped": 1,
        }
        notes = {"skipped": f"unchanged by token since the listing of {self.listed_at:%Y-%m-%d %H:%M:%S %Z}".rstrip()}
        return ScopeOutcome(self.name, Status.COMPLETE, (), counts, {}, notes, 0.0, held=0, changed=False)


def unmoved(
    conn: psycopg.Connection, source_id: int, tokens: Mapping[str, Token], within: timedelta
) -> dict[str, Unmoved]:
    """Those of these scopes that need no listing: same token, same basis, and listed in full not too long ago.

    Args:
        conn: to read with.
        source_id: whose scopes.
        tokens: by scope, as the platform says now.
        within: how old the last complete listing may be.
    """
    told = {name: token for name, token in tokens.items() if token.text}
    names = sorted(told)
    rows = conn.execute(
        "SELECT p.name, p.id, p.datasets, p.columns, p.last_complete_at FROM inventory.scope p"
        " JOIN unnest(%s::text[], %s::text[], %s::text[]) n (name, token, basis)"
        ' ON p.name = n.name COLLATE "C" AND p.token = n.token AND p.token_basis = n.basis'
        " WHERE p.source_id = %s AND p.state = 'present' AND p.last_status = 'complete'"
        " AND p.last_complete_at BETWEEN clock_timestamp() - %s AND clock_timestamp()",
        [names, [told[n].text for n in names], [told[n].basis for n in names], source_id, within],
    )
    return {row[0]: Unmoved(*row) for row in rows}


def record_skipped(conn: psycopg.Connection, sync_id: int, skipped: Sequence[Unmoved]) -> None:
    """Writes the outcomes of scopes that were not listed; `at` stays that of the listing whose facts still hold."""
    outcomes = [one.outcome for one in skipped]
    conn.execute(
        "INSERT INTO inventory.sync_scope (sync_id, scope_id, status, counts, notes, at, started_at)"
        " SELECT %s, n.scope_id, 'complete', n.counts::jsonb, n.notes::jsonb, n.at, clock_timestamp()"
        " FROM unnest(%s::int[], %s::text[], %s::text[], %s::timestamptz[]) n (scope_id, counts, notes, at)"
        " ON CONFLICT DO NOTHING",
        [
            sync_id,
            [one.scope_id for one in skipped],
            [json_text(o.counts) for o in outcomes],
            [json_text(o.notes) for o in outcomes],
            [one.listed_at for one in skipped],
        ],
    )
