"""The names in a view's text as each platform's inventory knows them."""

import pytest

from governance.lineage.view_names import view_names

SNOW = "snowflake://acme.snowflakecomputing.com/databases"


@pytest.mark.parametrize(
    ("platform", "view", "container", "dialect", "context", "stored"),
    [
        ("snowflake", "D.S.V", "D.S", "snowflake", ("D", "S"), ("D.S.T",)),
        ("databricks", "c.s.v", "c.s", "databricks", ("c", "s"), ("D.S.T",)),
        ("glue", "s.v", "s", "hive", ("", "s"), ("D.S.T",)),
        ("atlas", "s.v@prod", "", "hive", ("", "s"), ("D.S.T@prod", "D.S.T")),
        ("purview", "mssql://srv/D/S/V", "col", "tsql", ("D", "S"), ("mssql://srv/D/S/T", "D.S.T")),
        (
            "purview",
            f"{SNOW}/D/schemas/S/views/V",
            "col",
            "snowflake",
            ("D", "S"),
            (f"{SNOW}/D/schemas/S/tables/T", f"{SNOW}/D/schemas/S/views/T"),
        ),
        (
            "purview",
            "databricks://h/metastores/m/catalogs/D/schemas/S/views/v",
            "col",
            "databricks",
            ("D", "S"),
            (
                "databricks://h/metastores/m/catalogs/D/schemas/S/tables/T",
                "databricks://h/metastores/m/catalogs/D/schemas/S/views/T",
            ),
        ),
    ],
)
def test_names_are_spelled_as_the_source_spells_them(
    platform: str, view: str, container: str, dialect: str, context: tuple[str, str], stored: tuple[str, ...]
) -> None:
    names = view_names(platform, view, container, {})
    assert (names.qualified_name, names.dialect, (names.catalog, names.schema)) == (view, dialect, context)
    assert names.stored("D.S.T") == stored


def test_a_name_of_other_depth_stays_as_it_is() -> None:
    assert view_names("purview", f"{SNOW}/D/schemas/S/views/V", "col", {}).stored("T")[-1] == "T"


def test_a_views_own_dialect_wins() -> None:
    assert view_names("purview", f"{SNOW}/D/schemas/S/views/V", "col", {"view_dialect": "trino"}).dialect == "trino"
