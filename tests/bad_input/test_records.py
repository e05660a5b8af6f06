"""Odd and broken records of a source: each is kept as it is or quarantined with its reason, and the rest is synced."""

from collections.abc import Iterator
from itertools import count
from typing import Any

import pytest

from governance.listing import Status
from resources.inventory.database import Inventory
from tests.bad_input.lake import Tamper, Tampered, tampered_lake
from tests.fixtures.estate import SandboxSource

pytestmark = pytest.mark.xdist_group("bad-input")


@pytest.fixture(scope="module")
def served() -> Iterator[SandboxSource]:
    with tampered_lake() as one:
        yield one


@pytest.fixture
def lake(served: SandboxSource) -> Iterator[SandboxSource]:
    yield served
    served.faults()
    tamper(served, lambda operation, question, answer: None)


def tamper(lake: SandboxSource, how: Tamper) -> None:
    face = lake.served.face
    assert isinstance(face, Tampered)
    face.tamper = how


def adding(*tables: dict[str, Any]) -> Tamper:
    """Further records in the listing of `ops`."""

    def add(operation: str, question: dict[str, Any], answer: dict[str, Any]) -> None:
        if operation == "GetTables" and question["DatabaseName"] == "ops" and answer:
            answer["TableList"] += tables

    return add


def table(name: str, *columns: dict[str, Any], **other: Any) -> dict[str, Any]:
    told = columns or ({"Name": "a", "Type": "int"},)
    return {"Name": name, "DatabaseName": "ops", "StorageDescriptor": {"Columns": list(told)}, **other}


def rows(inventory: Inventory, query: str) -> list[tuple[Any, ...]]:
    with inventory.connection() as connection:
        return connection.execute(query).fetchall()


def assert_the_rest_is_there(lake: SandboxSource, inventory: Inventory) -> None:
    """Every dataset of the account, with all its columns and tags."""
    account = list(lake.served.face.account())
    found = {row[0]: row[1:] for row in rows(inventory, _COUNTS)}
    assert {d.qualified_name: found.get(d.qualified_name) for d in account} == {
        d.qualified_name: (len(d.columns), len(d.tags)) for d in account
    }


_COUNTS = (
    "SELECT qualified_name, column_count, (SELECT count(*) FROM inventory.tags t WHERE t.dataset_id = d.dataset_id)"
    " FROM inventory.datasets d WHERE state = 'present'"
)


def test_a_table_with_5000_columns(lake: SandboxSource, inventory: Inventory) -> None:
    tamper(lake, adding(table("wide", *({"Name": f"c{n}", "Type": "string"} for n in range(5_000)))))
    assert lake.sync(inventory).summary.status == "complete"
    query = "SELECT count(*), count(DISTINCT path), max(ordinal) FROM inventory.columns WHERE qualified_name='ops.wide'"
    assert rows(inventory, query) == [(5_000, 5_000, 5_000)]
    assert_the_rest_is_there(lake, inventory)


def test_a_type_of_200_levels(lake: SandboxSource, inventory: Inventory) -> None:
    arrays = "array<" * 200 + "int" + ">" * 200
    structs = "struct<f:" * 200 + "int" + ">" * 200
    tamper(lake, adding(table("deep", {"Name": "a", "Type": arrays}, {"Name": "s", "Type": structs})))
    result = lake.sync(inventory)
    assert result.summary.status == "complete"
    found = rows(inventory, "SELECT path, native_type, type FROM inventory.columns WHERE qualified_name = 'ops.deep'")
    top = {path: (native, word) for path, native, word in found if path in ("a", "s")}
    assert top["a"][0] == arrays and top["s"][0] == structs
    # either all of it is understood, or it is said to be unknown and counted
    unknown = sum(word == "unknown" for _, word in top.values())
    assert result.outcomes["ops"].counts["unknown_types"] == unknown
    assert unknown or ("s" + ".f" * 200 in {row[0] for row in found} and top["a"][1] == arrays)
    assert_the_rest_is_there(lake, inventory)


def test_nul_and_lone_surrogates_in_comments(lake: SandboxSource, inventory: Inventory) -> None:
    column = {"Name": "a", "Type": "int", "Comment": "half \ud83e of an emoji"}
    tamper(lake, adding(table("dirty", column, Description="nul \x00 here", Parameters={"k\x00": "v\udc00"})))
    result = lake.sync(inventory)
    assert result.summary.status == "complete"
    query = (
        "SELECT d.comment, c.comment, d.properties->'parameters' FROM inventory.datasets d"
        " JOIN inventory.columns c USING (dataset_id) WHERE d.qualified_name = 'ops.dirty'"
    )
    assert rows(inventory, query) == [("nul \ufffd here", "half \ufffd of an emoji", {"k\ufffd": "v\ufffd"})]
    assert rows(inventory, "SELECT count(*) FROM inventory.quarantine") == [(0,)]
    assert_the_rest_is_there(lake, inventory)


def test_nul_in_a_name(lake: SandboxSource, inventory: Inventory) -> None:
    """No store takes it, and under another name it would be another table: it waits, and holds deletions."""
    tamper(lake, adding(table("bad\x00name"), table("sound")))
    assert lake.sync(inventory).summary.status == "partial"
    found = {row[0] for row in rows(inventory, "SELECT qualified_name FROM inventory.datasets")}
    assert "ops.sound" in found and not any("bad" in name for name in found)
    assert rows(inventory, "SELECT scope, name FROM inventory.quarantine WHERE scope = 'ops'") == [("ops", None)]
    assert_the_rest_is_there(lake, inventory)
    assert lake.sync(inventory).summary.changes == 0


def test_names_that_differ_in_case_or_hold_dots_and_quotes(lake: SandboxSource, inventory: Inventory) -> None:
    names = ("Case", "case", "CASE", "dotted.name", 'with "quotes"', "it's", "a b;--", "Straße 数据 🧭")
    column = {"Name": 'x."y"', "Type": "int"}
    tamper(lake, adding(*(table(name, column, Description=name) for name in names)))
    assert lake.sync(inventory).summary.status == "complete"
    found = rows(inventory, "SELECT name, comment, column_count FROM inventory.datasets WHERE container = 'ops'")
    assert {(name, name, 1) for name in names} <= set(found)
    assert ('"x.""y"""',) in rows(inventory, "SELECT path FROM inventory.columns WHERE qualified_name = 'ops.Case'")
    assert_the_rest_is_there(lake, inventory)
    again = lake.sync(inventory)
    assert again.summary.changes == 0


def test_a_record_without_a_required_field(lake: SandboxSource, inventory: Inventory) -> None:
    nameless = table("x")
    del nameless["Name"]
    unreadable = {"Name": "no_columns", "DatabaseName": "ops"}
    tamper(lake, adding(nameless, unreadable, "not a record"))  # type: ignore[arg-type]
    lake.sync(inventory)
    found = dict(rows(inventory, "SELECT reason, payload FROM inventory.quarantine WHERE scope = 'ops'"))
    assert set(found) == {"the table has no Name", "the table has no column list", "the table is not a JSON object"}
    assert found["the table has no column list"]["Name"] == "no_columns"
    assert found["the table is not a JSON object"] == "not a record"
    assert_the_rest_is_there(lake, inventory)

    tamper(lake, lambda operation, question, answer: None)
    lake.sync(inventory)
    assert rows(inventory, "SELECT count(*) FROM inventory.quarantine") == [(0,)]


def test_a_table_that_breaks_is_quarantined_and_not_deleted(lake: SandboxSource, inventory: Inventory) -> None:
    """It was listed: that it cannot be read any more is no evidence that it is gone."""
    assert lake.sync(inventory).summary.status == "complete"

    def spoil(operation: str, question: dict[str, Any], answer: dict[str, Any]) -> None:
        for one in answer.get("TableList", ()) if operation == "GetTables" else ():
            if one["Name"] == "shipments":
                one["StorageDescriptor"]["Columns"] = "?"

    tamper(lake, spoil)
    lake.sync(inventory)
    ((name, reason),) = rows(inventory, "SELECT name, reason FROM inventory.quarantine")
    assert (name, reason) == ("ops.shipments", "StorageDescriptor.Columns is not a list")
    assert rows(inventory, "SELECT count(*) FROM inventory.changes WHERE change <> 'created'") == [(0,)]
    assert_the_rest_is_there(lake, inventory)


@pytest.mark.parametrize("page", ["the same", "empty"])
@pytest.mark.parametrize("token", ["the same", "ever new"])
def test_a_next_token_that_never_ends(lake: SandboxSource, inventory: Inventory, page: str, token: str) -> None:
    assert lake.sync(inventory).summary.status == "complete"
    numbers, kept = count(), list[Any]()

    def endless(operation: str, question: dict[str, Any], answer: dict[str, Any]) -> None:
        if operation == "GetTables" and question["DatabaseName"] == "crm":
            answer["NextToken"] = "again" if token == "the same" else f"token {next(numbers)}"
            kept[:] = answer.get("TableList", kept)[:1]
            answer["TableList"] = kept if page == "the same" else []

    tamper(lake, endless)
    result = lake.sync(inventory)
    assert result.outcomes["crm"].status is Status.PARTIAL
    (reason,) = result.outcomes["crm"].reasons
    assert reason.operation == "glue:GetTables" and "never ends" in reason.message and reason.remedy
    assert {n for n, o in result.outcomes.items() if o.status is not Status.COMPLETE} == {"crm"}
    assert rows(inventory, "SELECT count(*) FROM inventory.changes WHERE change <> 'created'") == [(0,)]
    assert_the_rest_is_there(lake, inventory)


def test_a_page_that_fails_for_good(lake: SandboxSource, inventory: Inventory) -> None:
    assert lake.sync(inventory).summary.status == "complete"
    lake.faults({"action": "fail", "match": "GetTables.*crm", "status": 400})
    result = lake.sync(inventory)
    assert result.outcomes["crm"].status is Status.FAILED and result.summary.status != "complete"
    (reason,) = result.outcomes["crm"].reasons
    assert reason.operation == "glue:GetTables" and "told to fail" in reason.message
    assert {n for n, o in result.outcomes.items() if o.status is not Status.COMPLETE} == {"crm"}
    assert_the_rest_is_there(lake, inventory)
