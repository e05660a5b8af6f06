"""What flows where in the workspace: from system tables, over REST without a warehouse, and never cut in silence."""

from collections.abc import Callable, Iterable, Iterator
from datetime import date
from typing import Any

import msgspec
import pytest

from governance.errors import RecordError
from governance.filters import NameFilter
from governance.listing import FactPage, Reason, Scope, Status
from governance.model import Facet, Fact, LineageEdge
from resources.databricks.client_lineage import months
from resources.databricks.resource import DatabricksResource
from resources.databricks.translate_lineage import column_edge, table_edge, upstream_edges
from resources.facets import FactReader, open_facet
from sandbox.databricks import activity
from sandbox.databricks.access import ADMIN_TOKEN, READER_TOKEN, STRANGER_TOKEN
from sandbox.databricks.face import Face as DatabricksFace
from sandbox.faults import Exchange
from sandbox.serving import Company, Face, Served, running
from tests.contracts.contract import EVERYTHING
from tests.contracts.facet_contract import FacetContract, counted, facts_of
from tests.fixtures.databricks import api

TABLES, COLUMNS = Scope("table lineage", "system table"), Scope("column lineage", "system table")


class TestLineageBySql(FacetContract):
    platform = "databricks"
    facet = "lineage"
    page_calls = "sql/statements"

    def test_nodes_are_tables_places_and_paths(self, reader: FactReader, face: Face) -> None:
        edges = [f for f in self.read_all(reader, face) if isinstance(f, LineageEdge)]
        kinds = {(e.upstream_kind, e.downstream_kind) for e in edges}
        assert kinds == {
            ("dataset", "dataset"),
            ("location", "dataset"),
            ("dataset", "location"),
            ("dataset", "external"),
        }
        assert {e.process for e in edges} >= {"job 411", "job", "pipeline 7c1f", "notebook 88012"}

    def test_each_edge_travels_once_a_month_and_what_is_left_out_is_counted(
        self, reader: FactReader, face: Face
    ) -> None:
        pages = [page for part in self.parts(reader, face) for page in reader.read(part, EVERYTHING)]
        assert sum(page.counts.get("onto_itself", 0) for page in pages) in range(2, 7)
        assert {note for page in pages for note in page.notes} == {"days"}

    def test_an_edge_stays_where_either_end_is_governed(self, reader: FactReader, face: Face) -> None:
        names = NameFilter(["main.crm.*"])
        edges = [f for f in self.read_all(reader, face, names) if isinstance(f, LineageEdge)]
        assert {e.upstream for e in edges} == {"lakehouse.raw.customers"}
        assert {e.downstream for e in edges} == {"main.crm.customers"}


class RestFace(DatabricksFace):
    """The account of what REST tells: no months, and not what connects two columns."""

    def facts(self, facet: Facet) -> Iterator[Fact]:
        yield from activity.lineage_over_rest(self.today)


class TestLineageOverRest(FacetContract):
    platform = "databricks"
    facet = "lineage"
    page_calls = "lineage-tracking"

    @pytest.fixture(scope="class")
    @classmethod
    def connection(cls, served: Served) -> Iterator[dict[str, Any]]:
        with pytest.MonkeyPatch.context() as patch:
            for name, value in served.face.secrets().items():
                patch.setenv(name, value)
            yield {k: v for k, v in served.face.connection(served.url).items() if k != "warehouse_id"}

    @pytest.fixture
    def face(self, served: Served) -> Iterator[Face]:
        told = RestFace(Company())
        told.faults = served.face.faults
        yield told
        served.face.faults.clear()

    def test_a_note_says_how_many_calls_it_took(self, reader: FactReader, face: Face) -> None:
        before = reader.meter.snapshot()["calls"]
        pages = list(reader.read(Scope("lineage of main", "catalog", {"catalog": "main"}), EVERYTHING))
        calls = int(pages[-1].notes["lineage"].partition(" ")[0])
        tables = [d for d in face.account() if d.qualified_name.startswith("main.") and d.namespace == "relation"]
        assert len(tables) < calls < reader.meter.snapshot()["calls"] - before


# --- where something is in the way ---


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
        return open_facet(DatabricksResource(**given), "lineage")

    return one


def reasons(pages: Iterable[FactPage]) -> list[Reason]:
    return [r for page in pages for r in page.reasons]


@pytest.mark.parametrize(
    ("held", "missing"),
    [
        ((), "GRANT USE CATALOG ON CATALOG `system` TO `stranger@acme.example`"),
        (("system",), "GRANT USE SCHEMA ON SCHEMA `system`.`access` TO `stranger@acme.example`"),
        (
            ("system", "system.access"),
            "GRANT SELECT ON TABLE `system`.`access`.`table_lineage` TO `stranger@acme.example`",
        ),
    ],
)
def test_a_missing_right_is_named_exactly(
    served: Served, opened: Callable[..., FactReader], held: tuple[str, ...], missing: str
) -> None:
    words = {"system": ("catalog", "USE_CATALOG"), "system.access": ("schema", "USE_SCHEMA")}
    for place in held:
        permit(served, *words[place], place, "add")
    try:
        with opened(STRANGER_TOKEN) as reader:
            found = reasons(reader.read(TABLES, EVERYTHING))
            probes = {p.name: p for p in reader.probe()}
    finally:
        for place in held:
            permit(served, *words[place], place, "remove")
    assert [(r.code, r.remedy) for r in found] == [("permission_denied", missing)]
    line = probes["lineage: system.access.table_lineage"]
    assert (line.ok, line.remedy) == (False, missing)


def permit(served: Served, kind: str, word: str, place: str, verb: str) -> None:
    change = {"principal": "stranger@acme.example", verb: [word]}
    api(served, "PATCH", f"/permissions/{kind}/{place}", {"changes": [change]})


def test_system_tables_that_are_not_enabled_are_a_reason(face: Face, opened: Callable[..., FactReader]) -> None:
    def absent(exchange: Exchange) -> None:
        if "/sql/statements" in exchange.line:
            text = "[TABLE_OR_VIEW_NOT_FOUND] The table or view `system`.`access`.`table_lineage` cannot be found."
            error = {"error_code": "BAD_REQUEST", "message": text}
            exchange.say({"statement_id": "s", "status": {"state": "FAILED", "error": error}})

    with opened(READER_TOKEN) as reader:
        face.faults.tamper = absent
        [reason] = reasons(reader.read(TABLES, EVERYTHING))
    assert reason.code == "not_found"
    assert reason.remedy.startswith(
        "let an account admin enable the system schema system.access; then GRANT USE CATALOG"
    )


def test_a_server_without_the_lineage_api_is_a_reason(face: Face, opened: Callable[..., FactReader]) -> None:
    def absent(exchange: Exchange) -> None:
        if "lineage-tracking" in exchange.line:
            exchange.answer, exchange.status = b"No API found", 404
            exchange.headers["content-type"] = "text/plain"

    with opened(READER_TOKEN, by_sql=False) as reader:
        face.faults.tamper = absent
        [part, *_] = [p for p in reader.parts(EVERYTHING).scopes if p.name == "lineage of main"]
        found = reasons(reader.read(part, EVERYTHING))
        [probe] = reader.probe()
    assert [r.code for r in found] == ["not_found"] and "warehouse_id" in found[0].remedy
    assert not probe.ok


def test_no_catalog_at_all_is_no_empty_success(opened: Callable[..., FactReader]) -> None:
    with opened(STRANGER_TOKEN, by_sql=False) as reader:
        assert reader.parts(EVERYTHING).status is Status.PARTIAL


class Cut:
    """Cuts the results of windows that are longer than so many days."""

    def __init__(self, days: int, message: str | None = None) -> None:
        self.days, self.message, self.cut, self.windows = days, message, 0, 0

    def __call__(self, exchange: Exchange) -> None:
        if "GROUP BY" not in exchange.line:
            return
        given = {p["name"]: date.fromisoformat(p["value"]) for p in exchange.asked()["parameters"]}
        self.windows += 1
        if (given["until"] - given["since"]).days <= self.days:
            return
        self.cut += 1
        if self.message is None:
            told = exchange.told()
            exchange.say({**told, "manifest": {**told["manifest"], "truncated": True}})
        else:
            error = {"error_code": "BAD_REQUEST", "message": self.message}
            exchange.say({"statement_id": "s", "status": {"state": "FAILED", "error": error}})


@pytest.mark.parametrize("message", [None, "Inline byte limit exceeded. Statements may give 26214400 bytes at most."])
def test_a_result_that_is_cut_is_asked_for_in_halves(
    face: Face, opened: Callable[..., FactReader], message: str | None
) -> None:
    with opened(READER_TOKEN) as reader:
        whole = {pair(f) for f in facts_of(reader.read(COLUMNS, EVERYTHING)) if isinstance(f, LineageEdge)}
        face.faults.tamper = cut = Cut(4, message)
        pages = list(reader.read(COLUMNS, EVERYTHING))
    assert cut.cut and cut.windows > 2 * cut.cut
    assert {pair(f) for f in facts_of(pages) if isinstance(f, LineageEdge)} == whole
    assert reasons(pages) == []


def pair(edge: LineageEdge) -> tuple[str, ...]:
    return edge.upstream, edge.upstream_path, edge.downstream, edge.downstream_path


class Slow(Cut):
    """Never ends where a window is longer than so many days; remembers which statements were cancelled."""

    def __init__(self, days: int) -> None:
        super().__init__(days, "")
        self.cancelled: list[str] = []

    def __call__(self, exchange: Exchange) -> None:
        if "/statements/endless" in exchange.line:
            if "/cancel" in exchange.line:
                self.cancelled.append(exchange.line)
            exchange.say({"statement_id": "endless", "status": {"state": "RUNNING"}})
            return
        super().__call__(exchange)
        if exchange.told().get("status", {}).get("state") == "FAILED":
            exchange.say({"statement_id": "endless", "status": {"state": "RUNNING"}})


def test_a_statement_that_takes_too_long_is_ended_and_asked_for_in_halves(
    face: Face, opened: Callable[..., FactReader]
) -> None:
    with opened(READER_TOKEN) as reader:
        whole = {pair(f) for f in facts_of(reader.read(TABLES, EVERYTHING)) if isinstance(f, LineageEdge)}
    with opened(READER_TOKEN, deadline_seconds=2.0) as reader:
        face.faults.tamper = slow = Slow(16)
        pages = list(reader.read(TABLES, EVERYTHING))
    assert slow.cut == len(slow.cancelled) > 0
    assert {pair(f) for f in facts_of(pages) if isinstance(f, LineageEdge)} == whole
    assert reasons(pages) == []


def test_a_day_that_is_cut_is_a_reason(face: Face, opened: Callable[..., FactReader]) -> None:
    with opened(READER_TOKEN) as reader:
        face.faults.tamper = Cut(0)
        pages = list(reader.read(TABLES, EVERYTHING))
    assert {r.code for r in reasons(pages)} == {"result_cut"}
    assert facts_of(pages) == []


def test_odd_rows_are_quarantined_and_the_rest_is_read(face: Face, opened: Callable[..., FactReader]) -> None:
    def spoil(exchange: Exchange) -> None:
        if "GROUP BY" in exchange.line:
            told = exchange.told()
            odd = [[None] * 11, ["c", "s", "t"], ["c", "s", "t", None, "c", None, "u", None, None, None, None]]
            told["result"]["data_array"] += odd
            exchange.say(told)

    with opened(ADMIN_TOKEN) as reader:
        expected = counted(facts_of(reader.read(TABLES, EVERYTHING)))
        face.faults.tamper = spoil
        pages = list(reader.read(TABLES, EVERYTHING))
    assert counted(facts_of(pages)) == expected
    assert {q.reason for page in pages for q in page.quarantined} == {
        "a source or target is neither a table nor a path",
        "the row has another number of values",
    }


# --- translation ---


def test_windows_are_months_whatever_the_first_day_is() -> None:
    found = list(months(date(2025, 11, 30), date(2026, 2, 1)))
    assert found[0] == (date(2025, 11, 1), date(2025, 12, 1))
    assert found[-1] == (date(2026, 2, 1), date(2026, 3, 1))
    assert len(found) == 4


def test_a_table_counts_before_its_path_and_quotes_what_must_be() -> None:
    edge = table_edge(["c", "s", "t", "s3://b/t", "c", "s", "odd.name", None, "JOB", "7", "7"])
    assert (edge.upstream, edge.upstream_kind) == ("c.s.t", "dataset")
    assert (edge.downstream, edge.process, edge.process_kind) == ("c.s.`odd.name`", "job 7", "job")
    several = table_edge(["c", "s", "t", None, "c", "s", "u", None, "JOB", "7", "8"])
    assert (several.process, several.process_kind) == ("job", "job")


@pytest.mark.parametrize(
    ("path", "node"),
    [
        ("/Volumes/main/landing/clicks/2026/a.json", ("main.landing.clicks", "dataset")),
        ("dbfs:/Volumes/main/landing/clicks", ("main.landing.clicks", "dataset")),
        ("dbfs:/tmp/a", ("dbfs:/tmp/a", "external")),
        ("abfss://a@b.example/c", ("abfss://a@b.example/c", "location")),
    ],
)
def test_a_path_is_a_volume_a_location_or_something_outside(path: str, node: tuple[str, str]) -> None:
    edge = table_edge([None, None, None, path, "c", "s", "u", None, None, None, None])
    assert (edge.upstream, edge.upstream_kind) == node


def test_a_column_without_a_name_is_a_record_error() -> None:
    with pytest.raises(RecordError):
        column_edge(["c", "s", "t", None, "", "c", "s", "u", None, "b", None, None, None])


def test_an_upstream_that_only_names_a_notebook_is_no_edge() -> None:
    assert list(upstream_edges("c.s.t", {"notebookInfos": [{"notebook_id": 1}]})) == []
    [edge] = upstream_edges("c.s.t", {"fileInfo": {"path": "abfss://a@b/c"}, "jobInfos": [{"job_id": 5}]})
    assert (edge.upstream_kind, edge.process) == ("location", "job 5")
    with pytest.raises(RecordError):
        list(upstream_edges("c.s.t", {"somethingNew": 1}))


def test_every_edge_can_be_encoded() -> None:
    assert msgspec.json.encode(list(activity.lineage(date(2026, 3, 1))))
