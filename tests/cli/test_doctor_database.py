"""`governance doctor` on the reader's role: what it advises works."""

from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
import yaml

from governance.listing import Probe
from governance_pipelines.bindings import Installation
from governance_pipelines.commands.doctor import _database
from tests.fixtures.installation import installed


@pytest.fixture
def here(tmp_path: Path, database_url: str) -> Iterator[Installation]:
    """Dagster's database is the inventory's own: only the former matters here."""
    (tmp_path / "estate.yaml").write_text(yaml.safe_dump({"version": 1, "sources": []}))
    with installed(tmp_path, database_url, tmp_path / "estate.yaml", dagster__database_url=database_url) as here:
        yield here


def reader_role(here: Installation) -> Probe:
    (found,) = [probe for probe in _database(here) if probe.name == "reader role"]
    return found


def test_the_advice_for_a_role_without_grants_gives_them(here: Installation) -> None:
    assert reader_role(here).ok
    with psycopg.connect(here.inventory_url) as conn:
        # the role is the whole server's, and other tests' too: only this database forgets it
        conn.execute("DROP OWNED BY governance_reader")
    lacking = reader_role(here)
    assert not lacking.ok
    assert "governance_reader" in lacking.missing
    _, _, command = lacking.remedy.partition("psql -d ")
    database, _, script = command.partition(" -f ")
    with psycopg.connect(here.inventory_url) as conn:
        assert conn.info.dbname == database
        conn.execute(Path(script).read_bytes())
    assert reader_role(here).ok
    with psycopg.connect(here.inventory_url) as conn:
        conn.execute("SET ROLE governance_reader")
        assert conn.execute("SELECT count(*) FROM inventory.datasets").fetchone() == (0,)
