"""Runs of the command line whose process was killed: Dagster would show them as started for ever, and count them.

A run in a shell's process has no launcher that could notice its death. Its tags say which process it was.
"""

import platform

import dagster as dg
import psutil

PROCESS_TAG = "governance/process"
_SAME_START_SECONDS = 2.0
_NOT_ENDED = [dg.DagsterRunStatus.STARTED, dg.DagsterRunStatus.STARTING, dg.DagsterRunStatus.NOT_STARTED]


def process_tag() -> dict[str, str]:
    """The tag that a run in this process must carry."""
    me = psutil.Process()
    return {PROCESS_TAG: f"{platform.node()}:{me.pid}:{me.create_time():.2f}"}


def fail_orphans(instance: dg.DagsterInstance) -> list[str]:
    """Marks as failed the runs whose process is gone from this machine; returns their ids."""
    failed = []
    for run in instance.get_runs(dg.RunsFilter(statuses=_NOT_ENDED)):
        tag = run.tags.get(PROCESS_TAG)
        if tag is not None and _is_gone(tag):
            instance.report_run_failed(
                run, "The process of this run was killed. Finished scopes are kept; run it again."
            )
            failed.append(run.run_id)
    return failed


def _is_gone(tag: str) -> bool:
    """Whether the process ran here and does not any more; of another machine nobody here can tell."""
    node, pid, started = tag.rsplit(":", 2)
    if node != platform.node():
        return False
    try:
        process = psutil.Process(int(pid))
        return abs(process.create_time() - float(started)) > _SAME_START_SECONDS or (
            process.status() == psutil.STATUS_ZOMBIE
        )
    except psutil.NoSuchProcess:
        return True
