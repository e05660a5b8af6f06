"""`governance export`: what was written is read back by other programs' readers, and is what SQL gives, row by row."""

import gzip
import hashlib
import json
import re
from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pandas
import psycopg
import pyarrow.parquet as parquet
import pytest

from governance.export.manifest import Manifest
from governance.listing import FactPage, Scope
from governance.loss_guard import LossGuard
from governance.model import Column, Dataset, Fact, Grant, LineageEdge, Membership, Policy, Usage
from resources.inventory.database import Inventory
from resources.inventory.export import PARTS, Request, export, fields_of
from resources.inventory.facts.sync import fact_sync
from resources.inventory.outcomes import SourceIdentity
from tests.cli.conftest import CommandLine
from tests.docs.pages import Page
from tests.inventory.estate import LAKE, column, rows, sync, table, tag, value

ODD = 'tab\t line\n back\\slash "quote" ü🙂'
NESTED = (column("a", 1, "struct<x:array<struct<y:int>>>"), column("a.x", 1), column("a.x[].y", 1, "int", comment=ODD))
DAY = date(2026, 3, 1)


class Quiet:
    def begin(self, name: str, number: int, total: int) -> None:
        pass

    def rows(self, count: int) -> None:
        pass


def facts(inventory: Inventory, facet: Any, part: str, *found: Fact) -> None:
    with fact_sync(inventory, LAKE, facet, "run", "test", "source", LossGuard()) as open_sync:
        open_sync.write_part(Scope(part, "part"), iter((FactPage(found),)), accept_loss=True)
        open_sync.finish()


@pytest.fixture
def estate(inventory: Inventory, monkeypatch: pytest.MonkeyPatch, governance: CommandLine) -> Inventory:
    """Every kind of row, some of it changed and gone since; `governance` reads it."""
    monkeypatch.setenv("GOVERNANCE_DATABASE_URL", inventory.url)
    dated = datetime(2020, 2, 3, 4, 5, 6, 7, tzinfo=UTC)
    orders = table("orders", comment=ODD, owner="ana", owner_kind="user", location="s3://lake/orders/", row_count=2**62)
    wide = table("wide", *NESTED, properties={"deep": {"list": [1, None, "ü"]}}, tags=(tag("pii", "a.x[].y", "yes"),))
    view = table("v", kind="view", tags=(tag("tier", value=ODD, confidence=0.25, kind="classification"),))
    sync(inventory, orders, wide, view, table("gone"), table("t.ß", source_updated_at=dated))
    other = SourceIdentity("other", "atlas")
    sync(inventory, table("orders"), source=other)
    condition = {"pii": ("yes", "no")}
    grant = Grant("sales.orders", "table", "role:a", "role", "SELECT", ("read",), tag_condition=condition)
    facts(
        inventory,
        "access",
        "all",
        grant,
        Membership("ana", "user", "a", "role"),
        Policy("mask", "column_mask", "x", "y"),
    )
    facts(
        inventory,
        "lineage",
        "all",
        LineageEdge("sales.orders", "sales.v", process="sales.v", process_kind="view"),
        LineageEdge("sales.orders", "sales.v", "id", "id", process="sales.v", process_kind="view"),
        LineageEdge("s3://raw/in/", "sales.orders", upstream_kind="location", process="load", process_kind="job"),
    )
    usage = Usage("sales.orders", DAY, "ana", "user", 3, last_read_at=dated, queries=("SELECT 1",))
    facts(inventory, "usage", DAY.isoformat(), usage)
    return inventory


@pytest.fixture
def later(estate: Inventory) -> datetime:
    """A moment after which things changed: one edited, one gone, one new; a privilege taken away, another given."""
    moment: datetime = value(estate, "SELECT clock_timestamp()")
    kept = (table(n, owner="bob" if n == "orders" else None) for n in ("orders", "wide", "t.ß", "new"))
    sync(estate, *kept, table("v", kind="view", tags=(tag("tier", value=ODD),)), accept_loss=True)
    grant = Grant("sales.v", "view", "role:b", "role", "SELECT", ("read",))
    policy = Policy("mask", "column_mask", "x", "y")
    facts(estate, "access", "all", grant, Membership("bob", "user", "b", "role"), policy)
    return moment


def plain(found: Iterable[dict[str, Any]]) -> list[str]:
    """Rows to compare, whatever their order."""
    return sorted(json.dumps(row, default=str, sort_keys=True, ensure_ascii=False) for row in found)


def wanted(inventory: Inventory, query: str, *values: Any) -> list[str]:
    with psycopg.connect(inventory.url, options="-c TimeZone=UTC") as conn:
        cursor = conn.execute(query.encode(), values)
        names = [c.name for c in cursor.description or ()]
        return plain(dict(zip(names, row, strict=True)) for row in cursor)


def in_parquet(file: Path, nested: Iterable[str]) -> list[str]:
    read = parquet.read_table(file).to_pylist()
    return plain({k: json.loads(v) if k in nested and v is not None else v for k, v in row.items()} for row in read)


def in_lines(file: Path) -> list[str]:
    return plain(map(restored, file.read_text(encoding="utf-8").splitlines()))


def restored(line: str) -> dict[str, Any]:
    return {k: moment(v) if isinstance(v, str) and k.endswith(("_at", "at", "valid_from", "valid_to")) else v
            for k, v in json.loads(line).items()}  # fmt: skip


def moment(text: str) -> Any:
    return datetime.fromisoformat(text) if re.match(r"\d{4}-\d\d-\d\dT", text) else text


def read_back(directory: Path) -> dict[str, list[str]]:
    manifest = Manifest.of((directory / "manifest.json").read_bytes())
    out = {}
    for file in manifest.files:
        path = directory / file.name
        name, _, form = file.name.partition(".")
        out[name] = (
            in_lines(path) if form == "jsonl" else in_parquet(path, [f.name for f in file.fields if f.kind == "json"])
        )
        content = path.read_bytes()
        assert (file.rows, file.bytes, file.sha256) == (
            len(out[name]),
            len(content),
            hashlib.sha256(content).hexdigest(),
        )
    assert {p.name for p in directory.iterdir()} == {"manifest.json", *(f.name for f in manifest.files)}
    return out


@pytest.mark.parametrize("form", ["parquet", "jsonl"])
def test_every_view_is_written_row_by_row(
    estate: Inventory, later: datetime, governance: CommandLine, tmp_path: Path, form: str
) -> None:
    done = governance("export", "--format", form, "--output", str(tmp_path / "out"))
    assert (done.code, done.err) == (0, "")
    found = read_back(tmp_path / "out")
    assert list(found) == [part.view.name for part in PARTS]
    for name, read in found.items():
        assert read == wanted(estate, f"SELECT * FROM inventory.{name}"), name
        assert read, f"{name} has no row to compare"


@pytest.mark.parametrize("form", ["parquet", "jsonl"])
def test_an_earlier_moment_is_what_the_as_of_functions_give(
    estate: Inventory, later: datetime, governance: CommandLine, tmp_path: Path, form: str
) -> None:
    at = later.isoformat()
    assert governance("export", "--format", form, "--as-of", at, "--output", str(tmp_path / "out")).code == 0
    found = read_back(tmp_path / "out")
    for name in ("datasets", "columns", "tags", "grants", "memberships", "policies", "lineage"):
        assert found[name] == wanted(estate, f"SELECT * FROM inventory.{name}_as_of(%s)", later), name
    assert found["changes"] == wanted(estate, "SELECT * FROM inventory.changes WHERE at <= %s", later)
    assert found["datasets"] != wanted(estate, "SELECT * FROM inventory.datasets")


def test_only_what_changed_since(estate: Inventory, later: datetime, governance: CommandLine, tmp_path: Path) -> None:
    since = later.isoformat()
    done = governance("export", "--since", since, "--output", str(tmp_path / "out"), "--json")
    manifest = Manifest.of(done.out.encode())
    assert (manifest.since, done.code) == (later, 0)
    found = read_back(tmp_path / "out")
    datasets = parquet.read_table(tmp_path / "out" / "datasets.parquet").to_pylist()
    changed = {(d["source"], d["name"], d["state"]) for d in datasets}
    assert {("lake", "gone", "deleted"), ("lake", "new", "present"), ("lake", "orders", "present")} <= changed
    assert "other" not in {source for source, _, _ in changed}
    own = "SELECT * FROM inventory.{} WHERE dataset_id IN (SELECT dataset_id FROM inventory.changes WHERE at >= %s)"
    for name in ("datasets", "columns", "tags"):
        assert found[name] == wanted(estate, own.format(name), later), name
    assert found["changes"] == wanted(estate, "SELECT * FROM inventory.changes WHERE at >= %s", later)
    assert [json.loads(g)["securable"] for g in found["grants"]] == ["sales.v"]
    assert [json.loads(g)["securable"] for g in found["grants_ended"]] == ["sales.orders"]
    assert [json.loads(m)["member"] for m in found["memberships_ended"]] == ["ana"]
    assert found["lineage"] == found["lineage_ended"] == []


def test_exports_one_after_the_other_miss_nothing(estate: Inventory, governance: CommandLine, tmp_path: Path) -> None:
    first = Manifest.of(governance("export", "--output", str(tmp_path / "1"), "--json").out.encode())
    sync(estate, table("orders", owner="carol"), table("fresh"), accept_loss=True)
    since = first.next_since.isoformat()
    governance("export", "--since", since, "--output", str(tmp_path / "2"))
    both = {json.loads(c)["change_id"] for n in ("1", "2") for c in read_back(tmp_path / n)["changes"]}
    assert both == {r["change_id"] for r in rows(estate, "SELECT change_id FROM inventory.changes")}


def test_all_files_are_of_one_moment(estate: Inventory, tmp_path: Path) -> None:
    class Meddler(Quiet):
        def begin(self, name: str, number: int, total: int) -> None:
            sync(estate, *(table(f"m{number}_{n}") for n in range(3)), accept_loss=True)

    before = {p.view.name: value(estate, f"SELECT count(*) FROM inventory.{p.view.name}") for p in PARTS}
    manifest = export(estate, Request(format="jsonl", output=tmp_path / "out"), Meddler())
    assert {f.name.partition(".")[0]: f.rows for f in manifest.files} == before
    assert value(estate, "SELECT count(*) FROM inventory.changes") > before["changes"]


def test_a_running_sync_moves_the_next_since_back(estate: Inventory, tmp_path: Path) -> None:
    from resources.inventory.sync import inventory_sync
    from tests.inventory.estate import EVERYTHING, GUARD, SALES, paged

    with inventory_sync(estate, LAKE, "slow", "test", "source", GUARD) as slow:
        manifest = export(estate, Request(format="jsonl", output=tmp_path / "out"), Quiet())
        slow.write_scope(SALES, paged([table("late")]), EVERYTHING, accept_loss=True)
        slow.finish()
    assert manifest.next_since < manifest.moment
    late = rows(estate, "SELECT * FROM inventory.changes WHERE qualified_name = 'sales.late'")
    assert [c["at"] >= manifest.next_since for c in late] == [True]


def test_one_source_only(estate: Inventory, governance: CommandLine, tmp_path: Path) -> None:
    assert governance("export", "--source", "other", "--output", str(tmp_path / "out")).code == 0
    found = read_back(tmp_path / "out")
    assert {json.loads(row)["source"] for read in found.values() for row in read} == {"other"}
    assert found["datasets"] == wanted(estate, "SELECT * FROM inventory.datasets WHERE source = 'other'")


def test_gzip_lines_hold_the_same(estate: Inventory, governance: CommandLine, tmp_path: Path) -> None:
    governance("export", "--format", "jsonl", "--gzip", "--output", str(tmp_path / "out"))
    with gzip.open(tmp_path / "out" / "datasets.jsonl.gz", "rt", encoding="utf-8") as lines:
        assert plain(map(restored, lines)) == wanted(estate, "SELECT * FROM inventory.datasets")


def test_pandas_reads_the_types(estate: Inventory, governance: CommandLine, tmp_path: Path) -> None:
    governance("export", "--output", str(tmp_path / "out"))
    frame = pandas.read_parquet(tmp_path / "out" / "datasets.parquet")
    kinds = {name: str(frame[name].dtype) for name in ("row_count", "changed_at", "column_count")}
    assert kinds == {"row_count": "float64", "changed_at": "datetime64[us, UTC]", "column_count": "int32"}
    schema = parquet.read_schema(tmp_path / "out" / "datasets.parquet")
    assert str(schema.field("row_count").type) == "int64"
    assert schema.metadata[b"description"] == b"One row per dataset, those that are gone too."
    assert parquet.read_table(tmp_path / "out" / "usage.parquet").to_pylist()[0]["day"] == DAY


def test_row_groups_are_bounded(inventory: Inventory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("resources.inventory.export_files.ROW_GROUP_ROWS", 300)
    monkeypatch.setattr("resources.inventory.export.BATCH", 100)
    sync(inventory, *(table(f"t{n}") for n in range(750)))
    export(inventory, Request(format="parquet", output=tmp_path / "out"), Quiet())
    file = parquet.ParquetFile(tmp_path / "out" / "datasets.parquet")
    assert [file.metadata.row_group(n).num_rows for n in range(file.num_row_groups)] == [300, 300, 150]
    assert len(file.read().column("name").unique()) == 750


def test_a_directory_with_something_in_it_is_left_alone(
    estate: Inventory, governance: CommandLine, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "mine.txt").write_text("mine")
    done = governance("export", "--output", str(out))
    assert (done.code, [p.name for p in out.iterdir()]) == (2, ["mine.txt"])
    assert "is not empty" in done.err and "--overwrite" in done.err
    assert governance("export", "--overwrite", "--output", str(out)).code == 0
    assert governance("export", "--overwrite", "--format", "jsonl", "--output", str(out)).code == 0
    assert {p.suffix for p in out.iterdir()} == {".txt", ".json", ".jsonl"}
    assert (out / "mine.txt").read_text() == "mine"


def test_a_failed_export_leaves_the_earlier_one_whole(
    estate: Inventory, governance: CommandLine, tmp_path: Path
) -> None:
    class Breaks(Quiet):
        def begin(self, name: str, number: int, total: int) -> None:
            if number == 4:
                raise KeyboardInterrupt

    out = tmp_path / "out"
    governance("export", "--format", "jsonl", "--output", str(out))
    before = {p.name: p.read_bytes() for p in out.iterdir()}
    sync(estate, table("another"), accept_loss=True)
    with pytest.raises(KeyboardInterrupt):
        export(estate, Request(format="jsonl", output=out, overwrite=True), Breaks())
    assert {p.name: p.read_bytes() for p in out.iterdir()} == before


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--source", "nowhere"], "no source nowhere"),
        (["--as-of", "2199-01-01"], "still to come"),
        (["--since", "now", "--as-of", "2h"], "before --as-of"),
        (["--since", "soonish"], "no moment"),
        (["--gzip"], "compressed already"),
        (["--namespace", "lake"], "SOURCE=NAMESPACE"),
        (["--namespace", "nowhere=x://y"], "no source nowhere"),
        (["--format", "csv"], "csv"),
    ],
)
def test_what_cannot_be_is_refused(
    estate: Inventory, governance: CommandLine, tmp_path: Path, arguments: list[str], words: str
) -> None:
    done = governance("export", "--output", str(tmp_path / "out"), *arguments)
    assert done.code == 2 and words in done.err
    assert not (tmp_path / "out").exists() or not list((tmp_path / "out").iterdir())


def test_memory_does_not_grow_with_the_inventory(inventory: Inventory, tmp_path: Path) -> None:
    """Held rows are counted, which tells more surely than the process's memory whether streams are streamed."""
    columns = tuple(Column(f"c{n}", n, "int", "int") for n in range(1, 41))
    sync(inventory, *(Dataset(f"sales.t{n}", "table", "sales", f"t{n}", columns=columns) for n in range(600)))
    steps: list[int] = []

    class Counter(Quiet):
        def rows(self, count: int) -> None:
            steps.append(count)

    manifest = export(inventory, Request(format="jsonl", output=tmp_path / "out"), Counter())
    assert sum(steps) == sum(f.rows for f in manifest.files) > 24_000
    assert max(steps) <= 5000


def test_a_person_is_told_what_was_written_and_how_to_go_on(
    estate: Inventory, governance: CommandLine, tmp_path: Path
) -> None:
    done = governance("export", "--output", str(tmp_path / "out"), "--format", "jsonl")
    assert re.search(r"changes\.jsonl +\d+ rows", done.out)
    assert re.search(r"governance export --since 20\d\d-\S+ …", done.out)
    assert timedelta(0) < datetime.now(UTC) - Manifest.of((tmp_path / "out" / "manifest.json").read_bytes()).moment


def test_the_page_shows_every_table_and_field() -> None:
    page = Page("docs/export.md")
    for part in PARTS:
        assert f"One row per {part.about}." in page.section(part.view.name)
        assert [(r[0], r[1]) for r in page.rows(part.view.name)] == [
            (f"`{f.name}`", f.kind) for f in fields_of(part.view)
        ]
