"""Runs in OpenMetadata's environment: its GlueSource, its topology runner and its FileSink, with no server behind.

Where the source asks its server, it is told that nothing is there, or, with --known, what an earlier run produced. A
real deployment also pays for one HTTP PUT per table, for the server, and for reading the fingerprints back: what is
measured here is therefore the least that OpenMetadata can cost.
"""

import argparse
import json
import logging
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from metadata.generated.schema.api.data.createTable import CreateTableRequest
from metadata.generated.schema.entity.data.table import Table
from metadata.generated.schema.entity.services.databaseService import DatabaseService
from metadata.ingestion.sink.file import FileSink
from metadata.ingestion.source.database.glue.metadata import GlueSource


class NoServer:
    """OpenMetadata's client where its server holds nothing but the service and, where given, known fingerprints."""

    config = None

    def __init__(self, known: dict[str, str]) -> None:
        self._known = known
        self._service = SimpleNamespace(name="glue", id="0" * 32, fullyQualifiedName="glue")

    def __getattr__(self, name: str) -> Any:
        """Every other call finds nothing."""
        return lambda *_, **__: None

    def get_by_name(self, entity: Any, *_: Any, **__: Any) -> Any:
        """The service; nothing else is there yet."""
        return self._service if entity is DatabaseService else None

    def get_create_service_from_source(self, *_: Any, **__: Any) -> Any:
        """The request that would make the service."""
        return SimpleNamespace(name="glue")

    def list_all_entities(self, entity: Any, params: dict[str, Any] | None = None, **_: Any) -> list[Any]:
        """The known tables of a schema with their fingerprints."""
        if entity is not Table:
            return []
        under = f"{(params or {}).get('database')}."
        return [
            SimpleNamespace(fullyQualifiedName=name, sourceHash=fingerprint, deleted=False)
            for name, fingerprint in self._known.items()
            if name.startswith(under)
        ]


def config(endpoint: str) -> dict[str, Any]:
    """The workflow's source, as its YAML would say it."""
    aws = {"awsAccessKeyId": "bench", "awsSecretAccessKey": "bench", "awsRegion": "us-east-1", "endPointURL": endpoint}
    metadata = {
        "type": "DatabaseMetadata",
        "markDeletedTables": False,
        "includeTags": False,
        "includeOwners": False,
        "threads": 1,
    }
    return {
        "type": "glue",
        "serviceName": "glue",
        "serviceConnection": {"config": {"type": "Glue", "awsConfig": aws}},
        "sourceConfig": {"config": metadata},
    }


def main() -> None:
    """Reads everything, writes what is new to the file, and fails where a table failed."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--endpoint", required=True)
    options.add_argument("--out", required=True)
    options.add_argument("--known", type=Path)
    options.add_argument("--keep", type=Path)
    given = options.parse_args()
    logging.disable(logging.WARNING)
    known: dict[str, str] = json.loads(given.known.read_bytes()) if given.known else {}
    GlueSource.test_connection = lambda self: None
    source = GlueSource.create(config(given.endpoint), NoServer(known))
    sink = FileSink.create({"filename": given.out}, None)
    fingerprints, tables = {}, 0
    for made in source._iter():
        if made.left is not None:
            raise SystemExit(made.left.error[:2000])
        if isinstance(made.right, SimpleNamespace):
            continue
        if isinstance(made.right, CreateTableRequest):
            tables += 1
            fingerprints[f"{made.right.databaseSchema.root}.{made.right.name.root}"] = made.right.sourceHash
        sink._run(made.right)
    sink.close()
    if source.status.failures:
        raise SystemExit(source.status.failures[0].error[:2000])
    if given.keep:
        given.keep.write_text(json.dumps(fingerprints), encoding="utf-8")
    print(json.dumps({"tables": tables, "known": len(known)}))


if __name__ == "__main__":
    main()
