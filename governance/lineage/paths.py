"""Places in base tables: a column, or a field below it, spelled as the inventory spells `Column.path`."""

import re
from collections.abc import Callable, Sequence
from typing import NamedTuple

from governance.types import path_part

ELEMENT = "[]"
VALUE = "{}"
_SPECIAL = re.compile(r'[.\[\]{}"]')
_TOKEN = re.compile(r'"(?:[^"]|"")*"|\[\]|\{\}|[^.\[\]{}"]+')


class Node:
    """A column or field of a known table. `step` is its part of the path, `name` its name; children by key."""

    __slots__ = ("children", "name", "step")

    def __init__(self, step: str, name: str) -> None:
        self.step = step
        self.name = name
        self.children: dict[str, Node] = {}


def tree_of(paths: Sequence[str], key: Callable[[str], str]) -> dict[str, Node]:
    """The columns of a table by key, in order, with the fields below them, from the paths of the inventory."""
    root: dict[str, Node] = {}
    for path in paths:
        level = root
        for step in _TOKEN.findall(path) if _SPECIAL.search(path) else (path,):
            name = step[1:-1].replace('""', '"') if step[:1] == '"' else step
            at = step if step in (ELEMENT, VALUE) else key(name)
            node = level.get(at)
            if node is None:
                node = level[at] = Node(step, name)
            level = node.children
    return root


class Base:
    """A table, view or other dataset that the text reads. `columns` is None where they are not known."""

    __slots__ = ("columns", "name", "parts")

    def __init__(self, name: str, parts: tuple[str, ...], columns: dict[str, Node] | None) -> None:
        self.name = name
        self.parts = parts
        self.columns = columns


class Ref(NamedTuple):
    """A place in a base table.

    `node` is set where the table's columns are known. `exact` says that the value is the column itself, so that a
    field of it is a field of the column; what was computed from a column is not.
    """

    base: Base
    steps: tuple[str, ...]
    node: Node | None
    exact: bool

    @property
    def path(self) -> str:
        """The path in the inventory's spelling; an element of an array or map has none of its own."""
        steps = self.steps
        while steps and steps[-1] in (ELEMENT, VALUE):
            steps = steps[:-1]
        return steps[0] + "".join(s if s in (ELEMENT, VALUE) else f".{s}" for s in steps[1:]) if steps else ""

    def computed(self) -> "Ref":
        """The same place, as something that a value was computed from."""
        return self._replace(exact=False) if self.exact else self

    def field(self, name: str, key: str, *, sure: bool) -> "Ref":
        """The field `name` of this place; `sure` where the text shows that it is a field and no key in a document."""
        if not self.exact:
            return self
        if self.base.columns is None:
            return Ref(self.base, (*self.steps, path_part(name)), None, True) if sure else self.computed()
        node, steps = self.node, self.steps
        while node is not None:
            if (child := node.children.get(key)) is not None:
                return Ref(self.base, (*steps, child.step), child, True)
            node = node.children.get(ELEMENT) or node.children.get(VALUE)
            if node is not None:
                steps = (*steps, node.step)
        return self.computed()

    def element(self, kind: str) -> "Ref":
        """An element of this array, or a value of this map; `kind` is what the text suggests where nothing is known."""
        if not self.exact:
            return self
        if self.base.columns is None:
            return Ref(self.base, (*self.steps, kind), None, True)
        children = self.node.children if self.node else {}
        node = children.get(ELEMENT) or children.get(VALUE)
        return Ref(self.base, (*self.steps, node.step), node, True) if node else self.computed()

    def fields(self) -> list[tuple[str, "Ref"]]:
        """The named fields of this struct, where they are known."""
        below = self.node.children.values() if self.exact and self.node else ()
        return [
            (n.name, Ref(self.base, (*self.steps, n.step), n, True)) for n in below if n.step not in (ELEMENT, VALUE)
        ]
