"""Purview's type definitions that the sandbox needs, and how its search names what is of those types."""

import copy
from typing import Any

from sandbox.atlas.lineage import INPUTS, OUTPUTS
from sandbox.atlas.standard import STANDARD, entity, relation

Json = dict[str, Any]

SQL_COLUMN = "data_type length:int precision:int scale:int"

PURVIEW: Json = {
    "entityDefs": [
        entity("schema", "DataSet", "", "Purview"),
        entity("tabular_schema", "schema", "", "Purview"),
        entity("column", "DataSet", "type", "Purview"),
        entity(
            "azure_storage_account", "Asset", "publicAccessLevel createTime:date modifiedTime:date", "Azure Storage"
        ),
        entity("azure_datalake_gen2_path", "DataSet", "path isFile:boolean size:long", "Azure Data Lake Storage Gen2"),
        entity("azure_datalake_gen2_resource_set", "DataSet", "partitionCount:long", "Azure Data Lake Storage Gen2"),
        entity("azure_blob_path", "DataSet", "path isFile:boolean size:long", "Azure Blob Storage"),
        entity("aws_s3_v2_directory", "DataSet", "", "Amazon S3"),
        entity("aws_s3_v2_resource_set", "DataSet", "partitionCount:long", "Amazon S3"),
        entity("azure_sql_server", "Asset", "", "Azure SQL Server"),
        entity("azure_sql_db", "Asset", "", "Azure SQL Database"),
        entity("azure_sql_schema", "Asset", "", "Azure SQL Database"),
        entity("azure_sql_table", "DataSet", "principalId:int createTime:date modifiedTime:date", "Azure SQL Database"),
        entity("azure_sql_column", "DataSet", SQL_COLUMN, "Azure SQL Database"),
        entity("azure_sql_view", "DataSet", "createTime:date modifiedTime:date", "Azure SQL Database"),
        entity("azure_sql_view_column", "DataSet", SQL_COLUMN, "Azure SQL Database"),
        entity("azure_sql_stored_procedure", "Process", "columnMapping", "Azure SQL Database"),
        entity("azure_synapse_dedicated_sql_table", "DataSet", "createTime:date", "Azure Synapse Analytics"),
        entity("azure_synapse_dedicated_sql_column", "DataSet", SQL_COLUMN, "Azure Synapse Analytics"),
        entity("snowflake_table", "DataSet", "tableType", "Snowflake"),
        entity("snowflake_table_column", "DataSet", SQL_COLUMN, "Snowflake"),
        entity("snowflake_view", "DataSet", "viewStatement", "Snowflake"),
        entity("snowflake_view_column", "DataSet", SQL_COLUMN, "Snowflake"),
        entity("powerbi_workspace", "Asset", "", "Power BI"),
        entity("powerbi_dataset", "DataSet", "IsRefreshable:boolean", "Power BI"),
        entity("powerbi_table", "DataSet", "", "Power BI"),
        entity("powerbi_column", "DataSet", "dataType", "Power BI"),
        entity("powerbi_report", "DataSet", "", "Power BI"),
        entity("adf_copy_activity", "Process", "columnMapping", "Azure Data Factory"),
        entity("spark_application", "Process", "columnMapping", "Spark"),
        entity("spark_job", "spark_application", "", "Spark"),
    ],
    "relationshipDefs": [
        relation(
            "direct_lineage_dataset_dataset",
            "ASSOCIATION",
            "DataSet.sinks*",
            "DataSet.sources*",
            attributes="columnMapping",
        ),
        relation("tabular_schema_datasets", "ASSOCIATION", "DataSet.tabular_schema", "tabular_schema.dataSets*"),
        relation("dataset_attached_schemas", "ASSOCIATION", "DataSet.attachedSchema*", "schema.attachedTo*"),
        relation("tabular_schema_columns", "COMPOSITION", "tabular_schema.columns+*", "column.composeSchema"),
        *(
            relation(f"{table}_columns", "COMPOSITION", f"{table}.columns+*", f"{column}.table")
            for table, column in (
                ("azure_sql_table", "azure_sql_column"),
                ("azure_sql_view", "azure_sql_view_column"),
                ("azure_synapse_dedicated_sql_table", "azure_synapse_dedicated_sql_column"),
                ("snowflake_table", "snowflake_table_column"),
                ("snowflake_view", "snowflake_view_column"),
                ("powerbi_table", "powerbi_column"),
            )
        ),
        relation("azure_sql_server_databases", "COMPOSITION", "azure_sql_server.databases+*", "azure_sql_db.server"),
        relation("azure_sql_db_schemas", "COMPOSITION", "azure_sql_db.schemas+*", "azure_sql_schema.db"),
        relation("azure_sql_schema_tables", "AGGREGATION", "azure_sql_schema.tables+*", "azure_sql_table.dbSchema"),
    ],
    "classificationDefs": [
        {"name": f"MICROSOFT.{name}", "attributeDefs": [], "description": "System classification"}
        for name in (
            "PERSONAL.EMAIL",
            "PERSONAL.NAME",
            "PERSONAL.DATE_OF_BIRTH",
            "PERSONAL.PHYSICALADDRESS",
            "PERSONAL.IPADDRESS",
            "PERSONAL.PHONE_NUMBER",
            "FINANCIAL.INTERNATIONAL_BANKING_ACCOUNT_NUMBER",
            "SYSTEM.TEMP_FILE",
        )
    ],
}

SEARCHED: dict[str, tuple[str, str]] = {
    "azure_storage_account": ("Storage accounts", "Azure Storage Account"),
    "azure_datalake_gen2_path": ("Files", "Azure Data Lake Storage Gen2"),
    "azure_datalake_gen2_resource_set": ("Files", "Azure Data Lake Storage Gen2"),
    "azure_blob_path": ("Files", "Azure Blob Storage"),
    "aws_s3_v2_directory": ("Folders", "Amazon S3"),
    "aws_s3_v2_resource_set": ("Files", "Amazon S3"),
    "azure_sql_server": ("Servers", "Azure SQL Server"),
    "azure_sql_db": ("Databases", "Azure SQL Database"),
    "azure_sql_schema": ("Schemas", "Azure SQL Database"),
    "azure_sql_table": ("Tables", "Azure SQL Database"),
    "azure_sql_view": ("Tables", "Azure SQL Database"),
    "azure_sql_stored_procedure": ("Stored procedures", "Azure SQL Database"),
    "azure_synapse_dedicated_sql_table": ("Tables", "Azure Synapse Analytics"),
    "snowflake_table": ("Tables", "Snowflake"),
    "snowflake_view": ("Tables", "Snowflake"),
    "hive_db": ("Databases", "hive"),
    "hive_table": ("Tables", "hive"),
    "powerbi_workspace": ("Workspaces", "Power BI"),
    "powerbi_dataset": ("Datasets", "Power BI"),
    "powerbi_table": ("Tables", "Power BI"),
    "powerbi_report": ("Reports", "Power BI"),
    "adf_copy_activity": ("Data pipelines", "Azure Data Factory"),
}
"""Type name to object type and asset type. Columns, schemas and jobs of Spark are in no search."""


def models() -> tuple[Json, Json]:
    """The engine's models: Atlas' own, with `userDescription` and `displayName` on its assets, and Purview's."""
    standard = copy.deepcopy(STANDARD)
    asset = next(d for d in standard["entityDefs"] if d["name"] == "Asset")
    own = entity("Asset", "Referenceable", "userDescription displayName")
    asset["attributeDefs"] = [*asset["attributeDefs"], *own["attributeDefs"]]
    for one in standard["relationshipDefs"]:
        if one["name"] in (INPUTS, OUTPUTS):
            # Purview keeps classifications where they were found
            one["propagateTags"] = "NONE"
    return standard, PURVIEW
