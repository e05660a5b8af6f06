"""The house keeps its own rules: layers, sizes, names, broad handlers, nothing left for later."""

import ast
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("governance", "resources", "assets", "governance_pipelines", "sandbox")
LONGEST_FILE, LONGEST_FUNCTION = 500, 70
PLATFORM_FILES = re.compile(r"__init__|client(_\w+)?|translate(_\w+)?|resource|access|lineage|usage")
BROAD_HANDLERS = {"assets/integrations/boundary.py"}
"""The run step. The sensor tick needs none: it catches our own errors by type."""
SECTIONS = ("utils", "helpers", "common", "manager", "misc")


def sources() -> Iterator[Path]:
    for package in PACKAGES:
        yield from (p for p in (ROOT / package).rglob("*.py") if "__pycache__" not in p.parts)


def trees() -> Iterator[tuple[str, ast.Module]]:
    for path in sources():
        yield path.relative_to(ROOT).as_posix(), ast.parse(path.read_text(encoding="utf-8"))


def test_the_generic_import_names_are_this_checkouts() -> None:
    import assets
    import resources

    assert Path(assets.__file__ or "").parent == ROOT / "assets"
    assert Path(resources.__file__ or "").parent == ROOT / "resources"


def test_no_file_is_too_long() -> None:
    files = [*sources(), *(ROOT / "tests").rglob("*.py"), *(ROOT / "bench").rglob("*.py")]
    long = {p.relative_to(ROOT).as_posix(): n for p in files if (n := len(p.read_text().splitlines())) > LONGEST_FILE}
    assert long == {}


def test_no_function_is_too_long() -> None:
    long = {
        f"{name}:{node.name}": length
        for name, tree in trees()
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and (length := (node.end_lineno or 0) - node.lineno + 1) > LONGEST_FUNCTION
    }
    assert long == {}


def test_every_module_says_what_it_holds() -> None:
    silent = [name for name, tree in trees() if not ast.get_docstring(tree) and tree.body]
    assert silent == []


def test_no_vague_names() -> None:
    vague = [
        p for p in sources() if any(part.removesuffix(".py") in SECTIONS or part.endswith("_v2.py") for part in p.parts)
    ]
    assert vague == []


def test_nothing_is_left_for_later() -> None:
    marks = re.compile(r"\b(TODO|FIXME|XXX|HACK)\b|NotImplementedError\(\s*\)|pragma: no cover")
    found = [
        f"{p.relative_to(ROOT)}:{n}"
        for p in sources()
        for n, line in enumerate(p.read_text(encoding="utf-8").splitlines(), 1)
        if marks.search(line)
    ]
    assert found == []


def test_broad_handlers_stand_only_at_the_boundaries() -> None:
    broad = {
        name
        for name, tree in trees()
        for node in ast.walk(tree)
        if isinstance(node, ast.ExceptHandler)
        and (node.type is None or (isinstance(node.type, ast.Name) and node.type.id in {"Exception", "BaseException"}))
    }
    assert broad <= BROAD_HANDLERS


def test_dagster_is_used_through_its_public_face() -> None:
    private = [
        name
        for name, tree in trees()
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith(("dagster._", "__future__"))
    ]
    assert private == []


def test_every_platform_folder_has_the_same_file_names() -> None:
    platforms = [p.parent for p in (ROOT / "resources").glob("*/resource.py") if p.parent.name != "inventory"]
    assert len(platforms) == 5
    odd = [f for folder in platforms for f in folder.glob("*.py") if not PLATFORM_FILES.fullmatch(f.stem)]
    assert odd == []
    for folder in platforms:
        assert (ROOT / "assets" / "integrations" / f"{folder.name}.py").exists()
        assert (ROOT / "sandbox" / folder.name / "face.py").exists()


def test_the_environment_is_named_in_one_file_only() -> None:
    allowed = {"governance_pipelines/bindings.py", "resources/secret.py", "assets/quality/expectations.py"}
    readers = {
        name
        for name, tree in trees()
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute)
        and node.attr in {"environ", "getenv"}
        and isinstance(node.value, ast.Name)
        and node.value.id == "os"
        and not name.startswith("sandbox/")
    }
    assert readers <= allowed


def test_layers_hold() -> None:
    tool = Path(sys.executable).parent / "lint-imports"
    if not tool.exists() and shutil.which("lint-imports") is None:
        pytest.fail("import-linter is missing: install the dev extra")
    out = subprocess.run([str(tool), "--no-cache"], cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert out.returncode == 0, out.stdout + out.stderr


@pytest.mark.parametrize("command", [["mypy"], ["ruff", "check", "."], ["ruff", "format", "--check", "."]])
def test_linters_are_clean(command: list[str]) -> None:
    tool = Path(sys.executable).parent / command[0]
    out = subprocess.run([str(tool), *command[1:]], cwd=ROOT, capture_output=True, text=True, timeout=280)
    assert out.returncode == 0, out.stdout[-4000:] + out.stderr[-2000:]
