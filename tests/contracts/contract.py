"""What every platform's reader must do, against the sandbox's server or a real one.

A platform's test module subclasses `ReaderContract`, names its platform and its wrong credentials, and adds what is the
platform's own. With `GOVERNANCE_TEST_<PLATFORM>_URL` set, the suite runs against that server instead: it then needs
`external_connection`, and the tests that need the sandbox's faults or its account are skipped with that reason.
"""

import importlib
import os
from collections.abc import Iterator
from typing import Any, ClassVar

import msgspec
import pytest
import requests

from governance.errors import AuthenticationError, GovernanceError, Transient
from governance.filters import NameFilter
from governance.listing import Page, Presence, Scope, Status
from governance.model import Dataset
from resources.source import Reader, SourceResource
from sandbox.serving import Company, Face, Served, running

EVERYTHING = NameFilter()
ONLY_A_SERVER_KNOWS = ("native_id", "version", "source_updated_at")


def resource_class(platform: str) -> type[SourceResource]:
    """The platform's resource, found as the product finds it."""
    module = importlib.import_module(f"resources.{platform}.resource")
    return next(
        value
        for value in vars(module).values()
        if isinstance(value, type) and issubclass(value, SourceResource) and getattr(value, "platform", "") == platform
    )


def comparable(dataset: Dataset) -> dict[str, Any]:
    """The dataset without what the declarations cannot know."""
    plain: dict[str, Any] = msgspec.to_builtins(msgspec.structs.replace(dataset, **dict.fromkeys(ONLY_A_SERVER_KNOWS)))
    return plain


def read_all(reader: Reader, names: NameFilter = EVERYTHING) -> dict[tuple[str, str], Dataset]:
    """Every dataset of every scope by identity; fails on a duplicate."""
    found: dict[tuple[str, str], Dataset] = {}
    for scope in reader.scopes(names).scopes:
        for page in reader.read(scope, names):
            for dataset in page.datasets:
                key = (dataset.namespace, dataset.qualified_name)
                assert key not in found, f"{key} came twice"
                found[key] = dataset
    return found


class ReaderContract:
    """Subclass it; see the module's docstring."""

    platform: ClassVar[str]
    wrong_credentials: ClassVar[dict[str, Any]]
    """Connection fields that replace the right ones: secrets as `{"env": NAME}`."""
    wrong_secrets: ClassVar[dict[str, str]] = {}
    """Values of the environment variables that `wrong_credentials` names."""
    page_calls: ClassVar[str] = ""
    """A fault rule's `match` for the calls that list a scope's datasets; empty: every call."""

    def external_connection(self, url: str) -> dict[str, Any]:
        """The connection to a real server at `url`, from further GOVERNANCE_TEST_ variables."""
        raise NotImplementedError(f"say how to connect to a real {self.platform} at {url}")

    @pytest.fixture(scope="class")
    @classmethod
    def external(cls) -> str | None:
        return os.environ.get(f"GOVERNANCE_TEST_{cls.platform.upper()}_URL")

    @pytest.fixture(scope="class")
    @classmethod
    def served(cls, external: str | None) -> Iterator[Served | None]:
        if external:
            yield None
            return
        with running(Company(), [cls.platform]) as servers:
            yield servers[cls.platform]

    @pytest.fixture(scope="class")
    @classmethod
    def connection(cls, external: str | None, served: Served | None) -> Iterator[dict[str, Any]]:
        with pytest.MonkeyPatch.context() as patch:
            for name, value in cls.wrong_secrets.items():
                patch.setenv(name, value)
            if served is None:
                assert external
                yield cls().external_connection(external)
                return
            for name, value in served.face.secrets().items():
                patch.setenv(name, value)
            yield served.face.connection(served.url)

    @pytest.fixture
    def face(self, served: Served | None) -> Iterator[Face]:
        if served is None:
            pytest.skip("needs the sandbox: a real server has no account of ours and no faults on request")
        yield served.face
        requests.delete(f"{served.url}/_sandbox/faults", timeout=10, verify=False)

    def resource(self, connection: dict[str, Any], **other: Any) -> SourceResource:
        """The resource of this connection, with fields replaced."""
        return resource_class(self.platform)(**{"source": "contract", **connection, **other})

    @pytest.fixture
    def reader(self, connection: dict[str, Any]) -> Iterator[Reader]:
        with self.resource(connection).reader() as reader:
            yield reader

    def largest_scope(self, reader: Reader) -> Scope:
        """The scope with most datasets."""
        scopes = reader.scopes(EVERYTHING).scopes
        return max(scopes, key=lambda s: sum(len(p.datasets) for p in reader.read(s, EVERYTHING)))

    # --- what it reads ---

    def test_doctor_finds_nothing_missing(self, reader: Reader) -> None:
        probes = list(reader.probe())
        assert probes
        assert [p for p in probes if not p.ok] == []

    def test_scopes_are_complete_and_named_once(self, reader: Reader) -> None:
        listing = reader.scopes(EVERYTHING)
        names = [s.name for s in listing.scopes]
        assert listing.status is Status.COMPLETE, listing.reasons
        assert names and len(names) == len(set(names))
        assert not listing.hidden

    def test_records_are_well_formed(self, reader: Reader) -> None:
        datasets = read_all(reader)
        assert datasets
        for dataset in datasets.values():
            assert dataset.qualified_name and dataset.name and dataset.kind and dataset.container
            msgspec.json.encode(dataset)
            paths = [c.path for c in dataset.columns]
            assert len(paths) == len(set(paths)), dataset.qualified_name
            assert all(c.ordinal >= 1 and c.type for c in dataset.columns)
            assert {t.path for t in dataset.tags} <= {*paths, ""}
            if dataset.source_updated_at is not None:
                assert dataset.source_updated_at.tzinfo is not None

    def test_equals_the_sandboxs_own_account(self, reader: Reader, face: Face) -> None:
        expected = {(d.namespace, d.qualified_name): comparable(d) for d in face.account()}
        found = {key: comparable(d) for key, d in read_all(reader).items()}
        assert sorted(found) == sorted(expected)
        for key, wanted in expected.items():
            assert found[key] == wanted

    def test_reading_twice_gives_the_same(self, reader: Reader) -> None:
        assert read_all(reader) == read_all(reader)

    def test_a_filter_that_matches_nothing_hides_or_empties_every_scope(self, reader: Reader) -> None:
        nothing = NameFilter(["no such name, ever"])
        listing = reader.scopes(nothing)
        pages: list[Page] = [page for scope in listing.scopes for page in reader.read(scope, nothing)]
        assert [d for page in pages for d in page.datasets if nothing.matches(d.qualified_name)] == []
        shown = {s.name for s in listing.scopes} | set(listing.hidden)
        assert shown == {s.name for s in reader.scopes(EVERYTHING).scopes}

    def test_presence_needs_evidence(self, reader: Reader) -> None:
        known = reader.scopes(EVERYTHING).scopes[0]
        assert reader.presence(known) is Presence.PRESENT
        gone = msgspec.structs.replace(known, name=f"{known.name}_never_was")
        assert reader.presence(gone) is not Presence.PRESENT

    def test_change_tokens_rest_while_nothing_changes(self, reader: Reader) -> None:
        scopes = reader.scopes(EVERYTHING).scopes
        first = dict(reader.change_tokens(scopes))
        assert first and set(first) <= {s.name for s in scopes}
        assert dict(reader.change_tokens(scopes)) == first

    # --- how it fails ---

    def test_wrong_credentials_are_named(self, connection: dict[str, Any]) -> None:
        with pytest.raises(AuthenticationError) as raised:
            with self.resource(connection, **self.wrong_credentials).reader() as reader:
                list(reader.scopes(EVERYTHING).scopes)
        assert raised.value.platform == self.platform
        assert raised.value.remedy

    def test_throttling_is_waited_out_and_counted(self, connection: dict[str, Any], face: Face) -> None:
        with self.resource(connection).reader() as reader:
            expected = read_all(reader)
            face.faults.replace([{"action": "throttle", "match": self.page_calls, "times": 2, "seconds": 0.1}])
            assert read_all(reader) == expected
            assert reader.meter.snapshot()["throttled"] >= 2

    def test_a_dropped_connection_is_tried_again(self, connection: dict[str, Any], face: Face) -> None:
        with self.resource(connection).reader() as reader:
            expected = read_all(reader)
            face.faults.replace([{"action": "drop", "match": self.page_calls, "times": 1}])
            assert read_all(reader) == expected

    def test_a_page_that_fails_for_good_is_an_error_not_an_end(self, connection: dict[str, Any], face: Face) -> None:
        with self.resource(connection, attempts=2).reader() as reader:
            scope = self.largest_scope(reader)
            face.faults.replace([{"action": "fail", "match": self.page_calls, "status": 503}])
            with pytest.raises(GovernanceError):
                list(reader.read(scope, EVERYTHING))

    def test_an_unreachable_server_is_transient_and_quick(self, connection: dict[str, Any], face: Face) -> None:
        elsewhere = msgspec.json.decode(
            msgspec.json.encode(connection).replace(b":" + face_port(connection), b":9")
        )  # port 9 (discard): refused at once on loopback
        if elsewhere == connection:
            elsewhere = {**connection, "port": 9}
        with pytest.raises(Transient) as raised:
            with self.resource(elsewhere, attempts=2, connect_timeout_seconds=2).reader() as reader:
                reader.scopes(EVERYTHING)
        assert raised.value.platform == self.platform


def face_port(connection: dict[str, Any]) -> bytes:
    """The port in the connection's first address, as it stands in its JSON; an impossible one where there is none."""
    for value in connection.values():
        if isinstance(value, str) and "://" in value:
            return value.split("://")[1].split("/")[0].rpartition(":")[2].encode()
    return b"no port"
