-- Who can read a column (or, without a path, any of the dataset), each way there one row. Given privileges are followed
-- from the dataset and its containers down through roles and groups to their members.
CREATE FUNCTION inventory.readers(source text, qualified_name text, path text DEFAULT '')
RETURNS TABLE (
    principal text, principal_kind text, via text[], privilege text, securable text, limited_by text[],
    masked_by text[], lacking text[]
) LANGUAGE sql STABLE PARALLEL SAFE SECURITY DEFINER SET search_path = pg_catalog AS $$
    WITH RECURSIVE it AS (
        SELECT d.id, d.source_id, d.qualified_name, d.container, s.platform
        FROM inventory.dataset d JOIN inventory.source s ON s.id = d.source_id
        WHERE s.name = readers.source AND d.qualified_name = readers.qualified_name AND d.state = 'present'
    ), chain AS (
        SELECT it.id, it.source_id, it.platform, it.qualified_name AS place, 0 AS level FROM it
        UNION ALL
        SELECT it.id, it.source_id, it.platform, a.qualified_name, a.level
        FROM it CROSS JOIN LATERAL inventory.containers_above(it.source_id, it.container) a
    ), given AS (
        SELECT c.id, c.level, c.place, g.*
        FROM chain c JOIN inventory.privilege g ON g.source_id = c.source_id AND g.securable = c.place
        WHERE (c.level = 0 OR g.inherits)
          AND (readers.path = '' OR g.path IN ('', readers.path)) AND readers.path <> ALL (g.except_paths)
          AND (g.tag_condition = '{}' OR inventory.tags_fulfil(g.tag_condition, c.id, readers.path))
    ), goals AS (
        SELECT CASE WHEN g.denies THEN 'deny' ELSE 'read' END AS goal, g.source_id, g.principal, g.principal_kind,
               g.privilege, g.securable, g.limited_by, ARRAY[g.privilege || ' on ' || g.securable] AS via
        FROM given g WHERE 'read' = ANY (g.confers)
        UNION ALL
        -- on some platforms one must be let through every container on the way
        SELECT 'use ' || c.place, g.source_id, g.principal, g.principal_kind, NULL, NULL, NULL, NULL
        FROM chain c
        JOIN chain higher ON higher.id = c.id AND higher.level >= c.level
        JOIN inventory.privilege g ON g.source_id = c.source_id AND g.securable = higher.place
             AND (higher.level = c.level OR g.inherits)
        WHERE c.level > 0 AND c.platform IN ('snowflake', 'databricks') AND 'use' = ANY (g.confers) AND NOT g.denies
    ), reach AS (
        SELECT * FROM goals
        UNION
        SELECT r.goal, r.source_id, m.member, m.member_kind, r.privilege, r.securable, r.limited_by,
               (m.role_kind || ' ' || m.role) || r.via
        FROM reach r
        JOIN inventory.membership m ON m.source_id = r.source_id AND m.role = r.principal AND m.role_kind = r.principal_kind
        WHERE r.via IS NULL OR (cardinality(r.via) < 32 AND (m.member_kind || ' ' || m.member) <> ALL (r.via))
    )
    SELECT r.principal, r.principal_kind, (r.principal_kind || ' ' || r.principal) || r.via, r.privilege, r.securable,
           array_remove(array_cat(ARRAY[r.limited_by], (
               SELECT array_agg(DISTINCT p.policy) FROM chain c
               JOIN inventory.policy p ON p.source_id = c.source_id AND p.securable = c.place
               WHERE p.kind IN ('row_filter', 'tag_filter') AND (c.level = 0 OR p.inherits)
                 AND (p.tag_condition = '{}' OR inventory.tags_fulfil(p.tag_condition, c.id, readers.path))
                 AND (p.applies_to = '{}' OR EXISTS (SELECT FROM unnest(r.via || r.principal) v, unnest(p.applies_to) w
                                                     WHERE v = w OR v LIKE '% ' || w))
                 AND NOT EXISTS (SELECT FROM unnest(r.via || r.principal) v, unnest(p.exempt) w
                                 WHERE v = w OR v LIKE '% ' || w))), NULL),
           coalesce((
               SELECT array_agg(DISTINCT p.policy) FROM chain c
               JOIN inventory.policy p ON p.source_id = c.source_id AND p.securable = c.place
               WHERE p.kind IN ('column_mask', 'tag_mask') AND (c.level = 0 OR p.inherits)
                 AND readers.path <> '' AND p.path IN ('', readers.path)
                 AND (p.tag_condition = '{}' OR inventory.tags_fulfil(p.tag_condition, c.id, readers.path))
                 AND (p.applies_to = '{}' OR EXISTS (SELECT FROM unnest(r.via || r.principal) v, unnest(p.applies_to) w
                                                     WHERE v = w OR v LIKE '% ' || w))
                 AND NOT EXISTS (SELECT FROM unnest(r.via || r.principal) v, unnest(p.exempt) w
                                 WHERE v = w OR v LIKE '% ' || w)), '{}'),
           coalesce((
               SELECT array_agg('the right to use ' || c.place ORDER BY c.level) FROM chain c
               WHERE c.level > 0 AND c.platform IN ('snowflake', 'databricks')
                 AND NOT EXISTS (SELECT FROM reach u WHERE u.goal = 'use ' || c.place AND (
                     (u.principal = r.principal AND u.principal_kind = r.principal_kind) OR u.principal_kind = 'public'))),
               '{}')
    FROM reach r
    WHERE r.goal = 'read'
      AND NOT EXISTS (SELECT FROM reach n WHERE n.goal = 'deny' AND n.principal = r.principal
                      AND n.principal_kind = r.principal_kind)
$$;

-- A location and the folders above it, so that a file meets the table whose folder it lies in.
CREATE FUNCTION inventory.places_above(location text) RETURNS SETOF text LANGUAGE sql IMMUTABLE PARALLEL SAFE ROWS 5 AS $$
    SELECT array_to_string(parts[1:n], '/')
    FROM (SELECT string_to_array(inventory.place(location), '/') AS parts) p,
         generate_series(3, cardinality(parts)) n
    WHERE location LIKE '%://%'
$$;

-- Every edge on the way up or down from a dataset or one of its columns, across sources where they share a location.
CREATE FUNCTION inventory.lineage_of(
    source text, qualified_name text, path text DEFAULT '', direction text DEFAULT 'upstream')
RETURNS TABLE (
    upstream_source text, upstream text, upstream_path text, downstream_source text, downstream text,
    downstream_path text, process text, process_kind text, transformation text, origin text
) LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog AS $$
    WITH RECURSIVE step AS (
        SELECT s.id AS source_id, lineage_of.qualified_name COLLATE "C" AS name, lineage_of.path COLLATE "C" AS path,
               NULL::int AS from_source, NULL::text COLLATE "C" AS from_name, NULL::text COLLATE "C" AS from_path, NULL::text AS process,
               NULL::text AS process_kind, NULL::text AS transformation, NULL::text AS origin
        FROM inventory.source s WHERE s.name = lineage_of.source
        UNION
        SELECT n.* FROM step b CROSS JOIN LATERAL (
            SELECT e.source_id, e.upstream, CASE WHEN lineage_of.path = '' THEN '' ELSE e.upstream_path END,
                   b.source_id, b.name, b.path, e.process, e.process_kind, e.transformation, e.origin
            FROM inventory.lineage_edge e
            WHERE lineage_of.direction = 'upstream' AND e.downstream = b.name AND e.source_id = b.source_id
              AND (lineage_of.path = '' OR (e.downstream_path = b.path AND e.upstream_path <> ''))
            UNION ALL
            SELECT e.source_id, e.downstream, CASE WHEN lineage_of.path = '' THEN '' ELSE e.downstream_path END,
                   b.source_id, b.name, b.path, e.process, e.process_kind, e.transformation, e.origin
            FROM inventory.lineage_edge e
            WHERE lineage_of.direction = 'downstream' AND e.upstream = b.name AND e.source_id = b.source_id
              AND (lineage_of.path = '' OR (e.upstream_path = b.path AND e.downstream_path <> ''))
            UNION ALL
            SELECT o.source_id, o.qualified_name, b.path, b.source_id, b.name, b.path,
                   inventory.place(d.location), 'location', 'direct', 'same location'
            FROM inventory.dataset d
            JOIN inventory.dataset o ON inventory.place(o.location) = inventory.place(d.location) AND o.id <> d.id
                 AND o.location IS NOT NULL AND length(o.location) < 2000
            WHERE d.qualified_name = b.name AND d.source_id = b.source_id AND d.state = 'present' AND o.state = 'present'
              AND d.location LIKE '%://_%/_%'
            UNION ALL
            SELECT o.source_id, o.qualified_name, '', b.source_id, b.name, b.path,
                   inventory.place(b.name) COLLATE "default", 'location', 'direct', 'same location'
            FROM inventory.places_above(b.name) above
            JOIN inventory.dataset o ON inventory.place(o.location) = above
                 AND o.location IS NOT NULL AND length(o.location) < 2000
            WHERE lineage_of.path = '' AND o.state = 'present'
            UNION ALL
            SELECT e.source_id, CASE lineage_of.direction WHEN 'upstream' THEN e.downstream ELSE e.upstream END, '',
                   b.source_id, b.name, b.path, inventory.place(d.location), 'location', 'direct', 'same location'
            FROM inventory.dataset d
            JOIN inventory.lineage_edge e ON
                (lineage_of.direction = 'upstream' AND e.downstream_kind = 'location'
                 AND inventory.place(e.downstream) = inventory.place(d.location))
                OR (lineage_of.direction = 'downstream' AND e.upstream_kind = 'location'
                    AND inventory.place(e.upstream) = inventory.place(d.location))
            WHERE lineage_of.path = '' AND d.qualified_name = b.name AND d.source_id = b.source_id
              AND d.state = 'present' AND d.location LIKE '%://_%/_%'
        ) n (source_id, name, path, from_source, from_name, from_path, process, process_kind, transformation, origin)
    )
    SELECT DISTINCT
        CASE lineage_of.direction WHEN 'upstream' THEN here.name ELSE there.name END,
        CASE lineage_of.direction WHEN 'upstream' THEN t.name ELSE t.from_name END,
        CASE lineage_of.direction WHEN 'upstream' THEN t.path ELSE t.from_path END,
        CASE lineage_of.direction WHEN 'upstream' THEN there.name ELSE here.name END,
        CASE lineage_of.direction WHEN 'upstream' THEN t.from_name ELSE t.name END,
        CASE lineage_of.direction WHEN 'upstream' THEN t.from_path ELSE t.path END,
        t.process, t.process_kind, t.transformation, t.origin
    FROM step t
    JOIN inventory.source here ON here.id = t.source_id
    JOIN inventory.source there ON there.id = t.from_source
    WHERE t.from_name IS NOT NULL
$$;
