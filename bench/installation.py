"""A real installation in a temporary directory, its server up and its schemas made, with the replay as its source."""

import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import yaml

from bench.processes import ROOT, Figures, cpu_of, environment, timed
from resources.inventory.server import data_directory, embedded_url, stop_server

_PREPARE = """
import dagster
from governance_pipelines.bindings import installation
from governance_pipelines.home import prepare
prepare(installation())
with dagster.DagsterInstance.get() as instance:
    instance.get_runs_count()
"""
SOURCE = "lake"


@dataclass(frozen=True)
class Bench:
    """The installation: its state directory, and the environment of its commands."""

    home: Path
    environment: dict[str, str]

    @property
    def url(self) -> str:
        """Of the inventory's database."""
        return embedded_url(self.home, "governance")

    def governance(self, *arguments: str, **settings: str) -> Figures:
        """What one command of ours cost, with PostgreSQL's CPU s beside it; settings as `sync__threads="2"`."""
        asked = {f"GOVERNANCE_{name.upper()}": value for name, value in settings.items()}
        command = [str(Path(sys.executable).parent / "governance"), *arguments]
        postmaster = int((data_directory(self.home) / "postmaster.pid").read_text().split()[0])
        before = cpu_of(postmaster)
        figures = timed(command, {**self.environment, **asked}, self.home / "logs" / "bench.log")
        return {**figures, "postgres_cpu_s": cpu_of(postmaster) - before}

    def value(self, query: str) -> Any:
        """The first value of a query on the inventory."""
        with psycopg.connect(self.url) as connection:
            row = connection.execute(query.encode()).fetchone()
        return row[0] if row else None

    def read_from(self, endpoint: str) -> None:
        """Points the source at another endpoint."""
        connection = {
            "region": "us-east-1",
            "endpoint_url": endpoint,
            "access_key_id": {"env": "BENCH_KEY"},
            "secret_access_key": {"env": "BENCH_SECRET"},
            "lake_formation": False,
        }
        source = {"name": SOURCE, "platform": "glue", "connection": connection}
        text = yaml.safe_dump({"version": 1, "sources": [source]})
        Path(self.environment["GOVERNANCE_ESTATE"]).write_text(text, encoding="utf-8")


@contextmanager
def installed(endpoint: str) -> Iterator[Bench]:
    """As `governance up --no-sync` leaves it, without web server and daemon; gone at the end of the block."""
    home = Path(tempfile.mkdtemp(prefix="bench-"))
    home.chmod(0o755)  # the embedded server may run as another user
    mine = environment(
        GOVERNANCE_HOME=str(home),
        GOVERNANCE_ESTATE=str(home / "estate.yaml"),
        BENCH_KEY="bench",
        BENCH_SECRET="bench",
        PYTHONUNBUFFERED="1",
    )
    bench = Bench(home, mine)
    try:
        bench.read_from(endpoint)
        subprocess.run([sys.executable, "-c", _PREPARE], env=mine, cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
        yield bench
    finally:
        stop_server(home)
        shutil.rmtree(home, ignore_errors=True)
