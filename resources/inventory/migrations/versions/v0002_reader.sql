DO $$
BEGIN
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'governance_reader') THEN
        GRANT SELECT ON inventory.grants, inventory.memberships, inventory.policies, inventory.lineage, inventory.usage,
            inventory.grant_versions, inventory.membership_versions, inventory.policy_versions,
            inventory.lineage_versions, inventory.facets, inventory.sync_runs, inventory.sync_scopes
            TO governance_reader;
        GRANT EXECUTE ON FUNCTION inventory.grants_as_of(timestamptz), inventory.memberships_as_of(timestamptz),
            inventory.policies_as_of(timestamptz), inventory.lineage_as_of(timestamptz),
            inventory.readers(text, text, text), inventory.lineage_of(text, text, text, text),
            inventory.containers_above(int, text), inventory.tags_fulfil(jsonb, bigint, text),
            inventory.place(text), inventory.places_above(text) TO governance_reader;
    END IF;
END $$;
