"""What flows where in Snowflake: dependencies, what queries wrote, and loads, from ACCOUNT_USAGE."""

from collections.abc import Callable
from typing import Any

import pytest

from governance.errors import RecordError
from governance.filters import NameFilter
from governance.listing import Scope
from governance.model import LineageEdge
from resources.facets import FactReader
from resources.snowflake.translate_lineage import dependency, load, query
from sandbox.serving import Face, Served
from sandbox.snowflake import face as snowflake
from sandbox.snowflake.logins import ANALYST
from tests.contracts.contract import EVERYTHING
from tests.contracts.facet_contract import FacetContract, counted, facts_of

HOME = "SNOWFLAKE.ACCOUNT_USAGE"
QUERIES = Scope("queries", "account usage")


class TestLineage(FacetContract):
    platform = "snowflake"
    facet = "lineage"
    page_calls = "query-request"

    @pytest.fixture
    def admin(self, face: Face, served: Served) -> Callable[..., None]:
        assert isinstance(face, snowflake.Face)

        def run(*statements: str) -> None:
            assert len(list(face.run(served.url, iter(statements)))) == len(statements)

        return run

    def test_a_missing_right_is_named_exactly(self, connection: dict[str, Any], face: Face) -> None:
        with self.open(connection, role=ANALYST) as reader:
            pages = {part.name: list(reader.read(part, EVERYTHING)) for part in self.parts(reader, face)[::2]}
            probes = list(reader.probe())
        roles = ["OBJECT_VIEWER", "GOVERNANCE_VIEWER", "USAGE_VIEWER"]
        remedies = [f'GRANT DATABASE ROLE SNOWFLAKE.{role} TO ROLE "ANALYST"' for role in roles]
        assert [(p.ok, p.remedy.split(";")[0]) for p in probes] == [(False, remedy) for remedy in remedies]
        told = {name: [r.remedy.split(";")[0] for p in part for r in p.reasons] for name, part in pages.items()}
        assert told == {"dependencies": [remedies[0]], "loads": [remedies[2]]}

    def test_an_account_without_access_history_is_a_reason(self, connection: dict[str, Any]) -> None:
        with self.open(connection, role=ANALYST) as reader:
            [page] = reader.read(QUERIES, EVERYTHING)
        assert ["Enterprise Edition" in reason.message for reason in page.reasons] == [True]

    def test_only_the_days_that_were_asked_for_are_read(self, connection: dict[str, Any]) -> None:
        with self.open(connection, lineage_days=2) as reader:
            found = [f for f in facts_of(reader.read(QUERIES, EVERYTHING)) if isinstance(f, LineageEdge)]
        # the merge runs on every third day
        assert {f.downstream for f in found} == {"ANALYTICS.MARTS.DAILY_SALES", "RETAIL.Raw Zone.WEB_EVENTS"}

    def test_an_edge_stays_where_either_end_is_governed(self, reader: FactReader, face: Face) -> None:
        found = self.read_all(reader, face, NameFilter(["ANALYTICS.MARTS.DAILY_SALES"]))
        ends = [{f.upstream, f.downstream} for f in found if isinstance(f, LineageEdge)]
        assert ends
        assert all("ANALYTICS.MARTS.DAILY_SALES" in pair for pair in ends)
        assert any("RETAIL.SALES.ORDERS" in pair for pair in ends)

    def test_odd_records_are_quarantined_and_the_rest_is_read(
        self, reader: FactReader, admin: Callable[..., None]
    ) -> None:
        expected = counted(facts_of(reader.read(QUERIES, EVERYTHING)))
        odd = '[{"objectDomain": "Table", "objectName": "A.B"}]'
        admin(
            f"INSERT INTO {HOME}.ACCESS_HISTORY SELECT 'odd', CURRENT_DATE, 'ANA', PARSE_JSON('{odd}'),"
            f" PARSE_JSON('[]'), PARSE_JSON('{odd.replace('A.B', 'A.B.C')}'), NULL, NULL"
        )
        pages = list(reader.read(QUERIES, EVERYTHING))
        admin(f"DELETE FROM {HOME}.ACCESS_HISTORY WHERE QUERY_ID = 'odd'")
        assert counted(facts_of(pages)) == expected
        assert [q.reason for page in pages for q in page.quarantined] == ["'A.B' is no name of a relation"]


def test_what_is_no_relation_is_external() -> None:
    row = {f"{end}_{part}": part[0].upper() for end in ("referenced", "referencing")
           for part in ("database", "schema", "object_name")}  # fmt: skip
    edge = dependency({**row, "referenced_object_domain": "FUNCTION", "referencing_object_domain": "VIEW"})
    assert (edge.upstream, edge.upstream_kind, edge.downstream_kind) == ("function D.S.O", "external", "dataset")


def test_odd_rows_are_record_errors() -> None:
    for row, made in (
        ({"referencing_object_domain": "VIEW"}, dependency),
        ({"upstream": "A.B.C"}, query),
        ({"upstream": "A.B.C", "downstream": "A.B.D", "upstream_column": None, "downstream_column": "X"}, query),
        ({"stage_location": "s3://b/c"}, load),
    ):
        with pytest.raises(RecordError):
            made(row)
