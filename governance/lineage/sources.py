"""FROM: tables, subqueries, values, functions, joins and pivots as sources of a scope."""

from collections.abc import Callable

from sqlglot import exp

from governance.lineage import functions
from governance.lineage.context import Context, Cte, Ctes
from governance.lineage.paths import Ref
from governance.lineage.pivots import pivoted
from governance.lineage.relation import Output, Relation, of_base
from governance.lineage.scope import Scope, Source
from governance.lineage.values import Values

Query = Callable[[exp.Expr, Ctes, Scope | None], Relation]
CteRelation = Callable[[Cte], Relation]


class Sources:
    """Fills a scope from a FROM clause, and collects what decides its rows."""

    def __init__(self, context: Context, values: Values, query: Query, cte: CteRelation) -> None:
        self._context = context
        self._values = values
        self._query = query
        self._cte = cte

    def fill(self, select: exp.Expr, scope: Scope, into: Relation) -> None:
        """Adds everything that a SELECT (or a table with joins) reads, left to right."""
        start = select.args.get("from_")
        if start is not None:
            self.item(start.this, scope, into)
        self.joined(select, scope, into)

    def item(self, node: exp.Expr, scope: Scope, into: Relation, *, rows: bool = True) -> None:
        """Adds one item of FROM with the joins that hang on it."""
        self._context.spend(1)
        while isinstance(node, exp.Final | exp.Stream) or (isinstance(node, exp.Subquery) and _is_wrapper(node)):
            if isinstance(node, exp.Subquery) and node.args.get("joins"):
                self.item(node.this, scope, into, rows=rows)
                self.joined(node, scope, into)
                return
            node = node.this
        relation, names = self._source(node, scope)
        relation = self._shaped(node, relation, scope)
        alias = node.args.get("alias")
        pivots = node.args.get("pivots")
        if pivots and pivots[-1].alias:
            alias = pivots[-1].args["alias"]
        if isinstance(alias, exp.TableAlias) and alias.this is not None:
            names = (self._key(alias.this),)
        into.filters |= relation.filters
        into.read(relation.reads, rows=rows)
        scope.add(Source(names, relation))
        if not isinstance(node, exp.Lateral | exp.Unnest):
            self.joined(node, scope, into)

    def _key(self, identifier: exp.Expr) -> str:
        naming = self._context.naming
        return naming.key(naming.table_name(identifier))

    def _shaped(self, node: exp.Expr, relation: Relation, scope: Scope) -> Relation:
        """With pivots, and the column names of the alias, applied."""
        for pivot in node.args.get("pivots") or []:
            relation = pivoted(pivot, relation, self._values, Scope(self._context, scope.ctes, scope))
        if isinstance(node, exp.Lateral | exp.Unnest | exp.Values) or _function(node) is not None:
            return relation
        alias = node.args.get("alias")
        relation = relation.renamed(alias.columns if isinstance(alias, exp.TableAlias) else [], self._context.naming)
        if relation.lost:
            self._context.miss("star_without_schema", alias.name if alias is not None else "", node)
        return relation

    def _source(self, node: exp.Expr, scope: Scope) -> tuple[Relation, tuple[str, ...]]:
        function = _function(node)
        if function is not None:
            return self._function(function, node, scope), ("",)
        if isinstance(node, exp.Table):
            return self._table(node, scope)
        if isinstance(node, exp.Subquery):
            return self._query(node.this, scope.ctes, scope.parent), ("",)
        if isinstance(node, exp.Lateral):
            return self._query(node.this, scope.ctes, scope), ("",)
        if isinstance(node, exp.Values):
            return self.values(node, scope), ("",)
        if isinstance(node, exp.Unnest):
            return self._unnest(node, scope), ("",)
        self._context.miss("dynamic_source", type(node).__name__.lower(), node)
        return Relation(any_=Output("", "")), ("",)

    def _table(self, node: exp.Table, scope: Scope) -> tuple[Relation, tuple[str, ...]]:
        if isinstance(node.this, exp.DynamicIdentifier) and isinstance(node.this.this, exp.Literal):
            named = exp.to_table(node.this.this.name, dialect=self._context.naming.parser)
            return self._table(named, scope)
        if not all(isinstance(p, exp.Identifier) for p in node.parts):
            self._context.miss("dynamic_source", node.name, node)
            return Relation(any_=Output("", "")), ("",)
        key = self._key(node.this)
        if len(node.parts) == 1 and (cte := scope.ctes.get(key)) is not None:
            return self._cte(cte), (key,)
        base = self._context.base(node)
        return of_base(base, self._context.naming), tuple(self._context.naming.key(p) for p in base.parts)

    def _function(self, function: exp.Expr, node: exp.Expr, scope: Scope) -> Relation:
        alias = node.args.get("alias")
        columns = list(alias.columns) if isinstance(alias, exp.TableAlias) else []
        if columns and self._context.naming.parser == "snowflake" and isinstance(function, exp.Explode):
            columns = []
        argument = self.argument(function, scope)
        return functions.rows_of(function, argument, columns, self._context)

    def argument(self, function: exp.Expr, scope: Scope) -> Output:
        """What the arguments of a function come from; exact where the one that counts is a plain column."""
        first = function.this if isinstance(function.this, exp.Expr) else None
        given = [a for a in [first, *function.expressions] if isinstance(a, exp.Kwarg)]
        chosen = next((a.expression for a in given if a.name.lower() == "input"), None)
        if chosen is None and isinstance(function, exp.Explode | exp.Posexplode | exp.Inline):
            chosen = first if not given else given[0].expression
        if chosen is not None:
            return self._values.of(chosen, scope)
        parts = [self._values.of(a, scope) for a in function.iter_expressions()]
        direct = frozenset(r.computed() for p in parts for r in p.direct)
        return Output("", "", direct, frozenset(r for p in parts for r in p.indirect))

    def _unnest(self, node: exp.Unnest, scope: Scope) -> Relation:
        alias = node.args.get("alias")
        columns = list(alias.columns) if isinstance(alias, exp.TableAlias) else []
        relation = functions.unnested([self._values.of(e, scope) for e in node.expressions], columns, self._context)
        offset = node.args.get("offset")
        if isinstance(offset, exp.Identifier):
            name = self._context.naming.column_name(offset)
            relation.outputs.append(Output(name, self._context.naming.key(name)))
        return relation

    def values(self, node: exp.Values, scope: Scope) -> Relation:
        """VALUES as a relation: each column is fed by its expression of every row."""
        made: list[Output] = []
        for row in node.expressions:
            cells = row.expressions if isinstance(row, exp.Tuple) else [row]
            self._context.spend(len(cells))
            cells = [self._values.of(c, scope) for c in cells]
            made = [o.with_values_of(c) for o, c in zip(made, cells, strict=False)] if made else cells
        alias = node.args.get("alias")
        named = Relation(o.named(f"column{n}", f"column{n}") for n, o in enumerate(made, 1))
        return named.renamed(alias.columns if isinstance(alias, exp.TableAlias) else [], self._context.naming)

    def joined(self, node: exp.Expr, scope: Scope, into: Relation) -> None:
        """Adds what hangs on an item of FROM: its joins and lateral views."""
        for join in node.args.get("joins") or []:
            self._join(join, scope, into)
        for lateral in node.args.get("laterals") or []:
            self.item(lateral, scope, into)

    def _join(self, join: exp.Join, scope: Scope, into: Relation) -> None:
        before = len(scope.sources)
        half = join.kind in ("SEMI", "ANTI") or join.side in ("SEMI", "ANTI")
        self.item(join.this, scope, into, rows=not half)
        using = [(self._context.naming.column_name(i), i) for i in join.args.get("using") or []]
        if join.method == "NATURAL":
            using = self._natural(scope, before)
        for name, at in using:
            self._merge(name, at, join.side, scope, before, into)
        if (condition := join.args.get("on")) is not None:
            into.filters |= self._values.places(condition, scope)
        if (match := join.args.get("match_condition")) is not None:
            into.filters |= self._values.places(match, scope)
        if half:
            scope.sources[before:] = [s._replace(hidden=True) for s in scope.sources[before:]]

    def _natural(self, scope: Scope, before: int) -> list[tuple[str, exp.Expr | None]]:
        if any(s.relation.is_open for s in scope.sources):
            self._context.miss("star_without_schema", "natural join")
            return []
        right = {o.key for s in scope.sources[before:] for o in s.relation.outputs}
        left = {o.key: o.name for s in scope.sources[:before] for o in s.relation.outputs if o.key in right}
        return [(name, None) for name in left.values()]

    def _merge(self, name: str, at: exp.Expr | None, side: str, scope: Scope, before: int, into: Relation) -> None:
        """A column of USING: of the left, of the right, or either, as the join goes."""
        key = self._context.naming.key(name)
        merged = scope.merged.get(key)
        left = [merged] if merged else _candidates(scope.sources[:before], name, key)
        right = _candidates(scope.sources[before:], name, key)
        if len(left) != 1 or len(right) != 1:
            self._context.miss("ambiguous_column" if left and right else "unknown_column", name, at)
        both = [o for o in (*left[:1], *right[:1]) if len(left) == 1 or o not in left]
        into.filters |= {r.computed() for o in both for r in o.direct}
        taken = left[:1] if side == "LEFT" and left else right[:1] if side == "RIGHT" and right else both
        if taken:
            refs: set[Ref] = {r for o in taken for r in o.direct}
            indirect = frozenset(r for o in taken for r in o.indirect)
            scope.merged[key] = Output(taken[0].name, key, frozenset(refs), indirect)


def _candidates(sources: list[Source], name: str, key: str) -> list[Output]:
    listed = [o for s in sources if not s.hidden for o in s.relation.known(key)]
    return listed or [o for s in sources if not s.hidden for o in s.relation.behind_star(name, key)]


def _is_wrapper(node: exp.Subquery) -> bool:
    """Parentheses around a table or joins, without a name of their own."""
    return not isinstance(node.this, exp.Select | exp.SetOperation | exp.Values) and not node.args.get("alias")


def _function(node: exp.Expr) -> exp.Expr | None:
    """The function that stands in FROM here, if one does."""
    inner = node.this if isinstance(node, exp.Table | exp.Lateral | exp.TableFromRows) else None
    if isinstance(inner, exp.Func) and not isinstance(inner, exp.Query | exp.DynamicIdentifier):
        return inner
    return None
