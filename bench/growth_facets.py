"""Access, lineage and usage for the inventory of `growth_load`: so many facts for each scope, whatever the size.

They are written by the real write path in two readings, the first of which shows a little more than the second, so that
each facet has a history. A scope is a part; usage has one for each of the last days.
"""

import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta

from bench.growth_load import PER_SCOPE, SOURCE, TURNS, dataset_name, scope_name
from governance.listing import FactPage, Scope, ScopeListing
from governance.loss_guard import LossGuard
from governance.model import Facet, Fact, Grant, LineageEdge, Membership, Policy, Usage
from resources.inventory.database import Inventory
from resources.inventory.facts.sync import fact_sync

USED_DAYS = 3
_BELIEVING = LossGuard(ratio=1.0, minimum=0)


def role(scope: int) -> str:
    """The role that may read a scope."""
    return f"role_{scope:05d}"


def access(scope: int, reading: int) -> Iterator[Fact]:
    """Inherited and direct grants, members, and a row filter."""
    home = scope_name(scope)
    yield Grant(home, "database", role(scope), "role", "SELECT", ("read",), inherits=True)
    yield Grant(home, "database", f"owner_{scope:05d}", "user", "OWNERSHIP", ("manage", "read"), inherits=True)
    for member in range(5 - reading):
        yield Membership(f"user_{scope:05d}_{member}", "user", role(scope), "role")
    for number in range(1, PER_SCOPE, TURNS):
        table = dataset_name(scope, number)
        yield Grant(table, "table", f"auditor_{scope:05d}", "role", "SELECT", ("read",))
        yield Policy(f"filter_{scope:05d}", "row_filter", table, "table", expression="region = 'EU'")


def lineage(scope: int, reading: int) -> Iterator[Fact]:
    """Chains of four datasets, each with three columns that flow into the next."""
    for start in range(0, PER_SCOPE, TURNS):
        for number in range(start, start + 3):
            above, below = dataset_name(scope, number), dataset_name(scope, number + 1)
            yield LineageEdge(above, below, process=f"job_{reading}", process_kind="job")
            for column in range(3):
                path = f"col_{column:03d}"
                yield LineageEdge(above, below, path, path, process="job", process_kind="job")


def usage(day: date, scopes: range) -> Iterator[Fact]:
    """Two readers of every tenth dataset."""
    for scope in scopes:
        for number in range(1, PER_SCOPE, TURNS):
            for reader in range(2):
                yield Usage(dataset_name(scope, number), day, f"user_{scope:05d}_{reader}", "user", reads=3)


def days() -> list[date]:
    """The days with usage, the last one yesterday."""
    today = datetime.now(UTC).date()
    return [today - timedelta(days=n) for n in range(USED_DAYS, 0, -1)]


FACETS: tuple[tuple[Facet, Callable[[int, int], Iterator[Fact]]], ...] = (("access", access), ("lineage", lineage))


def load_facets(inventory: Inventory, scopes: range) -> None:
    """Two readings of access and lineage, and some days of usage."""
    for reading in range(2):
        for facet, facts in FACETS:
            _read(inventory, facet, {scope_name(s): facts(s, reading) for s in scopes})
    _read(inventory, "usage", {day.isoformat(): usage(day, scopes) for day in days()})


def _read(inventory: Inventory, facet: Facet, parts: dict[str, Iterator[Fact]]) -> None:
    mode = "scopes" if facet == "usage" else "source"
    with fact_sync(inventory, SOURCE, facet, str(uuid.uuid4()), "bench", mode, _BELIEVING) as sync:
        listed = [Scope(name, "day" if facet == "usage" else "database") for name in parts]
        sync.record_parts(ScopeListing(tuple(listed)))
        for part in listed:
            sync.write_part(part, iter([FactPage(tuple(parts[part.name]))]))
        sync.finish()
