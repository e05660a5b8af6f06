-- Some containers take nothing, or not everything, from those above them: a policy of kind no_inheritance says so.
CREATE INDEX policy_barrier ON inventory.policy (source_id, securable) WHERE kind = 'no_inheritance';
CREATE INDEX policy_history_barrier ON inventory.policy_history (source_id, securable) WHERE kind = 'no_inheritance';

-- Whether a container that is passed on the way up, below `level`, does not take this privilege from above. Without a
-- moment, now.
CREATE FUNCTION inventory.is_barred(
    source int, container text, level int, privilege text, moment timestamptz DEFAULT NULL)
RETURNS boolean LANGUAGE sql STABLE PARALLEL SAFE SECURITY DEFINER SET search_path = pg_catalog AS $$
    SELECT EXISTS (
        SELECT FROM inventory.containers_above(is_barred.source, is_barred.container) a
        JOIN inventory.policy p ON p.source_id = is_barred.source AND p.securable = a.qualified_name
        WHERE a.level < is_barred.level AND p.kind = 'no_inheritance' AND p.policy = is_barred.privilege
          AND (moment IS NULL OR p.valid_from <= moment)
    ) OR (moment IS NOT NULL AND EXISTS (
        SELECT FROM inventory.containers_above(is_barred.source, is_barred.container) a
        JOIN inventory.policy_history p ON p.source_id = is_barred.source AND p.securable = a.qualified_name
        WHERE a.level < is_barred.level AND p.kind = 'no_inheritance' AND p.policy = is_barred.privilege
          AND p.valid_from <= moment AND p.valid_to > moment
    ))
$$;

CREATE OR REPLACE VIEW inventory.grants AS
SELECT s.name AS source, g.securable, g.securable_kind, g.principal, g.principal_kind, g.privilege, g.grantable,
       NULL::text AS inherited_from, g.path, g.confers, g.except_paths, g.limited_by, g.tag_condition, g.denies,
       g.inherits, g.origin, g.valid_from
FROM inventory.privilege g JOIN inventory.source s ON s.id = g.source_id
UNION ALL
SELECT s.name, d.qualified_name, d.kind, g.principal, g.principal_kind, g.privilege, g.grantable,
       g.securable, g.path, g.confers, g.except_paths, g.limited_by, g.tag_condition, g.denies,
       g.inherits, g.origin, g.valid_from
FROM inventory.dataset d
JOIN inventory.source s ON s.id = d.source_id
CROSS JOIN LATERAL inventory.containers_above(d.source_id, d.container) a
JOIN inventory.privilege g ON g.source_id = d.source_id AND g.securable = a.qualified_name AND g.inherits
WHERE d.state = 'present' AND (g.tag_condition = '{}' OR inventory.tags_fulfil(g.tag_condition, d.id, ''))
  -- asked once, so that a source without barriers is not asked row by row
  AND (d.source_id NOT IN (SELECT p.source_id FROM inventory.policy p WHERE p.kind = 'no_inheritance')
       OR NOT inventory.is_barred(d.source_id, d.container, a.level, g.privilege));

CREATE OR REPLACE FUNCTION inventory.grants_as_of(moment timestamptz) RETURNS SETOF inventory.grant_then
LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT v.source, v.securable, v.securable_kind, v.principal, v.principal_kind, v.privilege, v.grantable,
           NULL::text, v.path, v.confers, v.except_paths, v.limited_by, v.tag_condition, v.denies, v.inherits,
           v.origin, v.valid_from
    FROM inventory.grant_versions v
    WHERE v.valid_from <= moment AND (v.valid_to IS NULL OR v.valid_to > moment)
      AND (SELECT inventory.is_kept(moment))
    UNION ALL
    SELECT d.source, d.qualified_name, d.kind, v.principal, v.principal_kind, v.privilege, v.grantable,
           v.securable, v.path, v.confers, v.except_paths, v.limited_by, v.tag_condition, v.denies, v.inherits,
           v.origin, v.valid_from
    FROM inventory.dataset_versions d
    CROSS JOIN LATERAL inventory.containers_above(d.source_id, d.container) a
    JOIN inventory.grant_versions v ON v.source_id = d.source_id AND v.securable = a.qualified_name AND v.inherits
    WHERE d.state = 'present' AND d.valid_from <= moment AND (d.valid_to IS NULL OR d.valid_to > moment)
      AND v.valid_from <= moment AND (v.valid_to IS NULL OR v.valid_to > moment)
      AND (SELECT inventory.is_kept(moment))
      AND (v.tag_condition = '{}' OR inventory.tags_fulfil(v.tag_condition, d.id, ''))
      AND (d.source_id NOT IN (SELECT p.source_id FROM inventory.policy_versions p WHERE p.kind = 'no_inheritance')
           OR NOT inventory.is_barred(d.source_id, d.container, a.level, v.privilege, moment))
$$;

CREATE OR REPLACE FUNCTION inventory.readers(source text, qualified_name text, path text DEFAULT '')
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
        FROM chain c JOIN it ON it.id = c.id
        JOIN inventory.privilege g ON g.source_id = c.source_id AND g.securable = c.place
        WHERE (c.level = 0 OR (g.inherits AND (
            c.source_id NOT IN (SELECT p.source_id FROM inventory.policy p WHERE p.kind = 'no_inheritance')
            OR NOT inventory.is_barred(c.source_id, it.container, c.level, g.privilege))))
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

COMMENT ON FUNCTION inventory.is_barred(int, text, int, text, timestamptz) IS 'Whether a container on the way up, below that level, does not take a privilege from above: a policy of kind no_inheritance.';
COMMENT ON COLUMN inventory.policies.kind IS 'row_filter, column_mask, cell_filter, resource_policy, abac, tag_mask, tag_filter, or no_inheritance: what is not taken from containers above.';
COMMENT ON COLUMN inventory.policy_versions.kind IS 'row_filter, column_mask, cell_filter, resource_policy, abac, tag_mask, tag_filter, or no_inheritance: what is not taken from containers above.';
DO $$
BEGIN
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'governance_reader') THEN
        GRANT EXECUTE ON FUNCTION inventory.is_barred(int, text, int, text, timestamptz) TO governance_reader;
    END IF;
END $$;
