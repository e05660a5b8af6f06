"""An installation's state directory and databases, made ready: safe to do any number of times, and at the same time."""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

from governance.errors import ConfigurationError
from governance_pipelines.bindings import CHECKOUT, Installation

_INSTANCE = "dagster.yaml"


def prepare_home(installation: Installation) -> None:
    """The state directory and Dagster's directory, with the project's dagster.yaml linked into the latter.

    A dagster.yaml that somebody put there is left alone.

    Raises:
        ConfigurationError: a directory cannot be made, or dagster.yaml is not to be found.
    """
    try:
        for folder in (installation.home, installation.home / "run", installation.home / "logs"):
            folder.mkdir(parents=True, exist_ok=True)
        installation.dagster_home.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigurationError(
            f"the state directory cannot be made: {error}",
            platform="settings",
            remedy="set GOVERNANCE_HOME to a directory that this user may write",
        ) from error
    link = installation.dagster_home / _INSTANCE
    if link.exists() and not link.is_symlink():
        return
    target = next((f / _INSTANCE for f in (CHECKOUT, Path.cwd()) if (f / _INSTANCE).is_file()), None)
    if target is None:
        raise ConfigurationError(
            f"there is no {_INSTANCE} in {CHECKOUT} nor in the current directory",
            platform="settings",
            remedy="run it in a checkout, or set DAGSTER_HOME to a directory that has one",
        )
    if not link.is_symlink() or link.resolve() != target.resolve():
        link.unlink(missing_ok=True)
        link.symlink_to(target)


def prepare_database(installation: Installation) -> str:
    """The server (the embedded one is started), both databases, and the inventory's migrations.

    Returns:
        Words for a person: which server it is.

    Raises:
        GovernanceError: it cannot be reached, or may not be changed.
    """
    from resources.inventory.address import plain_url
    from resources.inventory.migrations import migrate
    from resources.inventory.server import ensure_database, ensure_server

    if installation.database_url is None:
        base = ensure_server(installation.home)
        ensure_database(base, "dagster")
        migrate(ensure_database(base, "governance"))
        return f"embedded, in {installation.home}"
    if installation.settings.dagster.database_url is None:
        ensure_database(plain_url(installation.database_url), _name(installation.dagster_database_url))
    migrate(installation.inventory_url)
    return "the server of GOVERNANCE_DATABASE_URL"


def _name(url: str) -> str:
    return urlsplit(url).path.lstrip("/")


def prepare(installation: Installation) -> None:
    """All that a command needs which runs Dagster in this process."""
    prepare_home(installation)
    prepare_database(installation)
    installation.enter()


@contextmanager
def only_one(home: Path) -> Iterator[None]:
    """Waits for another `governance up` or `down` of the same state directory to finish."""
    (home / "run").mkdir(parents=True, exist_ok=True)
    with (home / "run" / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
