"""Who used which table on which day: from system tables, or a Reason that says what is missing."""

from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from governance.errors import RecordError
from governance.listing import FactPage, Scope
from governance.model import Usage
from resources.databricks.resource import DatabricksResource
from resources.databricks.translate_usage import usage
from resources.facets import FactReader, open_facet
from sandbox.databricks.access import READER_TOKEN, STRANGER_TOKEN
from sandbox.faults import Exchange
from sandbox.serving import Company, Face, Served, running
from tests.contracts.contract import EVERYTHING
from tests.contracts.facet_contract import UsageContract, counted, facts_of


class TestUsage(UsageContract):
    platform = "databricks"
    page_calls = "sql/statements"

    def test_the_platform_says_which_days_it_still_has(self, reader: FactReader, face: Face) -> None:
        days = [part.name for part in reader.parts(EVERYTHING).scopes]
        assert days == [day.isoformat() for day in self.days(face)]
        assert len(days) == 40

    def test_no_text_is_read_unless_asked_for(self, reader: FactReader, face: Face) -> None:
        assert all(fact.queries == () for fact in self.read_all(reader, face) if isinstance(fact, Usage))


@pytest.fixture(scope="module")
def served() -> Iterator[Served]:
    with running(Company(), ["databricks"]) as servers:
        yield servers["databricks"]


@pytest.fixture
def face(served: Served) -> Iterator[Face]:
    yield served.face
    served.face.faults.clear()


@pytest.fixture
def opened(served: Served, monkeypatch: pytest.MonkeyPatch) -> Callable[..., FactReader]:
    """Opens the reader with one of the personal tokens; with a warehouse unless told otherwise."""

    def one(token: str, by_sql: bool = True, **other: Any) -> FactReader:
        monkeypatch.setenv("T_TOKEN", token)
        given: dict[str, Any] = {"source": "w", "host": served.url, "token": {"env": "T_TOKEN"}, **other}
        if by_sql:
            given["warehouse_id"] = served.face.connection(served.url)["warehouse_id"]
        return open_facet(DatabricksResource(**given), "usage")

    return one


def ago(days: int) -> Scope:
    return Scope((datetime.now(UTC).date() - timedelta(days=days)).isoformat(), "day")


def read(reader: FactReader, days: int) -> list[FactPage]:
    return list(reader.read(ago(days), EVERYTHING))


def test_a_missing_right_is_named_exactly(opened: Callable[..., FactReader]) -> None:
    with opened(STRANGER_TOKEN) as reader:
        [page] = read(reader, 1)
        [probe] = reader.probe()
        assert reader.parts(EVERYTHING).scopes == ()
    remedy = "GRANT USE CATALOG ON CATALOG `system` TO `stranger@acme.example`"
    assert (page.facts, [r.remedy for r in page.reasons]) == ((), [remedy])
    assert (probe.name, probe.ok, probe.remedy) == ("usage: system.access.table_lineage", False, remedy)


def test_without_a_warehouse_there_is_a_reason_and_no_empty_day(opened: Callable[..., FactReader]) -> None:
    with opened(READER_TOKEN, by_sql=False) as reader:
        [page] = read(reader, 1)
        [probe] = reader.probe()
        assert reader.parts(EVERYTHING).scopes == ()
    assert [r.code for r in page.reasons] == ["no_warehouse"]
    assert page.reasons[0].remedy.startswith("add warehouse_id")
    assert not probe.ok


def test_texts_are_kept_where_a_setting_asks_commonest_first(opened: Callable[..., FactReader]) -> None:
    with opened(READER_TOKEN, query_texts=1) as reader:
        one = texts(read(reader, 5))
        assert [p.name for p in reader.probe()] == ["usage: system.access.table_lineage", "usage: system.query.history"]
    with opened(READER_TOKEN, query_texts=5) as reader:
        several = texts(read(reader, 5))
    assert one == {"dai@acme.example": ("3: SELECT count(*) FROM main.crm.customers",)}
    assert several == {
        "dai@acme.example": ("3: SELECT count(*) FROM main.crm.customers", "1: SELECT email FROM main.crm.customers")
    }


def texts(pages: list[FactPage]) -> dict[str, tuple[str, ...]]:
    return {f.principal: f.queries for f in facts_of(pages) if isinstance(f, Usage) and f.queries}


def test_odd_rows_are_quarantined_and_the_rest_is_read(face: Face, opened: Callable[..., FactReader]) -> None:
    def spoil(exchange: Exchange) -> None:
        if "GROUP BY" in exchange.line:
            told = exchange.told()
            row = ["c", "s", "t", "u", "1", "0", None, None]
            odd = [["c"], [None, *row[1:]], [*row[:4], "many", *row[5:]], [*row[:6], "yesterday", None]]
            told["result"]["data_array"] += odd
            exchange.say(told)

    with opened(READER_TOKEN) as reader:
        expected = counted(facts_of(read(reader, 3)))
        face.faults.tamper = spoil
        pages = read(reader, 3)
    assert counted(facts_of(pages)) == expected
    assert [q.reason for page in pages for q in page.quarantined] == [
        "the row has another number of values",
        "the row names no table",
        "'many' is no count",
        "'yesterday' is no moment",
    ]


@pytest.mark.parametrize(
    ("who", "name", "kind"),
    [
        (None, "unknown", "unknown"),
        ("System-User", "System-User", "unknown"),
        ("a@b.example", "a@b.example", "user"),
        ("0c3d9b52-7f6e-4c11-8a70-2f1f6f4c9d10", "0c3d9b52-7f6e-4c11-8a70-2f1f6f4c9d10", "service"),
    ],
)
def test_who_used_it(who: str | None, name: str, kind: str) -> None:
    found = usage(date(2026, 1, 2), ["c", "s", "t", who, "2", "0", "2026-01-02T03:04:05.678Z", None])
    assert (found.principal, found.principal_kind, found.reads, found.writes) == (name, kind, 2, 0)
    assert found.last_read_at == datetime(2026, 1, 2, 3, 4, 5, 678_000, UTC)


def test_a_moment_in_another_zone_is_the_same_moment() -> None:
    found = usage(date(2026, 1, 2), ["c", "s", "t", "g", 0, 1, None, "2026-01-02 01:00:00+02:00"])
    assert found.last_written_at == datetime(2026, 1, 1, 23, 0, tzinfo=UTC)


def test_a_count_that_is_none_is_a_record_error() -> None:
    with pytest.raises(RecordError):
        usage(date(2026, 1, 2), ["c", "s", "t", "g", "x", 1, None, None])
