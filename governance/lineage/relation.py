"""What a query or table gives out: columns with where they come from, and what decides its rows."""

from collections.abc import Iterable, Sequence

from sqlglot import exp

from governance.lineage.names import Naming
from governance.lineage.paths import ELEMENT, Base, Ref
from governance.types import path_part

Refs = frozenset[Ref]
NONE: Refs = frozenset()


class Output:
    """A column that comes out. `name` is empty where the text does not tell it."""

    __slots__ = ("direct", "indirect", "key", "name")

    def __init__(self, name: str, key: str, direct: Refs = NONE, indirect: Refs = NONE) -> None:
        self.name = name
        self.key = key
        self.direct = direct
        self.indirect = indirect

    def named(self, name: str, key: str) -> "Output":
        """The same column under another name."""
        return Output(name, key, self.direct, self.indirect)

    def with_values_of(self, other: "Output") -> "Output":
        """This column, fed by the other one too."""
        return Output(self.name, self.key, self.direct | other.direct, self.indirect | other.indirect)


class Relation:
    """Columns in order, the row-deciding places, and the base tables it reads.

    `open` holds relations whose star stands in this one unexpanded, each with the keys that are not taken from it:
    while it is not empty, positions are not known and a name may be found behind a star.
    `base` is set for a base table without known columns: every name is taken for one of its columns. `any` is what
    every name comes to: the fields of a struct that is not known, the columns of a function.
    """

    __slots__ = ("_index", "any", "base", "filters", "lost", "open", "outputs", "reads")

    def __init__(self, outputs: Iterable[Output] = (), base: Base | None = None, any_: Output | None = None) -> None:
        self.outputs = list(outputs)
        self.base = base
        self.any = any_
        self.lost = False
        self.open: list[tuple[Relation, frozenset[str]]] = []
        self.filters: set[Ref] = set()
        self.reads: dict[Base, bool] = {}
        self._index: dict[str, list[Output]] | None = None

    @property
    def is_open(self) -> bool:
        """Whether it may have columns that are not in `outputs`."""
        return self.base is not None or self.any is not None or bool(self.open)

    def read(self, bases: dict[Base, bool], *, rows: bool) -> None:
        """Takes over what another relation reads; `rows` is False where it decides only."""
        for base, direct in bases.items():
            self.reads[base] = self.reads.get(base, False) or (direct and rows)

    def known(self, key: str) -> list[Output]:
        """The listed columns of this key; more than one is a column that cannot be told."""
        if self._index is None:
            self._index = {}
            for output in self.outputs:
                self._index.setdefault(output.key, []).append(output)
        return self._index.get(key, [])

    def behind_star(self, name: str, key: str) -> list[Output]:
        """The columns of this key that may stand behind an unexpanded star."""
        if self.base is not None:
            return [Output(name, key, frozenset({Ref(self.base, (path_part(name),), None, True)}))]
        if self.any is not None:
            return [below(self.any, [(name, key)]).named(name, key)]
        found: list[Output] = []
        for relation, without in self.open:
            if key not in without:
                sure = relation.known(key)
                if sure:
                    return sure
                found += relation.behind_star(name, key)
        return found

    def find(self, name: str, key: str) -> list[Output]:
        """Listed columns, else what may stand behind a star."""
        return self.known(key) or self.behind_star(name, key)

    def renamed(self, columns: Sequence[exp.Expr], naming: Naming) -> "Relation":
        """The relation under the column names of an alias.

        Where positions are not known the names are kept without any place behind them, which makes it `lost`.
        """
        if not columns:
            return self
        names = [naming.column_name(c) for c in columns]
        if self.is_open:
            made = self.having(Output(n, naming.key(n)) for n in names)
            made.base, made.any, made.open, made.lost = None, None, [], True
            return made
        outputs = [o.named(n, naming.key(n)) for o, n in zip(self.outputs, names, strict=False)]
        return self.having(outputs + self.outputs[len(outputs) :])

    def having(self, outputs: Iterable[Output]) -> "Relation":
        """A copy with other columns."""
        made = Relation(outputs, self.base, self.any)
        made.open, made.filters, made.reads = list(self.open), set(self.filters), dict(self.reads)
        return made


def below(output: Output, fields: Iterable[tuple[str, str]], *, sure: bool = True) -> Output:
    """The field of a column, for (name, key) of each step down."""
    for name, key in fields:
        direct = frozenset(r.field(name, key, sure=sure) for r in output.direct)
        output = Output(name, key, direct, output.indirect)
    return output


def elements(output: Output, kind: str = ELEMENT, *, sure: bool = True) -> Output:
    """The elements of an array, or the values of a map, that a column holds."""
    direct = frozenset(r.element(kind) if sure or r.node is not None else r.computed() for r in output.direct)
    return Output(output.name, output.key, direct, output.indirect)


def of_base(base: Base, naming: Naming) -> Relation:
    """The relation that a base table is."""
    if base.columns is None:
        made = Relation(base=base)
    else:
        made = Relation(
            Output(node.name, key, frozenset({Ref(base, (node.step,), node, True)}))
            for key, node in base.columns.items()
        )
    made.reads[base] = True
    return made
