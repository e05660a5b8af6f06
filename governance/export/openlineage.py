"""Rows of the inventory as OpenLineage events: one DatasetEvent a dataset, one JobEvent a process that moves data.

Plain dictionaries rather than the classes of the Python client: that brings transports and two HTTP clients with it,
and these are a dozen small records. The tests hold them against the client's classes. A process is a JobEvent, not a
RunEvent: lineage is known from what the platforms declare and record, without the single runs.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Literal
from urllib.parse import urlsplit

import msgspec

from governance.diff import parent_path

PRODUCER = "urn:governance-pipelines"
_SPEC = "https://openlineage.io/spec"
_EVENT = f"{_SPEC}/2-0-2/OpenLineage.json#/$defs/"
_VERSIONS = {
    "SchemaDatasetFacet": "1-2-0",
    "OwnershipDatasetFacet": "1-0-1",
    "TagsDatasetFacet": "1-0-0",
    "ColumnLineageDatasetFacet": "1-2-0",
    "DocumentationDatasetFacet": "1-1-0",
    "DatasetTypeDatasetFacet": "1-0-1",
    "LifecycleStateChangeDatasetFacet": "1-0-1",
    "SymlinksDatasetFacet": "1-0-1",
    "JobTypeJobFacet": "2-0-4",
}
_INTEGRATION = "GOVERNANCE"
_TRANSFORMATIONS = {"direct": "DIRECT", "indirect": "INDIRECT"}

Row = Mapping[str, Any]


class Name(msgspec.Struct, frozen=True):
    """How OpenLineage knows a dataset."""

    namespace: str
    name: str

    def plain(self) -> dict[str, str]:
        """As the events spell it."""
        return {"namespace": self.namespace, "name": self.name}


class Namespaces:
    """Names of datasets. A source's namespace is `platform://source`, unless it is given another.

    Args:
        platforms: of each source.
        given: other namespaces, by source, such as `snowflake://acme-prod`.
    """

    def __init__(self, platforms: Mapping[str, str], given: Mapping[str, str] | None = None) -> None:
        self._roots = {source: f"{platform}://{source}" for source, platform in platforms.items()} | dict(given or {})

    def dataset(self, source: str, namespace: str | None, qualified_name: str) -> Name:
        """A dataset of a source; what is no relation lies below the source's namespace, since names may repeat."""
        root = self._roots[source]
        inner = namespace or "relation"
        return Name(root if inner == "relation" else f"{root}/{inner}", qualified_name)

    def end(
        self, source: str, kind: Literal["dataset", "location", "external"] | str, name: str, of: str | None
    ) -> Name:
        """One end of a lineage edge: a dataset, a place, or something outside the estate."""
        if kind == "location":
            return place(name)
        return Name(f"{self._roots[source]}/external", name) if kind == "external" else self.dataset(source, of, name)

    def job(self, source: str, kind: str, process: str) -> Name:
        """A process of a source."""
        return Name(f"{self._roots[source]}/{kind or 'process'}", process)


def place(location: str) -> Name:
    """A location by OpenLineage's rule: scheme and authority are the namespace, the path is the name."""
    parts = urlsplit(location)
    if not parts.scheme or "://" not in location:
        return Name("file", location)
    return Name(f"{parts.scheme}://{parts.netloc}", location.partition("://")[2][len(parts.netloc) :].strip("/") or "/")


def dataset_event(
    row: Row, name: Name, columns: Sequence[Row], tags: Sequence[Row], inputs: Mapping[str, Sequence[tuple[Name, Row]]]
) -> dict[str, Any]:
    """What is known of one dataset.

    Args:
        row: of `inventory.datasets`.
        name: its own.
        columns: its rows of `inventory.columns`.
        tags: its rows of `inventory.tags`.
        inputs: for each of its columns what flows into it: the other dataset, and the row of `inventory.lineage`.
    """
    gone = row["state"] == "deleted"
    facets: dict[str, Any] = {"datasetType": _facet("DatasetTypeDatasetFacet", datasetType=row["kind"].upper())}
    if gone:
        facets["lifecycleStateChange"] = _facet("LifecycleStateChangeDatasetFacet", lifecycleStateChange="DROP")
    else:
        facets["schema"] = _facet("SchemaDatasetFacet", fields=schema_fields(columns))
    if row["comment"]:
        facets["documentation"] = _facet("DocumentationDatasetFacet", description=row["comment"])
    if row["owner"]:
        owner = {"name": f"{row['owner_kind']}:{row['owner']}" if row["owner_kind"] else row["owner"], "type": "OWNER"}
        facets["ownership"] = _facet("OwnershipDatasetFacet", owners=[owner])
    if row["location"]:
        identifier = {**place(row["location"]).plain(), "type": "LOCATION"}
        facets["symlinks"] = _facet("SymlinksDatasetFacet", identifiers=[identifier])
    if tags:
        facets["tags"] = _facet("TagsDatasetFacet", tags=[_tag(t) for t in tags])
    if inputs:
        facets["columnLineage"] = column_lineage(inputs)
    return {**_event("DatasetEvent", row["changed_at"]), "dataset": {**name.plain(), "facets": facets}}


def job_event(
    at: datetime,
    job: Name,
    kind: str,
    edges: Iterable[tuple[Name, Name, Row]],
) -> dict[str, Any]:
    """A process with all that it reads and writes.

    Args:
        at: since when this is known.
        job: its name.
        kind: view, job, query, process or location.
        edges: upstream, downstream and the row of `inventory.lineage`.
    """
    inputs: dict[Name, None] = {}
    outputs: dict[Name, dict[str, list[tuple[Name, Row]]]] = {}
    for upstream, downstream, row in edges:
        inputs[upstream] = None
        fields = outputs.setdefault(downstream, {})
        if row["downstream_path"] and row["upstream_path"]:
            fields.setdefault(row["downstream_path"], []).append((upstream, row))
    job_type = _facet(
        "JobTypeJobFacet", processingType="BATCH", integration=_INTEGRATION, jobType=kind.upper() or "JOB"
    )
    return {
        **_event("JobEvent", at),
        "job": {**job.plain(), "facets": {"jobType": job_type}},
        "inputs": [name.plain() for name in inputs],
        "outputs": [
            {**name.plain(), "facets": {"columnLineage": column_lineage(fields)} if fields else {}}
            for name, fields in outputs.items()
        ],
    }


def column_lineage(inputs: Mapping[str, Sequence[tuple[Name, Row]]]) -> dict[str, Any]:
    """The facet that says which columns flow into which."""
    fields = {
        path: {
            "inputFields": [
                {
                    **name.plain(),
                    "field": row["upstream_path"],
                    "transformations": [{"type": _TRANSFORMATIONS.get(row["transformation"], "DIRECT")}],
                }
                for name, row in flows
            ]
        }
        for path, flows in inputs.items()
    }
    return _facet("ColumnLineageDatasetFacet", fields=fields)


def schema_fields(columns: Sequence[Row]) -> list[dict[str, Any]]:
    """Columns as a tree: a field of a struct, or of the structs in an array or a map, lies in its parent.

    A nested field is named by what its path has behind its parent's, such as `sku`; one whose parent has no row of its
    own keeps its whole path.
    """
    made: dict[str, dict[str, Any]] = {}
    for column in columns:
        field = {"name": column["path"], "type": column["type"], "ordinal_position": column["ordinal"]}
        made[column["path"]] = field | ({"description": column["comment"]} if column["comment"] else {})
    top = []
    for path, field in made.items():
        parent = parent_path(path)
        if parent in made:
            field["name"] = path[len(parent) :].lstrip("[]{}").removeprefix(".")
            made[parent].setdefault("fields", []).append(field)
        else:
            top.append(field)
    for field in (*made.values(), {"fields": top}):
        if "fields" in field:
            field["fields"].sort(key=lambda f: (f["ordinal_position"], f["name"]))
    return top


def _tag(row: Row) -> dict[str, Any]:
    tag = {"key": row["tag"], "value": "" if row["value"] is None else row["value"]}
    source = row["origin"] or row["kind"]
    return {**tag, "source": source, **({"field": row["path"]} if row["path"] else {})}


def _event(kind: str, at: datetime) -> dict[str, Any]:
    return {"eventTime": at.isoformat(), "producer": PRODUCER, "schemaURL": f"{_EVENT}{kind}"}


def _facet(kind: str, **content: Any) -> dict[str, Any]:
    where = f"{_SPEC}/facets/{_VERSIONS[kind]}/{kind}.json#/$defs/{kind}"
    return {"_producer": PRODUCER, "_schemaURL": where, **content}
