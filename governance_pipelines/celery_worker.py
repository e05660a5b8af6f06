"""A Celery worker of this installation: `celery -A governance_pipelines.celery_worker worker --concurrency 1`.

It needs the environment that the code location has, and opens the inventory and the sources by itself. Nobody imports
this module but Celery.
"""

import importlib
import signal
import time
from typing import Any

from billiard.util import set_pdeathsig
from celery import Celery, bootsteps
from celery.signals import worker_process_init
from celery.worker import state
from dagster_celery.make_app import make_app
from dagster_celery.tasks import create_task

from governance.errors import ConfigurationError
from governance_pipelines.bindings import BROKER_URL, Installation, installation
from governance_pipelines.deployment import deployment
from governance_pipelines.execution import celery_options
from governance_pipelines.logs import configure_logging

RENEWALS = 4
"""How often a lease is renewed before it would run out."""

REPLACE_SECONDS = 0.2
"""Between two looks at whether a step's process has ended and another is to be started."""


class Upkeep(bootsteps.StartStopStep):  # type: ignore[misc]
    """Tells the broker that this worker lives and still has its steps, and replaces a step's process when it has ended.

    Redis gives a message that is not acknowledged in time to another worker, and cannot tell a long step from a dead
    worker. So the time is short, and the clock of each step at hand is set back as long as the worker lives.
    """

    requires = ("celery.worker.consumer.tasks:Tasks",)

    def __init__(self, consumer: Any, **options: Any) -> None:
        self.timers: list[Any] = []
        super().__init__(consumer, **options)

    def start(self, consumer: Any) -> None:
        """From now on."""
        lease = consumer.app.conf.broker_transport_options["visibility_timeout"]
        self.timers = [
            consumer.timer.call_repeatedly(lease / RENEWALS, self.renew, (consumer,)),
            # Celery itself looks every 5 s where it was told of the end a moment too early
            consumer.timer.call_repeatedly(REPLACE_SECONDS, consumer.pool.maintain_pool),
        ]

    def stop(self, consumer: Any) -> None:
        """No longer."""
        for timer in self.timers:
            timer.cancel()
        self.timers = []

    def renew(self, consumer: Any) -> None:
        """Sets the time of every message at hand to now, of those only that are still this worker's."""
        held = {request.message.delivery_tag: time.time() for request in tuple(state.reserved_requests)}
        if held:
            channel = consumer.task_consumer.channel
            with channel.conn_or_acquire() as client:
                client.zadd(channel.unacked_index_key, held, xx=True)


@worker_process_init.connect  # type: ignore[untyped-decorator]
def end_with_parent(**_: object) -> None:
    """A step must not outlive its worker: the broker gives it to another."""
    set_pdeathsig(signal.SIGKILL)


def worker_app(here: Installation) -> Celery:
    """The Celery application that executes Dagster's steps.

    Raises:
        ConfigurationError: no broker is set, or there is no estate.
        EstateError: what is wrong in it.
    """
    dagster = here.settings.dagster
    if dagster.broker_url is None:
        raise ConfigurationError(
            "a worker needs the address of its broker", platform="settings", remedy=f"set {BROKER_URL}"
        )
    here.enter()
    configure_logging(here.settings.logging)
    where = {"broker": dagster.broker_url, "backend": dagster.broker_url}
    made: Celery = make_app({**where, "config_source": {"task_default_queue": "dagster", **celery_options(dagster)}})
    # a result is the list of a step's events: too long for a line of the log
    create_task(made, resultrepr_maxsize=80)
    made.steps["consumer"].add(Upkeep)
    _import_all(here)
    return made


def _import_all(here: Installation) -> None:
    """What a step needs, in the parent once: each step's process is a copy of it and need not import anything."""
    importlib.import_module("dagster_postgres")
    for source in here.estate().sources:
        importlib.import_module(f"resources.{source.platform}.client")
    deployment(here)


app = worker_app(installation())
