"""The sync engine without Dagster on the replay endpoint, as a script to be timed; the counterpart of `floor`."""

import argparse
import json
import os
import resource
import time
import uuid
from datetime import timedelta

from assets.integrations.glue import INTEGRATION as GLUE
from assets.integrations.sync import Silent, SourceSynced, SyncRequest, sync_source
from governance.estate import Source
from resources.glue.resource import GlueResource
from resources.inventory.database import Inventory
from resources.inventory.migrations import migrate
from resources.secret import Secret


def run(endpoint: str, url: str, threads: int, tokens: bool, name: str = "bench") -> dict[str, float]:
    """One sync; the figures of it."""
    os.environ.update(BENCH_KEY="bench", BENCH_SECRET="bench")
    glue = GlueResource(
        source=name,
        region="us-east-1",
        endpoint_url=endpoint,
        access_key_id=Secret(env="BENCH_KEY"),
        secret_access_key=Secret(env="BENCH_SECRET"),
        lake_formation=False,
    )
    source = Source(name, "glue", {})
    request = SyncRequest(
        source=source,
        run_id=str(uuid.uuid4()),
        actor="bench",
        threads=threads,
        full_listing_interval=timedelta(hours=24 if tokens else 0),
    )
    with Inventory(url) as inventory, glue.reader() as reader:
        cpu, wall = time.process_time() + _of_children(), time.perf_counter()
        end = [one for one in sync_source(request, reader, inventory, Silent()) if isinstance(one, SourceSynced)]
        figures = {"wall_s": time.perf_counter() - wall, "cpu_s": time.process_time() + _of_children() - cpu}
    summary = end[0].summary
    if summary.status != "complete":
        raise SystemExit(f"the sync is {summary.status}: {summary.reasons[:3]}")
    return {
        **figures,
        "rss_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        "rows_written": summary.changes,
        "datasets": summary.datasets,
        "skipped": summary.counts["skipped"],
    }


def _of_children() -> float:
    """CPU s of the processes that this one started and ended."""
    times = os.times()
    return times.children_user + times.children_system


if __name__ == "__main__":
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--endpoint", required=True)
    options.add_argument("--url", required=True)
    options.add_argument("--threads", type=int, default=GLUE.threads)
    options.add_argument("--migrate", action="store_true", help="make the schema first, not counted")
    options.add_argument("--tokens", action="store_true", help="pass over what did not move its change token")
    options.add_argument("--source", default="bench", help="its name; one that is there already goes on from there")
    given = options.parse_args()
    if given.migrate:
        migrate(given.url)
    print(json.dumps(run(given.endpoint, given.url, given.threads, given.tokens, given.source)))
