"""Glue's lineage keeps the facets' contract, and what is its own."""

from collections.abc import Iterator
from typing import Any, ClassVar

import pytest

from governance.filters import NameFilter
from governance.listing import FactPage, Reason
from governance.model import LineageEdge
from resources.facets import FactReader, open_facet
from sandbox.faults import Exchange
from sandbox.glue.gate import PARTNER
from sandbox.glue.jobs import ROLE, SCRIPTS
from sandbox.serving import Company, Served, running
from tests.contracts.contract import EVERYTHING
from tests.contracts.facet_contract import FacetContract, facts_of
from tests.fixtures.glue import ALL_KEYS, resource
from tests.fixtures.glue_account import Account


class TestGlueLineage(FacetContract):
    platform = "glue"
    facet = "lineage"
    page_calls: ClassVar[str] = "AWSGlue.GetJobs"


@pytest.fixture(scope="module")
def lake() -> Iterator[Served]:
    with pytest.MonkeyPatch.context() as patch, running(Company(), ["glue"]) as served:
        for name, value in {**served["glue"].face.secrets(), **ALL_KEYS}.items():
            patch.setenv(name, value)
        yield served["glue"]


@pytest.fixture(autouse=True)
def well_behaved(request: pytest.FixtureRequest) -> Iterator[None]:
    yield
    if "lake" in request.fixturenames:
        request.getfixturevalue("lake").face.faults.clear()


def opened(served: Served, **other: Any) -> FactReader:
    return open_facet(resource(served, **other), "lineage")


def pages(reader: FactReader, names: NameFilter = EVERYTHING) -> dict[str, list[FactPage]]:
    """The pages of each part."""
    return {part.name: list(reader.read(part, names)) for part in reader.parts(names).scopes}


def reasons(found: list[FactPage]) -> list[Reason]:
    return [reason for page in found for reason in page.reasons]


def counts(found: list[FactPage]) -> dict[str, int]:
    return {key: sum(p.counts.get(key, 0) for p in found) for page in found for key in page.counts}


def test_jobs_that_declare_nothing_are_counted(lake: Served) -> None:
    with opened(lake) as reader:
        found = pages(reader)
    assert counts(found["jobs"]) == {"jobs": 5, "undeclared": 2, "columns_unknown": 1}
    assert counts(found["job_scripts"]) == {"scripts": 2, "other_language": 1}


def test_scripts_are_fetched_only_where_the_connection_says_so(lake: Served) -> None:
    with opened(lake, job_scripts=False) as reader:
        assert list(pages(reader)) == ["jobs"]
        assert [p.name for p in reader.probe()] == ["lineage: glue:GetJobs"]


@pytest.mark.parametrize(
    ("denied", "match", "part"),
    [
        ("glue:GetDataflowGraph", "AWSGlue.GetDataflowGraph", "job_scripts"),
        ("s3:GetObject", f"GET /{SCRIPTS}", "job_scripts"),
    ],
)
def test_a_denied_call_is_a_reason_of_the_scripts_alone(lake: Served, denied: str, match: str, part: str) -> None:
    lake.face.faults.replace([{"action": "fail", "match": match, "status": 403}])
    with opened(lake, attempts=1) as reader:
        found = pages(reader)
        missing = {p.missing: p.remedy for p in reader.probe() if not p.ok}
    (reason,) = reasons(found[part])
    assert (reason.code, reason.operation) == ("permission_denied", denied)
    assert f'"Action": ["{denied}"]' in reason.remedy and '"Resource": ["*"]' in reason.remedy
    assert list(missing) == [denied]
    assert reasons(found["jobs"]) == [] and facts_of(found["jobs"])


def test_without_the_right_to_list_jobs_nothing_is_known(lake: Served) -> None:
    lake.face.faults.replace([{"action": "fail", "match": "GetJobs", "status": 403}])
    with opened(lake, attempts=1) as reader:
        found = pages(reader)
    assert [r.operation for part in found.values() for r in reasons(part)] == ["glue:GetJobs"] * 2


def test_another_accounts_jobs_are_unknown_not_empty(lake: Served) -> None:
    """Our own jobs name tables of our own catalog: they are none of the other's lineage."""
    with opened(lake, catalog_id=PARTNER) as reader:
        found = pages(reader)
    assert [facts_of(part) for part in found.values()] == [[], []]
    assert {r.code for part in found.values() for r in reasons(part)} == {"permission_denied"}


def test_a_filter_of_names_keeps_edges_of_governed_datasets(lake: Served) -> None:
    with opened(lake) as reader:
        found = pages(reader, NameFilter(["crm.*"]))
    edges = [f for part in found.values() for f in facts_of(part) if isinstance(f, LineageEdge)]
    assert {(e.upstream, e.downstream) for e in edges} == {
        ("crm.customers", "snowflake:ANALYTICS.CRM.CUSTOMER_VALUE"),
        # files into a warehouse: neither is a dataset that could be left out
        ("s3://acme-lake/fx/2026/", "snowflake:ANALYTICS.CRM.CUSTOMER_VALUE"),
    }


def test_all_pages_of_jobs_are_read(lake: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    with opened(lake) as reader:
        whole = pages(reader)
    monkeypatch.setattr("resources.glue.lineage.PAGE", 2)
    with opened(lake) as reader:
        found = pages(reader)
    assert len(found["jobs"]) == 3
    assert [facts_of(found[p]) for p in found] == [facts_of(whole[p]) for p in whole]


@pytest.fixture
def scripted(lake: Served) -> Iterator[Account]:
    """The account, with a job `odd` whose script the test writes, and one whose script is not there."""
    account = Account(lake.url)
    for name in ("odd", "lost"):
        place = f"s3://{SCRIPTS}/{name}.py"
        account.glue.create_job(Name=name, Role=ROLE, Command={"Name": "glueetl", "ScriptLocation": place})
    yield account
    for name in ("odd", "lost"):
        account.glue.delete_job(JobName=name)


def test_odd_scripts_spoil_nothing(lake: Served, scripted: Account) -> None:
    with opened(lake) as reader:
        whole = pages(reader)["job_scripts"]
    assert counts(whole)["missing_scripts"] == 2
    scripted.s3.put_object(Bucket=SCRIPTS, Key="odd.py", Body=b"def broken(:\n")
    with opened(lake) as reader:
        found = pages(reader)["job_scripts"]
    assert facts_of(found) == facts_of(whole)
    assert [(q.name, q.reason.partition(":")[0]) for page in found for q in page.quarantined] == [
        ("odd", "Glue cannot draw the script")
    ]
    scripted.s3.put_object(Bucket=SCRIPTS, Key="odd.py", Body=b"#" * (3 * 2**20))
    with opened(lake) as reader:
        found = pages(reader)["job_scripts"]
    assert [q.reason for page in found for q in page.quarantined] == ["the script is longer than 2097152 bytes"]
    scripted.s3.put_object(Bucket=SCRIPTS, Key="odd.py", Body="# nichts für Glue \udcff".encode("utf-8", "replace"))
    with opened(lake) as reader:
        assert facts_of(pages(reader)["job_scripts"]) == facts_of(whole)


def test_a_job_of_an_unknown_shape_waits_in_quarantine(lake: Served) -> None:
    with opened(lake) as reader:
        whole = facts_of(pages(reader)["jobs"])
    odd: list[Any] = [
        7,
        {"Description": "without a name"},
        {"Name": "two", "CodeGenConfigurationNodes": {"a": {"CatalogSource": {}, "Filter": {}}}},
        {"Name": "text", "CodeGenConfigurationNodes": {"a": {"ApplyMapping": {"Mapping": "all"}}}},
    ]

    def more(exchange: Exchange) -> None:
        if "AWSGlue.GetJobs" in exchange.line:
            told = exchange.told()
            exchange.say({**told, "Jobs": [*odd, *told["Jobs"]]})

    lake.face.faults.tamper = more
    with opened(lake) as reader:
        found = pages(reader)["jobs"]
    assert facts_of(found) == whole
    assert [q.name for page in found for q in page.quarantined] == [None, None, "two", "text"]
