"""The sandbox's Glue pages, refuses and tags as AWS does, and several of them live in one process."""

from collections.abc import Iterator
from typing import Any

import boto3
import pytest
import requests
from botocore.config import Config
from botocore.exceptions import ClientError

from sandbox.glue.face import Face
from sandbox.glue.gate import (
    ACCOUNT,
    EXTERNAL_ID,
    PARTNER,
    PARTNER_ROLE,
    READER_KEY,
    READER_ROLE,
    READER_SECRET,
    REGION,
    RESTRICTED_KEY,
    RESTRICTED_SECRET,
)
from sandbox.glue.server import Server
from sandbox.serving import Company, Served, running, serve


@pytest.fixture(scope="module")
def lake() -> Iterator[Served]:
    with running(Company(), ["glue"]) as served:
        yield served["glue"]


def client(served: Served, service: str, key: str = READER_KEY, secret: str = READER_SECRET, token: str = "") -> Any:
    session = boto3.Session(key, secret, token or None, region_name=REGION)
    config = Config(retries={"total_max_attempts": 1})
    return session.client(service, endpoint_url=served.url, config=config)


def refused(call: Any, **given: Any) -> tuple[str, int]:
    with pytest.raises(ClientError) as raised:
        call(**given)
    response = raised.value.response
    return response["Error"]["Code"], response["ResponseMetadata"]["HTTPStatusCode"]


def names(listed: list[dict[str, Any]]) -> list[str]:
    return [t["Name"] for t in listed]


def test_pages_follow_each_other_to_the_end(lake: Served) -> None:
    glue = client(lake, "glue")
    whole = names(glue.get_tables(DatabaseName="sales")["TableList"])
    pages, token = [], {}
    while True:
        answer = glue.get_tables(DatabaseName="sales", MaxResults=3, **token)
        pages.append(names(answer["TableList"]))
        if "NextToken" not in answer:
            break
        token = {"NextToken": answer["NextToken"]}
    assert [len(p) for p in pages] == [3, 3, 3]
    assert [n for p in pages for n in p] == whole
    paginator = glue.get_paginator("get_databases")
    assert len([d for p in paginator.paginate(PaginationConfig={"PageSize": 1}) for d in p["DatabaseList"]]) == 6


def test_a_page_holds_at_most_a_hundred(lake: Served) -> None:
    glue = client(lake, "glue")
    glue.create_database(CatalogId=PARTNER, DatabaseInput={"Name": "wide"})
    for n in range(101):
        glue.create_table(CatalogId=PARTNER, DatabaseName="wide", TableInput={"Name": f"t{n:03}"})
    answer = glue.get_tables(CatalogId=PARTNER, DatabaseName="wide")
    assert len(answer["TableList"]) == 100
    last = glue.get_tables(CatalogId=PARTNER, DatabaseName="wide", NextToken=answer["NextToken"])
    assert names(last["TableList"]) == ["t100"] and "NextToken" not in last


@pytest.mark.parametrize("token", ["nonsense", "bm8=", "e30="])
def test_a_token_of_someone_elses_is_invalid(lake: Served, token: str) -> None:
    glue = client(lake, "glue")
    assert refused(glue.get_tables, DatabaseName="sales", NextToken=token) == ("InvalidInputException", 400)


def test_skinny_listings_hold_names_only(lake: Served) -> None:
    table = client(lake, "glue").get_tables(DatabaseName="sales", AttributesToGet=["NAME"], MaxResults=1)["TableList"][
        0
    ]
    assert table["Name"] == "categories"
    assert not {"StorageDescriptor", "Parameters", "VersionId", "UpdateTime", "TableType"} & set(table)


def test_unknown_keys_and_wrong_secrets_are_refused(lake: Served) -> None:
    assert refused(client(lake, "glue", "AKIANOBODY", "x").get_databases) == ("UnrecognizedClientException", 403)
    assert refused(client(lake, "glue", READER_KEY, "x").get_databases) == ("InvalidSignatureException", 403)
    assert requests.post(f"{lake.url}/", timeout=5).status_code == 403
    restricted = client(lake, "lakeformation", RESTRICTED_KEY, RESTRICTED_SECRET)
    assert refused(restricted.list_lf_tags) == ("AccessDeniedException", 403)
    assert client(lake, "glue", RESTRICTED_KEY, RESTRICTED_SECRET).get_databases()["DatabaseList"]


def test_roles_want_their_external_id(lake: Served) -> None:
    sts = client(lake, "sts")
    given = {"RoleArn": PARTNER_ROLE, "RoleSessionName": "test"}
    assert refused(sts.assume_role, **given, ExternalId="guess") == ("AccessDenied", 403)
    keys = sts.assume_role(**given, ExternalId=EXTERNAL_ID)["Credentials"]
    taken = keys["AccessKeyId"], keys["SecretAccessKey"], keys["SessionToken"]
    assert client(lake, "sts", *taken).get_caller_identity()["Account"] == PARTNER
    assert "partner" in names(client(lake, "glue", *taken).get_databases()["DatabaseList"])
    assert READER_ROLE.startswith(f"arn:aws:iam::{ACCOUNT}:")


def test_what_moto_lacks_is_an_error_of_aws_not_a_page_of_html(lake: Served) -> None:
    assert refused(client(lake, "glue").search_tables) == ("InternalServiceException", 500)


def test_tags_are_inherited_unless_only_assigned_ones_are_asked_for(lake: Served) -> None:
    tags = client(lake, "lakeformation")
    resource = {"Table": {"DatabaseName": "crm", "Name": "customers"}}
    told = tags.get_resource_lf_tags(Resource=resource)
    assert {p["TagKey"]: p["TagValues"] for p in told["LFTagsOnTable"]} == {
        "domain": ["crm"],
        "sensitivity": ["restricted"],
    }
    assert {c["Name"] for c in told["LFTagsOnColumns"]} >= {"customer_id", "email"}
    told = tags.get_resource_lf_tags(Resource=resource, ShowAssignedLFTags=True)
    assert [p["TagKey"] for p in told["LFTagsOnTable"]] == ["sensitivity"]
    assert "customer_id" not in {c["Name"] for c in told["LFTagsOnColumns"]}
    assert all(p["CatalogId"] == ACCOUNT for p in told["LFTagsOnTable"])


def test_tagging_sets_one_key_and_deleting_forgets_all(lake: Served) -> None:
    glue, tags = client(lake, "glue"), client(lake, "lakeformation")
    table = {"Name": "fleeting", "StorageDescriptor": {"Columns": [{"Name": "a", "Type": "int"}]}}
    resource = {"Table": {"DatabaseName": "ops", "Name": "fleeting"}}

    def assigned() -> dict[str, list[str]]:
        told = tags.get_resource_lf_tags(Resource=resource, ShowAssignedLFTags=True)
        return {p["TagKey"]: p["TagValues"] for p in told.get("LFTagsOnTable", ())}

    def put(**values: str) -> list[Any]:
        pairs = [{"TagKey": k, "TagValues": [v]} for k, v in values.items()]
        return list(tags.add_lf_tags_to_resource(Resource=resource, LFTags=pairs)["Failures"])

    glue.create_table(DatabaseName="ops", TableInput=table)
    assert put(domain="sales", sensitivity="public") == []
    assert put(domain="crm") == []
    assert [f["Error"]["ErrorCode"] for f in put(domain="no such value")] == ["EntityNotFoundException"]
    assert assigned() == {"domain": ["crm"], "sensitivity": ["public"]}
    tags.remove_lf_tags_from_resource(Resource=resource, LFTags=[{"TagKey": "domain", "TagValues": ["crm"]}])
    assert assigned() == {"sensitivity": ["public"]}
    glue.delete_table(DatabaseName="ops", Name="fleeting")
    glue.create_table(DatabaseName="ops", TableInput=table)
    assert assigned() == {}
    glue.delete_table(DatabaseName="ops", Name="fleeting")


def test_tables_are_found_by_the_tags_of_their_columns(lake: Served) -> None:
    tags = client(lake, "lakeformation")
    found = tags.search_tables_by_lf_tags(Expression=[{"TagKey": "pii", "TagValues": ["salary", "iban"]}])["TableList"]
    assert [t["Table"]["Name"] for t in found] == ["suppliers", "employees"]
    query = {"Expression": [{"TagKey": "pii", "TagValues": ["salary", "iban"]}], "MaxResults": 1}
    first = tags.search_tables_by_lf_tags(**query)
    second = tags.search_tables_by_lf_tags(**query, NextToken=first["NextToken"])
    assert [t["Table"]["Name"] for p in (first, second) for t in p["TableList"]] == ["suppliers", "employees"]
    assert "NextToken" not in second


def test_files_lie_where_the_tables_say(lake: Served) -> None:
    storage = client(lake, "glue").get_table(DatabaseName="sales", Name="stores")["Table"]["StorageDescriptor"]
    bucket, _, prefix = storage["Location"].removeprefix("s3://").partition("/")
    s3 = client(lake, "s3")
    keys = [o["Key"] for o in s3.list_objects_v2(Bucket=bucket, Prefix=prefix)["Contents"]]
    assert len(keys) == 1
    assert s3.head_object(Bucket=bucket, Key=keys[0])["ContentLength"] > 0
    header = s3.get_object(Bucket=bucket, Key=keys[0])["Body"].read().decode().splitlines()[0]
    assert header.split(",") == [c["Name"] for c in storage["Columns"]]


def test_a_lost_database_is_left_out_and_its_tables_are_gone(lake: Served) -> None:
    glue = client(lake, "glue")
    requests.post(f"{lake.url}/_sandbox/faults", json=[{"action": "lose", "scope": "sales"}], timeout=5)
    try:
        assert "sales" not in names(glue.get_databases()["DatabaseList"])
        assert glue.get_tables(DatabaseName="sales")["TableList"] == []
        assert glue.get_tables(DatabaseName="crm")["TableList"]
    finally:
        requests.delete(f"{lake.url}/_sandbox/faults", timeout=5)
    assert glue.get_tables(DatabaseName="sales")["TableList"]


def test_two_servers_in_one_process_do_not_see_each_other(lake: Served) -> None:
    other = serve(Face(Company()))
    try:
        assert isinstance(other.face.app(), Server)
        assert client(other, "glue").get_databases()["DatabaseList"] == []
        other.face.seed(other.url)
        mine, theirs = client(lake, "glue"), client(other, "glue")
        theirs.delete_table(DatabaseName="sales", Name="orders")
        assert "orders" in names(mine.get_tables(DatabaseName="sales")["TableList"])
        assert "orders" not in names(theirs.get_tables(DatabaseName="sales")["TableList"])
    finally:
        other.stop()


def test_scale_multiplies_the_databases() -> None:
    one, three = list(Face(Company()).account()), list(Face(Company(scale=3)).account())
    assert len(three) == 3 * len(one) > 60
    assert len({d.qualified_name for d in three}) == len(three)
