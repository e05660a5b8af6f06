"""Edges from what a statement writes: a relation into the columns of a target."""

from collections.abc import Iterable
from typing import Literal

import msgspec

from governance.lineage.context import Context
from governance.lineage.paths import Base, Ref
from governance.lineage.relation import Output, Relation
from governance.model import LineageEdge
from governance.types import path_part


class Process(msgspec.Struct, frozen=True):
    """What moves the data: a view or a query."""

    name: str
    kind: str
    origin: str


class Writer:
    """Collects edges, each once; where a place reaches another directly and indirectly, the direct edge stands."""

    def __init__(self, context: Context, process: Process, *, indirect: bool) -> None:
        self.context = context
        self.edges: dict[tuple[str, str, str, str], LineageEdge] = {}
        self._process = process
        self._indirect = indirect

    def relation(self, relation: Relation, target: Base, columns: list[tuple[str, Output]]) -> None:
        """All edges of a relation that becomes the target's rows. `columns` are (path in the target, output)."""
        self.reads(relation, target)
        for path, output in columns:
            self.column(output, target, path)
        self.deciding(relation.filters, target)

    def reads(self, relation: Relation, target: Base) -> None:
        """The edges between datasets."""
        for base, direct in relation.reads.items():
            self._add(base.name, "", target.name, "", "direct" if direct else "indirect")

    def column(self, output: Output, target: Base, path: str) -> None:
        """The edges into one column."""
        self.context.spend(len(output.direct) + len(output.indirect))
        for ref in output.direct:
            self._add(ref.base.name, ref.path, target.name, path, "direct")
        for ref in output.indirect:
            self._add(ref.base.name, ref.path, target.name, path, "indirect")

    def deciding(self, filters: Iterable[Ref], target: Base) -> None:
        """The edges from what decides the rows to the target as a whole."""
        for ref in filters:
            self._add(ref.base.name, ref.path, target.name, "", "indirect")

    def sorted(self) -> tuple[LineageEdge, ...]:
        """The edges in the order of their names and paths."""
        return tuple(self.edges[key] for key in sorted(self.edges))

    def _add(self, up: str, up_path: str, down: str, down_path: str, how: Literal["direct", "indirect"]) -> None:
        if how == "indirect" and (not self._indirect or up == down):
            return
        key = (down, down_path, up, up_path)
        if key not in self.edges or how == "direct":
            process = self._process
            name = process.name or down
            self.edges[key] = LineageEdge(
                up,
                down,
                up_path,
                down_path,
                process=name,
                process_kind=process.kind,
                transformation=how,
                origin=process.origin,
            )


def target_columns(
    relation: Relation, target: Base, named: list[str], context: Context, *, positional: bool
) -> list[tuple[str, Output]]:
    """Which column of the target each output becomes.

    `named` are the names that the statement lists, in order. `positional`: without them the order of the target's own
    columns decides (INSERT); else the outputs' names do (CREATE).
    """
    own = [node.step for node in (target.columns or {}).values()]
    if named:
        return _by_position(relation, [_spelled(n, target, context) for n in named], context)
    if positional and not own:
        if relation.outputs or relation.is_open:
            context.miss("target_columns_unknown", target.name)
        return []
    if positional or (len(own) == len(relation.outputs) and not relation.is_open):
        return _by_position(relation, own, context)
    out: list[tuple[str, Output]] = []
    for n, output in enumerate(relation.outputs, 1):
        if output.name:
            out.append((_spelled(output.name, target, context), output))
        elif output.direct or output.indirect:
            context.miss("unnamed_column", str(n))
    if relation.is_open:
        out += _behind_stars(relation, target, {path for path, _ in out}, context)
    return out


def _by_position(relation: Relation, paths: list[str], context: Context) -> list[tuple[str, Output]]:
    if relation.is_open:
        context.miss("star_without_schema", ", ".join(sorted(_hidden(relation))))
        return []
    if len(paths) != len(relation.outputs):
        context.miss("columns_differ", f"{len(relation.outputs)} for {len(paths)}")
    return list(zip(paths, relation.outputs, strict=False))


def _behind_stars(relation: Relation, target: Base, listed: set[str], context: Context) -> list[tuple[str, Output]]:
    """A view's own columns that its text does not list come from the one source behind its star."""
    found: list[tuple[str, Output]] = []
    for key, node in (target.columns or {}).items():
        if node.step not in listed:
            outputs = relation.behind_star(node.name, key)
            if len(outputs) != 1:
                context.miss("star_without_schema", node.name)
                continue
            found.append((node.step, outputs[0]))
    if target.columns is None:
        context.miss("star_without_schema", ", ".join(sorted(_hidden(relation))))
    return found


def _hidden(relation: Relation) -> set[str]:
    """The names of the tables behind the unexpanded stars."""
    names: set[str] = set()
    todo, seen = [relation], set()
    while todo:
        item = todo.pop()
        if id(item) not in seen:
            seen.add(id(item))
            names |= {item.base.name} if item.base else set()
            todo += [r for r, _ in item.open]
    return names


def _spelled(name: str, target: Base, context: Context) -> str:
    node = (target.columns or {}).get(context.naming.key(name))
    return node.step if node else path_part(name)
