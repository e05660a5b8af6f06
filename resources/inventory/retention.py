"""Retention: what is older than a bound goes, whole partitions at a time.

A horizon is stored and committed before anything is dropped. From then on the as-of functions refuse every moment
before it, so that nobody is given half an answer, also where the pruning dies half-way; the next one takes up the rest.
"""

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, Literal

import msgspec
import psycopg
from psycopg import sql

from governance.errors import ConfigurationError, Transient
from resources.inventory import audit
from resources.inventory.database import Inventory

What = Literal["history", "changes", "usage", "runs"]
WHATS: tuple[What, ...] = ("history", "changes", "usage", "runs")

PARTITIONED_BY: dict[str, What] = {"valid_to": "history", "at": "changes", "day": "usage"}
"""What a partitioned table holds, by the column that it is partitioned by: a new table joins without being listed."""

LOCK = "governance.prune"
_BATCH = 10_000
_LOCK_WAIT_SECONDS, _ATTEMPTS, _PAUSE_SECONDS = 3, 40, 3.0

_PARTITIONS = r"""
SELECT p.relname AS parent, c.relname AS name,
       (regexp_match(pg_get_partkeydef(p.oid), '^RANGE \((\w+)\)$'))[1] AS key,
       (regexp_match(pg_get_expr(c.relpartbound, c.oid), ' TO \(''([^'']+)''\)$'))[1]::timestamptz AS until,
       pg_get_expr(c.relpartbound, c.oid) = 'DEFAULT' AS is_default,
       pg_total_relation_size(c.oid) AS bytes, greatest(c.reltuples, 0)::bigint AS rows
FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid JOIN pg_class p ON p.oid = i.inhparent
WHERE p.relnamespace = 'inventory'::regnamespace AND p.relkind = 'p'
ORDER BY p.relname, until NULLS LAST
"""
# Conditions on a row {0}. Kept are each scope's last complete listing, which says when its datasets were last seen, and
# the last run of each source and facet, which says how it stands.
_LAST = "(SELECT max(id) FROM inventory.sync_run GROUP BY source_id, facet)"
_OLD_SCOPE = f"""
{{0}}.at < %(runs)s AND {{0}}.sync_id NOT IN {_LAST} AND NOT ({{0}}.status = 'complete' AND NOT EXISTS (
    SELECT FROM inventory.sync_scope n
    WHERE n.scope_id = {{0}}.scope_id AND n.status = 'complete' AND n.at > {{0}}.at AND n.at < %(runs)s))
"""
_OLD_PART = f"{{0}}.started_at < %(runs)s AND {{0}}.sync_id NOT IN {_LAST}"
# one whose scopes, parts and changes are gone, or go before it
_OLD_RUN = f"""
{{0}}.ended_at < %(runs)s AND {{0}}.status <> 'running' AND {{0}}.id NOT IN {_LAST}
AND NOT EXISTS (SELECT FROM inventory.sync_scope s WHERE s.sync_id = {{0}}.id AND NOT ({_OLD_SCOPE.format("s")}))
AND NOT EXISTS (SELECT FROM inventory.sync_part s WHERE s.sync_id = {{0}}.id AND NOT ({_OLD_PART.format("s")}))
AND NOT EXISTS (SELECT FROM inventory.change s WHERE s.sync_id = {{0}}.id AND s.at >= %(changes)s)
"""
_ROWS = {"sync_scope": _OLD_SCOPE, "sync_part": _OLD_PART, "sync_run": _OLD_RUN}


class PruneBusy(Transient):
    """Another pruning is under way, or an export reads what would go."""


class Piece(msgspec.Struct, frozen=True):
    """Something that goes.

    Args:
        what: history, changes, usage or runs.
        table: the table, or the one that it is a partition of.
        name: the partition; the table itself where rows go.
        how: `drop` a partition, `truncate` the default one, `delete` rows.
        rows: exactly where rows are deleted; for a partition as the server last counted, 0 where it never did.
        bytes: on disk; None for rows that are deleted.
    """

    what: What
    table: str
    name: str
    how: Literal["drop", "truncate", "delete"]
    rows: int
    bytes: int | None


class Plan(msgspec.Struct, frozen=True):
    """What a pruning does: the bounds, and all that is older than them."""

    bounds: dict[What, datetime]
    pieces: tuple[Piece, ...]

    @property
    def bytes(self) -> int:
        """What the partitions take on disk."""
        return sum(piece.bytes or 0 for piece in self.pieces)


def bounds(months: Mapping[What, int | None], now: datetime) -> dict[What, datetime]:
    """The beginning (UTC) of the first month that is kept: that many whole months before this one; no entry: all is."""
    out: dict[What, datetime] = {}
    for what, keep in months.items():
        if keep is not None:
            at = now.astimezone(UTC)
            count = max(at.year * 12 + at.month - 1 - keep, 12)
            out[what] = datetime(count // 12, count % 12 + 1, 1, tzinfo=UTC)
    return out


def horizons(inventory: Inventory) -> dict[What, datetime]:
    """Since when each kind of record is kept, of those of which something was pruned."""
    with inventory.connection() as conn:
        return {what: since for what, since in conn.execute("SELECT what, kept_since FROM inventory.horizons")}


def refuse_pruned(conn: psycopg.Connection[Any], since: datetime, *whats: What) -> None:
    """What changed since a moment can be told only from where all of these are kept.

    Raises:
        ConfigurationError: some of it was pruned.
    """
    kept = "SELECT max(kept_since) FROM inventory.horizons WHERE what = ANY(%s)"
    row = conn.execute(kept, [list(whats)]).fetchone()
    if row is not None and row[0] is not None and since < row[0]:
        kept_since = row[0].astimezone(UTC)
        raise ConfigurationError(
            f"{' and '.join(whats)} {'are' if len(whats) > 1 or whats[0] != 'history' else 'is'} kept since"
            f" {kept_since:%Y-%m-%d %H:%MZ} only: what changed before is no longer known",
            platform="inventory",
            operation="since",
            remedy=f"ask from {kept_since:%Y-%m-%dT%H:%MZ}",
        )


def planned(inventory: Inventory, until: Mapping[What, datetime]) -> Plan:
    """What a pruning to these bounds would do; changes nothing."""
    with _session(inventory) as conn:
        return _plan(conn, until)


class Pruning:
    """A pruning that holds its lock: look at `plan`, then `run`."""

    def __init__(self, conn: psycopg.Connection[Any], plan: Plan, actor: str) -> None:
        self.plan = plan
        self._conn, self._actor = conn, actor

    def run(self) -> Iterator[Piece]:
        """Does it, and gives each piece when it is gone, rows of runs as many as there were.

        Raises:
            PruneBusy: a partition was in use for as long as it was waited for.
        """
        self._keep_horizons()
        done = []
        for piece in self.plan.pieces:
            gone = self._remove(piece)
            done.append(gone)
            yield gone
        with self._conn.transaction():
            details = {"bounds": self.plan.bounds, "pieces": done, "bytes": self.plan.bytes}
            audit.append(self._conn, self._actor, "inventory.pruned", "inventory", msgspec.to_builtins(details))

    def _keep_horizons(self) -> None:
        """Once this is committed nobody is answered for moments before it; a horizon never moves back."""
        with self._conn.transaction():
            for what, since in self.plan.bounds.items():
                if any(piece.what == what for piece in self.plan.pieces):
                    self._conn.execute(
                        "INSERT INTO inventory.horizon AS h (what, kept_since) VALUES (%s, %s) ON CONFLICT (what)"
                        " DO UPDATE SET kept_since = greatest(h.kept_since, excluded.kept_since),"
                        " pruned_at = clock_timestamp()",
                        [what, since],
                    )

    def _remove(self, piece: Piece) -> Piece:
        if piece.what == "runs":
            return msgspec.structs.replace(piece, rows=self._delete_runs(piece.table))
        if piece.how == "delete":
            return msgspec.structs.replace(piece, rows=self._delete_default(piece))
        for attempt in range(_ATTEMPTS):
            try:
                with self._conn.transaction():
                    # a short wait: whoever comes behind a waiting lock waits too
                    self._conn.execute(f"SET LOCAL lock_timeout = '{_LOCK_WAIT_SECONDS}s'".encode())
                    return self._drop(piece)
            except psycopg.errors.LockNotAvailable as error:
                if attempt + 1 == _ATTEMPTS:
                    raise PruneBusy(
                        f"{piece.name} stayed in use",
                        platform="inventory",
                        operation="prune",
                        remedy="prune when fewer syncs and queries run; what is gone is gone, the rest comes next",
                    ) from error
                time.sleep(_PAUSE_SECONDS)
        raise AssertionError("the last attempt returns or raises")

    def _drop(self, piece: Piece) -> Piece:
        table = sql.Identifier("inventory", piece.name)
        if piece.how == "drop":
            self._conn.execute(sql.SQL("DROP TABLE {}").format(table))
            return piece
        self._conn.execute(sql.SQL("LOCK TABLE {} IN ACCESS EXCLUSIVE MODE").format(table))
        old, total = _counted(self._conn, piece.name, _key(piece.what), self.plan.bounds[piece.what])
        if old == total:
            self._conn.execute(sql.SQL("TRUNCATE {}").format(table))
            return msgspec.structs.replace(piece, rows=total)
        # something came meanwhile
        return msgspec.structs.replace(piece, how="delete", rows=self._delete_default(piece))

    def _delete_default(self, piece: Piece) -> int:
        query = sql.SQL("DELETE FROM {} WHERE {} < %s").format(
            sql.Identifier("inventory", piece.name), sql.Identifier(_key(piece.what))
        )
        return self._conn.execute(query, [self.plan.bounds[piece.what]]).rowcount

    def _delete_runs(self, table: str) -> int:
        """In batches, each a transaction: a sync that waits for one does not wait long."""
        count = 0
        old = f"SELECT c.ctid FROM inventory.{table} c WHERE {_ROWS[table].format('c')} LIMIT {_BATCH}"
        query = f"DELETE FROM inventory.{table} WHERE ctid = ANY(ARRAY({old}))".encode()
        while gone := self._conn.execute(query, _moments(self.plan.bounds)).rowcount:
            count += gone
        return count


@contextmanager
def pruning(inventory: Inventory, until: Mapping[What, datetime], actor: str) -> Iterator[Pruning]:
    """A pruning to these bounds, alone.

    Args:
        inventory: whose tables.
        until: the bound of each kind; what has none is kept.
        actor: for the audit trail.

    Raises:
        PruneBusy: another one, or an export, is under way.
        GovernanceError: the database failed.
    """
    with _session(inventory) as conn:
        row = conn.execute("SELECT pg_try_advisory_lock(hashtext(%s))", [LOCK]).fetchone()
        if row is None or not row[0]:
            raise PruneBusy(
                "another pruning or an export is under way",
                platform="inventory",
                operation="prune",
                remedy="wait for it to end",
            )
        yield Pruning(conn, _plan(conn, until), actor)


def _plan(conn: psycopg.Connection[Any], until: Mapping[What, datetime]) -> Plan:
    pieces: list[Piece] = []
    for parent, name, key, end, is_default, size, rows in conn.execute(_PARTITIONS).fetchall():
        what = PARTITIONED_BY.get(key)
        if what is None or what not in until:
            continue
        if is_default:
            old, total = _counted(conn, name, key, until[what])
            if old:
                how: Literal["truncate", "delete"] = "truncate" if old == total else "delete"
                pieces.append(Piece(what, parent, name, how, old, size if how == "truncate" else None))
        elif end is not None and end <= until[what]:
            pieces.append(Piece(what, parent, name, "drop", rows, size))
    if "runs" in until:
        for table, condition in _ROWS.items():
            query = f"SELECT count(*) FROM inventory.{table} c WHERE {condition.format('c')}".encode()
            row = conn.execute(query, _moments(until)).fetchone()
            if row is not None and row[0]:
                pieces.append(Piece("runs", table, table, "delete", row[0], None))
    pieces.sort(key=lambda piece: WHATS.index(piece.what))
    return Plan(dict(until), tuple(pieces))


def _moments(until: Mapping[What, datetime]) -> dict[str, Any]:
    """The bounds of runs and of changes as a query takes them."""
    return {"runs": until["runs"], "changes": until.get("changes", "-infinity")}


def _counted(conn: psycopg.Connection[Any], table: str, key: str, until: datetime) -> tuple[int, int]:
    """How many rows are older, and how many there are."""
    query = sql.SQL("SELECT count(*) FILTER (WHERE {} < %s), count(*) FROM {}").format(
        sql.Identifier(key), sql.Identifier("inventory", table)
    )
    row = conn.execute(query, [until]).fetchone()
    assert row is not None
    return int(row[0]), int(row[1])


def _key(what: What) -> str:
    return next(key for key, of in PARTITIONED_BY.items() if of == what)


@contextmanager
def _session(inventory: Inventory) -> Iterator[psycopg.Connection[Any]]:
    with inventory.dedicated() as conn:
        # the bounds of partitions are read and compared as text of this zone, days too
        conn.execute("SET TimeZone = 'UTC'")
        conn.execute("SET statement_timeout = 0")
        yield conn
