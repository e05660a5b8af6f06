"""What is wrong in the estate or in a setting is said at once, with its line and its fix, and ends with code 2."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.conftest import CommandLine


def source(**lines: str) -> str:
    given = {"name": "lake", "platform": "glue", "connection": "{region: eu-west-1}"} | lines
    return "version: 1\nsources:\n  - " + "\n    ".join(f"{k}: {v}" for k, v in given.items()) + "\n"


BAD = {
    "empty file": ("", "estate.yaml:1: the file is empty; write version: 1"),
    "malformed": ("version: 1\nsources: [}\n", "estate.yaml:2: not valid YAML"),
    "not UTF-8 clean": ("version: 1\n\x00", "estate.yaml:2: not valid YAML: a NUL"),
    "other version": ("version: 7\nsources: []", "estate.yaml:1: version: this release does not read that version"),
    "no sources": ("version: 1\nsources: []", "estate.yaml:2: sources: no source is declared"),
    "unknown key at the top": (source() + "colour: red\n", "colour: unknown key; known: sources, version"),
    "unknown key of a source": (
        source(includ='["a"]'),
        'estate.yaml:6: sources[0].includ: unknown key; did you mean "include"?',
    ),
    "unknown key of a connection": (
        source(connection="{regoin: eu-west-1, region: x}"),
        'estate.yaml:5: sources[0].connection.regoin: unknown key; did you mean "region"?',
    ),
    "unknown platform": (
        source(platform="gleu"),
        'estate.yaml:4: sources[0].platform: unknown platform; did you mean "glue"? known: ',
    ),
    "duplicate name": (
        source() + source().split("sources:\n")[1],
        "estate.yaml:6: sources[1].name: the name of sources[0] on line 3 again; give each source its own",
    ),
    "name that is no key": (source(name="My-Lake"), "write name: my_lake"),
    "missing field": (source(connection="{}"), "sources[0].connection.region: missing; add region: …"),
    "literal secret": (
        source(platform="snowflake", connection="{account: a, user: u, password: hunter2}"),
        "estate.yaml:5: sources[0].connection.password: a literal secret is refused; "
        "write password: {env: SNOWFLAKE_PASSWORD}",
    ),
    "wrong type": (
        source(platform="snowflake", connection="{account: a, user: u, password: {env: P}, port: abc}"),
        "estate.yaml:5: sources[0].connection.port: should be a valid integer",
    ),
    "out of range": (
        source(connection="{region: eu-west-1, attempts: 900}"),
        "sources[0].connection.attempts: should be less than or equal to 20",
    ),
    "bad schedule": (source(schedule='"61 * * * *"'), "sources[0].schedule: not a cron expression: bad minute"),
    "glob that is none": (source(include="sales"), "sources[0].include: must be a list of globs"),
}


@pytest.mark.parametrize("case", BAD)
@pytest.mark.parametrize("command", [("doctor",), ("sync",), ("up",)])
def test_a_wrong_estate_is_refused_before_anything_starts(
    case: str, command: tuple[str, ...], home: Path, governance: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    text, message = BAD[case]
    Path("estate.yaml").write_text(text, encoding="utf-8")
    outcome = governance(*command)
    assert outcome.code == 2
    assert message in outcome.err
    assert "Traceback" not in outcome.err
    assert "hunter2" not in outcome.err + outcome.out
    assert not (home / "run").exists() or not list((home / "run").glob("*.json"))


def test_all_problems_are_reported_at_once(governance: CommandLine) -> None:
    Path("estate.yaml").write_text(source(name="A", platform="gleu", schedule="never"), encoding="utf-8")
    err = governance("doctor").err
    assert all(part in err for part in ("sources[0].name", "sources[0].platform", "sources[0].schedule"))


def test_every_platform_checks_its_connection(governance: CommandLine) -> None:
    from governance_pipelines.platforms import resource_classes

    assert set(resource_classes()) == {"atlas", "databricks", "glue", "purview", "snowflake"}
    for platform in resource_classes():
        Path("estate.yaml").write_text(source(platform=platform, connection="{bogus_key: 1}"), encoding="utf-8")
        outcome = governance("doctor")
        assert outcome.code == 2
        assert "sources[0].connection.bogus_key: unknown key" in outcome.err


def test_an_estate_that_is_not_there_is_named(governance: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GOVERNANCE_ESTATE", "elsewhere.yaml")
    outcome = governance("sync")
    assert outcome.code == 2
    assert "there is no such estate file" in outcome.err
    assert "fix: correct GOVERNANCE_ESTATE" in outcome.err


def test_without_an_estate_the_way_to_the_sandbox_is_shown(governance: CommandLine) -> None:
    outcome = governance("sync")
    assert outcome.code == 2
    assert "governance sandbox up" in outcome.err


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        (
            "GOVERNANCE_SYNC__THREDS",
            "8",
            "GOVERNANCE_SYNC__THREDS is no setting; did you mean GOVERNANCE_SYNC__THREADS?",
        ),
        ("GOVERNANCE_SINK__THREADS", "8", "did you mean GOVERNANCE_SYNC__THREADS?"),
        ("GOVERNANCE_SYNC__THREADS", "many", "GOVERNANCE_SYNC__THREADS: Input should be a valid integer"),
        ("GOVERNANCE_SYNC__THREADS", "0", "GOVERNANCE_SYNC__THREADS: Input should be greater than or equal to 1"),
        ("GOVERNANCE_NOTIFICATIONS__WEBHOOK_URL", "secret-token", "GOVERNANCE_NOTIFICATIONS__WEBHOOK_URL: "),
    ],
)
def test_a_wrong_setting_is_named(
    name: str, value: str, message: str, governance: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, value)
    outcome = governance("doctor")
    assert outcome.code == 2
    assert message in outcome.err
    assert "secret-token" not in outcome.err


def test_a_setting_reaches_the_installation(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from governance_pipelines.bindings import installation

    monkeypatch.setenv("GOVERNANCE_SYNC__THREADS", "9")
    assert installation().settings.sync.threads == 9


def test_a_misspelt_variable_is_pointed_out(governance: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GOVERNANCE_HOEM", "x")
    outcome = governance("sandbox", "down")
    assert outcome.code == 0
    assert "did you mean GOVERNANCE_HOME?" in outcome.err


@pytest.mark.parametrize(
    "arguments",
    [
        ("sync", "--bogus"),
        ("diff",),
        ("history",),
        ("nothing",),
        ("up", "--port", "99999"),
        ("sandbox", "up", "--scale", "0"),
    ],
)
def test_bad_arguments_end_with_2(arguments: tuple[str, ...], governance: CommandLine) -> None:
    assert governance(*arguments).code == 2


def test_help_comes_at_once_and_without_heavy_imports() -> None:
    heavy = "{'dagster', 'sqlalchemy', 'psycopg', 'pandas', 'requests'}"
    code = f"import governance_pipelines.cli, sys; sys.exit(bool({heavy} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], timeout=60).returncode == 0
