"""Readers of access and usage before and after an edit, and what an inventory says of the facts that they gave."""

import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date

from assets.integrations.facets import FacetRequest, sync_facet
from assets.integrations.sync import Silent
from governance.estate import Source
from governance.filters import NameFilter
from governance.listing import FactPage, Scope, ScopeListing
from governance.model import Facet, Fact, Grant, Membership, Policy, Usage
from resources.calls import Meter
from resources.facets import FactReader
from resources.inventory.database import Inventory
from resources.inventory.facts.outcomes import FacetSummary

SOURCE = Source("warehouse", "snowflake", {}, (), ())
PARTS, PAGES, PAGE = 5, 3, 60
DAYS = tuple(date(2026, month, 28) for month in range(1, PARTS + 1))


@dataclass
class Edition(FactReader):
    """The platform as it was (0) or as it was edited (1): in every part facts differ, begin and end, and one part ends.

    Attributes:
        facet: which facts.
        number: of the edition.
        seconds: that each page takes.
        meanwhile: called in the middle of each part, with its name.
    """

    facet: Facet
    number: int
    seconds: float = 0.0
    meanwhile: Callable[[str], None] = lambda part: None

    def __post_init__(self) -> None:
        self.meter = Meter()

    def parts(self, names: NameFilter) -> ScopeListing:
        """The databases."""
        return ScopeListing(tuple(Scope(f"DB{n}", "database") for n in range(PARTS - self.number)))

    def read(self, part: Scope, names: NameFilter) -> Iterator[FactPage]:
        """The part's pages."""
        for page in range(PAGES):
            time.sleep(self.seconds)
            if page == 1:
                self.meanwhile(part.name)
            numbers = range(page * PAGE + 7 * self.number, (page + 1) * PAGE + 11 * self.number)
            yield FactPage(tuple(fact for n in numbers for fact in self._facts(part.name, n)))

    def _facts(self, part: str, n: int) -> Iterator[Fact]:
        edited = bool(self.number) and n % 10 == 0
        if self.facet == "usage":
            yield Usage(f"DB.T{n}", date.fromisoformat(part), "ana", "user", reads=n + edited)
            return
        yield Grant(f"{part}.T{n}", "table", f"ROLE{n % 9}", "role", "SELECT", ("read",), grantable=edited)
        if n % 6 == 0:
            yield Membership(f"user{n}", "user", f"ROLE{n % 9}", "role", origin=part)
            yield Policy(f"MASK{n}", "column_mask", f"{part}.T{n}", "table", "C", "'\x00'" if edited else "'*'")


def sync_edition(reader: Edition, inventory: Inventory, busy_wait: float = 30) -> FacetSummary:
    """One whole sync of the facet, as a run of its own; the part that ended is believed to have."""
    request = FacetRequest(
        SOURCE,
        reader.facet,
        str(uuid.uuid4()),
        "test",
        days=DAYS if reader.facet == "usage" else None,
        accept_loss=True,
        threads=2,
        busy_wait_seconds=busy_wait,
    )
    end = list(sync_facet(request, reader, inventory, Silent()))[-1]
    assert isinstance(end, FacetSummary)
    return end


_TABLES = ("privilege", "membership", "policy", "lineage_edge")
_QUERIES = {
    **{t: f"SELECT part_id, to_jsonb(f) - '{{part_id,valid_from}}'::text[] FROM inventory.{t} f" for t in _TABLES},
    **{
        f"{t} that ended": "SELECT part_id, to_jsonb(f) - '{part_id,valid_from,valid_to}'::text[]"
        f" FROM inventory.{t}_history f"
        for t in _TABLES
    },
    "usage": "SELECT part_id, to_jsonb(f) - '{part_id,valid_from}'::text[] FROM inventory.usage_day f",
    "part": "SELECT id, jsonb_build_array(state, last_status, facts) FROM inventory.part",
}


def told(inventory: Inventory) -> Counter[str]:
    """All facts of now and all that ended, with their parts; without ids and times."""
    found: Counter[str] = Counter()
    with inventory.connection() as conn:
        for what, query in _QUERIES.items():
            named = f"SELECT p.facet, p.name, q.* FROM ({query}) q (part, fact) JOIN inventory.part p ON p.id = q.part"
            found.update(str((what, *row[:2], row[3])) for row in conn.execute(named))  # type: ignore[arg-type]
    return found


def assert_told(inventory: Inventory, wanted: Counter[str]) -> None:
    """Shows what is too much and what is missing."""
    has = told(inventory)
    extra, lost = list((has - wanted).elements()), list((wanted - has).elements())
    assert not extra and not lost, f"{len(extra)} too many {extra[:3]}, {len(lost)} lost {lost[:3]}"
