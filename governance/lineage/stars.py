"""Stars in a select list: `*`, `t.*`, `struct.*`, with EXCEPT, REPLACE and RENAME."""

from collections.abc import Sequence

from sqlglot import exp

from governance.lineage.relation import Output, Relation
from governance.lineage.scope import Scope, Source
from governance.lineage.values import Values


def starred(item: exp.Expr, scope: Scope, made: Relation, values: Values) -> bool:
    """Adds the columns of a star to `made`; False where the item is none.

    What stands behind a source whose columns are not known stays open: names can still be found there.
    """
    if isinstance(item, exp.Star):
        star, prefix = item, []
    elif isinstance(item, exp.Column) and isinstance(item.this, exp.Star):
        star, prefix = item.this, [p for p in item.parts if not isinstance(p, exp.Star)]
    else:
        return False
    fresh = Relation()
    if prefix:
        _prefixed(prefix, scope, fresh)
    else:
        _whole(scope, fresh)
    _changed(star, scope, fresh, values)
    made.outputs += fresh.outputs
    made.open += fresh.open
    return True


def _whole(scope: Scope, fresh: Relation) -> None:
    merged = dict(scope.merged)
    if scope.context.naming.using_first:
        fresh.outputs += merged.values()
    for source in scope.sources:
        if source.hidden:
            continue
        for output in source.relation.outputs:
            if output.key not in scope.merged:
                fresh.outputs.append(output)
            elif output.key in merged and not scope.context.naming.using_first:
                fresh.outputs.append(merged[output.key])
            merged.pop(output.key, None)
        _open(source, frozenset(scope.merged), fresh)


def _prefixed(prefix: Sequence[exp.Expr], scope: Scope, fresh: Relation) -> None:
    naming = scope.context.naming
    names = tuple(naming.key(naming.table_name(p)) for p in prefix)
    source = scope.named(names)
    if source is not None:
        fresh.outputs += source.relation.outputs
        _open(source, frozenset(), fresh)
        return
    struct = scope.column(prefix)
    if struct is None:
        return
    fields = [f for r in struct.direct for f in r.fields()] if len(struct.direct) == 1 else []
    if fields:
        fresh.outputs += [Output(name, naming.key(name), frozenset({ref}), struct.indirect) for name, ref in fields]
    else:
        fresh.open.append((Relation(any_=struct), frozenset()))


def _open(source: Source, without: frozenset[str], fresh: Relation) -> None:
    if source.relation.is_open:
        fresh.open.append((source.relation, without))


def _changed(star: exp.Expr, scope: Scope, fresh: Relation, values: Values) -> None:
    """EXCEPT takes columns away, RENAME and REPLACE put others in their place."""
    naming = scope.context.naming
    gone = {naming.key(naming.column_name(_identifier(e))) for e in star.args.get("except_") or []}
    renamed = {naming.key(naming.column_name(_identifier(a.this))): a for a in star.args.get("rename") or []}
    replaced = {naming.key(naming.column_name(a.args["alias"])): a for a in star.args.get("replace") or []}
    if not (gone or renamed or replaced):
        return
    outputs: list[Output] = []
    for output in fresh.outputs:
        if output.key in gone:
            continue
        if output.key in replaced:
            outputs.append(values.of(replaced.pop(output.key), scope).named(output.name, output.key))
        elif output.key in renamed:
            name = naming.column_name(renamed.pop(output.key).args["alias"])
            outputs.append(output.named(name, naming.key(name)))
        else:
            outputs.append(output)
    without = frozenset(gone | set(renamed) | set(replaced))
    if fresh.open:
        for part in replaced.values():
            name = naming.column_name(part.args["alias"])
            outputs.append(values.of(part, scope).named(name, naming.key(name)))
        for key, part in renamed.items():
            name = naming.column_name(part.args["alias"])
            found = [o for r, _ in fresh.open for o in r.behind_star(naming.column_name(_identifier(part.this)), key)]
            if len(found) == 1:
                outputs.append(found[0].named(name, naming.key(name)))
    fresh.outputs = outputs
    fresh.open = [(relation, keys | without) for relation, keys in fresh.open]


def _identifier(node: exp.Expr) -> exp.Expr:
    return node.this if isinstance(node, exp.Column) else node
