"""Sources that cannot be read next to one that can: each says what is wrong and what to do, and stops no other."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
import yaml

from assets.integrations.sync import Silent
from governance_pipelines.bindings import Installation
from governance_pipelines.deployment import deployment
from governance_pipelines.jobs import ESTATE_JOB
from governance_pipelines.launch import SourceResult, run_sync
from resources.inventory.database import Inventory
from sandbox.glue.face import Face
from sandbox.serving import Company, serve
from tests.fixtures.estate import SandboxSource, sandbox_source
from tests.fixtures.glue import ALL_KEYS, certificate, saying, serving
from tests.fixtures.installation import installed

pytestmark = pytest.mark.xdist_group("bad-input")

RESTRICTED = {
    "access_key_id": {"env": "GLUE_RESTRICTED_KEY"},
    "secret_access_key": {"env": "GLUE_RESTRICTED_SECRET"},
}


@pytest.fixture(scope="module")
def lake() -> Iterator[SandboxSource]:
    with sandbox_source("glue") as one, pytest.MonkeyPatch.context() as patch:
        for name, value in ALL_KEYS.items():
            patch.setenv(name, value)
        yield one


@pytest.fixture
def untrusted(tmp_path: Path) -> Iterator[str]:
    """An address whose certificate nobody vouches for."""
    with serving(saying(b'{"DatabaseList": []}'), certificate(tmp_path)) as served:
        yield served.url


def broken(lake: SandboxSource, untrusted: str) -> dict[str, dict[str, Any]]:
    """Connections by what is wrong with them."""
    good = dict(lake.source().connection)
    return {
        "unreachable": {**good, "endpoint_url": "http://127.0.0.1:9", "attempts": 1},
        "wrong_key": {**good, "access_key_id": {"env": "GLUE_WRONG_KEY"}},
        "tls": {**good, "endpoint_url": untrusted},
        "unset": {**good, "secret_access_key": {"env": "NOBODY_SET_THIS"}},
        "denied": {**good, **RESTRICTED},
    }


def install(home: Path, inventory: Inventory, connections: dict[str, dict[str, Any]]) -> Any:
    sources = [{"name": name, "platform": "glue", "connection": c} for name, c in connections.items()]
    (home / "estate.yaml").write_text(yaml.safe_dump({"version": 1, "sources": sources}), encoding="utf-8")
    return installed(home, inventory.url, home / "estate.yaml", sync__retries="0")


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "dagster").mkdir()
    (tmp_path / "dagster" / "dagster.yaml").touch()
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / "dagster"))
    return tmp_path


def synced(installation: Installation) -> dict[str, SourceResult]:
    return {r.source: r for r in run_sync(installation, (), None, False, Silent())}


EXPECTED = {
    "unreachable": ("failed", "127.0.0.1:9", "endpoint_url"),
    "wrong_key": ("failed", "security token", "access_key_id"),
    "tls": ("failed", "certificate", "ca_bundle"),
    "unset": ("failed", "NOBODY_SET_THIS is not set", "export NOBODY_SET_THIS"),
    "denied": ("partial", "lakeformation", "lakeformation"),
}
"""Status, and what message and remedy must name."""


def test_each_says_what_is_wrong_and_the_others_are_synced(
    lake: SandboxSource, inventory: Inventory, home: Path, untrusted: str
) -> None:
    datasets = len(list(lake.served.face.account()))
    good = dict(lake.source().connection)
    with install(home, inventory, {"wrong_key": good}) as installation:
        assert synced(installation)["wrong_key"].status == "complete"
    with install(home, inventory, {**broken(lake, untrusted), "last": good}) as installation:
        results = synced(installation)
    assert (results["last"].status, results["last"].datasets) == ("complete", datasets)
    for name, (status, *said) in EXPECTED.items():
        text = "\n".join(results[name].reasons)
        assert results[name].status == status, (name, text)
        missing = [word for word in said if word.lower() not in text.lower()]
        assert not missing, f"{name} does not say {missing}: {text}"
    # what was known of the source that is refused now is still there, and what the denied one may read is, too
    query = "SELECT source, count(*) FROM inventory.datasets WHERE state = 'present' GROUP BY 1"
    with inventory.connection() as connection:
        found = dict(connection.execute(query).fetchall())
        assert connection.execute("SELECT count(*) FROM inventory.changes WHERE change <> 'created'").fetchone() == (0,)
    assert found == {"wrong_key": datasets, "denied": datasets, "last": datasets}


def test_in_the_estates_job_too(lake: SandboxSource, inventory: Inventory, home: Path, untrusted: str) -> None:
    chosen = {"tls": broken(lake, untrusted)["tls"], "last": dict(lake.source().connection)}
    with install(home, inventory, chosen) as installation, dg.DagsterInstance.ephemeral() as instance:
        job = deployment(installation).resolve_job_def(ESTATE_JOB)
        result = job.execute_in_process(instance=instance, raise_on_error=False)
    ended = {e.node_name: e.event_type_value for e in result.all_node_events if e.event_type_value.startswith("STEP_")}
    assert (ended["tls_metadata"], ended["last_metadata"]) == ("STEP_FAILURE", "STEP_SUCCESS")
    (failure,) = (e for e in result.all_node_events if e.is_step_failure)
    said = failure.step_failure_data.user_failure_data
    assert said is not None and "certificate" in (said.description or "") and "ca_bundle" in (said.description or "")


def test_a_server_that_is_cut_off_in_the_middle(lake: SandboxSource, inventory: Inventory) -> None:
    """The scopes before are stored, the others say why they are not."""
    face = Face(Company())
    served = serve(face)
    face.seed(served.url)
    one = SandboxSource(served)
    try:
        source = one.source()
        connection = {**source.connection, "attempts": 1}
        one.faults({"action": "drop", "match": "GetTables", "after": 2})
        result = one.sync(inventory, source=type(source)("cut", "glue", connection, (), ()), threads=1)
    finally:
        served.stop()
    statuses = [str(o.status) for o in result.outcomes.values()]
    assert statuses.count("complete") == 2 and statuses.count("failed") == len(statuses) - 2
    assert all(o.reasons[0].code == "unavailable" for o in result.outcomes.values() if o.reasons)
