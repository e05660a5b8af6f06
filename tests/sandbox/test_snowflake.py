"""The sandbox's Snowflake, seen through Snowflake's own connector."""

import time
from collections.abc import Iterator
from typing import Any

import pytest
import requests
import snowflake.connector
from snowflake.connector.errors import DatabaseError, ProgrammingError

from sandbox.serving import Company, Served, faces, running, serve
from sandbox.snowflake.face import Face
from sandbox.snowflake.logins import ACCOUNT, USER

BOUNDS = {"login_timeout": 5, "network_timeout": 10, "platform_detection_timeout_seconds": 0}


@pytest.fixture(scope="module")
def served() -> Iterator[Served]:
    with running(Company(), ["snowflake"]) as servers:
        yield servers["snowflake"]


def connect(served: Served, **how: Any) -> Any:
    assert isinstance(served.face, Face)
    how = how or {"password": served.face.logins.password}
    return snowflake.connector.connect(
        **{"account": ACCOUNT, "user": USER, **BOUNDS, **served.face.address(served.url), **how}
    )


def ask(served: Served, sql: str, **how: Any) -> list[tuple[Any, ...]]:
    with connect(served, **how) as connection:
        rows: list[tuple[Any, ...]] = connection.cursor().execute(sql).fetchall()
        return rows


@pytest.mark.parametrize(
    ("how", "number"),
    [
        ({"password": "wrong"}, 390_100),
        ({"user": "SOMEBODY", "password": "harbour-and-pine"}, 390_100),
        ({"authenticator": "oauth", "token": "wrong"}, 390_303),
        ({"password": "harbour-and-pine", "role": "NOBODY"}, 390_189),
    ],
)
def test_wrong_logins_get_snowflakes_own_numbers_at_once(served: Served, how: dict[str, Any], number: int) -> None:
    began = time.monotonic()
    with pytest.raises(DatabaseError) as raised:
        connect(served, **how)
    assert raised.value.errno == number
    assert time.monotonic() - began < 5


def test_the_estate_has_the_kinds_of_relations_that_snowflake_has(served: Served) -> None:
    rows = ask(
        served,
        "SELECT TABLE_TYPE, IS_TRANSIENT, IS_DYNAMIC, IS_ICEBERG, COUNT(*) FROM RETAIL.INFORMATION_SCHEMA.TABLES"
        " GROUP BY 1, 2, 3, 4 UNION ALL SELECT TABLE_TYPE, IS_TRANSIENT, IS_DYNAMIC, IS_ICEBERG, COUNT(*)"
        " FROM ANALYTICS.INFORMATION_SCHEMA.TABLES GROUP BY 1, 2, 3, 4",
    )
    kinds = {(row[0], *(n for n, flag in enumerate(row[1:4]) if flag == "YES")) for row in rows}
    assert kinds == {
        ("BASE TABLE",),
        ("BASE TABLE", 0),
        ("BASE TABLE", 1),
        ("BASE TABLE", 2),
        ("VIEW",),
        ("MATERIALIZED VIEW",),
        ("EXTERNAL TABLE",),
    }


def test_the_rows_are_there(served: Served) -> None:
    counted = "SELECT ROW_COUNT, BYTES FROM RETAIL.INFORMATION_SCHEMA.TABLES WHERE TABLE_NAME = 'ORDERS'"
    (said,) = ask(served, counted)
    (real,) = ask(served, "SELECT COUNT(*) FROM RETAIL.SALES.ORDERS")
    assert said[0] == real[0] > 0 and said[1] > 0
    (view,) = ask(served, "SELECT COUNT(*) FROM ANALYTICS.MARTS.REVENUE")
    assert view[0] == 7


def test_columns_that_differ_in_case_are_two(served: Served) -> None:
    rows = ask(
        served,
        "SELECT COLUMN_NAME FROM RETAIL.INFORMATION_SCHEMA.COLUMNS"
        " WHERE TABLE_NAME = 'Order Lines' AND UPPER(COLUMN_NAME) = 'COL' ORDER BY 1",
    )
    assert [name for (name,) in rows] == ["COL", "col"]


def test_what_a_role_may_not_see_does_not_exist(served: Served) -> None:
    how = {"password": "harbour-and-pine", "role": "ANALYST"}
    with pytest.raises(ProgrammingError, match="does not exist or not authorized") as raised:
        ask(served, "SELECT * FROM SNOWFLAKE.ACCOUNT_USAGE.TAG_REFERENCES", **how)
    assert raised.value.errno == 2003
    assert [row[1] for row in ask(served, "SHOW DATABASES", **how)] == ["RETAIL"]


def test_tags_are_set_and_unset(served: Served) -> None:
    where = "FROM SNOWFLAKE.ACCOUNT_USAGE.TAG_REFERENCES WHERE TAG_NAME = 'TESTED'"
    assert isinstance(served.face, Face)
    list(
        served.face.run(
            served.url,
            iter(
                [
                    "ALTER TABLE RETAIL.SALES.\"Order Lines\" SET TAG A.B.TESTED = 'it''s'",
                    'ALTER TABLE RETAIL.SALES."Order Lines" MODIFY COLUMN "col" SET TAG A.B.TESTED = \'one\'',
                    'ALTER TABLE RETAIL.SALES."Order Lines" MODIFY COLUMN "col" SET TAG A.B.TESTED = \'two\'',
                    "ALTER SCHEMA RETAIL.CRM SET TAG A.B.TESTED = 's', A.B.OTHER = 'o'",
                    "ALTER DATABASE RETAIL SET TAG A.B.TESTED = 'd'",
                    "ALTER DATABASE RETAIL UNSET TAG A.B.TESTED",
                ]
            ),
        )
    )
    rows = ask(served, f"SELECT DOMAIN, OBJECT_NAME, COLUMN_NAME, TAG_VALUE {where} ORDER BY 1, 2")
    assert rows == [
        ("COLUMN", "Order Lines", "col", "two"),
        ("SCHEMA", "CRM", None, "s"),
        ("TABLE", "Order Lines", None, "it's"),
    ]


def test_servers_of_one_process_share_nothing(served: Served) -> None:
    other = serve(faces(Company(), ["snowflake"])[0])
    try:
        assert ask(other, "SHOW DATABASES") == []
        list(other.face.run(other.url, iter(["CREATE DATABASE MINE"])))  # type: ignore[attr-defined]
        assert [row[1] for row in ask(other, "SHOW DATABASES")] == ["MINE"]
        assert "MINE" not in {row[1] for row in ask(served, "SHOW DATABASES")}
    finally:
        other.stop()


def test_a_lost_scope_is_in_no_listing(served: Served) -> None:
    post = [{"action": "lose", "scope": "RETAIL.CRM"}]
    requests.post(f"{served.url}/_sandbox/faults", json=post, timeout=5)
    try:
        for view, column in (("SCHEMATA", "SCHEMA_NAME"), ("TABLES", "TABLE_SCHEMA"), ("COLUMNS", "TABLE_SCHEMA")):
            rows = ask(served, f"SELECT DISTINCT {column} FROM RETAIL.INFORMATION_SCHEMA.{view}")
            assert "CRM" not in {name for (name,) in rows} and "SALES" in {name for (name,) in rows}
    finally:
        requests.delete(f"{served.url}/_sandbox/faults", timeout=5)
    assert ("CRM",) in ask(served, "SELECT SCHEMA_NAME FROM RETAIL.INFORMATION_SCHEMA.SCHEMATA")


def test_scale_multiplies_the_estate() -> None:
    one, three = (faces(Company(scale=n), ["snowflake"])[0] for n in (1, 3))
    names = [d.qualified_name for d in three.account()]
    assert len(names) == len(set(names)) == 3 * len(list(one.account()))
