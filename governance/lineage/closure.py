"""Lineage through several views: the transitive closure of column edges, with the way each pair is connected."""

from collections import deque
from collections.abc import Iterable
from typing import Literal

import msgspec

from governance.model import LineageEdge

Place = tuple[str, str]
Kind = Literal["direct", "indirect"]


class Path(msgspec.Struct, frozen=True):
    """A place that reaches the target. `edges` is a shortest way, upstream first; `direct` where all of them are."""

    upstream: str
    upstream_path: str
    downstream: str
    downstream_path: str
    transformation: Kind
    edges: tuple[LineageEdge, ...]


def through(edges: Iterable[LineageEdge], target: str, path: str | None = None) -> tuple[Path, ...]:
    """Everything that reaches `target`, over any number of steps; cycles do no harm.

    Args:
        edges: of any number of views.
        target: a qualified name.
        path: one column of it, or `""` for the dataset itself; None for the dataset and each of its columns.

    A pair is `direct` where a way of direct edges only connects it, else `indirect`. What decides the rows of a view
    further up (an edge into its empty path) shows under the empty path of `target`, not under each of its columns.
    """
    into: dict[Place, list[LineageEdge]] = {}
    for edge in edges:
        into.setdefault((edge.downstream, edge.downstream_path), []).append(edge)
    starts = [p for p in into if p[0] == target and (path is None or p[1] == path)]
    found = [way for start in sorted(starts) for way in _ways(start, into)]
    return tuple(sorted(found, key=lambda p: (p.downstream_path, p.upstream, p.upstream_path)))


def _ways(start: Place, into: dict[Place, list[LineageEdge]]) -> list[Path]:
    """Breadth first, direct edges alone, then all: each place once, by a shortest way of its kind."""
    direct = _reached(start, into, direct_only=True)
    every = _reached(start, into, direct_only=False)
    out: list[Path] = []
    for place in every:
        kind: Kind = "direct" if place in direct else "indirect"
        way = _way(place, start, direct if place in direct else every)
        out.append(Path(place[0], place[1], start[0], start[1], kind, way))
    return out


def _reached(start: Place, into: dict[Place, list[LineageEdge]], *, direct_only: bool) -> dict[Place, LineageEdge]:
    """Each place that reaches `start`, with the first edge on its way there."""
    seen: dict[Place, LineageEdge] = {}
    todo = deque([start])
    visited = {start}
    while todo:
        at = todo.popleft()
        for edge in into.get(at, ()):
            if direct_only and edge.transformation != "direct":
                continue
            place = (edge.upstream, edge.upstream_path)
            if place not in seen and (place != start):
                seen[place] = edge
            if place not in visited:
                visited.add(place)
                todo.append(place)
    return seen


def _way(place: Place, start: Place, first: dict[Place, LineageEdge]) -> tuple[LineageEdge, ...]:
    way: list[LineageEdge] = []
    while place != start:
        edge = first[place]
        way.append(edge)
        place = (edge.downstream, edge.downstream_path)
    return tuple(way)
