"""Lineage from SQL text, down to columns: what a view or a writing query reads, without asking any platform."""

from governance.lineage.context import Context, Overflow, Schema
from governance.lineage.edges import CODES, SqlLineage, Unresolved
from governance.lineage.names import DIALECTS
from governance.lineage.statements import Statements
from governance.lineage.text import FAULTS, Limits, presto_view, statements
from governance.lineage.writes import Process, Writer

_DEFAULTS = Limits()


def view_lineage(
    text: str,
    dialect: str,
    default_catalog: str = "",
    default_schema: str = "",
    target: str = "",
    schema: Schema | None = None,
    *,
    process: str = "",
    process_kind: str = "view",
    origin: str = "view_text",
    indirect: bool = True,
    limits: Limits = _DEFAULTS,
) -> SqlLineage:
    """The edges that a text defines, and what in it could not be followed. Never raises for any text.

    Args:
        text: CREATE … AS, a bare query, INSERT, MERGE, UPDATE; several statements; or Athena's `/* Presto View: … */`,
            whose own catalog, schema and column names then hold.
        dialect: a key of `governance.lineage.names.DIALECTS`.
        default_catalog: what names of two parts are in; empty where the platform's names have two parts.
        default_schema: what names of one part are in.
        target: the qualified name of what the text defines; wins over the name in CREATE, which a rename leaves behind.
        schema: from a qualified name to its column paths (as in `Column.path`, nested ones included) in order, or to a
            `Table`, which may also correct the spelling of the name; None where it is not known. Asked once a name.
        process: the name on the edges; default: the edge's downstream.
        process_kind: `view`, `query` …
        origin: which facility told us.
        indirect: whether to add the edges of filters, joins, groupings, windows and conditions.
        limits: bounds of size; beyond them nothing is read and `too_large` says so.
    """
    naming = DIALECTS.get(dialect.lower())
    if naming is None:
        return SqlLineage((), (Unresolved("unknown_dialect", CODES["unknown_dialect"], dialect[:200]),))
    columns: list[str] = []
    try:
        stored = presto_view(text)
    except ValueError:
        return SqlLineage((), (Unresolved("not_a_text", CODES["not_a_text"]),))
    if stored is not None:
        naming = DIALECTS["presto"]
        text, columns = stored.sql, list(stored.columns)
        default_schema = stored.schema or default_schema
        if stored.catalog.lower() not in naming.own_catalogs:
            default_catalog = stored.catalog or default_catalog
    context = Context(naming, default_catalog, default_schema, schema, limits.work)
    writer = Writer(context, Process(process or target, process_kind, origin), indirect=indirect)
    own = context.named_base(target) if target else None
    follower = Statements(context, writer, own, columns)
    for statement in statements(text, context, limits):
        try:
            follower.follow(statement)
        except Overflow:
            context.miss("too_large", f"more than {limits.work} steps")
        except RecursionError:
            context.miss("too_deep")
        except FAULTS:
            context.miss("not_followed", statement.expression.key)
    return SqlLineage(writer.sorted(), tuple(context.unresolved))
