"""Lineage of processes and links: the contract of facets, and what mappings say and do not say."""

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

import pytest

from governance.errors import Unavailable
from governance.filters import NameFilter
from governance.listing import FactPage, Reason, Scope, Status
from governance.model import Facet, LineageEdge
from resources.facets import FactReader
from resources.purview.lineage import open_reader
from resources.purview.resource import PurviewResource
from resources.purview.translate_lineage import Asset, Found, Node, Ref, asset_of, edges_of, flows_of, node_of
from resources.purview.translate_places import place_of
from sandbox.purview import flows
from sandbox.purview.face import Face
from sandbox.purview.identity import LIMITED, READER, SECRETS
from sandbox.purview.seed import Curator
from sandbox.serving import Company, Served, running
from tests.contracts.contract import EVERYTHING
from tests.contracts.facet_contract import FacetContract, facts_of

Json = Any

pytestmark = pytest.mark.xdist_group("purview")


class TestPurviewLineage(FacetContract):
    platform = "purview"
    facet: ClassVar[Facet] = "lineage"
    page_calls = "POST /datamap/api/search/query"


@pytest.fixture(scope="module")
def served() -> Iterator[Served]:
    with running(Company(), ["purview"]) as servers:
        yield servers["purview"]


@pytest.fixture
def face(served: Served, monkeypatch: pytest.MonkeyPatch) -> Iterator[Face]:
    assert isinstance(served.face, Face)
    for name, value in {**served.face.secrets(), "LIMITED_SECRET": SECRETS[LIMITED]}.items():
        monkeypatch.setenv(name, value)
    readers = {k: set(v) for k, v in served.face.server.collections.readers.items()}
    yield served.face
    served.face.faults.clear()
    served.face.server.collections.readers = readers


def open_one(served: Served, **other: Any) -> FactReader:
    fields = {"source": "purview", "attempts": 2, **served.face.connection(served.url), **other}
    return open_reader(PurviewResource(**fields))


@pytest.fixture
def reader(served: Served, face: Face) -> Iterator[FactReader]:
    with open_one(served) as one:
        yield one


@pytest.fixture
def curator(served: Served, face: Face) -> Iterator[Curator]:
    one = Curator(served.url, face.ca)
    yield one
    one.close()


def pages(reader: FactReader, part: str, names: NameFilter = EVERYTHING) -> list[FactPage]:
    scope = next(s for s in reader.parts(EVERYTHING).scopes if s.name == part)
    return list(reader.read(scope, names))


def reasons(found: list[FactPage]) -> list[Reason]:
    return [r for page in found for r in page.reasons]


def counts(found: list[FactPage]) -> Counter[str]:
    return sum((Counter(page.counts) for page in found), Counter())


# --- what it asks ---


def test_nothing_is_asked_asset_by_asset(face: Face, reader: FactReader) -> None:
    asked: list[str] = []
    face.faults.tamper = lambda exchange: asked.append(exchange.line.split("?")[0])
    for part in reader.parts(EVERYTHING).scopes:
        list(reader.read(part, EVERYTHING))
    bulk = [line for line in asked if "entity/bulk" in line]
    assert not [line for line in asked if "/lineage" in line or "/entity/guid/" in line]
    # a read of each of six collections, of what no search shows, and of ends in other collections
    assert 6 <= len(bulk) <= 6 * 3


def test_a_process_that_no_search_shows_is_found_by_what_it_reads(reader: FactReader, curator: Curator) -> None:
    spark = {"filter": {"entityType": "spark_job"}}
    assert curator.send("POST", "/search/query", spark)["value"] == []
    found = pages(reader, "finance")
    assert {f.process_kind for f in facts_of(found) if isinstance(f, LineageEdge)} >= {"spark_job"}
    assert counts(found)["found_by_relationship"] == 1
    # the procedure of another collection, which writes into this one, is told there
    assert "azure_sql_stored_procedure" not in {getattr(f, "process_kind", "") for f in facts_of(found)}


def test_bulk_reads_learn_what_the_service_can_take(served: Served, face: Face, reader: FactReader) -> None:
    expected = {p.name: facts_of(reader.read(p, EVERYTHING)) for p in reader.parts(EVERYTHING).scopes}
    for status in (504, 408, 413, 414):
        face.faults.replace([{"action": "fail", "match": r"entity/bulk\?.*(guid=[^&]*&){4,}", "status": status}])
        with open_one(served) as other:
            found = {p.name: facts_of(other.read(p, EVERYTHING)) for p in other.parts(EVERYTHING).scopes}
            assert other.meter.retries == 0
        assert {k: set(v) for k, v in found.items()} == {k: set(v) for k, v in expected.items()}, status


def test_ends_that_a_filter_leaves_out_are_known_by_name_only(reader: FactReader) -> None:
    names = NameFilter(["mssql://harbourpine.database*"])
    found = [f for f in facts_of(pages(reader, "retail-sales", names)) if isinstance(f, LineageEdge)]
    assert {(f.downstream, f.downstream_kind) for f in found if f.upstream == flows.ORDERS and f.process} == {
        (flows.DAILY, "external")
    }
    assert {(f.upstream_kind, f.downstream_kind) for f in found if f.downstream == flows.ORDERS} == {
        ("location", "dataset")
    }
    assert facts_of(pages(reader, "finance", names)) == []


# --- how it fails ---


def test_a_right_taken_away_is_no_empty_success(face: Face, reader: FactReader) -> None:
    scope = next(s for s in reader.parts(EVERYTHING).scopes if s.name == "finance")
    face.server.collections.readers[READER] = {"retail"}
    found = list(reader.read(scope, EVERYTHING))
    assert facts_of(found) == []
    (reason,) = reasons(found)
    assert reason.code == "permission_denied"
    assert "assign the role Data reader on collection finance (Finance)" in reason.remedy


def test_ends_that_may_not_be_read_make_the_part_partial(served: Served, face: Face) -> None:
    with open_one(served, client_id=LIMITED, client_secret={"env": "LIMITED_SECRET"}) as limited:
        assert [s.name for s in limited.parts(EVERYTHING).scopes] == ["retail", "retail-sales", "retail-crm"]
        found = pages(limited, "retail-sales")
    (reason,) = reasons(found)
    assert "1 inputs and outputs of its processes may not be read" in reason.message
    assert "assign the role Data reader on the root collection" in reason.remedy
    assert {f.process for f in facts_of(found) if isinstance(f, LineageEdge)} == {
        "adf://harbourpine/pipelines/nightly/activities/load",
        "",
    }


def test_an_end_that_the_service_stumbles_over_is_a_reason(face: Face, reader: FactReader, curator: Curator) -> None:
    hits = curator.send("POST", "/search/query", {"filter": {"entityType": "azure_synapse_dedicated_sql_table"}})
    daily = next(h["id"] for h in hits["value"] if h["name"] == "daily_sales")
    face.faults.replace([{"action": "fail", "match": f"entity/bulk.*{daily}", "status": 500}])
    found = pages(reader, "retail-sales")
    assert ["cannot be read" in r.message for r in reasons(found)] == [True]
    assert flows.DAILY not in {f.downstream for f in facts_of(found) if isinstance(f, LineageEdge)}


def test_a_service_that_is_down_is_an_error(served: Served, face: Face) -> None:
    face.faults.replace([{"action": "fail", "match": "entity/bulk", "status": 503}])
    with open_one(served, attempts=1) as reader:
        with pytest.raises(Unavailable):
            pages(reader, "retail-sales")
        assert reader.parts(EVERYTHING).status is Status.COMPLETE


def test_an_asset_that_is_gone_ends_its_edges(served: Served, curator: Curator, reader: FactReader) -> None:
    def put(type_name: str, name: str, **attributes: Any) -> str:
        entity = {
            "typeName": type_name,
            "guid": "-1",
            "attributes": {"qualifiedName": name, "name": name, **attributes},
        }
        return str(curator.send("POST", "/atlas/v2/entity", {"entity": entity})["guidAssignments"]["-1"])

    a, b = ({"guid": put("azure_sql_table", f"mssql://x/d/s/{n}"), "typeName": "azure_sql_table"} for n in "ab")
    process = put("adf_copy_activity", "adf://x", inputs=[a], outputs=[b])
    try:
        assert "adf://x" in {f.process for f in facts_of(pages(reader, "harbourpine")) if isinstance(f, LineageEdge)}
        curator.send("DELETE", f"/atlas/v2/entity/guid/{b['guid']}")
        with open_one(served) as again:
            found = pages(again, "harbourpine")
        assert "adf://x" not in {f.process for f in facts_of(found) if isinstance(f, LineageEdge)}
        assert counts(found)["one_sided"] == 1
    finally:
        for guid in (process, a["guid"]):
            curator.send("DELETE", f"/atlas/v2/entity/guid/{guid}")


# --- translation ---


def table(name: str, **other: Any) -> Node:
    return Node(name, "dataset", name, **other)


def process(mapping: Any = None, inputs: str = "a", outputs: str = "b", **attributes: Any) -> Json:
    def refs(letters: str) -> list[Json]:
        return [{"guid": letter, "typeName": "azure_sql_table"} for letter in letters]

    given = {"qualifiedName": "p", "inputs": refs(inputs), "outputs": refs(outputs), "columnMapping": mapping}
    return {"typeName": "adf_copy_activity", "guid": "p", "attributes": {**given, **attributes}}


def translated(entity: Json, nodes: Mapping[str, Node] | None = None) -> Found:
    found = Found()
    known = {letter: table(f"T{letter}") for letter in "abcd"} if nodes is None else nodes
    for flow in flows_of(entity):
        edges_of(flow, {r: known[r.guid] for r in (*flow.inputs, *flow.outputs) if r.guid in known}, found)
    return found


def columns(found: Found) -> set[tuple[str, str, str, str]]:
    return {(e.upstream, e.upstream_path, e.downstream, e.downstream_path) for e in found.edges if e.upstream_path}


def group(source: Any, sink: Any, *pairs: Any) -> Json:
    return {"DatasetMapping": {"Source": source, "Sink": sink}, "ColumnMapping": list(pairs)}


def pair(source: Any, sink: Any) -> Json:
    return {"Source": source, "Sink": sink}


@pytest.mark.parametrize(
    "mapping",
    [
        json.dumps([group("Ta", "Tb", pair("x", "y"))]),
        [group("Ta", "Tb", pair("x", "y"))],
        json.dumps([group("ta", "TB", pair("x", "y"))]),
        json.dumps([group("*", None, pair("x", "y"))]),
        json.dumps([pair("x", "y")]),
        json.dumps({"columnMapping": [{"source": "x", "sink": "y"}]}),
    ],
)
def test_the_ways_to_write_a_mapping(mapping: Any) -> None:
    found = translated(process(mapping))
    assert columns(found) == {("Ta", "x", "Tb", "y")}
    assert len(found.edges) == 2 and found.odd == []


@pytest.mark.parametrize(
    ("mapping", "reason"),
    [
        ("[{", "columnMapping is no JSON"),
        ("[" + "1," * 500_000, "Purview cut it at 1 MB"),
        ("[1]", "an entry is no object"),
        (json.dumps([group("Tz", "Tb", pair("x", "y"))]), "columnMapping names Tz, of 1 inputs 0 fit"),
        (json.dumps([group("Ta", 7, pair("x", "y"))]), "the name of an asset is no text"),
        (json.dumps([group("Ta", "Tb", pair(["x"], "y"))]), "1 pairs of columns have no names"),
        (json.dumps([group("Ta", "Tb", "x")]), "1 pairs of columns have no names"),
        (json.dumps([{"DatasetMapping": {}, "ColumnMapping": "x"}]), "a ColumnMapping is no list"),
    ],
)
def test_a_mapping_that_is_not_understood_is_set_aside_and_the_datasets_stay(mapping: str, reason: str) -> None:
    found = translated(process(mapping))
    assert [(e.upstream, e.downstream) for e in found.edges] == [("Ta", "Tb")]
    assert [(q.name, reason in q.reason) for q in found.odd] == [("p", True)]
    assert len(repr(found.odd[0].payload)) < 3000


def test_a_mapping_without_assets_needs_exactly_two() -> None:
    found = translated(process([pair("x", "y")], inputs="ac"))
    assert [q.reason for q in found.odd] == ["columnMapping names none, of 2 inputs 2 fit"]
    assert len(found.edges) == 2


def test_columns_are_names_and_unnamed_ones_are_counted() -> None:
    found = translated(process([group("Ta", "Tb", pair("a.b", 'c"'), pair("*", "all"), pair("", "constant"))]))
    assert columns(found) == {("Ta", '"a.b"', "Tb", '"c"""')}
    assert found.counts["columns_unnamed"] == 2


def test_where_the_platform_may_have_cut_is_counted() -> None:
    pairs = [pair(f"c{n}", f"c{n}") for n in range(300)]
    assert translated(process([group("Ta", "Tb", *pairs[:-1])])).counts["at_most_columns"] == 0
    found = translated(process([group("Ta", "Tb", *pairs)]))
    assert found.counts["at_most_columns"] == 1 and len(found.edges) == 301


def test_a_very_wide_process_stands_between_its_ends() -> None:
    nodes = {f"{side}{n}": table(f"{side}{n}") for side in "ab" for n in range(50)}
    ends = [{"guid": name, "typeName": "azure_sql_table"} for name in nodes]
    related = {"inputs": ends[:50], "outputs": ends[50:]}
    found = translated(process(inputs="", outputs="") | {"relationshipAttributes": related}, nodes)
    assert len(found.edges) == 100 and found.counts["through_process"] == 1
    assert {(e.upstream, e.upstream_kind) for e in found.edges if e.downstream == "b7"} == {("p", "external")}


def test_deleted_ends_are_no_ends() -> None:
    entity = process(outputs="bc")
    related = [
        {"guid": "b", "typeName": "azure_sql_table", "entityStatus": "DELETED"},
        {"guid": "c", "typeName": "azure_sql_table", "relationshipStatus": "ACTIVE"},
    ]
    entity["relationshipAttributes"] = {"outputs": related}
    assert [(e.upstream, e.downstream) for e in translated(entity).edges] == [("Ta", "Tc")]
    assert asset_of({"typeName": "t", "status": "DELETED", "attributes": {"qualifiedName": "q"}}) is None


def test_a_reference_can_name_its_asset_itself() -> None:
    ref = {"guid": "", "typeName": "azure_sql_table", "uniqueAttributes": {"qualifiedName": "mssql://q"}}
    (flow,) = flows_of(process() | {"attributes": {"qualifiedName": "p", "inputs": [ref], "outputs": [ref]}})
    assert flow.inputs == (Ref("", "azure_sql_table", "mssql://q"),)


def test_only_direct_lineage_counts_among_the_links_of_an_asset() -> None:
    def sink(kind: str) -> Json:
        return {"guid": "b", "typeName": "azure_sql_table", "relationshipAttributes": {"typeName": kind}}

    entity = {"typeName": "azure_sql_table", "guid": "a", "attributes": {"qualifiedName": "Ta"}}
    for kind, edges in (("direct_lineage_dataset_dataset", 1), ("something_else", 0)):
        assert len(translated({**entity, "relationshipAttributes": {"sinks": [sink(kind)]}}).edges) == edges


@pytest.mark.parametrize(
    ("asset", "node"),
    [
        (Asset("azure_sql_table", "mssql://s/t"), ("mssql://s/t", "dataset", "")),
        (Asset("azure_sql_table", "other://s/t"), ("other://s/t", "external", "")),
        (Asset("powerbi_report", "mssql://report"), ("mssql://report", "external", "")),
        (Asset("azure_sql_column", "mssql://s/t#a.b", "a.b"), ("mssql://s/t", "dataset", '"a.b"')),
        (Asset("column", "other://f.csv#__tabular_schema//x", "x"), ("other://f.csv", "external", "x")),
        (
            Asset("azure_datalake_gen2_path", "https://a.dfs.core.windows.net/c/d", is_folder=True),
            ("abfss://c@a.dfs.core.windows.net/d", "location", ""),
        ),
        (
            Asset("azure_blob_container", "https://a.blob.core.windows.net/c"),
            ("wasbs://c@a.blob.core.windows.net", "location", ""),
        ),
        (Asset("aws_s3_v2_directory", "s3://b/k/"), ("s3://b/k", "location", "")),
    ],
)
def test_ends_are_datasets_locations_or_names(asset: Asset, node: tuple[str, str, str]) -> None:
    found = node_of(asset, NameFilter(["mssql://*"]))
    assert (found.name, found.kind, found.path) == node
    assert found.told == asset.name


def test_a_process_between_columns_is_lineage_of_columns() -> None:
    nodes = {"a": Node("Ta", "dataset", "Ta#x", "x"), "b": Node("Tb", "dataset", "Tb#y", "y")}
    assert columns(translated(process(), nodes)) == {("Ta", "x", "Tb", "y")}
    assert columns(translated(process(), {**nodes, "b": table("Tb")})) == set()


@pytest.mark.parametrize(
    ("address", "place"),
    [
        ("https://a.dfs.core.windows.net/c/d/e.csv", "abfss://c@a.dfs.core.windows.net/d/e.csv"),
        ("https://a.dfs.core.windows.net/c/", "abfss://c@a.dfs.core.windows.net"),
        ("https://onelake.dfs.fabric.microsoft.com/w/i/T", "abfss://w@onelake.dfs.fabric.microsoft.com/i/T"),
        ("https://a.blob.core.windows.net/c/d/{Year}/{N}.csv", "wasbs://c@a.blob.core.windows.net/d"),
        ("abfss://c@a.dfs.core.windows.net/d/", "abfss://c@a.dfs.core.windows.net/d"),
        ("s3://b/k/part-{N}.parquet", "s3://b/k"),
        ("hdfs://n:8020/x", "hdfs://n:8020/x"),
        ("https://a.core.windows.net", None),
        ("https://app.powerbi.com/groups/x", None),
        ("https://dfs.example/c/d", None),
        ("mssql://s/d/dbo/t", None),
    ],
)
def test_storage_is_spelled_as_elsewhere(address: str, place: str | None) -> None:
    assert place_of(address) == place


def test_a_part_that_is_unknown_is_asked_about(reader: FactReader) -> None:
    found = list(reader.read(Scope("k7x2qm", "collection"), EVERYTHING))
    assert facts_of(found) == [] and reasons(found) == []
