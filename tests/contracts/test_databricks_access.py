"""What the Databricks reader says where a privilege is missing: never an empty success, always the GRANT to ask for."""

from collections.abc import Iterator

import pytest
import requests

from governance.listing import Scope, Status
from resources.source import Reader
from sandbox.databricks.access import ADMIN_TOKEN
from sandbox.serving import Company, Face, Served, running
from tests.contracts.contract import EVERYTHING
from tests.fixtures.databricks import CATALOG, SALES, SECRETS, api, datasets, pages, reader, reasons


@pytest.fixture(scope="module")
def served() -> Iterator[Served]:
    with running(Company(), ["databricks"]) as servers:
        yield servers["databricks"]


@pytest.fixture
def face(served: Served) -> Iterator[Face]:
    yield served.face
    served.face.faults.clear()


@pytest.fixture(autouse=True)
def tokens(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in SECRETS.items():
        monkeypatch.setenv(name, value)


@pytest.fixture
def scratch(served: Served) -> Iterator[Scope]:
    """A schema of the test's own."""
    api(served, "POST", "/schemas", {"name": "scratch", "catalog_name": "main"})
    yield Scope("main.scratch", "schema", {"catalog": "main", "schema": "scratch"})
    answer = requests.delete(
        f"{served.url}{CATALOG}/schemas/main.scratch?force=true",
        headers={"Authorization": f"Bearer {ADMIN_TOKEN}"},
        timeout=10,
    )
    assert answer.status_code in (200, 404)


def grant(served: Served, catalog: str, add: list[str], remove: list[str] | None = None) -> None:
    change = {"principal": "stranger@acme.example", "add": add, "remove": remove or []}
    api(served, "PATCH", f"/permissions/catalog/{catalog}", {"changes": [change]})


@pytest.fixture
def stranger(served: Served) -> Iterator[Reader]:
    with reader(served, "T_STRANGER") as open_one:
        yield open_one
    grant(served, "main", [], ["USE_CATALOG", "USE_SCHEMA", "BROWSE", "SELECT", "EXECUTE", "READ_VOLUME"])


def test_nothing_to_see_is_never_an_empty_success(stranger: Reader) -> None:
    listing = stranger.scopes(EVERYTHING)
    assert listing.status is Status.PARTIAL
    assert listing.reasons[0].remedy.endswith("TO `stranger@acme.example`")
    assert [p.name for p in stranger.probe() if not p.ok] == ["catalogs"]


def test_a_schema_without_privileges_is_denied_with_the_grant(served: Served, stranger: Reader) -> None:
    grant(served, "main", ["USE_CATALOG"])
    [line] = [p for p in stranger.probe() if not p.ok]
    assert line.missing == "USE SCHEMA, SELECT, EXECUTE, READ VOLUME"
    assert line.remedy == (
        "GRANT USE SCHEMA, SELECT, EXECUTE, READ VOLUME ON CATALOG `main` TO `stranger@acme.example`"
    )
    with pytest.raises(Exception, match="does not have USE SCHEMA") as raised:
        pages(stranger, SALES)
    assert getattr(raised.value, "remedy", "") == "GRANT USE SCHEMA ON SCHEMA `main`.`sales` TO `stranger@acme.example`"


def test_tables_that_are_silently_left_out_make_the_listing_partial(served: Served, stranger: Reader) -> None:
    grant(served, "main", ["USE_CATALOG", "USE_SCHEMA"])
    [reason] = reasons(pages(stranger, SALES))
    assert reason.code == "permission_denied"
    assert reason.remedy == "GRANT BROWSE ON CATALOG `main` TO `stranger@acme.example`"


def test_tables_shown_without_columns_are_not_taken_for_empty(served: Served, stranger: Reader) -> None:
    grant(served, "main", ["BROWSE"])
    found = pages(stranger, SALES)
    assert not [d for d in datasets(found).values() if d.namespace == "relation"]
    assert {r.code for r in reasons(found)} == {"permission_denied"}
    assert all(
        "SELECT, EXECUTE, READ VOLUME ON CATALOG `main` TO `stranger@acme.example`" in r.remedy for r in reasons(found)
    )
    assert "main.sales.campaigns" in reasons(found)[0].message
    landing = Scope("main.landing", "schema", {"catalog": "main", "schema": "landing"})
    assert "main.landing.clicks" in reasons(pages(stranger, landing))[0].message


def test_an_empty_schema_that_we_may_read_is_complete(served: Served, scratch: Scope) -> None:
    with reader(served) as open_one:
        assert reasons(pages(open_one, scratch)) == []
