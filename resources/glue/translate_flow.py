"""Which columns of a job's sources come out of each of its steps. Pure."""

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

import msgspec

from governance.lineage import Table, view_lineage
from governance.model import NodeKind
from governance.types import path_part


class Place(NamedTuple):
    """What a job reads or writes."""

    name: str
    kind: NodeKind


Origins = frozenset[tuple[Place, str]]
"""Columns of sources."""
NOTHING: Origins = frozenset()


class Columns(msgspec.Struct, frozen=True):
    """What comes out of a step.

    Args:
        named: columns by their paths, with what they are made of.
        rest: sources whose other columns pass under their own names; which those are is not known.
        dropped: paths that `rest` has no longer.
        decides: columns that decide which rows come out.
        is_whole: False where more may come out than is known.
    """

    named: dict[str, Origins] = {}
    rest: frozenset[Place] = frozenset()
    dropped: frozenset[str] = frozenset()
    decides: Origins = NOTHING
    is_whole: bool = True

    def of(self, path: str) -> Origins:
        """What this column, or the one that it is a field of, is made of."""
        above, below = path, ""
        while above:
            if above in self.named:
                return frozenset((place, f"{origin}{below}") for place, origin in self.named[above])
            if above in self.dropped:
                return NOTHING
            above, _, part = above.rpartition(".")
            below = f".{part}{below}"
        return frozenset((place, path) for place in self.rest)


UNKNOWN = Columns(is_whole=False)
Change = Callable[[Sequence[Columns]], Columns]
"""From what goes into a step, in the order of its inputs, to what comes out."""


def source(places: Iterable[Place], declared: Iterable[str] = ()) -> Columns:
    """Out of a source comes all it has; `declared` names its columns, where the job does."""
    found = frozenset(places)
    named = {path: frozenset((place, path) for place in found) for path in declared}
    return Columns(named) if named else Columns(rest=found)


def unchanged(inputs: Sequence[Columns]) -> Columns:
    """Rows may be left out or come from several inputs; columns stay what they are."""
    if len(inputs) == 1:
        return inputs[0]
    if not inputs or len({i.dropped for i in inputs}) > 1:
        return opaque(inputs)
    paths = {path for i in inputs for path in i.named}
    return Columns(
        {path: frozenset().union(*(i.of(path) for i in inputs)) for path in paths},
        frozenset().union(*(i.rest for i in inputs)),
        inputs[0].dropped,
        _decides(inputs),
        all(i.is_whole for i in inputs),
    )


def joined(inputs: Sequence[Columns]) -> Columns:
    """Columns side by side: known only where each input's are, and no two have one name."""
    paths = [path for i in inputs for path in i.named]
    if any(i.rest or not i.is_whole for i in inputs) or len(set(paths)) < len(paths):
        return opaque(inputs)
    return Columns({p: o for i in inputs for p, o in i.named.items()}, decides=_decides(inputs))


def opaque(inputs: Sequence[Columns]) -> Columns:
    """Nobody can tell what comes out."""
    return msgspec.structs.replace(UNKNOWN, decides=_decides(inputs))


def mapped(pairs: Iterable[tuple[str, str]]) -> Change:
    """Only these columns come out: each pair is the new path and the one it is made of."""
    given = tuple(pairs)

    def change(inputs: Sequence[Columns]) -> Columns:
        before = unchanged(inputs)
        return Columns(
            {to: before.of(path) for to, path in given}, decides=before.decides, is_whole=_is_known(before, given)
        )

    return change


def without(paths: Iterable[str]) -> Change:
    """All columns but these."""
    gone = frozenset(paths)

    def change(inputs: Sequence[Columns]) -> Columns:
        before = unchanged(inputs)
        kept = {p: o for p, o in before.named.items() if p not in gone}
        return msgspec.structs.replace(before, named=kept, dropped=before.dropped | gone)

    return change


def renamed(path: str, to: str) -> Change:
    """One column under another name."""

    def change(inputs: Sequence[Columns]) -> Columns:
        before = unchanged(inputs)
        kept = {p: o for p, o in before.named.items() if p != path}
        return msgspec.structs.replace(
            before, named={**kept, to: before.of(path)}, dropped=(before.dropped | {path}) - {to}
        )

    return change


def deciding(paths: Sequence[Iterable[str]], then: Change) -> Change:
    """A step whose rows depend on these columns of each input."""

    def change(inputs: Sequence[Columns]) -> Columns:
        pairs = zip(inputs, paths, strict=False)
        found = frozenset[tuple[Place, str]]().union(*(i.of(p) for i, names in pairs for p in names))
        after = then(inputs)
        return msgspec.structs.replace(after, decides=after.decides | found)

    return change


def queried(text: str, aliases: Sequence[str]) -> Change:
    """What a query in Spark's SQL makes of its inputs, which it knows by these names."""

    def change(inputs: Sequence[Columns]) -> Columns:
        known = {alias.lower(): given for alias, given in zip(aliases, inputs, strict=False)}

        def schema(name: str) -> Table | None:
            given = known.get(name.lower())
            if given is None or given.rest or not given.is_whole:
                return None
            return Table(name, tuple(given.named))

        told = view_lineage(text, "spark", target="out", schema=schema)
        named: dict[str, Origins] = {}
        decides = _decides(inputs)
        for edge in told.edges:
            found = known.get(edge.upstream, UNKNOWN).of(edge.upstream_path) if edge.upstream_path else NOTHING
            if edge.transformation == "indirect":
                decides |= found
            elif edge.downstream_path:
                named[edge.downstream_path] = named.get(edge.downstream_path, NOTHING) | found
        return Columns(named, decides=decides, is_whole=not told.unresolved)

    return change


def path_of(parts: Sequence[str]) -> str:
    """A path of the names that lead to a field."""
    return ".".join(path_part(part) for part in parts)


def _decides(inputs: Sequence[Columns]) -> Origins:
    return frozenset[tuple[Place, str]]().union(*(i.decides for i in inputs))


def _is_known(before: Columns, given: tuple[tuple[str, str], ...]) -> bool:
    """Whether each column that is asked for is known, even where others are not."""
    return before.is_whole or all(before.of(path) for _, path in given)
