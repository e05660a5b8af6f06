"""`governance export --format openlineage`: events that OpenLineage's own classes take, and that say what SQL says."""

import json
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import msgspec
import pytest
from openlineage.client.generated import (
    base,
    column_lineage_dataset,
    dataset_type_dataset,
    documentation_dataset,
    job_type_job,
    lifecycle_state_change_dataset,
    ownership_dataset,
    schema_dataset,
    symlinks_dataset,
    tags_dataset,
)

from governance.export.openlineage import place
from governance.listing import Scope
from governance.model import Dataset, LineageEdge
from resources.inventory.database import Inventory
from resources.inventory.outcomes import SourceIdentity
from tests.cli.conftest import CommandLine
from tests.cli.test_export import ODD, estate, facts, later
from tests.inventory.estate import column, rows, sync, sync_scopes, table

__all__ = ["estate", "later"]

FACETS: dict[str, Any] = {
    "schema": schema_dataset.SchemaDatasetFacet,
    "ownership": ownership_dataset.OwnershipDatasetFacet,
    "tags": tags_dataset.TagsDatasetFacet,
    "columnLineage": column_lineage_dataset.ColumnLineageDatasetFacet,
    "documentation": documentation_dataset.DocumentationDatasetFacet,
    "datasetType": dataset_type_dataset.DatasetTypeDatasetFacet,
    "lifecycleStateChange": lifecycle_state_change_dataset.LifecycleStateChangeDatasetFacet,
    "symlinks": symlinks_dataset.SymlinksDatasetFacet,
    "jobType": job_type_job.JobTypeJobFacet,
}
EVENTS: dict[str, Any] = {"DatasetEvent": base.DatasetEvent, "JobEvent": base.JobEvent}


def bare(value: Any) -> Any:
    """Without what was left out: OpenLineage's classes write it as null or as an empty list."""
    if isinstance(value, dict):
        return {k: bare(v) for k, v in value.items() if v is not None and v != []}
    return [bare(v) for v in value] if isinstance(value, list) else value


def as_their_class(kind: Any, content: dict[str, Any]) -> Any:
    """The content as an object of OpenLineage's class: every field known, of its type, none missing."""
    made = msgspec.convert(content, kind)
    assert bare(msgspec.to_builtins(made)) == bare(content), kind.__name__
    return made


def check_facets(holder: dict[str, Any]) -> None:
    for name, facet in holder.get("facets", {}).items():
        content = {k: v for k, v in facet.items() if not k.startswith("_")}
        made = as_their_class(FACETS[name], content)
        assert facet["_schemaURL"] == made._get_schema(), name
        assert urlsplit(facet["_producer"]).scheme


def check(event: dict[str, Any]) -> None:
    kind = event["schemaURL"].rpartition("/")[2]
    model = EVENTS[kind]
    assert event["schemaURL"] == model._get_schema()
    base.BaseEvent(eventTime=event["eventTime"], producer=event["producer"])
    holders = [event["dataset"]] if kind == "DatasetEvent" else [event["job"], *event["inputs"], *event["outputs"]]
    known = {"eventTime", "producer", "schemaURL"} | (
        {"dataset"} if kind == "DatasetEvent" else {"job", "inputs", "outputs"}
    )
    assert set(event) == known
    for holder in holders:
        assert set(holder) <= {"namespace", "name", "facets"} and holder["namespace"] and holder["name"]
        check_facets(holder)


def exported(governance: CommandLine, out: Path, *arguments: str) -> list[dict[str, Any]]:
    done = governance("export", "--format", "openlineage", "--output", str(out), *arguments)
    assert (done.code, done.err) == (0, "")
    events = [json.loads(line) for line in (out / "events.jsonl").read_text(encoding="utf-8").splitlines()]
    for event in events:
        check(event)
    return events


def by_name(events: list[dict[str, Any]]) -> dict[tuple[str, str], dict[str, Any]]:
    found = [
        (e["dataset"]["namespace"], e["dataset"]["name"], e["dataset"]["facets"]) for e in events if "dataset" in e
    ]
    assert len({f[:2] for f in found}) == len(found), "one event a dataset"
    return {(namespace, name): facets for namespace, name, facets in found}


def jobs(events: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    return {e["job"]["name"]: e for e in events if "job" in e}


def test_every_dataset_is_an_event(estate: Inventory, governance: CommandLine, tmp_path: Path) -> None:
    datasets = by_name(exported(governance, tmp_path / "out"))
    stored = rows(estate, "SELECT * FROM inventory.datasets")
    assert set(datasets) == {(f"{d['platform']}://{d['source']}", d["qualified_name"]) for d in stored}
    orders = datasets["glue://lake", "sales.orders"]
    assert orders["documentation"]["description"] == ODD
    assert orders["ownership"]["owners"] == [{"name": "user:ana", "type": "OWNER"}]
    assert orders["symlinks"]["identifiers"] == [{"namespace": "s3://lake", "name": "orders", "type": "LOCATION"}]
    assert [(f["name"], f["type"], f["ordinal_position"]) for f in orders["schema"]["fields"]] == [
        ("id", "bigint", 1),
        ("note", "string", 2),
    ]


def test_nested_fields_lie_in_their_parents(estate: Inventory, governance: CommandLine, tmp_path: Path) -> None:
    wide = by_name(exported(governance, tmp_path / "out"))["glue://lake", "sales.wide"]
    (outer,) = wide["schema"]["fields"]
    (inner,) = outer["fields"]
    (leaf,) = inner["fields"]
    assert [f["name"] for f in (outer, inner, leaf)] == ["a", "x", "y"]
    assert (leaf["type"], leaf["description"]) == ("int", ODD)
    assert wide["tags"]["tags"] == [{"key": "pii", "value": "yes", "source": "tag", "field": "a.x[].y"}]


def test_lineage_is_jobs_and_column_lineage(estate: Inventory, governance: CommandLine, tmp_path: Path) -> None:
    events = exported(governance, tmp_path / "out")
    view, load = jobs(events)["sales.v"], jobs(events)["load"]
    orders = {"namespace": "glue://lake", "name": "sales.orders"}
    assert view["job"]["namespace"] == "glue://lake/view"
    assert view["job"]["facets"]["jobType"]["jobType"] == "VIEW"
    assert view["inputs"] == [orders]
    (output,) = view["outputs"]
    fields = {"id": {"inputFields": [{**orders, "field": "id", "transformations": [{"type": "DIRECT"}]}]}}
    assert (output["name"], output["facets"]["columnLineage"]["fields"]) == ("sales.v", fields)
    assert by_name(events)["glue://lake", "sales.v"]["columnLineage"]["fields"] == fields
    assert load["inputs"] == [{"namespace": "s3://raw", "name": "in"}]
    assert [o["name"] for o in load["outputs"]] == ["sales.orders"]
    edges = rows(estate, "SELECT DISTINCT upstream, downstream FROM inventory.lineage")
    assert sum(len(j["inputs"]) for j in jobs(events).values()) == len(edges)


def test_what_is_gone_is_dropped_and_what_changed_is_told(
    estate: Inventory, later: Any, governance: CommandLine, tmp_path: Path
) -> None:
    datasets = by_name(exported(governance, tmp_path / "out", "--since", later.isoformat()))
    assert datasets["glue://lake", "sales.gone"]["lifecycleStateChange"]["lifecycleStateChange"] == "DROP"
    assert "schema" not in datasets["glue://lake", "sales.gone"]
    assert ("atlas://other", "sales.orders") not in datasets
    before = by_name(exported(governance, tmp_path / "before", "--as-of", later.isoformat()))
    assert "schema" in before["glue://lake", "sales.gone"]
    assert ("glue://lake", "sales.new") not in before


def test_namespaces_can_be_given(estate: Inventory, governance: CommandLine, tmp_path: Path) -> None:
    arn = "arn:aws:glue:eu-west-1:123456789012"
    events = exported(governance, tmp_path / "out", "--namespace", f"lake={arn}", "--source", "lake")
    assert {namespace for namespace, _ in by_name(events)} == {arn}
    assert jobs(events)["sales.v"]["inputs"] == [{"namespace": arn, "name": "sales.orders"}]


def test_two_of_one_name_stay_two(
    inventory: Inventory, governance: CommandLine, tmp_path: Path, monkeypatch: Any
) -> None:
    monkeypatch.setenv("GOVERNANCE_DATABASE_URL", inventory.url)
    volume = Dataset("sales.files", "volume", "sales", "files", namespace="volume")
    sync(inventory, table("files"), volume)
    facts(inventory, "lineage", "all", LineageEdge("sales.files", "sales.files", process="p", process_kind="job"))
    events = exported(governance, tmp_path / "out")
    assert set(by_name(events)) == {("glue://lake", "sales.files"), ("glue://lake/volume", "sales.files")}
    assert jobs(events)["p"]["inputs"] == [{"namespace": "glue://lake", "name": "sales.files"}]


def test_streams_stay_in_step(inventory: Inventory, governance: CommandLine, tmp_path: Path, monkeypatch: Any) -> None:
    """Datasets with no columns, many columns, from several scopes: each event has its own columns and no others."""
    monkeypatch.setenv("GOVERNANCE_DATABASE_URL", inventory.url)
    monkeypatch.setattr("resources.inventory.export.BATCH", 7)
    scopes = [Scope(f"s{n}", "database") for n in range(3)]
    listed = [
        (scope, [table(f"t{n}", *(column(f"{scope.name}_{n}_{c}", c + 1) for c in range(n % 5)), scope=scope.name)
                 for n in range(1, 40)])
        for scope in scopes
    ]  # fmt: skip
    sync_scopes(inventory, *listed)
    datasets = by_name(exported(governance, tmp_path / "out"))
    wanted = {("glue://lake", d.qualified_name): {c.path for c in d.columns} for _, of in listed for d in of}
    assert {name: {f["name"] for f in facets["schema"]["fields"]} for name, facets in datasets.items()} == wanted


@pytest.mark.parametrize(
    ("location", "namespace", "name"),
    [
        ("s3://bucket/a/b/", "s3://bucket", "a/b"),
        ("s3://bucket", "s3://bucket", "/"),
        ("abfss://fs@account.dfs.core.windows.net/x", "abfss://fs@account.dfs.core.windows.net", "x"),
        ("/mnt/x", "file", "/mnt/x"),
        ("dbfs:/x", "file", "dbfs:/x"),
    ],
)
def test_places(location: str, namespace: str, name: str) -> None:
    assert place(location).plain() == {"namespace": namespace, "name": name}


def test_an_unknown_source_of_a_namespace_is_refused(inventory: Inventory, governance: CommandLine, tmp_path: Path,
                                                     monkeypatch: Any) -> None:  # fmt: skip
    monkeypatch.setenv("GOVERNANCE_DATABASE_URL", inventory.url)
    sync(inventory, table("a"), source=SourceIdentity("x", "glue"))
    done = governance("export", "--format", "openlineage", "--output", str(tmp_path / "o"), "--namespace", "y=z")
    assert done.code == 2 and "no source y" in done.err
