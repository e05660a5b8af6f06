"""Classifications, labels and business metadata: putting them on entities, and how classifications propagate."""

import re
from collections import defaultdict
from typing import Any

from sandbox.atlas import errors, values
from sandbox.atlas.state import Classification, Entity, Json, Relationship, State

_LABEL = re.compile(r"[A-Za-z0-9_-]+")
_KNOWN = {"typeName", "attributes", "propagate", "removePropagationsOnEntityDelete", "entityGuid", "entityStatus"}

Inherited = dict[str, list[tuple[Entity, Classification]]]


def attach(state: State, entity: Entity, given: Json) -> None:
    """Puts one classification on an entity.

    Raises:
        AtlasError: the classification is unknown, its attributes do not fit, or the entity has it already.
    """
    name = str(given.get("typeName"))
    if state.types.get(name, "CLASSIFICATION") is None:
        raise errors.AtlasError(404, "ATLAS-404-00-008", f"Given classification {name} was invalid")
    if name in entity.classifications:
        raise errors.invalid_parameters(f"entity: {entity.guid}, already associated with classification: {name}")
    entity.classifications = {**entity.classifications, name: _classification(state, name, given, {})}
    state.changes += 1


def replace(state: State, entity: Entity, given: Json) -> None:
    """Changes a classification that the entity has.

    Raises:
        AtlasError: the entity does not have it.
    """
    name = str(given.get("typeName"))
    old = entity.classifications.get(name)
    if old is None:
        raise _absent(entity, name)
    new = _classification(state, name, given, old.attributes)
    entity.classifications = {**entity.classifications, name: new}
    state.changes += 1


def detach(state: State, entity: Entity, name: str) -> None:
    """Takes a classification off an entity.

    Raises:
        AtlasError: it is unknown, or not there.
    """
    if state.types.get(name, "CLASSIFICATION") is None:
        raise errors.type_unknown("CLASSIFICATION", name)
    if name not in entity.classifications:
        raise _absent(entity, name)
    entity.classifications = {n: c for n, c in entity.classifications.items() if n != name}
    state.changes += 1


def _absent(entity: Entity, name: str) -> errors.AtlasError:
    if not entity.classifications:
        message = f"No classifications associated with entity: {entity.guid}"
        return errors.AtlasError(404, "ATLAS-404-00-003", message)
    return errors.AtlasError(400, "ATLAS-400-00-06D", f"Classification {name} is not associated with entity")


def _classification(state: State, name: str, given: Json, old: Json) -> Classification:
    attributes = {**old, **(given.get("attributes") or {})}
    return Classification(
        name,
        values.plain(state.types, name, attributes, state.types.attributes(name), whole=True)
        if any(attributes.get(n) is not None for n in state.types.attributes(name))
        else dict.fromkeys(state.types.attributes(name)),
        given.get("propagate") is not False,
        bool(given.get("removePropagationsOnEntityDelete")),
        {k: v for k, v in given.items() if k not in _KNOWN},
    )


def inherited(state: State) -> Inherited:
    """Every propagated classification by the guid of the entity it reached, with the entity it comes from."""
    reached: Inherited = defaultdict(list)
    for source in state.entities.values():
        for one in source.classifications.values():
            if one.propagate:
                for guid in _reach(state, source, one):
                    reached[guid].append((source, one))
    return reached


def _reach(state: State, source: Entity, one: Classification) -> list[str]:
    """The entities a classification flows to along the relationships' directions, nearest first."""
    order, seen = [source.guid], {source.guid}
    for guid in order:
        for edge in state.edges(guid):
            # a deleted source keeps what it had propagated, unless it was told otherwise
            kept = guid == source.guid and source.status == "DELETED" and not one.remove_propagations
            if edge.status == "ACTIVE" or kept:
                for target in _downstream(edge, guid):
                    if target not in seen:
                        seen.add(target)
                        order.append(target)
    return order[1:]


def _downstream(edge: Relationship, guid: str) -> list[str]:
    if guid == edge.end1 and edge.propagate in ("ONE_TO_TWO", "BOTH"):
        return [edge.end2]
    if guid == edge.end2 and edge.propagate in ("TWO_TO_ONE", "BOTH"):
        return [edge.end1]
    return []


def checked_labels(labels: Any) -> list[str]:
    """Labels without doubles.

    Raises:
        AtlasError: one has other characters than letters, digits, `_` and `-`.
    """
    for label in labels:
        if not _LABEL.fullmatch(str(label)):
            raise errors.AtlasError(
                400,
                "ATLAS-400-00-090",
                f"Invalid label: {label}, label should contain alphanumeric characters, _ or -",
            )
    return sorted(set(labels))


def set_business(state: State, entity: Entity, given: dict[str, Json], *, overwrite: bool) -> None:
    """Sets business metadata by its type's name; `overwrite` drops what is not given.

    Raises:
        AtlasError: the type does not apply to this entity, or a value does not fit.
    """
    checked: dict[str, Json] = {}
    for name, attributes in given.items():
        known = state.types.attributes(name) if state.types.get(name, "BUSINESS_METADATA") else {}
        if not any(_applies(state, entity, d) for d in known.values()):
            raise errors.invalid_value(f"{name}: invalid business-metadata for entity type {entity.type_name}")
        checked[name] = {}
        for attribute, value in (attributes or {}).items():
            if attribute in known and value is not None:
                checked[name][attribute] = _business_value(state, entity, name, known[attribute], value)
    if overwrite:
        entity.business = {n: v for n, v in checked.items() if v}
        return
    merged = {n: {**entity.business.get(n, {}), **checked.get(n, {})} for n in {*entity.business, *checked}}
    entity.business = {n: v for n, v in merged.items() if v}


def _applies(state: State, entity: Entity, definition: Json) -> bool:
    applicable = re.findall(r'"([^"]+)"', (definition.get("options") or {}).get("applicableEntityTypes", ""))
    return any(state.types.is_a(entity.type_name, name) for name in applicable)


def _business_value(state: State, entity: Entity, name: str, definition: Json, value: Any) -> Any:
    try:
        return values.normalized(state.types, definition["typeName"], value)
    except values.Invalid as error:
        where = f"{entity.type_name}.{name}.{definition['name']}"
        raise errors.invalid_value(f"{where}={value}: invalid value for type {definition['typeName']}") from error
