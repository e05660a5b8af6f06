"""What every platform's reader of access, lineage or usage must do, against the sandbox's server.

A platform's module subclasses `FacetContract`, names its platform and facet, and adds what is the platform's own.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import date, timedelta
from typing import Any, ClassVar

import msgspec
import pytest
import requests

from governance.errors import GovernanceError
from governance.filters import NameFilter
from governance.listing import FactPage, Scope, Status
from governance.model import Facet, Fact, Usage
from resources.facets import FactReader, open_facet
from resources.inventory.facts.tables import FACET_TABLES, TABLES, row
from sandbox.serving import Company, Face, Served, running
from tests.contracts.contract import EVERYTHING, resource_class


def facts_of(pages: Iterable[FactPage]) -> list[Fact]:
    """All facts, in the order of the pages."""
    return [fact for page in pages for fact in page.facts]


def counted(facts: Iterable[Fact]) -> Counter[bytes]:
    """The facts as canonical JSON, with how often each came."""
    return Counter(msgspec.json.encode(fact, order="deterministic") for fact in facts)


class FacetContract:
    """Subclass it; see the module's docstring."""

    platform: ClassVar[str]
    facet: ClassVar[Facet]
    page_calls: ClassVar[str] = ""
    """A fault rule's `match` for the calls that read a part's facts; empty: every call."""

    @pytest.fixture(scope="class")
    @classmethod
    def served(cls) -> Iterator[Served]:
        with running(Company(), [cls.platform]) as servers:
            yield servers[cls.platform]

    @pytest.fixture(scope="class")
    @classmethod
    def connection(cls, served: Served) -> Iterator[dict[str, Any]]:
        with pytest.MonkeyPatch.context() as patch:
            for name, value in served.face.secrets().items():
                patch.setenv(name, value)
            yield served.face.connection(served.url)

    @pytest.fixture
    def face(self, served: Served) -> Iterator[Face]:
        yield served.face
        requests.delete(f"{served.url}/_sandbox/faults", timeout=10, verify=False)

    def open(self, connection: dict[str, Any], **other: Any) -> FactReader:
        """The facet's reader on this connection, with fields replaced."""
        return open_facet(resource_class(self.platform)(**{"source": "contract", **connection, **other}), self.facet)

    @pytest.fixture
    def reader(self, connection: dict[str, Any]) -> Iterator[FactReader]:
        with self.open(connection) as reader:
            yield reader

    def parts(self, reader: FactReader, face: Face, names: NameFilter = EVERYTHING) -> list[Scope]:
        """What there is to read: the parts as listed."""
        return list(reader.parts(names).scopes)

    def read_all(self, reader: FactReader, face: Face, names: NameFilter = EVERYTHING) -> list[Fact]:
        """Every fact of every part."""
        return [fact for part in self.parts(reader, face, names) for fact in facts_of(reader.read(part, names))]

    # --- what it reads ---

    def test_equals_the_sandboxs_own_account(self, reader: FactReader, face: Face) -> None:
        expected, found = counted(face.facts(self.facet)), counted(self.read_all(reader, face))
        assert expected
        assert sorted((expected - found).elements()) == [], "the account has more"
        assert sorted((found - expected).elements()) == [], "the reader found more"

    def test_parts_are_named_once_and_complete(self, reader: FactReader, face: Face) -> None:
        listing = reader.parts(EVERYTHING)
        names = [part.name for part in listing.scopes]
        assert listing.status is Status.COMPLETE, listing.reasons
        assert len(names) == len(set(names))
        assert names or type(self).parts is not FacetContract.parts

    def test_nothing_stands_in_the_way_of_who_has_every_right(self, reader: FactReader, face: Face) -> None:
        for part in self.parts(reader, face):
            for page in reader.read(part, EVERYTHING):
                assert page.reasons == () and page.quarantined == ()

    def test_facts_fit_their_tables(self, reader: FactReader, face: Face) -> None:
        for fact in self.read_all(reader, face):
            table = TABLES[type(fact)]
            assert table in FACET_TABLES[self.facet]
            assert row(fact, table).cleaned is False

    def test_a_filter_that_matches_nothing_leaves_no_dataset(self, reader: FactReader, face: Face) -> None:
        nothing = NameFilter(["no such name, ever"])
        datasets = {dataset.qualified_name for dataset in face.account()}
        for fact in self.read_all(reader, face, nothing):
            named = {getattr(fact, f, None) for f in ("securable", "qualified_name")}
            assert not named & datasets, fact

    def test_doctor_finds_nothing_missing(self, reader: FactReader) -> None:
        probes = list(reader.probe())
        assert probes
        assert [p for p in probes if not p.ok] == []
        assert all(p.name.startswith(f"{self.facet}: ") for p in probes)

    # --- how it fails ---

    def test_throttling_is_waited_out_and_counted(self, connection: dict[str, Any], face: Face) -> None:
        with self.open(connection) as reader:
            expected = counted(self.read_all(reader, face))
            face.faults.replace([{"action": "throttle", "match": self.page_calls, "times": 2, "seconds": 0.1}])
            assert counted(self.read_all(reader, face)) == expected
            assert reader.meter.snapshot()["throttled"] >= 2

    def test_a_dropped_connection_is_tried_again(self, connection: dict[str, Any], face: Face) -> None:
        with self.open(connection) as reader:
            expected = counted(self.read_all(reader, face))
            face.faults.replace([{"action": "drop", "match": self.page_calls, "times": 1}])
            assert counted(self.read_all(reader, face)) == expected

    def test_a_page_that_fails_for_good_is_an_error_or_a_reason(self, connection: dict[str, Any], face: Face) -> None:
        """Never an end: either it is raised, or the part says that it is not whole."""
        with self.open(connection, attempts=2) as reader:
            parts = self.parts(reader, face)
            face.faults.replace([{"action": "fail", "match": self.page_calls, "status": 503}])
            said = 0
            for part in parts:
                try:
                    said += any(page.reasons for page in reader.read(part, EVERYTHING))
                except GovernanceError:
                    said += 1
            assert said


class UsageContract(FacetContract):
    """For usage, whose parts are days that the caller chooses."""

    facet = "usage"

    def parts(self, reader: FactReader, face: Face, names: NameFilter = EVERYTHING) -> list[Scope]:
        """The days that the account tells of."""
        return [Scope(day.isoformat(), "day") for day in self.days(face)]

    @staticmethod
    def days(face: Face) -> list[date]:
        """The days on which the sandbox was used."""
        return sorted({fact.day for fact in face.facts("usage") if isinstance(fact, Usage)})

    def test_a_day_without_use_is_empty_and_complete(self, reader: FactReader, face: Face) -> None:
        before = self.days(face)[0] - timedelta(days=1)
        pages = list(reader.read(Scope(before.isoformat(), "day"), EVERYTHING))
        assert facts_of(pages) == []
        assert all(page.reasons == () for page in pages)
