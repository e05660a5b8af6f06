"""A sync from the command line, and the inventory read with it: what a person and what a script gets."""

import json
from datetime import UTC, datetime

import pytest

from tests.cli.conftest import Installed

pytestmark = [pytest.mark.xdist_group("services"), pytest.mark.timeout(900)]


def test_sync_then_read(installed: Installed) -> None:
    """One installation for all: a sandbox and a database take seconds to start."""
    assert installed("sandbox", "up", "--platform", "glue").code == 0

    unknown = json.loads(installed("status", "--json").out)
    assert unknown["sources"] is None
    assert unknown["sources_problem"] == "PostgreSQL does not run"

    first = installed("sync", "--json")
    assert first.code == 0, first.err
    (lake,) = json.loads(first.out)["sources"]
    assert (lake["source"], lake["platform"], lake["status"]) == ("lake", "glue", "complete")
    assert lake["datasets"] > 0
    assert lake["columns"] > lake["datasets"]
    assert lake["changes"] == lake["datasets"]
    assert "scopes to read" in first.err

    again = installed("sync", "lake")
    assert again.code == 0
    (row,) = [line.split() for line in again.out.splitlines() if line.startswith("lake ")]
    assert row[2] == "complete"
    assert row[6] == "0"

    status_shows_how_it_stands(installed, lake)
    reads_what_was_found(installed, lake["datasets"])
    partial_and_failed_have_their_exit_codes(installed)
    a_dead_sandbox_is_said_at_once(installed)


def status_shows_how_it_stands(installed: Installed, lake: dict[str, object]) -> None:
    (stands,) = json.loads(installed("status", "--json").out)["sources"]
    for field in ("source", "platform", "datasets", "columns"):
        assert stands[field] == lake[field]
    assert stands["last_status"] == "complete"
    (rate,) = [one for one in stands["pace"] if one["kind"] == "rate" and one["bucket"] == "glue"]
    assert rate["calls"] > 0 and rate["throttled"] == 0 and rate["value"] is None
    assert datetime.fromisoformat(stands["last_complete_sync_at"]) <= datetime.now(UTC)
    (row,) = [line.split() for line in installed("status").out.splitlines() if line.startswith("lake ")]
    assert (row[1], row[-1]) == ("glue", "complete")


def reads_what_was_found(installed: Installed, datasets: int) -> None:
    hits = json.loads(installed("search", "orders", "--json").out)
    assert hits
    name = hits[0]["qualified_name"]
    assert f"lake  {name}" in installed("search", "orders").out
    assert installed("search", "nothing_is_called_so").out.strip() == "nothing found"

    # birth_date is a column, and a word of no dataset's name or comment: the help says so too
    assert installed("search", "birth_date").out.strip() == "nothing found"
    said = " ".join(installed("search", "--help").out.replace("│", " ").split())
    assert "a column alone finds nothing" in said

    changes = json.loads(installed("history", name, "--json").out)
    assert [c["change"] for c in changes] == ["created"]
    assert changes == json.loads(installed("history", f"lake:{name}", "--json").out)
    assert "+ created" in installed("history", name).out
    unknown = installed("history", "sales.absent")
    assert unknown.code == 1
    assert "knows no dataset sales.absent" in unknown.err

    assert len(json.loads(installed("diff", "--since", "1h", "--json").out)) == datasets
    assert f"lake {datasets} changes on {datasets} datasets" in installed("diff", "--since", "1h").out
    assert "nothing changed" in installed("diff", "--since", "2h", "--until", "1h").out
    assert installed("diff", "--since", "soon").code == 2


def partial_and_failed_have_their_exit_codes(installed: Installed) -> None:
    unknown = installed("sync", "lak")
    assert unknown.code == 2
    assert "no source is called lak" in unknown.err
    assert installed("sync", "lake", "--scope", "absent*").code == 2

    # every scope's first page is refused for good
    assert installed("sandbox", "fault", "lake", "fail", "--match", "AWSGlue.GetTables", "--status", "403").code == 0
    failed = installed("sync", "lake", "--json")
    assert failed.code == 1
    (lake,) = json.loads(failed.out)["sources"]
    assert lake["status"] == "failed"
    assert any("GetTables" in reason for reason in lake["reasons"])
    assert lake["changes"] == 0
    (stands,) = json.loads(installed("status", "--json").out)["sources"]
    assert stands["last_status"] == "failed"
    assert stands["datasets"] > 0
    assert installed("sandbox", "clear").code == 0


def a_dead_sandbox_is_said_at_once(installed: Installed) -> None:
    assert installed("sandbox", "down").code == 0
    outcome = installed("sync", timeout=60)
    assert outcome.code == 2
    assert "the sandbox does not run" in outcome.err
