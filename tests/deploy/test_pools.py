"""The run pool of a source holds on Celery workers, for runs of its own job and of the estate's."""

from itertools import pairwise
from pathlib import Path

import dagster as dg
import pytest

from tests.fixtures.celery import Cluster, Step, cluster, lakes
from tests.fixtures.estate import SandboxSource

pytestmark = [pytest.mark.deploy, pytest.mark.xdist_group("celery"), pytest.mark.timeout(600)]

JOBS = ("lake_1_sync", "lake_1_sync", "estate_sync")


def steps_of(one: Cluster, source: str) -> list[Step]:
    """Of three runs that are queued together, in their order.

    Behind one that comes first: Dagster's queue gives a pool its default limit when it has seen the pool, and lets the
    first batch of all pass. What holds then is the source's lock in the inventory.
    """
    with one.daemon():
        one.queue(JOBS[0])
        first = one.finished_runs(1)[0]
        one.queue(*JOBS)
        runs = [run for run in one.finished_runs(1 + len(JOBS)) if run.run_id != first.run_id]
    assert {run.status for run in runs} == {dg.DagsterRunStatus.SUCCESS}
    found = [step for run in runs for step in one.steps(run.run_id) if step.source == source]
    assert len(found) == len(JOBS)
    return sorted(found, key=lambda step: step.begun)


def overlaps(steps: list[Step]) -> int:
    return sum(after.begun < before.ended for before, after in pairwise(steps))


@pytest.mark.parametrize(("limit", "at_once"), [(None, False), (3, True)])
def test_runs_of_a_source_wait_for_each_other(
    tmp_path: Path, databases: tuple[str, str], slow: SandboxSource, limit: int | None, at_once: bool
) -> None:
    """With the limit of dagster.yaml, one; and where the pool is made wider the same runs do meet."""
    slow.faults({"action": "slow", "seconds": 0.5})  # long enough for three runs to be started meanwhile
    with cluster(tmp_path, *databases, lakes(slow.served, 2), sync__threads="1") as one, one.working(2):
        if limit is not None:
            with one.instance() as instance:
                instance.event_log_storage.set_concurrency_slots("lake_1_api", limit)
        assert (overlaps(steps_of(one, "lake_1")) > 0) is at_once
