"""A source that suddenly lists less, or fails half-way, deletes nothing; summary, run and checks say why."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from governance.estate import Source
from governance.listing import Status
from governance_pipelines.deployment import deployment
from governance_pipelines.jobs import source_job_name
from resources.inventory.database import Inventory
from tests.fixtures.estate import SandboxSource, sandbox_source
from tests.fixtures.glue_account import Account
from tests.fixtures.installation import installed, write_estate

PLATFORMS = ("atlas", "databricks", "glue", "purview", "snowflake")
LOST = {
    "atlas": "hive_table",
    "databricks": "main.sales",
    "glue": "sales",
    "purview": "retail-sales",
    "snowflake": "RETAIL.SALES",
}
"""A scope with datasets, as the platform's `lose` fault names it."""
NO_TOKENS = timedelta(0)
"""Where a fault is to hit a listing, and not the reading of a token before it."""


@pytest.fixture(scope="module", params=[pytest.param(p, marks=pytest.mark.xdist_group(f"sync-{p}")) for p in PLATFORMS])
def served(request: pytest.FixtureRequest) -> Iterator[SandboxSource]:
    with sandbox_source(request.param) as one:
        yield one


@pytest.fixture
def source(served: SandboxSource) -> Iterator[SandboxSource]:
    yield served
    served.faults()


@pytest.fixture(scope="module")
def lake() -> Iterator[SandboxSource]:
    """A lake with a database of 250 tables, which come in three pages."""
    with sandbox_source("glue") as one:
        account = Account(one.served.url)
        account.glue.create_database(DatabaseInput={"Name": "wide"})
        columns = {"Columns": [{"Name": "a", "Type": "int"}]}
        for n in range(250):
            account.glue.create_table(
                DatabaseName="wide", TableInput={"Name": f"t{n:03}", "StorageDescriptor": columns}
            )
        yield one


def state(inventory: Inventory) -> tuple[Any, ...]:
    """Counts of what is present, and of deletions ever recorded."""
    with inventory.connection() as connection:
        row = connection.execute(
            "SELECT (SELECT count(*) FROM inventory.datasets WHERE state = 'present'),"
            " (SELECT count(*) FROM inventory.columns), (SELECT count(*) FROM inventory.tags),"
            " (SELECT count(*) FROM inventory.changes), (SELECT count(*) FROM inventory.changes WHERE change='deleted')"
        ).fetchone()
    assert row is not None
    return row


def synced(source: SandboxSource, inventory: Inventory) -> tuple[Any, ...]:
    first = source.sync(inventory)
    assert first.summary.status == "complete", first.summary.reasons
    found = state(inventory)
    assert found[0] == len(list(source.served.face.account())) and found[4] == 0
    return found


def test_everything_lost(source: SandboxSource, inventory: Inventory) -> None:
    before = synced(source, inventory)
    source.faults({"action": "lose"})
    lost = source.sync(inventory)
    assert state(inventory) == before
    assert lost.summary.status in ("partial", "failed")
    assert any(what in r for r in lost.summary.reasons for what in _SAID), lost.summary.reasons
    assert lost.outcomes and all(o.reasons for o in lost.outcomes.values() if o.status is not Status.COMPLETE)
    source.faults()
    assert source.sync(inventory).summary.status == "complete" and state(inventory) == before


def test_one_scope_lost(source: SandboxSource, inventory: Inventory) -> None:
    before = synced(source, inventory)
    name = LOST[source.platform]
    source.faults({"action": "lose", "scope": name})
    lost = source.sync(inventory)
    assert state(inventory) == before
    assert lost.summary.status in ("partial", "failed")
    outcome = lost.outcomes[name]
    assert outcome.status is not Status.COMPLETE and outcome.reasons[0].remedy
    assert any(what in outcome.reasons[0].message for what in _SAID)
    assert {n for n, o in lost.outcomes.items() if o.status is not Status.COMPLETE} == {name}


MIDDLE: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "atlas": ({}, {"match": "entity/bulk", "after": 2}),
    "databricks": ({}, {"match": "unity-catalog/tables.*page_token"}),
    "glue": ({}, {"match": "GetTables", "after": 2}),
    "purview": ({"page_size": 2}, {"match": "search/query", "after": 3}),
    "snowflake": ({}, {"match": "query-request", "after": 12}),
}
"""Fields of the connection, and the rule that fails one call in the middle of the listings."""


def test_a_call_in_the_middle_fails(source: SandboxSource, inventory: Inventory) -> None:
    before = synced(source, inventory)
    fields, rule = MIDDLE[source.platform]
    source.faults({"action": "fail", "status": 500, "times": 1, **rule})
    result = source.sync(inventory, source=without_retries(source, **fields), full_listing_interval=NO_TOKENS)
    assert state(inventory) == before
    odd = [o for o in result.outcomes.values() if o.status is not Status.COMPLETE]
    assert odd and result.summary.status == "partial" and result.summary.reasons
    assert all(o.reasons[0].operation and o.reasons[0].message for o in odd)
    assert not any(o.held or o.changed for o in result.outcomes.values())
    source.faults()
    assert source.sync(inventory).summary.status == "complete" and state(inventory) == before


_SAID = ("nothing was deleted", "nothing of it was deleted", "shows no database")
"""What the reasons of a loss say: that of the guard, of a scope that left the listing, of a listing that is empty."""


# --- on the lake: the page that fails, Dagster's checks, and the way to accept a loss ---


def without_retries(source: SandboxSource, **fields: Any) -> Source:
    return replace(source.source(), connection={**source.source().connection, "attempts": 1, **fields})


@pytest.mark.xdist_group("sync-glue")
def test_page_two_of_three_fails(lake: SandboxSource, inventory: Inventory) -> None:
    lake.faults()
    assert lake.sync(inventory).summary.status == "complete"
    before = state(inventory)
    lake.faults({"action": "fail", "match": 'GetTables.*"wide"', "after": 1, "times": 1, "status": 500})
    result = lake.sync(inventory, source=without_retries(lake), full_listing_interval=NO_TOKENS)
    lake.faults()
    assert state(inventory) == before
    outcome = result.outcomes["wide"]
    assert (outcome.status, outcome.counts["pages"], outcome.counts["datasets"]) == (Status.PARTIAL, 1, 100)
    assert outcome.reasons[0].code == "unavailable" and outcome.reasons[0].operation == "glue:GetTables"
    assert result.summary.status == "partial" and any("wide" in r for r in result.summary.reasons)
    others = {n: o.status for n, o in result.outcomes.items() if n != "wide"}
    assert set(others.values()) == {Status.COMPLETE}


def run(
    lake: SandboxSource, inventory: Inventory, home: Path, instance: dg.DagsterInstance, **config: Any
) -> dg.ExecuteInProcessResult:
    """The source's own job, as a launch from the web UI would run it."""
    write_estate(home / "estate.yaml", [lake])
    with installed(home, inventory.url, home / "estate.yaml", sync__retries="0") as installation:
        job = deployment(installation).resolve_job_def(source_job_name(lake.name))
        ops = {"ops": {f"{lake.name}__metadata": {"config": config}}}
        return job.execute_in_process(instance=instance, run_config=ops, raise_on_error=False)


def checks(result: dg.ExecuteInProcessResult) -> dict[str, tuple[bool, str]]:
    return {e.check_name: (e.passed, e.description or "") for e in result.get_asset_check_evaluations()}


@pytest.mark.xdist_group("sync-glue")
def test_the_runs_checks_say_why(lake: SandboxSource, inventory: Inventory, tmp_path: Path) -> None:
    lake.faults()
    with dg.DagsterInstance.ephemeral() as instance:
        assert run(lake, inventory, tmp_path, instance).success
        before = state(inventory)

        lake.faults({"action": "lose"})
        everything = run(lake, inventory, tmp_path, instance)
        passed, why = checks(everything)["complete"]
        assert not everything.success and not passed
        assert "sales is no longer listed" in why and "nothing of it was deleted" in why

        account = Account(lake.served.url)
        lake.faults()
        tables = [account.table("sales", d["Name"]) for d in account.glue.get_tables(DatabaseName="sales")["TableList"]]
        for table in tables:
            account.glue.delete_table(DatabaseName="sales", Name=table["Name"])
        emptied = run(lake, inventory, tmp_path, instance)
        passed, why = checks(emptied)["no_sudden_loss"]
        assert not passed and "sales: the listing is empty" in why and "nothing was deleted" in why
        assert not checks(emptied)["complete"][0]
        assert state(inventory) == before

        accepted = run(lake, inventory, tmp_path, instance, scopes=["sales"], accept_loss=True)
        assert accepted.success and all(passed for passed, _ in checks(accepted).values())
        assert state(inventory)[4] == len(tables)
        for table in tables:
            account.glue.create_table(DatabaseName="sales", TableInput=table)
        assert run(lake, inventory, tmp_path, instance).success
    with inventory.connection() as connection:
        query = "SELECT change, count(*) FROM inventory.changes WHERE qualified_name LIKE 'sales.%' GROUP BY 1"
        found = dict(connection.execute(query).fetchall())
    assert found == {"created": len(tables), "deleted": len(tables), "restored": len(tables)}
