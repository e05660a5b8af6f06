"""The embedded server: started by many at once, alive after a kill, stopped for certain; and errors in our words."""

import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
import sqlalchemy

from governance.errors import AuthenticationError, ConfigurationError, Terminal, Transient, Unavailable
from resources.inventory.address import plain_url, shown_url, sqlalchemy_url
from resources.inventory.database import Inventory, translated
from resources.inventory.resource import InventoryResource
from resources.inventory.server import embedded_url, ensure_database, ensure_server, server_running, stop_server

ROOT = Path(__file__).resolve().parents[2]
START = """
import sys, pathlib
from resources.inventory.server import ensure_database, ensure_server
print(ensure_database(ensure_server(pathlib.Path(sys.argv[1])), "shared"), flush=True)
sys.stdin.read()
"""


@pytest.fixture
def home() -> Iterator[Path]:
    path = Path(tempfile.mkdtemp(prefix="governance-home-"))
    yield path
    stop_server(path)
    shutil.rmtree(path, ignore_errors=True)


def test_three_start_it_at_once_one_is_killed_and_it_is_stopped_for_certain(home: Path) -> None:
    command = [sys.executable, "-c", START, str(home)]
    children = [
        subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for _ in range(3)
    ]
    try:
        urls = {child.stdout.readline().strip() for child in children if child.stdout}
        assert urls == {embedded_url(home, "shared")}
        for child in children[:2]:
            child.send_signal(signal.SIGKILL)
            child.wait()
        assert server_running(home)
        for dialect in (plain_url(urls.pop()),):
            with psycopg.connect(dialect) as conn:
                assert conn.execute("SELECT 1").fetchone() == (1,)
            with sqlalchemy.create_engine(sqlalchemy_url(dialect)).connect() as engine:
                assert engine.execute(sqlalchemy.text("SELECT 1")).scalar() == 1
    finally:
        for child in children:
            child.kill()
            child.communicate()
    assert server_running(home)
    assert stop_server(home) is True
    assert not server_running(home) and stop_server(home) is False
    assert embedded_url(home, "shared").endswith(f"host={home.resolve() / 'postgres'}")
    ensure_database(ensure_server(home), "shared")
    assert server_running(home)


def test_a_path_too_long_for_a_socket_still_works(home: Path) -> None:
    deep = home / ("d" * 60) / ("e" * 60)
    predicted = embedded_url(deep, "postgres")
    try:
        assert ensure_database(ensure_server(deep), "postgres") == predicted == embedded_url(deep, "postgres")
    finally:
        stop_server(deep)


def test_a_home_that_cannot_be_made_is_named(home: Path) -> None:
    (home / "file").write_text("in the way")
    with pytest.raises(ConfigurationError, match="file") as raised:
        ensure_server(home / "file" / "below")
    assert "GOVERNANCE_HOME" in raised.value.remedy


def test_the_lock_file_of_another_user_is_named(home: Path) -> None:
    from resources.inventory.server import _permission, _wheel

    lock = str(_wheel()[0].lock_path)
    error = _permission(PermissionError(13, "Permission denied", lock), home)
    assert isinstance(error, ConfigurationError) and lock in error.message and lock in error.remedy


def test_nobody_there_is_unavailable() -> None:
    with pytest.raises(Unavailable) as raised, Inventory("postgresql://ana:pw@127.0.0.1:1/x").connection():
        pass
    assert "x at 127.0.0.1:1" in raised.value.remedy and "pw" not in str(raised.value)


def test_a_database_that_is_missing_is_named(server_url: str) -> None:
    with pytest.raises(ConfigurationError, match="nowhere"):
        with Inventory(server_url.replace("/postgres?", "/nowhere?")).connection():
            pass


def test_a_schema_that_is_missing_tells_the_command(empty_database: str) -> None:
    with pytest.raises(ConfigurationError) as raised:
        Inventory(empty_database).queries().sources()
    assert "governance up" in raised.value.remedy


@pytest.mark.parametrize(
    ("state", "kind"),
    [
        ("08006", Transient),
        ("57P01", Transient),
        ("57P03", Transient),
        ("40001", Transient),
        ("40P01", Transient),
        ("53100", Transient),
        ("53300", Transient),
        ("25006", Transient),
        ("57014", Transient),
        ("28P01", AuthenticationError),
        ("42501", Terminal),
        ("23505", Terminal),
    ],
)
def test_errors_are_told_apart_by_their_state(state: str, kind: type[Exception]) -> None:
    raised = psycopg.errors.lookup(state)("it broke\nin detail")
    assert isinstance(translated(raised), kind)
    assert state in str(translated(raised))


def test_an_address_never_shows_its_password() -> None:
    url = "postgresql+psycopg2://ana:s3cret@db.example:5433/inv?sslmode=require"
    assert plain_url(url) == "postgresql://ana:s3cret@db.example:5433/inv?sslmode=require"
    assert shown_url(url) == "inv at db.example:5433"
    for shown in (repr(Inventory(url)), repr(InventoryResource(url=url)), str(InventoryResource(url=url))):
        assert "s3cret" not in shown
    with pytest.raises(ConfigurationError) as raised:
        plain_url("mysql://ana:s3cret@x/y")
    assert "s3cret" not in str(raised.value)


def test_an_address_of_several_servers_means_the_one_that_can_be_written() -> None:
    url = "postgres://inv:a%2Cb@one:5432,two:5433/inv?sslmode=disable"
    assert plain_url(url).endswith("/inv?sslmode=disable&target_session_attrs=read-write")
    assert plain_url("postgresql://one,two/inv?target_session_attrs=any").endswith("?target_session_attrs=any")
    assert shown_url(url) == "inv at one:5432,two:5433"
    made = sqlalchemy.make_url(sqlalchemy_url(url))
    told = sqlalchemy.create_engine(made).dialect.create_connect_args(made)[1]
    assert (told["host"], told["port"], told["password"]) == ("one,two", "5432,5433", "a,b")
    assert told["target_session_attrs"] == "read-write"
