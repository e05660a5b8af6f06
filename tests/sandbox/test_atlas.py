"""The stand-in answers as Apache Atlas does: every test here runs against both, with the same expectations.

What was measured on the real server is what the stand-in is held to, also where there is no Java to start one.
"""

import uuid
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import requests

from sandbox.atlas.face import Face, fill
from sandbox.serving import Company, Served, serve
from tests.fixtures.real_atlas import IN_ONE_WORKER, real_atlas_url

Json = dict[str, Any]


class Api:
    """Calls a server as one user; remembers what it made, to delete it again."""

    def __init__(self, url: str, auth: tuple[str, str] = ("admin", "admin")) -> None:
        self.base, self.auth, self.made = f"{url}/api/atlas", auth, list[str]()
        self.url, self.name = url, auth[0]
        self.prefix = f"t{uuid.uuid4().hex[:10]}"

    def __call__(self, method: str, path: str, **kwargs: Any) -> requests.Response:
        base = self.base if path.startswith("/admin") else f"{self.base}/v2"
        return requests.request(method, base + path, auth=self.auth, timeout=120, **kwargs)

    def table(self, name: str, *columns: str, **attributes: Any) -> tuple[str, list[str]]:
        """A Hive table with columns; gives the guids."""
        full = f"{self.prefix}.{name}@primary"
        entities: list[Json] = [
            {
                "typeName": "hive_table",
                "guid": "-1",
                "attributes": {"qualifiedName": full, "name": name, **attributes},
                "relationshipAttributes": {"columns": [{"guid": f"-{n}"} for n in range(2, len(columns) + 2)]},
            }
        ]
        for n, column in enumerate(columns, 2):
            named = {"qualifiedName": f"{full}.{column}", "name": column, "type": "int", "position": n - 2}
            entities.append(
                {"typeName": "hive_column", "guid": f"-{n}", "attributes": {**named, "table": {"guid": "-1"}}}
            )
        guids = self.create(entities)
        return guids["-1"], [guids[f"-{n}"] for n in range(2, len(columns) + 2)]

    def process(self, name: str, inputs: list[str], outputs: list[str]) -> str:
        """A process between tables."""
        ends = {"inputs": [{"guid": g} for g in inputs], "outputs": [{"guid": g} for g in outputs]}
        attributes = {"qualifiedName": f"{self.prefix}.{name}", "name": name, **ends}
        return self.create([{"typeName": "Process", "guid": "-1", "attributes": attributes}])["-1"]

    def create(self, entities: list[Json]) -> dict[str, str]:
        answer = self("POST", "/entity/bulk", json={"entities": entities})
        assert answer.status_code == 200, answer.text
        guids: dict[str, str] = answer.json()["guidAssignments"]
        self.made += guids.values()
        return guids

    def entity(self, guid: str) -> Json:
        answer = self("GET", f"/entity/guid/{guid}")
        assert answer.status_code == 200, answer.text
        entity: Json = answer.json()["entity"]
        return entity


@pytest.fixture(scope="module")
def stand_in() -> Iterator[Served]:
    served = serve(Face(Company()))
    fill(served.url)
    yield served
    served.stop()


@pytest.fixture(params=["stand-in", pytest.param("real", marks=IN_ONE_WORKER)])
def api(request: pytest.FixtureRequest) -> Iterator[Api]:
    url = real_atlas_url() if request.param == "real" else request.getfixturevalue("stand_in").url
    one = Api(url)
    yield one
    if one.made:
        one("DELETE", "/entity/bulk", params={"guid": one.made})
        one("PUT", "/admin/purge", json=one.made)


def refusal(answer: requests.Response) -> tuple[int, str]:
    """Status and error code; the content type's word where there is no code."""
    if "json" in answer.headers.get("content-type", "") and answer.text.startswith("{"):
        return answer.status_code, answer.json().get("errorCode", "")
    return answer.status_code, ""


def named(type_name: str, **attributes: Any) -> Json:
    return {"entity": {"typeName": type_name, "attributes": {"qualifiedName": "x", "name": "x", **attributes}}}


ONE = "/entity/uniqueAttribute/type"
REFUSALS: list[tuple[str, str, Any, tuple[int, str]]] = [
    ("GET", "/types/typedef/name/nope", None, (404, "ATLAS-404-00-001")),
    ("GET", "/types/entitydef/name/PII", None, (404, "ATLAS-404-00-001")),
    ("POST", "/types/typedefs", {"classificationDefs": [{"name": "PII"}]}, (409, "ATLAS-409-00-001")),
    ("POST", "/types/typedefs", {"entityDefs": [{"name": "x1", "superTypes": ["nope"]}]}, (400, "ATLAS-400-00-029")),
    ("POST", "/types/typedefs", {"entityDefs": [{"name": "x 1!"}]}, (400, "ATLAS-400-00-019")),
    ("PUT", "/types/typedefs", {"entityDefs": [{"name": "nope"}]}, (404, "ATLAS-404-00-001")),
    ("GET", "/entity/guid/nope", None, (404, "ATLAS-404-00-005")),
    ("GET", "/entity/bulk?guid=nope", None, (404, "ATLAS-404-00-005")),
    ("GET", "/entity/bulk", None, (404, "ATLAS-404-00-005")),
    ("GET", f"{ONE}/hive_db?attr:qualifiedName=nope", None, (404, "ATLAS-404-00-009")),
    ("GET", f"{ONE}/nope?attr:qualifiedName=nope", None, (400, "ATLAS-400-00-014")),
    ("GET", f"{ONE}/hive_db", None, (400, "ATLAS-400-00-013")),
    ("GET", f"{ONE}/hive_db?attr:name=sales", None, (400, "ATLAS-400-00-013")),
    ("POST", "/entity", {}, (400, "ATLAS-400-00-01A")),
    ("POST", "/entity/bulk", {"entities": []}, (400, "ATLAS-400-00-01A")),
    ("POST", "/entity", named("nope"), (400, "ATLAS-400-00-014")),
    ("POST", "/entity", named("hive_column"), (404, "ATLAS-404-00-007")),
    ("POST", "/entity", named("hive_column", type="int"), (404, "ATLAS-404-00-007")),
    ("POST", "/entity", named("kafka_topic", topic="t", uri="u", partitionCount="x"), (404, "ATLAS-404-00-007")),
    ("POST", "/entity", named("hive_db", clusterName="c", ownerType="KING"), (404, "ATLAS-404-00-007")),
    ("POST", "/entity", named("hive_table", db={"guid": "nope"}), (404, "ATLAS-404-00-00A")),
    (
        "POST",
        "/entity",
        named("hive_table", db={"typeName": "hive_db", "uniqueAttributes": {"qualifiedName": "zz"}}),
        (404, "ATLAS-404-00-00A"),
    ),
    ("POST", "/entity", named("hive_table", db="text"), (400, "ATLAS-400-00-021")),
    ("POST", "/entity", named("hive_table", columns={"guid": "-9"}), (404, "ATLAS-404-00-007")),
    ("POST", "/entity/guid/nope/classifications", [{"typeName": "PII"}], (404, "ATLAS-404-00-005")),
    ("POST", "/search/basic", {"typeName": "nope"}, (400, "ATLAS-400-00-00A")),
    ("POST", "/search/basic", {"classification": "nope"}, (400, "ATLAS-400-00-046")),
    ("POST", "/search/basic", {}, (400, "ATLAS-400-00-047")),
    ("POST", "/search/basic", {"typeName": "hive_table", "limit": -1}, (400, "ATLAS-400-00-029")),
    ("POST", "/search/basic", {"typeName": "hive_table", "sortBy": "nope"}, (400, "ATLAS-400-00-023")),
    (
        "POST",
        "/search/basic",
        {"typeName": "hive_table", "entityFilters": {"attributeName": "nope", "operator": "eq", "attributeValue": "1"}},
        (400, "ATLAS-400-00-023"),
    ),
    ("GET", "/lineage/nope", None, (404, "ATLAS-404-00-005")),
    ("GET", "/glossary/nope", None, (404, "ATLAS-404-00-005")),
    ("POST", "/glossary", {"name": "Retail"}, (409, "ATLAS-409-00-007")),
    ("GET", "/nope", None, (500, "")),
]


def test_what_is_refused_is_refused_with_atlas_own_codes(api: Api) -> None:
    for method, path, body, expected in REFUSALS:
        answer = api(method, path) if body is None else api(method, path, json=body)
        assert refusal(answer) == expected, (method, path, body, answer.text)
    broken = api("POST", "/search/basic", data="{nope", headers={"content-type": "application/json"})
    assert (broken.status_code, "There was an error processing your request" in broken.text) == (500, True)


def test_who_calls_matters(api: Api) -> None:
    for auth in (("admin", "wrong"), ("nobody", "nobody"), None):
        answer = requests.get(f"{api.base}/v2/types/typedefs", auth=auth, timeout=60)
        assert answer.status_code == 401
        assert "html" in answer.headers["content-type"] and "HTTP ERROR 401" in answer.text
    reads = Api(api.url, ("viewer", "viewer"))
    assert reads("GET", "/types/typedefs").status_code == 200
    assert reads("POST", "/search/basic", json={"typeName": "hive_table"}).status_code == 200
    forbidden: list[Callable[[], requests.Response]] = [
        lambda: reads("POST", "/entity", json=named("DataSet")),
        lambda: reads("POST", "/types/typedefs", json={"classificationDefs": [{"name": "zzz"}]}),
        lambda: reads("PUT", "/admin/purge", json=["x"]),
    ]
    assert [refusal(call()) for call in forbidden] == [(403, "ATLAS-403-00-001")] * 3


def test_what_a_user_may_not_read_is_a_husk_in_a_search_and_refuses_a_whole_bulk_get(api: Api) -> None:
    clerk = Api(api.url, ("clerk", "clerk"))

    def search(type_name: str) -> list[Json]:
        found: list[Json] = clerk("POST", "/search/basic", json={"typeName": type_name, "limit": 3}).json()["entities"]
        return found

    assert {(h["guid"], h["typeName"], str(h["attributes"])) for h in search("kafka_topic")} == {
        ("-1", "kafka_topic", "{}")
    }
    tables = [h["guid"] for h in search("hive_table")]
    assert "-1" not in tables
    assert clerk("GET", "/entity/bulk", params={"guid": tables}).status_code == 200
    topic = api("POST", "/search/basic", json={"typeName": "kafka_topic", "limit": 1}).json()["entities"][0]["guid"]
    both = clerk("GET", "/entity/bulk", params={"guid": [*tables, topic]})
    assert refusal(both) == (403, "ATLAS-403-00-001")
    said = {a.name: a("GET", "/admin/session").json() for a in (clerk, Api(api.url))}
    allowed = ("atlas.entity.create.allowed", "atlas.entity.update.allowed")
    assert [said[n]["userName"] for n in ("clerk", "admin")] == ["clerk", "admin"]
    assert [said[n][a] for n in ("clerk", "admin") for a in allowed] == [False, False, True, True]
    assert [said[n]["groups"] for n in ("clerk", "admin")] == [["CLERK"], ["ADMIN"]]


def test_an_address_that_is_too_long_is_414_and_300_guids_pass(api: Api) -> None:
    guids = [str(uuid.uuid4()) for _ in range(500)]
    assert api("GET", "/entity/bulk", params={"guid": guids}).status_code == 414
    assert refusal(api("GET", "/entity/bulk", params={"guid": guids[:300]})) == (404, "ATLAS-404-00-005")


def test_a_table_comes_with_its_columns_and_defaults(api: Api) -> None:
    guid, columns = api.table("t", "a", "b", owner="amy", parameters={"k": "v"})
    answer = api("GET", f"/entity/guid/{guid}").json()
    entity = answer["entity"]
    assert sorted(answer["referredEntities"]) == sorted(columns)
    assert {c["guid"] for c in entity["relationshipAttributes"]["columns"]} == set(columns)
    assert {c["guid"] for c in entity["attributes"]["columns"]} == set(columns)
    shown = {k: v for k, v in entity["attributes"].items() if k not in ("columns", "qualifiedName", "db", "sd")}
    assert shown == {
        **dict.fromkeys(("replicatedFrom", "replicatedTo", "description", "comment", "aliases", "tableType"), None),
        **dict.fromkeys(("viewOriginalText", "viewExpandedText"), None),
        "createTime": 0,
        "lastAccessTime": 0,
        "retention": 0,
        "temporary": False,
        "partitionKeys": [],
        "name": "t",
        "owner": "amy",
        "parameters": {"k": "v"},
    }
    brief = api("GET", f"/entity/guid/{guid}", params={"ignoreRelationships": "true", "minExtInfo": "true"}).json()
    assert brief["referredEntities"] == {}
    assert "relationshipAttributes" not in brief["entity"]


def test_a_process_names_its_ends_and_a_column_does_not_name_its_table(api: Api) -> None:
    guid, columns = api.table("t", "a")
    process = api.process("p", [guid], [guid])
    name = api.entity(guid)["attributes"]["qualifiedName"]
    table = {"guid": guid, "typeName": "hive_table"}
    assert api.entity(process)["attributes"]["inputs"] == [{**table, "uniqueAttributes": {"qualifiedName": name}}]
    assert api.entity(columns[0])["attributes"]["table"] == table


def test_the_same_entity_again_changes_nothing_and_an_attribute_moves_the_time(api: Api) -> None:
    guid, _ = api.table("t", owner="amy")
    before = api.entity(guid)
    again = {k: before["attributes"][k] for k in ("qualifiedName", "name", "owner")}
    answer = api("POST", "/entity", json={"entity": {"typeName": "hive_table", "attributes": again}})
    assert answer.json().get("mutatedEntities") is None
    assert api.entity(guid)["updateTime"] == before["updateTime"]
    url = f"{ONE}/hive_table?attr:qualifiedName={before['attributes']['qualifiedName']}"
    change = {"entity": {"typeName": "hive_table", "attributes": {"comment": "hello"}}}
    assert list(api("PUT", url, json=change).json()["mutatedEntities"]) == ["PARTIAL_UPDATE"]
    after = api.entity(guid)
    assert (after["attributes"]["comment"], after["attributes"]["owner"]) == ("hello", "amy")
    assert after["updateTime"] > before["updateTime"]
    assert refusal(api("PUT", f"/entity/guid/{guid}?name=nope", json="x")) == (400, "ATLAS-400-00-023")


def test_a_column_left_out_is_deleted_softly(api: Api) -> None:
    guid, (kept, dropped) = api.table("t", "a", "b")
    name = api.entity(guid)["attributes"]["qualifiedName"]
    attributes = {"qualifiedName": name, "name": "t", "columns": [{"guid": kept, "typeName": "hive_column"}]}
    answer = api("POST", "/entity", json={"entity": {"typeName": "hive_table", "attributes": attributes}}).json()
    assert [e["guid"] for e in answer["mutatedEntities"]["DELETE"]] == [dropped]
    columns = {c["guid"]: c for c in api.entity(guid)["relationshipAttributes"]["columns"]}
    assert {g: (c["entityStatus"], c["relationshipStatus"]) for g, c in columns.items()} == {
        kept: ("ACTIVE", "ACTIVE"),
        dropped: ("DELETED", "DELETED"),
    }
    assert api.entity(dropped)["status"] == "DELETED"


def test_a_deleted_table_stays_by_guid_only_takes_its_columns_along_and_can_be_purged(api: Api) -> None:
    guid, columns = api.table("t", "a")
    name = api.entity(guid)["attributes"]["qualifiedName"]
    deleted = api("DELETE", f"/entity/guid/{guid}").json()["mutatedEntities"]["DELETE"]
    assert {e["guid"] for e in deleted} == {guid, *columns}
    assert api.entity(guid)["status"] == "DELETED"
    assert refusal(api("GET", f"{ONE}/hive_table?attr:qualifiedName={name}")) == (404, "ATLAS-404-00-009")
    assert api("DELETE", f"/entity/guid/{guid}").json() == {}
    assert api("DELETE", "/entity/guid/nope").json() == {}
    purged = api("PUT", "/admin/purge", json=[guid]).json()["mutatedEntities"]["PURGE"]
    assert guid in {e["guid"] for e in purged}
    assert refusal(api("GET", f"/entity/guid/{guid}")) == (404, "ATLAS-404-00-005")


def test_a_classification_flows_along_processes_and_stays_its_sources(api: Api) -> None:
    first, _ = api.table("first")
    last, _ = api.table("last")
    process = api.process("p", [first], [last])
    marks = [
        {"typeName": "PII.Email", "attributes": {"confidence": 0.5}},
        {"typeName": "Confidential", "propagate": False},
    ]
    assert api("POST", f"/entity/guid/{first}/classifications", json=marks).status_code == 204
    again = api("POST", f"/entity/guid/{first}/classifications", json=marks[:1])
    assert refusal(again) == (400, "ATLAS-400-00-01A")
    unknown = api("POST", f"/entity/guid/{first}/classifications", json=[{"typeName": "nope"}])
    assert refusal(unknown) == (404, "ATLAS-404-00-008")

    def shown(guid: str) -> list[tuple[str, str, Any]]:
        found = api.entity(guid).get("classifications", [])
        return sorted((c["typeName"], c["entityGuid"], c["entityStatus"]) for c in found)

    assert [c for c, _, _ in shown(first)] == ["Confidential", "PII.Email"]
    for guid in (process, last):
        assert shown(guid) == [("PII.Email", first, "ACTIVE")]
    api("DELETE", f"/entity/guid/{first}")
    assert shown(last) == [("PII.Email", first, "DELETED")]


def test_a_classification_taken_off_is_gone_downstream(api: Api) -> None:
    first, _ = api.table("first")
    last, _ = api.table("last")
    api.process("p", [first], [last])
    api("POST", f"/entity/guid/{first}/classifications", json=[{"typeName": "PII"}])
    assert "classifications" in api.entity(last)
    assert api("DELETE", f"/entity/guid/{first}/classification/PII").status_code == 204
    assert "classifications" not in api.entity(last)
    assert refusal(api("DELETE", f"/entity/guid/{first}/classification/PII")) == (404, "ATLAS-404-00-003")
    assert refusal(api("DELETE", f"/entity/guid/{first}/classification/nope")) == (400, "ATLAS-400-00-014")


def test_labels_business_metadata_and_terms_move_no_time(api: Api) -> None:
    guid, _ = api.table("t")
    before = api.entity(guid)["updateTime"]
    assert api("POST", f"/entity/guid/{guid}/labels", json=["gold", "a_b-1"]).status_code == 204
    assert refusal(api("POST", f"/entity/guid/{guid}/labels", json=["two words"])) == (400, "ATLAS-400-00-090")
    path = f"/entity/guid/{guid}/businessmetadata?isOverwrite=true"
    assert api("POST", path, json={"Stewardship": {"tier": 2, "cost_centre": "47"}}).status_code == 204
    assert refusal(api("POST", path, json={"Nope": {"tier": 2}})) == (404, "ATLAS-404-00-007")
    assert refusal(api("POST", path, json={"Stewardship": {"tier": "x"}})) == (404, "ATLAS-404-00-007")
    glossary = next(g for g in api("GET", "/glossary").json() if g["name"] == "Retail")
    term = next(t for t in glossary["terms"] if t["displayText"] == "Customer")["termGuid"]
    assert api("POST", f"/glossary/terms/{term}/assignedEntities", json=[{"guid": guid}]).status_code == 204
    entity = api.entity(guid)
    assert sorted(entity["labels"]) == ["a_b-1", "gold"]
    assert entity["businessAttributes"] == {"Stewardship": {"tier": 2, "cost_centre": "47"}}
    meaning = entity["relationshipAttributes"]["meanings"][0]
    assert (meaning["displayText"], meaning["typeName"], meaning["relationshipStatus"]) == (
        "Customer",
        "AtlasGlossaryTerm",
        "ACTIVE",
    )
    assert entity["updateTime"] == before
    assert guid in {e["guid"] for e in api("GET", f"/glossary/terms/{term}/assignedEntities").json()}


def test_lineage_shows_the_way_through_the_process(api: Api) -> None:
    first, _ = api.table("first")
    last, _ = api.table("last")
    process = api.process("p", [first], [last])
    graph = api("GET", f"/lineage/{last}", params={"direction": "INPUT"}).json()
    assert {(r["fromEntityId"], r["toEntityId"]) for r in graph["relations"]} == {(first, process), (process, last)}
    assert set(graph["guidEntityMap"]) == {first, process, last}


def test_search_finds_sorts_filters_and_falls_back_on_its_limits(api: Api) -> None:
    def search(**given: Any) -> Json:
        answer = api("POST", "/search/basic", json={"typeName": "hive_table", **given})
        assert answer.status_code == 200, answer.text
        out: Json = answer.json()
        return out

    order = {"sortBy": "__timestamp", "sortOrder": "ASCENDING", "attributes": ["__timestamp"]}
    everything = search(excludeDeletedEntities=True, limit=500, **order)
    times = [h["attributes"]["__timestamp"] for h in everything["entities"]]
    assert times == sorted(times) and len(times) >= 14
    since = {"attributeName": "__timestamp", "operator": "gte", "attributeValue": str(times[-1])}
    late = search(entityFilters={"condition": "AND", "criterion": [since]}, **order)
    assert {h["attributes"]["__timestamp"] for h in late["entities"]} >= {times[-1]}
    assert min(h["attributes"]["__timestamp"] for h in late["entities"]) >= times[-1]
    assert [search(limit=n)["searchParameters"]["limit"] for n in (0, 7, 10_000, 10_001)] == [100, 7, 10_000, 100]
    assert "entities" not in search(offset=5_000)
    gone = {"attributeName": "__state", "operator": "eq", "attributeValue": "DELETED"}
    deleted = search(entityFilters={"condition": "AND", "criterion": [gone]})
    assert {h["status"] for h in deleted["entities"]} == {"DELETED"}
    below = search(typeName="DataSet", limit=1)["approximateCount"]
    assert below > search(limit=1)["approximateCount"]
    assert "entities" not in search(typeName="DataSet", includeSubTypes=False)


def test_the_estate_seeded_twice_is_the_same_estate(api: Api) -> None:
    def count() -> int:
        found: int = api("POST", "/search/basic", json={"typeName": "DataSet", "limit": 1}).json()["approximateCount"]
        return found

    before = count()
    fill(api.url)
    assert count() == before
