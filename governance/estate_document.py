"""The text of estate.yaml to plain values that know their line, and the error that lists all that is wrong.

No message holds a scalar of the file: a password in the wrong place must not reach a log.
"""

import re
from collections.abc import Sequence
from typing import Any, Final

import msgspec
import yaml

from governance.errors import ConfigurationError
from governance.text import is_clean

Path = tuple[str | int, ...]

MAX_TEXT: Final = 5_000_000
MAX_DEPTH: Final = 30
MAX_VALUES: Final = 1_000_000
"""After aliases are followed: nine short lines of aliases of aliases can stand for a billion values."""

_Loader = yaml.CSafeLoader if yaml.__with_libyaml__ else yaml.SafeLoader
_TAG: Final = "tag:yaml.org,2002:"
_AS_WRITTEN: Final = {_TAG + "str", _TAG + "timestamp", _TAG + "value"}
_RESOLVED: Final = {_TAG + "int", _TAG + "float", _TAG + "bool", _TAG + "null"}
_QUOTED = re.compile(r"(['\"])(.+?)\1")
_SHOWABLE = re.compile(r"[\w.-]{1,60}")


class Problem(msgspec.Struct, frozen=True):
    """One thing wrong in the file; `str()` is the line that a person reads."""

    file: str
    line: int
    path: str
    message: str
    remedy: str = ""

    def __str__(self) -> str:
        """`estate.yaml:7: sources[1].name: missing; add name: lake`."""
        what = "; ".join(part for part in (self.message, self.remedy) if part)
        return f"{self.file}:{self.line}: {self.path}: {what}" if self.path else f"{self.file}:{self.line}: {what}"


class EstateError(ConfigurationError):
    """All that is wrong in an estate file at once.

    Args:
        errors: the problems, at least one.
        sources: names of the sources with which nothing is wrong.
    """

    def __init__(self, errors: Sequence[Problem], sources: Sequence[str] = ()) -> None:
        self.errors = tuple(sorted(errors, key=lambda e: e.line))
        self.sources = tuple(sources)
        super().__init__("\n".join(map(str, self.errors)), platform="estate")


class Document:
    """The values of the file, its problems so far, and the line of every key.

    Args:
        text: the file's text.
        file: its name, for messages.

    Raises:
        EstateError: it is not YAML at all.
    """

    def __init__(self, text: str, file: str) -> None:
        self.file = file
        self.problems: list[Problem] = []
        self._lines: dict[Path, int] = {(): 1}
        self._done: dict[int, tuple[Any, int]] = {}
        self._busy: set[int] = set()
        self._check_text(text)
        try:
            self._check_depth(text)
            self._loader = _Loader(text)
            node = self._loader.get_single_node()
        except yaml.MarkedYAMLError as error:
            mark = error.problem_mark
            raise self._fatal(mark.line + 1 if mark else 1, *_syntax(error)) from None
        except yaml.reader.ReaderError as error:
            raise self._fatal(
                text.count("\n", 0, error.position) + 1, "not valid YAML: a control character", "remove it"
            ) from None
        value, size = (None, 0) if node is None else self._value(node, ())
        self.value: Any = value
        if size > MAX_VALUES:
            raise self._fatal(1, f"more than {MAX_VALUES:,} values once aliases are followed", "use fewer aliases")

    def add(self, path: Path, message: str, remedy: str = "") -> None:
        """Notes a problem with the value at this path, or with what should be there."""
        self.problems.append(Problem(self.file, self.line(path), label(path), message, remedy))

    def line(self, path: Path) -> int:
        """The line of this path, or of the nearest thing around it."""
        while path not in self._lines:
            path = path[:-1]
        return self._lines[path]

    def _fatal(self, line: int, message: str, remedy: str) -> EstateError:
        return EstateError([Problem(self.file, line, "", message, remedy)])

    def _check_text(self, text: str) -> None:
        if len(text) > MAX_TEXT:
            raise self._fatal(1, f"longer than {MAX_TEXT:,} characters", "split the estate over several installations")
        for number, line in enumerate([] if is_clean(text) else text.split("\n"), 1):
            if not is_clean(line):
                raise self._fatal(number, "not valid YAML: a NUL or a broken character", "save the file as UTF-8")

    def _check_depth(self, text: str) -> None:
        """Counts brackets before anything recursive sees them: PyYAML's C composer would end the process."""
        depth = 0
        for event in yaml.parse(text, Loader=_Loader):
            if isinstance(event, yaml.CollectionStartEvent):
                depth += 1
                if depth > MAX_DEPTH:
                    mark = event.start_mark
                    raise self._fatal(
                        mark.line + 1 if mark else 1, f"nested deeper than {MAX_DEPTH} levels", "flatten it"
                    )
            elif isinstance(event, yaml.CollectionEndEvent):
                depth -= 1

    def _value(self, node: yaml.Node, path: Path) -> tuple[Any, int]:
        """The node's value and how many values it stands for. An alias is converted once and shared."""
        if id(node) in self._busy:
            self.add(path, "an alias that contains itself", "write the value out")
            return None, 1
        if id(node) not in self._done:
            self._busy.add(id(node))
            self._done[id(node)] = self._converted(node, path)
            self._busy.discard(id(node))
        return self._done[id(node)]

    def _converted(self, node: yaml.Node, path: Path) -> tuple[Any, int]:
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, path)
        if isinstance(node, yaml.SequenceNode):
            items, total = [], 1
            for n, child in enumerate(node.value):
                self._lines[(*path, n)] = child.start_mark.line + 1
                value, size = self._value(child, (*path, n))
                items.append(value)
                total += size
            return items, total
        if node.tag in _AS_WRITTEN:
            return node.value, 1
        if node.tag in _RESOLVED:
            try:
                return self._loader.construct_object(node), 1
            except ValueError:
                pass
        self.add(path, "not a text, number, true, false or null", "put the value in quotes")
        return None, 1

    def _mapping(self, node: yaml.MappingNode, path: Path) -> tuple[dict[str, Any], int]:
        own: dict[str, Any] = {}
        merged: dict[str, Any] = {}
        total = 1
        for key, child in node.value:
            line = key.start_mark.line + 1
            if key.tag == _TAG + "merge":
                value, size = self._value(child, path)
                for part in reversed(value) if isinstance(value, list) else [value]:
                    if isinstance(part, dict):
                        merged |= part
                    else:
                        self.add(path, "only mappings can be merged", "write <<: *name of a mapping's anchor")
            elif not isinstance(key, yaml.ScalarNode):
                self.add(path, "a key that is not a text", "write key: value")
                continue
            else:
                here = (*path, key.value)
                if key.value in own:
                    first = self._lines[here]
                    self._lines[here] = line
                    self.add(here, f"this key stands here twice, first on line {first}", "keep one of them")
                self._lines[here] = line
                value, size = self._value(child, here)
                own[key.value] = value
            total += size
        return merged | own, total


def label(path: Path) -> str:
    """A path as a person reads it: `sources[1].connection.region`."""
    out = ""
    for part in path:
        if isinstance(part, int):
            out += f"[{part}]"
        else:
            shown = _SHOWABLE.match(part)
            out += f"{'.' if out else ''}{shown[0] if shown else '?'}"
    return out


def _syntax(error: yaml.MarkedYAMLError) -> tuple[str, str]:
    """What is wrong and what to do, without the words of the file that PyYAML would show."""
    problem = _QUOTED.sub(lambda m: m[0] if len(m[2]) == 1 or m[2][0] == "<" else "…", error.problem or "")
    if error.context_mark and error.problem_mark and error.context_mark.line != error.problem_mark.line:
        problem += f", in what begins on line {error.context_mark.line + 1}"
    if "alias" in problem:
        return f"not valid YAML: {problem}", "put a value that begins with * in quotes"
    if "cannot start any token" in problem:
        return f"not valid YAML: {problem}", "put the value in quotes, and indent with spaces"
    if "mapping values are not allowed" in problem:
        return f"not valid YAML: {problem}", "check the indentation, and put a value that holds a colon in quotes"
    if "single document" in (error.context or "") or "another document" in problem:
        return "not valid YAML: more than one document", "remove the line ---"
    return f"not valid YAML: {problem}", "check quotes, brackets and indentation around this line"
