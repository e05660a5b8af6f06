"""The Databricks stand-in against the published description of the open-source Unity Catalog API.

Every answer of the operations that the description has must validate against its schema. Where Databricks' own service
differs on purpose, `DIFFERENCES` says how, and the stand-in follows Databricks. What serves the data itself is absent:
credentials, external locations, staging tables, commits.
"""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
import yaml
from jsonschema import Draft202012Validator
from openapi_schema_validator import OAS30ReadValidator

from sandbox.databricks.access import ADMIN_TOKEN, READER_CLIENT_ID, READER_CLIENT_SECRET, READER_TOKEN
from sandbox.serving import Company, Served, running

BASE = "/api/2.1/unity-catalog"

DIFFERENCES = {
    "TableType": {"FOREIGN": "Lakehouse Federation, which the open-source server has not"},
    "DataSourceFormat": {
        "ICEBERG": "managed Iceberg tables are Databricks' own",
        "POSTGRESQL_FORMAT": "the format of a foreign table",
    },
    "Privilege": {
        "USE_CATALOG": "Databricks writes privileges with underscores, the open-source server with spaces",
        "USE_SCHEMA": "as above",
        "READ_VOLUME": "as above",
        "CREATE_TABLE": "as above",
        "BROWSE": "a privilege of Databricks alone",
        "MANAGE": "as above",
    },
}
"""Values that the description's enumerations lack, by schema; each with the reason."""


def _description() -> Path | None:
    given = os.environ.get("GOVERNANCE_TEST_UNITY_OPENAPI")
    beside = Path(__file__).parents[3] / "shared" / "unity-openapi" / "all.yaml"
    path = Path(given) if given else beside
    path = path / "all.yaml" if path.is_dir() else path
    return path if path.is_file() else None


@pytest.fixture(scope="module")
def described() -> dict[str, Any]:
    """The description, its enumerations widened by what DIFFERENCES allows."""
    path = _description()
    if path is None:
        pytest.skip("no description of the Unity Catalog API: set GOVERNANCE_TEST_UNITY_OPENAPI to all.yaml")
    document: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
    schemas = document["components"]["schemas"]
    for name, values in DIFFERENCES.items():
        schemas[name]["enum"] += values
    return document


@pytest.fixture(scope="module")
def served() -> Iterator[Served]:
    with running(Company(), ["databricks"]) as servers:
        yield servers["databricks"]


class Api:
    """Calls the stand-in and validates each answer."""

    def __init__(self, served: Served, described: dict[str, Any]) -> None:
        self.url, self.described = served.url, described
        self.checked: set[tuple[str, str]] = set()

    def __call__(self, method: str, template: str, body: Any = None, query: Any = None, **names: str) -> Any:
        path = template.format(**names)
        headers = {"Authorization": f"Bearer {ADMIN_TOKEN}"}
        answer = requests.request(
            method, f"{self.url}{BASE}{path}", params=query, json=body, headers=headers, timeout=10
        )
        assert answer.status_code == 200, answer.text
        schema = self._schema(method, template)
        if schema is not None:
            errors = [
                f"{list(e.absolute_path)}: {e.message}" for e in self._validator(schema).iter_errors(answer.json())
            ]
            assert errors == [], f"{method} {template}"
        self.checked.add((method, template))
        return answer.json()

    def all_pages(self, template: str, key: str, **query: str) -> list[Any]:
        """Every record of a listing, page by page."""
        found, token = [], ""
        while True:
            page = self("GET", template, query={"max_results": 0, **query, **({"page_token": token} if token else {})})
            found += page[key]
            token = page.get("next_page_token", "")
            if not token:
                return found

    def _schema(self, method: str, template: str) -> Any:
        content = self.described["paths"][template][method.lower()]["responses"]["200"].get("content", {})
        return content.get("application/json", {}).get("schema")

    def _validator(self, schema: Any) -> Any:
        whole = {**schema, "components": self.described["components"]}
        return OAS30ReadValidator(whole)


@pytest.fixture(scope="module")
def api(served: Served, described: dict[str, Any]) -> Api:
    return Api(served, described)


def test_the_validator_finds_what_is_wrong(api: Api) -> None:
    validator = api._validator(api._schema("GET", "/tables/{full_name}"))
    assert not list(validator.iter_errors({"name": "t", "columns": [{"name": "a", "position": 0}]}))
    assert list(validator.iter_errors({"name": "t", "columns": [{"name": "a", "position": "first"}]}))
    assert list(validator.iter_errors({"table_type": "NOT_A_TYPE"}))


def test_every_listing_and_every_object_of_the_estate_validates(api: Api) -> None:
    found = 0
    for catalog in api.all_pages("/catalogs", "catalogs"):
        api("GET", "/catalogs/{name}", name=catalog["name"])
        for schema in api.all_pages("/schemas", "schemas", catalog_name=catalog["name"]):
            api("GET", "/schemas/{full_name}", full_name=schema["full_name"])
            place = {"catalog_name": catalog["name"], "schema_name": schema["name"]}
            for collection, key, name in (
                ("tables", "tables", "full_name"),
                ("volumes", "volumes", "name"),
                ("functions", "functions", "name"),
                ("models", "registered_models", "full_name"),
            ):
                for record in api.all_pages(f"/{collection}", key, **place):
                    one = api("GET", f"/{collection}/{{{name}}}", **{name: record["full_name"]})
                    assert set(record) <= set(one)
                    found += 1
                    if collection == "models":
                        for version in api("GET", "/models/{full_name}/versions", full_name=one["full_name"])[
                            "model_versions"
                        ]:
                            api(
                                "GET",
                                "/models/{full_name}/versions/{version}",
                                full_name=one["full_name"],
                                version=str(version["version"]),
                            )
    # thirty of the company, and three system tables
    assert found == 33
    api("GET", "/metastore_summary")
    for kind, name in (("catalog", "main"), ("schema", "main.sales"), ("table", "main.sales.orders")):
        api("GET", "/permissions/{securable_type}/{full_name}", securable_type=kind, full_name=name)


def test_every_change_validates_and_can_be_undone(api: Api) -> None:
    place = {"catalog_name": "attic", "schema_name": "old"}
    api("POST", "/catalogs", {"name": "attic", "comment": "dust"})
    api("PATCH", "/catalogs/{name}", {"comment": "more dust"}, name="attic")
    api("POST", "/schemas", {"name": "old", "catalog_name": "attic"})
    api("PATCH", "/schemas/{full_name}", {"new_name": "Old"}, full_name="attic.old")
    api("PATCH", "/schemas/{full_name}", {"new_name": "old"}, full_name="attic.Old")
    column = {"name": "a", "type_text": "int", "type_name": "INT", "type_json": '"integer"', "position": 0}
    table = {**place, "name": "t", "table_type": "EXTERNAL", "data_source_format": "DELTA", "columns": [column]}
    api("POST", "/tables", table)
    api("POST", "/volumes", {**place, "name": "v", "volume_type": "MANAGED"})
    api("PATCH", "/volumes/{name}", {"comment": "boxes"}, name="attic.old.v")
    function = {**place, "name": "f", "data_type": "INT", "full_data_type": "int", "routine_definition": "1"}
    api("POST", "/functions", {"function_info": function})
    api("POST", "/models", {**place, "name": "m"})
    api("PATCH", "/models/{full_name}", {"comment": "wood"}, full_name="attic.old.m")
    version = {"catalog_name": "attic", "schema_name": "old", "model_name": "m", "source": "dbfs:/m"}
    api("POST", "/models/versions", version)
    change = {"changes": [{"principal": "ana@acme.example", "add": ["SELECT"]}]}
    given = api(
        "PATCH",
        "/permissions/{securable_type}/{full_name}",
        change,
        securable_type="table",
        full_name="attic.old.t",
    )
    assert given["privilege_assignments"] == [{"principal": "ana@acme.example", "privileges": ["SELECT"]}]
    api("DELETE", "/models/{full_name}/versions/{version}", full_name="attic.old.m", version="1")
    for template, field in (
        ("/models/{full_name}", "full_name"),
        ("/functions/{name}", "name"),
        ("/volumes/{name}", "name"),
        ("/tables/{full_name}", "full_name"),
    ):
        api("DELETE", template, **{field: f"attic.old.{template[1]}"})
    api("DELETE", "/schemas/{full_name}", full_name="attic.old")
    api("DELETE", "/catalogs/{name}", name="attic")
    assert "attic" not in {c["name"] for c in api.all_pages("/catalogs", "catalogs")}


def test_each_difference_is_still_one(described: dict[str, Any]) -> None:
    """A value that the description has learned since need not be excused any more."""
    path = _description()
    assert path is not None
    schemas = yaml.safe_load(path.read_text(encoding="utf-8"))["components"]["schemas"]
    for name, values in DIFFERENCES.items():
        assert not set(values) & set(schemas[name]["enum"]), name


# --- what the description does not say, and Databricks does ---


def call(served: Served, path: str, token: str | None = READER_TOKEN, **query: Any) -> requests.Response:
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    return requests.get(f"{served.url}{path}", params=query, headers=headers, timeout=10)


ERROR = Draft202012Validator(
    {
        "type": "object",
        "required": ["error_code", "message", "details"],
        "properties": {
            "error_code": {"type": "string"},
            "message": {"type": "string"},
            "details": {"type": "array", "items": {"type": "object", "required": ["@type"]}},
        },
    }
)


@pytest.mark.parametrize(
    ("path", "token", "query", "status", "code"),
    [
        (f"{BASE}/catalogs", None, {}, 401, "401"),
        (f"{BASE}/catalogs", "dapi-unknown", {}, 403, "403"),
        (f"{BASE}/catalogs", READER_TOKEN, {}, 400, "INVALID_PARAMETER_VALUE"),
        (f"{BASE}/catalogs", READER_TOKEN, {"max_results": -1}, 400, "INVALID_PARAMETER_VALUE"),
        (f"{BASE}/catalogs", READER_TOKEN, {"max_results": 0, "page_token": "?"}, 400, "INVALID_PARAMETER_VALUE"),
        (f"{BASE}/tables/nowhere.s.t", READER_TOKEN, {}, 404, "CATALOG_DOES_NOT_EXIST"),
        (f"{BASE}/tables/main.nowhere.t", READER_TOKEN, {}, 404, "SCHEMA_DOES_NOT_EXIST"),
        (f"{BASE}/tables/main.sales.t", READER_TOKEN, {}, 404, "TABLE_DOES_NOT_EXIST"),
        (
            f"{BASE}/entity-tag-assignments/columns/main.sales.orders.x/tags",
            READER_TOKEN,
            {},
            404,
            "COLUMN_DOES_NOT_EXIST",
        ),
    ],
)
def test_errors_have_databricks_own_body(
    served: Served, path: str, token: str | None, query: dict[str, Any], status: int, code: str
) -> None:
    answer = call(served, path, token, **query)
    assert answer.status_code == status
    ERROR.validate(answer.json())
    assert answer.json()["error_code"] == code


def test_an_unknown_route_is_plain_text(served: Served) -> None:
    answer = call(served, f"{BASE}/no-such-thing")
    assert (answer.status_code, answer.headers["content-type"].split(";")[0]) == (404, "text/plain")


def test_readers_change_nothing(served: Served) -> None:
    answer = requests.delete(
        f"{served.url}{BASE}/tables/main.sales.orders", headers={"Authorization": f"Bearer {READER_TOKEN}"}, timeout=10
    )
    assert answer.status_code == 403
    assert call(served, f"{BASE}/tables/main.sales.orders").status_code == 200


def test_the_sdk_runs_unchanged(served: Served) -> None:
    from databricks.sdk import WorkspaceClient

    client = WorkspaceClient(
        host=served.url, client_id=READER_CLIENT_ID, client_secret=READER_CLIENT_SECRET, auth_type="oauth-m2m"
    )
    assert client.current_user.me().user_name == READER_CLIENT_ID
    orders = client.tables.get("main.sales.orders")
    assert orders.columns is not None and orders.columns[5].partition_index == 0
    assert orders.row_filter is not None and orders.row_filter.function_name == "main.governance.only_own_store"
    assert {t.name for t in client.tables.list("main", "sales", omit_columns=True) if not t.columns} >= {"orders"}
    assert {s.full_name for s in client.tables.list_summaries("main", schema_name_pattern="cr%")} == {
        "main.crm.customers",
        "main.crm.loyalty_points",
    }
    tags = list(client.entity_tag_assignments.list("tables", "main.sales.orders"))
    assert {(t.tag_key, t.tag_value) for t in tags} == {("domain", "sales"), ("certified", "")}
    effective = client.grants.get_effective("table", "main.sales.orders")
    origins = [
        privilege.inherited_from_name
        for given in effective.privilege_assignments or []
        for privilege in given.privileges or []
    ]
    assert set(origins) == {"main", "main.sales", None}
