"""The asset, its events and checks, sensors and schedules, in Dagster itself on the lake of the sandbox."""

import http.server
import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import dagster as dg
import pytest

from governance_pipelines.bindings import Installation
from governance_pipelines.deployment import deployment
from resources.inventory.database import Inventory
from tests.fixtures.estate import SandboxSource, sandbox_source
from tests.fixtures.installation import installed, write_estate

pytestmark = pytest.mark.xdist_group("sync-glue")

KEY = dg.AssetKey(["lake", "metadata"])


@pytest.fixture(scope="module")
def lake() -> Iterator[SandboxSource]:
    with sandbox_source("glue") as one:
        yield one


@pytest.fixture
def installation(lake: SandboxSource, inventory: Inventory, tmp_path: Path) -> Iterator[Installation]:
    lake.faults()
    write_estate(tmp_path / "estate.yaml", [lake])
    retry = {"sync__retries": "1", "sync__retry_wait_seconds": "0"}
    with installed(tmp_path, inventory.url, tmp_path / "estate.yaml", **retry) as one:
        yield one
    lake.faults()


@pytest.fixture
def definitions(installation: Installation) -> dg.Definitions:
    return deployment(installation)


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as one:
        yield one


def run(definitions: dg.Definitions, instance: dg.DagsterInstance, **config: Any) -> dg.ExecuteInProcessResult:
    job = definitions.resolve_job_def("lake_sync")
    ops = {"ops": {"lake__metadata": {"config": config}}}
    return job.execute_in_process(instance=instance, run_config=ops, raise_on_error=False)


def checks(result: dg.ExecuteInProcessResult) -> dict[str, bool]:
    return {e.check_name: e.passed for e in result.get_asset_check_evaluations()}


def scopes_of(result: dg.ExecuteInProcessResult) -> set[str]:
    return {e.partition for e in result.get_asset_materialization_events() if e.partition}


def glue(lake: SandboxSource) -> Any:
    face = lake.served.face
    secrets, connection = face.secrets(), face.connection(lake.served.url)
    return boto3.client(
        "glue",
        endpoint_url=lake.served.url,
        region_name=connection["region"],
        aws_access_key_id=secrets[connection["access_key_id"]["env"]],
        aws_secret_access_key=secrets[connection["secret_access_key"]["env"]],
    )


def test_a_whole_sync_materializes_every_scope_and_passes_its_checks(
    definitions: dg.Definitions, instance: dg.DagsterInstance, lake: SandboxSource
) -> None:
    result = run(definitions, instance)
    assert result.success
    assert checks(result) == {"complete": True, "no_sudden_loss": True, "quarantine_empty": True}
    scopes = set(instance.get_dynamic_partitions("lake_scopes"))
    assert scopes and scopes_of(result) == scopes
    summary = next(e for e in result.get_asset_materialization_events() if not e.partition)
    shown = summary.materialization.metadata
    assert shown["datasets"].value == len(list(lake.served.face.account()))
    assert {"kinds", "preview", "latest_changes", "calls", "throttles", "quarantined", "seconds", "pace"} <= set(shown)
    scope = next(e for e in result.get_asset_materialization_events() if e.partition)
    assert isinstance(scope.materialization.metadata["preview"], dg.TableMetadataValue)


def test_a_second_sync_records_only_the_summary(definitions: dg.Definitions, instance: dg.DagsterInstance) -> None:
    run(definitions, instance)
    again = run(definitions, instance)
    assert again.success and scopes_of(again) == set()
    summary = next(e for e in again.get_asset_materialization_events() if not e.partition)
    assert summary.materialization.metadata["changes"].value == 0


def test_named_scopes_only(definitions: dg.Definitions, instance: dg.DagsterInstance) -> None:
    result = run(definitions, instance, scopes=["sales"])
    assert result.success and scopes_of(result) == {"sales"}


def test_a_partition_range_is_one_run_with_an_event_each(
    definitions: dg.Definitions, instance: dg.DagsterInstance
) -> None:
    run(definitions, instance)
    keys = list(instance.get_dynamic_partitions("lake_scopes"))[:3]
    tags = {"dagster/asset_partition_range_start": keys[0], "dagster/asset_partition_range_end": keys[-1]}
    job = definitions.resolve_job_def("lake_sync")
    result = job.execute_in_process(instance=instance, tags=tags, raise_on_error=False)
    assert result.success and scopes_of(result) == set(keys)


def test_the_estate_job_reports_on_the_same_asset(definitions: dg.Definitions, instance: dg.DagsterInstance) -> None:
    result = definitions.resolve_job_def("estate_sync").execute_in_process(instance=instance, raise_on_error=False)
    assert result.success and scopes_of(result) == set(instance.get_dynamic_partitions("lake_scopes"))
    assert all(checks(result).values()) and set(checks(result)) == {"complete", "no_sudden_loss", "quarantine_empty"}


def test_a_transient_error_is_tried_again_and_takes_only_the_rest(
    definitions: dg.Definitions, instance: dg.DagsterInstance, lake: SandboxSource
) -> None:
    # six tries of the call are refused in the first attempt of the step, the second attempt finds it well
    lake.faults({"action": "fail", "match": "GetTables.*crm", "status": 503, "times": 6})
    result = run(definitions, instance)
    assert result.success
    assert sum(e.event_type_value == "STEP_RESTARTED" for e in result.all_events) == 1
    assert scopes_of(result) == set(instance.get_dynamic_partitions("lake_scopes"))


def test_a_scope_that_fails_fails_the_run_and_the_check_says_why(
    definitions: dg.Definitions, instance: dg.DagsterInstance, lake: SandboxSource
) -> None:
    lake.faults({"action": "fail", "match": "GetTables.*crm", "status": 403})
    result = run(definitions, instance)
    assert not result.success
    assert checks(result)["complete"] is False
    evaluation = next(e for e in result.get_asset_check_evaluations() if e.check_name == "complete")
    assert "crm" in (evaluation.description or "")
    assert "sales" in scopes_of(result)


def test_a_lost_listing_fails_the_blocking_check(
    definitions: dg.Definitions, instance: dg.DagsterInstance, lake: SandboxSource
) -> None:
    run(definitions, instance)
    lake.faults({"action": "lose"})
    result = run(definitions, instance)
    assert not result.success
    assert False in (checks(result)["no_sudden_loss"], checks(result)["complete"])


# --- sensors and schedules ---


def tick(definitions: dg.Definitions, instance: dg.DagsterInstance, cursor: str | None) -> Any:
    sensor = next(s for s in definitions.sensors or () if s.name == "lake_changes")
    resources = {"lake_source": (definitions.resources or {})["lake_source"]}
    with dg.build_sensor_context(instance=instance, cursor=cursor, resources=resources) as context:
        return sensor.evaluate_tick(context)


def requested(ticked: Any) -> list[str]:
    return [s for r in ticked.run_requests for s in r.run_config["ops"]["lake__metadata"]["config"]["scopes"]]


def test_the_change_sensor_launches_new_scopes_then_only_changed_ones(
    definitions: dg.Definitions, instance: dg.DagsterInstance, lake: SandboxSource
) -> None:
    noted = tick(definitions, instance, None)
    assert requested(noted) == [] and "noted the change tokens" in noted.skip_message
    first = tick(definitions, instance, noted.cursor)
    assert "sales" in requested(first) and len(first.run_requests) == 1
    assert first.dynamic_partitions_requests
    run(definitions, instance)
    quiet = tick(definitions, instance, first.cursor)
    assert requested(quiet) == [] and "nothing changed" in quiet.skip_message
    client = glue(lake)
    client.create_table(
        DatabaseName="crm",
        TableInput={"Name": "sensed", "StorageDescriptor": {"Columns": [{"Name": "a", "Type": "int"}]}},
    )
    try:
        changed = tick(definitions, instance, quiet.cursor)
        assert requested(changed) == ["crm"]
        assert requested(tick(definitions, instance, changed.cursor)) == []
    finally:
        client.delete_table(DatabaseName="crm", Name="sensed")


def test_a_poll_that_fails_keeps_the_cursor(
    definitions: dg.Definitions, instance: dg.DagsterInstance, lake: SandboxSource
) -> None:
    lake.faults({"action": "fail", "match": "GetDatabases", "status": 403})
    ticked = tick(definitions, instance, '{"tokens": {}}')
    assert ticked.run_requests == [] and "not polled" in ticked.skip_message
    assert ticked.cursor == '{"tokens": {}}'


def test_the_schedule_asks_for_a_whole_sync(definitions: dg.Definitions, instance: dg.DagsterInstance) -> None:
    schedule = next(s for s in definitions.schedules or () if s.name == "lake_schedule")
    assert schedule.cron_schedule == "0 * * * *" and schedule.default_status is dg.DefaultScheduleStatus.RUNNING
    with dg.build_schedule_context(instance=instance) as context:
        data = schedule.evaluate_tick(context)
    assert len(data.run_requests or ()) == 1 and not (data.run_requests or ())[0].partition_key


class Webhook(http.server.BaseHTTPRequestHandler):
    posted: list[dict[str, Any]] = []

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        self.posted.append(json.loads(body))
        self.send_response(200)
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:
        return


@pytest.fixture
def webhook() -> Iterator[str]:
    server = http.server.HTTPServer(("127.0.0.1", 0), Webhook)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/hook"
    server.shutdown()


def test_a_failed_run_is_audited_and_posted(
    lake: SandboxSource, inventory: Inventory, tmp_path: Path, instance: dg.DagsterInstance, webhook: str
) -> None:
    write_estate(tmp_path / "estate.yaml", [lake])
    settings = {"notifications__webhook_url": webhook, "sync__retries": "0"}
    with installed(tmp_path, inventory.url, tmp_path / "estate.yaml", **settings) as one:
        definitions = deployment(one)
        lake.faults({"action": "fail", "match": "GetDatabases", "status": 403})
        result = run(definitions, instance)
        lake.faults()
        assert not result.success
        sensor = next(s for s in definitions.sensors or () if s.name == "failed_runs")
        failure = next(e for e in result.all_events if e.event_type_value == "PIPELINE_FAILURE")
        context = dg.build_run_status_sensor_context(
            sensor_name="failed_runs",
            dagster_instance=instance,
            dagster_run=result.dagster_run,
            dagster_event=failure,
            resources={"inventory": one.inventory_resource()},
        ).for_run_failure()
        sensor(context)
    with inventory.connection() as connection:
        acts = connection.execute(
            "SELECT action, target FROM inventory.audit WHERE actor = 'sensor:failed_runs'"
        ).fetchall()
        assert acts == [("run.failed", "lake_sync")]
        assert connection.execute("SELECT inventory.verify_audit()").fetchone() == (None,)
    assert Webhook.posted[-1]["job"] == "lake_sync" and Webhook.posted[-1]["run_id"] == result.run_id
