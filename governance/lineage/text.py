"""From a view's text to parsed statements: Athena's coding, size limits, and heads of statements that are not known."""

import base64
import binascii
import contextvars
import json
import logging
import re
from typing import Any, NamedTuple

import msgspec
from sqlglot import exp
from sqlglot.dialects.dialect import Dialect
from sqlglot.errors import ParseError, SqlglotError
from sqlglot.tokenizer_core import Token, TokenType

from governance.lineage.context import Context

# everything a parser that is given odd text has been seen to raise, and may raise
FAULTS = (
    SqlglotError,
    ArithmeticError,
    AssertionError,
    AttributeError,
    LookupError,
    RecursionError,
    TypeError,
    ValueError,
)
_PRESTO = re.compile(r"\s*/\*\s*Presto View:\s*(.*?)\s*\*/\s*\Z", re.DOTALL)
_QUERY_STARTS = (TokenType.SELECT, TokenType.WITH, TokenType.L_PAREN, TokenType.VALUES, TokenType.FROM)
_NAMED_AFTER = ("VIEW", "TABLE", "EXISTS")
_quiet: contextvars.ContextVar[bool] = contextvars.ContextVar("lineage_quiet", default=False)


class _NoTextInLogs(logging.Filter):
    """While lineage is read, sqlglot's warnings stay out of the log: they quote the text, and we report by reason."""

    def filter(self, record: logging.LogRecord) -> bool:
        return not _quiet.get()


logging.getLogger("sqlglot").addFilter(_NoTextInLogs())


class Limits(msgspec.Struct, frozen=True):
    """Bounds of one text. Work is linear in them: at the defaults the slowest text takes some seconds."""

    characters: int = 1_000_000
    tokens: int = 200_000
    work: int = 2_000_000


class PrestoView(msgspec.Struct, frozen=True):
    """What Athena stores for a view."""

    sql: str
    catalog: str
    schema: str
    columns: tuple[str, ...]


class Statement(NamedTuple):
    """A parsed statement; `columns` are those its head names, where only its query could be parsed."""

    expression: exp.Expr
    columns: tuple[exp.Expr, ...] = ()
    body_only: bool = False


def presto_view(text: str) -> PrestoView | None:
    """The view in a comment `/* Presto View: … */`; None for other text.

    Raises:
        ValueError: it is such a comment, and what it holds is no view.
    """
    match = _PRESTO.match(text)
    if match is None:
        return None
    try:
        told: Any = json.loads(base64.b64decode("".join(match.group(1).split()), validate=True))
    except (binascii.Error, RecursionError) as error:
        raise ValueError("no base64 or JSON") from error
    if not isinstance(told, dict) or not isinstance(told.get("originalSql"), str):
        raise ValueError("no originalSql")
    columns = told.get("columns")
    names = [c.get("name") for c in columns if isinstance(c, dict)] if isinstance(columns, list) else []
    return PrestoView(
        told["originalSql"],
        str(told.get("catalog") or ""),
        str(told.get("schema") or ""),
        tuple(n for n in names if isinstance(n, str)),
    )


def statements(text: str, context: Context, limits: Limits) -> list[Statement]:
    """The statements that could be parsed; what could not is recorded."""
    if len(text) > limits.characters:
        context.miss("too_large", f"{len(text)} characters")
        return []
    token = _quiet.set(True)
    try:
        return _parsed(text, context, limits)
    except RecursionError:
        context.miss("too_deep")
    except FAULTS as error:
        _unparsable(error, context)
    finally:
        _quiet.reset(token)
    return []


def _parsed(text: str, context: Context, limits: Limits) -> list[Statement]:
    dialect = Dialect.get_or_raise(context.naming.parser)
    tokens = dialect.tokenize(text)
    if len(tokens) > limits.tokens:
        context.miss("too_large", f"{len(tokens)} tokens")
        return []
    try:
        found = [e for e in dialect.parser().parse(tokens, text) if e is not None]
    except RecursionError:
        raise
    except FAULTS as error:
        body = _body(text, tokens, dialect, context)
        if body is None:
            _unparsable(error, context)
        return [body] if body else []
    if len(found) == 1 and isinstance(found[0], exp.Command):
        body = _body(text, tokens, dialect, context)
        if body is not None:
            return [body]
    if not found:
        context.miss("unparsable", "no statement")
    return [Statement(e) for e in found]


def _body(text: str, tokens: list[Token], dialect: Dialect, context: Context) -> Statement | None:
    """The query after AS of a CREATE whose head is not understood, with the column names of its head."""
    if not tokens or tokens[0].text.upper() != "CREATE":
        return None
    depth = 0
    for n, token in enumerate(tokens[:-1]):
        depth += (token.token_type == TokenType.L_PAREN) - (token.token_type == TokenType.R_PAREN)
        if depth == 0 and token.token_type == TokenType.ALIAS and tokens[n + 1].token_type in _QUERY_STARTS:
            try:
                found = [e for e in dialect.parser().parse(tokens[n + 1 :], text) if e is not None]
            except RecursionError:
                raise
            except FAULTS:
                continue
            if len(found) == 1 and isinstance(found[0], exp.Query):
                context.miss("body_only")
                return Statement(found[0], tuple(_head_columns(tokens[:n])), body_only=True)
    return None


def _head_columns(head: list[Token]) -> list[exp.Expr]:
    """The names in `CREATE … VIEW name (a, b COMMENT 'x', …)`."""
    start = next((n for n, t in enumerate(head) if t.token_type == TokenType.L_PAREN), 0)
    name = start - 1
    while name > 1 and head[name - 1].token_type == TokenType.DOT:
        name -= 2
    if start == 0 or head[name - 1].text.upper() not in _NAMED_AFTER:
        return []
    out: list[exp.Expr] = []
    depth, first = 0, True
    for token in head[start:]:
        depth += (token.token_type == TokenType.L_PAREN) - (token.token_type == TokenType.R_PAREN)
        if depth == 0:
            break
        if first and token.token_type != TokenType.L_PAREN:
            out.append(exp.to_identifier(token.text, quoted=token.token_type == TokenType.IDENTIFIER))
            first = False
        if depth == 1 and token.token_type == TokenType.COMMA:
            first = True
    return out


def _unparsable(error: BaseException, context: Context) -> None:
    place = error.errors[0] if isinstance(error, ParseError) and error.errors else {}
    context.miss_at("unparsable", int(place.get("line") or 0), int(place.get("col") or 0))
