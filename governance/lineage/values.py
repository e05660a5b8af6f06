"""Where the value of an expression comes from: the places it is made of, and those that only decide it."""

from collections.abc import Callable

from sqlglot import exp

from governance.lineage.paths import ELEMENT, VALUE, Ref
from governance.lineage.relation import NONE, Output, Refs, Relation, below, elements
from governance.lineage.scope import Scope

Subquery = Callable[[exp.Expr, Scope], Relation]
_DECIDING = {
    exp.Case: ("this",),
    exp.If: ("this",),
    exp.Filter: ("expression",),
    exp.Window: ("partition_by", "order", "spec"),
    exp.Ordered: ("this",),
}
_LEAVES = (exp.Identifier, exp.Literal, exp.DataType, exp.Var, exp.Star, exp.Placeholder)


class Values:
    """Reads expressions inside one scope. `subquery` resolves a query inside an expression."""

    def __init__(self, subquery: Subquery) -> None:
        self._subquery = subquery

    def of(self, expression: exp.Expr, scope: Scope) -> Output:
        """The output, without a name, that an expression makes.

        Only a plain column, or a field or element of one, stays exact: so a field of it can be followed further down.
        """
        while isinstance(expression, exp.Alias | exp.Paren):
            expression = expression.this
        reference = self._reference(expression, scope)
        if reference is not None:
            return reference[0] or Output("", "")
        direct: set[Ref] = set()
        indirect: set[Ref] = set()
        todo: list[tuple[exp.Expr, bool]] = [(expression, True)]
        while todo:
            node, feeds = todo.pop()
            scope.context.spend(1)
            if isinstance(node, _LEAVES):
                continue
            found = self._reference(node, scope)
            if found is not None:
                output, extra = found
                todo += [(e, False) for e in extra]
            elif isinstance(node, exp.Query):
                output = self._of_query(node, scope)
            else:
                todo += _children(node, feeds)
                continue
            if output is not None:
                (direct if feeds else indirect).update(r.computed() for r in output.direct)
                indirect |= output.indirect
        return Output("", "", frozenset(direct), frozenset(indirect))

    def places(self, expression: exp.Expr, scope: Scope) -> Refs:
        """Every place an expression reads, no matter how."""
        output = self.of(expression, scope)
        return frozenset(r.computed() for r in output.direct | output.indirect)

    def _of_query(self, node: exp.Expr, scope: Scope) -> Output:
        """A query as a value: its first column; its rows are decided by what decides the value."""
        relation = self._subquery(node, scope)
        direct = frozenset().union(*(o.direct for o in relation.outputs)) if relation.outputs else NONE
        indirect = frozenset(relation.filters).union(*(o.indirect for o in relation.outputs))
        return Output("", "", direct, indirect)

    def _reference(self, node: exp.Expr, scope: Scope) -> tuple[Output | None, list[exp.Expr]] | None:
        """A column, or what is reached from one by fields, subscripts and document paths; None for anything else.

        The list holds the subscripts that are expressions themselves.
        """
        steps: list[exp.Expr] = []
        extra: list[exp.Expr] = []
        while not isinstance(node, exp.Column):
            if isinstance(node, exp.Dot) and isinstance(node.expression, exp.Identifier):
                steps.append(node.expression)
            elif isinstance(node, exp.Bracket) and len(node.expressions) == 1:
                steps.append(node)
                extra.append(node.expressions[0])
            elif isinstance(node, exp.JSONExtract) and node.args.get("variant_extract"):
                steps.append(node)
            elif not (isinstance(node, exp.Paren) and steps):
                return None
            node = node.this
        if isinstance(node.this, exp.Star):
            return None, extra
        output = scope.column(node.parts)
        for step in reversed(steps):
            if output is not None:
                output = self._step(output, step, scope)
        return output, extra

    def _step(self, output: Output, step: exp.Expr, scope: Scope) -> Output:
        naming = scope.context.naming
        if isinstance(step, exp.Identifier):
            name = naming.column_name(step)
            return below(output, [(name, naming.key(name))])
        if isinstance(step, exp.Bracket):
            index = step.expressions[0]
            if isinstance(index, exp.Literal) and index.is_string:
                inner = below(output, [(index.name, naming.key(index.name))], sure=False)
                if any(r.exact and r.node is not None for r in inner.direct):
                    return inner
                return elements(output, VALUE)
            return elements(output, ELEMENT)
        for key in step.expression.find_all(exp.JSONPathKey, exp.JSONPathSubscript):
            if isinstance(key, exp.JSONPathKey):
                output = below(output, [_document_key(output, str(key.this))], sure=False)
            else:
                output = elements(output, ELEMENT, sure=False)
        return output


def _document_key(output: Output, name: str) -> tuple[str, str]:
    """A key of a document as the declared field it may be, whose case may be lost."""
    for ref in output.direct:
        children = ref.node.children if ref.node else {}
        for spelled in (name, name.upper(), name.lower()):
            if spelled in children:
                return name, spelled
    return name, name


def _children(node: exp.Expr, feeds: bool) -> list[tuple[exp.Expr, bool]]:
    """The parts of an expression, and whether each feeds the value or only decides it."""
    deciding = _DECIDING.get(type(node), ())
    if isinstance(node, exp.WithinGroup) and not isinstance(node.this, exp.PercentileCont | exp.PercentileDisc):
        deciding = ("expression",)
    if isinstance(node, exp.WithinGroup) and not deciding:
        # the ordered column of a percentile is the value itself
        ordered = [o.this for o in node.find_all(exp.Ordered)]
        return [(node.this, feeds), *((o, feeds) for o in ordered)]
    out: list[tuple[exp.Expr, bool]] = []
    for name, part in node.args.items():
        parts = part if isinstance(part, list) else [part]
        out += [(p, feeds and name not in deciding) for p in parts if isinstance(p, exp.Expr)]
    return out
