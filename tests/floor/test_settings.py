"""Settings: defaults, bounds, and no secret in any message."""

import dataclasses
from typing import Any

import pytest
from pydantic import BaseModel, ValidationError

from governance.loss_guard import LossGuard
from governance.settings import Settings, SyncSettings

SECTIONS = {name: field.annotation for name, field in Settings.model_fields.items()}


def test_the_defaults() -> None:
    settings = Settings()
    assert settings.sync.model_dump() == {
        "threads": 8,
        "loss_guard_ratio": 0.2,
        "loss_guard_minimum": 3,
        "sensor_interval_seconds": 60,
        "full_listing_interval_hours": 24,
        "retries": 2,
        "retry_wait_seconds": 30,
        "busy_wait_seconds": 120,
        "preview_rows": 20,
    }
    assert settings.database.model_dump() == {
        "statement_timeout_seconds": 600,
        "lock_timeout_seconds": 120,
        "connect_timeout_seconds": 10,
        "pool_size": 8,
    }
    assert settings.notifications.webhook_url is None
    assert settings.logging.level == "info"
    assert not settings.logging.json_lines
    assert settings.dagster.database_url is None
    assert (settings.web.host, settings.web.port) == ("127.0.0.1", 3000)


def test_the_loss_guard_s_minimum_is_what_the_guard_does() -> None:
    """The first loss that is held is the minimum itself."""
    minimum = SyncSettings().loss_guard_minimum
    guard = LossGuard(ratio=0, minimum=minimum)
    held = [lost for lost in range(10) if guard.holds(known=100, lost=lost, listed=100 - lost)]
    assert held[0] == minimum
    assert guard.holds(known=1, lost=1, listed=0) is not None
    said = SyncSettings.model_fields["loss_guard_minimum"].description
    assert said == "Fewer missing datasets than this are always believed, unless the listing is empty."


def test_text_as_the_environment_gives_it() -> None:
    settings = Settings.model_validate(
        {
            "sync": {"threads": "8", "loss_guard_ratio": "0.5"},
            "logging": {"level": "DEBUG", "json_lines": "true"},
            "notifications": {"webhook_url": ""},
            "dagster": {"database_url": "postgresql://u:p%40@db:5432/dagster"},
        }
    )
    assert (settings.sync.threads, settings.sync.loss_guard_ratio) == (8, 0.5)
    assert (settings.logging.level, settings.logging.json_lines) == ("debug", True)
    assert settings.notifications.webhook_url is None
    assert settings.dagster.database_url == "postgresql://u:p%40@db:5432/dagster"
    assert Settings.model_validate(settings.model_dump()) == settings


def test_a_database_behind_a_socket() -> None:
    url = "postgresql://postgres:@/dagster?host=/some/where"
    settings = Settings.model_validate({"dagster": {"database_url": url}})
    assert settings.dagster.database_url == url
    assert "where" not in repr(settings)


def test_a_webhook_s_address_is_kept_as_written() -> None:
    url = "https://hooks.example.com/T0/B0/%7Esecret"
    settings = Settings.model_validate({"notifications": {"webhook_url": url}})
    assert settings.notifications.webhook_url == url
    assert "secret" not in repr(settings)


@pytest.mark.parametrize(
    ("section", "field", "value"),
    [
        ("sync", "threads", 0),
        ("sync", "threads", 65),
        ("sync", "threads", "many"),
        ("sync", "loss_guard_ratio", 1.1),
        ("sync", "loss_guard_ratio", float("nan")),
        ("sync", "loss_guard_minimum", -1),
        ("sync", "busy_wait_seconds", -1),
        ("sync", "sensor_interval_seconds", 4),
        ("sync", "retries", 11),
        ("sync", "retry_wait_seconds", float("inf")),
        ("sync", "preview_rows", 1001),
        ("sync", "thread", 4),
        ("database", "schema_name", "inventory"),
        ("database", "statement_timeout_seconds", -1),
        ("database", "pool_size", 0),
        ("dagster", "database_url", "mysql://x:hunter2@y/z"),
        ("dagster", "database_url", "postgresql://[hunter2"),
        ("notifications", "webhook_url", "ftp://hunter2"),
        ("notifications", "webhook_timeout_seconds", 0),
        ("logging", "level", "loud"),
        ("logging", "json_lines", "perhaps"),
        ("web", "host", ""),
        ("web", "port", 0),
        ("web", "port", 65536),
        ("nonsense", "x", 1),
    ],
)
def test_what_is_out_of_bounds_is_refused_by_its_name(section: str, field: str, value: Any) -> None:
    with pytest.raises(ValidationError) as caught:
        Settings.model_validate({section: {field: value}})
    assert [e["loc"] for e in caught.value.errors()] == [(section, field) if section in SECTIONS else (section,)]
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize("section", SECTIONS)
def test_every_field_says_what_it_is_and_cannot_be_changed(section: str) -> None:
    model = SECTIONS[section]
    assert isinstance(model, type)
    assert issubclass(model, BaseModel)
    for name, field in model.model_fields.items():
        assert field.description, name
        with pytest.raises((ValidationError, dataclasses.FrozenInstanceError)):
            setattr(getattr(Settings(), section), name, field.default)
