"""What one reading of a text carries along: rules, known tables, a budget of work, and what stayed unresolved."""

from collections.abc import Callable, Mapping, Sequence

import msgspec
from sqlglot import exp

from governance.lineage.edges import CODES, Unresolved
from governance.lineage.names import Naming, qualified
from governance.lineage.paths import Base, tree_of
from governance.lineage.relation import Relation


class Table(msgspec.Struct, frozen=True):
    """A known table: its identity in the inventory and its column paths, parents before children and in order."""

    qualified_name: str
    paths: tuple[str, ...]


Known = Table | Sequence[str] | None
Schema = Mapping[str, Sequence[str]] | Mapping[str, Table] | Callable[[str], Known]


class Overflow(Exception):
    """The budget of work is used up."""


class Cte:
    """A named query of a WITH. Its relation is made when it is first read."""

    __slots__ = ("ctes", "node", "recursive", "relation")

    def __init__(self, node: exp.Expr, ctes: "Ctes", *, recursive: bool) -> None:
        self.node = node
        self.ctes = ctes
        self.recursive = recursive
        self.relation: Relation | None = None


Ctes = dict[str, Cte]


class Context:
    """State of one reading. `work` counts places and nodes visited; above `limit` the reading ends."""

    def __init__(self, naming: Naming, catalog: str, schema: str, known: Schema | None, limit: int) -> None:
        self.naming = naming
        self.catalog = catalog
        self.schema = schema
        self.limit = limit
        self.unresolved: dict[Unresolved, None] = {}
        self._known: Callable[[str], Known] = known if callable(known) else (known or {}).get
        self._bases: dict[str, Base] = {}
        self._work = 0

    def spend(self, amount: int) -> None:
        """Counts work.

        Raises:
            Overflow: more than the limit.
        """
        self._work += amount
        if self._work > self.limit:
            raise Overflow

    def miss(self, code: str, subject: str = "", at: exp.Expr | None = None) -> None:
        """Records what could not be followed."""
        self.miss_at(code, *_place(at), subject)

    def miss_at(self, code: str, line: int, column: int, subject: str = "") -> None:
        """Records what could not be followed, at a line and column of the text."""
        self.unresolved[Unresolved(code, CODES[code], subject[:200], line, column)] = None

    def base(self, table: exp.Table) -> Base:
        """The base table of this name, the same object for the same name."""
        return self.base_of(qualified(table, self.naming, self.catalog, self.schema))

    def base_of(self, parts: tuple[str, ...]) -> Base:
        """The base table of these stored parts."""
        return self.named_base(".".join(parts), parts)

    def named_base(self, name: str, parts: tuple[str, ...] = ()) -> Base:
        """The base table of this qualified name."""
        at = self.naming.key(name)
        if at not in self._bases:
            known = self._known(name)
            if isinstance(known, Table):
                name, known = known.qualified_name, known.paths
            columns = None if known is None else tree_of(known, self.naming.key)
            self._bases[at] = Base(name, parts, columns or None)
        return self._bases[at]


def _place(node: exp.Expr | None) -> tuple[int, int]:
    """Line and column of the first identifier at or below a node."""
    if node is None:
        return 0, 0
    for n in node.walk(bfs=False):
        if isinstance(n, exp.Identifier | exp.Star) and (line := n.meta.get("line")):
            return int(line), int(n.meta.get("col") or 0)
    return 0, 0
