"""A run whose process was killed does not stay started for ever."""

import subprocess
import sys

import dagster as dg
import psutil

from governance_pipelines.orphans import PROCESS_TAG, fail_orphans, process_tag


@dg.job
def nothing() -> None:
    return


def started(instance: dg.DagsterInstance, tags: dict[str, str]) -> str:
    run = instance.create_run_for_job(nothing, tags=tags)
    instance.handle_run_event(
        run.run_id,
        dg.DagsterEvent(event_type_value="PIPELINE_START", job_name="nothing", message="started"),
    )
    return run.run_id


def tag_of_a_dead_process() -> dict[str, str]:
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    born = psutil.Process(child.pid).create_time()
    child.communicate(b"\n")
    node = next(iter(process_tag().values())).rsplit(":", 2)[0]
    return {PROCESS_TAG: f"{node}:{child.pid}:{born:.2f}"}


def test_only_runs_of_dead_processes_are_failed() -> None:
    with dg.DagsterInstance.ephemeral() as instance:
        dead = started(instance, tag_of_a_dead_process())
        mine = started(instance, process_tag())
        elsewhere = started(instance, {PROCESS_TAG: "another-machine:1:1.00"})
        untagged = started(instance, {})
        assert fail_orphans(instance) == [dead]
        statuses = {r: instance.get_run_by_id(r).status for r in (dead, mine, elsewhere, untagged)}  # type: ignore[union-attr]
        assert statuses.pop(dead) is dg.DagsterRunStatus.FAILURE
        assert set(statuses.values()) == {dg.DagsterRunStatus.STARTED}
        assert fail_orphans(instance) == []


def test_a_pid_that_was_given_to_another_process_is_not_taken_for_the_run() -> None:
    node, pid, _ = next(iter(process_tag().values())).rsplit(":", 2)
    with dg.DagsterInstance.ephemeral() as instance:
        reused = started(instance, {PROCESS_TAG: f"{node}:{pid}:1.00"})
        assert fail_orphans(instance) == [reused]
