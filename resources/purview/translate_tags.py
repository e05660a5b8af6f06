"""Classifications, glossary terms and labels of an entity, as tags."""

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from governance.model import Tag

Json = Mapping[str, Any]


def classifications_of(entity: Json, path: str = "") -> Iterator[Tag]:
    """What scans and stewards found in it; one that belongs to another entity is inherited from there."""
    guid = entity.get("guid")
    for one in _each(entity.get("classifications")):
        name, holder = one.get("typeName"), one.get("entityGuid")
        if not isinstance(name, str) or not name:
            continue
        inherited = bool(holder and guid and holder != guid)
        attributes = {k: v for k, v in _mapping(one.get("attributes")).items() if v is not None and k != "confidence"}
        yield Tag(
            tag=name,
            kind="classification",
            path=path,
            value=json.dumps(attributes, sort_keys=True, ensure_ascii=False) if attributes else None,
            inherited=inherited,
            origin=str(holder) if inherited else str(one.get("source") or ""),
            confidence=_confidence(one),
        )


def terms_of(entity: Json, path: str = "") -> Iterator[Tag]:
    """The glossary terms assigned to it."""
    related = _mapping(entity.get("relationshipAttributes")).get("meanings")
    seen: set[str] = set()
    for one in [*_each(entity.get("meanings")), *_each(related)]:
        name = one.get("displayText")
        if not isinstance(name, str) or not name or name in seen:
            continue
        if "DELETED" in (one.get("entityStatus"), one.get("relationshipStatus")):
            continue
        seen.add(name)
        more = _mapping(_mapping(one.get("relationshipAttributes")).get("attributes"))
        sure = one.get("confidence") or more.get("confidence")
        yield Tag(tag=name, kind="term", path=path, confidence=_share(sure) if sure else None)


def labels_of(entity: Json, path: str = "") -> Iterator[Tag]:
    """Free labels."""
    labels = entity.get("labels")
    texts = [one for one in (labels if isinstance(labels, list) else ()) if isinstance(one, str) and one]
    for label in dict.fromkeys(texts):
        yield Tag(tag=label, kind="label", path=path)


def sorted_tags(tags: Iterable[Tag]) -> tuple[Tag, ...]:
    """In the order that every reader keeps."""
    return tuple(sorted(tags, key=lambda t: (t.path, t.kind, t.tag, t.origin)))


def _confidence(classification: Json) -> float | None:
    """0 to 1, from the classification's own attribute or from what its source detailed."""
    details = _mapping(classification.get("sourceDetails"))
    for holder in (_mapping(classification.get("attributes")), details, *map(_mapping, details.values())):
        if holder.get("confidence") is not None:
            return _share(holder["confidence"])
    return None


def _share(value: Any) -> float | None:
    """A confidence of 0 to 1; those that count to 100 are divided."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 100:
        return None
    return float(value) if value <= 1 and not (isinstance(value, int) and value == 1) else value / 100


def _each(value: Any) -> Iterator[Json]:
    return (one for one in (value if isinstance(value, list) else ()) if isinstance(one, Mapping))


def _mapping(value: Any) -> Json:
    return value if isinstance(value, Mapping) else {}
