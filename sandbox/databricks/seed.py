"""Fills a running workspace: databricks-sdk where it has the call, its ApiClient where only SQL would do."""

from typing import Any

from databricks.sdk import WorkspaceClient
from databricks.sdk.service.catalog import EntityTagAssignment, PermissionsChange, Privilege, VolumeType

from sandbox.databricks.access import ADMIN_TOKEN, READERS
from sandbox.databricks.declared import Catalog, Schema, function_body, table_body
from sandbox.databricks.estate import catalogs

_BASE = "/api/2.1/unity-catalog"
_READER_PRIVILEGES = [
    Privilege.BROWSE,
    Privilege.USE_CATALOG,
    Privilege.USE_SCHEMA,
    Privilege.SELECT,
    Privilege.EXECUTE,
    Privilege.READ_VOLUME,
]


def fill(url: str, scale: int, seed: int) -> None:
    """Creates the estate and lets the readers in."""
    client = WorkspaceClient(host=url, token=ADMIN_TOKEN, auth_type="pat")
    for catalog in catalogs(scale, seed):
        client.catalogs.create(catalog.name, comment=catalog.comment, properties=catalog.properties or None)
        client.catalogs.update(catalog.name, owner=catalog.owner)
        client.grants.update(
            "catalog", catalog.name, changes=[PermissionsChange(add=_READER_PRIVILEGES, principal=READERS)]
        )
        _tag(client, "catalogs", catalog.name, catalog.tags)
        for schema in catalog.schemas:
            _schema(client, catalog, schema)


def _schema(client: WorkspaceClient, catalog: Catalog, schema: Schema) -> None:
    above = f"{catalog.name}.{schema.name}"
    client.schemas.create(schema.name, catalog.name, comment=schema.comment, properties=schema.properties or None)
    client.schemas.update(above, owner=schema.owner)
    _tag(client, "schemas", above, schema.tags)
    for table in schema.tables:
        _post(client, "tables", table_body(catalog.name, schema.name, table))
        _tag(client, "tables", f"{above}.{table.name}", table.tags)
        for column, tags in table.column_tags.items():
            _tag(client, "columns", f"{above}.{table.name}.{column}", tags)
    for volume in schema.volumes:
        kind = VolumeType.EXTERNAL if volume.external else VolumeType.MANAGED
        client.volumes.create(
            catalog.name, schema.name, volume.name, kind, comment=volume.comment, storage_location=volume.location
        )
        client.volumes.update(f"{above}.{volume.name}", owner=volume.owner.name)
        _tag(client, "volumes", f"{above}.{volume.name}", volume.tags)
    for function in schema.functions:
        _post(client, "functions", function_body(catalog.name, schema.name, function))
    for model in schema.models:
        aliases = [{"alias_name": name, "version_num": number} for name, number in model.aliases.items()]
        body = {"catalog_name": catalog.name, "schema_name": schema.name, "name": model.name, "owner": model.owner.name}
        body |= {"storage_location": model.location}
        body |= {"comment": model.comment} if model.comment is not None else {}
        _post(client, "models", body | ({"aliases": aliases} if aliases else {}))
        for _ in range(model.versions):
            place = {"catalog_name": catalog.name, "schema_name": schema.name, "model_name": model.name}
            _post(client, "models/versions", {**place, "source": f"dbfs:/databricks/mlflow/{model.name}"})


def _post(client: WorkspaceClient, path: str, body: dict[str, Any]) -> None:
    client.api_client.do("POST", f"{_BASE}/{path}", body=body)


def _tag(client: WorkspaceClient, kind: str, name: str, tags: dict[str, str]) -> None:
    for key, value in tags.items():
        client.entity_tag_assignments.create(
            EntityTagAssignment(entity_type=kind, entity_name=name, tag_key=key, tag_value=value or None)
        )
