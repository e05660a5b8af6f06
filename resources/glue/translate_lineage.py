"""The lineage of a job: from each source to each target that its steps lead to, and from column to column. Pure."""

from collections import Counter
from collections.abc import Iterator, Mapping

from governance.filters import NameFilter
from governance.model import LineageEdge
from resources.glue.translate_flow import UNKNOWN, Columns, Place
from resources.glue.translate_jobs import Step


def edges_of(
    job: str, steps: Mapping[str, Step], origin: str, names: NameFilter, counts: Counter[str]
) -> Iterator[LineageEdge]:
    """The edges of one job; targets whose columns cannot all be told are counted.

    Args:
        job: its name.
        steps: by their ids.
        origin: which facility told us.
        names: an edge is kept where one of its datasets is governed, or none of its ends is a dataset.
        counts: takes `columns_unknown` and `columns_undeclared`.
    """
    flow = _Flow(steps)
    for name, step in steps.items():
        sources = flow.sources(name)
        for target in step.writes:
            known = [s for s in sources if s != target and _is_governed(s, target, names)]
            for place in known:
                yield _edge(place, target, job, origin)
            yield from _column_edges(flow.columns(name), target, frozenset(known), job, origin, counts)


def _column_edges(
    columns: Columns, target: Place, known: frozenset[Place], job: str, origin: str, counts: Counter[str]
) -> Iterator[LineageEdge]:
    counts["columns_unknown"] += not columns.is_whole
    counts["columns_undeclared"] += bool(columns.rest)
    for path, origins in sorted(columns.named.items()):
        for place, column in sorted(origins):
            if place in known:
                yield _edge(place, target, job, origin, column, path)
    direct = {origin_column for origins in columns.named.values() for origin_column in origins}
    for place, column in sorted(columns.decides - direct):
        if place in known:
            yield _edge(place, target, job, origin, column, "", indirect=True)


def _edge(
    upstream: Place, downstream: Place, job: str, origin: str, path: str = "", to: str = "", *, indirect: bool = False
) -> LineageEdge:
    return LineageEdge(
        upstream.name,
        downstream.name,
        path,
        to,
        upstream.kind,
        downstream.kind,
        process=job,
        process_kind="job",
        transformation="indirect" if indirect else "direct",
        origin=origin,
    )


def _is_governed(upstream: Place, downstream: Place, names: NameFilter) -> bool:
    datasets = [place.name for place in (upstream, downstream) if place.kind == "dataset"]
    return not datasets or any(names.matches(name) for name in datasets)


class _Flow:
    """A job's steps, followed from a target back to its sources; circles, which no job has, end."""

    def __init__(self, steps: Mapping[str, Step]) -> None:
        self._steps = steps
        self._known: dict[str, Columns] = {}

    def sources(self, name: str) -> list[Place]:
        """What this step is made of, in a stable order."""
        seen, todo, found = set[str](), [name], set[Place]()
        while todo:
            step = self._steps.get(todo.pop())
            if step is not None:
                found |= set(step.reads)
                new = set(step.inputs) - seen
                seen |= new
                todo += new
        return sorted(found)

    def columns(self, name: str) -> Columns:
        """What comes out of this step. Its inputs come first, without recursion: a chain may be long."""
        todo = [name]
        while todo:
            current = todo[-1]
            step = self._steps.get(current)
            # set before it is known, so that a circle finds something
            self._known.setdefault(current, UNKNOWN)
            waiting = [i for i in (step.inputs if step else ()) if i not in self._known]
            if waiting:
                todo += waiting
                continue
            todo.pop()
            if step is not None:
                self._known[current] = step.change([self._known[i] for i in step.inputs])
        return self._known[name]
