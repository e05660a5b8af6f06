"""Which source a column name in a query means."""

from collections.abc import Sequence
from typing import NamedTuple

from sqlglot import exp

from governance.lineage.context import Context, Ctes
from governance.lineage.paths import Base
from governance.lineage.relation import Output, Relation, below

# what platforms offer on every table without listing it as a column
_PSEUDO = (
    "metadata$",
    "$path",
    "$file_",
    "$partition",
    "_metadata",
    "input__file__name",
    "block__offset__inside__file",
)
_PSEUDO_WORDS = frozenset(
    {"level", "rownum", "sysdate", "current_date", "current_timestamp", "current_user", "default"}
)


class Source(NamedTuple):
    """An item of FROM. `names` are the keys of its alias, or of the parts of its name, last part last."""

    names: tuple[str, ...]
    relation: Relation
    hidden: bool = False


class Scope:
    """The sources of one SELECT, those around it, and the aliases that its parts may use."""

    def __init__(self, context: Context, ctes: Ctes, parent: "Scope | None" = None) -> None:
        self.context = context
        self.ctes = ctes
        self.parent = parent
        self.sources: list[Source] = []
        self.merged: dict[str, Output] = {}
        self.aliases: dict[str, Output] = {}
        self.aliases_first = False
        self.nested_reads: dict[Base, None] = {}

    def add(self, source: Source) -> None:
        """Puts a source to the right of the others."""
        self.sources.append(source)

    def named(self, names: tuple[str, ...]) -> Source | None:
        """The source that a prefix such as `t` or `s.t` means, in this SELECT only."""
        for source in self.sources:
            if source.names[-len(names) :] == names:
                return source
        return None

    def column(self, parts: Sequence[exp.Expr]) -> Output | None:
        """What `a`, `t.a`, `s.t.a` or `a.field` means; None, and recorded, where that cannot be told."""
        naming = self.context.naming
        names = [naming.column_name(p) for p in parts]
        keys = [naming.key(n) for n in names]
        self.context.spend(1)
        found, rest = self._prefixed(names, keys) or (self._bare(names[0], keys[0]), 1)
        if len(found) == 1:
            return below(found[0], zip(names[rest:], keys[rest:], strict=True))
        if not (found == [] and _is_pseudo(keys[0])):
            self.context.miss("ambiguous_column" if found else "unknown_column", ".".join(names), parts[0])
        return None

    def _prefixed(self, names: list[str], keys: list[str]) -> tuple[list[Output], int] | None:
        """The column behind the name of a source, and how many parts that took."""
        scope: Scope | None = self
        while scope is not None:
            for n in range(min(len(keys) - 1, 4), 0, -1):
                source = scope.named(tuple(keys[:n]))
                if source is not None and (found := source.relation.find(names[n], keys[n])):
                    return found, n + 1
            scope = scope.parent
        return None

    def _bare(self, name: str, key: str) -> list[Output]:
        """Every column that the name alone may mean: the nearest listed one, an alias, one behind a star."""
        scope: Scope | None = self
        unlisted: list[Output] = []
        while scope is not None:
            listed = scope._listed(key)
            behind = [o for s in scope.sources if not s.hidden for o in s.relation.behind_star(name, key)]
            alias = scope.aliases.get(key)
            if alias is not None and scope.aliases_first:
                return [alias]
            if listed:
                return listed + ([] if scope is self else unlisted)
            if alias is not None:
                # with an unknown table at hand the name may be its column: no matter where both come to the same
                same = all({_place(r) for r in o.direct} == {_place(r) for r in alias.direct} for o in behind)
                return [alias] if same else [alias, *behind]
            # the nearest unknown table is taken, unless one further out lists the name
            unlisted = unlisted or behind
            scope = scope.parent
        return unlisted

    def _listed(self, key: str) -> list[Output]:
        if key in self.merged:
            return [self.merged[key]]
        return [o for s in self.sources if not s.hidden for o in s.relation.known(key)]


def _place(ref: object) -> object:
    return ref[:2] if isinstance(ref, tuple) else ref


def _is_pseudo(key: str) -> bool:
    low = key.lower()
    return low in _PSEUDO_WORDS or low.startswith(_PSEUDO)
