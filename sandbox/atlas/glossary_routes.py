"""The glossary calls over HTTP, below any prefix."""

from collections.abc import Callable
from typing import Any

from starlette.routing import Route

from sandbox.atlas.engine import Engine
from sandbox.atlas.routes import Call, Query, Who, answer, route


def glossary_routes(engine: Engine, prefix: str, who: Who) -> list[Route]:
    """The routes of glossaries, categories, terms and their assignment below `prefix`/v2/glossary."""
    g = engine.glossary
    table: list[tuple[str, str, Call, str]] = [
        ("GET", "", lambda q: g.glossaries(), ""),
        ("POST", "", lambda q: g.create_glossary(q.body, q.caller.name), "create entity"),
        ("POST", "/category", lambda q: g.create_category(q.body, q.caller.name), "create entity"),
        ("POST", "/term", lambda q: g.create_term(q.body, q.caller.name), "create entity"),
        ("POST", "/terms", lambda q: [g.create_term(t, q.caller.name) for t in q.body], "create entity"),
        ("GET", "/terms/{guid}/assignedEntities", lambda q: g.assigned(q.path["guid"]), ""),
        (
            "POST",
            "/terms/{guid}/assignedEntities",
            lambda q: g.assign(q.path["guid"], q.body),
            "assign term",
        ),
        (
            "DELETE",
            "/terms/{guid}/assignedEntities",
            lambda q: g.unassign(q.path["guid"], q.body),
            "unassign term",
        ),
        ("GET", "/{guid}/terms", lambda q: g.terms(q.path["guid"]), ""),
        ("GET", "/{guid}/categories", lambda q: g.categories(q.path["guid"]), ""),
        *_of_kind("/category/{guid}", "AtlasGlossaryCategory", engine),
        *_of_kind("/term/{guid}", "AtlasGlossaryTerm", engine),
        *_of_kind("/{guid}", "AtlasGlossary", engine),
    ]
    return [
        route(method, f"{prefix}/v2/glossary{path}", answer(_locked(engine, call), who, act))
        for method, path, call, act in table
    ]


def _of_kind(path: str, type_name: str, engine: Engine) -> list[tuple[str, str, Call, str]]:
    g = engine.glossary
    return [
        ("GET", path, lambda q: g.shown(q.path["guid"], type_name), ""),
        ("PUT", path, lambda q: g.update(q.path["guid"], q.body, q.caller.name), "update entity"),
        ("DELETE", path, lambda q: g.delete(q.path["guid"]), "delete entity"),
    ]


def _locked(engine: Engine, call: Callable[[Query], Any]) -> Call:
    def locked(q: Query) -> Any:
        with engine.lock:
            return call(q)

    return locked
