"""The schema that users rely on: migrations, promised columns and comments, the reader's role, partitions, audit."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import psycopg
import pytest
from psycopg import sql

from governance.errors import GovernanceError
from resources.inventory import audit, migrations
from resources.inventory.database import Inventory
from resources.inventory.migrations import migrate
from tests.inventory.estate import rows, sync, table, value

PROMISED = {
    "sources": "source platform last_complete_sync_at datasets columns",
    "datasets": "source platform qualified_name kind container name comment owner format location row_count size_bytes"
    " properties state first_seen_at last_seen_at changed_at source_updated_at",
    "columns": "source qualified_name path ordinal native_type type nullable comment partition_key",
    "tags": "source qualified_name path tag value kind inherited origin confidence",
    "grants": "source securable securable_kind principal principal_kind privilege grantable inherited_from",
    "lineage": "source upstream upstream_path downstream downstream_path process origin",
    "changes": "change_id at source qualified_name path change field before after run_id",
    "sync_runs": "status reasons counts started_at ended_at run_id",
    "sync_scopes": "status reasons counts started_at ended_at run_id",
    "quarantine": "source scope reason payload run_id first_seen_at attempts",
    "audit": "seq at actor action target details hash previous_hash",
    "containers": "source qualified_name kind name",
    "memberships": "source member member_kind role role_kind",
    "policies": "source policy kind securable path expression applies_to exempt",
    "usage": "source day qualified_name principal principal_kind reads writes last_read_at last_written_at",
    "facets": "source facet part facts last_complete_at last_status",
}
AS_OF = ("datasets", "columns", "tags", "grants", "memberships", "policies", "lineage")
VERSIONS = Path(migrations.__file__).parent / "versions"


@pytest.mark.parametrize("view", PROMISED)
def test_every_view_has_its_promised_columns(inventory: Inventory, view: str) -> None:
    promised = PROMISED[view].split()
    found = rows(
        inventory,
        "SELECT attname FROM pg_attribute WHERE attrelid = %s::regclass AND attnum > 0 ORDER BY attnum",
        f"inventory.{view}",
    )
    names = [r["attname"] for r in found]
    assert set(promised) <= set(names)
    if view not in ("sync_runs", "sync_scopes"):
        # others may only be added behind them
        assert [n for n in names if n in promised] == promised


def test_every_view_and_each_of_its_columns_has_a_comment(inventory: Inventory) -> None:
    silent = rows(
        inventory,
        "SELECT c.relname, a.attname FROM pg_class c LEFT JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0"
        " WHERE c.relnamespace = 'inventory'::regnamespace AND c.relkind = 'v'"
        " AND (obj_description(c.oid) IS NULL OR col_description(c.oid, a.attnum) IS NULL)",
    )
    assert silent == []
    views = rows(
        inventory, "SELECT relname FROM pg_class WHERE relnamespace = 'inventory'::regnamespace AND relkind = 'v'"
    )
    assert set(PROMISED) <= {r["relname"] for r in views}


@pytest.mark.parametrize(("function", "view"), [(f"{v}_as_of", v) for v in AS_OF])
def test_as_of_has_the_columns_of_its_view(inventory: Inventory, function: str, view: str) -> None:
    with psycopg.connect(inventory.url) as conn:
        shapes = []
        for source in (f"inventory.{function}(now())", f"inventory.{view}"):
            described = conn.execute(f"SELECT * FROM {source} LIMIT 0".encode()).description
            assert described is not None
            shapes.append([(c.name, c.type_code) for c in described])
    assert shapes[0] == shapes[1]


def test_migrations_run_once_whoever_calls_them(empty_database: str) -> None:
    errors: list[GovernanceError] = []

    def run() -> None:
        try:
            migrate(empty_database)
        except GovernanceError as error:
            errors.append(error)

    threads = [threading.Thread(target=run) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    with psycopg.connect(empty_database) as conn:
        before = conn.execute("SELECT oid, relname FROM pg_class ORDER BY oid").fetchall()
    migrate(empty_database)
    with psycopg.connect(empty_database) as conn:
        assert conn.execute("SELECT oid, relname FROM pg_class ORDER BY oid").fetchall() == before
        newest = max(path.name[1:5] for path in VERSIONS.glob("v[0-9]*.py"))
        assert conn.execute("SELECT version_num FROM inventory.schema_version").fetchall() == [(newest,)]


def test_a_user_without_the_right_to_create_roles_can_migrate(empty_database: str) -> None:
    name = psycopg.conninfo.conninfo_to_dict(empty_database)["dbname"]
    with psycopg.connect(empty_database, autocommit=True) as conn:
        role = sql.Identifier(f"owner_{name}")
        conn.execute(sql.SQL("CREATE ROLE {} LOGIN").format(role))
        conn.execute(sql.SQL("ALTER DATABASE {} OWNER TO {}").format(sql.Identifier(str(name)), role))
    migrate(empty_database.replace("postgres:@", f"owner_{name}@"))
    with psycopg.connect(empty_database) as conn:
        assert conn.execute("SELECT count(*) FROM inventory.datasets").fetchone() == (0,)


def test_the_reader_reads_views_and_nothing_else(inventory: Inventory) -> None:
    sync(inventory, table("t"))
    with psycopg.connect(inventory.url, autocommit=True) as conn:
        conn.execute("SET ROLE governance_reader")
        for view in PROMISED:
            conn.execute(f"SELECT * FROM inventory.{view}".encode())
        assert conn.execute("SELECT count(*) FROM inventory.columns_as_of(now())").fetchone() == (2,)
        assert conn.execute("SELECT count(*) FROM inventory.datasets_as_of(now())").fetchone() == (1,)
        assert conn.execute("SELECT inventory.verify_audit()").fetchone() == (None,)
        for statement in ("SELECT * FROM inventory.dataset", "DELETE FROM inventory.audit_entry"):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                conn.execute(statement.encode())


def test_history_and_changes_lie_in_the_partition_of_their_month(inventory: Inventory) -> None:
    sync(inventory, table("a"), table("b"))
    sync(inventory, table("a", comment="x"), table("b"))
    month = f"_y{datetime.now(UTC):%Y}m{datetime.now(UTC):%m}"
    assert value(inventory, f"SELECT count(*) FROM inventory.change{month}") == 3
    assert value(inventory, f"SELECT count(*) FROM inventory.dataset_history{month}") == 1
    assert value(inventory, "SELECT count(*) FROM inventory.change_default") == 0
    with inventory.connection() as conn:
        for _ in range(2):
            conn.execute("SELECT inventory.ensure_partitions('2031-12-31 23:59:59Z')")
    made = rows(
        inventory, "SELECT relname FROM pg_class WHERE relname LIKE 'change%%y203%%' AND relkind = 'r' ORDER BY 1"
    )
    assert [r["relname"] for r in made] == ["change_y2031m12", "change_y2032m01"]


def test_two_transactions_may_need_the_same_new_partitions(inventory: Inventory) -> None:
    """As two sources do whose schedules meet in the first minute of a month."""
    make = "SELECT inventory.ensure_partitions('2031-12-31')"
    with ThreadPoolExecutor(2) as pool, psycopg.connect(inventory.url) as second:
        for isolation in (None, psycopg.IsolationLevel.REPEATABLE_READ):
            second.isolation_level = isolation
            # what it has seen before is not there
            second.execute("SELECT to_regclass('inventory.change_y2031m12')")
            with psycopg.connect(inventory.url) as first:
                first.execute(make)
                waiting = pool.submit(second.execute, make)  # type: ignore[call-overload]
                until = time.monotonic() + 20
                blocked = "SELECT count(*) FROM pg_locks WHERE pid = %s AND NOT granted"
                while first.execute(blocked, [second.info.backend_pid]).fetchone() == (0,):
                    assert time.monotonic() < until
            waiting.result()
            second.commit()
            assert value(inventory, "SELECT count(*) FROM pg_class WHERE relname = 'change_y2031m12'") == 1
            with inventory.connection() as conn:
                conn.execute(_DROP)


_DROP = """
DO $$ DECLARE one regclass; BEGIN
    FOR one IN SELECT oid FROM pg_class WHERE relname ~ '_y203[12]m..$' AND relkind = 'r' LOOP
        EXECUTE 'DROP TABLE ' || one;
    END LOOP;
END $$
"""


def test_the_audit_trail_names_the_actor_of_every_sync(inventory: Inventory) -> None:
    sync(inventory, table("t"))
    found = rows(inventory, "SELECT * FROM inventory.audit ORDER BY seq")
    assert [(r["seq"], r["actor"], r["action"], r["target"]) for r in found] == [
        (1, "test", "sync.started", "lake"),
        (2, "test", "sync.ended", "lake"),
    ]
    assert found[1]["details"]["status"] == "complete" and found[1]["previous_hash"] == found[0]["hash"]


TAMPERING = {
    "edited": ("UPDATE inventory.audit_entry SET actor = 'mallory' WHERE seq = 3", 3),
    "removed": ("DELETE FROM inventory.audit_entry WHERE seq = 2", 2),
    "cut off": ("DELETE FROM inventory.audit_entry WHERE seq >= 4", 4),
    "emptied": ("TRUNCATE inventory.audit_entry", 1),
    "rehashed": ("UPDATE inventory.audit_entry SET details = '{}', hash = sha256('x') WHERE seq = 5", 5),
    "back-dated": ("UPDATE inventory.audit_entry SET at = at - interval '1 us' WHERE seq = 1", 1),
}


@pytest.mark.parametrize("how", TAMPERING)
def test_tampering_with_the_audit_trail_is_refused_and_found(inventory: Inventory, how: str) -> None:
    statement, broken = TAMPERING[how]
    for n in range(1, 6):
        assert inventory.audit("ana", "did", f"thing {n}", {"n": n, "odd": "\x00\ud800"}) == n
    with inventory.connection() as conn:
        assert audit.verify(conn) is None
    with psycopg.connect(inventory.url) as conn:
        with pytest.raises(psycopg.errors.InsufficientPrivilege, match="append-only"):
            conn.execute(statement.encode())
        conn.rollback()
        conn.execute("ALTER TABLE inventory.audit_entry DISABLE TRIGGER ALL")
        conn.execute(statement.encode())
        conn.commit()
        assert audit.verify(conn) == broken


def test_many_writers_make_one_chain(inventory: Inventory) -> None:
    threads = [
        threading.Thread(target=lambda n=n: [inventory.audit("a", "b", str(n), {}) for _ in range(10)])
        for n in range(6)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert rows(inventory, "SELECT max(seq), count(*) FROM inventory.audit") == [{"max": 60, "count": 60}]
    assert inventory.queries().verify_audit() is None
