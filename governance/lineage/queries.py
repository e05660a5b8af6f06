"""Queries: SELECT, set operations, WITH and recursion, each to the relation that comes out."""

from collections.abc import Iterable

from sqlglot import exp

from governance.lineage import functions
from governance.lineage.context import Context, Cte, Ctes
from governance.lineage.relation import Output, Relation
from governance.lineage.scope import Scope, Source
from governance.lineage.sources import Sources
from governance.lineage.stars import starred
from governance.lineage.values import Values

# what a SELECT has beside its columns and sources; all of it decides rows
_BEFORE_ALIASES = ("prewhere", "where", "connect", "start", "group", "having", "windows")
_AFTER_ALIASES = ("qualify", "distinct", "sort", "cluster", "distribute", "order")
_RECURSION_ROUNDS = 100


class Queries:
    """Resolves the queries of one text."""

    def __init__(self, context: Context) -> None:
        self.context = context
        self.values = Values(self._nested)
        self.sources = Sources(context, self.values, self.relation, self.of_cte)

    def relation(self, node: exp.Expr, ctes: Ctes, parent: Scope | None = None) -> Relation:
        """What a query gives out. `parent` is the scope that a correlated query may refer to."""
        self.context.spend(1)
        while isinstance(node, exp.Subquery) and not (node.args.get("pivots") or node.args.get("joins")):
            ctes = self.with_(node, ctes)
            node = node.this
        ctes = self.with_(node, ctes)
        if isinstance(node, exp.Select):
            return self._select(node, Scope(self.context, ctes, parent))
        if isinstance(node, exp.SetOperation):
            return self._set_operation(node, ctes, parent)
        scope = Scope(self.context, ctes, parent)
        if isinstance(node, exp.Values):
            return self.sources.values(node, scope)
        if isinstance(node, exp.Table | exp.Subquery):
            made = Relation()
            self.sources.item(node, scope, made)
            starred(exp.Star(), scope, made, self.values)
            return made
        self.context.miss("unsupported", type(node).__name__.lower(), node)
        return Relation()

    def with_(self, node: exp.Expr, ctes: Ctes) -> Ctes:
        """The named queries that hold inside `node`: those around it, and its own; each sees those before it."""
        clause = node.args.get("with_")
        if clause is None:
            return ctes
        naming = self.context.naming
        for item in clause.expressions:
            if item.args.get("alias") is None:
                continue
            key = naming.key(naming.table_name(item.args["alias"].this))
            recursive = bool(clause.recursive or naming.implicit_recursion) and self._names_itself(item, key)
            ctes = {**ctes, key: Cte(item, ctes, recursive=recursive)}
        return ctes

    def of_cte(self, cte: Cte) -> Relation:
        """The relation of a named query, made once."""
        if cte.relation is None:
            cte.relation = self._recursive(cte) if cte.recursive else self._cte_body(cte, cte.node.this, cte.ctes)
        return cte.relation

    def _cte_body(self, cte: Cte, body: exp.Expr, ctes: Ctes) -> Relation:
        relation = self.relation(body, ctes).renamed(cte.node.args["alias"].columns, self.context.naming)
        if relation.lost:
            self.context.miss("star_without_schema", cte.node.alias, cte.node)
        return relation

    def _names_itself(self, item: exp.Expr, key: str) -> bool:
        naming = self.context.naming
        if not isinstance(item.this.unnest(), exp.SetOperation):
            return False
        tables = item.this.find_all(exp.Table)
        return any(len(t.parts) == 1 and naming.key(naming.table_name(t.this)) == key for t in tables)

    def _recursive(self, cte: Cte) -> Relation:
        """Starts with the first part, and reads the whole again with what is known until nothing is added."""
        body = cte.node.this.unnest()
        first = body
        ctes = cte.ctes
        while isinstance(first, exp.SetOperation):
            ctes = self.with_(first, ctes)
            first = first.this
        naming = self.context.naming
        key = naming.key(naming.table_name(cte.node.args["alias"].this))
        cte.relation = self._cte_body(cte, first, ctes)
        for _ in range(_RECURSION_ROUNDS):
            before = _size(cte.relation)
            cte.relation = self._cte_body(cte, body, {**cte.ctes, key: cte})
            if _size(cte.relation) == before:
                break
        return cte.relation

    def _nested(self, node: exp.Expr, scope: Scope) -> Relation:
        """A query inside an expression; what it reads counts for the query around it, as deciding only."""
        relation = self.relation(node, scope.ctes, scope)
        scope.nested_reads.update(dict.fromkeys(relation.reads))
        return relation

    def _select(self, node: exp.Select, scope: Scope) -> Relation:
        made = Relation()
        self.sources.fill(node, scope, made)
        early = not self.context.naming.lateral_alias
        for item in node.expressions:
            self._item(item, scope, made)
        if early:
            self._decide(node, _BEFORE_ALIASES, scope, made)
        for output in made.outputs:
            if output.name:
                scope.aliases.setdefault(output.key, output)
        if not early:
            self._decide(node, _BEFORE_ALIASES, scope, made)
        scope.aliases_first = True
        self._decide(node, _AFTER_ALIASES, scope, made)
        for base in scope.nested_reads:
            made.reads.setdefault(base, any(r.base is base for o in made.outputs for r in o.direct))
        return made

    def _item(self, item: exp.Expr, scope: Scope, made: Relation) -> None:
        """One item of the select list, which may be several columns."""
        inner = item
        while isinstance(inner, exp.Alias | exp.Aliases | exp.Paren):
            inner = inner.this
        if starred(item, scope, made, self.values):
            return
        if isinstance(inner, exp.Explode | exp.Posexplode | exp.Inline):
            named: list[exp.Expr] = list(item.expressions) if isinstance(item, exp.Aliases) else []
            if isinstance(item, exp.Alias):
                named = [item.args["alias"]]
            relation = functions.rows_of(inner, self.sources.argument(inner, scope), named, self.context)
            made.outputs += relation.outputs
            if relation.is_open:
                made.open.append((relation, frozenset()))
            return
        output = self.values.of(item, scope)
        if isinstance(item, exp.Aliases):
            made.outputs += [self._named(output, a) for a in item.expressions]
            return
        output = self._named(output, self._name(item))
        made.outputs.append(output)
        if self.context.naming.lateral_alias and isinstance(item, exp.Alias):
            scope.aliases.setdefault(output.key, output)

    def _named(self, output: Output, identifier: exp.Expr | None) -> Output:
        if identifier is None:
            return output.named("", "")
        name = self.context.naming.column_name(identifier)
        return output.named(name, self.context.naming.key(name))

    def _name(self, item: exp.Expr) -> exp.Expr | None:
        """The identifier that an item of the select list is called by, if its text tells."""
        if isinstance(item, exp.Alias):
            alias: exp.Expr = item.args["alias"]
            return alias
        keeps = self.context.naming.cast_keeps_name
        while isinstance(item, exp.Paren | exp.Cast) and (keeps or isinstance(item, exp.Paren)):
            item = item.this
        if isinstance(item, exp.Dot):
            return item.expression if isinstance(item.expression, exp.Identifier) else None
        return item.this if isinstance(item, exp.Column) and isinstance(item.this, exp.Identifier) else None

    def _decide(self, node: exp.Expr, clauses: Iterable[str], scope: Scope, made: Relation) -> None:
        """What the given clauses read decides rows; a number in GROUP BY or ORDER BY is an output's position."""
        for name in clauses:
            part = node.args.get(name)
            for clause in part if isinstance(part, list) else [part]:
                if isinstance(clause, exp.Expr):
                    made.filters |= self.values.places(clause, scope)
                    for n in _positions(clause):
                        if 0 < n <= len(made.outputs) and not made.is_open:
                            made.filters |= {r.computed() for r in made.outputs[n - 1].direct}
        grouped = node.args.get("group")
        if "group" in clauses and grouped is not None and grouped.args.get("all"):
            plain = [o for o, e in zip(made.outputs, node.expressions, strict=False) if not e.find(exp.AggFunc)]
            made.filters |= {r.computed() for o in plain for r in o.direct}

    def _set_operation(self, node: exp.SetOperation, ctes: Ctes, parent: Scope | None) -> Relation:
        """A chain of set operations, whose left side may be thousands deep, without recursion."""
        spine: list[exp.SetOperation] = []
        first: exp.Expr = node
        while isinstance(first, exp.SetOperation):
            ctes = self.with_(first, ctes) if first is not node else ctes
            spine.append(first)
            first = first.this
        made = self.relation(first, ctes, parent)
        made = made.having(made.outputs)
        for operation in reversed(spine):
            made = self._combined(made, self.relation(operation.expression, ctes, parent), operation)
        order = node.args.get("order")
        if order is not None:
            scope = Scope(self.context, ctes, parent)
            scope.add(Source(("",), made))
            made.filters |= self.values.places(order, scope)
        return made

    def _combined(self, left: Relation, right: Relation, operation: exp.SetOperation) -> Relation:
        self.context.spend(len(left.outputs) + 1)
        rows = isinstance(operation, exp.Union)
        left.filters |= right.filters
        left.read(right.reads, rows=rows)
        by_name = operation.args.get("by_name")
        if left.is_open or (right.is_open and not by_name):
            self.context.miss("star_without_schema", "set operation", operation.expression)
            return left
        if not by_name and len(left.outputs) != len(right.outputs):
            self.context.miss("columns_differ", "set operation", operation.expression)
        pairs = [right.find(o.name, o.key)[:1] for o in left.outputs] if by_name else [[o] for o in right.outputs]
        outputs = list(left.outputs)
        for n, pair in enumerate(pairs[: len(outputs)]):
            for other in pair:
                outputs[n] = outputs[n].with_values_of(other) if rows else _decided(outputs[n], other)
        return left.having(outputs)


def _decided(output: Output, by: Output) -> Output:
    """EXCEPT and INTERSECT: the right side decides what of the left comes out."""
    places = frozenset(r.computed() for r in by.direct)
    return Output(output.name, output.key, output.direct, output.indirect | places | by.indirect)


def _positions(clause: exp.Expr) -> list[int]:
    items = clause.expressions if isinstance(clause, exp.Group | exp.Order | exp.Sort | exp.Cluster) else []
    plain = [i.this if isinstance(i, exp.Ordered) else i for i in items]
    return [int(i.name) for i in plain if isinstance(i, exp.Literal) and i.is_int]


def _size(relation: Relation) -> int:
    places = sum(len(o.direct) + len(o.indirect) for o in relation.outputs)
    return places + len(relation.outputs) + len(relation.filters) + len(relation.reads)
