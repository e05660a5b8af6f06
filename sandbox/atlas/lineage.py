"""Lineage of one entity: the processes that read and write it, and what is beyond them."""

from sandbox.atlas import errors
from sandbox.atlas.state import Entity, Json, State
from sandbox.atlas.views import Views

INPUTS, OUTPUTS = "dataset_process_inputs", "process_dataset_outputs"


def lineage(state: State, views: Views, entity: Entity, direction: str, depth: int) -> Json:
    """The graph around an entity, `depth` processes far in each direction.

    Raises:
        AtlasError: the direction is none of INPUT, OUTPUT and BOTH.
    """
    if direction not in ("INPUT", "OUTPUT", "BOTH"):
        raise errors.AtlasError(404, "ATLAS-404-00-006", "Invalid lineage query parameters passed")
    found: dict[str, Json] = {}
    relations: dict[str, Json] = {}
    for one in ("INPUT", "OUTPUT"):
        if direction in (one, "BOTH"):
            _walk(state, entity, one, depth, relations)
    for relation in relations.values():
        for guid in (relation["fromEntityId"], relation["toEntityId"]):
            header = views.header(state.entities[guid])
            header.pop("classifications")
            found[guid] = header
    return {
        "baseEntityGuid": entity.guid,
        "lineageDirection": direction,
        "lineageDepth": depth,
        "guidEntityMap": found,
        "relations": list(relations.values()),
    }


def _walk(state: State, entity: Entity, direction: str, depth: int, relations: dict[str, Json]) -> None:
    """Adds the relations upstream (INPUT) or downstream; a process and a dataset are one step together."""
    level, seen = [entity.guid], {entity.guid}
    for _ in range(2 * depth):
        following = []
        for guid in level:
            for edge in state.edges(guid):
                ends = _direction(edge.type_name, edge.end1, edge.end2)
                if ends is None or edge.status != "ACTIVE":
                    continue
                source, target = ends
                here, there = (target, source) if direction == "INPUT" else (source, target)
                if here != guid:
                    continue
                relations[edge.guid] = {"fromEntityId": source, "toEntityId": target, "relationshipId": edge.guid}
                if there not in seen:
                    seen.add(there)
                    following.append(there)
        level = following


def _direction(relationship: str, process: str, dataset: str) -> tuple[str, str] | None:
    if relationship == INPUTS:
        return dataset, process
    if relationship == OUTPUTS:
        return process, dataset
    return None
