"""A process that forks a child for each sync it is told to run, so that a test can kill syncs again and again.

Everything is imported once; each line on stdin is a request, answered by the child's process id and, when the child has
ended, by its exit status as `os.waitpid` gives it: 9 for one that was killed by SIGKILL.
"""

import json
import os
import signal
import sys
import traceback
import uuid
from typing import Any

import resources.glue.client  # noqa: F401 - a child that has to import it first spends its life on that
from assets.integrations.sync import Silent, SyncRequest, sync_source
from governance.estate import Source
from governance_pipelines.platforms import source_resource
from resources.inventory.database import Inventory
from resources.inventory.outcomes import SourceBusy
from tests.faults.facets import Edition, sync_edition

BUSY = 4
"""The status of a child that found the source held by another run."""


class Told(Exception):
    """SIGTERM came, as Dagster tells a step: by an exception in the main thread."""


def _tell(number: int, frame: object) -> None:
    raise Told


def sync(request: dict[str, Any]) -> None:
    """One whole sync of a source or of a facet, as a run of its own."""
    if edition := request.get("edition"):
        with Inventory(request["database"]) as inventory:
            sync_edition(Edition(*edition), inventory, request["patience"])
        return
    source = Source("lake", "glue", request["connection"], (), ())
    asked = SyncRequest(source, str(uuid.uuid4()), "test", busy_wait_seconds=request["patience"])
    with Inventory(request["database"]) as inventory, source_resource(source).reader() as reader:
        for _ in sync_source(asked, reader, inventory, Silent()):
            pass


def main() -> None:
    """Serves requests until stdin ends."""
    print("ready", flush=True)
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            code = 1
            signal.signal(signal.SIGTERM, _tell)
            try:
                sync(json.loads(line))
                code = 0
            except SourceBusy:
                code = BUSY
            finally:
                if code == 1:
                    traceback.print_exc()
                os._exit(code)
        print(child, flush=True)
        print(os.waitpid(child, 0)[1], flush=True)


if __name__ == "__main__":
    main()
