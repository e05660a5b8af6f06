"""Memory does not grow with a scope: measured in a process of its own, whose peak nothing else has raised."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

CHILD = """
import resource, sys
from governance.filters import NameFilter
from resources.inventory.database import Inventory
from tests.inventory.estate import column, paged, sync_pages, table
columns = [column(f"c{n}", n + 1, comment="a column") for n in range(10)]
count = int(sys.argv[2])
made = (table(f"t{n}", *columns, comment=f"table {n}") for n in range(count))
outcome, _ = sync_pages(Inventory(sys.argv[1]), paged(made, 100))
assert outcome.counts["datasets"] == count
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


def peak(url: str, count: int) -> int:
    command = [sys.executable, "-c", CHILD, url, str(count)]
    return int(subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout)


def test_ten_times_the_datasets_take_hardly_more_memory(database_url: str) -> None:
    small, large = peak(database_url, 2_000), peak(database_url, 20_000)
    assert large < small * 1.1, (small, large)
    unchanged = peak(database_url, 20_000)
    assert unchanged < small * 1.1, (small, unchanged)
