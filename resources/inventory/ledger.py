"""The book-keeping of syncs: fences, run rows, scopes and their outcomes."""

import json
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec
import psycopg

from governance.listing import Reason, Scope, Status
from governance.text import clean
from resources.inventory import audit, locks
from resources.inventory.locks import Lock
from resources.inventory.outcomes import (
    COUNTS,
    KnownScope,
    ScopeOutcome,
    SourceBusy,
    SourceIdentity,
    SyncMode,
    SyncSummary,
)
from resources.inventory.rows import json_text
from resources.inventory.scope_entry import Place
from resources.inventory.tokens import Token

_MOST_REASONS = 1000


class Opened(msgspec.Struct, frozen=True):
    """An open sync: its ids, its fence, who asked, and the latest timestamp the source had."""

    source_id: int
    sync_id: int
    fence: int
    run_id: str
    actor: str
    mode: str
    clock: datetime


def open_run(lock: psycopg.Connection, source: SourceIdentity, run_id: str, actor: str, mode: SyncMode) -> Opened:
    """Takes the source's lock for as long as the connection lives, closes dead runs, and opens a row.

    Raises:
        SourceBusy: another session holds the lock.
    """
    source_id = source_number(lock, source)
    if not locks.take(lock, Lock.METADATA, source_id):
        holder = lock.execute(
            "SELECT run_id, actor, started_at FROM inventory.sync_run WHERE source_id = %s AND status = 'running'"
            " AND facet = 'metadata' ORDER BY id DESC LIMIT 1",
            [source_id],
        ).fetchone()
        who = f"run {holder[0]} of {holder[1]}, since {holder[2]:%Y-%m-%d %H:%M:%S}" if holder else "another run"
        raise SourceBusy(
            f"{source.name} is being synced by {who}",
            platform="inventory",
            operation="lock source",
            remedy="wait for it to end, or end it in the web UI",
        )
    with lock.transaction():
        lock.execute("SELECT inventory.ensure_partitions(now())")
        fence = _value(lock, "UPDATE inventory.source SET fence = fence + 1 WHERE id = %s RETURNING fence", [source_id])
        died = json_text([Reason("died", "the run ended without saying so; its finished scopes are kept")])
        lock.execute(
            "UPDATE inventory.sync_run SET status = 'failed', ended_at = clock_timestamp(),"
            " reasons = reasons || %s::jsonb WHERE source_id = %s AND status = 'running' AND facet = 'metadata'",
            [died, source_id],
        )
        sync_id = _value(
            lock,
            "INSERT INTO inventory.sync_run (source_id, run_id, actor, mode, fence) VALUES (%s, %s, %s, %s, %s)"
            " RETURNING id",
            [source_id, run_id, actor, mode, fence],
        )
        clock = _value(lock, "SELECT max(written_at) FROM inventory.scope WHERE source_id = %s", [source_id])
        audit.append(lock, actor, "sync.started", source.name, {"run_id": run_id, "mode": mode, "sync_id": sync_id})
    return Opened(source_id, sync_id, fence, run_id, actor, mode, clock or datetime.min.replace(tzinfo=UTC))


def retake_lock(conn: psycopg.Connection, opened: Opened, lost: int, source: SourceIdentity) -> None:
    """Takes a source's lock for a run whose connection was lost.

    Args:
        conn: the new connection.
        opened: the run.
        lost: the server process of the lost connection.
        source: for the message.

    Raises:
        SourceBusy: another run has taken the source over.
    """
    check_fence(conn, opened, source, lock=False)
    if not locks.retake(conn, Lock.METADATA, opened.source_id, lost):
        raise _overtaken(opened, source, "retake lock")


def _overtaken(opened: Opened, source: SourceIdentity, operation: str) -> SourceBusy:
    return SourceBusy(
        f"another run took {source.name} over while run {opened.run_id} had lost its lock",
        platform="inventory",
        operation=operation,
        remedy="nothing: the later run does the work",
    )


_FOR_THIS_TRANSACTION = """, set_config('enable_seqscan', 'off', true), set_config('jit', 'off', true),
    set_config('idle_in_transaction_session_timeout', '0', true)"""


def hold_scope(conn: psycopg.Connection, scope: int) -> datetime | None:
    """Keeps other transactions from the scope until this one ends, and ends one whose client is gone.

    Returns:
        When this transaction began; None where the lock had to be waited for.
    """
    return locks.hold(conn, Lock.SCOPE, scope, _FOR_THIS_TRANSACTION)


def is_recorded(conn: psycopg.Connection, place: Place) -> bool:
    """Whether the transaction with this timestamp, which wrote this scope, was committed."""
    query = "SELECT FROM inventory.sync_scope WHERE sync_id = %s AND scope_id = %s AND at = %s"
    return conn.execute(query, [place.sync_id, place.scope_id, place.at]).fetchone() is not None


def check_fence(conn: psycopg.Connection, opened: Opened, source: SourceIdentity, *, lock: bool) -> datetime:
    """Refuses to go on where a later sync took the source over.

    Args:
        conn: in a transaction that writes.
        opened: the sync that writes.
        source: for the message.
        lock: whether the answer must hold until the commit.

    Returns:
        When the transaction began.

    Raises:
        SourceBusy: it did.
    """
    query = "SELECT fence, now() FROM inventory.source WHERE id = %s" + (" FOR SHARE" if lock else "")
    row = conn.execute(query, [opened.source_id]).fetchone()
    if row is None or row[0] != opened.fence:
        raise _overtaken(opened, source, "check fence")
    now: datetime = row[1]
    return now


def upsert_scopes(conn: psycopg.Connection, source_id: int, scopes: Iterable[Scope]) -> dict[str, int]:
    """Stores the scopes as present, where they are new or different; returns their ids by name."""
    rows = {s.name: (s.name, s.kind, json_text(clean(s.detail))) for s in scopes}
    names = sorted(rows)
    values = [[rows[n][i] for n in names] for i in range(3)]
    conn.execute(
        "INSERT INTO inventory.scope AS p (source_id, name, kind, detail)"
        " SELECT %s, n.name, n.kind, n.detail::jsonb"
        " FROM unnest(%s::text[], %s::text[], %s::text[]) n (name, kind, detail)"
        " WHERE NOT EXISTS (SELECT FROM inventory.scope o"
        ' WHERE o.source_id = %s AND o.name = n.name COLLATE "C"'
        " AND o.kind = n.kind AND o.detail = n.detail::jsonb AND o.state = 'present')"
        " ON CONFLICT (source_id, name)"
        " DO UPDATE SET kind = excluded.kind, detail = excluded.detail, state = 'present'",
        [source_id, *values, source_id],
    )
    found = conn.execute(
        "SELECT name, id FROM inventory.scope WHERE source_id = %s AND name = ANY(%s)", [source_id, names]
    )
    return {name: number for name, number in found}


def scope_id(conn: psycopg.Connection, source_id: int, name: str) -> int | None:
    """The scope's id, where it is known."""
    found = _value(conn, "SELECT id FROM inventory.scope WHERE source_id = %s AND name = %s", [source_id, name])
    return None if found is None else int(found)


def set_scope_state(conn: psycopg.Connection, scope: int, state: str) -> None:
    """Marks a scope as present, out of scope or deleted; what comes back is listed anew."""
    conn.execute(
        "UPDATE inventory.scope SET state = %s, token = NULL WHERE id = %s AND state <> %s", [state, scope, state]
    )


def known_scopes(conn: psycopg.Connection, source_id: int) -> dict[str, KnownScope]:
    """Every scope of the source by name."""
    rows = conn.execute(
        "SELECT name, kind, detail, state, datasets, last_complete_at, last_status, token IS NOT NULL"
        " FROM inventory.scope WHERE source_id = %s ORDER BY name",
        [source_id],
    )
    return {
        name: KnownScope(Scope(name, kind, detail), state, count, at, Status(status) if status else None, has_token)
        for name, kind, detail, state, count, at, status, has_token in rows
    }


def finished(conn: psycopg.Connection, source_id: int, run_ids: Sequence[str]) -> set[str]:
    """Names of the scopes that these runs completed and settled."""
    rows = conn.execute(
        "SELECT DISTINCT p.name FROM inventory.sync_run r JOIN inventory.sync_scope c ON c.sync_id = r.id"
        " JOIN inventory.scope p ON p.id = c.scope_id"
        " WHERE r.run_id = ANY(%s) AND r.source_id = %s AND c.status = 'complete' AND c.settled",
        [list(run_ids), source_id],
    )
    return {row[0] for row in rows}


def record_outcome(
    conn: psycopg.Connection,
    place: Place,
    outcome: ScopeOutcome,
    *,
    settled: bool,
    listed: bool = True,
    token: Token | None = None,
    has: tuple[int, int] | None = None,
) -> None:
    """Writes how a scope ended, and tells listeners where it changed.

    Args:
        conn: in the scope's transaction.
        place: ids and timestamp.
        outcome: what happened.
        settled: false while deletions wait for the end of the sync.
        listed: whether the scope was listed; one that was dropped or hidden was not.
        token: what was said of the scope before it was listed; kept only where that listing is complete and settled.
        has: how many datasets and columns the scope has; None where that did not change.
    """
    jsons = [json_text(v) for v in (outcome.reasons, outcome.counts, outcome.kinds, outcome.notes)]
    complete = listed and outcome.status is Status.COMPLETE
    kept = token if token and token.text and complete and settled else None
    status = str(outcome.status)
    conn.execute(
        _OUTCOME,
        [
            *(place.sync_id, place.scope_id, status, *jsons, settled, place.at, place.at),
            *(place.at, status, complete, place.at, *_columns_of(kept), *(has or (None, None)), place.scope_id),
            *(outcome.changed, _told_to_listeners(place)),
        ],
    )


_NOTIFY = """
pg_notify('inventory_changes',
    (%s::jsonb || jsonb_build_object('change_id', currval('inventory.change_id')))::text)
"""
_OUTCOME = f"""
WITH outcome AS (
    INSERT INTO inventory.sync_scope
        (sync_id, scope_id, status, reasons, counts, kinds, notes, settled, at, started_at)
    VALUES (%s, %s, %s, %s::jsonb, %s::jsonb, %s::jsonb, %s::jsonb, %s, %s, %s)
    ON CONFLICT (sync_id, scope_id) DO UPDATE SET status = excluded.status, reasons = excluded.reasons,
        counts = excluded.counts, kinds = excluded.kinds, notes = excluded.notes, settled = excluded.settled,
        at = excluded.at, started_at = excluded.started_at, ended_at = clock_timestamp()
)
UPDATE inventory.scope SET written_at = %s, last_status = %s,
    last_complete_at = CASE WHEN %s THEN %s ELSE last_complete_at END, token = %s, token_basis = %s,
    datasets = coalesce(%s, datasets), columns = coalesce(%s, columns) WHERE id = %s
RETURNING CASE WHEN %s THEN {_NOTIFY} END
"""


def _columns_of(token: Token | None) -> tuple[str | None, str | None]:
    return (token.text, token.basis) if token else (None, None)


def settle_scope(conn: psycopg.Connection, place: Place, deleted: int, token: Token | None, elsewhere: int) -> None:
    """Adds what waited for the end of the sync to the scope's outcome; now its token holds.

    Args:
        conn: in a transaction of the sync.
        place: ids and timestamp.
        deleted: how many of its datasets turned out to be gone.
        token: what was said of the scope before it was listed.
        elsewhere: how many were in no listing, though the platform still has them; told in the notes.
    """
    moved = f"{elsewhere} datasets are in no listing, but the platform has them: they moved during the sync"
    conn.execute(
        "UPDATE inventory.sync_scope SET settled = true, ended_at = clock_timestamp(), counts = counts ||"
        " jsonb_build_object('deleted', (counts->>'deleted')::bigint + %s,"
        " 'changes', (counts->>'changes')::bigint + %s), notes = notes || %s::jsonb"
        " WHERE sync_id = %s AND scope_id = %s",
        [deleted, deleted, json_text({"elsewhere": moved} if elsewhere else {}), place.sync_id, place.scope_id],
    )
    conn.execute(
        "UPDATE inventory.scope SET written_at = %s, token = %s, token_basis = %s WHERE id = %s",
        [place.at, *_columns_of(token if token and token.text else None), place.scope_id],
    )
    if deleted:
        conn.execute(f"SELECT {_NOTIFY}", [_told_to_listeners(place)])


def _told_to_listeners(place: Place) -> str:
    return json.dumps({"source_id": place.source_id, "scope_id": place.scope_id})


def add_reasons(conn: psycopg.Connection, sync_id: int, reasons: Sequence[Reason]) -> None:
    """Adds reasons of the whole sync, such as a partial list of scopes; those that are there already are not added."""
    added = json_text(reasons)
    conn.execute(
        "UPDATE inventory.sync_run SET reasons = reasons || %s::jsonb WHERE id = %s AND NOT reasons @> %s::jsonb",
        [added, sync_id, added],
    )


def is_running(conn: psycopg.Connection, sync_id: int) -> bool:
    """Whether the run's row has not been closed."""
    return bool(_value(conn, "SELECT status = 'running' FROM inventory.sync_run WHERE id = %s", [sync_id]))


def close_run(conn: psycopg.Connection, opened: Opened, at: datetime) -> SyncSummary:
    """Writes status and sums of the sync, and the source's last complete sync."""
    scopes = conn.execute(
        "SELECT status, counts FROM inventory.sync_scope WHERE sync_id = %s", [opened.sync_id]
    ).fetchall()
    reasons = _value(conn, "SELECT reasons FROM inventory.sync_run WHERE id = %s", [opened.sync_id])
    statuses = {row[0] for row in scopes}
    status = Status.COMPLETE
    if statuses == {"failed"}:
        status = Status.FAILED
    elif reasons or statuses - {"complete"}:
        status = Status.PARTIAL
    counts = {name: sum(int(row[1].get(name, 0)) for row in scopes) for name in COUNTS}
    started = _value(
        conn,
        "UPDATE inventory.sync_run SET status = %s, counts = %s::jsonb, ended_at = greatest(%s, clock_timestamp())"
        " WHERE id = %s RETURNING started_at",
        [str(status), json_text(counts), at, opened.sync_id],
    )
    if status is Status.COMPLETE and opened.mode == "source":
        conn.execute(
            "UPDATE inventory.source SET last_complete_sync_at = %s WHERE id = %s", [started, opened.source_id]
        )
    found = summary(conn, opened.sync_id)
    assert found is not None
    return found


def fail_run(conn: psycopg.Connection, opened: Opened, source: SourceIdentity, reason: Reason) -> None:
    """Closes the row as failed."""
    conn.execute(
        "UPDATE inventory.sync_run SET status = 'failed', reasons = reasons || %s::jsonb, ended_at = clock_timestamp()"
        " WHERE id = %s AND status = 'running'",
        [json_text([clean(msgspec.to_builtins(reason))]), opened.sync_id],
    )
    details = {"run_id": opened.run_id, "sync_id": opened.sync_id, "status": "failed", "reason": reason.message}
    audit.append(conn, opened.actor, "sync.ended", source.name, details)


def audit_end(conn: psycopg.Connection, opened: Opened, source: SourceIdentity, ended: SyncSummary) -> None:
    """Writes the end of a finished sync into the audit trail."""
    details = {"run_id": opened.run_id, "sync_id": opened.sync_id, "status": ended.status, "counts": ended.counts}
    audit.append(conn, opened.actor, "sync.ended", source.name, details)


def summary(conn: psycopg.Connection, sync_id: int) -> SyncSummary | None:
    """A sync as stored."""
    row = conn.execute(
        "SELECT s.name, r.run_id, r.status, r.reasons, r.counts, r.started_at, r.ended_at"
        " FROM inventory.sync_run r"
        " JOIN inventory.source s ON s.id = r.source_id WHERE r.id = %s",
        [sync_id],
    ).fetchone()
    if row is None:
        return None
    scopes = conn.execute(
        "SELECT p.name, c.status, c.reasons FROM inventory.sync_scope c JOIN inventory.scope p ON p.id = c.scope_id"
        " WHERE c.sync_id = %s ORDER BY p.name",
        [sync_id],
    ).fetchall()
    words = [_in_words("", r) for r in row[3]] + [_in_words(f"{name}: ", r) for name, _, rs in scopes for r in rs]
    return SyncSummary(
        sync_id=sync_id,
        source=row[0],
        run_id=row[1],
        status=row[2],
        scopes=len(scopes),
        statuses={name: status for name, status, _ in scopes},
        counts={name: int(row[4].get(name, 0)) for name in COUNTS},
        reasons=tuple(words[:_MOST_REASONS]),
        started_at=row[5],
        ended_at=row[6],
    )


def _in_words(where: str, reason: dict[str, Any]) -> str:
    fix = reason.get("remedy", "")
    return f"{where}{reason['message']}" + (f" Fix: {fix}" if fix else "")


def source_number(conn: psycopg.Connection, source: SourceIdentity) -> int:
    """The source's id; it gets one where it is new."""
    # no write where nothing changed: an update would wait for transactions that hold the row
    found = _value(
        conn, "SELECT id FROM inventory.source WHERE name = %s AND platform = %s", [source.name, source.platform]
    )
    if found is None:
        found = _value(
            conn,
            "INSERT INTO inventory.source (name, platform) VALUES (%s, %s)"
            " ON CONFLICT (name) DO UPDATE SET platform = excluded.platform RETURNING id",
            [source.name, source.platform],
        )
    return int(found)


def _value(conn: psycopg.Connection, query: str, values: Sequence[Any]) -> Any:
    row = conn.execute(query, values).fetchone()
    return None if row is None else row[0]
