"""A round of the race: a peer that fails spoils nothing, and ours must have stored everything."""

from contextlib import nullcontext
from typing import Any, NoReturn

import pytest

from bench import speed

TABLES = 500


class Installed:
    """An installation whose commands cost a second each, and which holds so many datasets then."""

    url = "postgresql://nowhere/inventory"

    def __init__(self, stored: int) -> None:
        self.stored = stored

    def governance(self, *_: str) -> dict[str, float]:
        return cost(1)

    def value(self, _: str) -> int:
        return self.stored


def cost(seconds: float) -> dict[str, float]:
    return {"wall_s": seconds, "cpu_s": seconds, "rss_mb": 100.0}


def raced(monkeypatch: pytest.MonkeyPatch, stored: int = TABLES) -> tuple[dict[str, Any], dict[str, str], list[str]]:
    """What a round gives when DataHub cannot run, why, and how often it was tried."""
    tried: list[str] = []

    def failing(*_: Any) -> NoReturn:
        tried.append("datahub")
        raise SystemExit("datahub ended with 1:\nno memory left")

    monkeypatch.setattr(speed, "installed", lambda _: nullcontext(Installed(stored)))
    monkeypatch.setattr(speed, "script", lambda *_: cost(0.1))
    monkeypatch.setattr(speed.datahub, "run", failing)
    monkeypatch.setattr(speed.openmetadata, "run", lambda *_, **__: cost(9))
    absent: dict[str, str] = {}
    return speed.one_round("http://endpoint", "http://stub", TABLES, absent, lambda _: None), absent, tried


def test_a_peer_that_fails_is_named_and_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    found, absent, tried = raced(monkeypatch)
    assert {*speed.OURS, speed.OPENMETADATA_FIRST} <= found.keys()
    assert not {speed.DATAHUB_REST, speed.DATAHUB_BLACKHOLE} & found.keys()
    assert tried == ["datahub"]
    assert list(absent) == ["datahub"]
    assert absent["datahub"].endswith("no memory left")


def test_a_sync_that_stored_too_little_is_no_result(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SystemExit, match="499 datasets"):
        raced(monkeypatch, stored=TABLES - 1)
