"""Who used which table on which day: from ACCESS_HISTORY, or a Reason that says what is missing."""

from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from governance.errors import RecordError
from governance.filters import NameFilter
from governance.listing import FactPage, Scope
from governance.model import Usage
from resources.facets import FactReader, open_facet
from resources.snowflake.resource import SnowflakeResource
from resources.snowflake.translate_usage import object_name, relation
from sandbox.serving import Company, Face, Served, running
from sandbox.snowflake import face as snowflake
from sandbox.snowflake.logins import ANALYST
from tests.contracts.contract import EVERYTHING
from tests.contracts.facet_contract import UsageContract, counted, facts_of

HOME = "SNOWFLAKE.ACCOUNT_USAGE"


class TestUsage(UsageContract):
    platform = "snowflake"
    page_calls = "query-request"

    def parts(self, reader: FactReader, face: Face, names: NameFilter = EVERYTHING) -> list[Scope]:
        """Four days that differ; fakesnow takes its time over each."""
        return super().parts(reader, face, names)[-4:]

    def test_equals_the_sandboxs_own_account(self, reader: FactReader, face: Face) -> None:
        days = super().parts(reader, face)
        found = counted(fact for day in days for fact in facts_of(reader.read(day, EVERYTHING)))
        expected = counted(face.facts("usage"))
        assert len(days) == 40
        assert sorted((expected - found).elements()) == []
        assert sorted((found - expected).elements()) == []

    def test_the_history_says_which_days_it_still_has(self, reader: FactReader, face: Face) -> None:
        days = [part.name for part in reader.parts(EVERYTHING).scopes]
        assert days == [day.isoformat() for day in self.days(face)]
        assert len(days) == 40

    def test_no_text_is_read_unless_asked_for(self, reader: FactReader, face: Face) -> None:
        assert all(fact.queries == () for fact in self.read_all(reader, face) if isinstance(fact, Usage))

    def test_the_lag_is_a_note(self, reader: FactReader, face: Face) -> None:
        notes = [page.notes for page in reader.read(self.parts(reader, face)[0], EVERYTHING) if page.notes]
        assert notes == [{"access_history_lag": "up to 3 h", "query_history_lag": "up to 45 min"}]


@pytest.fixture(scope="module")
def served() -> Iterator[Served]:
    with running(Company(), ["snowflake"]) as servers:
        yield servers["snowflake"]


@pytest.fixture
def opened(served: Served, monkeypatch: pytest.MonkeyPatch) -> Callable[..., FactReader]:
    """Opens the reader, with fields replaced."""
    for name, value in served.face.secrets().items():
        monkeypatch.setenv(name, value)

    def one(**other: Any) -> FactReader:
        given = {"source": "w", **served.face.connection(served.url), **other}
        return open_facet(SnowflakeResource(**given), "usage")

    return one


@pytest.fixture
def admin(served: Served) -> Callable[..., None]:
    """Runs statements on the platform's side."""
    face = served.face
    assert isinstance(face, snowflake.Face)

    def run(*statements: str) -> None:
        assert len(list(face.run(served.url, iter(statements)))) == len(statements)

    return run


def ago(days: int) -> Scope:
    return Scope((datetime.now(UTC).date() - timedelta(days=days)).isoformat(), "day")


def read(reader: FactReader, days: int, names: NameFilter = EVERYTHING) -> list[FactPage]:
    return list(reader.read(ago(days), names))


def test_a_missing_right_is_named_exactly(opened: Callable[..., FactReader]) -> None:
    with opened(role=ANALYST) as reader:
        [page] = read(reader, 1)
        probes = list(reader.probe())
        assert reader.parts(EVERYTHING).scopes == ()
    assert page.facts == ()
    assert [r.code for r in page.reasons] == ["permission_denied", "permission_denied"]
    for reason, probe in zip(page.reasons, probes, strict=True):
        assert not probe.ok
        assert reason.remedy == probe.remedy
        assert reason.remedy.startswith('GRANT DATABASE ROLE SNOWFLAKE.GOVERNANCE_VIEWER TO ROLE "ANALYST"')
    assert "Enterprise Edition" in page.reasons[0].message


def test_a_day_that_the_history_has_forgotten_is_no_empty_day(opened: Callable[..., FactReader]) -> None:
    with opened() as reader:
        [page] = read(reader, 400)
    assert [r.code for r in page.reasons] == ["history_expired"]


def test_texts_are_kept_where_a_setting_asks_commonest_first(opened: Callable[..., FactReader]) -> None:
    with opened(query_texts=1) as reader:
        one = texts(read(reader, 2))
    with opened(query_texts=5) as reader:
        several = texts(read(reader, 2))
    most = "3: SELECT * FROM RETAIL.CRM.CONTACTS"
    assert one["RETAIL.CRM.CONTACTS", "ANA"] == (most,)
    assert several["RETAIL.CRM.CONTACTS", "ANA"] == (most, "1: SELECT EMAIL FROM RETAIL.CRM.CONTACTS")
    assert several["ANALYTICS.MARTS.Margin", "DASHBOARD"] == ('6: SELECT * FROM ANALYTICS.MARTS."Margin"',)


def texts(pages: list[FactPage]) -> dict[tuple[str, str], tuple[str, ...]]:
    return {(f.qualified_name, f.principal): f.queries for f in facts_of(pages) if isinstance(f, Usage) and not f.path}


def test_a_filter_holds_for_tables_and_columns(opened: Callable[..., FactReader]) -> None:
    with opened() as reader:
        found = facts_of(read(reader, 2, NameFilter(["RETAIL.CRM.*"], ["*.CONTACTS"])))
    assert {f.qualified_name for f in found if isinstance(f, Usage)} == {"RETAIL.CRM.CUSTOMERS"}


def test_odd_rows_are_quarantined_and_the_rest_is_read(
    opened: Callable[..., FactReader], admin: Callable[..., None]
) -> None:
    with opened() as reader:
        expected = counted(facts_of(read(reader, 3)))
        at = f"'{ago(3).name} 12:00:00'"
        odd = ('[{"objectDomain": "Table"}]', '[{"objectDomain": "Table", "objectName": "A.B"}]')
        rows = ", ".join(f"('odd', {at}, 'ANA', '{one}')" for one in odd)
        nobody = f'(\'odd\', {at}, NULL, \'[{{"objectDomain": "Table", "objectName": "A.B.C"}}]\')'
        admin(
            f"INSERT INTO {HOME}.ACCESS_HISTORY SELECT column1, column2, column3, PARSE_JSON(column4), NULL, NULL,"
            f" NULL, NULL FROM VALUES {rows}, {nobody}"
        )
        pages = read(reader, 3)
        admin(f"DELETE FROM {HOME}.ACCESS_HISTORY WHERE QUERY_ID = 'odd'")
    assert counted(facts_of(pages)) == expected
    assert sorted(q.reason for page in pages for q in page.quarantined) == [
        "'A.B' is no name of a relation",
        "None is no name of a relation",
        "an access names no user",
    ]


def test_a_history_without_a_row_and_none_at_all_are_no_empty_day(
    opened: Callable[..., FactReader], admin: Callable[..., None]
) -> None:
    admin(f"ALTER TABLE {HOME}.ACCESS_HISTORY RENAME TO {HOME}.KEPT")
    with opened() as reader:
        [without] = read(reader, 1)
        admin(f"CREATE TABLE {HOME}.ACCESS_HISTORY AS SELECT * FROM {HOME}.KEPT WHERE QUERY_ID = 'none'")
        empty = read(reader, 1)
    admin(f"DROP TABLE {HOME}.ACCESS_HISTORY", f"ALTER TABLE {HOME}.KEPT RENAME TO {HOME}.ACCESS_HISTORY")
    assert without.facts == ()
    assert ["Enterprise Edition" in reason.message for reason in without.reasons] == [True]
    assert [r.code for page in empty for r in page.reasons] == ["no_access_history"]


def test_names_are_those_of_the_inventory() -> None:
    assert object_name('RETAIL."Raw Zone"."landing ""json"""') == 'RETAIL.Raw Zone."landing ""json"""'
    assert object_name('RETAIL.CRM."customers.v2"') == 'RETAIL.CRM."customers.v2"'
    for odd in (None, "", "A.B", 'A.B."c', "A.B.C.D", "A..C"):
        with pytest.raises(RecordError):
            object_name(odd)


def test_a_count_that_is_none_is_a_record_error() -> None:
    with pytest.raises(RecordError):
        relation(date(2026, 1, 2), {"relation": "A.B.C", "user_name": "U", "reads": "many"})
