-- Who can read, in a time that grows with the number of grants and not with its square. The text is that of versions 11 and
-- 12; only the end is another one: what a principal has is gathered by a window instead of being looked for from each row.
CREATE OR REPLACE FUNCTION inventory.readers(source text, qualified_name text, path text DEFAULT ''::text)
 RETURNS TABLE(principal text, principal_kind text, via text[], privilege text, securable text, limited_by text[], masked_by text[], lacking text[])
 LANGUAGE sql
 STABLE PARALLEL SAFE SECURITY DEFINER
 SET search_path = pg_catalog
AS $$
    WITH RECURSIVE it AS (
        SELECT d.id, d.source_id, d.qualified_name, d.container, d.namespace, s.platform
        FROM inventory.dataset d JOIN inventory.source s ON s.id = d.source_id
        WHERE s.name = readers.source AND d.qualified_name = readers.qualified_name AND d.state = 'present'
    ), chain AS (
        SELECT it.id, it.source_id, it.platform, it.qualified_name AS place, 0 AS level FROM it
        UNION ALL
        SELECT it.id, it.source_id, it.platform, a.qualified_name, a.level
        FROM it CROSS JOIN LATERAL inventory.containers_above(it.source_id, it.container) a
    ), given AS (
        SELECT c.id, c.level, c.place, g.*,
               inventory.lets_read(g.confers, g.privilege, c.platform, it.namespace, c.level) AS reads
        FROM chain c JOIN it ON it.id = c.id
        JOIN inventory.privilege g ON g.source_id = c.source_id AND g.securable = c.place
        WHERE (c.level = 0 OR (g.inherits AND NOT inventory.is_barred(c.source_id, it.container, c.level, g.privilege)))
          AND (readers.path = '' OR inventory.path_covers(g.path, readers.path))
          AND NOT EXISTS (SELECT FROM unnest(g.except_paths) e WHERE inventory.path_covers(e, readers.path))
          AND (g.tag_condition = '{}' OR inventory.tags_fulfil(g.tag_condition, c.id, readers.path)
               -- without a path: anything of it
               OR (readers.path = '' AND EXISTS (
                   SELECT FROM inventory.dataset_tag t
                   WHERE t.dataset_id = c.id AND t.path <> '' AND g.tag_condition ? t.tag
                     AND inventory.tags_fulfil(g.tag_condition, c.id, t.path))))
    ), goals AS (
        SELECT CASE WHEN g.denies THEN 'deny' ELSE 'read' END AS goal, g.source_id, g.principal, g.principal_kind,
               g.privilege, g.securable, g.limited_by, ARRAY[g.privilege || ' on ' || g.securable] AS via
        FROM given g WHERE g.reads
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
        CROSS JOIN LATERAL (SELECT * FROM inventory.membership m WHERE m.source_id = r.source_id AND m.role = r.principal AND m.role_kind = r.principal_kind OFFSET 0) m
        WHERE r.via IS NULL OR (cardinality(r.via) < 32 AND (m.member_kind || ' ' || m.member) <> ALL (r.via))
    ), belongs AS (
        -- a policy names groups; one that a principal is in counts, whether or not the way to the data leads through it
        SELECT r.source_id, r.principal, r.principal_kind, r.principal AS name, r.principal_kind AS kind
        FROM reach r WHERE r.goal = 'read'
        UNION
        SELECT b.source_id, b.principal, b.principal_kind, m.role, m.role_kind
        FROM belongs b
        CROSS JOIN LATERAL (SELECT * FROM inventory.membership m WHERE m.source_id = b.source_id AND m.member = b.name AND m.member_kind = b.kind OFFSET 0) m
    ), standing AS (
        SELECT goal, principal, principal_kind, privilege, securable, limited_by, via, NULL::text AS name FROM reach
        UNION ALL
        SELECT 'in', principal, principal_kind, NULL, NULL, NULL, NULL, name FROM belongs
    ), told AS (
        -- everything of a principal side by side: a window is sorted once, where joins would look at each pair
        SELECT s.*, bool_or(goal = 'deny') OVER w AS denied,
               coalesce(array_agg(goal) FILTER (WHERE goal LIKE 'use %') OVER w, '{}') AS uses,
               coalesce(array_agg(name) FILTER (WHERE goal = 'in') OVER w, '{}') AS names
        FROM standing s WINDOW w AS (PARTITION BY principal, principal_kind)
    ), everybody AS MATERIALIZED (
        SELECT coalesce(bool_or(goal = 'deny' AND principal_kind = 'public'), false) AS denied,
               coalesce(array_agg(DISTINCT goal) FILTER (WHERE goal LIKE 'use %' AND principal_kind = 'public'), '{}') AS uses,
               coalesce(array_agg(DISTINCT principal) FILTER (WHERE goal = 'deny' AND principal_kind = 'account'), '{}') AS accounts
        FROM reach
    )
    SELECT r.principal, r.principal_kind, (r.principal_kind || ' ' || r.principal) || r.via, r.privilege, r.securable,
           array_remove(array_cat(ARRAY[r.limited_by], (
               SELECT array_agg(DISTINCT p.policy) FROM chain c
               JOIN inventory.policy p ON p.source_id = c.source_id AND p.securable = c.place
               WHERE p.kind IN ('row_filter', 'tag_filter') AND (c.level = 0 OR p.inherits)
                 AND (p.tag_condition = '{}' OR inventory.tags_fulfil(p.tag_condition, c.id, readers.path))
                 AND (p.applies_to = '{}' OR p.applies_to && r.names) AND NOT p.exempt && r.names)), NULL),
           coalesce((
               SELECT array_agg(DISTINCT p.policy) FROM chain c
               JOIN inventory.policy p ON p.source_id = c.source_id AND p.securable = c.place
               WHERE p.kind IN ('column_mask', 'tag_mask') AND (c.level = 0 OR p.inherits)
                 AND readers.path <> '' AND inventory.path_covers(p.path, readers.path)
                 AND (p.tag_condition = '{}' OR inventory.tags_fulfil(p.tag_condition, c.id, readers.path))
                 AND (p.applies_to = '{}' OR p.applies_to && r.names) AND NOT p.exempt && r.names), '{}'),
           coalesce((
               SELECT array_agg('the right to use ' || c.place ORDER BY c.level) FROM chain c
               WHERE c.level > 0 AND c.platform IN ('snowflake', 'databricks')
                 AND 'use ' || c.place <> ALL (r.uses || e.uses)), '{}')
    FROM told r CROSS JOIN everybody e
    WHERE r.goal = 'read' AND NOT r.denied AND NOT e.denied
      -- what is denied to everybody, or to an account, is denied to each of them
      AND NOT EXISTS (SELECT FROM unnest(e.accounts) a WHERE position(':' || a || ':' IN r.principal) > 0)
$$;
