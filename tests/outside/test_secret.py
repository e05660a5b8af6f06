"""References to secrets: what they refuse, and that their value shows nowhere."""

from pathlib import Path

import pytest

from governance.errors import ConfigurationError
from resources.secret import Secret

FIELD = "sources.lake.connection.secret_key"


def test_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAKE_KEY", "s3cr3t")
    secret = Secret(env="LAKE_KEY")
    assert secret.reveal(FIELD) == "s3cr3t"
    assert "s3cr3t" not in repr(secret) and "s3cr3t" not in str(secret)


def test_from_a_file_without_its_final_newline(tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.write_text("s3cr3t\n")
    assert Secret(file=str(file)).reveal(FIELD) == "s3cr3t"


def test_a_missing_variable_is_named_with_the_fix(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LAKE_KEY", raising=False)
    with pytest.raises(ConfigurationError) as raised:
        Secret(env="LAKE_KEY").reveal(FIELD)
    assert str(raised.value) == (
        f"the environment variable LAKE_KEY is not set [{FIELD}] "
        "Fix: export LAKE_KEY where `governance` and the Dagster code location run"
    )


@pytest.mark.parametrize("content", [None, b"", b"\n", b"\xff\xfe"])
def test_a_bad_file_is_named(tmp_path: Path, content: bytes | None) -> None:
    file = tmp_path / "key"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(ConfigurationError, match=str(file)):
        Secret(file=str(file)).reveal(FIELD)


@pytest.mark.parametrize("fields", [{}, {"env": "A", "file": "b"}])
def test_exactly_one_place(fields: dict[str, str]) -> None:
    with pytest.raises(ConfigurationError, match="either"):
        Secret(**fields).reveal(FIELD)
