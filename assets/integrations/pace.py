"""A source's pace over its runs: each begins where the last one ended, and keeps what it has learned."""

from collections.abc import Iterator
from contextlib import contextmanager

import structlog

from governance.errors import GovernanceError
from resources.calls import Meter
from resources.inventory import pace
from resources.inventory.attempts import ATTEMPTS, retrying
from resources.inventory.database import Inventory

log = structlog.get_logger(__name__)


@contextmanager
def kept_pace(meter: Meter, inventory: Inventory, source: str, run_id: str, threads: int) -> Iterator[None]:
    """Lends a reader what is known of its source's pace, and keeps what it knows at the end, however that comes.

    Args:
        meter: the reader's, before its first call.
        inventory: where it is kept.
        source: its name.
        run_id: the Dagster run.
        threads: calls that are made at once at most.

    Raises:
        GovernanceError: the database cannot be reached.
    """
    meter.paces.narrow(threads)
    read = retrying("read pace", ATTEMPTS)
    meter.paces.remember(read(pace.remembered, inventory, source))
    try:
        yield
    finally:
        try:
            pace.keep(inventory, source, run_id, meter.paces.learned())
        except GovernanceError as error:
            # the next run learns it again; what the run itself met is worth more
            log.warning("pace.not_kept", source=source, error=str(error))
