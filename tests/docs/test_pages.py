"""The pages are true: links resolve, examples parse, commands exist, every field and grant of the code is there."""

import json
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

from governance.estate import load_estate
from governance_pipelines.cli import app
from governance_pipelines.platforms import connection_checks, resource_classes
from resources.source import SourceResource
from tests.docs.pages import ROOT, Page, pages

TITLES = {
    "glue": "AWS Glue",
    "snowflake": "Snowflake",
    "databricks": "Databricks Unity Catalog",
    "atlas": "Apache Atlas",
    "purview": "Microsoft Purview",
}
PICTURES = "docs/images"
OF_A_MACHINE = re.compile(r"(?<![\w./])/(?:root|home/\w|Users/\w)")

every_page = pytest.mark.parametrize("page", pages(), ids=lambda p: p.name)


@every_page
def test_links_lead_somewhere(page: Page) -> None:
    here = (ROOT / page.name).parent
    dead = []
    for picture, target in page.links():
        path, _, anchor = target.partition("#")
        file = (here / path).resolve() if path else ROOT / page.name
        if picture and file.is_relative_to(ROOT / PICTURES):
            continue
        known = file.suffix != ".md" or not anchor or anchor in Page(str(file.relative_to(ROOT))).anchors()
        if not file.exists() or not known:
            dead.append(target)
    assert dead == []


def test_pictures_are_there() -> None:
    if not (ROOT / PICTURES).exists():
        pytest.skip(f"{PICTURES} is not there yet: its pictures are taken from the running web UI")
    wanted = [(ROOT / page.name).parent / target for page in pages() for picture, target in page.links() if picture]
    assert [str(p) for p in wanted if not p.exists()] == []


@every_page
def test_no_path_of_a_machine(page: Page) -> None:
    mine = [str(ROOT), *({str(Path.home())} - {"/"})]
    lines = page.text.splitlines()
    assert [line for line in lines if OF_A_MACHINE.search(line) or any(m in line for m in mine)] == []


@every_page
def test_estates_can_be_loaded(page: Page) -> None:
    for text in page.blocks("yaml"):
        if "sources:" in text:
            assert load_estate(text, file=page.name, platforms=connection_checks()).sources


@every_page
def test_json_is_json(page: Page) -> None:
    for text in page.blocks("json"):
        json.loads(text)


def test_the_examples_cover_every_platform() -> None:
    texts = [text for text in Page("docs/estate.md").blocks("yaml") if "sources:" in text]
    loaded = [load_estate(t, file="docs/estate.md", platforms=connection_checks()) for t in texts]
    assert {s.platform for estate in loaded for s in estate.sources} == set(resource_classes())


# --- the fields of a connection ---


def shown(field: Any) -> str:
    """A default as the page writes it."""
    if field.is_required():
        return "required"
    if field.default in (None, "", []):
        return ""
    return f"`{str(field.default).lower() if isinstance(field.default, bool) else field.default}`"


def rows_of(of: type[SourceResource], leave_out: set[str]) -> list[tuple[str, ...]]:
    return [
        (f"`{name}`", str(field.description), shown(field))
        for name, field in of.model_fields.items()
        if name not in leave_out
    ]


def written(title: str) -> list[tuple[str, ...]]:
    """The rows of the field table; an empty default may have lost its cell."""
    return [(*row, "", "")[:3] for row in Page("docs/estate.md").rows(title)]


@pytest.mark.parametrize("platform", sorted(resource_classes()))
def test_every_connection_field_is_described(platform: str) -> None:
    """Where it fails, the expected rows are what the page must say."""
    common = set(SourceResource.model_fields)
    assert written(TITLES[platform]) == rows_of(resource_classes()[platform], common)


def test_the_common_fields_are_described() -> None:
    assert written("Every connection") == rows_of(SourceResource, {"source"})


# --- grants ---


def test_every_aws_call_has_its_permission() -> None:
    code = "\n".join(p.read_text(encoding="utf-8") for p in (ROOT / "resources" / "glue").glob("*.py"))
    called = set(re.findall(r'"(glue:[A-Z]\w+|lakeformation:[A-Z]\w+)"', code))
    assert {"glue:GetTables", "lakeformation:SearchTablesByLFTags"} <= called
    policy = json.loads(Page("docs/estate.md").blocks("json")[0])
    allowed = {action for statement in policy["Statement"] for action in statement["Action"]}
    assert called - allowed == set()


def test_every_snowflake_grant_that_doctor_names_is_there() -> None:
    from resources.snowflake.client_probe import usage_grants
    from resources.snowflake.client_scope import tag_grants

    text = Page("docs/estate.md").section(TITLES["snowflake"])
    named = [*usage_grants("SALES", "R").split("; "), tag_grants("R").split(";")[0]]
    given = [grant.partition(" TO ROLE ")[0] for grant in named]
    assert len(given) == 5
    assert [grant for grant in given if grant not in text] == []


# --- commands ---


def commands(group: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from commands(command, (*path, name))
        else:
            yield (*path, name)


def test_readme_names_every_command() -> None:
    known = {" ".join(("governance", *path)) for path in commands(typer.main.get_command(app))}
    assert {"governance up", "governance sandbox estate"} <= known
    text = Page("README.md").section("Commands")
    assert sorted(name for name in known if not re.search(rf"`{name}[ `\[]", text)) == []


def lines_of_commands(page: Page) -> Iterator[str]:
    """Each `governance …` line of a shell block or an indented one, without its remark."""
    shell = [line for block in page.blocks("sh") for line in block.splitlines()]
    for line in [*shell, *re.findall(r"^    (governance .*)$", page.prose, re.MULTILINE)]:
        if line.startswith("governance "):
            yield line.split(" #")[0].strip()


@every_page
def test_commands_parse(page: Page) -> None:
    for line in lines_of_commands(page):
        command: Any = typer.main.get_command(app)
        words = shlex.split(line)[1:]
        while hasattr(command, "commands"):
            assert words and words[0] in command.commands, line
            command = command.commands[words.pop(0)]
        command.make_context("governance", words)


def test_make_targets_exist() -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    named = {
        name for page in pages() for name in re.findall(r"`make (\w+)`|^(?: {4})?make (\w+)", page.text, re.MULTILINE)
    }
    used = {word for pair in named for word in pair if word}
    assert "run" in used
    assert used - targets == set()


# --- variables ---


def test_every_variable_of_the_installation_is_described() -> None:
    from governance_pipelines import bindings

    text = Page("docs/settings.md").text
    names = (bindings.ESTATE, bindings.DATABASE_URL, bindings.HOME, bindings.DAGSTER_HOME, bindings.SERVICE_OF)
    assert [name for name in names if f"`{name}`" not in text] == []


def test_no_page_names_a_setting_that_is_none() -> None:
    from governance.settings import Settings

    known = {
        f"GOVERNANCE_{section}__{name}".upper()
        for section, of in Settings.model_fields.items()
        for name in getattr(of.annotation, "model_fields", {})
    }
    used = {name for page in pages() for name in re.findall(r"GOVERNANCE_[A-Z]+__[A-Z_]*[A-Z]", page.text)}
    assert used
    assert used - known == set()
