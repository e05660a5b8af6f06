"""The boundary of a run step: what one scope or part may raise, and what is recorded of it instead."""

import traceback
from collections.abc import Callable
from typing import TypeVar

import structlog

from governance.errors import GovernanceError
from governance.listing import Reason

T = TypeVar("T")

log = structlog.get_logger(__name__)


def settled(read: Callable[[], T], fail: Callable[[Reason], T], **where: str) -> T:
    """The outcome of reading and writing one scope or part; where that raised, the failed outcome with its reason.

    Args:
        read: reads and writes it.
        fail: records that it could not be read.
        where: what was read, for the log: `source`, and `scope` or `facet` and `part`.

    Raises:
        GovernanceError: even the failure could not be recorded.
    """
    try:
        return read()
    except GovernanceError as error:
        return fail(Reason.of(error))
    except Exception as error:  # noqa: BLE001 - the run-step boundary: a defect in one must not stop the others
        log.error("step.defect", trace=traceback.format_exc(), **where)
        return fail(Reason("internal_error", f"{type(error).__name__}: {error}", remedy="report it with the run's log"))
