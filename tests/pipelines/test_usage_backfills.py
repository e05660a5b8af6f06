"""Usage day by day: a backfill of thirty days, the same days as one run, one day from the web UI, and the command line.

The sandbox's warehouse behind `governance up`, so that runs go through Dagster's queue, daemon and launcher. What they
leave in the inventory is the same each time, and it is what the sandbox's own account says.
"""

import json
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

import psycopg
import pytest

from governance.model import Usage
from sandbox.databricks.face import Face
from sandbox.serving import Company
from tests.fixtures.served import DONE, SELECTOR, Served, launch, outcome, serving, until

pytestmark = [pytest.mark.xdist_group("backfills"), pytest.mark.timeout(600)]

SOURCE, PLATFORM = "workspace", "databricks"
KEY = {"path": [SOURCE, "usage"]}
LAST = datetime.now(UTC).date() - timedelta(days=1)
DAYS = [LAST - timedelta(days=back) for back in range(29, -1, -1)]
FIRST = DAYS[0]

Rows = list[tuple[Any, ...]]


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with serving(tmp_path_factory.mktemp("home"), PLATFORM, {}) as one:
        yield one


@pytest.fixture(autouse=True)
def nothing_known(served: Served) -> None:
    """Each test begins without a row of usage."""
    with psycopg.connect(served.inventory_url) as conn:
        conn.execute("TRUNCATE inventory.usage_day")


@pytest.fixture(scope="module")
def account(served: Served) -> Rows:
    """What thirty days in one run, in a process of its own and without Dagster's services, come to."""
    days = ("--from", FIRST.isoformat(), "--to", LAST.isoformat())
    out = served.call("governance", "facets", SOURCE, "--facet", "usage", *days, "--json")
    assert out.returncode == 0, out.stdout + out.stderr
    (told,) = json.loads(out.stdout)["facets"]
    found = usage(served)
    assert told["status"] == "complete" and told["counts"]["facts"] == len(found) > 100
    assert [row[:6] for row in found] == expected()
    assert ended_runs(served, [told["run_id"]]) == {"SUCCESS"}
    assert parts(served, told["run_id"]) == [day.isoformat() for day in DAYS]
    return found


def expected() -> Rows:
    """What the sandbox has declared for these days."""
    told = [fact for fact in Face(Company()).facts("usage") if isinstance(fact, Usage) and FIRST <= fact.day <= LAST]
    return sorted((u.day, u.qualified_name, u.path, u.principal, u.reads, u.writes) for u in told)


def usage(served: Served) -> Rows:
    """All rows of usage, without when they were read."""
    with psycopg.connect(served.inventory_url) as conn:
        query = (
            "SELECT day, qualified_name, path, principal, reads, writes, last_read_at, last_written_at, rows, bytes"
            " FROM inventory.usage WHERE source = %s"
        )
        return sorted(conn.execute(query, [SOURCE]), key=lambda row: row[:6])


def parts(served: Served, run_id: str) -> list[str]:
    """The days that a run has read to their end, in order."""
    with psycopg.connect(served.inventory_url) as conn:
        query = "SELECT scope FROM inventory.sync_scopes WHERE run_id = %s AND status = 'complete' ORDER BY 1"
        return [row[0] for row in conn.execute(query, [run_id])]


def ended_runs(served: Served, run_ids: list[str]) -> set[str]:
    return {run["status"] for run in served.runs(runIds=run_ids)}


def of_days(rows: Rows, *days: date) -> Rows:
    return [row for row in rows if row[0] in days]


def materialized(served: Served) -> set[str]:
    """The days that the asset has as materialized, as its page in the web UI shows them."""
    query = """query($k: AssetKeyInput!) { assetNodeOrError(assetKey: $k) { ... on AssetNode {
        assetMaterializations(limit: 200) { partition } } } }"""
    node = served.graphql(query, k=KEY)["assetNodeOrError"]
    return {event["partition"] for event in node["assetMaterializations"]}


def runs_of_backfill(served: Served, backfill: str, count: int, seconds: float) -> list[dict[str, Any]]:
    """The backfill's runs, when so many have ended."""

    def ended() -> list[dict[str, Any]]:
        runs = served.runs(tags=[{"key": "dagster/backfill", "value": backfill}])
        return runs if len(runs) == count and all(run["status"] in DONE for run in runs) else []

    return list(until(f"the end of {count} runs", ended, seconds))


def test_the_command_line_reads_a_range_in_one_run(account: Rows) -> None:
    """`governance facets --facet usage --from DAY --to DAY`; the fixture has looked."""
    assert {row[0] for row in account} <= set(DAYS)


def backfill_by_job(served: Served, days: list[date], seconds: float) -> list[dict[str, Any]]:
    """`dagster job backfill` of these days, and its runs."""
    before = {run["runId"] for run in served.runs()}
    out = served.call(
        "dagster", "job", "backfill", "-w", "workspace.yaml", "-l", "governance", "-j", f"{SOURCE}_usage",
        "--from", days[0].isoformat(), "--to", days[-1].isoformat(), "--noprompt",
    )  # fmt: skip
    assert out.returncode == 0, out.stdout + out.stderr
    backfills = until(
        "the backfill's first run",
        lambda: {
            tag["value"]
            for run in served.runs()
            for tag in run["tags"]
            if tag["key"] == "dagster/backfill" and run["runId"] not in before
        },
    )
    (backfill,) = backfills
    return runs_of_backfill(served, backfill, len(days), seconds)


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_a_backfill_of_thirty_days_is_a_run_for_each(served: Served, account: Rows) -> None:
    """The pool lets one through at a time, which takes its minutes."""
    runs = backfill_by_job(served, DAYS, 1700)
    assert {run["status"] for run in runs} == {"SUCCESS"}
    days = {tag["value"] for run in runs for tag in run["tags"] if tag["key"] == "dagster/partition"}
    assert days == {day.isoformat() for day in DAYS} == materialized(served)
    assert usage(served) == account


def test_the_same_thirty_days_are_one_run_from_the_web_ui(served: Served, account: Rows) -> None:
    """What *Materialize* of an asset does where more than one partition is picked."""
    query = """mutation($p: LaunchBackfillParams!) { launchPartitionBackfill(backfillParams: $p) { __typename
        ... on LaunchBackfillSuccess { backfillId } ... on PythonError { message } } }"""
    params = {"assetSelection": [KEY], "partitionNames": [day.isoformat() for day in DAYS], "title": "thirty days"}
    launched = served.graphql(query, p=params)["launchPartitionBackfill"]
    assert launched["__typename"] == "LaunchBackfillSuccess", launched
    (run,) = runs_of_backfill(served, launched["backfillId"], 1, 240)
    assert run["status"] == "SUCCESS"
    assert parts(served, run["runId"]) == [day.isoformat() for day in DAYS]
    assert materialized(served) == {day.isoformat() for day in DAYS}
    assert usage(served) == account


def test_the_same_thirty_days_are_one_run_in_this_process(served: Served, account: Rows) -> None:
    out = served.call(
        "dagster", "asset", "materialize", "-m", "governance_pipelines.definitions",
        "--select", f'key:"{SOURCE}/usage"', "--partition-range", f"{FIRST}...{LAST}",
    )  # fmt: skip
    assert out.returncode == 0, out.stdout + out.stderr
    assert usage(served) == account


def test_one_day_from_the_web_ui(served: Served, account: Rows) -> None:
    """What *Materialize* does where one partition is picked: the asset and its checks, in the asset's own job."""
    day = next(row[0] for row in reversed(account))
    query = """query($k: AssetKeyInput!) { assetNodeOrError(assetKey: $k) { ... on AssetNode { jobNames
        assetChecksOrError { ... on AssetChecks { checks { name jobNames } } } } } }"""
    node = served.graphql(query, k=KEY)["assetNodeOrError"]
    job = next(name for name in node["jobNames"] if name.startswith("__ASSET_JOB"))
    checks = [
        {"assetKey": KEY, "name": check["name"]}
        for check in node["assetChecksOrError"]["checks"]
        if job in check["jobNames"]
    ]
    selector = {**SELECTOR, "pipelineName": job, "assetSelection": [KEY], "assetCheckSelection": checks}
    tags = [{"key": "dagster/partition", "value": day.isoformat()}]
    run_id = launch(served, job, selector=selector, executionMetadata={"tags": tags})
    assert outcome(served, run_id) == "SUCCESS"
    assert parts(served, run_id) == [day.isoformat()]
    assert usage(served) == of_days(account, day) != []
