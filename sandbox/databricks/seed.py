"""Fills a running workspace: databricks-sdk where it has the call, its ApiClient where only SQL would do."""

from typing import Any

from databricks.sdk import WorkspaceClient
from databricks.sdk.service.catalog import EntityTagAssignment, PermissionsChange, PolicyInfo, Privilege, VolumeType
from databricks.sdk.service.iam import ComplexValue

from sandbox.databricks.access import ADMIN_TOKEN, READERS
from sandbox.databricks.declared import Catalog, Schema, function_body, table_body
from sandbox.databricks.declared_access import GROUPS, POLICIES, SERVICES, SYSTEM_PRIVILEGES, USERS, given
from sandbox.databricks.estate import catalogs

_BASE = "/api/2.1/unity-catalog"
_SECURABLES = {"model": "registered_model"}


def fill(url: str, scale: int, seed: int) -> None:
    """Creates the estate and the people, and gives them what they are given."""
    client = WorkspaceClient(host=url, token=ADMIN_TOKEN, auth_type="pat")
    declared = catalogs(scale, seed)
    for catalog in declared:
        client.catalogs.create(catalog.name, comment=catalog.comment, properties=catalog.properties or None)
        client.catalogs.update(catalog.name, owner=catalog.owner)
        _tag(client, "catalogs", catalog.name, catalog.tags)
        for schema in catalog.schemas:
            _schema(client, catalog, schema)
    for one in given(declared):
        change = PermissionsChange(add=[Privilege(word) for word in one.privileges], principal=one.principal)
        client.grants.update(_SECURABLES.get(one.kind, one.kind), one.name, changes=[change])
    for place, words in SYSTEM_PRIVILEGES.items():
        change = PermissionsChange(add=[Privilege(word) for word in words], principal=READERS)
        client.grants.update("catalog" if "." not in place else "schema", place, changes=[change])
    for policy in POLICIES:
        body = {**policy.body, "on_securable_type": policy.kind, "on_securable_fullname": policy.on}
        client.policies.create_policy(PolicyInfo.from_dict(body))
    _people(client)


def _people(client: WorkspaceClient) -> None:
    """Users, service principals and groups; a group after those that are in it."""
    ids = {name: client.users.create(user_name=name, display_name=name.split("@")[0]).id for name in USERS}
    for application, display in SERVICES.items():
        ids[application] = client.service_principals.create(application_id=application, display_name=display).id
    for group, members in GROUPS.items():
        inside = [ComplexValue(value=ids[member]) for member in members]
        ids[group] = client.groups.create(display_name=group, members=inside).id


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
