"""The Snowflake reader against the sandbox's fakesnow, or an account named by GOVERNANCE_TEST_SNOWFLAKE_URL."""

import os
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, ClassVar

import pytest

from governance.errors import (
    AuthenticationError,
    ConfigurationError,
    DeadlineExceeded,
    GovernanceError,
    NotFound,
    PermissionDenied,
    TlsError,
    Unavailable,
)
from governance.filters import NameFilter
from governance.listing import Presence, Scope, Status
from resources.source import Reader
from sandbox.serving import Face, Served
from sandbox.snowflake import face as snowflake
from sandbox.snowflake.logins import Logins
from tests.contracts.contract import EVERYTHING, ReaderContract, read_all


class TestSnowflakeReader(ReaderContract):
    platform = "snowflake"
    wrong_credentials: ClassVar[dict[str, Any]] = {"password": {"env": "TEST_SNOWFLAKE_WRONG"}}
    wrong_secrets: ClassVar[dict[str, str]] = {"TEST_SNOWFLAKE_WRONG": "not the password"}
    page_calls = "query-request"

    def external_connection(self, url: str) -> dict[str, Any]:
        """`url` is the host; the rest comes from GOVERNANCE_TEST_SNOWFLAKE_{ACCOUNT,USER,PASSWORD,ROLE,WAREHOUSE}."""
        given = {n: os.environ.get(f"GOVERNANCE_TEST_SNOWFLAKE_{n.upper()}") for n in ("account", "role", "warehouse")}
        return {
            **{name: value for name, value in given.items() if value},
            "host": url.removeprefix("https://").rstrip("/"),
            "user": os.environ.get("GOVERNANCE_TEST_SNOWFLAKE_USER", ""),
            "password": {"env": "GOVERNANCE_TEST_SNOWFLAKE_PASSWORD"},
        }

    # --- what is Snowflake's own ---

    @pytest.fixture
    def admin(self, face: Face, served: Served) -> Callable[..., None]:
        """Runs statements on the platform's side."""
        assert isinstance(face, snowflake.Face)

        def run(*statements: str) -> None:
            assert len(list(face.run(served.url, iter(statements)))) == len(statements)

        return run

    def test_every_way_to_log_in(
        self, connection: dict[str, Any], face: snowflake.Face, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("KEY", face.logins.key_pem())
        monkeypatch.setenv("LOCKED_KEY", face.logins.key_pem("open sesame"))
        monkeypatch.setenv("PASSPHRASE", "open sesame")
        monkeypatch.setenv("TOKEN", face.logins.oauth_token)
        rest = {name: value for name, value in connection.items() if name != "password"}
        ways: list[dict[str, Any]] = [
            {"private_key": {"env": "KEY"}},
            {"private_key": {"env": "LOCKED_KEY"}, "private_key_passphrase": {"env": "PASSPHRASE"}},
            {"token": {"env": "TOKEN"}, "authenticator": "oauth", "user": ""},
        ]
        for way in ways:
            with self.resource({**rest, **way}).reader() as reader:
                assert reader.scopes(EVERYTHING).scopes

    def test_every_wrong_way_to_log_in(
        self, connection: dict[str, Any], face: snowflake.Face, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("KEY", Logins().key_pem())
        monkeypatch.setenv("TOKEN", "ver:1-expired")
        rest = {name: value for name, value in connection.items() if name != "password"}
        for way in ({"private_key": {"env": "KEY"}}, {"token": {"env": "TOKEN"}}):
            began = time.monotonic()
            with pytest.raises(AuthenticationError) as raised, self.resource({**rest, **way}).reader() as reader:
                reader.scopes(EVERYTHING)
            assert raised.value.operation == "snowflake:login"
            assert time.monotonic() - began < 10

    def test_a_role_that_is_not_granted_is_a_missing_privilege(self, connection: dict[str, Any], face: Face) -> None:
        with pytest.raises(PermissionDenied) as raised, self.resource({**connection, "role": "NOBODY"}).reader() as r:
            r.scopes(EVERYTHING)
        assert "GRANT ROLE" in raised.value.remedy

    def test_credentials_that_contradict_each_other_are_configuration(
        self, connection: dict[str, Any], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("KEY", "no key at all")
        without = {name: value for name, value in connection.items() if name != "password"}
        for wrong in (
            without,
            {**connection, "token": {"env": "KEY"}},
            {**without, "private_key": {"env": "KEY"}},
            {**connection, "authenticator": "oauth"},
            {**connection, "user": ""},
        ):
            with pytest.raises(ConfigurationError) as raised:
                self.resource(wrong).reader()
            assert raised.value.operation.startswith("sources.contract.connection")
            assert raised.value.remedy

    def test_without_the_right_on_account_usage_every_scope_is_partial(
        self, connection: dict[str, Any], face: Face
    ) -> None:
        with self.resource({**connection, "role": "ANALYST"}).reader() as reader:
            listing = reader.scopes(EVERYTHING)
            assert {s.name.split(".")[0] for s in listing.scopes} == {"RETAIL"}
            for scope in listing.scopes:
                pages = list(reader.read(scope, EVERYTHING))
                (reason,) = (r for p in pages for r in p.reasons)
                assert reason.code == "permission_denied" and reason.operation == "snowflake:TAG_REFERENCES"
                assert 'GRANT DATABASE ROLE SNOWFLAKE.GOVERNANCE_VIEWER TO ROLE "ANALYST"' in reason.remedy
                assert any(p.datasets for p in pages) and not any("tags_lag" in p.notes for p in pages)
            missing = {p.name: p.remedy for p in reader.probe() if not p.ok}
            assert set(missing) == {"ACCOUNT_USAGE.TAG_REFERENCES", "ACCOUNT_USAGE.SCHEMATA"}
            assert "OBJECT_VIEWER" in missing["ACCOUNT_USAGE.SCHEMATA"]
            assert reader.presence(Scope("ANALYTICS.MARTS", "schema")) is Presence.UNKNOWN

    def test_a_database_that_was_named_but_is_hidden_is_a_reason(self, connection: dict[str, Any], face: Face) -> None:
        named = {**connection, "role": "ANALYST", "databases": ["RETAIL", "ANALYTICS"]}
        with self.resource(named).reader() as reader:
            listing = reader.scopes(EVERYTHING)
            assert listing.status is Status.PARTIAL and len(listing.scopes) == 3
            assert 'GRANT USAGE ON DATABASE "ANALYTICS" TO ROLE "ANALYST"' in listing.reasons[0].remedy
            assert next(p.name for p in reader.probe() if not p.ok) == "database ANALYTICS"

    def test_tags_tell_their_lag_and_where_they_come_from(self, reader: Reader, face: Face) -> None:
        pages = list(reader.read(Scope("RETAIL.CRM", "schema"), EVERYTHING))
        assert pages[0].notes == {"tags_lag": "up to 120 min"}
        customers = next(d for p in pages for d in p.datasets if d.name == "CUSTOMERS")
        found = {(t.path, t.tag.rpartition(".")[2]): (t.value, t.inherited, t.origin) for t in customers.tags}
        assert found["", "SENSITIVITY"] == ("restricted", False, "account_usage.tag_references")
        assert found["EMAIL", "SENSITIVITY"] == ("restricted", True, "RETAIL.CRM.CUSTOMERS")
        assert found["EMAIL", "PII"] == ("EMAIL", False, "account_usage.tag_references")
        assert found["PHONE", "COST_CENTER"] == ("retail-42", True, "RETAIL")
        (schema,) = pages[0].containers
        assert {t.tag: t.inherited for t in schema.tags} == {
            "GOVERNANCE.TAGS.COST_CENTER": True,
            "GOVERNANCE.TAGS.SENSITIVITY": False,
        }
        assert (schema.kind, schema.owner, schema.parent) == ("schema", "CRM_ENG", "RETAIL")

    def test_names_with_dots_quotes_and_cases_stay_apart(self, reader: Reader, face: Face) -> None:
        found = read_all(reader)
        names = {name for _, name in found}
        assert {'RETAIL.CRM."customers.v2"', 'RETAIL.Raw Zone."landing ""json"""'} <= names
        lines = found["relation", "RETAIL.SALES.Order Lines"]
        comments = {c.path: c.comment for c in lines.columns}
        assert comments["col"] == 'lower case, "quoted"' and comments["COL"] == "UPPER CASE: another column"
        assert '"dotted.name"' in comments

    def test_a_schema_that_is_gone_is_not_an_empty_one(self, reader: Reader, face: Face) -> None:
        face.faults.replace([{"action": "lose", "scope": "RETAIL.CRM"}])
        assert "RETAIL.CRM" not in {s.name for s in reader.scopes(EVERYTHING).scopes}
        with pytest.raises(NotFound):
            list(reader.read(Scope("RETAIL.CRM", "schema"), EVERYTHING))
        assert reader.presence(Scope("RETAIL.CRM", "schema")) is Presence.UNKNOWN
        face.faults.replace([{"action": "lose"}])
        listing = reader.scopes(EVERYTHING)
        assert not listing.scopes and listing.status is Status.PARTIAL

    def test_only_a_recorded_drop_is_evidence(self, reader: Reader, face: Face, admin: Callable[..., None]) -> None:
        assert reader.presence(Scope("RETAIL.OLD_CRM", "schema")) is Presence.ABSENT
        assert reader.presence(Scope("RETAIL.NEVER", "schema")) is Presence.UNKNOWN
        admin(
            "CREATE SCHEMA RETAIL.BRIEF",
            "INSERT INTO SNOWFLAKE.ACCOUNT_USAGE.SCHEMATA (CATALOG_NAME, SCHEMA_NAME) VALUES ('RETAIL', 'BRIEF')",
        )
        assert reader.presence(Scope("RETAIL.BRIEF", "schema")) is Presence.PRESENT
        admin("DROP SCHEMA RETAIL.BRIEF")
        assert reader.presence(Scope("RETAIL.BRIEF", "schema")) is Presence.ABSENT

    def test_threads_read_scopes_at_once(self, reader: Reader, face: Face) -> None:
        scopes = reader.scopes(EVERYTHING).scopes
        alone = [list(reader.read(s, EVERYTHING)) for s in scopes]
        with ThreadPoolExecutor(4) as pool:
            together = list(pool.map(lambda s: list(reader.read(s, EVERYTHING)), scopes))
        assert together == alone

    def test_a_session_that_ended_is_replaced(self, reader: Reader, face: snowflake.Face) -> None:
        before = read_all(reader)
        face.server.end_sessions()
        assert read_all(reader) == before
        assert reader.meter.snapshot()["retries"] == 1

    def test_too_much_data_is_asked_for_in_parts(self, connection: dict[str, Any], face: snowflake.Face) -> None:
        scope = Scope("RETAIL.SALES", "schema")
        with self.resource(connection).reader() as reader:
            whole = [d for p in reader.read(scope, EVERYTHING) for d in p.datasets]
            face.server.most_rows = 14
            try:
                parts = [d for p in reader.read(scope, EVERYTHING) for d in p.datasets]
                face.server.most_rows = 2
                with pytest.raises(GovernanceError, match="too much data"):
                    list(reader.read(scope, EVERYTHING))
            finally:
                face.server.most_rows = None
        assert parts == whole

    def test_how_a_connection_fails_is_told_apart(self, connection: dict[str, Any], face: Face) -> None:
        def failure(**other: Any) -> GovernanceError:
            with pytest.raises(GovernanceError) as raised, self.resource(connection, **other).reader() as reader:
                reader.scopes(EVERYTHING)
            return raised.value

        assert isinstance(failure(protocol="https"), TlsError)
        refused = failure(port=9, attempts=1)
        assert isinstance(refused, Unavailable) and "no connection" in refused.message
        face.faults.replace([{"action": "slow", "match": "query-request", "seconds": 3}])
        assert isinstance(failure(read_timeout_seconds=1, attempts=1), DeadlineExceeded)

    def test_include_globs_are_pushed_down(self, reader: Reader, face: Face) -> None:
        names = NameFilter(["RETAIL.SALES.ORDERS*", "RETAIL.SALES.P*"])
        pages = list(reader.read(Scope("RETAIL.SALES", "schema"), names))
        whole = {d.name: d for p in reader.read(Scope("RETAIL.SALES", "schema"), EVERYTHING) for d in p.datasets}
        found = [d for p in pages for d in p.datasets]
        assert [d.name for d in found] == ["ORDERS", "ORDERS_BY_STORE", "PAYMENTS"]
        assert all(d == whole[d.name] for d in found)

    def test_more_than_one_page_and_more_than_one_fetch(
        self, connection: dict[str, Any], face: Face, admin: Callable[..., None]
    ) -> None:
        """230 relations, and one with more columns than a fetch holds."""
        wide = ", ".join(f"C{n} INT" for n in range(2_100))
        many = [f"CREATE TABLE BIG.S.T{n:03} (A INT, B VARCHAR(9))" for n in range(229)]
        admin("CREATE DATABASE BIG", "CREATE SCHEMA BIG.S", f'CREATE TABLE BIG.S."a wide" ({wide})', *many)
        try:
            with self.resource({**connection, "databases": ["BIG"]}).reader() as reader:
                pages = list(reader.read(Scope("BIG.S", "schema"), EVERYTHING))
            sizes = [len(p.datasets) for p in pages if p.datasets]
            found = {d.name: len(d.columns) for p in pages for d in p.datasets}
            assert sizes == [200, 30] and not any(p.quarantined or p.reasons for p in pages)
            assert found == {"a wide": 2_100, **{f"T{n:03}": 2 for n in range(229)}}
        finally:
            admin("DROP DATABASE BIG")

    def test_edits_show_and_move_the_token_of_their_scope(
        self, reader: Reader, face: Face, admin: Callable[..., None]
    ) -> None:
        admin("CREATE DATABASE EDITED", "CREATE SCHEMA EDITED.S", "CREATE SCHEMA EDITED.OTHER")
        try:
            scopes = [Scope("EDITED.S", "schema"), Scope("EDITED.OTHER", "schema")]
            tokens = [dict(reader.change_tokens(scopes))]
            for edit in (
                'CREATE TABLE EDITED.S."Lines" (A INT, B VARCHAR(3))',
                'ALTER TABLE EDITED.S."Lines" ADD COLUMN C NUMBER(3,1)',
                'ALTER TABLE EDITED.S."Lines" DROP COLUMN A',
                "COMMENT ON COLUMN EDITED.S.\"Lines\".B IS 'it''s new'",
                'ALTER TABLE EDITED.S."Lines" RENAME TO EDITED.S."LINES"',
                "ALTER TABLE EDITED.S.\"LINES\" MODIFY COLUMN B SET TAG GOVERNANCE.TAGS.PII = 'NAME'",
            ):
                admin(edit)
                tokens.append(dict(reader.change_tokens(scopes)))
            assert len({t["EDITED.OTHER"] for t in tokens}) == 1
            assert len({t["EDITED.S"] for t in tokens}) >= 6
            (lines,) = (d for p in reader.read(scopes[0], EVERYTHING) for d in p.datasets)
            assert lines.qualified_name == "EDITED.S.LINES"
            assert [(c.path, c.ordinal, c.native_type, c.type) for c in lines.columns] == [
                ("B", 1, "VARCHAR(3)", "varchar(3)"),
                ("C", 2, "NUMBER(3,1)", "decimal(3,1)"),
            ]
            assert lines.columns[0].comment == "it's new"
            assert [(t.path, t.tag, t.value) for t in lines.tags] == [("B", "GOVERNANCE.TAGS.PII", "NAME")]
        finally:
            admin("DROP DATABASE EDITED")
