"""The oracle reads DataHub's records rightly, and finds what is missing, what is explained and what is the same."""

from typing import Any

import pytest

from bench.oracle.comparison import Explanation, compared
from bench.oracle.datahub_records import facts_of, path_of
from bench.oracle.facts import Fact

URN = "urn:li:dataset:(urn:li:dataPlatform:glue,sales.orders,PROD)"


@pytest.mark.parametrize(
    ("told", "path"),
    [
        ("order_id", "order_id"),
        ("[version=2.0].[type=long].order_id", "order_id"),
        ("[version=2.0].[type=struct].[type=struct].device.[type=struct].screen.[type=int].w", "device.screen.w"),
        ("[version=2.0].[type=struct].[type=array].[type=struct].items", "items"),
        ("[version=2.0].[type=struct].[type=array].[type=struct].items.[type=string].sku", "items[].sku"),
        ("[version=2.0].[type=struct].[type=map].[type=array].[type=struct].payload.[type=string].v", "payload{}[].v"),
        ("[version=2.0].[type=struct].[type=string].dotted.name", "dotted.name"),
    ],
)
def test_field_paths_come_in_the_inventory_s_notation(told: str, path: str) -> None:
    assert path_of(told) == path


def aspect(name: str, content: dict[str, Any]) -> dict[str, Any]:
    return {"entityUrn": URN, "entityType": "dataset", "aspectName": name, "aspect": {"json": content}}


FIELD = {
    "fieldPath": "[version=2.0].[type=string].email",
    "nativeDataType": "string",
    "description": "Login",
    "isPartitioningKey": True,
    "globalTags": {"tags": [{"tag": "urn:li:tag:pii:email"}]},
}
WANTED = {
    Fact("sales.orders", "", "dataset"),
    Fact("sales.orders", "", "comment", "All orders"),
    Fact("sales.orders", "", "owner", "sales"),
    Fact("sales.orders", "", "tag", "domain=sales"),
    Fact("sales.orders", "email", "field"),
    Fact("sales.orders", "email", "type", "string"),
    Fact("sales.orders", "email", "comment", "Login"),
    Fact("sales.orders", "email", "partition key"),
    Fact("sales.orders", "email", "tag", "pii=email"),
}
ASPECTS = {
    "status": {"removed": False},
    "datasetProperties": {"description": "All orders"},
    "ownership": {"owners": [{"owner": "urn:li:corpuser:sales", "type": "DATAOWNER"}]},
    "globalTags": {"tags": [{"tag": "urn:li:tag:domain:sales"}]},
    "schemaMetadata": {"fields": [FIELD]},
}


def test_aspects_one_by_one_and_in_a_snapshot_say_the_same() -> None:
    apart = [aspect(name, content) for name, content in ASPECTS.items()]
    prefix = "com.linkedin.pegasus2avro.common."
    snapshot = {
        "urn": URN,
        "aspects": [{prefix + name[:1].upper() + name[1:]: content} for name, content in ASPECTS.items()],
    }
    assert set(facts_of(apart)) == set(facts_of([{"proposedSnapshot": {"x.DatasetSnapshot": snapshot}}])) == WANTED


def test_what_was_removed_and_what_is_no_dataset_is_left_out() -> None:
    container = {**aspect("globalTags", ASPECTS["globalTags"]), "entityUrn": "urn:li:container:1"}
    assert list(facts_of([aspect("status", {"removed": True}), container])) == []


def test_a_missing_fact_is_explained_or_it_is_not() -> None:
    theirs = [
        Fact("d.t", "", "dataset"),
        Fact("d.t", "A", "type", "TIME"),
        Fact("d.t", "b", "comment", "Only they say so"),
    ]
    ours = [Fact("D.T", "", "dataset"), Fact("D.T", "a", "type", "TIME(9)"), Fact("D.T", "a", "field")]
    shorter = Explanation("shorter", "why", lambda fact, beside: fact.what == "type" and bool(beside))
    outcome = compared(theirs, ours, [shorter])
    assert outcome.same == {"dataset": 1}
    assert outcome.explained == {"shorter": [theirs[1]]}
    assert outcome.unexplained == [theirs[2]]
    assert outcome.ours_alone == {"field": 1, "type": 1}
    assert compared(theirs, ours, []).unexplained == theirs[1:]
