"""Which qualified names a source governs: include and exclude globs, and whether a whole scope can be skipped."""

import fnmatch
import re
from collections.abc import Sequence
from functools import cached_property


def may_match_under(pattern: str, prefix: str) -> bool:
    """Whether a glob can match any name that starts with `prefix`.

    Walks the glob over the prefix with a set of positions, as a non-deterministic automaton would.
    Character classes count as one character that could be anything: the answer may be a harmless "perhaps".
    """
    atoms = re.findall(r"\[!?\]?[^\]]*\]|.", pattern, re.DOTALL)
    states = _skip_stars({0}, atoms)
    for char in prefix:
        states = _skip_stars({n for s in states if s < len(atoms) for n in _step(s, atoms, char)}, atoms)
        if not states:
            return False
    return True


def _step(state: int, atoms: Sequence[str], char: str) -> set[int]:
    atom = atoms[state]
    if atom == "*":
        return {state}
    if atom == "?" or len(atom) > 1 or atom == char:
        return {state + 1}
    return set()


def _skip_stars(states: set[int], atoms: Sequence[str]) -> set[int]:
    """The states reachable without reading a character: a star may match nothing."""
    out, todo = set(states), list(states)
    while todo:
        state = todo.pop()
        if state < len(atoms) and atoms[state] == "*" and state + 1 not in out:
            out.add(state + 1)
            todo.append(state + 1)
    return out


class NameFilter:
    """Include and exclude globs on qualified names, case-sensitive; `*` also matches dots."""

    def __init__(self, include: Sequence[str] = (), exclude: Sequence[str] = ()) -> None:
        self.include = tuple(include)
        self.exclude = tuple(exclude)

    @cached_property
    def _included(self) -> re.Pattern[str] | None:
        return _union(self.include)

    @cached_property
    def _excluded(self) -> re.Pattern[str] | None:
        return _union(self.exclude)

    @property
    def is_open(self) -> bool:
        """Whether everything matches."""
        return not self.include and not self.exclude

    def matches(self, name: str) -> bool:
        """Whether this qualified name is governed."""
        if self._included is not None and not self._included.match(name):
            return False
        return self._excluded is None or not self._excluded.match(name)

    def may_match_under(self, prefix: str) -> bool:
        """Whether any name that starts with `prefix` (such as `sales.`) can be governed."""
        if self.include and not any(may_match_under(p, prefix) for p in self.include):
            return False
        # `sales.*` hides all of `sales.`; a narrower glob does not
        return not any(p.endswith("*") and fnmatch.fnmatchcase(prefix, p) for p in self.exclude)


def _union(patterns: Sequence[str]) -> re.Pattern[str] | None:
    if not patterns:
        return None
    return re.compile("|".join(f"(?:{fnmatch.translate(p)})" for p in patterns))
