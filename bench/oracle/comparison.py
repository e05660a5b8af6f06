"""DataHub's facts against ours: what is the same, what differs for a reason that is known, and what for none."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from bench.oracle.facts import Fact


@dataclass(frozen=True)
class Explanation:
    """Why a fact of DataHub's is not in the inventory as it stands.

    Args:
        name: a few words.
        reason: for the page: what each of the two does, and why ours is right.
        holds: whether it explains this fact; given the fact and our own facts about the same field.
    """

    name: str
    reason: str
    holds: Callable[[Fact, frozenset[Fact]], bool]


@dataclass
class Comparison:
    """The outcome for one source.

    Args:
        told: how many facts DataHub has, by kind.
        same: how many of them the inventory has too, by kind.
        explained: the others with a known reason, by the explanation's name.
        unexplained: those without.
        ours_alone: how many facts only the inventory has, by kind.
    """

    told: dict[str, int] = field(default_factory=dict)
    same: dict[str, int] = field(default_factory=dict)
    explained: dict[str, list[Fact]] = field(default_factory=dict)
    unexplained: list[Fact] = field(default_factory=list)
    ours_alone: dict[str, int] = field(default_factory=dict)


def compared(theirs: Iterable[Fact], ours: Iterable[Fact], explanations: Iterable[Explanation]) -> Comparison:
    """Looks for each of their facts in ours."""
    out, known = Comparison(), tuple(explanations)
    told, mine = {fact.folded: fact for fact in theirs}, {fact.folded for fact in ours}
    about: dict[tuple[str, str], set[Fact]] = {}
    for fact in mine:
        about.setdefault((fact.dataset, fact.path), set()).add(fact)
    for folded, fact in sorted(told.items()):
        _count(out.told, fact)
        if folded in mine:
            _count(out.same, fact)
            continue
        beside = frozenset(about.get((folded.dataset, folded.path), ()))
        why = next((e for e in known if e.holds(folded, beside)), None)
        if why is None:
            out.unexplained.append(fact)
        else:
            out.explained.setdefault(why.name, []).append(fact)
    for fact in mine - told.keys():
        _count(out.ours_alone, fact)
    return out


def _count(into: dict[str, int], fact: Fact) -> None:
    into[fact.what] = into.get(fact.what, 0) + 1
