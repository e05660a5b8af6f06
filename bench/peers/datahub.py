"""DataHub's own command on a Glue endpoint or a Snowflake server, as a recipe of its own."""

import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from bench.peers.install import DATAHUB
from bench.processes import Figures, environment, timed

Recipe = dict[str, Any]


def glue(region: str, key: str, secret: str) -> Recipe:
    """Its Glue source: tables only, without what needs S3, crawler jobs or Lake Formation calls."""
    config = {
        "aws_region": region,
        "aws_access_key_id": key,
        "aws_secret_access_key": secret,
        "extract_transforms": False,
        "use_s3_bucket_tags": False,
        "use_s3_object_tags": False,
        "extract_lakeformation_tags": False,
        "profiling": {"enabled": False},
    }
    return {"type": "glue", "config": config}


def snowflake(connection: Mapping[str, Any], password: str, port: int) -> Recipe:
    """Its Snowflake source on a server of this machine: schemas, tables, views and tags; no history of queries.

    It joins account and domain to a host name, so that the loopback address is the two put together.
    """
    config = {
        "account_id": "127.0.0",
        "snowflake_domain": "1",
        "connect_args": {"port": port, "protocol": "http"},
        "username": connection["user"],
        "password": password,
        "role": connection["role"],
        "warehouse": connection["warehouse"],
        "extract_tags": "without_lineage",
        "preserve_column_case": True,
        "profiling": {"enabled": False},
    }
    without = ("use_queries_v2", "include_table_lineage", "include_column_lineage", "include_usage_stats")
    further = ("include_operational_stats", "include_assertion_results", "include_queries", "include_streams")
    more = ("include_query_usage_statistics", "include_streamlits", "include_procedures")
    return {"type": "snowflake", "config": config | dict.fromkeys((*without, *further, *more), False)}


def blackhole() -> Recipe:
    """Its sink that writes nothing: the source and the pipeline alone."""
    return {"type": "blackhole"}


def rest(server: str) -> Recipe:
    """The sink that feeds its server."""
    return {"type": "datahub-rest", "config": {"server": server}}


def file(path: Path) -> Recipe:
    """Everything it knows, as JSON; kept in memory until the end."""
    return {"type": "file", "config": {"filename": str(path)}}


def run(source: Recipe, sink: Recipe, folder: Path, variables: Mapping[str, str]) -> Figures:
    """What one `datahub ingest run` cost; its recipe and log are kept in `folder`.

    Args:
        source: of the recipe.
        sink: of the recipe.
        folder: made where it is not there.
        variables: of the environment. The recipe's own endpoint setting does not reach its Glue client, so that
            AWS_ENDPOINT_URL is how it is pointed elsewhere.

    Raises:
        SystemExit: it failed, with the end of its log.
    """
    folder.mkdir(parents=True, exist_ok=True)
    recipe = folder / f"{source['type']}-{sink['type']}-{uuid.uuid4().hex[:8]}.yaml"
    recipe.write_text(yaml.safe_dump({"source": source, "sink": sink}), encoding="utf-8")
    quiet = {"DATAHUB_TELEMETRY_ENABLED": "false", "AWS_EC2_METADATA_DISABLED": "true", "NO_COLOR": "1"}
    command = [DATAHUB.executable("datahub"), "ingest", "run", "-c", str(recipe), "--no-progress"]
    return timed(command, environment(**quiet, **variables), folder / "datahub.log")
