"""estate.yaml: what a good one gives, and the whole message of every way in which one can be bad."""

import pytest
import yaml
from dagster import ScheduleDefinition, job
from hypothesis import given
from hypothesis import strategies as st

from governance import estate_document
from governance.errors import ConfigurationError
from governance.estate import Estate, EstateError, FieldSpec, Source, connection_errors, load_estate

GLUE = {
    "region": FieldSpec(required=True),
    "catalog_id": FieldSpec(),
    "endpoint_url": FieldSpec(),
    "secret_key": FieldSpec(secret=True),
}
DATABRICKS = {"host": FieldSpec(required=True), "token": FieldSpec(required=True, secret=True)}
PLATFORMS = {
    "glue": lambda c: connection_errors(c, GLUE, env_prefix="glue"),
    "databricks": lambda c: connection_errors(c, DATABRICKS, env_prefix="databricks"),
}
HEAD = """version: 1
sources:
  - name: lake
    platform: glue
    connection: {region: eu-west-1}
"""
"""A valid source on lines 3 to 5, so that what a test appends begins on line 6."""


def load(text: str) -> Estate:
    return load_estate(text, file="estate.yaml", platforms=PLATFORMS)


def messages(text: str) -> list[str]:
    with pytest.raises(EstateError) as caught:
        load(text)
    assert isinstance(caught.value, ConfigurationError)
    lines = str(caught.value).split("\n")
    assert lines == [str(e) for e in caught.value.errors]
    return lines


def test_a_whole_estate() -> None:
    estate = load("""
version: 1
sources:
  - name: lake
    platform: glue
    connection: {region: eu-west-1, catalog_id: "123456789012", endpoint_url: null}
    include: ["sales.*"]
    exclude: ["*.tmp_*"]
    schedule: "0 * * * *"
  - name: workspace
    platform: databricks
    connection:
      host: https://example.com
      token: {env: DATABRICKS_TOKEN}
""")
    assert estate == Estate(
        (
            Source(
                "lake",
                "glue",
                {"region": "eu-west-1", "catalog_id": "123456789012", "endpoint_url": None},
                ("sales.*",),
                ("*.tmp_*",),
                "0 * * * *",
            ),
            Source("workspace", "databricks", {"host": "https://example.com", "token": {"env": "DATABRICKS_TOKEN"}}),
        )
    )
    lake = estate.source("lake")
    assert lake is not None
    assert lake.names.matches("sales.orders")
    assert not lake.names.matches("sales.tmp_1")
    assert estate.source("Lake") is None


def test_anchors_aliases_and_merges() -> None:
    estate = load("""version: 1
sources:
  - &base {name: a, platform: glue, connection: &c {region: eu-west-1}, include: &i [x.*]}
  - {<<: *base, name: b}
  - {name: c, platform: glue, connection: {<<: *c, catalog_id: "1"}, exclude: *i}
""")
    assert [(s.name, s.connection, s.include, s.exclude) for s in estate.sources] == [
        ("a", {"region": "eu-west-1"}, ("x.*",), ()),
        ("b", {"region": "eu-west-1"}, ("x.*",), ()),
        ("c", {"region": "eu-west-1", "catalog_id": "1"}, (), ("x.*",)),
    ]


def source(lines: str) -> str:
    """The valid source and a second one, whose first line is line 6."""
    return HEAD + "\n".join("  " + line for line in lines.split("\n")) + "\n"


BAD = {
    "empty file": ("", ["1: the file is empty; write version: 1 and a list of sources"]),
    "only a comment": ("# nothing\n", ["1: the file is empty; write version: 1 and a list of sources"]),
    "not a mapping": ("- a\n", ["1: the file must be a mapping; begin it with version: 1"]),
    "a scalar": ("hunter2\n", ["1: the file must be a mapping; begin it with version: 1"]),
    "no version": (
        HEAD.replace("version: 1", "# x"),
        ["1: version: missing; write version: 1"],
    ),
    "another version": (
        HEAD.replace("version: 1", "version: 2"),
        ["1: version: this release does not read that version; write version: 1"],
    ),
    "version as text": (
        HEAD.replace("version: 1", 'version: "1"'),
        ["1: version: this release does not read that version; write version: 1"],
    ),
    "version is true": (
        HEAD.replace("version: 1", "version: true"),
        ["1: version: this release does not read that version; write version: 1"],
    ),
    "no sources": (
        "version: 1\n",
        ["1: sources: missing; write sources: and below it a list, one entry for each source"],
    ),
    "an empty estate": (
        "version: 1\nsources: []\n",
        ["2: sources: no source is declared; add one, beginning with - name:"],
    ),
    "sources is a mapping": (
        "version: 1\nsources: {lake: {}}\n",
        ["2: sources: must be a list; begin each source with - name:"],
    ),
    "unknown top-level key": (
        "version: 1\nsurces: []\n" + HEAD.removeprefix("version: 1\n"),
        ['2: surces: unknown key; did you mean "sources"?'],
    ),
    "unknown source key": (
        source("- name: b\n  platform: glue\n  connection: {region: x}\n  shedule: x\n  colour: red"),
        [
            '9: sources[1].shedule: unknown key; did you mean "schedule"?',
            "10: sources[1].colour: unknown key; known: connection, exclude, include, name, platform, schedule",
        ],
    ),
    "source is a text": (
        source("- name:lake"),
        ["6: sources[1]: must be a mapping; begin it with - name:"],
    ),
    "all fields missing": (
        source("- {}"),
        [
            "6: sources[1].name: missing; add name: lake",
            "6: sources[1].platform: missing; add platform: glue",
            "6: sources[1].connection: missing; add connection: {…}",
        ],
    ),
    "unknown platform": (
        source("- name: b\n  platform: oracle\n  connection: {region: x}"),
        ["7: sources[1].platform: unknown platform; known: databricks, glue"],
    ),
    "misspelt platform": (
        source("- name: b\n  platform: Glu\n  connection: {region: x}"),
        ['7: sources[1].platform: unknown platform; did you mean "glue"? known: databricks, glue'],
    ),
    "platform of a wrong type": (
        source("- name: b\n  platform: [glue]\n  connection: {region: x}"),
        ["7: sources[1].platform: unknown platform; known: databricks, glue"],
    ),
    "duplicate name": (
        source("- name: lake\n  platform: glue\n  connection: {region: x}"),
        ["6: sources[1].name: the name of sources[0] on line 3 again; give each source its own"],
    ),
    "name not lower_snake": (
        source("- name: Lake House\n  platform: glue\n  connection: {region: x}"),
        ["6: sources[1].name: not a lower_snake name of at most 63 characters; write name: lake_house"],
    ),
    "name is a number": (
        source("- name: 7\n  platform: glue\n  connection: {region: x}"),
        [
            "6: sources[1].name: not a lower_snake name of at most 63 characters; "
            "begin with a letter, such as name: lake"
        ],
    ),
    "connection is a text": (
        source("- name: b\n  platform: glue\n  connection: region:hunter2"),
        ["8: sources[1].connection: must be a mapping; write connection: {key: value}, with a space after each colon"],
    ),
    "connection is a list": (
        source("- name: b\n  platform: glue\n  connection: []"),
        ["8: sources[1].connection: must be a mapping; write connection: {key: value}, with a space after each colon"],
    ),
    "connection of nothing": (
        source("- name: b\n  platform: databricks\n  connection:"),
        [
            "8: sources[1].connection.host: missing; add host: …",
            "8: sources[1].connection.token: missing; add token: {env: DATABRICKS_TOKEN}",
        ],
    ),
    "unknown connection key": (
        source("- name: b\n  platform: glue\n  connection:\n    regoin: x\n    region: y"),
        ['9: sources[1].connection.regoin: unknown key; did you mean "region"?'],
    ),
    "unknown connection key like no other": (
        source("- name: b\n  platform: databricks\n  connection: {host: x, token: {env: T}, zzz: y}"),
        ["8: sources[1].connection.zzz: unknown key; known: host, token"],
    ),
    "a literal secret": (
        source("- name: b\n  platform: databricks\n  connection:\n    host: x\n    token: hunter2"),
        ["10: sources[1].connection.token: a literal secret is refused; write token: {env: DATABRICKS_TOKEN}"],
    ),
    "a literal secret that is a number": (
        source("- name: b\n  platform: databricks\n  connection: {host: x, token: 1234567}"),
        ["8: sources[1].connection.token: a literal secret is refused; write token: {env: DATABRICKS_TOKEN}"],
    ),
    "a secret with a wrong word": (
        source("- name: b\n  platform: databricks\n  connection: {host: x, token: {value: hunter2}}"),
        [
            "8: sources[1].connection.token: a secret is either {env: NAME} or {file: PATH}; "
            "write token: {env: DATABRICKS_TOKEN}"
        ],
    ),
    "a secret with two places": (
        source("- name: b\n  platform: databricks\n  connection: {host: x, token: {env: A, file: b}}"),
        [
            "8: sources[1].connection.token: a secret is either {env: NAME} or {file: PATH}; "
            "write token: {env: DATABRICKS_TOKEN}"
        ],
    ),
    "a secret in place of the variable's name": (
        source("- name: b\n  platform: databricks\n  connection: {host: x, token: {env: hunter2-}}"),
        [
            "8: sources[1].connection.token.env: not the name of an environment variable; "
            "write token: {env: DATABRICKS_TOKEN}"
        ],
    ),
    "a secret's file without a path": (
        source("- name: b\n  platform: databricks\n  connection: {host: x, token: {file: ''}}"),
        ["8: sources[1].connection.token.file: not a path; write token: {file: /run/secrets/databricks_token}"],
    ),
    "a secret that lost its colon's space": (
        source("- name: b\n  platform: databricks\n  connection: {host: x, token:hunter2}"),
        [
            "8: sources[1].connection.token: a space is missing after the colon; write token: and then the value",
            "8: sources[1].connection.token: missing; add token: {env: DATABRICKS_TOKEN}",
        ],
    ),
    "a secret that lost its key": (
        source("- name: b\n  platform: glue\n  connection: {region: x, hunter2}"),
        [
            "8: sources[1].connection: an unknown key without a value; "
            "known: catalog_id, endpoint_url, region, secret_key"
        ],
    ),
    "a bad cron": (
        source('- name: b\n  platform: glue\n  connection: {region: x}\n  schedule: "61 * * * *"'),
        [
            "9: sources[1].schedule: not a cron expression: bad minute; "
            'write five fields in quotes, such as "0 * * * *" (hourly, UTC)'
        ],
    ),
    "a cron word": (
        source('- name: b\n  platform: glue\n  connection: {region: x}\n  schedule: "@daily"'),
        [
            "9: sources[1].schedule: not a cron expression: wrong number of fields; "
            'write five fields in quotes, such as "0 * * * *" (hourly, UTC)'
        ],
    ),
    "a schedule that is a number": (
        source("- name: b\n  platform: glue\n  connection: {region: x}\n  schedule: 5"),
        [
            "9: sources[1].schedule: not a cron expression: not a text; "
            'write five fields in quotes, such as "0 * * * *" (hourly, UTC)'
        ],
    ),
    "globs of wrong types": (
        source("- name: b\n  platform: glue\n  connection: {region: x}\n  include: sales.*\n  exclude:\n  - a\n  - 1"),
        [
            '9: sources[1].include: must be a list of globs; write include: ["sales.*"]',
            '12: sources[1].exclude[1]: must be a text; put the glob in quotes, such as "sales.*"',
        ],
    ),
    "duplicate keys": (
        source("- name: b\n  platform: glue\n  connection:\n    region: x\n    region: y\n  platform: glue"),
        [
            "10: sources[1].connection.region: this key stands here twice, first on line 9; keep one of them",
            "11: sources[1].platform: this key stands here twice, first on line 7; keep one of them",
        ],
    ),
    "duplicate top-level key": (
        HEAD + "version: 1\n",
        ["6: version: this key stands here twice, first on line 1; keep one of them"],
    ),
    "a tag": (
        source("- name: b\n  platform: glue\n  connection: {region: !hunter2 x}"),
        [
            "8: sources[1].connection.region: not a text, number, true, false or null; put the value in quotes",
            "8: sources[1].connection.region: missing; add region: …",
        ],
    ),
    "a merge of a text": (
        source("- name: b\n  platform: glue\n  connection: {<<: hunter2, region: x}"),
        ["8: sources[1].connection: only mappings can be merged; write <<: *name of a mapping's anchor"],
    ),
    "an alias of itself": (
        source("- name: b\n  platform: glue\n  connection: &c {region: x, catalog_id: *c}"),
        ["8: sources[1].connection.catalog_id: an alias that contains itself; write the value out"],
    ),
    "a key that is a list": (
        source("- name: b\n  platform: glue\n  connection: {region: x, [hunter2]: y}"),
        ["8: sources[1].connection: a key that is not a text; write key: value"],
    ),
    "an open quote": (
        HEAD + "  - name: 'b\n",
        [
            "7: not valid YAML: found unexpected end of stream, in what begins on line 6; "
            "check quotes, brackets and indentation around this line"
        ],
    ),
    "an open bracket": (
        HEAD + "  - {name: b\n",
        [
            "7: not valid YAML: did not find expected ',' or '}', in what begins on line 6; "
            "check quotes, brackets and indentation around this line"
        ],
    ),
    "a password that begins with a star": (
        HEAD + "    schedule: *hunter2\n",
        ["6: not valid YAML: found undefined alias; put a value that begins with * in quotes"],
    ),
    "a password that begins with an at": (
        HEAD + "    schedule: @hunter2\n",
        [
            "6: not valid YAML: found character that cannot start any token; "
            "put the value in quotes, and indent with spaces"
        ],
    ),
    "two colons": (
        HEAD + "    schedule: hunter2: x\n",
        [
            "6: not valid YAML: mapping values are not allowed in this context; "
            "check the indentation, and put a value that holds a colon in quotes"
        ],
    ),
    "two documents": (HEAD + "---\na: b\n", ["6: not valid YAML: more than one document; remove the line ---"]),
    "a NUL": (HEAD + "    x: '\x00'\n", ["6: not valid YAML: a NUL or a broken character; save the file as UTF-8"]),
    "a lone surrogate": (
        HEAD + "    x: '\ud800'\n",
        ["6: not valid YAML: a NUL or a broken character; save the file as UTF-8"],
    ),
    "a control character": (HEAD + "    é: '\x07'\n", ["6: not valid YAML: a control character; remove it"]),
    "brackets without end": ("a: b\nc: " + "[" * 100_000, ["2: nested deeper than 30 levels; flatten it"]),
    "dashes without end": ("- " * 100_000, ["1: nested deeper than 30 levels; flatten it"]),
    "a huge file": (
        "version: 1\n" + "# x\n" * 1_250_000,
        ["1: longer than 5,000,000 characters; split the estate over several installations"],
    ),
}


@pytest.mark.parametrize(("text", "expected"), BAD.values(), ids=BAD)
def test_every_fault_has_its_line_its_field_and_its_fix(text: str, expected: list[str]) -> None:
    found = messages(text)
    assert found == [f"estate.yaml:{line}" for line in expected]
    assert "hunter2" not in "\n".join(found)


@pytest.mark.parametrize("text", [text for text, _ in BAD.values() if len(text) < 1000], ids=lambda _: "")
def test_without_libyaml_the_same_fields_are_named_and_no_secret(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(EstateError) as by_libyaml:
        load(text)
    monkeypatch.setattr(estate_document, "_Loader", yaml.SafeLoader)
    with pytest.raises(EstateError) as by_python:
        load(text)
    assert [e.path for e in by_python.value.errors] == [e.path for e in by_libyaml.value.errors]
    assert "hunter2" not in str(by_python.value)


def test_all_faults_are_told_at_once_and_the_valid_neighbours_are_named() -> None:
    text = HEAD + (
        "  - {name: B, platform: glue, connection: {regoin: x}}\n"
        "  - {name: fine, platform: glue, connection: {region: x}}\n"
        "  - {name: c, platform: nope, connection: {}}\n"
    )
    with pytest.raises(EstateError) as caught:
        load(text)
    assert [(e.line, e.path) for e in caught.value.errors] == [
        (6, "sources[1].name"),
        (6, "sources[1].connection.regoin"),
        (6, "sources[1].connection.region"),
        (8, "sources[3].platform"),
    ]
    assert caught.value.sources == ("lake", "fine")
    assert caught.value.code == "estate_error"


def test_aliases_of_aliases_do_not_fill_the_memory() -> None:
    bomb = "a0: &a0 [1,1,1,1,1,1,1,1,1,1]\n"
    bomb += "".join(f"a{n}: &a{n} [{','.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 12))
    assert messages(bomb) == ["estate.yaml:1: more than 1,000,000 values once aliases are followed; use fewer aliases"]


def test_an_estate_of_two_thousand_sources() -> None:
    text = "version: 1\nsources:\n"
    for n in range(2000):
        text += f"  - name: s{n}\n    platform: glue\n    connection: {{region: eu-west-1}}\n"
    assert [s.name for s in load(text).sources] == [f"s{n}" for n in range(2000)]


def test_dates_stay_text() -> None:
    estate = load(HEAD.replace("eu-west-1", "2024-13-45"))
    assert estate.sources[0].connection == {"region": "2024-13-45"}


@given(st.text(st.sampled_from("versionsources: 1-\n{}[]&*a!'\"|>#<@ \t%"), max_size=60))
def test_any_text_is_an_estate_or_an_estate_error(text: str) -> None:
    try:
        load(text)
    except EstateError as error:
        assert error.errors
        assert all(e.line >= 1 and e.message for e in error.errors)


@given(st.text(st.sampled_from("0123456789*/,-LW# MONFRIjan@"), max_size=14).map(lambda t: t.replace("  ", " ")))
def test_what_is_taken_as_a_schedule_is_one_to_dagster(cron: str) -> None:
    check_schedule(cron)


@pytest.mark.parametrize(
    "cron", ["0 * * * *", "*/5 8-18 * * MON-FRI", "0 0 L * *", "0 0 LW * *", "0 0 * * 5L", "0 0 * * 5#2", "0 0 30 2 *"]
)
def test_schedules_that_dialects_of_cron_dispute(cron: str) -> None:
    check_schedule(cron)


def check_schedule(cron: str) -> None:
    @job
    def nothing() -> None:
        return

    try:
        load(HEAD + "    schedule: '" + cron + "'\n")
    except EstateError as error:
        assert [e.path for e in error.errors] == ["sources[0].schedule"]
    else:
        assert ScheduleDefinition(job=nothing, cron_schedule=cron).cron_schedule == cron
