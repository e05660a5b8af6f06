"""The lineage asset in Dagster on the sandbox's lake: edges from the text of its views, and what the UI shows."""

from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest

from governance_pipelines.deployment import deployment
from resources.inventory.database import Inventory
from tests.fixtures.estate import SandboxSource, sandbox_source
from tests.fixtures.installation import installed, write_estate
from tests.inventory.estate import rows

pytestmark = pytest.mark.xdist_group("sync-glue")


@pytest.fixture(scope="module")
def lake() -> Iterator[SandboxSource]:
    with sandbox_source("glue") as one:
        yield one


@pytest.fixture
def definitions(lake: SandboxSource, inventory: Inventory, tmp_path: Path) -> Iterator[dg.Definitions]:
    write_estate(tmp_path / "estate.yaml", [lake])
    with installed(tmp_path, inventory.url, tmp_path / "estate.yaml") as installation:
        yield deployment(installation)


def run(definitions: dg.Definitions, instance: dg.DagsterInstance, job: str) -> dg.ExecuteInProcessResult:
    return definitions.resolve_job_def(job).execute_in_process(instance=instance, raise_on_error=False)


def test_lineage_of_the_lakes_views(definitions: dg.Definitions, inventory: Inventory) -> None:
    with dg.DagsterInstance.ephemeral() as instance:
        assert run(definitions, instance, "lake_sync").success
        result = run(definitions, instance, "lake_lineage")
        assert result.success
        assert {e.check_name: e.passed for e in result.get_asset_check_evaluations()} == {
            "complete": True,
            "no_sudden_loss": True,
        }
        (event,) = result.get_asset_materialization_events()
        again = run(definitions, instance, "lake_lineage")
    views = {
        r["qualified_name"] for r in rows(inventory, "SELECT * FROM inventory.datasets WHERE properties ? 'view_text'")
    }
    edges = rows(inventory, "SELECT * FROM inventory.lineage")
    assert views and views <= {e["downstream"] for e in edges}
    datasets = {r["qualified_name"] for r in rows(inventory, "SELECT qualified_name FROM inventory.datasets")}
    assert {e["upstream"] for e in edges if e["upstream_kind"] == "dataset"} <= datasets
    assert {e["process_kind"] for e in edges} == {"view", "job", "resource_link"}
    assert any(e["upstream_path"] and e["downstream_path"] for e in edges)
    assert "dagster/column_lineage" in event.materialization.metadata
    (second,) = again.get_asset_materialization_events()
    assert second.materialization.metadata["created"].value == 0
    assert second.materialization.metadata["unchanged"].value == len(edges)


def test_every_source_has_the_facets_that_its_platform_has(definitions: dg.Definitions) -> None:
    keys = {key.to_user_string() for key in definitions.resolve_asset_graph().get_all_asset_keys()}
    assert {"lake/metadata", "lake/lineage"} <= keys
