"""The same definitions on a real Redis and two Celery workers, one of them killed: nothing is lost.

Six sources, 100 ms a call, one call at a time; each worker executes one step at a time.
"""

import time
from pathlib import Path

import dagster as dg
import psutil
import pytest

from tests.deploy.conftest import SOURCES, Content
from tests.fixtures.celery import Cluster, Worker, cluster, inventory_content, lakes
from tests.fixtures.estate import SandboxSource

pytestmark = [pytest.mark.xdist_group("celery"), pytest.mark.timeout(600)]

LOST_AFTER = 15
"""Seconds. A worker that a busy machine holds up for longer counts as lost, and its step is executed twice."""

NAMES = {f"lake_{n}" for n in range(1, SOURCES + 1)}
SETTINGS = {"sync__threads": "1", "dagster__lost_worker_seconds": str(LOST_AFTER)}


def wait_for_steps(one: Cluster, workers: int) -> None:
    """Until so many workers are in the middle of a step."""
    deadline = time.monotonic() + 90
    while len({step.worker for step in one.under_way() if step.ended == float("inf")}) < workers:
        assert time.monotonic() < deadline, "no step was begun"
        time.sleep(0.1)


def assert_all_synced(database_url: str, undisturbed: Content) -> None:
    found = inventory_content(database_url)
    for what, rows in undisturbed.items():
        assert rows, what
        assert found[what] == rows, what


def test_a_worker_s_death_loses_nothing(
    tmp_path: Path, databases: tuple[str, str], undisturbed: Content, slow: SandboxSource
) -> None:
    """Both workers take steps; one is killed in the middle of its own; the run ends well without anybody's help."""
    inventory, dagster = databases
    with cluster(tmp_path, inventory, dagster, lakes(slow.served, SOURCES), **SETTINGS) as one:
        with one.working(2) as (first, second):
            process = one.start_run()
            wait_for_steps(one, workers=2)
            first.kill()
            assert process.wait(timeout=200) == 0
        run = one.last_run()
        steps = one.steps(run.run_id)
    assert run.status is dg.DagsterRunStatus.SUCCESS
    cut = [step for step in steps if step.ended == float("inf")]
    assert {step.worker for step in steps} == {first.name, second.name}
    assert [step.worker for step in cut] == [first.name]
    done = [step for step in steps if step not in cut]
    assert {step.source for step in done} == NAMES
    assert {step.worker for step in done if step.source == cut[0].source} == {second.name}
    assert_all_synced(inventory, undisturbed)


def child_of(worker: Worker) -> psutil.Process:
    return psutil.Process(worker.process.pid).children()[0]


@pytest.mark.deploy
def test_a_step_s_process_that_is_killed_fails_the_run_and_the_rest_is_taken_up(
    tmp_path: Path, databases: tuple[str, str], undisturbed: Content, slow: SandboxSource
) -> None:
    """As by the kernel for want of memory: the run fails soon, and its repetition does what is left."""
    inventory, dagster = databases
    with cluster(tmp_path, inventory, dagster, lakes(slow.served, SOURCES), **SETTINGS) as one, one.working(2) as two:
        process = one.start_run()
        wait_for_steps(one, workers=2)
        child_of(two[0]).kill()
        process.wait(timeout=200)
        failed = one.last_run()
        assert failed.status is dg.DagsterRunStatus.FAILURE
        assert failed.tags["dagster/will_retry"] == "true"  # the daemon would, by run_retries
        assert one.run().status is dg.DagsterRunStatus.SUCCESS
        assert one.last_run().run_id != failed.run_id
    assert_all_synced(inventory, undisturbed)


@pytest.mark.deploy
def test_a_long_step_stays_with_its_worker(
    tmp_path: Path, databases: tuple[str, str], undisturbed: Content, slow: SandboxSource
) -> None:
    """Three times as long as the time after which a worker counts as lost, with an idle worker beside it."""
    inventory, dagster = databases
    slow.faults({"action": "slow", "seconds": 3})
    try:
        with cluster(tmp_path, inventory, dagster, lakes(slow.served, 1), **SETTINGS) as one, one.working(2):
            run = one.run()
            steps = one.steps(run.run_id)
    finally:
        slow.faults({"action": "slow", "seconds": 0.1})
    assert run.status is dg.DagsterRunStatus.SUCCESS
    assert len(steps) == 1 and steps[0].ended - steps[0].begun > 2.5 * LOST_AFTER
