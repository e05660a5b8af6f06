"""The book-keeping of a facet's syncs: fences, run rows, parts and their outcomes."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec
import psycopg

from governance.listing import Reason, Scope, Status
from governance.model import Facet
from governance.text import clean
from resources.inventory import audit, locks
from resources.inventory.facts.outcomes import FacetSummary, PartOutcome
from resources.inventory.facts.write import PartPlace
from resources.inventory.ledger import source_number
from resources.inventory.locks import Lock
from resources.inventory.outcomes import SourceBusy, SourceIdentity, SyncMode
from resources.inventory.rows import json_text

_LOCKS = {"access": Lock.ACCESS, "lineage": Lock.LINEAGE, "usage": Lock.USAGE}
_MOST_REASONS = 1000


class OpenedFacet(msgspec.Struct, frozen=True):
    """An open sync of a facet: its ids, its fence, who asked, and the latest timestamp the facet had."""

    source_id: int
    sync_id: int
    facet: Facet
    fence: int
    run_id: str
    actor: str
    mode: SyncMode
    clock: datetime


def open_run(
    lock: psycopg.Connection, source: SourceIdentity, facet: Facet, run_id: str, actor: str, mode: SyncMode
) -> OpenedFacet:
    """Takes the facet's lock for as long as the connection lives, closes dead runs, and opens a row.

    Raises:
        SourceBusy: another session holds the lock.
    """
    number = source_number(lock, source)
    if not locks.take(lock, _LOCKS[facet], number):
        raise SourceBusy(
            f"{facet} of {source.name} is being read by another run",
            platform="inventory",
            operation="lock facet",
            remedy="wait for it to end, or end it in the web UI",
        )
    with lock.transaction():
        lock.execute("SELECT inventory.ensure_partitions(now())")
        fence = _value(
            lock,
            "INSERT INTO inventory.facet AS f (source_id, facet, fence) VALUES (%s, %s, 1)"
            " ON CONFLICT (source_id, facet) DO UPDATE SET fence = f.fence + 1 RETURNING fence",
            [number, facet],
        )
        died = json_text([Reason("died", "the run ended without saying so; its finished parts are kept")])
        lock.execute(
            "UPDATE inventory.sync_run SET status = 'failed', ended_at = clock_timestamp(),"
            " reasons = reasons || %s::jsonb WHERE source_id = %s AND facet = %s AND status = 'running'",
            [died, number, facet],
        )
        sync_id = _value(
            lock,
            "INSERT INTO inventory.sync_run (source_id, run_id, actor, mode, fence, facet)"
            " VALUES (%s, %s, %s, %s, %s, %s) RETURNING id",
            [number, run_id, actor, mode, fence, facet],
        )
        clock = _value(
            lock, "SELECT max(written_at) FROM inventory.part WHERE source_id = %s AND facet = %s", [number, facet]
        )
        audit.append(lock, actor, f"{facet}.started", source.name, {"run_id": run_id, "mode": mode, "sync_id": sync_id})
    return OpenedFacet(number, sync_id, facet, fence, run_id, actor, mode, clock or datetime.min.replace(tzinfo=UTC))


def retake_lock(conn: psycopg.Connection, opened: OpenedFacet, lost: int, source: SourceIdentity) -> None:
    """Takes a facet's lock for a run whose connection was lost.

    Args:
        conn: the new connection.
        opened: the run.
        lost: the server process of the lost connection.
        source: for the message.

    Raises:
        SourceBusy: another run has taken the facet over.
    """
    check_fence(conn, opened, source, lock=False)
    if not locks.retake(conn, _LOCKS[opened.facet], opened.source_id, lost):
        raise _overtaken(opened, source, "retake lock")


def _overtaken(opened: OpenedFacet, source: SourceIdentity, operation: str) -> SourceBusy:
    return SourceBusy(
        f"another run took {opened.facet} of {source.name} over while run {opened.run_id} had lost its lock",
        platform="inventory",
        operation=operation,
        remedy="nothing: the later run does the work",
    )


def is_recorded(conn: psycopg.Connection, place: PartPlace) -> bool:
    """Whether the transaction with this timestamp, which wrote this part, was committed."""
    query = "SELECT FROM inventory.sync_part WHERE sync_id = %s AND part_id = %s AND started_at = %s"
    return conn.execute(query, [place.sync_id, place.part_id, place.at]).fetchone() is not None


def check_fence(conn: psycopg.Connection, opened: OpenedFacet, source: SourceIdentity, *, lock: bool) -> datetime:
    """Refuses to go on where a later sync took the facet over; returns the database's time.

    Raises:
        SourceBusy: it did.
    """
    query = "SELECT fence, clock_timestamp() FROM inventory.facet WHERE source_id = %s AND facet = %s"
    row = conn.execute(query + (" FOR SHARE" if lock else ""), [opened.source_id, opened.facet]).fetchone()
    if row is None or row[0] != opened.fence:
        raise _overtaken(opened, source, "check fence")
    now: datetime = row[1]
    return now


def upsert_parts(conn: psycopg.Connection, opened: OpenedFacet, parts: Iterable[Scope]) -> dict[str, int]:
    """Stores the parts as present, where they are new or different; returns their ids by name."""
    rows = {p.name: (p.name, p.kind, json_text(clean(p.detail))) for p in parts}
    names = sorted(rows)
    values = [[rows[n][i] for n in names] for i in range(3)]
    conn.execute(
        "INSERT INTO inventory.part AS p (source_id, facet, name, kind, detail)"
        " SELECT %s, %s, n.name, n.kind, n.detail::jsonb"
        " FROM unnest(%s::text[], %s::text[], %s::text[]) n (name, kind, detail)"
        " ON CONFLICT (source_id, facet, name)"
        " DO UPDATE SET kind = excluded.kind, detail = excluded.detail, state = 'present'"
        " WHERE (p.kind, p.detail, p.state) IS DISTINCT FROM (excluded.kind, excluded.detail, 'present')",
        [opened.source_id, opened.facet, *values],
    )
    found = conn.execute(
        "SELECT name, id FROM inventory.part WHERE source_id = %s AND facet = %s AND name = ANY(%s)",
        [opened.source_id, opened.facet, names],
    )
    return {name: number for name, number in found}


def present_parts(conn: psycopg.Connection, opened: OpenedFacet) -> dict[str, int]:
    """The ids of the parts that are present, by name."""
    rows = conn.execute(
        "SELECT name, id FROM inventory.part WHERE source_id = %s AND facet = %s AND state = 'present'",
        [opened.source_id, opened.facet],
    )
    return {name: number for name, number in rows}


def finished(conn: psycopg.Connection, opened: OpenedFacet, run_ids: Sequence[str]) -> set[str]:
    """Names of the parts that these runs completed."""
    rows = conn.execute(
        "SELECT DISTINCT p.name FROM inventory.sync_run r JOIN inventory.sync_part c ON c.sync_id = r.id"
        " JOIN inventory.part p ON p.id = c.part_id"
        " WHERE r.run_id = ANY(%s) AND r.source_id = %s AND r.facet = %s AND c.status = 'complete'",
        [list(run_ids), opened.source_id, opened.facet],
    )
    return {row[0] for row in rows}


def record_outcome(conn: psycopg.Connection, place: PartPlace, outcome: PartOutcome, facts: int | None) -> None:
    """Writes how a part ended; `facts` is how many it has now, None where it was not read."""
    jsons = [json_text(v) for v in (outcome.reasons, outcome.counts, outcome.kinds, outcome.notes)]
    conn.execute(
        "INSERT INTO inventory.sync_part (sync_id, part_id, status, reasons, counts, kinds, notes, started_at)"
        " VALUES (%s, %s, %s, %s::jsonb, %s::jsonb, %s::jsonb, %s::jsonb, %s)"
        " ON CONFLICT (sync_id, part_id) DO UPDATE SET status = excluded.status, reasons = excluded.reasons,"
        " counts = excluded.counts, kinds = excluded.kinds, notes = excluded.notes,"
        " started_at = excluded.started_at, ended_at = clock_timestamp()",
        [place.sync_id, place.part_id, str(outcome.status), *jsons, place.at],
    )
    complete = outcome.status is Status.COMPLETE
    conn.execute(
        "UPDATE inventory.part SET written_at = %s, last_status = %s, facts = coalesce(%s, facts),"
        " last_complete_at = CASE WHEN %s THEN %s ELSE last_complete_at END WHERE id = %s",
        [place.at, str(outcome.status), facts, complete, place.at, place.part_id],
    )


def drop_part(conn: psycopg.Connection, part_id: int) -> None:
    """Marks a part as gone."""
    conn.execute("UPDATE inventory.part SET state = 'deleted', facts = 0 WHERE id = %s", [part_id])


def close_run(conn: psycopg.Connection, opened: OpenedFacet, source: SourceIdentity) -> None:
    """Writes status and sums of the sync, and when the facet was last complete."""
    parts = conn.execute(
        "SELECT status, counts FROM inventory.sync_part WHERE sync_id = %s", [opened.sync_id]
    ).fetchall()
    reasons = _value(conn, "SELECT reasons FROM inventory.sync_run WHERE id = %s", [opened.sync_id])
    status, counts = _status({p[0] for p in parts}, bool(reasons)), _sums(p[1] for p in parts)
    started = _value(
        conn,
        "UPDATE inventory.sync_run SET status = %s, counts = %s::jsonb, ended_at = clock_timestamp()"
        " WHERE id = %s RETURNING started_at",
        [status, json_text(counts), opened.sync_id],
    )
    if status == Status.COMPLETE and opened.mode == "source":
        conn.execute(
            "UPDATE inventory.facet SET last_complete_sync_at = %s WHERE source_id = %s AND facet = %s",
            [started, opened.source_id, opened.facet],
        )
    details = {"run_id": opened.run_id, "sync_id": opened.sync_id, "status": status, "counts": counts}
    audit.append(conn, opened.actor, f"{opened.facet}.ended", source.name, details)


def summary(conn: psycopg.Connection, opened: OpenedFacet, source: SourceIdentity) -> FacetSummary:
    """A closed sync as stored."""
    row = conn.execute(
        "SELECT status, reasons, counts, started_at, ended_at FROM inventory.sync_run WHERE id = %s", [opened.sync_id]
    ).fetchone()
    assert row is not None
    parts = conn.execute(
        "SELECT p.name, c.status, c.kinds, c.reasons FROM inventory.sync_part c"
        " JOIN inventory.part p ON p.id = c.part_id WHERE c.sync_id = %s ORDER BY p.name",
        [opened.sync_id],
    ).fetchall()
    words = [_in_words("", r) for r in row[1]] + [_in_words(f"{p[0]}: ", r) for p in parts for r in p[3]]
    return FacetSummary(
        sync_id=opened.sync_id,
        source=source.name,
        facet=opened.facet,
        run_id=opened.run_id,
        status=row[0],
        parts=len(parts),
        statuses={p[0]: p[1] for p in parts},
        counts={name: int(count) for name, count in row[2].items()},
        kinds=_sums(p[2] for p in parts),
        reasons=tuple(words[:_MOST_REASONS]),
        started_at=row[3],
        ended_at=row[4],
    )


def fail_run(conn: psycopg.Connection, opened: OpenedFacet, source: SourceIdentity, reason: Reason) -> None:
    """Closes the row as failed."""
    conn.execute(
        "UPDATE inventory.sync_run SET status = 'failed', reasons = reasons || %s::jsonb, ended_at = clock_timestamp()"
        " WHERE id = %s AND status = 'running'",
        [json_text([clean(msgspec.to_builtins(reason))]), opened.sync_id],
    )
    details = {"run_id": opened.run_id, "sync_id": opened.sync_id, "status": "failed", "reason": reason.message}
    audit.append(conn, opened.actor, f"{opened.facet}.ended", source.name, details)


def _status(statuses: set[str], reasons: bool) -> str:
    if statuses == {"failed"}:
        return "failed"
    return "partial" if reasons or statuses - {"complete"} else "complete"


def _sums(counts: Iterable[dict[str, Any]]) -> dict[str, int]:
    out: dict[str, int] = {}
    for each in counts:
        for name, count in each.items():
            out[name] = out.get(name, 0) + int(count)
    return out


def _in_words(where: str, reason: dict[str, Any]) -> str:
    fix = reason.get("remedy", "")
    return f"{where}{reason['message']}" + (f" Fix: {fix}" if fix else "")


def _value(conn: psycopg.Connection, query: str, values: Sequence[Any]) -> Any:
    row = conn.execute(query, values).fetchone()
    return None if row is None else row[0]
