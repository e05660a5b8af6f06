"""What can be said of a `connection` of estate.yaml without knowing the platform: its keys and its secrets.

No message holds a value, since any value may be a secret in the wrong place.
"""

import difflib
import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import Any

import msgspec


class FieldError(msgspec.Struct, frozen=True):
    """One thing wrong in a connection. `path` leads from the connection to the field; list positions are numbers."""

    path: tuple[str | int, ...]
    message: str
    remedy: str = ""


class FieldSpec(msgspec.Struct, frozen=True):
    """What a connection field is: whether it must be there, and whether it holds a reference to a secret."""

    required: bool = False
    secret: bool = False


ConnectionCheck = Callable[[Mapping[str, Any]], Sequence[FieldError]]

_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def connection_errors(
    connection: Mapping[str, Any], fields: Mapping[str, FieldSpec], *, env_prefix: str = ""
) -> list[FieldError]:
    """Unknown keys, missing fields and secrets that are no references. Types of values are not looked at.

    Args:
        connection: as it stands in estate.yaml.
        fields: every field there is.
        env_prefix: the platform word, for the variable that is proposed: `databricks` gives DATABRICKS_TOKEN.
    """
    errors = [unknown_key(key, value, fields) for key, value in connection.items() if key not in fields]
    for name, field in fields.items():
        value = connection.get(name)
        if value is None:
            if field.required:
                errors.append(FieldError((name,), "missing", f"add {_example(name, field, env_prefix)}"))
        elif field.secret:
            errors += _secret(name, value, _variable(name, env_prefix))
    return errors


def nearest(word: str, known: Collection[str], noun: str = "known") -> str:
    """A remedy for a word that is not known: the one that was probably meant, or all there are."""
    close = difflib.get_close_matches(word.lower(), known, n=1, cutoff=0.6)
    return f'did you mean "{close[0]}"?' if close else f"{noun}: {', '.join(sorted(known))}"


def unknown_key(key: str, value: object, known: Collection[str]) -> FieldError:
    """What is wrong with a key that is not one of `known`."""
    name, colon, _ = key.partition(":")
    if colon and value is None:
        return FieldError((name,), "a space is missing after the colon", f"write {name}: and then the value")
    if value is None and not difflib.get_close_matches(key, known, n=1, cutoff=0.6):
        # a value that lost its key reads as a key that has no value
        return FieldError((), "an unknown key without a value", nearest("", known))
    return FieldError((key,), "unknown key", nearest(key, known))


def _secret(name: str, value: object, variable: str) -> Iterator[FieldError]:
    fix = f"write {name}: {{env: {variable}}}"
    if not isinstance(value, Mapping):
        yield FieldError((name,), "a literal secret is refused", fix)
    elif len(value) != 1 or not set(value) <= {"env", "file"}:
        yield FieldError((name,), "a secret is either {env: NAME} or {file: PATH}", fix)
    elif "env" in value and not (isinstance(value["env"], str) and _VARIABLE.fullmatch(value["env"])):
        yield FieldError((name, "env"), "not the name of an environment variable", fix)
    elif "file" in value and not (isinstance(value["file"], str) and value["file"].strip()):
        yield FieldError((name, "file"), "not a path", f"write {name}: {{file: /run/secrets/{variable.lower()}}}")


def _variable(name: str, env_prefix: str) -> str:
    return f"{env_prefix}_{name}".lstrip("_").upper()


def _example(name: str, field: FieldSpec, env_prefix: str) -> str:
    return f"{name}: {{env: {_variable(name, env_prefix)}}}" if field.secret else f"{name}: …"
