"""The SQL of the catalogue: tables for the notes, and INFORMATION_SCHEMA and SHOW as Snowflake answers them."""

from collections.abc import Iterator

HOUSE = "_fs_global.house"
ADDED = ("DATABASES", "TABLE_CONSTRAINTS", "ELEMENT_TYPES", "FIELDS")
"""Views of INFORMATION_SCHEMA that fakesnow does not have at all, or leaves empty."""

BYTES_A_ROW = 512
"""What BYTES says a row takes: fakesnow stores nothing on disk that could be measured."""

NOTES = f"""
CREATE SCHEMA {HOUSE};
CREATE TABLE {HOUSE}.lost (scope VARCHAR);
CREATE TABLE {HOUSE}.containers (db VARCHAR, sch VARCHAR, owner VARCHAR, comment VARCHAR, ddl_at TIMESTAMPTZ,
    PRIMARY KEY (db, sch));
CREATE TABLE {HOUSE}.relations (db VARCHAR, sch VARCHAR, tbl VARCHAR, kind VARCHAR, transient BOOLEAN,
    clustering VARCHAR, comment VARCHAR, owner VARCHAR, definition VARCHAR, secure BOOLEAN, lag VARCHAR,
    ddl_at TIMESTAMPTZ);
CREATE TABLE {HOUSE}.columns (db VARCHAR, sch VARCHAR, tbl VARCHAR, stored VARCHAR, name VARCHAR, data_type VARCHAR,
    char_length INTEGER, num_precision INTEGER, num_scale INTEGER, fraction INTEGER, comment VARCHAR,
    dtd VARCHAR, PRIMARY KEY (db, sch, tbl, stored));
CREATE TABLE {HOUSE}.parts (db VARCHAR, sch VARCHAR, tbl VARCHAR, part_of VARCHAR, field VARCHAR, place INTEGER,
    data_type VARCHAR, char_length INTEGER, num_precision INTEGER, num_scale INTEGER, dtd VARCHAR);
CREATE TABLE {HOUSE}.keys (db VARCHAR, sch VARCHAR, tbl VARCHAR, kind VARCHAR, name VARCHAR, col VARCHAR, seq INTEGER,
    ref_db VARCHAR, ref_sch VARCHAR, ref_tbl VARCHAR, ref_col VARCHAR);
CREATE VIEW {HOUSE}.show_databases AS
    SELECT ddl_at AS "created_on", db AS "name", 'N' AS "is_default", 'N' AS "is_current", '' AS "origin",
        owner AS "owner", coalesce(comment, '') AS "comment", '' AS "options", '1' AS "retention_time",
        CASE db WHEN 'SNOWFLAKE' THEN 'APPLICATION' ELSE 'STANDARD' END AS "kind", 'ROLE' AS "owner_role_type"
    FROM {HOUSE}.containers WHERE sch = '' AND NOT EXISTS (SELECT 1 FROM {HOUSE}.lost WHERE scope = '*') ORDER BY db;
CREATE VIEW {HOUSE}.show_primary_keys AS
    SELECT now() AS "created_on", db AS "database_name", sch AS "schema_name", tbl AS "table_name",
        col AS "column_name", seq AS "key_sequence", name AS "constraint_name", 'false' AS "rely", NULL AS "comment"
    FROM {HOUSE}.keys WHERE kind = 'PRIMARY KEY' ORDER BY ALL;
CREATE VIEW {HOUSE}.show_unique_keys AS
    SELECT now() AS "created_on", db AS "database_name", sch AS "schema_name", tbl AS "table_name",
        col AS "column_name", seq AS "key_sequence", name AS "constraint_name", 'false' AS "rely", NULL AS "comment"
    FROM {HOUSE}.keys WHERE kind = 'UNIQUE' ORDER BY ALL;
CREATE VIEW {HOUSE}.show_imported_keys AS
    SELECT now() AS "created_on", ref_db AS "pk_database_name", ref_sch AS "pk_schema_name",
        ref_tbl AS "pk_table_name", ref_col AS "pk_column_name", db AS "fk_database_name", sch AS "fk_schema_name",
        tbl AS "fk_table_name", col AS "fk_column_name", seq AS "key_sequence", 'NO ACTION' AS "update_rule",
        'NO ACTION' AS "delete_rule", name AS "fk_name", '' AS "pk_name", 'NOT DEFERRABLE' AS "deferrability",
        'false' AS "rely", NULL AS "comment"
    FROM {HOUSE}.keys WHERE kind = 'FOREIGN KEY' ORDER BY ALL;
CREATE VIEW {HOUSE}.show_materialized_views AS
    SELECT ddl_at AS "created_on", tbl AS "name", '' AS "reserved", db AS "database_name", sch AS "schema_name",
        coalesce(clustering, '') AS "cluster_by", owner AS "owner", coalesce(comment, '') AS "comment",
        definition AS "text", 'false' AS "is_secure"
    FROM {HOUSE}.relations WHERE kind = 'MATERIALIZED VIEW' ORDER BY tbl;
CREATE VIEW {HOUSE}.show_views AS
    SELECT ddl_at AS "created_on", tbl AS "name", '' AS "reserved", db AS "database_name", sch AS "schema_name",
        owner AS "owner", coalesce(comment, '') AS "comment", definition AS "text",
        CASE WHEN secure THEN 'true' ELSE 'false' END AS "is_secure",
        CASE kind WHEN 'VIEW' THEN 'false' ELSE 'true' END AS "is_materialized", 'ROLE' AS "owner_role_type"
    FROM {HOUSE}.relations WHERE kind IN ('VIEW', 'MATERIALIZED VIEW') ORDER BY tbl;
CREATE VIEW {HOUSE}.show_external_tables AS
    SELECT ddl_at AS "created_on", tbl AS "name", 'false' AS "invalid", '' AS "invalid_reason", owner AS "owner",
        db AS "database_name", sch AS "schema_name", coalesce(comment, '') AS "comment", '' AS "stage",
        '' AS "location", 'ROLE' AS "owner_role_type"
    FROM {HOUSE}.relations WHERE kind = 'EXTERNAL TABLE' ORDER BY tbl;
CREATE VIEW {HOUSE}.show_dynamic_tables AS
    SELECT ddl_at AS "created_on", tbl AS "name", db AS "database_name", sch AS "schema_name",
        coalesce(clustering, '') AS "cluster_by", owner AS "owner", lag AS "target_lag", 'AUTO' AS "refresh_mode",
        coalesce(comment, '') AS "comment", definition AS "text", 'ACTIVE' AS "scheduling_state"
    FROM {HOUSE}.relations WHERE kind = 'DYNAMIC' ORDER BY tbl;
"""

SHOWN = {
    "DATABASES": "show_databases",
    "PRIMARY KEYS": "show_primary_keys",
    "UNIQUE KEYS": "show_unique_keys",
    "IMPORTED KEYS": "show_imported_keys",
    "MATERIALIZED VIEWS": "show_materialized_views",
    "DYNAMIC TABLES": "show_dynamic_tables",
    "EXTERNAL TABLES": "show_external_tables",
    "VIEWS": "show_views",
}
SHOW_SCOPE = {
    what: ("fk_database_name", "fk_schema_name") if what == "IMPORTED KEYS" else ("database_name", "schema_name")
    for what in SHOWN
}


def per_database(db: str) -> Iterator[str]:
    """The views that replace fakesnow's in one database."""
    home = f'"{db}"._fs_information_schema'
    seen = f"NOT EXISTS (SELECT 1 FROM {HOUSE}.lost l WHERE l.scope = '*' OR l.scope = '{db}.' || "
    yield f"""CREATE OR REPLACE VIEW {home}._fs_schemata AS
        SELECT s.catalog_name AS CATALOG_NAME,
            CASE s.schema_name WHEN '_fs_information_schema' THEN 'INFORMATION_SCHEMA' ELSE s.schema_name END
                AS SCHEMA_NAME,
            coalesce(h.owner, '') AS SCHEMA_OWNER, 'NO' AS IS_TRANSIENT, 'NO' AS IS_MANAGED_ACCESS,
            1 AS RETENTION_TIME, coalesce(h.ddl_at, now()) AS CREATED, coalesce(h.ddl_at, now()) AS LAST_ALTERED,
            h.comment AS COMMENT, 'ROLE' AS OWNER_ROLE_TYPE
        FROM system.information_schema.schemata s
        LEFT JOIN {HOUSE}.containers h ON h.db = s.catalog_name AND h.sch = s.schema_name
        WHERE s.catalog_name = '{db}' AND s.schema_name NOT IN ('main', 'pg_catalog') AND {seen} s.schema_name)"""
    yield f"""CREATE OR REPLACE VIEW {home}._fs_tables AS
        WITH found AS (
            SELECT database_name AS db, schema_name AS sch, table_name AS tbl, estimated_size AS n FROM duckdb_tables()
            UNION ALL SELECT database_name, schema_name, view_name, NULL FROM duckdb_views() WHERE NOT internal)
        SELECT f.db AS TABLE_CATALOG, f.sch AS TABLE_SCHEMA, f.tbl AS TABLE_NAME, h.owner AS TABLE_OWNER,
            CASE WHEN h.kind IN ('DYNAMIC', 'ICEBERG', 'TABLE') THEN 'BASE TABLE' ELSE h.kind END AS TABLE_TYPE,
            CASE WHEN h.transient THEN 'YES' ELSE 'NO' END AS IS_TRANSIENT, h.clustering AS CLUSTERING_KEY,
            CASE WHEN h.kind <> 'EXTERNAL TABLE' THEN f.n END AS ROW_COUNT,
            CASE WHEN h.kind <> 'EXTERNAL TABLE' THEN f.n * {BYTES_A_ROW} END AS BYTES,
            CASE WHEN f.n IS NOT NULL THEN 1 END AS RETENTION_TIME, 'YES' AS IS_INSERTABLE_INTO,
            h.ddl_at AS CREATED, h.ddl_at AS LAST_ALTERED, h.ddl_at AS LAST_DDL, h.owner AS LAST_DDL_BY,
            CASE WHEN h.clustering IS NULL THEN 'NO' ELSE 'ON' END AS AUTO_CLUSTERING_ON, h.comment AS COMMENT,
            CASE h.kind WHEN 'TEMPORARY TABLE' THEN 'YES' ELSE 'NO' END AS IS_TEMPORARY,
            CASE h.kind WHEN 'ICEBERG' THEN 'YES' ELSE 'NO' END AS IS_ICEBERG,
            CASE h.kind WHEN 'DYNAMIC' THEN 'YES' ELSE 'NO' END AS IS_DYNAMIC,
            'NO' AS IS_IMMUTABLE, 'NO' AS IS_HYBRID
        FROM found f JOIN {HOUSE}.relations h ON h.db = f.db AND h.sch = f.sch AND h.tbl = f.tbl
        WHERE f.db = '{db}' AND f.sch <> '_fs_information_schema' AND {seen} f.sch)"""
    yield f"""CREATE OR REPLACE VIEW {home}._fs_columns AS
        SELECT c.TABLE_CATALOG, c.TABLE_SCHEMA, c.TABLE_NAME, coalesce(h.name, c.COLUMN_NAME) AS COLUMN_NAME,
            c.ORDINAL_POSITION, c.COLUMN_DEFAULT, c.IS_NULLABLE, coalesce(h.data_type, c.DATA_TYPE) AS DATA_TYPE,
            coalesce(h.char_length, CASE WHEN h.name IS NULL AND c.DATA_TYPE = 'TEXT' THEN 16777216 END)
                AS CHARACTER_MAXIMUM_LENGTH,
            CASE WHEN h.name IS NULL THEN c.NUMERIC_PRECISION ELSE h.num_precision END AS NUMERIC_PRECISION,
            CASE WHEN h.name IS NULL THEN c.NUMERIC_SCALE ELSE h.num_scale END AS NUMERIC_SCALE,
            CASE WHEN h.name IS NULL AND starts_with(c.DATA_TYPE, 'TIME') THEN 9 ELSE h.fraction END
                AS DATETIME_PRECISION,
            NULL::VARCHAR AS COLLATION_NAME, 'NO' AS IS_IDENTITY, h.dtd AS DTD_IDENTIFIER,
            h.comment AS COMMENT
        FROM _fs_global._fs_information_schema._fs_columns c
        LEFT JOIN {HOUSE}.columns h ON h.db = c.TABLE_CATALOG AND h.sch = c.TABLE_SCHEMA AND h.tbl = c.TABLE_NAME
            AND h.stored = c.COLUMN_NAME
        WHERE c.TABLE_CATALOG = '{db}' AND {seen} c.TABLE_SCHEMA)"""
    yield f"""CREATE OR REPLACE VIEW {home}._fs_views AS
        SELECT db AS TABLE_CATALOG, sch AS TABLE_SCHEMA, tbl AS TABLE_NAME, owner AS TABLE_OWNER,
            definition AS VIEW_DEFINITION, 'NONE' AS CHECK_OPTION, 'NO' AS IS_UPDATABLE, 'NO' AS INSERTABLE_INTO,
            CASE WHEN secure THEN 'YES' ELSE 'NO' END AS IS_SECURE, ddl_at AS CREATED, ddl_at AS LAST_ALTERED,
            ddl_at AS LAST_DDL, owner AS LAST_DDL_BY, comment AS COMMENT
        FROM {HOUSE}.relations WHERE kind = 'VIEW' AND db = '{db}' AND {seen} sch)"""
    yield from _added(db, home, seen)


def _added(db: str, home: str, seen: str) -> Iterator[str]:
    """The views of ADDED in one database."""
    yield f"""CREATE OR REPLACE VIEW {home}.house_databases AS
        SELECT db AS DATABASE_NAME, owner AS DATABASE_OWNER, 'NO' AS IS_TRANSIENT, comment AS COMMENT,
            ddl_at AS CREATED, ddl_at AS LAST_ALTERED, 1 AS RETENTION_TIME,
            CASE db WHEN 'SNOWFLAKE' THEN 'APPLICATION' ELSE 'STANDARD' END AS TYPE, 'ROLE' AS OWNER_ROLE_TYPE
        FROM {HOUSE}.containers WHERE sch = ''"""
    yield f"""CREATE OR REPLACE VIEW {home}.house_table_constraints AS
        SELECT DISTINCT db AS CONSTRAINT_CATALOG, sch AS CONSTRAINT_SCHEMA, name AS CONSTRAINT_NAME,
            db AS TABLE_CATALOG, sch AS TABLE_SCHEMA, tbl AS TABLE_NAME, kind AS CONSTRAINT_TYPE,
            'NO' AS IS_DEFERRABLE, 'YES' AS INITIALLY_DEFERRED, 'NO' AS ENFORCED, NULL::VARCHAR AS COMMENT
        FROM {HOUSE}.keys WHERE db = '{db}' AND {seen} sch)"""
    sized = """data_type AS DATA_TYPE, char_length AS CHARACTER_MAXIMUM_LENGTH, num_precision AS NUMERIC_PRECISION,
        num_scale AS NUMERIC_SCALE, NULL::INTEGER AS DATETIME_PRECISION, dtd AS DTD_IDENTIFIER"""
    owner = "db AS OBJECT_CATALOG, sch AS OBJECT_SCHEMA, tbl AS OBJECT_NAME, 'TABLE' AS OBJECT_TYPE"
    yield f"""CREATE OR REPLACE VIEW {home}.house_element_types AS
        SELECT {owner}, part_of AS COLLECTION_TYPE_IDENTIFIER, {sized}
        FROM {HOUSE}.parts WHERE field IS NULL AND db = '{db}' AND {seen} sch)"""
    yield f"""CREATE OR REPLACE VIEW {home}.house_fields AS
        SELECT {owner}, part_of AS ROW_IDENTIFIER, field AS FIELD_NAME, place AS ORDINAL_POSITION, {sized}
        FROM {HOUSE}.parts WHERE field IS NOT NULL AND db = '{db}' AND {seen} sch)"""
