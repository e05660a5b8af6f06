"""Text that every store takes: without NUL, which jsonb refuses, and lone surrogates, which UTF-8 cannot encode.

Platforms do send both, in comments and parameters that were loaded from broken files.
"""

import re
from typing import Any

_DIRTY = re.compile("[\x00\ud800-\udfff]")
_REPLACEMENT = "�"


def is_clean(text: str) -> bool:
    """Whether PostgreSQL and UTF-8 take this text as it is."""
    return _DIRTY.search(text) is None


def clean(value: Any) -> Any:
    """The value with each offending character replaced by U+FFFD, in strings, keys and all nested lists and dicts.

    What is clean already comes back as the same object; else a copy is made, in which tuples are lists. Two keys that
    become equal are both kept: the later one gets one more U+FFFD.
    """
    if isinstance(value, str):
        return _DIRTY.sub(_REPLACEMENT, value)
    if not isinstance(value, dict | list | tuple) or not _holds_dirt(value):
        return value
    root: list[Any] = []
    todo: list[tuple[Any, list[Any] | dict[Any, Any], Any]] = [(value, root, None)]
    while todo:
        source, target, key = todo.pop()
        out = _emptied(source)
        if isinstance(target, dict):
            target[key] = out
        elif key is None:
            target.append(out)
        else:
            target[key] = out
        if isinstance(source, dict) and isinstance(out, dict):
            for name in source:
                kept = _free_key(clean(name), out, name, source)
                out[kept] = None
                todo.append((source[name], out, kept))
        elif isinstance(out, list):
            out += [None] * len(source)
            todo += [(item, out, n) for n, item in enumerate(source)]
    return root[0]


def _emptied(source: Any) -> Any:
    """A container of the same kind without its parts; anything else cleaned."""
    if isinstance(source, dict):
        return {}
    if isinstance(source, list | tuple):
        return []
    return clean(source)


def _free_key(key: Any, out: dict[Any, Any], original: Any, source: dict[Any, Any]) -> Any:
    while key in out or (key != original and key in source):
        key += _REPLACEMENT
    return key


def _holds_dirt(value: Any) -> bool:
    todo = [value]
    while todo:
        item = todo.pop()
        if isinstance(item, str):
            if not is_clean(item):
                return True
        elif isinstance(item, dict):
            todo += item.keys()
            todo += item.values()
        elif isinstance(item, list | tuple):
            todo += item
    return False
