"""Fills a sandbox through boto3, as any client of AWS would."""

import json
from typing import Any

import boto3
from botocore.config import Config

from sandbox.glue import access, estate, jobs
from sandbox.glue.gate import ACCOUNT, PARTNER, READER_KEY, READER_SECRET, REGION
from sandbox.glue.inputs import table_input


def fill(url: str, scale: int, seed: int) -> None:
    """Puts the company's lake into the server at `url`."""
    session = boto3.Session(READER_KEY, READER_SECRET, region_name=REGION)
    plain = Config(retries={"total_max_attempts": 1}, s3={"addressing_style": "path"})
    glue: Any = session.client("glue", endpoint_url=url, config=plain)
    lake: Any = session.client("lakeformation", endpoint_url=url, config=plain)
    s3: Any = session.client("s3", endpoint_url=url, config=plain)
    for database in estate.PARTNER_DATABASES:
        _databases(glue, database, PARTNER)
    for key, values in estate.TAG_VALUES.items():
        lake.create_lf_tag(TagKey=key, TagValues=values)
    for bucket in ("acme-lake", "acme-finance"):
        s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": REGION})
    for database in estate.databases(scale, seed):
        _databases(glue, database, ACCOUNT)
        _tags(lake, database)
        _files(s3, database)
    _access(glue, lake)
    _jobs(glue, s3)


def _databases(glue: Any, database: estate.Database, account: str) -> None:
    told = {"Name": database.name, "Description": database.comment, "LocationUri": database.location}
    given: dict[str, Any] = {k: v for k, v in told.items() if v is not None}
    if database.parameters:
        given["Parameters"] = database.parameters
    if database.target is not None:
        names = ("CatalogId", "DatabaseName")
        given["TargetDatabase"] = dict(zip(names, database.target, strict=True))
    glue.create_database(CatalogId=account, DatabaseInput=given)
    for table in database.tables:
        glue.create_table(
            CatalogId=account,
            DatabaseName=database.name,
            TableInput=table_input(database, table),
        )


def _tags(lake: Any, database: estate.Database) -> None:
    def pairs(tags: dict[str, str]) -> list[dict[str, object]]:
        return [{"TagKey": k, "TagValues": [v]} for k, v in tags.items()]

    def put(resource: dict[str, object], tags: dict[str, str]) -> None:
        if tags:
            lake.add_lf_tags_to_resource(Resource=resource, LFTags=pairs(tags))

    put({"Database": {"Name": database.name}}, database.tags)
    for table in database.tables:
        put({"Table": {"DatabaseName": database.name, "Name": table.name}}, table.tags)
        for field in table.fields:
            if field.sensitive:
                where = {"DatabaseName": database.name, "Name": table.name, "ColumnNames": [field.name]}
                put({"TableWithColumns": where}, {"pii": field.sensitive.lower()})


def _access(glue: Any, lake: Any) -> None:
    """Permissions, filters and settings of Lake Formation, and the resource policy."""
    for name, tags in access.EXPRESSIONS.items():
        pairs = [{"TagKey": k, "TagValues": v} for k, v in tags.items()]
        lake.create_lf_tag_expression(Name=name, Expression=pairs)
    for one in access.FILTERS:
        lake.create_data_cells_filter(TableData={**one.resource["DataCellsFilter"], **one.told})
    for given in access.GIVEN:
        lake.grant_permissions(
            Principal={"DataLakePrincipalIdentifier": given.to[0]},
            Resource=given.resource,
            Permissions=list(given.privileges),
            PermissionsWithGrantOption=list(given.grantable),
        )
    lake.put_data_lake_settings(DataLakeSettings=access.settings())
    policy = {"Version": "2012-10-17", "Statement": [statement.told() for statement in access.STATEMENTS]}
    glue.put_resource_policy(PolicyInJson=json.dumps(policy))


def _jobs(glue: Any, s3: Any) -> None:
    s3.create_bucket(Bucket=jobs.SCRIPTS, CreateBucketConfiguration={"LocationConstraint": REGION})
    for job in jobs.JOBS:
        key = f"{job.name}.py"
        if job.script:
            s3.put_object(Bucket=jobs.SCRIPTS, Key=key, Body=job.script.encode())
        glue.create_job(
            Name=job.name,
            Role=jobs.ROLE,
            Command={"Name": job.command, "ScriptLocation": f"s3://{jobs.SCRIPTS}/{key}"},
            **({"CodeGenConfigurationNodes": job.nodes} if job.nodes else {}),
        )


def _files(s3: Any, database: estate.Database) -> None:
    for table in database.tables:
        if table.sample is not None:
            bucket, _, prefix = str(estate.location(database, table)).removeprefix("s3://").partition("/")
            s3.put_object(Bucket=bucket, Key=f"{prefix}part-0000", Body=table.sample.encode())
