"""Native type text to a typed tree, one pass over the text with a stack of open brackets.

Understood: `array<…>` and `array(…)` (also `list`), `map`, `struct<a:int>` and `struct<a int>` (also `row`, `record`,
`object`), backticked and double-quoted names, `NOT NULL`, `COLLATE` and `COMMENT 'x'` after a type. A word that is not
known makes that part unknown; brackets that do not fit make the whole unknown.
"""

import re
from typing import Final

import msgspec

from governance.type_tree import Array, Field, Map, Struct, Type, Unknown
from governance.type_words import word

MAX_DEPTH: Final = 250
"""Nested brackets; records of 200 levels are seen in the wild, more is taken for an accident."""

MAX_TEXT: Final = 400_000
"""Characters of one type; Glue allows 131,072."""

# strings and quoted names run to the end of the text where they are not closed, so that no scan is done twice
_STRING = r"""'(?:[^'\\]|\\.?|'')*+(?:'|\Z)|"(?:[^"\\]|\\.?|"")*+(?:"|\Z)"""
_HEAD = re.compile(r"\s*(array|list|map|struct|row|record|object)\s*([<(])", re.IGNORECASE)
_STOP = re.compile(rf"[<>(),]|`(?:[^`]|``)*+(?:`|\Z)|{_STRING}", re.DOTALL)
_CLAUSES = re.compile(r"(?<!\s)\s++(?=(?:not\s+null|null|comment|collate)\b)", re.IGNORECASE)
_CLAUSE = re.compile(
    rf"\s*(?:(?P<not>not\s+)?(?P<null>null)\b|collate\s+(?:{_STRING}|[\w-]+)|comment\s*(?P<comment>{_STRING}))",
    re.IGNORECASE | re.DOTALL,
)
_QUOTED_NAME = re.compile(r"""\s*(?:`((?:[^`]|``)*+)`|"((?:[^"]|"")*+)")\s*:?""", re.DOTALL)
_COLON_NAME = re.compile(r"([^:,<>'\"`]*+):")
_BARE_NAME = re.compile(r"\s*([^\s:,<>()'\"`]++)(?:\s*:|\s+(?=[^\s,)>]))")
_END = re.compile(r"\s*([>)])")
_ESCAPE = re.compile(r"\\(.)|''|\"\"", re.DOTALL)
_KINDS: Final = {"list": "array", "row": "struct", "record": "struct", "object": "struct"}


class _Misfit(Exception):
    """Brackets, names or separators that do not fit together."""


class _Open(msgspec.Struct):
    """A bracket that is not closed yet. `name` is that of the struct field whose type comes next."""

    kind: str
    closer: str
    start: int
    parts: list[Field]
    name: str = ""


def parse_field(text: str, dialect: str) -> Field:
    """The type of `text` as a field without a name. Never raises; linear in the length of the text.

    Args:
        text: as the platform wrote it.
        dialect: a value of `type_words.DIALECTS` or empty.
    """
    try:
        if len(text) <= MAX_TEXT:
            return _Parser(text, dialect).run()
    except _Misfit:
        pass
    return Field("", Unknown(text), text)


class _Parser:
    def __init__(self, text: str, dialect: str) -> None:
        self.text = text
        self.dialect = dialect
        self.at = 0
        self.open: list[_Open] = []

    def run(self) -> Field:
        """The whole text as one field.

        Raises:
            _Misfit: it is not one type.
        """
        while True:
            head = _HEAD.match(self.text, self.at)
            done = self._plain() if head is None else self._push(head)
            while done is not None:
                if not self.open:
                    if self.at < len(self.text):
                        raise _Misfit
                    return done
                done = self._deliver(done)

    def _push(self, head: re.Match[str]) -> Field | None:
        """Goes into a bracket; a struct without fields is complete at once."""
        if len(self.open) >= MAX_DEPTH:
            raise _Misfit
        kind, closer = head[1].lower(), ">" if head[2] == "<" else ")"
        self.open.append(_Open(_KINDS.get(kind, kind), closer, head.start(1), []))
        self.at = head.end()
        if self.open[-1].kind != "struct":
            return None
        if (end := _END.match(self.text, self.at)) and end[1] == closer:
            self.at = end.end()
            return self._close()
        self._name()
        return None

    def _name(self) -> None:
        """Reads the name of the next field.

        Raises:
            _Misfit: there is none.
        """
        top = self.open[-1]
        if found := _QUOTED_NAME.match(self.text, self.at):
            top.name = found[1].replace("``", "`") if found[1] is not None else found[2].replace('""', '"')
        elif found := (_COLON_NAME.match(self.text, self.at) if top.closer == ">" else None):
            top.name = found[1].strip()
        elif (found := _BARE_NAME.match(self.text, self.at)) and found[1] != "...":
            # Spark cuts wide types (`struct<a:int,... 23 more fields>`): half a type would look like dropped columns
            top.name = found[1]
        else:
            raise _Misfit
        self.at = found.end()

    def _plain(self) -> Field:
        """Reads a type without parts, up to the comma or bracket that ends it."""
        raw = self._until_separator()
        clauses = _CLAUSES.search(raw)
        native = (raw if clauses is None else raw[: clauses.start()]).strip()
        return self._with_clauses(word(native, self.dialect), native, "" if clauses is None else raw[clauses.end() :])

    def _close(self) -> Field:
        """Builds the innermost open bracket, whose closer was just read."""
        top = self.open.pop()
        native = self.text[top.start : self.at]
        types = [part.type for part in top.parts]
        node: Type
        if top.kind == "struct":
            node = Struct(tuple(top.parts))
        elif top.kind == "array" and len(types) == 1:
            node = Array(types[0])
        elif top.kind == "map" and len(types) == 2:
            node = Map(types[0], types[1])
        else:
            node = Unknown(native)
        return self._with_clauses(node, native, self._until_separator())

    def _deliver(self, done: Field) -> Field | None:
        """Gives a type to the bracket around it; that bracket as a field where it is closed by this.

        Raises:
            _Misfit: neither a comma nor the right closer follows.
        """
        top = self.open[-1]
        top.parts.append(Field(top.name, done.type, done.native, done.nullable, done.comment))
        separator = self.text[self.at : self.at + 1]
        self.at += 1
        if separator == ",":
            if top.kind == "struct":
                self._name()
            return None
        if separator != top.closer:
            raise _Misfit
        return self._close()

    def _until_separator(self) -> str:
        """The text up to the next comma or closer that belongs to the bracket around it."""
        start, depth = self.at, 0
        self.at = len(self.text)
        for stop in _STOP.finditer(self.text, start):
            mark = stop[0]
            if depth == 0 and mark in ",>)":
                self.at = stop.start()
                break
            depth += (mark in "<(") - (mark in ">)")
        return self.text[start : self.at]

    @staticmethod
    def _with_clauses(node: Type, native: str, clauses: str) -> Field:
        nullable: bool | None = None
        comment: str | None = None
        at = 0
        while at < len(clauses) and (found := _CLAUSE.match(clauses, at)):
            at = found.end()
            if found["null"]:
                nullable = found["not"] is None
            elif found["comment"]:
                comment = _ESCAPE.sub(lambda m: m[1] or m[0][0], found["comment"][1:-1])
        if clauses[at:].strip():
            return Field("", Unknown(native), native)
        return Field("", node, native, nullable, comment)
