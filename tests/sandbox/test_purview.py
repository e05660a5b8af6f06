"""Purview's stand-in: Microsoft's published descriptions and examples, rights, paging, limits, tokens."""

import json
import time
import uuid
from collections.abc import Iterator
from functools import cache
from typing import Any
from urllib.parse import quote

import pytest
from starlette.routing import Match, Route

from sandbox.company import retail
from sandbox.company.fields import Plain
from sandbox.purview import columns
from sandbox.purview.face import Face
from sandbox.purview.identity import CURATOR, LIMITED, READER
from sandbox.purview.policies import policy_id
from sandbox.serving import Company, Served, running
from tests.sandbox.purview_client import APIS, OPERATIONS, Client
from tests.sandbox.purview_descriptions import GUID, Description, Operation, folder

Json = Any

pytestmark = pytest.mark.xdist_group("sandbox-purview")
needs_descriptions = pytest.mark.skipif(
    folder() is None, reason="Microsoft's descriptions are not here; GOVERNANCE_TEST_PURVIEW_OPENAPI names their folder"
)


@pytest.fixture(scope="module")
def served() -> Iterator[Served]:
    with running(Company(), ["purview"]) as servers:
        yield servers["purview"]


@pytest.fixture
def curator(served: Served) -> Client:
    return Client(served, CURATOR)


@pytest.fixture
def reader(served: Served) -> Client:
    return Client(served, READER)


@cache
def served_operations() -> frozenset[str]:
    """The described operations that the server has a route for."""
    found = set()
    face = Face(Company())
    server = face.server
    routes = [*server._account_routes(), *server._policy_routes(), *server._datamap_routes()]
    for operation in OPERATIONS.values():
        path = operation.address.rstrip("/")
        for part in ("guid", "glossaryId", "termId", "categoryId", "typeName", "name", "policyId"):
            path = path.replace(f"{{{part}}}", "x")
        path = path.replace("{collectionName}", "x").replace("{classificationName}", "x")
        scope = {"type": "http", "method": operation.method, "path": path, "headers": []}
        if any(isinstance(r, Route) and r.matches(scope)[0] is Match.FULL for r in routes):
            found.add(operation.id)
    return frozenset(found)


@needs_descriptions
def test_every_operation_that_is_served_answers_as_microsoft_describes(curator: Client) -> None:
    c = curator
    _collections(c)
    _policies(c)
    glossary, term = _glossary(c)
    asset = _entities(c)
    _stewardship(c, asset)
    _types(c)
    _discovery(c, asset)
    _relationships(c, term)
    _endings(c, glossary, term)
    missing = served_operations() - c.exercised
    assert missing == set()
    assert len(c.exercised) >= 60


def _collections(c: Client) -> None:
    c.call("Accounts_GetAccountProperties")
    body = {"friendlyName": "Checked", "parentCollection": {"referenceName": "retail"}, "description": "for a moment"}
    here = {"collectionName": "checked-1"}
    c.call("Collections_CreateOrUpdateCollection", body, path=here)
    assert c.call("Collections_GetCollection", path=here)["parentCollection"]["referenceName"] == "retail"
    assert c.call("Collections_ListCollections")["nextLink"]
    names = c.call("Collections_ListChildCollectionNames", path={"collectionName": "retail"})["value"]
    assert "checked-1" in {n["name"] for n in names}
    chain = c.call("Collections_GetCollectionPath", path=here)
    assert chain["parentFriendlyNameChain"] == ["Harbour & Pine", "Retail"]
    c.call("Collections_DeleteCollection", path=here, status=204)
    c.call("Collections_GetCollection", path=here, status=404)


def _policies(c: Client) -> None:
    assert {r["name"] for r in c.call("MetadataRoles_List")["values"]} >= {"purview-reader", "data-curator"}
    assert c.call("MetadataPolicy_ListAll")["nextLink"]
    (found,) = c.call("MetadataPolicy_ListAll", collectionName="retail-sales")["values"]
    here = {"policyId": found["id"]}
    assert c.call("MetadataPolicy_Get", path=here) == found
    changed = c.call("MetadataPolicy_Update", found, path=here)
    assert changed == {**found, "version": found["version"] + 1}
    c.call("MetadataPolicy_Get", path={"policyId": str(uuid.uuid4())}, status=404)
    c.call("MetadataPolicy_ListAll", collectionName="nothing", status=404)


def _glossary(c: Client) -> tuple[str, str]:
    glossary = c.call("Glossary_Create", {"name": "Checked", "shortDescription": "short"})["guid"]
    anchor = {"glossaryGuid": glossary}
    term = c.call("Glossary_CreateTerm", {"name": "T1", "anchor": anchor}, path=None)["guid"]
    c.call("Glossary_CreateTerms", [{"name": "T2", "anchor": anchor}])
    category = c.call("Glossary_CreateCategory", {"name": "C1", "anchor": anchor})["guid"]
    here, there = {"glossaryId": glossary}, {"termId": term}
    assert {g["name"] for g in c.call("Glossary_List")} == {"Retail", "Checked"}
    assert "terms" not in c.call("Glossary_List", ignoreTermsAndCategories="true")[1]
    assert len(c.call("Glossary_List", limit=1, offset=1)) == 1
    c.call("Glossary_Get", path=here)
    assert len(c.call("Glossary_ListTerms", path=here)) == 2
    c.call("Glossary_ListCategories", path=here)
    c.call("Glossary_GetTerm", path=there)
    c.call("Glossary_GetCategory", path={"categoryId": category})
    c.call("Glossary_Update", {"name": "Checked", "longDescription": "long"}, path=here)
    c.call("Glossary_UpdateTerm", {"name": "T1", "longDescription": "long"}, path=there)
    c.call("Glossary_UpdateCategory", {"name": "C1", "longDescription": "long"}, path={"categoryId": category})
    asset = c.new_asset()
    c.call("Glossary_AssignTermToEntities", [{"guid": asset}], path=there, status=204)
    assigned = c.call("Glossary_ListEntitiesAssignedWithTerm", path=there)
    assert [one["guid"] for one in assigned] == [asset]
    c.call("Glossary_DeleteTermAssignmentFromEntities", [{"guid": asset}], path=there, status=204)
    c.call("Glossary_DeleteCategory", path={"categoryId": category}, status=204)
    return glossary, term


def _entities(c: Client) -> str:
    name = "https://checked.core.windows.net"
    contacts = {"Owner": [{"id": str(uuid.uuid4()), "info": "x"}], "Expert": []}
    entity = {
        "typeName": "azure_storage_account",
        "attributes": {"qualifiedName": name, "name": "checked", "createTime": 0},
        "contacts": contacts,
    }
    c.call("Entity_CreateOrUpdate", {"entity": entity})
    second = {"typeName": "azure_storage_account", "attributes": {"qualifiedName": f"{name}/2", "name": "2"}}
    out = c.call("Entity_BulkCreateOrUpdate", {"entities": [entity, second]}, collectionId="finance")
    assert set(out["mutatedEntities"]) == {"CREATE"}
    unique: dict[str, Any] = {"path": {"typeName": "azure_storage_account"}, "attr:qualifiedName": name}
    got = c.call("Entity_GetByUniqueAttributes", **unique)["entity"]
    assert got["contacts"] == contacts and got["collectionId"] == "finance" and got["lastModifiedTS"]
    here = {"guid": got["guid"]}
    c.call("Entity_Get", path=here)
    c.call("Entity_GetHeader", path=here)
    many: dict[str, Any] = {
        "path": {"typeName": "azure_storage_account"},
        "attr_0:qualifiedName": name,
        "attr_1:qualifiedName": f"{name}/2",
    }
    both = c.call("Entity_ListByUniqueAttributes", **many)["entities"]
    assert len(both) == 2
    assert len(c.call("Entity_ListByGuids", guid=[e["guid"] for e in both], minExtInfo="true")["entities"]) == 2
    c.call("Entity_PartialUpdateAttributeByGuid", "renamed", path=here, name="name")
    c.call("Entity_PartialUpdateByUniqueAttributes", {"entity": {**entity, "attributes": {"name": "again"}}}, **unique)
    assert c.call("Entity_Get", path=here)["entity"]["attributes"]["name"] == "again"
    c.call("Entity_MoveEntitiesToCollection", {"entityGuids": [here["guid"]]}, collectionId="retail")
    assert c.call("Entity_Get", path=here)["entity"]["collectionId"] == "retail"
    c.call("Entity_Get", path={"guid": str(uuid.uuid4())}, status=404)
    return str(here["guid"])


def _stewardship(c: Client, asset: str) -> None:
    here, email = {"guid": asset}, "MICROSOFT.PERSONAL.EMAIL"
    c.call("Entity_AddClassifications", [{"typeName": email}], path=here, status=204)
    c.call("Entity_UpdateClassifications", [{"typeName": email}], path=here, status=204)
    assert c.call("Entity_GetClassifications", path=here)["totalCount"] == 1
    c.call("Entity_GetClassification", path={**here, "classificationName": email})
    c.call("Entity_RemoveClassification", path={**here, "classificationName": email}, status=204)
    bulk = {"classification": {"typeName": "MICROSOFT.PERSONAL.NAME"}, "entityGuids": [asset]}
    c.call("Entity_AddClassification", bulk, status=204)
    wanted = {asset: {"typeName": "azure_storage_account", "classifications": [{"typeName": email}]}}
    said = c.call("Entity_BulkSetClassifications", {"guidHeaderMap": wanted})
    assert len(said) == 2
    assert [k["typeName"] for k in c.call("Entity_GetClassifications", path=here)["list"]] == [email]
    c.call("Entity_SetLabels", ["one", "two"], path=here, status=204)
    c.call("Entity_AddLabel", ["three"], path=here, status=204)
    c.call("Entity_RemoveLabels", ["one"], path=here, status=204)
    assert c.call("Entity_Get", path=here)["entity"]["labels"] == ["three", "two"]
    table = c.search(filter={"entityType": "azure_sql_view"})["value"][0]["id"]
    business = {"Stewardship": {"steward": "x@y.example"}}
    c.call("Entity_AddOrUpdateBusinessMetadata", business, path={"guid": table}, status=204)
    assert c.call("Entity_Get", path={"guid": table})["entity"]["businessAttributes"] == business


def _types(c: Client) -> None:
    for category in ("entity", "classification", "relationship", "enum", "struct", "businessMetadata"):
        some = c.call("Type_List")[f"{category}Defs"][0]
        word = category[0].upper() + category[1:]
        c.call(f"Type_Get{word}DefByName", path={"name": some["name"]})
        c.call(f"Type_Get{word}DefByGuid", path={"guid": some["guid"]})
        c.call("Type_GetByName", path={"name": some["name"]})
        c.call("Type_GetByGuid", path={"guid": some["guid"]})
    c.call("Type_ListHeaders")
    made = {"entityDefs": [{"name": "checked_type", "superTypes": ["DataSet"], "attributeDefs": []}]}
    c.call("Type_BulkCreate", made)
    c.call("Type_BulkUpdate", made)
    c.call("Type_Delete", path={"name": "checked_type"}, status=204)


def _discovery(c: Client, asset: str) -> None:
    facets = [{"facet": f, "count": 5} for f in ("assetType", "classification", "term", "label", "contactId")]
    page = c.call("Discovery_Query", {"keywords": None, "limit": 7, "facets": facets})
    assert page["@search.count"] > 20 and page["@search.facets"]["term"] and len(page["value"]) == 7
    c.call("Discovery_Query", {"limit": 1001}, status=400)
    c.call("Discovery_Suggest", {"keywords": "orders", "limit": 3})
    assert c.call("Discovery_AutoComplete", {"keywords": "cust"})["value"]
    c.call("Lineage_Get", path={"guid": asset}, direction="BOTH", depth=1)
    c.call("Lineage_GetNextPage", path={"guid": asset}, direction="INPUT", limit=5)


def _relationships(c: Client, term: str) -> None:
    asset = c.new_asset()
    ends = {
        "end1": {"guid": term, "typeName": "AtlasGlossaryTerm"},
        "end2": {"guid": asset, "typeName": "Referenceable"},
    }
    edge = c.call("Relationship_Create", {"typeName": "AtlasGlossarySemanticAssignment", **ends})["guid"]
    c.call("Relationship_Create", {"typeName": "AtlasGlossarySemanticAssignment", **ends}, status=409)
    assert c.call("Relationship_Get", path={"guid": edge})["relationship"]["end2"]["guid"] == asset
    c.call("Relationship_Delete", path={"guid": edge}, status=204)
    c.call("Relationship_Get", path={"guid": edge}, status=404)


def _endings(c: Client, glossary: str, term: str) -> None:
    c.call("Glossary_DeleteTerm", path={"termId": term}, status=204)
    c.call("Glossary_Delete", path={"glossaryId": glossary}, status=204)
    c.call("Entity_Delete", path={"guid": c.new_asset()})
    c.call("Entity_BulkDelete", guid=[c.new_asset(), c.new_asset()])
    name = "https://checked.core.windows.net"
    unique: dict[str, Any] = {"path": {"typeName": "azure_storage_account"}, "attr:qualifiedName": name}
    c.call("Entity_DeleteByUniqueAttribute", **unique)
    c.call("Entity_GetByUniqueAttributes", status=404, **unique)


@needs_descriptions
def test_the_check_against_the_descriptions_can_fail(reader: Client) -> None:
    answer = reader.search(limit=1)
    OPERATIONS["Discovery_Query"].check(200, answer)
    for spoilt in (
        {**answer, "@search.count": "many"},
        {**answer, "value": [{**answer["value"][0], "createTime": "yesterday"}]},
        {**answer, "value": [{**answer["value"][0], "unheard": 1}]},
    ):
        with pytest.raises(AssertionError):
            OPERATIONS["Discovery_Query"].check(200, spoilt)


EXAMPLES = [
    (o, name, content) for o in OPERATIONS.values() if o.id in served_operations() for name, content in o.examples()
]


@needs_descriptions
@pytest.mark.parametrize(("operation", "example"), [pytest.param(o, content, id=name) for o, name, content in EXAMPLES])
def test_published_examples_are_accepted(curator: Client, operation: Operation, example: Json) -> None:
    given = _real(curator, operation, example["parameters"])
    path, params, body = operation.address, {}, None
    for one in operation.parameters():
        value = given.get(one["name"], given.get(one["name"].replace("attr_N", "attr_0")))
        if one["in"] == "path" and one["name"] != "Endpoint":
            path = path.replace(f"{{{one['name']}}}", quote(str(value), safe=""))
        elif one["in"] == "query" and value is not None and one["name"] != "api-version":
            params[one["name"].replace("attr_N", "attr_0")] = value
        elif one["in"] == "body":
            body = value
    answer = curator.send(operation.method, path.rstrip("/"), body, **params)
    out = answer.json() if answer.content else None
    operation.check(answer.status_code, out)
    if operation.id.startswith("Discovery"):
        assert answer.ok, out
    if out is not None and not answer.ok:
        # types and names of the example are of another account: its state may refuse them, not the request's form
        assert out.get("error", {}).get("code") not in ("NotFound", "InvalidRequest", "UnsupportedApiVersion"), out
        assert out.get("errorMessage") != "The request is not valid", out


def _real(c: Client, operation: Operation, parameters: Json) -> Json:
    """The example's parameters with guids and placeholders of this account instead of Microsoft's."""
    asset = c.new_asset()
    term = c.search(filter={"objectType": "Glossary terms"})["value"][0]["id"]
    glossary = c.send("GET", "/datamap/api/atlas/v2/glossary").json()[0]["guid"]
    text = json.dumps(parameters)
    text = (
        text.replace('"<token>"', "null").replace("eq|ne|contains|prefix", "prefix").replace("eq|ne|gt|ge|lt|le", "gt")
    )
    text = text.replace('"eq|ne"', '"eq"').replace("<term guid>", term)
    # updates by guid need a guid that the account has; creations need names that it has not
    given = json.loads(GUID.sub(asset, text))
    if operation.id.startswith("Glossary"):
        given = json.loads(json.dumps(given).replace(f'"glossaryGuid": "{asset}"', f'"glossaryGuid": "{glossary}"'))
        given |= {"glossaryId": glossary, "termId": term} if "Delete" not in operation.id else {}
    if operation.id == "Collections_CreateOrUpdateCollection":
        given["body"]["parentCollection"]["referenceName"] = "retail"
    elif operation.id.startswith("MetadataPolicy"):
        given = json.loads(
            json.dumps(given).replace("myparentcollection", "harbourpine").replace("mycollection", "finance")
        )
        given |= {"policyId": policy_id("finance")} if "policyId" in given else {}
    elif "collectionName" in given and "Delete" not in operation.id:
        given["collectionName"] = "retail"
    return given


# --- what the stand-in obeys beside the descriptions ---


def test_guids_fit_into_a_bulk_get_up_to_193(reader: Client) -> None:
    guid = reader.search(limit=1)["value"][0]["id"]
    bulk = "/datamap/api/atlas/v2/entity/bulk"
    assert reader.send("GET", bulk, guid=[guid] * 193).status_code == 200
    refused = reader.send("GET", bulk, guid=[guid] * 194)
    assert refused.status_code == 414
    assert "html" in refused.headers["content-type"]


def test_search_pages_by_token_and_a_token_belongs_to_its_query(reader: Client) -> None:
    query = {"filter": {"objectType": "Tables"}, "orderby": [{"name": "ASC"}], "limit": 5}
    found, token = [], None
    while True:
        page = reader.search(**query, **({"continuationToken": token} if token else {}))
        found += [h["id"] for h in page["value"]]
        token = page.get("continuationToken")
        if token is None:
            break
        last = token
    assert len(found) == len(set(found)) == page["@search.count"] > 10
    other = reader.send("POST", "/datamap/api/search/query", {"limit": 5, "continuationToken": last})
    assert other.status_code == 400
    assert reader.send("POST", "/datamap/api/search/query", {"continuationToken": "???"}).status_code == 400


def test_search_gives_fifty_unless_asked(curator: Client) -> None:
    names = [f"https://fifty{n}.core.windows.net" for n in range(60)]
    entities = [{"typeName": "azure_storage_account", "attributes": {"qualifiedName": n, "name": n}} for n in names]
    made = curator.send("POST", "/datamap/api/atlas/v2/entity/bulk", {"entities": entities}).json()
    page = curator.search(keywords="fifty")
    assert len(page["value"]) == 50 and page["@search.count"] == 60
    guids = list(made["guidAssignments"].values())
    assert curator.send("DELETE", "/datamap/api/atlas/v2/entity/bulk", guid=guids).ok
    assert curator.search(keywords="fifty")["@search.count"] == 0


def test_rights_go_by_collection(served: Served, reader: Client) -> None:
    limited = Client(served, LIMITED)
    seen = {h["collectionId"] for h in limited.search(limit=1000)["value"] if "collectionId" in h}
    assert seen == {"retail", "retail-sales", "retail-crm"}
    assert limited.search(filter={"collectionId": "finance"})["@search.count"] == 0
    hidden = reader.search(filter={"collectionId": "finance"}, limit=1)["value"][0]["id"]
    for path in (f"entity/guid/{hidden}", f"entity/guid/{hidden}/header"):
        assert limited.send("GET", f"/datamap/api/atlas/v2/{path}").status_code == 403
    assert limited.send("GET", "/datamap/api/atlas/v2/entity/bulk", guid=[hidden]).status_code == 403
    assert limited.send("GET", "/account/collections/finance").json()["error"]["code"] == "Unauthorized"
    assert limited.send("GET", "/account/collections/nothing").status_code == 404


def test_readers_change_nothing(served: Served) -> None:
    reader = Client(served, LIMITED)
    entity = {"typeName": "azure_storage_account", "attributes": {"qualifiedName": "x", "name": "x"}}
    for method, path, body in (
        ("POST", "/datamap/api/atlas/v2/entity", {"entity": entity}),
        ("POST", "/datamap/api/entity/moveTo?collectionId=retail", {"entityGuids": []}),
        ("PUT", "/account/collections/mine", {"parentCollection": {"referenceName": "retail"}}),
    ):
        assert reader.send(method, path, body).status_code == 403, path


def test_contacts_have_bounds(curator: Client) -> None:
    some = [{"id": str(uuid.uuid4()), "info": ""} for _ in range(21)]
    entity = {
        "typeName": "azure_storage_account",
        "attributes": {"qualifiedName": "https://contacts.core.windows.net", "name": "c"},
        "contacts": {"Owner": some},
    }
    refused = curator.send("POST", "/datamap/api/atlas/v2/entity", {"entity": entity})
    assert refused.status_code == 400 and "20" in refused.json()["errorMessage"]
    entity["contacts"] = {"Owner": some[:20]}
    assert curator.send("POST", "/datamap/api/atlas/v2/entity", {"entity": entity}).ok


@pytest.mark.parametrize(
    ("path", "version"),
    [
        ("/datamap/api/atlas/v2/types/typedefs", "1999-01-01"),
        ("/datamap/api/search/query", ""),
        ("/account/collections", "2023-09-01"),
        ("/account/collections", ""),
        ("/policyStore/metadataPolicies", "2023-09-01"),
        ("/policyStore/metadataRoles", ""),
    ],
)
def test_api_versions_are_checked(reader: Client, path: str, version: str) -> None:
    method = "POST" if "query" in path else "GET"
    answer = reader.session.request(
        method, reader.url + path, params={"api-version": version} if version else {}, json={}, timeout=10
    )
    assert answer.status_code == 400
    assert "ersion" in answer.json()["error"]["code"]


def test_tokens_end_and_can_be_revoked(served: Served) -> None:
    client = Client(served, READER)
    assert client.send("GET", "/account/collections").ok
    client.face.server.identity.revoke()
    assert client.send("GET", "/account/collections").status_code == 401
    client.sign_in()
    client.face.server.identity.seconds = 1
    try:
        client.sign_in()
        assert client.send("GET", "/account/collections").ok
        time.sleep(1.1)
        assert client.send("GET", "/account/collections").status_code == 401
    finally:
        client.face.server.identity.seconds = 3599
    forged = client.session.headers["Authorization"]
    client.session.headers["Authorization"] = str(forged)[:-4] + "0000"
    assert client.send("GET", "/account/collections").status_code == 401


def test_a_new_asset_can_lag_in_the_index_but_not_by_guid(served: Served) -> None:
    curator = Client(served, CURATOR)
    curator.face.server.calls.lag = 3600
    try:
        guid = curator.new_asset()
        assert curator.search(filter={"id": guid})["@search.count"] == 0
        assert curator.send("GET", f"/datamap/api/atlas/v2/entity/guid/{guid}").ok
    finally:
        curator.face.server.calls.lag = 0
    assert curator.search(filter={"id": guid})["@search.count"] == 1


def test_operations_a_second_are_limited_when_asked(served: Served) -> None:
    client = Client(served, READER)
    bucket = client.face.server.bucket
    # one every ten seconds: no machine is so slow that it keeps below that
    bucket.rate = 0.1
    try:
        refused = [client.send("GET", "/account/collections") for _ in range(3)]
        bucket.rate = 1_000_000
        answered = client.send("GET", "/account/collections")
    finally:
        bucket.rate = None
    assert {a.status_code for a in refused} == {429}
    assert all(0 < float(a.headers["Retry-After"]) <= 10 for a in refused)
    assert answered.ok


def test_glossaries_with_very_many_terms_time_out_with_them(curator: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sandbox.purview.datamap.MANY_TERMS", 2)
    slow = curator.send("GET", "/datamap/api/atlas/v2/glossary")
    assert slow.status_code == 408 and slow.json()["requestId"]
    assert curator.send("GET", "/datamap/api/atlas/v2/glossary", ignoreTermsAndCategories="true").ok


def test_a_lost_collection_is_in_no_search(served: Served, reader: Client) -> None:
    served.face.faults.replace([{"action": "lose", "scope": "retail-crm"}])
    try:
        assert reader.search(filter={"collectionId": "retail-crm"})["@search.count"] == 0
        assert reader.search(filter={"collectionId": "finance"})["@search.count"] > 0
    finally:
        served.face.faults.clear()
    assert reader.search(filter={"collectionId": "retail-crm"})["@search.count"] > 0


def test_every_type_of_the_company_can_be_written_by_every_system() -> None:
    words = {f.type for e in retail.ENTITIES for f in e.fields if isinstance(f.type, Plain)}
    for write in (columns.tsql, columns.snowflake, columns.powerbi, columns.whole, columns.texts):
        assert all(write(word).native and write(word).type for word in words)


def test_scale_multiplies_the_account() -> None:
    one, three = (list(Face(Company(scale=n)).account()) for n in (1, 3))
    assert len(three) == 3 * len(one) >= 45
    assert len({(d.namespace, d.qualified_name) for d in three}) == len(three)


def test_descriptions_are_found_where_they_are_named() -> None:
    assert all(isinstance(api, Description) for api in APIS)
    assert (folder() is None) == (not OPERATIONS)
