"""PIVOT and UNPIVOT."""

from sqlglot import exp

from governance.lineage.relation import Output, Relation
from governance.lineage.scope import Scope, Source
from governance.lineage.values import Values


def pivoted(pivot: exp.Expr, relation: Relation, values: Values, scope: Scope) -> Relation:
    """The relation after one PIVOT or UNPIVOT; the columns it does not use stay."""
    scope.add(Source(("",), relation))
    made = _unpivot(pivot, values, scope) if pivot.args.get("unpivot") else _pivot(pivot, values, scope)
    naming = scope.context.naming
    used = {
        naming.key(naming.column_name(c.this))
        for part in ("expressions", "fields")
        for e in pivot.args.get(part) or []
        for c in e.find_all(exp.Column)
        if not (part == "fields" and not pivot.args.get("unpivot") and c.parent is not None and c.arg_key != "this")
    }
    out = relation.having([o for o in relation.outputs if o.key not in used] + made)
    if relation.is_open:
        out.base, out.any = None, None
        out.open = [(relation, frozenset(used))]
    alias = pivot.args.get("alias")
    return out.renamed(alias.columns if isinstance(alias, exp.TableAlias) else [], naming)


def _pivot(pivot: exp.Expr, values: Values, scope: Scope) -> list[Output]:
    """One column for each value and aggregate; the column that holds the values decides which."""
    naming = scope.context.naming
    aggregates = [values.of(e, scope) for e in pivot.expressions]
    places = [values.places(f.this, scope) for f in pivot.args.get("fields") or []]
    deciding = frozenset().union(*places)
    names = [naming.column_name(c) for c in pivot.args.get("columns") or []]
    if not names:
        scope.context.miss("star_without_schema", "pivot", pivot)
    made = []
    for n, name in enumerate(names):
        source = aggregates[n % len(aggregates)] if aggregates else Output("", "")
        made.append(Output(name, naming.key(name), source.direct, source.indirect | deciding))
    return made


def _unpivot(pivot: exp.Expr, values: Values, scope: Scope) -> list[Output]:
    """A column of names, and for each value column those that it takes its values from."""
    naming = scope.context.naming
    made: list[Output] = []
    for field in pivot.args.get("fields") or []:
        label = naming.column_name(field.this)
        made.append(Output(label, naming.key(label)))
        targets = [t for e in pivot.expressions for t in (e.expressions if isinstance(e, exp.Tuple) else [e])]
        for n, target in enumerate(targets):
            rows = [_item(e, n, len(targets)) for e in field.expressions]
            places = frozenset().union(*(values.places(r, scope) for r in rows))
            name = naming.column_name(target)
            made.append(Output(name, naming.key(name), places))
    return made


def _item(expression: exp.Expr, n: int, of: int) -> exp.Expr:
    """The n-th column of an item of the IN list of UNPIVOT."""
    while isinstance(expression, exp.Alias | exp.PivotAlias):
        expression = expression.this
    return expression.expressions[n] if of > 1 and isinstance(expression, exp.Tuple) else expression
