"""Statements that write: CREATE … AS, INSERT, MERGE, UPDATE, SELECT INTO, and the bare query of a view."""

from sqlglot import exp

from governance.lineage.context import Context, Ctes
from governance.lineage.paths import Base
from governance.lineage.queries import Queries
from governance.lineage.relation import Output, Relation, of_base
from governance.lineage.scope import Scope, Source
from governance.lineage.stars import starred
from governance.lineage.text import Statement
from governance.lineage.writes import Writer, target_columns

# statements that move no data, or none between datasets
_WITHOUT_DATA = (
    exp.Alter, exp.Analyze, exp.Cache, exp.Comment, exp.Commit, exp.Delete, exp.Describe, exp.Drop, exp.Grant,
    exp.Pragma, exp.Revoke, exp.Rollback, exp.Set, exp.Show, exp.Transaction, exp.TruncateTable, exp.Use,
)  # fmt: skip
_COMMANDS_WITHOUT_DATA = frozenset(
    {"ALTER", "COMMENT", "EXPLAIN", "GRANT", "MSCK", "REFRESH", "REVOKE", "SET", "SHOW", "USE"}
)


class Statements:
    """Follows the statements of one text into a writer. `target` is what a query without a name of its own defines."""

    def __init__(self, context: Context, writer: Writer, target: Base | None, columns: list[str]) -> None:
        self._context = context
        self._writer = writer
        self._target = target
        self._columns = columns
        self._queries = Queries(context)

    def follow(self, statement: Statement) -> None:
        """Adds the edges of one statement."""
        node = statement.expression
        match node:
            case exp.Create():
                self._create(node)
            case exp.Insert():
                self._insert(node, {}, None)
            case exp.Merge():
                self._merge(node)
            case exp.Update():
                self._update(node)
            case exp.MultitableInserts():
                self._multi(node)
            case exp.Query():
                self._query(node, statement)
            case exp.Command() if node.name.upper() in _COMMANDS_WITHOUT_DATA:
                pass
            case _ if not isinstance(node, _WITHOUT_DATA):
                self._context.miss("unsupported", node.name if isinstance(node, exp.Command) else node.key)

    def _query(self, node: exp.Query, statement: Statement) -> None:
        into = node.args.get("into")
        target = self._context.base(into.this) if into is not None else self._target
        if target is None:
            self._context.miss("no_target")
            return
        named = self._names(list(statement.columns)) or ([] if into is not None else self._columns)
        self._define(self._queries.relation(node, {}), target, named)

    def _define(self, relation: Relation, target: Base, named: list[str]) -> None:
        columns = target_columns(relation, target, named, self._context, positional=False)
        self._writer.relation(relation, target, columns)

    def _create(self, node: exp.Create) -> None:
        if (node.args.get("kind") or "").upper() not in ("VIEW", "TABLE", "STREAMING TABLE", "MATERIALIZED VIEW"):
            if node.expression:
                self._context.miss("unsupported", f"create {node.args.get('kind') or ''}".strip().lower())
            return
        table, columns = _target(node.this)
        if table is None:
            return
        target = self._target or self._context.base(table)
        clone = node.args.get("clone")
        query = node.expression
        if clone is not None and isinstance(clone.this, exp.Table):
            query = clone.this
        if not isinstance(query, exp.Query | exp.Table):
            return
        relation = self._queries.relation(query, self._queries.with_(node, {}))
        self._define(relation, target, self._names(columns) or self._columns)

    def _insert(self, node: exp.Insert, ctes: Ctes, source: Relation | None) -> None:
        """INSERT; `source` is the shared FROM of an insert into many tables."""
        table, columns = _target(node.this)
        if table is None:
            self._context.miss("unsupported", "insert", node)
            return
        target = self._context.base(table)
        ctes = self._queries.with_(node, ctes)
        query = node.expression
        if not isinstance(query, exp.Query | exp.Table | exp.Values):
            if source is None:
                return
            relation = source
        else:
            relation = self._queries.relation(query, ctes, self._around(source))
            if source is not None:
                relation.filters |= source.filters
                relation.read(source.reads, rows=True)
        named = self._names(columns)
        if node.args.get("by_name"):
            self._define(relation, target, [])
            return
        if not named and (fixed := self._fixed_partitions(table)) and target.columns:
            named = [n.name for key, n in target.columns.items() if key not in fixed]
        pairs = target_columns(relation, target, named, self._context, positional=True)
        self._writer.relation(relation, target, pairs)

    def _around(self, source: Relation | None) -> Scope | None:
        if source is None:
            return None
        scope = Scope(self._context, {})
        scope.add(Source(("",), source))
        return scope

    def _fixed_partitions(self, table: exp.Table) -> set[str]:
        """The partition columns that `PARTITION (dt = 'x')` sets, which the query does not give."""
        partition = table.args.get("partition")
        naming = self._context.naming
        parts = partition.expressions if partition is not None else []
        return {naming.key(naming.column_name(e.this.this)) for e in parts if isinstance(e, exp.EQ)}

    def _multi(self, node: exp.MultitableInserts) -> None:
        source = node.args.get("source")
        if source is None:
            self._context.miss("unsupported", "insert", node)
            return
        relation = self._queries.relation(source, self._queries.with_(node, {}))
        for item in node.expressions:
            insert = item.this if isinstance(item, exp.ConditionalInsert) else item
            shared = relation.having(relation.outputs)
            if isinstance(item, exp.ConditionalInsert) and item.args.get("expression") is not None:
                scope = self._around(relation)
                if scope is not None:
                    shared.filters |= self._queries.values.places(item.args["expression"], scope)
            self._insert(insert, {}, shared)

    def _merge(self, node: exp.Merge) -> None:
        ctes = self._queries.with_(node, {})
        scope, target = self._writing(node.this, ctes)
        made = Relation()
        self._queries.sources.item(node.args["using"], scope, made)
        made.filters |= self._queries.values.places(node.args["on"], scope) if node.args.get("on") else set()
        whens = node.args.get("whens")
        for when in whens.expressions if whens is not None else []:
            if when.args.get("condition") is not None:
                made.filters |= self._queries.values.places(when.args["condition"], scope)
            then = when.args.get("then")
            if isinstance(then, exp.Update):
                self._assign(then.expressions, scope, target)
            elif isinstance(then, exp.Insert):
                self._merge_insert(then, scope, target)
            if isinstance(then, exp.Update | exp.Insert) and _takes_all(then):
                self._take_all(scope, target)
        self._finish(made, scope, target)

    def _merge_insert(self, then: exp.Insert, scope: Scope, target: Base) -> None:
        columns, cells = then.this, then.expression
        if not isinstance(cells, exp.Tuple):
            return
        if isinstance(columns, exp.Tuple):
            named = [c.this if isinstance(c, exp.Column) else c for c in columns.expressions]
            paths = [self._path(n, target) for n in named]
        else:
            paths = [node.step for node in (target.columns or {}).values()]
            if not paths:
                self._context.miss("target_columns_unknown", target.name)
                return
        if len(paths) != len(cells.expressions):
            self._context.miss("columns_differ", f"{len(cells.expressions)} for {len(paths)}")
        for path, cell in zip(paths, cells.expressions, strict=False):
            self._writer.column(self._queries.values.of(cell, scope), target, path)

    def _take_all(self, scope: Scope, target: Base) -> None:
        """`UPDATE SET *` and `INSERT *`: the source's columns of the same names."""
        own = Scope(self._context, scope.ctes)
        own.sources = scope.sources[1:]
        made = Relation()
        starred(exp.Star(), own, made, self._queries.values)
        for path, output in target_columns(made, target, [], self._context, positional=False):
            self._writer.column(output, target, path)

    def _update(self, node: exp.Update) -> None:
        ctes = self._queries.with_(node, {})
        made = Relation()
        scope = Scope(self._context, ctes)
        if node.args.get("from_") is not None:
            self._queries.sources.fill(node, scope, made)
        name = node.this
        naming = self._context.naming
        key = naming.key(naming.table_name(name.this)) if isinstance(name, exp.Table) else ""
        aliased = scope.named((key,)) if isinstance(name, exp.Table) and len(name.parts) == 1 else None
        if aliased is not None and len(aliased.relation.reads) == 1:
            target = next(iter(aliased.relation.reads))
            made.reads.pop(target, None)
        else:
            written, target = self._writing(name, ctes)
            scope.sources[:0] = written.sources
            self._queries.sources.joined(name, scope, made)
        self._assign(node.expressions, scope, target)
        if node.args.get("where") is not None:
            made.filters |= self._queries.values.places(node.args["where"], scope)
        self._finish(made, scope, target)

    def _assign(self, assignments: list[exp.Expr], scope: Scope, target: Base) -> None:
        """`SET a = …` of UPDATE and MERGE."""
        for item in assignments:
            if not isinstance(item, exp.EQ) or not isinstance(item.this, exp.Column | exp.Dot):
                continue
            column = item.this.this if isinstance(item.this, exp.Column) else item.this.expression
            self._writer.column(self._queries.values.of(item.expression, scope), target, self._path(column, target))

    def _writing(self, table: exp.Table, ctes: Ctes) -> tuple[Scope, Base]:
        """A scope that holds the target of a statement, which its expressions may read."""
        base = self._context.base(table)
        naming = self._context.naming
        alias = table.args.get("alias")
        names = tuple(naming.key(p) for p in base.parts)
        if isinstance(alias, exp.TableAlias) and alias.this is not None:
            names = (naming.key(naming.table_name(alias.this)),)
        scope = Scope(self._context, ctes)
        scope.add(Source(names, of_base(base, naming)))
        return scope, base

    def _finish(self, made: Relation, scope: Scope, target: Base) -> None:
        for base in scope.nested_reads:
            made.reads.setdefault(base, False)
        self._writer.reads(made, target)
        self._writer.deciding(made.filters, target)

    def _path(self, identifier: exp.Expr, target: Base) -> str:
        name = self._context.naming.column_name(identifier)
        pairs = target_columns(Relation([Output("", "")]), target, [name], self._context, positional=False)
        return pairs[0][0]

    def _names(self, columns: list[exp.Expr]) -> list[str]:
        return [self._context.naming.column_name(c) for c in columns]


def _target(node: exp.Expr | None) -> tuple[exp.Table | None, list[exp.Expr]]:
    """The table that a statement names, and the columns that stand behind it."""
    columns: list[exp.Expr] = []
    if isinstance(node, exp.Schema):
        named = [c for c in node.expressions if isinstance(c, exp.Identifier | exp.ColumnDef | exp.Column)]
        columns = [c if isinstance(c, exp.Identifier) else c.this for c in named]
        node = node.this
    return (node if isinstance(node, exp.Table) else None), columns


def _takes_all(then: exp.Expr) -> bool:
    return isinstance(then.this, exp.Star) or any(isinstance(e, exp.Star) for e in then.expressions)
