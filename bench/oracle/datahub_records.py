"""DataHub's records, as its file sink writes them, as facts. Pure; nothing of DataHub is imported.

A field path of its second notation names the type of every step, such as
`[version=2.0].[type=struct].[type=array].[type=struct].items.[type=string].sku`.
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any
from urllib.parse import unquote

from bench.oracle.facts import Fact

_DATASET = re.compile(r"urn:li:dataset:\(urn:li:dataPlatform:[^,]+,(?P<name>.*),[A-Z]+\)")
_STEP = re.compile(r"\[(?P<key>[a-z]+)=(?P<value>[^\]]*)\]|\.?(?P<name>[^\[]+?)(?=\.\[|$)")


def facts_of(records: Iterable[Mapping[str, Any]]) -> Iterator[Fact]:
    """Every dataset, field, type, comment, partition key, owner and tag in the records.

    Args:
        records: the entries of the sink's file: aspects one by one, or several in a snapshot.
    """
    for record in records:
        for urn, aspect, content in _aspects(record):
            found = _DATASET.fullmatch(urn)
            if found is not None:
                yield from _of_aspect(unquote(found["name"]), aspect, content)


def _aspects(record: Mapping[str, Any]) -> Iterator[tuple[str, str, Mapping[str, Any]]]:
    """Urn, name and content of each aspect."""
    for snapshot in (record.get("proposedSnapshot") or {}).values():
        for named in snapshot["aspects"]:
            for name, content in named.items():
                short = name.rsplit(".", 1)[-1]
                yield snapshot["urn"], short[:1].lower() + short[1:], content
    if "aspectName" in record:
        aspect = record["aspect"]
        content = aspect["json"] if "json" in aspect else json.loads(aspect["value"])
        yield record["entityUrn"], record["aspectName"], content


def _of_aspect(dataset: str, aspect: str, content: Mapping[str, Any]) -> Iterator[Fact]:
    if aspect == "status" and not content.get("removed"):
        yield Fact(dataset, "", "dataset")
    elif aspect == "datasetProperties" and content.get("description"):
        yield Fact(dataset, "", "comment", content["description"])
    elif aspect == "ownership":
        for owner in content.get("owners", ()):
            yield Fact(dataset, "", "owner", owner["owner"].rsplit(":", 1)[-1])
    elif aspect == "globalTags":
        yield from (Fact(dataset, "", "tag", tag) for tag in _tags(content))
    elif aspect == "schemaMetadata":
        for told in content["fields"]:
            yield from _of_field(dataset, told)


def _of_field(dataset: str, told: Mapping[str, Any]) -> Iterator[Fact]:
    path = path_of(told["fieldPath"])
    if not path:
        return
    yield Fact(dataset, path, "field")
    yield Fact(dataset, path, "type", told.get("nativeDataType", ""))
    if told.get("description"):
        yield Fact(dataset, path, "comment", told["description"])
    if told.get("isPartitioningKey"):
        yield Fact(dataset, path, "partition key")
    yield from (Fact(dataset, path, "tag", tag) for tag in _tags(told.get("globalTags") or {}))


def _tags(content: Mapping[str, Any]) -> Iterator[str]:
    for tag in content.get("tags", ()):
        name = unquote(tag["tag"].removeprefix("urn:li:tag:"))
        yield name.replace(":", "=", 1)


def path_of(told: str) -> str:
    """A field path in the inventory's notation."""
    if not told.startswith("["):
        return told
    parts: list[tuple[str, str]] = []
    around = ""
    for step in _STEP.finditer(told):
        if step["name"]:
            parts.append((step["name"], around))
            around = ""
        elif step["key"] == "type":
            around += {"array": "[]", "map": "{}"}.get(step["value"], "")
    # what is around a field shows in the paths of those below it, not in its own
    return ".".join([*(name + around for name, around in parts[:-1]), *(name for name, _ in parts[-1:])])
