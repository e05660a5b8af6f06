"""Functions that stand in FROM: what turns arrays, maps and documents into rows."""

from sqlglot import exp

from governance.lineage.context import Context
from governance.lineage.paths import VALUE
from governance.lineage.relation import NONE, Output, Relation, elements

_POSITIONED = (exp.Posexplode,)


def rows_of(function: exp.Expr, argument: Output, columns: list[exp.Expr], context: Context) -> Relation:
    """The relation of a function in FROM, or of one in a select list that makes rows.

    `argument` is what its arguments come from, exact where it has one argument that is a plain column.
    """
    if isinstance(function, exp.Explode | exp.Posexplode) and context.naming.parser == "snowflake":
        return _flattened(argument, context)
    if isinstance(function, exp.Explode | exp.Posexplode):
        return _exploded(function, argument, columns, context)
    if isinstance(function, exp.Inline):
        return _inlined(argument, columns, context)
    computed = Output("", "", frozenset(r.computed() for r in argument.direct), argument.indirect)
    listed = [e.this for e in function.expressions if isinstance(e, exp.OpenJSONColumnDef)] or columns
    if listed:
        return _named(listed, [computed] * len(listed), context)
    return Relation(any_=computed)


def unnested(parts: list[Output], columns: list[exp.Expr], context: Context) -> Relation:
    """UNNEST: an array of rows gives a column for each field, a map two, any other array one."""
    items = [elements(p) for p in parts]
    fields = [_fields(p) for p in parts]
    natural = [o for n, i in enumerate(items) for o in (fields[n] or [i])]
    if not columns:
        return Relation(natural) if all(fields) else Relation(any_=natural[0] if len(natural) == 1 else None)
    if len(columns) == len(natural):
        return _named(columns, natural, context)
    if len(columns) == len(items):
        return _named(columns, items, context)
    if len(parts) == 1 and not fields[0]:
        # two columns of one map, or the fields of a row that is not known
        whole = Output("", "", frozenset(r.computed() for r in parts[0].direct), parts[0].indirect)
        return _named(columns, [whole] * len(columns), context)
    context.miss("columns_differ", "unnest", columns[0])
    return _named(columns, [Output("", "")] * len(columns), context)


def _flattened(argument: Output, context: Context) -> Relation:
    """Snowflake's FLATTEN, with its six columns."""
    whole = Output("", "", frozenset(r.computed() for r in argument.direct), argument.indirect)
    named = {
        "SEQ": Output("", ""),
        "KEY": whole,
        "PATH": whole,
        "INDEX": whole,
        "VALUE": elements(argument),
        "THIS": argument,
    }
    return Relation(o.named(name, context.naming.key(name)) for name, o in named.items())


def _exploded(function: exp.Expr, argument: Output, columns: list[exp.Expr], context: Context) -> Relation:
    computed = Output("", "", frozenset(r.computed() for r in argument.direct), argument.indirect)
    made = [Output("pos", "pos")] if isinstance(function, _POSITIONED) else []
    wanted = len(columns) - len(made)
    if wanted == 2:
        made += [computed, elements(argument, VALUE)]
    elif wanted == 1 or not columns:
        made.append(elements(argument).named("col", "col"))
    else:
        context.miss("columns_differ", "explode", columns[0])
        made += [computed] * max(wanted, 0)
    return _named(columns, made, context) if columns else Relation(made)


def _inlined(argument: Output, columns: list[exp.Expr], context: Context) -> Relation:
    fields = _fields(argument)
    if not fields:
        item = elements(argument)
        if not columns:
            return Relation(any_=item)
        whole = Output("", "", frozenset(r.computed() for r in argument.direct), argument.indirect)
        return _named(columns, [whole] * len(columns), context)
    return _named(columns, fields, context) if columns else Relation(fields)


def _fields(argument: Output) -> list[Output]:
    """The fields of the rows in an array, where they are known."""
    refs = list(elements(argument).direct)
    if len(refs) != 1:
        return []
    # the fields keep the order of the table
    return [Output(name, name.lower(), frozenset({ref}), argument.indirect) for name, ref in refs[0].fields()]


def _named(columns: list[exp.Expr], outputs: list[Output], context: Context) -> Relation:
    naming = context.naming
    names = [naming.column_name(c) for c in columns]
    if len(names) < len(outputs):
        names += [o.name for o in outputs[len(names) :]]
    padded = outputs + [Output("", "", NONE, NONE)] * (len(names) - len(outputs))
    return Relation(o.named(n, naming.key(n)) for n, o in zip(names, padded, strict=True))
