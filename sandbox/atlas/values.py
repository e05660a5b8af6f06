"""Attribute values: what Atlas takes for a type, what it stores, and what it shows where nothing was given."""

import re
from collections.abc import Iterable
from typing import Any

from sandbox.atlas import errors
from sandbox.atlas.typesystem import Def, TypeSystem

WHOLE = {"byte": 8, "short": 16, "int": 32, "long": 64, "biginteger": 4096}
FRACTIONS = {"float", "double", "bigdecimal"}
_DATE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z")


class Invalid(ValueError):
    """A value does not fit its type."""


def default(types: TypeSystem, type_name: str) -> Any:
    """What Atlas shows for an attribute that was never given: primitives have no null, arrays of structs are empty."""
    if type_name.startswith("array<") and types.get(type_name[6:-1], "STRUCT") is not None:
        return []
    if type_name == "boolean":
        return False
    if type_name in ("byte", "short", "int", "long", "date"):
        return 0
    if type_name in ("float", "double"):
        return 0.0
    return None


def normalized(types: TypeSystem, type_name: str, value: Any) -> Any:
    """The value as Atlas stores it.

    Raises:
        Invalid: it does not fit.
    """
    if value is None:
        return None
    if type_name == "string":
        return value if isinstance(value, str) else str(value)
    if type_name == "boolean":
        return value if isinstance(value, bool) else str(value).lower() == "true"
    if type_name == "date":
        return _date(value)
    if type_name in WHOLE:
        return _whole(value, WHOLE[type_name])
    if type_name in FRACTIONS:
        return _fraction(value)
    return _compound(types, type_name, value)


def _date(value: Any) -> int:
    if isinstance(value, str) and _DATE.fullmatch(value):
        from datetime import datetime

        return int(datetime.fromisoformat(value).timestamp() * 1000)
    return _whole(value, 64)


def _whole(value: Any, bits: int) -> int:
    try:
        number = int(value)
    except (TypeError, ValueError) as error:
        raise Invalid from error
    if isinstance(value, bool) or not -(1 << (bits - 1)) <= number < 1 << (bits - 1):
        raise Invalid
    return number


def _fraction(value: Any) -> float:
    try:
        return float(value)
    except (TypeError, ValueError) as error:
        raise Invalid from error


def _compound(types: TypeSystem, type_name: str, value: Any) -> Any:
    if type_name.startswith("array<"):
        if not isinstance(value, list):
            raise Invalid
        return [normalized(types, type_name[6:-1], item) for item in value]
    if type_name.startswith("map<"):
        if not isinstance(value, dict):
            raise Invalid
        key, _, item = type_name[4:-1].partition(",")
        return {str(normalized(types, key, k)): normalized(types, item, v) for k, v in value.items()}
    enum = types.get(type_name, "ENUM")
    if enum is not None:
        return _member(enum, value)
    if types.get(type_name, "STRUCT") is not None:
        return _struct(types, type_name, value)
    return value


def _member(enum: Def, value: Any) -> str:
    for element in enum["elementDefs"]:
        if element["value"].lower() == str(value).lower() or element["ordinal"] == value:
            return str(element["value"])
    raise Invalid


def _struct(types: TypeSystem, type_name: str, value: Any) -> Any:
    if not isinstance(value, dict):
        raise Invalid
    given = value.get("attributes", value)
    return {
        "typeName": type_name,
        "attributes": {
            n: normalized(types, d["typeName"], given.get(n)) for n, d in types.attributes(type_name).items()
        },
    }


def plain(types: TypeSystem, type_name: str, given: Def, names: Iterable[str], *, whole: bool) -> Def:
    """The plain attributes `names` of an instance as stored.

    Args:
        types: the type system.
        type_name: the instance's type.
        given: what the caller sent; names that the type does not have are ignored, as Atlas does.
        names: those that are no relationships.
        whole: the instance is new, so mandatory attributes must be there and the rest gets defaults.

    Raises:
        AtlasError: a mandatory attribute is missing, or a value does not fit.
    """
    out: Def = {}
    for name in names:
        definition = types.attributes(type_name)[name]
        if name not in given and not whole:
            continue
        value = given.get(name)
        if value is None and not definition["isOptional"] and definition.get("defaultValue") is None:
            raise errors.invalid_value(
                f"{type_name}.{name}: mandatory attribute value missing in type {definition['declaredIn']}"
            )
        try:
            stored = normalized(types, definition["typeName"], value)
        except Invalid as error:
            raise errors.invalid_value(
                f"{type_name}.{name}={value}: invalid value for type {definition['typeName']}"
            ) from error
        if stored is None:
            stored = definition.get("defaultValue", default(types, definition["typeName"]))
        out[name] = stored
    return out
