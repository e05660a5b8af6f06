"""Records are translated here or in a second process: what they come to is the same."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from hypothesis import given, settings
from structlog.testing import CapturingLogger

from assets.integrations import translator
from assets.integrations.translation import Translation, here
from governance.errors import ProtocolError
from governance.fingerprint import seal
from governance.listing import Page, Untranslated
from governance.model import Dataset
from resources.inventory.listed import ListedPage, listed
from tests.contracts.test_glue_translate import TABLE
from tests.fixtures.translators import ours, until

pytestmark = [pytest.mark.xdist_group("translation"), pytest.mark.timeout(300)]

CONTEXT = {"database": "d", "region": "eu-west-1", "account": "1", "above": {"level": "high"}, "tables": {}}
ODD = [b"[]", b"{", b'{"Name": "\\u0000"}', b'{"Name": "\\ud800", "StorageDescriptor": {"Columns": []}}']
TABLES = [
    {"Name": f"t{n}", "StorageDescriptor": {"Columns": [{"Name": "a", "Type": "struct<b:int>"}]}} for n in range(9)
]


def page_of(records: list[bytes]) -> Page:
    later = Untranslated("resources.glue.translate_page", CONTEXT, tuple(records))
    return Page(untranslated=later, fingerprints=tuple(bytes([n]) * 16 for n in range(len(records))), token="x")


def content(page: Page) -> tuple[list[tuple[Any, ...]], list[Any]]:
    """What a page says: its datasets with their fingerprints in any order, and what was not understood."""
    if isinstance(page, ListedPage):
        ready = [(one.qualified_name, one.sealed, one.record) for one in page.listed]
    else:
        ready = []
    found = [(d.qualified_name, seal(d), mark) for d, mark in zip(page.datasets, page.fingerprints, strict=True)]
    return sorted(ready + found, key=str), list(page.quarantined)


@pytest.fixture(scope="module")
def started() -> Iterator[Translation]:
    with Translation() as one:
        one.start()
        until(lambda: isinstance(next(one.pages(iter([page_of([])]), lambda: True)), ListedPage))
        yield one


@settings(deadline=None)
@given(TABLE)
def test_both_processes_make_the_same_of_any_record(started: Translation, table: dict[str, Any]) -> None:
    records = [json.dumps(t).encode() for t in (TABLES[0], table)] + ODD
    told = list(started.pages(iter([page_of(records)]), lambda: True))
    assert [type(p) for p in told] == [ListedPage]
    datasets, odd = content(told[0])
    wanted, odd_here = content(here(page_of(records)))
    assert datasets == wanted
    assert odd == odd_here
    assert told[0].token == "x"


def test_pages_keep_their_order_and_an_error_its_place(started: Translation) -> None:
    def read() -> Iterator[Page]:
        for table in TABLES:
            yield page_of([json.dumps(table).encode()])
        yield Page(token="translated already")
        raise ProtocolError("the listing broke off", platform="glue")

    told = []
    with pytest.raises(ProtocolError):
        told.extend(started.pages(read(), lambda: True))
    # `extend` keeps what came before the error
    assert [one.qualified_name for p in told if isinstance(p, ListedPage) for one in p.listed] == [
        f"d.{t['Name']}" for t in TABLES
    ]
    assert told[-1].token == "translated already"


def test_what_is_there_already_is_translated_here(started: Translation) -> None:
    told = list(started.pages(iter([page_of([json.dumps(TABLES[0]).encode()])]), lambda: False))
    assert [d.name for d in told[0].datasets] == ["t0"] and told[0].untranslated is None


def test_what_cannot_be_stored_is_left_to_the_other_side() -> None:
    assert listed(Dataset("d.t", "table", "d", "t")) is not None
    for odd in (Dataset("", "table", "d", "t"), Dataset("d.t", "table", "d", "t", row_count=2**70), "no dataset"):
        assert listed(odd) is None


def test_the_process_ends_with_its_sync() -> None:
    before = ours()
    with Translation() as one:
        one.start()
        until(lambda: len(ours()) > len(before))
        process = next(p for p in ours() if p not in before)
    assert not process.is_running()


def test_the_process_does_not_outlive_one_that_is_killed() -> None:
    program = (
        "import time; from assets.integrations.translator import Translator; t = Translator(); t.start();"
        "print('started', flush=True); time.sleep(60)"
    )
    parent = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)
    try:
        assert parent.stdout is not None and parent.stdout.readline() == "started\n"
        (child,) = psutil.Process(parent.pid).children()
    finally:
        parent.kill()
        parent.communicate()
    until(lambda: not child.is_running() or child.status() == psutil.STATUS_ZOMBIE)


def test_a_system_that_refuses_a_process_costs_nothing_else(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(translator, "_COMMAND", [str(tmp_path / "none")])
    log = CapturingLogger()
    monkeypatch.setattr(translator, "log", log)
    with Translation() as one:
        one.start()
        told = list(one.pages(iter([page_of([json.dumps(TABLES[0]).encode()])]), lambda: True))
    assert [d.name for d in told[0].datasets] == ["t0"]
    assert [call.args for call in log.calls] == [("translator.refused",)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [("150000 100000\n", 1.5), ("50000 100000\n", 0.5), ("max 100000\n", None), ("", None), ("?", None)],
)
def test_a_container_has_only_its_part_of_the_processors(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, expected: float | None
) -> None:
    monkeypatch.setattr("os.sched_getaffinity", lambda _: set(range(64)))
    quota = tmp_path / "cpu.max"
    assert translator.processors(quota) == 64
    quota.write_text(text)
    assert translator.processors(quota) == (expected or 64)
