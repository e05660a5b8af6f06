"""Where the steps of a run are executed: beside the run, or on Celery workers. Only settings tell the two apart.

The run launcher and the queue are the same for both, and so are the run pools, which the queue holds.
"""

from typing import Any

import dagster as dg

from governance.errors import ConfigurationError
from governance.settings import DagsterSettings
from governance_pipelines.bindings import BROKER_URL

LOCAL_PROCESSES = 4
"""Sources of the estate's job that are synced at the same time on one machine."""


def asset_executor(settings: DagsterSettings) -> dg.ExecutorDefinition:
    """For the jobs of one source, which are one step."""
    return dg.in_process_executor if settings.executor == "local" else _celery(settings)


def estate_executor(settings: DagsterSettings) -> dg.ExecutorDefinition:
    """For the estate's job, which has a step for each source."""
    if settings.executor == "local":
        return dg.multiprocess_executor.configured({"max_concurrent": LOCAL_PROCESSES})
    return _celery(settings)


def celery_options(settings: DagsterSettings) -> dict[str, Any]:
    """Celery's settings, the same for who sends a step and for who executes it.

    A step stays on the broker until it is done, on a lease that its worker renews; when the lease runs out, the step
    goes to another worker.
    """
    lease = settings.lost_worker_seconds
    return {
        "task_acks_late": True,
        "worker_prefetch_multiplier": 1,
        # a worker that was cut off from the broker no longer holds its step: another may have it already
        "worker_cancel_long_running_tasks_on_connection_loss": True,
        # a fresh process a step: it reads the estate as it is now, and gives its memory back
        "worker_max_tasks_per_child": 1,
        "worker_redirect_stdouts": False,
        "broker_connection_retry_on_startup": True,
        "broker_transport_options": {
            "visibility_timeout": lease,
            "unacked_restore_interval": max(1, lease // 4),
            "unacked_restore_throttle": 1,
            "socket_keepalive": True,
        },
    }


def _celery(settings: DagsterSettings) -> dg.ExecutorDefinition:
    try:
        from dagster_celery import celery_executor
    except ImportError as error:
        raise ConfigurationError(
            "the Celery executor is not installed",
            platform="settings",
            remedy="pip install 'governance-pipelines[celery]', or set GOVERNANCE_DAGSTER__EXECUTOR=local",
        ) from error
    # by the variable's name: the address may hold a password, and Dagster shows what an executor is configured with
    where = {"broker": {"env": BROKER_URL}, "backend": {"env": BROKER_URL}}
    configured: dg.ExecutorDefinition = celery_executor.configured({**where, "config_source": celery_options(settings)})
    return configured
