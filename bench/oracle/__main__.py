"""DataHub's output as an oracle: both read the sandbox's lake and warehouse, and nothing of DataHub's may be missing.

python -m bench.oracle [--write]

Ends with 1 where a difference has no explanation in `explanations.py`. `--write` renews docs/oracle.md.
"""

import argparse
import importlib
import json
import os
import sys
import tempfile
import uuid
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from assets.integrations.sync import Silent, SyncRequest, sync_source
from bench.oracle import datahub_records, inventory_facts
from bench.oracle.comparison import Comparison, compared
from bench.oracle.explanations import EXPLANATIONS
from bench.oracle.page import PAGE, page
from bench.peers import datahub
from bench.peers.install import DATAHUB, install
from governance.estate import Source
from resources.inventory.database import Inventory
from resources.inventory.migrations import migrate
from resources.inventory.server import ensure_database, ensure_server, stop_server
from sandbox.serving import Company, Served, running

PLATFORMS = ("glue", "snowflake")


def theirs(served: Served, folder: Path) -> list[Any]:
    """The records that DataHub makes of this server."""
    secrets, connection = served.face.secrets(), served.face.connection(served.url)
    out = folder / f"{served.face.platform}.json"
    if served.face.platform == "glue":
        keys = (secrets[connection[name]["env"]] for name in ("access_key_id", "secret_access_key"))
        recipe = datahub.glue(connection["region"], *keys)
        recipe["config"]["extract_lakeformation_tags"] = True
        datahub.run(recipe, datahub.file(out), folder, {"AWS_ENDPOINT_URL": served.url})
    else:
        password = secrets[connection["password"]["env"]]
        recipe = datahub.snowflake(connection, password, urlsplit(served.url).port or 0)
        datahub.run(recipe, datahub.file(out), folder, {})
    records: list[Any] = json.loads(out.read_text(encoding="utf-8"))
    return records


def synced(served: Served, inventory: Inventory) -> None:
    """Our own reading of the same server."""
    face = served.face
    os.environ.update(face.secrets())
    module = importlib.import_module(f"resources.{face.platform}.resource")
    of = next(v for v in vars(module).values() if getattr(v, "platform", None) == face.platform)
    source = Source(face.source, face.platform, {})
    request = SyncRequest(source=source, run_id=str(uuid.uuid4()), actor="oracle")
    with of(source=face.source, **face.connection(served.url)).reader() as reader:
        end = list(sync_source(request, reader, inventory, Silent()))[-1]
    status = end.summary.status
    if status != "complete":
        raise SystemExit(f"our sync of {face.source} is {status}")


def outcomes() -> dict[str, Comparison]:
    """The comparison for each source, by platform."""
    if problem := install(DATAHUB):
        raise SystemExit(problem)
    with tempfile.TemporaryDirectory(prefix="oracle-") as folder, running(Company(), PLATFORMS) as servers:
        home = Path(folder)
        home.chmod(0o755)  # the embedded server may run as another user
        try:
            url = ensure_database(ensure_server(home), "oracle")
            migrate(url)
            with Inventory(url) as inventory:
                return {name: _outcome(servers[name], inventory, home / "datahub") for name in PLATFORMS}
        finally:
            stop_server(home)


def _outcome(served: Served, inventory: Inventory, folder: Path) -> Comparison:
    synced(served, inventory)
    with inventory.connection() as conn:
        ours = list(inventory_facts.facts_of(conn, served.face.source))
    told = datahub_records.facts_of(theirs(served, folder))
    return compared(told, ours, EXPLANATIONS[served.face.platform])


def main() -> int:
    """Compares, shows, and writes the page if asked."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--write", action="store_true", help="renew docs/oracle.md")
    given = options.parse_args()
    found = outcomes()
    text = page(found, DATAHUB.version)
    print(text)
    if given.write:
        PAGE.write_text(text, encoding="utf-8")
    for platform, comparison in found.items():
        for fact in comparison.unexplained:
            print(f"unexplained, {platform}: {fact}", file=sys.stderr)
    return 1 if any(c.unexplained for c in found.values()) else 0


if __name__ == "__main__":
    sys.exit(main())
