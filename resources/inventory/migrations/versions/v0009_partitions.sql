-- What another transaction has just made is looked up by a query, which sees it; to_regclass may answer from before.
CREATE FUNCTION inventory.ensure_partition(parent text, moment timestamptz) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    first timestamp := date_trunc('month', moment AT TIME ZONE 'UTC');
    partition text := parent || to_char(first, '"_y"YYYY"m"MM');
    bounds text[] := CASE parent
        WHEN 'usage_day' THEN ARRAY[to_char(first, 'YYYY-MM-DD'), to_char(first + interval '1 month', 'YYYY-MM-DD')]
        ELSE ARRAY[(first AT TIME ZONE 'UTC')::text, ((first + interval '1 month') AT TIME ZONE 'UTC')::text] END;
BEGIN
    IF to_regclass('inventory.' || partition) IS NOT NULL THEN
        RETURN;
    END IF;
    PERFORM pg_advisory_xact_lock(hashtext('governance.ensure_partitions'));
    IF EXISTS (SELECT FROM pg_class WHERE relname = partition AND relnamespace = 'inventory'::regnamespace) THEN
        RETURN;
    END IF;
    EXECUTE format('CREATE TABLE inventory.%I (LIKE inventory.%I INCLUDING DEFAULTS INCLUDING CONSTRAINTS)',
                   partition, parent);
    EXECUTE format('ALTER TABLE inventory.%I ATTACH PARTITION inventory.%I FOR VALUES FROM (%L) TO (%L)',
                   parent, partition, bounds[1], bounds[2]);
EXCEPTION
    WHEN check_violation THEN
        RAISE NOTICE 'the default partition of % has rows of that month already', parent;
    WHEN duplicate_table THEN
        -- made by another transaction after ours had begun to see
        NULL;
END $$;

CREATE OR REPLACE FUNCTION inventory.ensure_partitions(moment timestamptz) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    parent text;
BEGIN
    FOREACH parent IN ARRAY ARRAY['dataset_history', 'dataset_column_history', 'dataset_tag_history', 'change',
                                  'privilege_history', 'membership_history', 'policy_history', 'lineage_edge_history',
                                  'usage_day'] LOOP
        PERFORM inventory.ensure_partition(parent, moment);
        PERFORM inventory.ensure_partition(parent, ((moment AT TIME ZONE 'UTC') + interval '1 month') AT TIME ZONE 'UTC');
    END LOOP;
END $$;

COMMENT ON FUNCTION inventory.ensure_partition(text, timestamptz) IS
    'Creates the partition of that month of one table.';
