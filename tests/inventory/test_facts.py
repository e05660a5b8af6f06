"""Grants, memberships, policies, lineage and usage in the inventory: history, the guard, and the questions in SQL."""

from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime
from itertools import pairwise
from typing import Any

import psycopg
import pytest

from governance.errors import GovernanceError, Unavailable
from governance.listing import FactPage, Quarantined, Reason, Scope, ScopeListing, Status
from governance.loss_guard import LossGuard
from governance.model import Container, Facet, Fact, Grant, LineageEdge, Membership, Policy, Usage
from resources.inventory.database import Inventory
from resources.inventory.facts.outcomes import PartOutcome
from resources.inventory.facts.queries import FactQueries
from resources.inventory.facts.sync import fact_sync
from resources.inventory.outcomes import SourceBusy, SourceIdentity
from resources.inventory.sync import inventory_sync
from tests.inventory.estate import EVERYTHING, GUARD, column, paged, rows, table, tag, value

WAREHOUSE = SourceIdentity("warehouse", "snowflake")
WHOLE = Scope("account", "account")


def pages(facts: Sequence[Fact], error: GovernanceError | None = None, *reasons: Reason) -> Iterator[FactPage]:
    yield FactPage(tuple(facts), reasons=reasons)
    if error is not None:
        raise error


def read(
    inventory: Inventory,
    *facts: Fact,
    facet: Facet = "access",
    part: Scope = WHOLE,
    error: GovernanceError | None = None,
    accept_loss: bool = False,
    source: SourceIdentity = WAREHOUSE,
) -> PartOutcome:
    """One reading of one part."""
    with fact_sync(inventory, source, facet, "run", "test", "source", LossGuard()) as sync:
        sync.record_parts(ScopeListing((part,)))
        outcome = sync.write_part(part, pages(facts, error), accept_loss=accept_loss)
        sync.finish()
    return outcome


def read_pages(inventory: Inventory, *told: FactPage) -> PartOutcome:
    """One reading of access, page by page."""
    with fact_sync(inventory, WAREHOUSE, "access", "run", "test", "source", LossGuard()) as sync:
        sync.record_parts(ScopeListing((WHOLE,)))
        outcome = sync.write_part(WHOLE, told)
        sync.finish()
    return outcome


def grant(securable: str, principal: str, privilege: str = "SELECT", **more: Any) -> Grant:
    confers = more.pop("confers", ("read",) if privilege == "SELECT" else ("use",))
    return Grant(securable, more.pop("kind", "table"), principal, more.pop("of", "role"), privilege, confers, **more)


def warehouse(inventory: Inventory, *datasets: Any) -> None:
    """`DB.S.T` and what else is given, with their containers."""
    scope = Scope("DB.S", "schema")
    containers = (Container("DB", "database", "DB"), Container("DB.S", "schema", "S", parent="DB"))
    with inventory_sync(inventory, WAREHOUSE, "run", "test", "source", GUARD) as sync:
        sync.record_scopes(ScopeListing((scope,), containers=containers))
        sync.write_scope(scope, paged(datasets), EVERYTHING)
        sync.finish()


T = table("T", column("ID"), column("EMAIL", 2), scope="DB.S")


def test_a_facet_s_reasons_are_told_with_the_parts_that_have_them(inventory: Inventory) -> None:
    day = Scope("2026-03-07", "day")
    read(inventory, facet="usage", part=day, error=Unavailable("no answer"))
    ((source, facet, status, _, reasons),) = FactQueries(inventory).facet_summaries("run")
    assert (source, facet, status) == ("warehouse", "usage", "partial")
    assert [reason["message"] for reason in reasons] == ["2026-03-07: no answer"]


def test_what_stays_costs_no_write_and_what_differs_has_a_history(inventory: Inventory) -> None:
    first = read(inventory, grant("DB.S.T", "ANALYST"), grant("DB.S.T", "LOADER", "INSERT", confers=("write",)))
    assert first.status is Status.COMPLETE
    assert (first.counts["facts"], first.counts["created"], first.counts["closed"]) == (2, 2, 0)
    before = rows(inventory, "SELECT ctid::text, xmin::text FROM inventory.privilege ORDER BY 1")
    again = read(inventory, grant("DB.S.T", "ANALYST"), grant("DB.S.T", "LOADER", "INSERT", confers=("write",)))
    assert (again.counts["created"], again.counts["closed"], again.counts["unchanged"]) == (0, 0, 2)
    assert rows(inventory, "SELECT ctid::text, xmin::text FROM inventory.privilege ORDER BY 1") == before
    moment = value(inventory, "SELECT clock_timestamp()")
    changed = read(
        inventory, grant("DB.S.T", "ANALYST", grantable=True), grant("DB.S.T", "LOADER", "INSERT", confers=("write",))
    )
    assert (changed.counts["created"], changed.counts["closed"]) == (1, 1)
    now = rows(inventory, "SELECT principal, grantable FROM inventory.grants ORDER BY 1")
    then = rows(inventory, "SELECT principal, grantable FROM inventory.grants_as_of(%s) ORDER BY 1", moment)
    assert [r["grantable"] for r in now] == [True, False]
    assert [r["grantable"] for r in then] == [False, False]


def test_a_fact_told_twice_is_one(inventory: Inventory) -> None:
    outcome = read(inventory, grant("DB.S.T", "A"), grant("DB.S.T", "A"), grant("DB.S.T", "B"))
    assert (outcome.counts["created"], outcome.counts["duplicates"]) == (2, 1)


def test_a_reading_that_breaks_off_closes_nothing(inventory: Inventory) -> None:
    read(inventory, grant("DB.S.T", "A"), grant("DB.S.T", "B"))
    outcome = read(inventory, grant("DB.S.T", "C"), error=Unavailable("gone", platform="snowflake"))
    assert outcome.status is Status.PARTIAL
    found = rows(inventory, "SELECT principal FROM inventory.grants ORDER BY 1")
    assert [r["principal"] for r in found] == ["A", "B", "C"]


def test_a_reading_that_suddenly_shows_nothing_is_not_believed(inventory: Inventory) -> None:
    read(inventory, *(grant("DB.S.T", f"R{n}") for n in range(5)))
    held = read(inventory)
    assert (held.status, held.counts["held"], held.counts["closed"]) == (Status.PARTIAL, 5, 0)
    assert "--facet access --accept-loss" in held.reasons[0].remedy
    accepted = read(inventory, accept_loss=True)
    assert (accepted.status, accepted.counts["closed"]) == (Status.COMPLETE, 5)


def test_what_cannot_be_stored_waits_in_quarantine_until_it_is_gone(inventory: Inventory) -> None:
    outcome = read(inventory, grant("", "A"), grant("DB.S.T", "B"))
    assert (outcome.status, outcome.counts["quarantined"]) == (Status.COMPLETE, 1)
    waiting = rows(inventory, "SELECT facet, scope, reason FROM inventory.quarantine")
    assert waiting == [{"facet": "access", "scope": "account", "reason": "it has no securable"}]
    read(inventory, grant("DB.S.T", "B"))
    assert rows(inventory, "SELECT * FROM inventory.quarantine") == []


def test_what_is_known_under_the_name_of_an_illegible_record_stays(inventory: Inventory) -> None:
    known = (grant("DB.S.T", "A"), grant("DB.S.T", "B"), grant("DB.S.U", "A"))
    read(inventory, *known)
    odd = FactPage(quarantined=(Quarantined("DB.S.T", "no privilege", {"of": "DB.S.T"}),))
    outcome = read_pages(inventory, odd)
    assert (outcome.status, outcome.counts["closed"], outcome.counts["quarantined"]) == (Status.COMPLETE, 1, 1)
    assert {(r["securable"], r["principal"]) for r in rows(inventory, "SELECT * FROM inventory.grants")} == {
        ("DB.S.T", "A"),
        ("DB.S.T", "B"),
    }
    assert read(inventory, grant("DB.S.T", "A")).counts["closed"] == 1


def test_where_a_record_names_nothing_nothing_is_closed(inventory: Inventory) -> None:
    read(inventory, grant("DB.S.T", "A"), grant("DB.S.T", "B"))
    outcome = read_pages(
        inventory, FactPage((grant("DB.S.T", "A"),), (Quarantined(None, "no object", ["what is that?"]),))
    )
    assert (outcome.status, outcome.counts["closed"]) == (Status.PARTIAL, 0)
    assert [r.code for r in outcome.reasons] == ["unnamed_record"]
    assert len(rows(inventory, "SELECT * FROM inventory.grants")) == 2
    assert read(inventory, grant("DB.S.T", "A")).counts["closed"] == 1


def test_dirty_text_is_cleaned_and_counted(inventory: Inventory) -> None:
    outcome = read(inventory, Policy("p", "row_filter", "DB.S.T", "table", expression="a\x00b\ud800"))
    assert (outcome.counts["created"], outcome.counts["cleaned"]) == (1, 1)
    assert value(inventory, "SELECT expression FROM inventory.policies") == "a�b�"


def test_two_readings_of_one_facet_do_not_mix(inventory: Inventory) -> None:
    with fact_sync(inventory, WAREHOUSE, "access", "one", "test", "source", LossGuard()):
        with pytest.raises(SourceBusy):
            with fact_sync(inventory, WAREHOUSE, "access", "two", "test", "source", LossGuard()):
                pass
        # another facet, and the metadata, are other work
        with fact_sync(inventory, WAREHOUSE, "lineage", "three", "test", "source", LossGuard()):
            warehouse(inventory, T)


@pytest.mark.parametrize("facet", ["access", "lineage", "usage"])
def test_a_facet_keeps_its_lock_while_the_metadata_are_written(inventory: Inventory, facet: Facet) -> None:
    with fact_sync(inventory, WAREHOUSE, facet, "one", "test", "source", LossGuard()):
        # in a new inventory all of them have one number: source, scope and part
        warehouse(inventory, T)
        with pytest.raises(SourceBusy):
            with fact_sync(inventory, WAREHOUSE, facet, "two", "test", "source", LossGuard()):
                pass


def test_readers_follow_roles_and_name_what_is_lacking(inventory: Inventory) -> None:
    warehouse(inventory, T)
    read(
        inventory,
        grant("DB.S.T", "READER"),
        grant("DB.S", "READER", "USAGE", kind="schema"),
        grant("DB", "ANALYST", "USAGE", kind="database"),
        Membership("ANALYST", "role", "READER", "role"),
        Membership("ana", "user", "ANALYST", "role"),
        Membership("bob", "user", "READER", "role"),
        Policy("mask_email", "column_mask", "DB.S.T", "table", "EMAIL", exempt=("ANALYST",)),
    )
    found = {r.principal: r for r in FactQueries(inventory).readers("warehouse", "DB.S.T", "EMAIL")}
    assert found["ana"].via == ["user ana", "role ANALYST", "role READER", "SELECT on DB.S.T"]
    assert (found["ana"].lacking, found["ana"].masked_by) == ([], [])
    assert (found["bob"].lacking, found["bob"].masked_by) == (["the right to use DB"], ["mask_email"])
    assert set(found) == {"ana", "bob", "ANALYST", "READER"}


def test_a_circle_of_roles_ends(inventory: Inventory) -> None:
    warehouse(inventory, T)
    read(inventory, grant("DB.S.T", "A"), Membership("A", "role", "B", "role"), Membership("B", "role", "A", "role"))
    assert {r.principal for r in FactQueries(inventory).readers("warehouse", "DB.S.T")} == {"A", "B"}


def test_grants_on_containers_show_as_inherited(inventory: Inventory) -> None:
    warehouse(inventory, T)
    read(inventory, grant("DB", "AUDITOR", kind="database", inherits=True))
    found = rows(inventory, "SELECT securable, inherited_from FROM inventory.grants ORDER BY securable")
    assert found == [
        {"securable": "DB", "inherited_from": None},
        {"securable": "DB.S.T", "inherited_from": "DB"},
    ]
    assert value(inventory, "SELECT count(*) FROM inventory.grants_as_of(clock_timestamp())") == 2


def test_what_a_container_does_not_take_from_above_is_not_inherited(inventory: Inventory) -> None:
    warehouse(inventory, T)
    given = [
        grant("DB", "A", kind="database", inherits=True),
        grant("DB.S", "B", kind="schema", inherits=True),
        grant("DB", "C", "APPLY", kind="database", inherits=True, confers=("read",)),
    ]
    read(inventory, *given)
    before = value(inventory, "SELECT clock_timestamp()")
    read(inventory, *given, Policy("SELECT", "no_inheritance", "DB.S", "schema", inherits=True))
    barred = value(inventory, "SELECT clock_timestamp()")
    inherited = "SELECT principal FROM inventory.{} WHERE securable = 'DB.S.T' AND inherited_from <> '' ORDER BY 1"
    assert [r["principal"] for r in rows(inventory, inherited.format("grants"))] == ["B", "C"]
    assert [r.principal for r in FactQueries(inventory).readers("warehouse", "DB.S.T")] == ["B", "C"]
    read(inventory, *given)
    for moment, expected in ((before, "ABC"), (barred, "BC"), (value(inventory, "SELECT clock_timestamp()"), "ABC")):
        found = rows(inventory, inherited.format("grants_as_of(%s)"), moment)
        assert "".join(r["principal"] for r in found) == expected
    assert [r["principal"] for r in rows(inventory, inherited.format("grants"))] == ["A", "B", "C"]


def test_privileges_given_to_tags_reach_what_carries_them(inventory: Inventory) -> None:
    tagged = table("P", column("ID"), scope="DB.S", tags=(tag("pii", value="yes"),))
    warehouse(inventory, T, tagged)
    read(inventory, grant("DB", "PRIVACY", kind="database", inherits=True, tag_condition={"pii": ("yes",)}))
    queries = FactQueries(inventory)
    assert [r.principal for r in queries.readers("warehouse", "DB.S.P")] == ["PRIVACY"]
    assert queries.readers("warehouse", "DB.S.T") == []


def test_lineage_crosses_sources_at_one_location(inventory: Inventory) -> None:
    lake = SourceIdentity("lake", "glue")
    with inventory_sync(inventory, lake, "run", "test", "source", GUARD) as sync:
        scope = Scope("raw", "database")
        sync.record_scopes(ScopeListing((scope,)))
        sync.write_scope(scope, paged([table("orders", scope="raw", location="s3a://bucket/raw/orders/")]), EVERYTHING)
        sync.finish()
    warehouse(inventory, table("STAGE", scope="DB.S", location="s3://bucket/raw/orders"), T)
    read(inventory, LineageEdge("DB.S.STAGE", "DB.S.T", process="load"), facet="lineage")
    found = FactQueries(inventory).lineage_of("warehouse", "DB.S.T")
    steps = {(f"{r.upstream_source}:{r.upstream}", f"{r.downstream_source}:{r.downstream}") for r in found}
    assert ("warehouse:DB.S.STAGE", "warehouse:DB.S.T") in steps
    assert ("lake:raw.orders", "warehouse:DB.S.STAGE") in steps
    down = FactQueries(inventory).lineage_of("lake", "raw.orders", "", "downstream")
    assert {r.downstream for r in down} >= {"DB.S.STAGE", "DB.S.T"}


def test_column_lineage_goes_through_three_views_and_ends_in_a_circle(inventory: Inventory) -> None:
    warehouse(inventory, T)
    chain = ["T", "V1", "V2", "V3"]
    edges = [
        LineageEdge(f"DB.S.{a}", f"DB.S.{b}", "EMAIL", "EMAIL", process=b, process_kind="view")
        for a, b in pairwise(chain)
    ]
    read(inventory, *edges, LineageEdge("DB.S.V3", "DB.S.T", "EMAIL", "EMAIL"), facet="lineage")
    found = FactQueries(inventory).lineage_of("warehouse", "DB.S.V3", "EMAIL")
    assert {(r.upstream, r.downstream) for r in found} >= {("DB.S.T", "DB.S.V1"), ("DB.S.V2", "DB.S.V3")}
    assert len(found) == 4


def test_a_later_reading_of_a_day_takes_the_place_of_the_first(inventory: Inventory) -> None:
    day, at = date(2026, 3, 1), datetime(2026, 3, 1, 12, tzinfo=UTC)
    part = Scope(day.isoformat(), "day")
    read(inventory, Usage("DB.S.T", day, "ana", "user", reads=2, last_read_at=at), facet="usage", part=part)
    outcome = read(inventory, Usage("DB.S.T", day, "ana", "user", reads=5, last_read_at=at), facet="usage", part=part)
    assert (outcome.counts["created"], outcome.counts["closed"]) == (1, 1)
    found = rows(inventory, "SELECT day, principal, reads FROM inventory.usage")
    assert found == [{"day": day, "principal": "ana", "reads": 5}]
    stored = value(inventory, "SELECT tableoid::regclass::text FROM inventory.usage_day")
    assert stored.endswith("usage_day_y2026m03")


def test_a_day_that_is_read_in_part_replaces_what_it_measured_anew(inventory: Inventory) -> None:
    day, part = date(2026, 3, 14), Scope("2026-03-14", "day")
    ana, bo = (Usage("DB.S.T", day, name, "user", reads=2) for name in ("ana", "bo"))
    read(inventory, ana, bo, facet="usage", part=part)
    again = Usage("DB.S.T", day, "ana", "user", reads=5)
    outcome = read(inventory, again, facet="usage", part=part, error=Unavailable("gone", platform="snowflake"))
    assert (outcome.status, outcome.counts["created"], outcome.counts["closed"]) == (Status.PARTIAL, 1, 1)
    found = rows(inventory, "SELECT principal, reads FROM inventory.usage ORDER BY 1")
    assert found == [{"principal": "ana", "reads": 5}, {"principal": "bo", "reads": 2}]


def test_a_day_that_is_being_read_keeps_nobody_from_the_inventory(inventory: Inventory) -> None:
    """Though its month is a new one, whose partition is made first."""

    def looking_on() -> Iterator[FactPage]:
        with psycopg.connect(inventory.url, options="-c lock_timeout=2s") as conn:
            conn.execute("SELECT inventory.ensure_partition('usage_day', '2019-01-01')")
            for view in ("changes", "usage", "dataset_history"):
                conn.execute(f"SELECT count(*) FROM inventory.{view}".encode())
        yield FactPage((Usage("DB.S.T", date(2018, 3, 1), "ana", "user", reads=2),))

    with fact_sync(inventory, WAREHOUSE, "usage", "run", "test", "scopes", LossGuard()) as sync:
        outcome = sync.write_part(Scope("2018-03-01", "day"), looking_on())
        sync.finish()
    assert outcome.status is Status.COMPLETE, outcome.reasons
    made = rows(inventory, "SELECT relname FROM pg_class WHERE relname ~ 'y201[89]m..$' AND relkind = 'r' ORDER BY 1")
    assert [r["relname"] for r in made] == ["usage_day_y2018m03", "usage_day_y2019m01"]


def test_the_analysts_role_may_ask_all_of_it(inventory: Inventory) -> None:
    warehouse(inventory, T)
    read(inventory, grant("DB", "A", kind="database", inherits=True))
    with psycopg.connect(inventory.url) as conn:
        conn.execute("SET ROLE governance_reader")
        for question in (
            "inventory.grants", "inventory.memberships", "inventory.policies", "inventory.lineage", "inventory.usage",
            "inventory.facets", "inventory.grants_as_of(now())", "inventory.lineage_as_of(now())",
            "inventory.is_barred(1, 'DB', 1, 'SELECT')",
            "inventory.readers('warehouse', 'DB.S.T', '')", "inventory.lineage_of('warehouse', 'DB.S.T')",
        ):  # fmt: skip
            conn.execute(f"SELECT * FROM {question}".encode()).fetchall()
