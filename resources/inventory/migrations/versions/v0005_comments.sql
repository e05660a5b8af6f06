COMMENT ON VIEW inventory.horizons IS 'One row per kind of record of which something was pruned.';
COMMENT ON COLUMN inventory.horizons.what IS 'history (versions of before, which the as-of functions read), changes, usage or runs.';
COMMENT ON COLUMN inventory.horizons.kept_since IS 'Everything of this moment and later is kept.';
COMMENT ON COLUMN inventory.horizons.pruned_at IS 'When it was last pruned.';
COMMENT ON FUNCTION inventory.is_kept(timestamptz) IS 'True; an error (SQLSTATE GV001) for a moment whose history was pruned.';
DO $$
BEGIN
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'governance_reader') THEN
        GRANT SELECT ON inventory.horizons TO governance_reader;
        GRANT EXECUTE ON FUNCTION inventory.is_kept(timestamptz) TO governance_reader;
    END IF;
END $$;
