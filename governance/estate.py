"""`estate.yaml`: the sources that one installation governs, checked as a whole before anything is opened.

Every problem of the file is reported at once, each with its line, the path of the field and what to write instead.
"""

import datetime as dt
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

from cronsim import CronSim, CronSimError

from governance.estate_connection import ConnectionCheck, FieldError, FieldSpec, connection_errors, nearest, unknown_key
from governance.estate_document import Document, EstateError, Path, Problem
from governance.filters import NameFilter

__all__ = [
    "ConnectionCheck",
    "Estate",
    "EstateError",
    "FieldError",
    "FieldSpec",
    "Problem",
    "Source",
    "connection_errors",
    "load_estate",
]

VERSION: Final = 1
_KEYS: Final = ("version", "sources")
_SOURCE_KEYS: Final = ("name", "platform", "connection", "include", "exclude", "schedule")
_REQUIRED: Final = {"name": "name: lake", "platform": "platform: glue", "connection": "connection: {…}"}
_NAME = re.compile(r"[a-z][a-z0-9_]{0,62}")


@dataclass(frozen=True)
class Source:
    """One source. `schedule` is a cron expression in UTC, None where it is synced by hand or by sensor only."""

    name: str
    platform: str
    connection: Mapping[str, Any]
    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    schedule: str | None = None

    @cached_property
    def names(self) -> NameFilter:
        """Which qualified names of the source are governed."""
        return NameFilter(self.include, self.exclude)


@dataclass(frozen=True)
class Estate:
    """All sources, in the order of the file."""

    sources: tuple[Source, ...]

    def source(self, name: str) -> Source | None:
        """The source of this name."""
        return next((s for s in self.sources if s.name == name), None)


def load_estate(text: str, *, file: str, platforms: Mapping[str, ConnectionCheck]) -> Estate:
    """The estate that this text declares.

    Args:
        text: of the YAML file.
        file: how messages call it.
        platforms: for every platform word, what checks a connection of it.

    Raises:
        EstateError: with all that is wrong.
    """
    document = Document(text, file)
    entries = _entries(document)
    sources: list[Source] = []
    taken: dict[str, int] = {}
    for n, entry in enumerate(entries):
        before = len(document.problems)
        source = _source(document, n, entry, platforms)
        _claim_name(document, n, entry, taken)
        broken = any(p.path.startswith(f"sources[{n}]") for p in document.problems[:before])
        if source is not None and len(document.problems) == before and not broken:
            sources.append(source)
    if document.problems:
        raise EstateError(document.problems, [s.name for s in sources])
    return Estate(tuple(sources))


def _entries(document: Document) -> Sequence[Any]:
    """The list under `sources`, after a look at what is around it."""
    top = document.value
    if top is None:
        document.add((), "the file is empty", f"write version: {VERSION} and a list of sources")
        return ()
    if not isinstance(top, dict):
        document.add((), "the file must be a mapping", f"begin it with version: {VERSION}")
        return ()
    _unknown_keys(document, (), top, _KEYS)
    version = top.get("version")
    if version is None:
        document.add(("version",), "missing", f"write version: {VERSION}")
    elif type(version) is not int or version != VERSION:
        document.add(("version",), "this release does not read that version", f"write version: {VERSION}")
    entries = top.get("sources")
    if entries is None:
        document.add(("sources",), "missing", "write sources: and below it a list, one entry for each source")
    elif not isinstance(entries, list):
        document.add(("sources",), "must be a list", "begin each source with - name:")
    elif not entries:
        document.add(("sources",), "no source is declared", "add one, beginning with - name:")
    return entries if isinstance(entries, list) else ()


def _source(document: Document, n: int, entry: object, platforms: Mapping[str, ConnectionCheck]) -> Source | None:
    """The source of one entry; what is wrong with it is noted in the document."""
    at: Path = ("sources", n)
    if not isinstance(entry, dict):
        document.add(at, "must be a mapping", "begin it with - name:")
        return None
    _unknown_keys(document, at, entry, _SOURCE_KEYS)
    for key, example in _REQUIRED.items():
        if entry.get(key) is None and not (key == "connection" and key in entry):
            document.add((*at, key), "missing", f"add {example}")
    name, platform = entry.get("name"), entry.get("platform")
    if name is not None and not (isinstance(name, str) and _NAME.fullmatch(name)):
        document.add((*at, "name"), "not a lower_snake name of at most 63 characters", _renamed(name))
    check = _check_of(document, (*at, "platform"), platform, platforms)
    connection = entry.get("connection")
    return Source(
        name=str(name),
        platform=str(platform),
        connection=_connection(document, (*at, "connection"), {} if connection is None else connection, check),
        include=_globs(document, (*at, "include"), entry.get("include")),
        exclude=_globs(document, (*at, "exclude"), entry.get("exclude")),
        schedule=_schedule(document, (*at, "schedule"), entry.get("schedule")),
    )


def _claim_name(document: Document, n: int, entry: object, taken: dict[str, int]) -> None:
    name = entry.get("name") if isinstance(entry, dict) else None
    if not isinstance(name, str):
        return
    if name in taken:
        first = taken[name]
        line = document.line(("sources", first, "name"))
        document.add(
            ("sources", n, "name"), f"the name of sources[{first}] on line {line} again", "give each source its own"
        )
    taken.setdefault(name, n)


def _unknown_keys(document: Document, at: Path, entry: Mapping[str, Any], known: Sequence[str]) -> None:
    for key, value in entry.items():
        if key not in known:
            error = unknown_key(key, value, known)
            document.add((*at, *error.path), error.message, error.remedy)


def _check_of(
    document: Document, at: Path, platform: object, platforms: Mapping[str, ConnectionCheck]
) -> ConnectionCheck | None:
    if platform is None:
        return None
    if isinstance(platform, str) and platform in platforms:
        return platforms[platform]
    known = ", ".join(sorted(platforms))
    guess = nearest(platform, platforms) if isinstance(platform, str) else ""
    document.add(at, "unknown platform", f"{guess} known: {known}" if guess.endswith("?") else f"known: {known}")
    return None


def _connection(document: Document, at: Path, connection: object, check: ConnectionCheck | None) -> Mapping[str, Any]:
    if not isinstance(connection, dict):
        document.add(at, "must be a mapping", "write connection: {key: value}, with a space after each colon")
        return {}
    for error in check(connection) if check is not None else ():
        document.add((*at, *error.path), error.message, error.remedy)
    return dict(connection)


def _globs(document: Document, at: Path, value: object) -> tuple[str, ...]:
    if value is None:
        return ()
    if not isinstance(value, list):
        document.add(at, "must be a list of globs", f'write {at[-1]}: ["sales.*"]')
        return ()
    for n, item in enumerate(value):
        if not isinstance(item, str) or not item:
            document.add((*at, n), "must be a text", 'put the glob in quotes, such as "sales.*"')
    return tuple(item for item in value if isinstance(item, str))


def _schedule(document: Document, at: Path, value: object) -> str | None:
    if value is None:
        return None
    why = _cron_fault(value) if isinstance(value, str) else "not a text"
    if why:
        document.add(
            at, f"not a cron expression: {why}", 'write five fields in quotes, such as "0 * * * *" (hourly, UTC)'
        )
    return str(value)


def _cron_fault(text: str) -> str:
    """Why this is no cron expression that both cronsim and Dagster's scheduler read; empty where it is one."""
    if len(text.split()) != 5:
        return "wrong number of fields"
    if re.search(r"\dL|LW", text.upper()):
        return "L stands alone"
    try:
        next(CronSim(text, dt.datetime(2024, 1, 1, tzinfo=dt.UTC)))
    except CronSimError as error:
        return str(error).lower()
    except StopIteration:
        return "no such day exists"
    return ""


def _renamed(name: object) -> str:
    slug = re.sub(r"[^a-z0-9]+", "_", str(name).lower()).strip("_")[:63]
    return f"write name: {slug}" if _NAME.fullmatch(slug) else "begin with a letter, such as name: lake"
