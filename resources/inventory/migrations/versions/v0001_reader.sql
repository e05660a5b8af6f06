-- The analysts' role: reads the views and the as-of functions, nothing below them. Roles belong to the whole server.
DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'governance_reader') THEN
        CREATE ROLE governance_reader NOLOGIN;
    END IF;
EXCEPTION WHEN duplicate_object OR unique_violation THEN
    NULL; -- another database of this server was migrated at the same moment
END $$;
GRANT USAGE ON SCHEMA inventory TO governance_reader;
GRANT SELECT ON inventory.sources, inventory.containers, inventory.datasets, inventory.columns, inventory.tags,
    inventory.grants, inventory.lineage, inventory.changes, inventory.sync_runs, inventory.sync_scopes,
    inventory.quarantine, inventory.audit, inventory.dataset_versions, inventory.column_versions,
    inventory.tag_versions, inventory.scopes, inventory.sync_scope TO governance_reader;
GRANT EXECUTE ON FUNCTION inventory.datasets_as_of(timestamptz), inventory.columns_as_of(timestamptz),
    inventory.tags_as_of(timestamptz), inventory.verify_audit() TO governance_reader;
