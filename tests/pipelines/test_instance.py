"""A command's own Dagster instance: few connections, and none that is dead."""

from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import psycopg
import pytest
import yaml

from governance_pipelines.instance import dagster_instance
from tests.fixtures.database import new_database


@dg.asset
def thing() -> None:
    return


@pytest.fixture
def stored(server_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The database of an instance of its own, which `DAGSTER_HOME` names."""
    url = new_database(server_url, "template1")
    content = {"storage": {"postgres": {"postgres_url": url}}, "telemetry": {"enabled": False}}
    (tmp_path / "dagster.yaml").write_text(yaml.safe_dump(content), encoding="utf-8")
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path))
    return url


@pytest.fixture
def server(stored: str) -> Iterator[psycopg.Connection]:
    with psycopg.connect(stored, autocommit=True) as connection:
        yield connection


def sessions(server: psycopg.Connection) -> set[int]:
    query = "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
    return {pid for (pid,) in server.execute(query)}


def materialized(instance: dg.DagsterInstance) -> int:
    assert dg.materialize([thing], instance=instance).success
    return len(instance.fetch_materializations(thing.key, limit=10).records)


def test_connections_are_kept_from_one_event_to_the_next(server: psycopg.Connection) -> None:
    with dagster_instance() as instance:
        assert materialized(instance) == 1
        kept = sessions(server)
        assert materialized(instance) == 2
        assert kept & sessions(server)


def test_connections_that_died_are_replaced(server: psycopg.Connection) -> None:
    with dagster_instance() as instance:
        assert materialized(instance) == 1
        killed = [pid for pid in sessions(server) if server.execute("SELECT pg_terminate_backend(%s)", [pid])]
        assert killed
        assert materialized(instance) == 2
        assert not sessions(server) & set(killed)
