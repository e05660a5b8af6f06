CREATE OR REPLACE FUNCTION inventory.ensure_partitions(moment timestamptz) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    parent text;
    partition text;
    first timestamptz;
BEGIN
    FOREACH parent IN ARRAY ARRAY['dataset_history', 'dataset_column_history', 'dataset_tag_history', 'change',
                                  'privilege_history', 'membership_history', 'policy_history', 'lineage_edge_history',
                                  'usage_day'] LOOP
        FOR months IN 0..1 LOOP
            first := (date_trunc('month', moment AT TIME ZONE 'UTC') + make_interval(months => months)) AT TIME ZONE 'UTC';
            partition := parent || to_char(first AT TIME ZONE 'UTC', '"_y"YYYY"m"MM');
            CONTINUE WHEN to_regclass('inventory.' || partition) IS NOT NULL;
            PERFORM pg_advisory_xact_lock(hashtext('governance.ensure_partitions'));
            CONTINUE WHEN to_regclass('inventory.' || partition) IS NOT NULL;
            BEGIN
                EXECUTE format('CREATE TABLE inventory.%I (LIKE inventory.%I INCLUDING DEFAULTS INCLUDING CONSTRAINTS)',
                               partition, parent);
                EXECUTE format('ALTER TABLE inventory.%I ATTACH PARTITION inventory.%I FOR VALUES FROM (%L) TO (%L)',
                               parent, partition,
                               CASE parent WHEN 'usage_day' THEN to_char(first AT TIME ZONE 'UTC', 'YYYY-MM-DD')
                                    ELSE first::text END,
                               CASE parent WHEN 'usage_day' THEN
                                    to_char((first AT TIME ZONE 'UTC') + interval '1 month', 'YYYY-MM-DD')
                                    ELSE ((first AT TIME ZONE 'UTC' + interval '1 month') AT TIME ZONE 'UTC')::text END);
            EXCEPTION WHEN check_violation THEN
                RAISE NOTICE 'the default partition of % has rows of that month already', parent;
            END;
        END LOOP;
    END LOOP;
END $$;

-- The containers above one, nearest first; a step a level, so that its cost does not grow with the estate.
-- SECURITY DEFINER here and below: views call them for readers who may not read the tables.
CREATE FUNCTION inventory.containers_above(source int, container text)
RETURNS TABLE (qualified_name text, level int) LANGUAGE sql STABLE PARALLEL SAFE ROWS 3
SECURITY DEFINER SET search_path = pg_catalog AS $$
    WITH RECURSIVE above AS (
        SELECT containers_above.container AS qualified_name, 1 AS level
        WHERE containers_above.container <> ''
        UNION ALL
        SELECT c.parent, a.level + 1
        FROM above a JOIN inventory.container c
          ON c.source_id = containers_above.source AND c.qualified_name = a.qualified_name
        WHERE c.parent IS NOT NULL AND c.parent <> '' AND a.level < 32
    )
    SELECT a.qualified_name, a.level FROM above a
$$;

-- Whether tags fulfil a condition such as {"domain": ["sales", "web"], "pii": []}: every key is there with one of its
-- values; an empty list takes any value.
CREATE FUNCTION inventory.tags_fulfil(condition jsonb, dataset bigint, column_path text)
RETURNS boolean LANGUAGE sql STABLE PARALLEL SAFE SECURITY DEFINER SET search_path = pg_catalog AS $$
    SELECT condition <> '{}'::jsonb AND NOT EXISTS (
        SELECT FROM jsonb_each(condition) wanted
        WHERE NOT EXISTS (
            SELECT FROM inventory.dataset_tag t
            WHERE t.dataset_id = dataset AND t.tag = wanted.key AND t.path IN ('', column_path)
              AND (jsonb_array_length(wanted.value) = 0 OR wanted.value ? coalesce(t.value, ''))))
$$;
